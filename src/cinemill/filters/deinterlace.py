"""Every field becomes a frame: classical deinterlacers of libavfilter.

Sources: bwdif, after M. Weston's three-field deinterlacer (BBC R&D) with Yadif's checks; w3fdif, Weston's filter
itself; yadif by M. Niedermayer. Wrong for film that was telecined: `ivtc` gives its own frames back.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from cinemill.catalogue import Params
from cinemill.filters import YUV, lavfi_filter

if TYPE_CHECKING:
    from cinemill.media.types import Frame


class Deinterlace(Params):
    field_order: Literal["tff", "bff"] | None = None
    """Which field is earlier in time. Left out, each frame's own flag is believed and progressive frames pass."""
    output: Literal["field", "frame"] = "field"
    """A frame per field (50 or 60 a second, all of the motion), or a frame per frame."""


def double(p: Deinterlace, rate: Fraction) -> Fraction:
    return rate * 2 if p.output == "field" else rate


def _options(p: Deinterlace, frame: Frame) -> str:
    order = p.field_order or (frame.field_order if frame.field_order != "progressive" else None)
    return f"mode=send_{p.output}:parity={order or 'auto'}:deint={'all' if order else 'interlaced'}"


@lavfi_filter("deinterlace.bwdif", halo=(2, 2), rate=double, field_order="progressive", default=True)
def bwdif(p: Deinterlace, frame: Frame) -> str:
    """Deinterlace with bwdif: the best of the fast ones."""
    return f"bwdif={_options(p, frame)}"


@lavfi_filter("deinterlace.yadif", halo=(2, 2), rate=double, field_order="progressive")
def yadif(p: Deinterlace, frame: Frame) -> str:
    """Deinterlace with yadif: what most players do."""
    return f"yadif={_options(p, frame)}"


class W3fdif(Deinterlace):
    filter: Literal["simple", "complex"] = "complex"
    """How many neighbouring lines take part."""


@lavfi_filter("deinterlace.w3fdif", halo=(2, 2), rate=double, field_order="progressive", accepts=YUV)
def w3fdif(p: W3fdif, frame: Frame) -> str:
    """Deinterlace with Weston's three-field filter: soft, free of mistakes."""
    return f"w3fdif=filter={p.filter}:{_options(p, frame).replace('send_', '')}"
