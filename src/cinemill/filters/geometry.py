"""Size, shape and orientation: crop, scale, fit, pad, rotate, flip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, Self

from pydantic import model_validator

from cinemill.catalogue import Field, Params
from cinemill.errors import InvalidParams, UnsupportedMedia
from cinemill.filters import DRAWABLE, Formats, frame_filter, lavfi_filter, stream_filter

if TYPE_CHECKING:
    from cinemill.media.colour import Colour
    from cinemill.media.types import Frame, Plane

Kernel = Literal["lanczos", "spline", "bicubic", "bilinear", "area"]


_EXACT = "accurate_rnd+full_chroma_inp"


class Crop(Params):
    left: int = Field(0, ge=0, unit="px")
    """Columns cut off at the left."""
    right: int = Field(0, ge=0, unit="px")
    """Columns cut off at the right."""
    top: int = Field(0, ge=0, unit="px")
    """Rows cut off at the top."""
    bottom: int = Field(0, ge=0, unit="px")
    """Rows cut off at the bottom."""


def _check_crop(p: Crop, frame: Frame) -> None:
    if p.left + p.right >= frame.width or p.top + p.bottom >= frame.height:
        raise UnsupportedMedia(f"crop leaves nothing of a {frame.width}x{frame.height} picture.")


@frame_filter("crop", check=_check_crop)
def crop(frame: Frame, p: Crop) -> Frame:
    """Cut off edges. Left and top are rounded down to whole chroma samples (and fields) of the picture."""
    left, top = _whole(frame, p.left, p.top)
    right, bottom = frame.width - p.right, frame.height - p.bottom
    planes = tuple(
        plane[top >> v : -(-bottom >> v), left >> h : -(-right >> h)]
        for plane, (h, v, _) in zip(frame.planes, frame.layout.planes)
    )
    return replace(frame, planes=planes)


def _whole(frame: Frame, x: int, y: int) -> tuple[int, int]:
    """x and y rounded down to where chroma samples begin, and in interlaced pictures to where the fields do."""
    step_x = 1 << max(h for h, _, _ in frame.layout.planes)
    step_y = 1 << max(v for _, v, _ in frame.layout.planes)
    if frame.field_order != "progressive":
        step_y *= 2
    return x - x % step_x, y - y % step_y


def _check_progressive(p: Params, frame: Frame) -> None:
    if frame.field_order != "progressive":
        raise UnsupportedMedia("interlaced pictures cannot be scaled or turned in height; deinterlace them first.")


class Scale(Params):
    width: int | None = Field(None, ge=1, le=16384, unit="px")
    """Width to scale to. Left out, it follows from the height."""
    height: int | None = Field(None, ge=1, le=16384, unit="px")
    """Height to scale to. Left out, it follows from the width."""
    kernel: Kernel = "lanczos"
    """How pixels are weighted. lanczos and spline are sharp, area is for strong reduction."""
    square: bool = False
    """Make pixels square, for players and edits that ignore the sample aspect ratio."""

    @model_validator(mode="after")
    def _one_at_least(self) -> Self:
        if self.width is None and self.height is None and not self.square:
            raise ValueError("give width, height, or both")
        return self


def _check_scale(p: Scale, frame: Frame) -> None:
    if p.height != frame.height and (p.width or p.height):
        _check_progressive(p, frame)


@lavfi_filter("scale", accepts=DRAWABLE, check=_check_scale)
def scale(p: Scale) -> str:
    """Scale the picture. With one side given its shape is kept; chroma-subsampled sizes come out even."""
    aspect = "iw*sar/ih" if p.square else "iw/ih"
    if p.width and p.height:
        width, height = str(p.width), str(p.height)
    elif p.width:
        width, height = str(p.width), f"max(2,2*round({p.width}/({aspect})/2))"
    elif p.height:
        width, height = f"max(2,2*round({p.height}*({aspect})/2))", str(p.height)
    else:
        width, height = "max(2,2*round(iw*sar/2))", "ih"
    size = f"scale=w='{width}':h='{height}':flags={p.kernel}+{_EXACT}"
    return f"{size},setsar=1" if p.square else size


class Fit(Params):
    width: int = Field(..., ge=2, le=16384, unit="px")
    """Width of the frame to fit into."""
    height: int = Field(..., ge=2, le=16384, unit="px")
    """Height of the frame to fit into."""
    colour: str = "black"
    """Colour of the bars, by name or #rrggbb."""
    kernel: Kernel = "lanczos"
    """How pixels are weighted when scaling."""


def _check_fit(p: Fit, frame: Frame) -> None:
    _check_progressive(p, frame)
    _ink(p.colour)


