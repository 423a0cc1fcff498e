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
from cinemill.media.clock import near_standard

if TYPE_CHECKING:
    from cinemill.media.types import Frame


_FINE = Fraction(1, 8)
"""Units of a clock, in ticks, up to which times are rounded to them; in longer ones frame rates are exact."""


class Fps(Params):
    rate: Fraction = Field(..., gt=0, le=1000, unit="frames/s")
    """Frames a second, as a number or a fraction: 25, 30000/1001, or 29.97 for the same."""

    @field_validator("rate")
    @classmethod
    def _exact(cls, rate: Fraction) -> Fraction:
        return near_standard(rate)


def _rate(p: Fps, rate: Fraction) -> Fraction:
    return p.rate


@stream_filter("fps", halo=(1, 1), rate=_rate)
def fps(frames: Iterator[Frame], p: Fps) -> Iterator[Frame]:
    """Show, at every tick of the new rate, the frame that is on screen then."""
    tick = 1 / p.rate
    shown: Frame | None = None
    length = tick
    for frame in frames:
        if shown is not None:
            length = (frame.pts - shown.pts) * frame.time_base
            yield from _shown(shown, length, tick)
        shown = frame
    if shown is not None:
        # Where the file does not say it, the last frame lasts as long as the one before.
        yield from _shown(shown, shown.duration * shown.time_base or length, tick)


def _shown(frame: Frame, length: Fraction, tick: Fraction) -> Iterator[Frame]:
    start = frame.pts * frame.time_base
    if frame.time_base <= _FINE * tick:
        # Matroska's milliseconds round a third of the pictures of 15 a second up, to just after the tick they are of.
        start -= frame.time_base / 2
    for pts in range(ceil(start / tick), ceil((start + length) / tick)):
        yield replace(frame, pts=pts, time_base=tick, duration=1)
