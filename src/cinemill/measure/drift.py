"""Two recordings of the same thing -> how much later the one is than the other, from moment to moment.

Windows of the one are found again in the other by their phases (GCC-PHAT, Knapp & Carter 1976), each near where the
last one was found. Of the lags, a steady slope is a clock that ran wrong, a jump something that was lost or put in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cinemill.media import sound
from cinemill.media.types import Audio

RATE = 8000
"""Hz at which they are compared: an eighth of a millisecond."""
_WINDOW, _HOP = 4 * RATE, RATE
_SEARCH = round(0.75 * RATE)
"""Samples around the last lag where the next one is looked for."""
_COARSE = 100
"""Hz of the envelopes that tell where to begin."""
_SURE = 6.0
"""How far a peak must rise over all others, in their deviations."""
_JUMP = 0.012
"""Seconds between neighbours, beyond the slope, that are a jump."""
_FLAT = 20e-6
"""Slope below which clocks run alike."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Stretch:
    """From `start` s of the sound on, what is heard at t belongs to t + offset + slope * (t - start)."""

    start: float
    offset: float
    slope: float


@dataclass(frozen=True, slots=True)
class Drift:
    """Stretches in order; `seconds` that were compared, and the share of them where both were sure to be the same."""

    stretches: tuple[Stretch, ...]
    seconds: float
    sure: float

    @property
    def steps(self) -> tuple[tuple[float, float], ...]:
        """(time, seconds) of each jump."""
        return tuple(
            (after.start, after.offset - (before.offset + before.slope * (after.start - before.start)))
            for before, after in pairwise(self.stretches)
        )


