"""Negative: light becomes dark. Its own inverse."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cinemill.catalogue import Field, Params
from cinemill.filters import GREY, YUV8, frame_filter

if TYPE_CHECKING:
    from cinemill.media.types import Frame


class Negative(Params):
    strength: float = Field(1.0, ge=0, le=1)
    """How far light becomes dark. 0 leaves every frame as it is."""


@frame_filter("negative", accepts=YUV8 + GREY)
def negative(frame: Frame, p: Negative) -> Frame:
    """Turn light into dark."""
    luma, top = frame.planes[0], (1 << frame.layout.bits) - 1
    mixed = luma + (top - 2.0 * luma) * p.strength
    return replace(frame, planes=(mixed.round().astype(luma.dtype), *frame.planes[1:]))
