"""Sound -> where somebody speaks, by how far the voice's band rises above what lies around it.

Levels of 300 to 3800 Hz, a hundred a second, against a floor that follows the quietest tenth of the seconds around.
Finds speech over steady noise; music with a melody it takes for a voice, which costs those who look for silence nothing
and those who match subtitles little.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cinemill.media.mono import RATE, Samples

HOP = RATE // 100
"""Samples from one level to the next: 10 ms."""
_WINDOW = 400
_BAND = (300, 3800)
"""Hz"""
_RISE = 8.0
"""dB above the floor."""
_DEPTH = 35.0
"""dB below the loudest speech, under which nothing counts."""
_AROUND = 10
"""Seconds before and after whose quietest tenth is the floor."""
_SHORTEST, _PAUSE, _PAD = 12, 30, 6
"""Levels: of a word, of a pause that is one, kept around speech."""

Floats = NDArray[Any]
"""float16, or float32 while it is reckoned with"""


def levels(blocks: Iterable[Samples]) -> Floats:
    """Levels in dB of full scale, (n,) float16, of each 10 ms: 2 MB for three hours. Holds a second of sound."""
    window = np.hanning(_WINDOW).astype(np.float32)
    low, high = (round(edge * 512 / RATE) for edge in _BAND)
    found = bytearray()
    rest = np.zeros(0, np.int16)
    for block in blocks:
        rest = np.concatenate([rest, block])
        count = (len(rest) - _WINDOW) // HOP + 1
        if count < 100:
            continue
        found += _measured(rest, count, window, low, high).tobytes()
        rest = rest[count * HOP :]
    count = -(-len(rest) // HOP)
    found += _measured(np.pad(rest, (0, _WINDOW)), count, window, low, high).tobytes()
    return np.frombuffer(found, np.float16)


def _measured(samples: Samples, count: int, window: Floats, low: int, high: int) -> Floats:
    if count < 1:
        return np.zeros(0, np.float16)
    runs = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[: count * HOP : HOP]
    spectrum = np.fft.rfft(runs * (window / 32768), 512)[:, low:high]
    power = np.mean(np.abs(spectrum) ** 2, axis=1)
    return (10 * np.log10(power + 1e-10)).astype(np.float16)


def speaking(levels: Floats) -> NDArray[np.bool_]:
    """Whether somebody speaks, for each level."""
    if not len(levels):
        return np.zeros(0, bool)
    least = np.maximum(_floors(levels) + _RISE, np.percentile(levels[::7], 95) - _DEPTH)
    voiced = np.zeros(len(levels), bool)
    for second, one in enumerate(least):  # whole hours compared at once would take many times their own memory
        voiced[100 * second : 100 * second + 100] = levels[100 * second : 100 * second + 100] > one
    voiced = _without_runs(voiced, False, _PAUSE)
    voiced = _without_runs(voiced, True, _SHORTEST)
    for start, stop in _runs(voiced):
        voiced[max(0, start - _PAD) : stop + _PAD] = True
    return voiced


def _floors(levels: Floats) -> Floats:
    """Of each second."""
    seconds = -(-len(levels) // 100)
    floors = [np.percentile(levels[max(0, at - _AROUND) * 100 : (at + _AROUND + 1) * 100], 10) for at in range(seconds)]
    return np.array(floors, np.float16)


def _without_runs(flags: NDArray[np.bool_], value: bool, shortest: int) -> NDArray[np.bool_]:
    """Runs of `value` that are shorter than `shortest` become the other."""
    done = flags.copy()
    for start, stop in _runs(flags == value):
        if stop - start < shortest and (value or (start > 0 and stop < len(flags))):
            done[start:stop] = not value
    return done


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    if not len(flags):
        return []
    edges = (np.flatnonzero(flags[1:] != flags[:-1]) + 1).tolist()
    edges = [*([0] if flags[0] else []), *edges, *([len(flags)] if flags[-1] else [])]
    return list(zip(edges[::2], edges[1::2]))


def regions(levels: Floats) -> list[tuple[int, int]]:
    """Where somebody speaks: (start, end) in ms, in order, apart."""
    return [(start * 10, stop * 10) for start, stop in _runs(speaking(levels))]


def quietest(levels: Floats, start: int, stop: int) -> int:
    """The level between `start` and `stop` around which least is heard: where to cut."""
    near = levels[start:stop]
    if len(near) < 3:
        return start
    width = min(20, len(near))
    smooth = np.convolve(near.astype(np.float32), np.ones(width) / width, "valid")
    return start + int(np.argmin(smooth)) + width // 2
