"""Two recordings of the same thing -> how much later the one is than the other, from moment to moment.

Long windows of the one are found again in the other by their phases (GCC-PHAT, Knapp & Carter 1976), each near where
the last one was found. Then short windows are looked for near those, and of all the places where each may lie, the path
is taken that fits best and jumps least (Viterbi). Of its lags, a steady slope is a clock that ran wrong, a jump
something that was lost or put in.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cinemill.media import sound
from cinemill.media.types import Audio

RATE = 8000
"""Hz at which they are compared: an eighth of a millisecond."""
_WINDOW, _HOP = 4 * RATE, RATE
"""Samples of a window that tells about where things lie, and between two of them."""
_SHORT, _STEP = round(1.5 * RATE), RATE // 4
"""Of one that tells it closely."""
_SEARCH = round(0.75 * RATE)
"""Samples around the last lag where the next one is looked for."""
_COARSE = 100
"""Hz of the envelopes that tell where to begin."""
_SURE = 6.0
"""How far peaks must rise over all others, in their deviations."""
_JUMP = 0.012
"""Seconds between neighbours, beyond the slope, that are a jump."""
_FLAT, _STEEPEST = 20e-6, 0.02
"""Slopes below which clocks run alike, and above which it is no clock."""
_PLACES = 8
"""Where a short window may lie at most."""
_MEMORY = 6
"""Windows back that a path may go on from: it need not pass through each."""
_NOISE, _MOST_WORTH = 3.0, 12.0
"""Deviations of a peak that are worth nothing, and what none is worth more than."""
_PRICE = 12.0
"""Of a jump, in these deviations."""
_UNEVEN = 0.002
"""Seconds by which neighbouring lags differ at most without being a jump."""

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
    not the same. Holds both at 8 kHz, one of them twice: 115 MB an hour each."""
    ours, theirs = _mono(blocks), _mono(reference)
    coarse = _lags(ours, theirs, _begin(ours, theirs, most), round(most * RATE))
    windows = max(1, (len(ours) - _WINDOW) // _HOP + 1)
    if len(coarse) < 3 or len(coarse) < 0.1 * windows:
        return None
    slopes = [(lag - told) / (time - before) / RATE for (before, told), (time, lag) in pairwise(coarse)]
    rough = float(np.median(slopes))
    runs = _runs(coarse, ours, theirs, rough if abs(rough) < _STEEPEST else 0.0)
    slope = _slope(runs)
    # Windows are found bluntly while one clock runs past the other: once more, with that taken out.
    even = _stretched(ours, 1 + slope)
    if slope:
        runs = _runs([(time * (1 + slope), lag - round(slope * time * RATE)) for time, lag in coarse], even, theirs)
    found = [
        Stretch(one.start / (1 + slope), one.offset + slope * one.start / (1 + slope), slope + one.slope * (1 + slope))
        for one in _stretches(runs, _slope(runs, 0.0 if slope else _FLAT), even, theirs)
    ]
    return Drift(tuple(found), len(ours) / RATE, len(coarse) / windows)


def _mono(blocks: Iterable[Audio]) -> Floats:
    found = [block.samples[0] for block in sound.resampled(sound.even(blocks, 0), RATE, "mono")]
    return np.concatenate(found) if found else np.zeros(0, np.float32)


def _stretched(samples: Floats, factor: float) -> Floats:
    if factor == 1:
        return samples
    made = np.empty(round(len(samples) * factor), np.float32)
    for first in range(0, len(made), 1 << 20):
        places = np.arange(first, min(len(made), first + (1 << 20))) / factor
        left = int(places[0])
        near = samples[left : int(places[-1]) + 2]
        made[first : first + len(places)] = np.interp(places - left, np.arange(len(near)), near)
    return made


def _begin(ours: Floats, theirs: Floats, most: float) -> int:
    """The lag of the beginning: of those at which the loudness of the first minutes goes up and down alike, the one at
    which the first windows are found."""
    length = round(180 * RATE)
    one, other = _envelope(ours[:length]), _envelope(theirs[: length + round(most * RATE)])
    if not len(one) or not len(other):
        return 0
    size = 1 << (len(one) + len(other)).bit_length()
    crossed = np.fft.irfft(np.fft.rfft(other, size) * np.conj(np.fft.rfft(one, size)), size)
    reach = min(round(most * _COARSE), size // 2 - 1)
    near = np.concatenate([crossed[-reach:] if reach else crossed[:0], crossed[: reach + 1]])
    likely = {0}
    for _ in range(_PLACES):
        best = int(near.argmax())
        likely.add(round((best - reach) * RATE / _COARSE))
        near[max(0, best - _COARSE // 2) : best + _COARSE // 2] = -np.inf
    found = {lag: _found(ours, theirs, lag) for lag in likely}
    # What repeats itself fits in many places: the nearest is meant.
    return min((lag for lag in likely if found[lag] >= 0.85 * max(found.values())), key=abs)


def _found(ours: Floats, theirs: Floats, lag: int) -> float:
    """How well the first windows are found with a lag, each less important than the one before it."""
    starts = range(0, min(len(ours) - _WINDOW + 1, 10 * _WINDOW), _WINDOW)
    peaks = (_alike(ours[start : start + _WINDOW], theirs, start + lag, _SEARCH) for start in starts)
    heard = (float(one.max()) for one in peaks if one is not None)
    return sum(0.7**number * min(one, 2 * _MOST_WORTH) for number, one in enumerate(heard))


def _envelope(samples: Floats) -> NDArray[np.float64]:
    step = RATE // _COARSE
    count = len(samples) // step
    levels = np.sqrt(np.square(samples[: count * step], dtype=np.float64).reshape(count, step).mean(axis=1))
    rises = np.diff(np.log(levels + 1e-4), prepend=np.log(1e-4))
    return rises - rises.mean() if count else rises


def _lags(ours: Floats, theirs: Floats, lag: int, most: int) -> list[tuple[float, int]]:
    """(time in s, lag in samples) of long windows that are surely found in the other. What is not found is looked for
    ever farther around, and now and then within `most` samples; so is what seems to have jumped."""
    found: list[tuple[float, int]] = []
    lost = 0
    for start in range(0, max(1, len(ours) - _WINDOW + 1), _HOP):
        window = ours[start : start + _WINDOW]
        if len(window) < _WINDOW // 2:
            break
        best, sure = _best(window, theirs, start + lag, _SEARCH * (1 + min(lost, 6)))
        if lost % 8 == 3 or (sure >= _SURE and abs(best) > _STEEPEST * _HOP):
            other, surer = _best(window, theirs, start + lag, max(most, _SEARCH))
            # What is said with the same sounds is a little alike, and there is much of it far around.
            best, sure = (other, surer) if surer > 1.3 * max(sure, _SURE) else (best, sure)
        if sure < _SURE:
            lost += sure > 0
            continue
        lag, lost = lag + best, 0
        found.append(((start + _WINDOW / 2) / RATE, lag))
    # Chance finds a window now and then, but not its neighbour at the same place.
    return [one for number, one in enumerate(found) if any(map(partial(_agree, one), _beside(found, number)))]


def _best(window: Floats, theirs: Floats, place: int, reach: int) -> tuple[int, float]:
    """Samples from `place` at which the window fits best, and how well; (0, 0) where there is nothing to compare."""
    peaks = _alike(window, theirs, place, reach)
    best = int(np.argmax(peaks)) if peaks is not None else 0
    return (best - reach, float(peaks[best])) if peaks is not None else (0, 0.0)


def _beside(found: Sequence[tuple[float, int]], number: int) -> Sequence[tuple[float, int]]:
    return [*found[max(0, number - 2) : number], *found[number + 1 : number + 3]]


def _agree(one: tuple[float, int], other: tuple[float, int]) -> bool:
    apart = abs(one[0] - other[0])
    return apart <= _WINDOW / RATE and abs(one[1] - other[1]) <= (_STEEPEST * apart + _UNEVEN) * RATE


def _alike(window: Floats, theirs: Floats, place: int, reach: int) -> NDArray[np.floating[Any]] | None:
    """How well the window fits `reach` samples before `place` to `reach` behind it, in deviations of all that, upside
    down too; None where there is nothing to compare."""
    left = place - reach
    piece = theirs[max(0, left) : max(0, place + len(window) + reach)]
    piece = np.pad(piece, (max(0, -left), 0))
    if len(piece) < len(window) or float(np.abs(window).max(initial=0)) < 1e-4:
        return None
    size = 1 << (len(piece) - 1).bit_length()
    crossed = np.fft.rfft(piece, size) * np.conj(np.fft.rfft(window, size))
    crossed /= np.abs(crossed) + 1e-9 * float(np.abs(crossed).max() or 1)
    peaks = np.fft.irfft(crossed, size)[: len(piece) - len(window) + 1]
    return np.abs(peaks) / (float(peaks.std()) or 1.0)


def _between(peaks: NDArray[Any], best: int) -> float:
    if not 0 < best < len(peaks) - 1:
        return 0.0
    before, here, after = peaks[best - 1 : best + 2]
    bend = before - 2 * here + after
    return float(0.5 * (before - after) / bend) if bend < 0 else 0.0


Run = list[tuple[float, float]]
"""(time, lag) in seconds of windows without a jump between them."""


def _runs(coarse: Sequence[tuple[float, int]], ours: Floats, theirs: Floats, slope: float = 0.0) -> list[Run]:
    """The short windows, parted where the lag jumps. One that lies over a jump, or was found wrongly, is left out."""
    runs = _path(list(_windows(coarse, ours, theirs)), slope)
    sure = [run for run in runs if len(run) >= 3 and sum(worth for _, _, worth in run) >= _SURE * len(run)]
    kept = [[(time, lag) for time, lag, _ in run] for run in sure or [max(runs, key=len)]]
    return _together(kept, _slope(kept))


Place = tuple[float, float, float]
"""(time s, lag s, worth) of where a short window may lie."""


def _windows(coarse: Sequence[tuple[float, int]], ours: Floats, theirs: Floats) -> Iterator[list[Place]]:
    """Where each short window may lie, near where the long windows around it do. Others are left out, and silence."""
    for start in range(0, len(ours) - _SHORT + 1, _STEP):
        window = ours[start : start + _SHORT]
        middle = (start + _SHORT / 2) / RATE
        time = (start + _weight(window)) / RATE
        places = [one for lag in _near(coarse, middle) for one in _places(window, theirs, start, lag, time)]
        if places:
            yield sorted(places, key=lambda one: -one[2])[:_PLACES]


def _near(coarse: Sequence[tuple[float, int]], time: float) -> list[int]:
    """Lags of the long windows around `time`, without those that another's search covers."""
    reach = _WINDOW / RATE
    first = bisect_left(coarse, time - reach, key=lambda one: one[0])
    last = bisect_left(coarse, time + reach, key=lambda one: one[0])
    found: list[int] = []
    for lag in sorted(lag for _, lag in coarse[first:last]):
        if not found or lag - found[-1] > _SEARCH:
            found.append(lag)
    return found


def _weight(window: Floats) -> float:
    """The sample around which a window is loud: its lag is that of there, where the lag changes along it."""
    power = np.square(window, dtype=np.float64)
    return float((power * np.arange(len(window))).sum() / (power.sum() or 1.0))


def _places(window: Floats, theirs: Floats, start: int, lag: int, time: float) -> list[Place]:
    peaks = _alike(window, theirs, start + lag, _SEARCH)
    if peaks is None:
        return []
    tops = np.flatnonzero((peaks[1:-1] > peaks[:-2]) & (peaks[1:-1] >= peaks[2:])) + 1
    tops = tops[np.argsort(peaks[tops])[-_PLACES:]]
    return [(time, (lag - _SEARCH + at + _between(peaks, at)) / RATE, float(peaks[at])) for at in map(int, tops)]


def _path(windows: Sequence[list[Place]], slope: float) -> list[list[Place]]:
    """The places of the best path, parted where it jumps: each is worth something, and a jump has its price."""
    times, lags, peaks = np.array([place for places in windows for place in places]).T
    ends = np.cumsum([len(places) for places in windows])
    firsts = [0, *map(int, ends[:-1])]
    lags = lags - slope * times
    scores = np.clip(peaks, _NOISE, _MOST_WORTH) - _NOISE
    origins = np.full(len(scores), -1)
    for number in range(1, len(windows)):
        own, pool = slice(firsts[number], ends[number]), slice(firsts[max(0, number - _MEMORY)], firsts[number])
        off = np.abs(lags[own, None] - lags[pool])
        totals = scores[pool] - np.where(off <= _UNEVEN, _PRICE * off / (2 * _UNEVEN), _PRICE)
        best = totals.argmax(axis=1)
        scores[own] += np.maximum(0, totals.max(axis=1))
        origins[own] = firsts[max(0, number - _MEMORY)] + best
    at = firsts[max(0, len(windows) - _MEMORY)]
    at += int(scores[at:].argmax())
    runs: list[list[Place]] = [[]]
    while at >= 0:
        runs[-1].append((float(times[at]), float(lags[at] + slope * times[at]), float(peaks[at])))
        before = int(origins[at])
        if before >= 0 and abs(lags[at] - lags[before]) > _UNEVEN:
            runs.append([])
        at = before
    return [run[::-1] for run in runs[::-1]]


_MOST_PAIRED = 1000
"""Windows of a run that are paired with one another."""


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


def _slope(runs: Sequence[Run], least: float = _FLAT) -> float:
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
    return slope if abs(slope) >= least else 0.0


def _stretches(runs: Sequence[Run], slope: float, ours: Floats, theirs: Floats) -> tuple[Stretch, ...]:
    levels = [_level(run, slope) for run in runs]
    found = [Stretch(0.0, levels[0], slope)]
    for (before, after), (level, next_level) in zip(pairwise(runs), pairwise(levels)):
        if abs(next_level - level) <= _JUMP:
            continue
        span = before[-1][0] - _SHORT / RATE, after[0][0] + _SHORT / RATE
        near = _level(before[-_MEMORY:], slope), _level(after[:_MEMORY], slope)
        start = _parting(ours, theirs, span, near, slope)
        found.append(Stretch(start, next_level + slope * start, slope))
    return tuple(found)


def _level(run: Run, slope: float) -> float:
    """The lag of a run where its time is 0."""
    return float(np.median([lag - slope * time for time, lag in run]))


def _parting(
    ours: Floats, theirs: Floats, span: tuple[float, float], levels: tuple[float, float], slope: float
) -> float:
    """The moment within `span` up to which the one lag explains what is heard, and from which on the other does: where
    something was put in, from its end on."""
    first, last = max(0, round(span[0] * RATE)), min(len(ours), round(span[1] * RATE))
    if last <= first:
        return span[0]
    places, here = np.arange(first, last) * (1 + slope), ours[first:last].astype(np.float64)
    until, since = (
        _unlike(here, theirs, places + level * RATE, edge)
        for level, edge in zip(levels, (slice(None, RATE), slice(-RATE, None)))
    )
    put_in = max(0, round((levels[0] - levels[1]) * RATE))
    ends = np.minimum(np.arange(len(until)) + put_in, len(here))
    return float(first + int(np.argmin(until - since[ends]))) / RATE


def _unlike(here: Any, theirs: Floats, places: Any, edge: slice) -> NDArray[np.float64]:
    """How far `here` is from what is heard at `places`, summed up to each sample. The places are moved by a millisecond
    at most, and what is there is made as loud, so that both fit best at the `edge`."""
    near = [_heard(theirs, places + by) for by in range(-RATE // 1000, RATE // 1000 + 1)]
    there = max(near, key=lambda one: abs(float(here[edge] @ one[edge])) / (float(np.linalg.norm(one[edge])) or 1.0))
    gain = float(here[edge] @ there[edge]) / (float(there[edge] @ there[edge]) or 1.0)
    return np.concatenate([[0.0], np.cumsum(np.square(here - gain * there))])


def _heard(theirs: Floats, places: Any) -> NDArray[np.float64]:
    return theirs[np.clip(np.round(places).astype(np.int64), 0, len(theirs) - 1)].astype(np.float64)
