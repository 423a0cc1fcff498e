"""Colour by the formula of H.273, through RGB and back, at every depth and by every route."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from cinemill.media import lavfi
from cinemill.media.colour import MATRIX, PRIMARIES, RANGE, TRANSFER, Colour
from cinemill.media.formats import layout
from cinemill.media.types import Frame

# Weights of red and blue in luma: BT.601, BT.709, BT.2020.
WEIGHTS = {"smpte170m": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020nc": (0.2627, 0.0593)}


def natural(width: int, height: int) -> np.ndarray:
    """(3, H, W) R'G'B' in [0, 1]: slow gradients with some detail, as in a photograph."""
    y, x = np.mgrid[0:height, 0:width]
    red = 0.5 + 0.3 * np.sin(x / 23) + 0.1 * np.sin((x + y) / 17)
    green = 0.5 + 0.3 * np.cos(y / 31) + 0.1 * np.sin((x - y) / 19)
    blue = 0.5 + 0.25 * np.sin((x + 2 * y) / 37) + 0.15 * np.cos(x / 29)
    return np.clip(np.stack([red, green, blue]), 0.02, 0.98)


def yuv(rgb: np.ndarray, colour: Colour, format: str) -> Frame:
    """A Frame by the formula, chroma averaged over its block."""
    plan = layout(format)
    height = rgb.shape[1]
    red_weight, blue_weight = WEIGHTS[colour.effective_matrix(height)]
    red, green, blue = rgb
    luma = red_weight * red + (1 - red_weight - blue_weight) * green + blue_weight * blue
    difference_b, difference_r = (blue - luma) / (2 - 2 * blue_weight), (red - luma) / (2 - 2 * red_weight)
    step = 1 << (plan.bits - 8)
    top = (1 << plan.bits) - 1
    if colour.range == "full":
        values = (top * luma, 128 * step + top * difference_b, 128 * step + top * difference_r)
    else:
        values = (step * (16 + 219 * luma), step * (128 + 224 * difference_b), step * (128 + 224 * difference_r))
    planes = []
    for value, (across, down, _) in zip(values, plan.planes):
        rows, columns = value.shape[0] >> down, value.shape[1] >> across
        block = value.reshape(rows, 1 << down, columns, 1 << across).mean((1, 3))
        planes.append(np.clip(np.round(block), 0, top).astype(plan.dtype))
    return Frame(tuple(planes), format, 0, Fraction(1, 25), 1, colour)


def rgb_of(frame: Frame) -> np.ndarray:
    """(3, H, W) in [0, 1] of an RGB frame."""
    top = (1 << frame.layout.bits) - 1
    if len(frame.planes) == 1:
        return np.moveaxis(frame.planes[0], 2, 0) / top
    green, blue, red = frame.planes[:3]
    return np.stack([red, green, blue]) / top


def there_and_back(frame: Frame, via: str) -> tuple[Frame, Frame]:
    rgb = next(lavfi.converted([frame], via))
    return rgb, next(lavfi.converted([rgb], frame.format))


def worst(a: Frame, b: Frame) -> int:
    return max(int(np.abs(p.astype(int) - q).max()) for p, q in zip(a.planes, b.planes))


def psnr(a: np.ndarray, b: np.ndarray, top: int) -> float:
    error = float(np.mean((a.astype(float) - b) ** 2))
    return 99.0 if error == 0 else 10 * np.log10(top**2 / error)


MATRICES = ("unspecified", *WEIGHTS)
RANGES = ("unspecified", "limited", "full")
TAGS = list(product(MATRICES, RANGES))
BORDER = [(576, "smpte170m"), (718, "smpte170m"), (720, "bt709"), (1080, "bt709")]


@pytest.mark.parametrize(("matrix", "range"), TAGS)
@pytest.mark.parametrize("via", ["rgb24", "gbrp"])
@pytest.mark.parametrize(("width", "height"), [(128, 96), (127, 95), (64, 720)])
def test_8_bit_444_comes_back_from_rgb_within_one_code_value(
    width: int, height: int, via: str, matrix: str, range: str
) -> None:
    frame = yuv(natural(width, height), Colour(matrix, range=range), "yuv444p")
    rgb, back = there_and_back(frame, via)
    assert worst(frame, back) <= 1
    # A code value of 8-bit limited-range YUV is worth up to 2.1 of RGB, for blue.
    assert np.abs(rgb_of(rgb) - natural(width, height)).max() * 255 < 2.2


@pytest.mark.parametrize(("matrix", "range"), TAGS)
@pytest.mark.parametrize(("format", "via"), [("yuv420p", "rgb24"), ("yuv422p", "gbrp"), ("yuv420p10le", "gbrp12le")])
def test_subsampled_pictures_come_back_above_50_db(matrix: str, range: str, format: str, via: str) -> None:
    frame = yuv(natural(128, 96), Colour(matrix, range=range), format)
    rgb, back = there_and_back(frame, via)
    top = (1 << frame.layout.bits) - 1
    for plane, again in zip(frame.planes, back.planes):
        assert psnr(plane, again, top) > 50
    assert psnr(rgb_of(rgb) * 255, natural(128, 96) * 255, 255) > 45


