"""Whole pictures on any clock -> fields at a steady rate, two to a frame: interlacing, telecine, standards conversion.

A field shows what is on screen at its time. From 24000/1001 to 30000/1001 that is 2:3, from 25 to 25 it is 2:2, from
24 to 25 the 2:2 of film on PAL that shows one field more every half second, from 50 to 25 true interlacing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np

from cinemill.damage.amounts import Telecine
from cinemill.media.types import Frame


@dataclass(frozen=True)
class Field:
    """What one field shows: `source`, and of `following` the share `mix`. `number` counts fields from time 0."""

    number: int
    source: Frame
    following: Frame
    mix: float = 0.0


@dataclass(frozen=True)
class TelecineTruth:
    """Where the fields of one frame come from, the earlier first: (time, time of what was mixed in, its share)."""

    time: Fraction
    fields: tuple[tuple[Fraction, Fraction, float], ...]

    def record(self) -> dict[str, Any]:
        return {"fields": [[str(one), str(other), round(mix, 4)] for one, other, mix in self.fields]}


def telecined(frames: Iterator[Frame], p: Telecine) -> Iterator[Frame]:
    """Frames of two fields each; with `soft`, the pictures themselves with the clock of their fields."""
    if p.cadence == "soft":
        yield from _soft(frames, p)
        return
    for early, late in _pairs(frames, p):
        first, second = _made(early), _made(late)
        yield replace(
            early.source,
            planes=first if first is second else woven(first, second, p.field_order),
            pts=early.number // 2,
            time_base=1 / p.rate,
            duration=1,
            field_order=p.field_order,
        )


def truths(frames: Iterator[Frame], p: Telecine) -> Iterator[TelecineTruth]:
    """The truth of every frame that `telecined` makes of `frames`, whose planes are not looked at."""
    if p.cadence == "soft":
        for frame in _soft(frames, p):
            yield TelecineTruth(frame.pts * frame.time_base, ())
        return
    for pair in _pairs(frames, p):
        shown = tuple((_time(one.source), _time(one.following), one.mix) for one in pair)
        yield TelecineTruth(pair[0].number // 2 / p.rate, shown)


def woven(early: tuple[Any, ...], late: tuple[Any, ...], field_order: str) -> tuple[Any, ...]:
    """The planes of two pictures as two fields of one frame."""
    start = 0 if field_order == "tff" else 1
    planes = tuple(np.empty_like(plane) for plane in early)
    for plane, one, other in zip(planes, early, late):
        plane[start::2] = one[start::2]
        plane[1 - start :: 2] = other[1 - start :: 2]
    return planes


def _time(frame: Frame) -> Fraction:
    return frame.pts * frame.time_base


def _made(field: Field) -> tuple[Any, ...]:
    if not field.mix:
        return field.source.planes
    share = np.float32(field.mix)
    return tuple(
        np.rint(one + (other.astype(np.float32) - one) * share).astype(one.dtype)
        for one, other in zip(field.source.planes, field.following.planes)
    )


def _pairs(frames: Iterator[Frame], p: Telecine) -> Iterator[tuple[Field, Field]]:
    """Both fields of each frame. A last one without a partner is shown twice; a first one begins no frame."""
    early: Field | None = None
    for field in _fields(frames, p):
        if field.number % 2 == 0:
            early = field
        elif early:
            yield early, field
            early = None
    if early:
        yield early, early


def _fields(frames: Iterator[Frame], p: Telecine) -> Iterator[Field]:
    for frame, following, numbers in _shown(frames, p):
        for number in numbers:
            mix = 0.0
            if p.cadence == "blended" and following is not frame:
                gone = number / (2 * p.rate) - _time(frame)
                mix = max(0.0, float(gone / (_time(following) - _time(frame))))
            yield Field(number, frame, following, mix)


def _soft(frames: Iterator[Frame], p: Telecine) -> Iterator[Frame]:
    for frame, _, numbers in _shown(frames, p):
        if numbers:
            yield replace(frame, pts=numbers.start, time_base=1 / (2 * p.rate), duration=len(numbers))


def _shown(frames: Iterator[Frame], p: Telecine) -> Iterator[tuple[Frame, Frame, range]]:
    """Each frame, the one that follows (itself for the last), and the numbers of the fields that it is shown in."""
    held: Frame | None = None
    length = 1 / p.rate
    for frame in frames:
        if held is not None:
            length = _time(frame) - _time(held)
            yield held, frame, _numbers(_time(held), _time(frame), p)
        held = frame
    if held is not None:
        end = _time(held) + (held.duration * held.time_base or length)
        yield held, held, _numbers(_time(held), end, p)


def _numbers(start: Fraction, end: Fraction, p: Telecine) -> range:
    # Looked at a quarter of a field late: clocks rounded to a millisecond then give the cadence of the exact one.
    return range(*(ceil(time * 2 * p.rate - Fraction(1, 4)) for time in (start, end)))
