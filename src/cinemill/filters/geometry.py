"""Size, shape and orientation: crop, scale, fit, pad, rotate, flip."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Self

from pydantic import model_validator

from cinemill.catalogue import Field, Params
from cinemill.errors import UnsupportedMedia
from cinemill.filters import frame_filter, lavfi_filter

if TYPE_CHECKING:
    from cinemill.media.types import Frame, VideoTrack

Kernel = Literal["lanczos", "spline", "bicubic", "bilinear", "area"]


class Crop(Params):
    left: int = Field(0, ge=0, unit="px")
    """Columns cut off at the left."""
    right: int = Field(0, ge=0, unit="px")
    """Columns cut off at the right."""
    top: int = Field(0, ge=0, unit="px")
    """Rows cut off at the top."""
    bottom: int = Field(0, ge=0, unit="px")
    """Rows cut off at the bottom."""


def _check_crop(p: Crop, video: VideoTrack) -> None:
    if p.left + p.right >= video.width or p.top + p.bottom >= video.height:
        raise UnsupportedMedia(f"crop leaves nothing of a {video.width}x{video.height} picture.")


@frame_filter("crop", check=_check_crop)
def crop(frame: Frame, p: Crop) -> Frame:
    """Cut off edges. Left and top are rounded down to whole chroma samples (and fields) of the picture."""
    step_x = 1 << max(h for h, _, _ in frame.layout.planes)
    step_y = 1 << max(v for _, v, _ in frame.layout.planes)
    if frame.field_order != "progressive":
        step_y *= 2
    left, top = p.left - p.left % step_x, p.top - p.top % step_y
    right, bottom = frame.width - p.right, frame.height - p.bottom
    planes = tuple(
        plane[top >> v : -(-bottom >> v), left >> h : -(-right >> h)]
        for plane, (h, v, _) in zip(frame.planes, frame.layout.planes)
    )
    return replace(frame, planes=planes)


def _check_progressive(p: Params, video: VideoTrack) -> None:
    if video.field_order != "progressive":
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


def _check_scale(p: Scale, video: VideoTrack) -> None:
    if p.height != video.height and (p.width or p.height):
        _check_progressive(p, video)


@lavfi_filter("scale", accepts=None, check=_check_scale)
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
    size = f"scale=w='{width}':h='{height}':flags={p.kernel}+accurate_rnd+full_chroma_inp"
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


@lavfi_filter("fit", accepts=None, check=_check_progressive)
def fit(p: Fit) -> str:
    """Scale into a frame of a given size with square pixels and put bars beside it."""
    ratio = f"min({p.width}/(iw*sar),{p.height}/ih)"
    inside = f"scale=w='2*round(iw*sar*{ratio}/2)':h='2*round(ih*{ratio}/2)':flags={p.kernel}+accurate_rnd"
    return f"{inside},setsar=1,pad={p.width}:{p.height}:-1:-1:{_colour(p.colour)}"


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


@lavfi_filter("pad", accepts=None)
def pad(p: Pad) -> str:
    """Add a border."""
    return f"pad=iw+{p.left + p.right}:ih+{p.top + p.bottom}:{p.left}:{p.top}:{_colour(p.colour)}"


def _colour(text: str) -> str:
    from cinemill.media.lavfi import escape

    return f"color={escape(text)}"


class Rotate(Params):
    degrees: Literal["90", "180", "270"] = "90"
    """How far to turn, clockwise."""


_TURNS = {"90": "transpose=clock", "180": "hflip,vflip", "270": "transpose=cclock"}


@lavfi_filter("rotate", accepts=None, check=_check_progressive)
def rotate(p: Rotate) -> str:
    """Turn the picture by a right angle."""
    return _TURNS[p.degrees]


class Flip(Params):
    axis: Literal["horizontal", "vertical"] = "horizontal"
    """horizontal swaps left and right, as in a mirror."""


@lavfi_filter("flip", accepts=None)
def flip(p: Flip) -> str:
    """Mirror the picture."""
    return "hflip" if p.axis == "horizontal" else "vflip"
