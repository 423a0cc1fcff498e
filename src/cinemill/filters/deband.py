"""Smooth steps out of gradients that too few bits have cut into bands. Source: FFmpeg's deband, after flash3kyuu."""

from __future__ import annotations

from cinemill.catalogue import Field, Params
from cinemill.filters import GBR, GREY, YUV, lavfi_filter


class Deband(Params):
    strength: float = Field(0.3, ge=0, le=1)
    """Height of the steps that are smoothed, from none to 10 of 255 code values."""
    radius: int = Field(16, ge=1, le=64, unit="px")
    """How far around a pixel is looked."""


TAKEN = (*(name for name in YUV if not name.endswith("p10le")), *GREY, *GBR)
"""libavfilter's deband has no YUV of 10 bits; 12 hold it."""


@lavfi_filter("deband", accepts=TAKEN)
def deband(p: Deband) -> str:
    """Smooth banding in skies and fades. Keep more than 8 bits after it, or the bands come back."""
    threshold = max(0.00003, p.strength * 10 / 255)
    return f"deband=1thr={threshold:.5f}:2thr={threshold:.5f}:3thr={threshold:.5f}:range={p.radius}:blur=1"
