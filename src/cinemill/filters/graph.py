"""Whatever else libavfilter can do, and an explicit change of pixel format."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from pydantic import field_validator

from cinemill.catalogue import Field, Params
from cinemill.filters import DRAWABLE, Halo, lavfi_filter, stream_filter

if TYPE_CHECKING:
    from cinemill.media.types import FieldOrder, Frame


class Lavfi(Params):
    graph: str = Field(..., min_length=1)
    """A graph in FFmpeg's syntax with one video input and one output, such as unsharp=5:5:1."""
    halo: int | None = Field(None, ge=0, le=1000, unit="frames")
    """Neighbours on either side that the graph looks at. Left out, the stream is not cut and runs as one chunk."""
    speed: Fraction = Field(Fraction(1), gt=0, le=100)
    """Frames out per frame in, for the estimate of time left."""
    field_order: Literal["progressive", "tff", "bff"] | None = None
    """What comes out; say progressive after a graph that deinterlaces. Left out, flags are believed."""


def _halo(p: Lavfi) -> Halo:
    return None if p.halo is None else (p.halo, p.halo)


def _rate(p: Lavfi, rate: Fraction) -> Fraction:
    return rate * p.speed


def _field_order(p: Lavfi) -> FieldOrder | None:
    return p.field_order


@lavfi_filter("lavfi", halo=_halo, accepts=None, rate=_rate, field_order=_field_order)
def lavfi(p: Lavfi) -> str:
    """Run any libavfilter graph."""
    return p.graph


class Format(Params):
    pix_fmt: str
    """Pixel format by FFmpeg's name, such as yuv420p or yuv422p10le."""

    @field_validator("pix_fmt")
    @classmethod
    def _known(cls, value: str) -> str:
        from cinemill.media.formats import layout

        if layout(value) is None:
            raise ValueError("it is not a format that is worked with here (try yuv420p, yuv422p10le, gray, rgb24)")
        return value


@stream_filter("format", halo=(0, 0), accepts=DRAWABLE)
def format(frames: Iterator[Frame], p: Format) -> Iterator[Frame]:
    """Change the pixel format, and accept what that loses."""
    from cinemill.media import lavfi

    return lavfi.converted(frames, p.pix_fmt)
