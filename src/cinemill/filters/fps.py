"""Another frame rate by showing frames again or leaving them out; no new pictures are made.

The output's clock has its zero where the source's is, so the result does not depend on where a stream was cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

from pydantic import field_validator

from cinemill.catalogue import Field, Params
from cinemill.filters import stream_filter

if TYPE_CHECKING:
    from cinemill.media.types import Frame


class Fps(Params):
    rate: Fraction = Field(..., gt=0, le=1000, unit="frames/s")
    """Frames a second, as a number or a fraction: 25, 30000/1001."""

    @field_validator("rate", mode="before")
    @classmethod
    def _fraction(cls, value: object) -> object:
        return Fraction(value) if isinstance(value, str) and "/" in value else value


def _rate(p: Fps, rate: Fraction) -> Fraction:
    return p.rate


@stream_filter("fps", halo=(1, 1), rate=_rate)
def fps(frames: Iterator[Frame], p: Fps) -> Iterator[Frame]:
    """Show, at every tick of the new rate, the frame that is on screen then."""
    tick = 1 / p.rate
    shown: Frame | None = None
    end = Fraction(0)
    for frame in frames:
        if shown is not None:
            yield from _shown(shown, frame.pts * frame.time_base, tick)
        shown, end = frame, (frame.pts + max(1, frame.duration)) * frame.time_base
    if shown is not None:
        yield from _shown(shown, end, tick)


def _shown(frame: Frame, until: Fraction, tick: Fraction) -> Iterator[Frame]:
    first = ceil(frame.pts * frame.time_base / tick)
    for pts in range(first, ceil(until / tick)):
        yield replace(frame, pts=pts, time_base=tick, duration=1)
