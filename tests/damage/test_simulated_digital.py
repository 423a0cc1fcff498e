from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from stills import HEIGHT, WIDTH, deep, flat, frame, luma, noise, same, step

from cinemill.damage.amounts import Digital
from cinemill.damage.digital import DigitalTruth, damaged, steps, truth
from cinemill.media.types import Frame

EVERYTHING: dict[str, Any] = {"halo": 0.2, "chroma": "411", "quantiser": 6, "lost": 3}


def played(frames: list[Frame], **amounts: Any) -> list[Frame]:
    return list(damaged(iter(frames), Digital(**amounts)))


def known(one: Frame, **amounts: Any) -> DigitalTruth:
    return truth(one.pts * one.time_base, one.width, one.height, Digital(**amounts))


def test_nothing_asked_for_changes_nothing():
    frames = noise(3)
    assert all(same(a, b) for a, b in zip(played(frames, seed=3), frames, strict=True))


def test_everything_at_once_works_on_odd_sizes_and_keeps_the_clock():
    for size in ((45, 61), (2, 9), (1, 7)):
        for order in ("progressive", "tff"):
            before = [replace(one, field_order=order) for one in noise(2, *size)]
            for one, other in zip(before, played(before, **EVERYTHING), strict=True):
                assert [plane.shape for plane in other.planes] == [plane.shape for plane in one.planes]
                assert (other.pts, other.duration, other.field_order) == (one.pts, one.duration, order)


def coefficients(plane: np.ndarray) -> np.ndarray:
    """DCT of every whole 8x8 block, by OpenCV."""
    blocks = [plane[y : y + 8, x : x + 8] for y in range(0, plane.shape[0], 8) for x in range(0, plane.shape[1], 8)]
    return np.stack([cv2.dct(block.astype(np.float32)) for block in blocks])


@pytest.mark.parametrize("quantiser", [4.0, 20.0])
def test_coefficients_are_multiples_of_their_steps(quantiser):
    picture = cv2.GaussianBlur(noise(1)[0].planes[0], (0, 0), 1.5).astype(np.uint16) * 16
    (out,) = played([frame(0, picture, format="yuv420p12le")], quantiser=quantiser)
    levels = coefficients(out.planes[0] / 16) / steps(Digital(quantiser=quantiser))
    # Twelve bits leave a sixteenth of a code value of rounding.
    assert np.abs(levels - np.rint(levels)).max() < 0.1
    before = coefficients(picture / 16) / steps(Digital(quantiser=quantiser))
    assert np.abs(levels - before).max() < 0.6
    assert steps(Digital(quantiser=16))[0].tolist() == [8, 16, 19, 22, 26, 27, 29, 34]


def test_interlaced_frames_are_coded_field_by_field():
    even, odd = flat(1, level=60)[0], flat(1, level=180)[0]
    planes = tuple(plane.copy() for plane in even.planes)
    planes[0][1::2] = odd.planes[0][1::2]
    combed = replace(even, planes=planes)
    by_field = played([replace(combed, field_order="tff")], quantiser=62)[0].planes[0]
    assert np.array_equal(by_field, planes[0])
    assert not np.array_equal(played([combed], quantiser=62)[0].planes[0], planes[0])


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_sharpening_overshoots_by_its_share_on_both_sides_of_an_edge(share):
    row = played([step()], halo=share)[0].planes[0][70].astype(int)
    assert row.max() == round(160 + 100 * share)
    assert row.min() == round(60 - 100 * share)
    assert row[: WIDTH // 2 - 2].tolist() == [60] * (WIDTH // 2 - 2)
    assert row[WIDTH // 2 + 2 :].tolist() == [160] * (WIDTH // 2 - 2)


def test_411_has_colour_only_every_four_pixels_and_420_every_second_row():
    rows = np.arange(HEIGHT)[:, None] * np.ones((1, WIDTH))
    columns = np.arange(WIDTH)[None, :] * np.ones((HEIGHT, 1))

    def after(colour: np.ndarray, chroma: str) -> np.ndarray:
        fine = (np.full((HEIGHT, WIDTH), 120, np.uint8), *2 * (colour.astype(np.uint8),))
        one = replace(flat(1)[0], planes=fine, format="yuv444p")
        return played([one], chroma=chroma)[0].planes[1]

    # Stripes of two pixels vanish into their mean where a sample spans four, those of two rows where it spans two.
    upright = 100 + 60 * (columns // 2 % 2)
    assert np.all(after(upright, "411") == 130)
    assert np.ptp(after(upright, "420")) > 50
    lying = 100 + 60 * (rows % 2)
    assert np.all(after(lying, "420") == 130)
    assert np.array_equal(after(lying, "411"), lying)


def test_luma_and_colour_that_is_coarse_already_are_left_alone():
    (one,) = noise(1)
    (out,) = played([one], chroma="420")
    assert same(out, one)
    assert np.array_equal(played([one], chroma="411")[0].planes[0], one.planes[0])


def test_lost_blocks_show_the_frame_before_and_the_rest_does_not():
    frames = noise(12, 90, 130)
    out = played(frames, lost=4)
    for before, one, after in zip(frames, frames[1:], out[1:]):
        mask = known(one, lost=4).lost_mask()
        assert np.array_equal(after.planes[0], np.where(mask, before.planes[0], one.planes[0]))
        half = mask[::2, ::2]
        assert np.array_equal(after.planes[1], np.where(half, before.planes[1], one.planes[1]))


def test_blocks_are_lost_as_often_as_was_asked_for():
    assert np.mean([len(known(one, lost=3).lost) for one in flat(300)]) == pytest.approx(3, rel=0.1)


def test_depth_is_kept_and_steps_are_8_bit_steps():
    (out,) = played(deep(1), quantiser=16)
    assert out.planes[0].dtype == np.uint16
    assert np.all(luma([out]) == 480)
    assert known(flat(1)[0], lost=50).record()["lost"]