def drift(blocks: Iterable[Audio], reference: Iterable[Audio], most: float = 60.0) -> Drift | None:
    """How `blocks` lie against `reference`, which begins at most `most` seconds earlier or later; None where they are
    not the same. Holds both at 8 kHz: 115 MB an hour each."""
    ours, theirs = _mono(blocks), _mono(reference)
    first = _begin(ours, theirs, most)
    times, lags = _lags(ours, theirs, first)
    windows = max(1, (len(ours) - _WINDOW) // _HOP + 1)
    if len(times) < 3 or len(times) < 0.1 * windows:
        return None
    runs = _runs(times, lags)
    slope = _slope(runs)
    return Drift(_stretches(runs, slope, ours, theirs), len(ours) / RATE, len(times) / windows)


def _mono(blocks: Iterable[Audio]) -> Floats:
    found = [block.samples[0] for block in sound.resampled(sound.even(blocks, 0), RATE, "mono")]
    return np.concatenate(found) if found else np.zeros(0, np.float32)


def _begin(ours: Floats, theirs: Floats, most: float) -> int:
    """The lag of the beginning, by how the loudness of the first minutes goes up and down."""
    length = round(180 * RATE)
    one, other = _envelope(ours[:length]), _envelope(theirs[: length + round(most * RATE)])
    if not len(one) or not len(other):
        return 0
    size = 1 << (len(one) + len(other)).bit_length()
    crossed = np.fft.irfft(np.fft.rfft(other, size) * np.conj(np.fft.rfft(one, size)), size)
    reach = min(round(most * _COARSE), size // 2 - 1)
    lags = np.concatenate([np.arange(0, reach + 1), np.arange(-reach, 0)])
    # What repeats itself fits in many places: the nearest is meant.
    good = lags[crossed[lags] >= 0.85 * crossed[lags].max()]
    best = int(good[np.argmin(np.abs(good))])
    return round(best * RATE / _COARSE)


def _envelope(samples: Floats) -> NDArray[np.float64]:
    step = RATE // _COARSE
    count = len(samples) // step
    levels = np.sqrt(np.square(samples[: count * step], dtype=np.float64).reshape(count, step).mean(axis=1))
    rises = np.diff(np.log(levels + 1e-4), prepend=np.log(1e-4))
    return rises - rises.mean() if count else rises


def _lags(ours: Floats, theirs: Floats, lag: int) -> tuple[list[float], list[float]]:
    """Seconds of windows' middles, and how much later each is heard in the other."""
    times: list[float] = []
    lags: list[float] = []
    lost = 0
    for start in range(0, max(1, len(ours) - _WINDOW + 1), _HOP):
        reach = _SEARCH * (1 + min(lost, 6))
        window = ours[start : start + _WINDOW]
        found = _lag(window, theirs, start + lag, reach)
        if found is None:
            lost += 1
            continue
        lag, lost = lag + round(found), 0
        times.append((start + _weight(window)) / RATE)
        lags.append((lag + found - round(found)) / RATE)
    return times, lags


def _weight(window: Floats) -> float:
    """The sample around which a window is loud: its lag is that of there, where the lag changes along it."""
    power = np.square(window, dtype=np.float64)
    return float((power * np.arange(len(window))).sum() / (power.sum() or 1.0))


def _lag(window: Floats, theirs: Floats, place: int, reach: int) -> float | None:
    """Samples beyond `place` at which the window is found; None where it is not sure."""
    left = place - reach
    piece = theirs[max(0, left) : place + len(window) + reach]
    piece = np.pad(piece, (max(0, -left), 0))
    if len(window) < _WINDOW // 2 or len(piece) < len(window) or float(np.abs(window).max(initial=0)) < 1e-4:
        return None
    size = 1 << (len(window) + len(piece)).bit_length()
    crossed = np.fft.rfft(piece, size) * np.conj(np.fft.rfft(window, size))
    crossed /= np.abs(crossed) + 1e-9 * float(np.abs(crossed).max() or 1)
    peaks = np.fft.irfft(crossed, size)[: len(piece) - len(window) + 1]
    best = int(np.argmax(peaks))
    deviation = float(peaks.std()) or 1.0
    if peaks[best] < _SURE * deviation:
        return None
    return best - reach + _between(peaks, best)


def _between(peaks: NDArray[Any], best: int) -> float:
    if not 0 < best < len(peaks) - 1:
        return 0.0
    before, here, after = peaks[best - 1 : best + 2]
    bend = before - 2 * here + after
    return float(0.5 * (before - after) / bend) if bend < 0 else 0.0


_MOST_PAIRED = 1000
"""Windows of a run that are paired with one another."""

Run = list[tuple[float, float]]
"""(time, lag) in seconds of windows without a jump between them."""


def _runs(times: Sequence[float], lags: Sequence[float]) -> list[Run]:
    """The windows, parted where the lag jumps. A window over a jump, or one that was found wrongly, is left out."""
    slopes = np.diff(lags) / np.diff(times)
    slope = float(np.median(slopes)) if len(slopes) else 0.0
    slope = slope if abs(slope) < 0.02 else 0.0
    runs: list[Run] = [[(times[0], lags[0])]]
    for time, lag in zip(times[1:], lags[1:]):
        before, told = runs[-1][-1]
        if abs(lag - told - slope * (time - before)) > _JUMP:
            runs.append([])
        runs[-1].append((time, lag))
    kept = [run for run in runs if len(run) >= 3] or [max(runs, key=len)]
    return _together(kept, slope)


def _together(runs: Sequence[Run], slope: float) -> list[Run]:
    """Runs that go on where the last one ended are one."""
    found: list[Run] = [runs[0]]
    for run in runs[1:]:
        (before, told), (time, lag) = found[-1][-1], run[0]
        if abs(lag - told - slope * (time - before)) <= _JUMP:
            found[-1] = found[-1] + run
        else:
            found.append(run)
    return found


def _slope(runs: Sequence[Run]) -> float:
    """One clock ran wrong all the time: the slope that all runs have together, the median over pairs that lie far
    enough apart (Theil and Sen), which single wrong windows do not move."""
    slopes: list[NDArray[np.float64]] = []
    for run in runs:
        time, lag = np.array(run[:: -(-len(run) // _MOST_PAIRED)]).T
        apart = time[:, None] - time[None, :]
        far = apart >= max(3.0, 0.4 * (time[-1] - time[0]))
        slopes.append((lag[:, None] - lag[None, :])[far] / apart[far])
    every = np.concatenate(slopes)
    slope = float(np.median(every)) if len(every) else 0.0
    return slope if abs(slope) >= _FLAT else 0.0


def _stretches(runs: Sequence[Run], slope: float, ours: Floats, theirs: Floats) -> tuple[Stretch, ...]:
    levels = [float(np.median([lag - slope * time for time, lag in run])) for run in runs]
    found = [Stretch(0.0, levels[0], slope)]
    for (before, after), (level, next_level) in zip(pairwise(runs), pairwise(levels)):
        left, right = before[-1][0] - _WINDOW / RATE / 2, after[0][0] + _WINDOW / RATE / 2
        start = _parting(ours, theirs, (left, right), (level, next_level), slope)
        found.append(Stretch(start, next_level + slope * start, slope))
    return tuple(found)


def _parting(
    ours: Floats, theirs: Floats, span: tuple[float, float], levels: tuple[float, float], slope: float
) -> float:
    """The moment within `span` up to which the one lag explains what is heard, and from which on the other does."""
    first, last = max(0, round(span[0] * RATE)), min(len(ours), round(span[1] * RATE))
    places = np.arange(first, last)
    errors: list[NDArray[np.float64]] = []
    for level in levels:
        where = np.clip(np.round(places * (1 + slope) + level * RATE).astype(np.int64), 0, max(0, len(theirs) - 1))
        errors.append(np.square(ours[first:last] - theirs[where], dtype=np.float64))
    gain = np.cumsum(errors[1] - errors[0])
    return float(first + int(np.argmax(gain))) / RATE if len(gain) else span[0]
