"""The network of our own gives back what averaging took, and leaves colour to the kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from repairs import SEEDS, Plane, clean, deepened, psnr, still, texture, through

from cinemill.errors import UnsupportedMedia
from cinemill.media.types import Frame


def halved(frames: Sequence[Frame]) -> list[Frame]:
    return [replace(frame, planes=tuple(map(_halved, frame.planes))) for frame in frames]


def _halved(plane: Plane) -> Plane:
    height, width = plane.shape
    return np.rint(plane.reshape(height // 2, 2, width // 2, 2).mean((1, 3))).astype(plane.dtype)


@pytest.mark.parametrize("seed", SEEDS)
def test_it_comes_nearer_to_the_truth_than_any_kernel(seed: int) -> None:
    truth = list(clean(seed, 4))
    small = halved(truth)
    large = [through(f"scale=width:240:height:192:kernel:{kernel}", small) for kernel in ("bicubic", "lanczos")]
    made = through("upscale.learned", small)
    assert psnr(truth, made) > max(psnr(truth, each) for each in large) + 0.5
    assert [frame.planes[1].tobytes() for frame in made] == [frame.planes[1].tobytes() for frame in large[1]]


@pytest.mark.parametrize("size", [(1, 1), (1, 16), (16, 2), (16, 16), (33, 47)])
@pytest.mark.parametrize("scale", [2, 4])
def test_any_size_is_enlarged(size: tuple[int, int], scale: int) -> None:
    frames = still(np.full(size, 100), 2)
    for frame in through(f"upscale.learned=scale:{scale}", frames):
        assert frame.planes[0].shape == (scale * size[0], scale * size[1])
        assert np.abs(frame.planes[0].astype(int) - 100).max() <= scale // 2


@pytest.mark.parametrize("value", [0, 255])
def test_extremes_stay_what_they_are(value: int) -> None:
    for frame in through("upscale.learned", still(np.full((32, 48), value), 1)):
        assert np.abs(frame.planes[0].astype(int) - value).max() <= 1


def test_more_bits_are_kept() -> None:
    frames = still(texture(48, 64), 1)
    (shallow,), (deep,) = (through("upscale.learned", each) for each in (frames, deepened(frames)))
    assert np.abs(deep.planes[0] / 4 - shallow.planes[0]).max() <= 1
    assert np.unique(deep.planes[0] % 4).size == 4


def test_interlaced_pictures_are_refused() -> None:
    with pytest.raises(UnsupportedMedia, match="deinterlace"):
        through("upscale.learned", still(texture(32, 32), 1, field_order="tff"))