@stream_filter("fit", halo=(0, 0), accepts=DRAWABLE, check=_check_fit)
def fit(frames: Iterator[Frame], p: Fit) -> Iterator[Frame]:
    """Scale into a frame of a given size with square pixels and put bars beside it."""
    from cinemill.media import lavfi

    ratio = f"min({p.width}/(iw*sar),{p.height}/ih)"
    width = f"min({p.width},max(2,2*round(iw*sar*{ratio}/2)))"
    height = f"min({p.height},max(2,2*round(ih*{ratio}/2)))"
    for frame in lavfi.run(frames, f"scale=w='{width}':h='{height}':flags={p.kernel}+{_EXACT},setsar=1"):
        left, top = (p.width - frame.width) // 2, (p.height - frame.height) // 2
        yield _framed(frame, left, top, p.width, p.height, p.colour)


class Pad(Params):
    left: int = Field(0, ge=0, le=8192, unit="px")
    """Columns added at the left."""
    right: int = Field(0, ge=0, le=8192, unit="px")
    """Columns added at the right."""
    top: int = Field(0, ge=0, le=8192, unit="px")
    """Rows added at the top."""
    bottom: int = Field(0, ge=0, le=8192, unit="px")
    """Rows added at the bottom."""
    colour: str = "black"
    """Colour of the border, by name or #rrggbb."""


def _check_pad(p: Pad, frame: Frame) -> None:
    _ink(p.colour)


@frame_filter("pad", accepts=DRAWABLE, check=_check_pad)
def pad(frame: Frame, p: Pad) -> Frame:
    """Add a border. Left and top are rounded down to whole chroma samples (and fields) of the picture."""
    left, top = _whole(frame, p.left, p.top)
    return _framed(frame, left, top, left + frame.width + p.right, top + frame.height + p.bottom, p.colour)


def _framed(frame: Frame, left: int, top: int, width: int, height: int, colour: str) -> Frame:
    """`frame` at a place in a larger one of a single colour."""
    import numpy as np

    if (frame.width, frame.height) == (width, height):
        return frame
    left, top = _whole(frame, left, top)
    matrix = frame.colour.effective_matrix(frame.height)
    values = _values(colour, frame.format, replace(frame.colour, matrix=matrix))
    planes: list[Plane] = []
    for plane, value, shape, (h, v, _) in zip(
        frame.planes, values, frame.layout.shapes(width, height), frame.layout.planes
    ):
        larger = np.empty(shape, plane.dtype)
        larger[...] = value
        larger[top >> v : (top >> v) + plane.shape[0], left >> h : (left >> h) + plane.shape[1]] = plane
        planes.append(larger)
    return replace(frame, planes=tuple(planes))


@lru_cache(maxsize=64)
def _values(colour: str, format: str, tags: Colour) -> tuple[Plane, ...]:
    """One sample per plane of a colour, in a pixel format and in the numbers that `tags` stand for."""
    from cinemill.media import lavfi

    held = format.replace("gray", "yuv444p")  # libswscale takes all grey for full range
    swatch = next(lavfi.converted([replace(_ink(colour), colour=tags)], held))
    return tuple(plane[0, 0].copy() for plane in swatch.planes)


@lru_cache(maxsize=64)
def _ink(colour: str) -> Frame:
    """A patch of a colour by FFmpeg's name or #rrggbb, in RGB. Raises InvalidParams."""
    import numpy as np

    from cinemill.media import lavfi
    from cinemill.media.types import Frame

    blank = Frame((np.zeros((8, 8, 3), np.uint8),), "rgb24", 0, Fraction(1, 25))
    try:
        return next(lavfi.run([blank], f"drawbox=t=fill:color={lavfi.escape(colour)}"))
    except InvalidParams:
        raise InvalidParams(f"colour={colour!r} is refused: give a name such as black, or #rrggbb.") from None


class Rotate(Params):
    degrees: Literal["90", "180", "270"] = "90"
    """How far to turn, clockwise."""


_TURNS = {"90": "transpose=clock", "180": "hflip,vflip", "270": "transpose=cclock"}


def _turnable(p: Rotate) -> Formats:
    """Chroma that is finer in one direction would be finer in the other after a quarter turn."""
    from cinemill.media.formats import layout

    alike = tuple(name for name in DRAWABLE if (plan := layout(name)) and all(h == v for h, v, _ in plan.planes))
    return DRAWABLE if p.degrees == "180" else alike


@lavfi_filter("rotate", accepts=_turnable, check=_check_progressive)
def rotate(p: Rotate) -> str:
    """Turn the picture by a right angle."""
    return _TURNS[p.degrees]


class Flip(Params):
    axis: Literal["horizontal", "vertical"] = "horizontal"
    """horizontal swaps left and right, as in a mirror."""


def _check_flip(p: Flip, frame: Frame) -> None:
    if p.axis == "vertical":
        _check_progressive(p, frame)


@lavfi_filter("flip", accepts=DRAWABLE, check=_check_flip)
def flip(p: Flip) -> str:
    """Mirror the picture."""
    return "hflip" if p.axis == "horizontal" else "vflip"
