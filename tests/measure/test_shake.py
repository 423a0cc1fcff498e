import cv2
import numpy as np
import pytest
from footage import KINDS, at, filmed, luma, moving, taped, telecined, woven

from cinemill.measure.noise import distinct
from cinemill.measure.shake import shake


def median(frames) -> float:
    planes = [luma(frame) for frame in frames]
    return float(np.median([shake(*distinct(planes[n : n + 5])) for n in range(len(planes) - 4)]))


@pytest.mark.parametrize("kind", KINDS)
def test_what_moves_does_not_shake(kind):
    assert median(moving(kind, 14)) < 0.2
    assert median(woven(moving(kind, 24))) < 0.2
    assert median(taped(woven(moving(kind, 24)), luma_noise=6)) < 0.3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weave", [0.5, 1.5])
def test_film_that_weaves_shakes_by_the_differences_of_its_places(kind, weave):
    """Of three places of so wide a spread the second difference has sqrt(6) of it in either direction."""
    film = at(moving(kind, 28)[::2], 16)
    assert median(filmed(film, weave=weave)) == pytest.approx(weave * 6**0.5 * 1.18 * 0.72, rel=0.35)


def test_film_on_video_that_repeats_fields_does_not_shake():
    assert median(telecined(at(moving("hills", 40)[::2], 16), 25)) < 0.3


def test_what_boils_does_not_shake():
    """Soft noise that is carried by other motion in each part of the picture."""
    rng = np.random.default_rng(2)
    ground = cv2.GaussianBlur(rng.normal(0, 300, (192, 256)).astype(np.float32), (0, 0), 3) + 128
    y, x = np.mgrid[:192, :256].astype(np.float32)
    planes = []
    for _ in range(3):
        swirl = [cv2.GaussianBlur(rng.normal(0, 60, y.shape).astype(np.float32), (0, 0), 12) for _ in range(2)]
        planes.append(cv2.remap(ground, x + swirl[0], y + swirl[1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT))
    assert shake(*planes) == 0


def test_pictures_without_anything_in_them_do_not_shake():
    flat = np.full((96, 128), 90, np.float32)
    assert shake(flat, flat, flat) == 0