@pytest.mark.parametrize("via", ["gbrp12le", "rgb48le"])
def test_10_bit_444_of_limited_range_comes_back_exactly(via: str) -> None:
    frame = yuv(natural(128, 96), Colour("bt2020nc", "bt2020", "smpte2084", "limited"), "yuv444p10le")
    rgb, back = there_and_back(frame, via)
    assert worst(frame, back) == 0
    assert back.colour == frame.colour
    # swscale's RGB is up to five of 1023 too dark at this depth, and as much too bright on the way back.
    assert np.abs(rgb_of(rgb) - natural(128, 96)).max() * 1023 < 5.5


@pytest.mark.parametrize(
    ("height", "matrix"), [(576, "smpte170m"), (718, "smpte170m"), (720, "bt709"), (1080, "bt709")]
)
def test_unspecified_means_bt601_below_720_lines_and_bt709_from_there(height: int, matrix: str) -> None:
    """Saturated bars tell the two apart by dozens of code values."""
    bars = np.zeros((3, height, 96))
    for column, colour in enumerate(((1, 0, 0), (0, 1, 0), (0, 0, 1))):
        bars[:, :, column * 32 : column * 32 + 32] = np.array(colour)[:, None, None]
    frame = yuv(bars, Colour(matrix, range="limited"), "yuv444p")
    silent = Frame(frame.planes, "yuv444p", 0, Fraction(1, 25), 1, Colour())
    rgb = next(lavfi.converted([silent], "rgb24"))
    assert np.abs(rgb_of(rgb) - bars).max() * 255 <= 2


def test_rgb_that_never_was_yuv_becomes_limited_range_of_the_usual_matrix() -> None:
    red = np.zeros((64, 64, 3), np.uint8)
    red[..., 0] = 255
    frame = Frame((red,), "rgb24", 0, Fraction(1, 25), 1)
    back = next(lavfi.converted([frame], "yuv444p"))
    assert [int(plane[0, 0]) for plane in back.planes] == [81, 90, 240]
    assert (back.colour.matrix, back.colour.range) == ("smpte170m", "limited")


@pytest.mark.parametrize("format", ["yuv422p", "yuv444p", "yuv420p10le", "yuv444p16le"])
@pytest.mark.parametrize("range", RANGES)
def test_a_roomier_yuv_format_changes_no_tag_and_comes_back_exactly(format: str, range: str) -> None:
    frame = yuv(natural(128, 96), Colour("bt709", "bt709", "bt709", range), "yuv420p")
    wide = next(lavfi.converted([frame], format))
    back = next(lavfi.converted([wide], "yuv420p"))
    assert wide.colour == back.colour == frame.colour
    assert worst(frame, back) <= 1
    assert np.array_equal(frame.planes[0], back.planes[0])


@pytest.mark.parametrize("format", ["yuv444p", "yuv422p", "rgb24"])
@pytest.mark.parametrize("order", ["tff", "bff"])
def test_chroma_of_interlaced_pictures_stays_in_its_field(format: str, order: str) -> None:
    """One field is of one colour, the other of another; lines of chroma between them would be of neither."""
    chroma = np.zeros((48, 64), np.uint8)
    chroma[0::2], chroma[1::2] = 90, 160
    planes = (np.full((96, 128), 120, np.uint8), chroma, np.full((48, 64), 128, np.uint8))
    woven = Frame(planes, "yuv420p", 0, Fraction(1, 25), 1, Colour("bt709", range="limited"), field_order=order)
    out = next(lavfi.converted([woven], format))
    blue = out.planes[0][..., 2] if format == "rgb24" else out.planes[1]
    assert out.field_order == order
    assert len(np.unique(blue[0::2])) == len(np.unique(blue[1::2])) == 1
    assert blue[0, 0] != blue[1, 0]
    assert worst(woven, next(lavfi.converted([out], "yuv420p"))) <= 1


def test_a_frame_that_has_the_format_passes_untouched() -> None:
    frame = yuv(natural(64, 48), Colour(), "yuv420p")
    assert next(lavfi.converted([frame], "yuv420p")) is frame


def test_no_frames_give_no_frames() -> None:
    assert list(lavfi.converted([], "rgb24")) == []


@pytest.mark.parametrize("colour", [Colour(), Colour("bt709", "bt709", "bt709", "limited"), Colour("ictcp", "bt2020")])
def test_code_points_and_names_are_each_others_inverse(colour: Colour) -> None:
    assert Colour.of_codes(*colour.codes()) == colour


def test_every_name_has_one_code() -> None:
    for table in (MATRIX, PRIMARIES, TRANSFER, RANGE):
        assert len(set(table.values())) == len(table)


def test_an_unknown_code_is_unspecified() -> None:
    assert Colour.of_codes(99, 99, 99, 9) == Colour()
