"""Red, green and blue as numbers: against swscale, and there and back."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest

from cinemill.errors import UnsupportedMedia
from cinemill.media import lavfi
from cinemill.media.colour import Colour
from cinemill.media.formats import layout
from cinemill.media.rgb import of_rgb, to_rgb
from cinemill.media.types import Frame

FORMATS = ("yuv420p", "yuv422p", "yuv444p", "yuv411p", "yuv410p", "yuv440p", "yuv420p10le", "yuv444p12le", "gbrp")

HD = Colour("bt709", range="limited")


def frame(format: str, colour: Colour = HD, size: tuple[int, int] = (96, 64)) -> Frame:
    """Soft shapes in colours that all screens show."""
    plan = layout(format)
    assert plan
    dice = np.random.default_rng(0)
    planes = []
    for number, shape in enumerate(plan.shapes(*size)):
        noise = cv2.GaussianBlur(dice.random(size[::-1], np.float32), (0, 0), 5)
        noise = (noise - noise.min()) / (noise.max() - noise.min())
        small = cv2.resize(noise, shape[1::-1], interpolation=cv2.INTER_AREA)
        low, high = (0.3, 0.7) if number == 0 else (0.42, 0.58)
        planes.append(np.rint((low + (high - low) * small) * (2**plan.bits - 1)).astype(plan.dtype))
    return Frame(tuple(planes), format, 0, Fraction(1, 25), colour=colour)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("size", [(96, 64), (61, 47)])
def test_there_and_back_is_where_it_began(format: str, size: tuple[int, int]) -> None:
    one = frame(format, size=size)
    other = of_rgb(to_rgb(one), one)
    bound = 1 if "44" in format or format == "gbrp" else 2 * 2 ** (one.layout.bits - 8)
    for plane, back in zip(one.planes, other):
        assert plane.shape == back.shape
        assert plane.dtype == back.dtype
        assert np.abs(plane.astype(int) - back).max() <= bound


@pytest.mark.parametrize("matrix", ["bt709", "smpte170m", "bt2020nc", "smpte240m"])
@pytest.mark.parametrize("range", ["limited", "full"])
def test_colours_are_those_of_swscale(matrix: str, range: str) -> None:
    one = frame("yuv444p10le", Colour(matrix, range=range))  # type: ignore[arg-type]
    (theirs,) = lavfi.converted([one], "gbrp16le")
    green, blue, red = (plane / 65535 for plane in theirs.planes)
    assert np.abs(to_rgb(one) - np.stack([red, green, blue])).max() < 4e-3  # swscale's white is 65280 of 65535


def test_whites_above_white_and_colours_beyond_the_screen_survive() -> None:
    planes = tuple(np.full((8, 8), value, np.uint8) for value in (250, 30, 240))
    one = Frame(planes, "yuv444p", 0, Fraction(1, 25), colour=Colour("bt709", range="limited"))
    assert to_rgb(one).max() > 1
    assert all(np.array_equal(plane, back) for plane, back in zip(planes, of_rgb(to_rgb(one), one)))


@pytest.mark.parametrize(("format", "channels"), [("rgb24", 3), ("rgb48le", 3)])
def test_packed_rgb_comes_back_bit_for_bit(format: str, channels: int) -> None:
    dtype = np.uint8 if format == "rgb24" else np.uint16
    plane = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (9, 7, channels), dtype)
    one = Frame((plane,), format, 0, Fraction(1, 25))
    assert np.array_equal(of_rgb(to_rgb(one), one)[0], plane)


def test_matrix_of_another_kind_is_refused() -> None:
    one = replace(frame("yuv444p"), colour=Colour("ictcp"))
    with pytest.raises(UnsupportedMedia, match="matrix ictcp"):
        to_rgb(one)
