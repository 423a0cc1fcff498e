"""Sound -> timecode: linear timecode (SMPTE 12M-1), the rattle on a spare track of a tape, at any speed forwards.

Each bit begins with a change of sign, and a one has another in its middle; a word of 80 bits ends with a pattern that
occurs nowhere else. Bits are told by how long a sign lasts against how long it usually does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cinemill.media.dv.packs import Timecode
from cinemill.media.types import Audio

_SYNC: Final = (0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1)
_WORD: Final = 80
_QUIET: Final = 0.2
"""Share of the peak that a sign must exceed to count: noise does not change signs."""
_FOLLOW: Final = 0.1
"""How fast the length of a bit is followed: decks wind up and down."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A word of timecode that ended at `time`, in seconds."""

    time: float
    timecode: Timecode


def decoded(blocks: Iterable[Audio], channel: int = 0) -> Iterator[Heard]:
    """The timecode in a channel of sound; nothing where there is none. Blocks are of one rate and follow each other."""
    bits: deque[int] = deque(maxlen=_WORD)
    usual, half = 0.0, False
    for length, time in _signs(blocks, channel):
        if not usual or not 0.3 * usual < length < 1.6 * usual:
            usual, half = length, False
            bits.clear()
            continue
        if length > 0.75 * usual:
            bits.append(0)
            half = False
            usual += _FOLLOW * (length - usual)
        elif half:
            bits.append(1)
            half = False
        else:
            half = True
            usual += _FOLLOW * (2 * length - usual)
            continue
        if len(bits) == _WORD and tuple(bits)[-16:] == _SYNC and (code := _timecode(tuple(bits))):
            yield Heard(time, code)


def _signs(blocks: Iterable[Audio], channel: int) -> Iterator[tuple[float, float]]:
    """How long each sign lasted, in seconds, and when it ended."""
    last_change: float | None = None
    sign = 0
    for block in blocks:
        samples = block.samples[min(channel, len(block.samples) - 1)]
        for place, now in _changes(samples, sign):
            at = (block.pts + place) / block.sample_rate
            if last_change is not None:
                yield at - last_change, at
            last_change, sign = at, now


def _changes(samples: NDArray[np.float32], sign: int) -> Iterator[tuple[float, int]]:
    """Where the sign changes, between samples, and to which; what is near zero keeps the sign before."""
    level = _QUIET * float(abs(samples).max(initial=0.0))
    if level < 1e-4:
        return
    loud = np.flatnonzero(abs(samples) > level)
    signs = np.sign(samples[loud]).astype(int)
    before = np.concatenate([[sign], signs[:-1]])
    for place in np.flatnonzero(signs != before):
        at = int(loud[place])
        if at and samples[at - 1] * samples[at] < 0:
            yield at - float(samples[at] / (samples[at] - samples[at - 1])), int(signs[place])
        else:
            yield float(at), int(signs[place])


def _timecode(bits: tuple[int, ...]) -> Timecode | None:
    def number(start: int, length: int) -> int:
        return sum(bit << place for place, bit in enumerate(bits[start : start + length]))

    places = ((48, 56, 2), (32, 40, 3), (16, 24, 3), (0, 8, 2))
    ones = [number(units, 4) for units, _, _ in places]
    hours, minutes, seconds, frames = (one + 10 * number(tens, n) for one, (_, tens, n) in zip(ones, places))
    if max(ones) > 9 or hours > 23 or minutes > 59 or seconds > 59 or frames > 29:
        return None
    return Timecode(hours, minutes, seconds, frames, drop=bool(bits[10]))
