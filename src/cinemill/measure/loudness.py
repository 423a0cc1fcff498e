"""How loud sound is (EBU R 128, ITU-R BS.1770-4), and sound made as loud as is wanted.

Measured by FFmpeg's ebur128. Brought to a target by one gain over all of it, which leaves its dynamics alone, and by
taking back only those peaks that would pass the ceiling; then it is measured again, so that what is said holds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from cinemill.media import sound, soundgraph
from cinemill.media.limiter import limited
from cinemill.media.types import Audio


class Target(NamedTuple):
    """`lufs`: integrated loudness. `peak_db`: the most that a true peak may be, dBTP."""

    lufs: float
    peak_db: float


TARGETS = {"broadcast": Target(-23.0, -1.0), "podcast": Target(-16.0, -1.0), "web": Target(-14.0, -1.0)}
"""EBU R 128; Apple's and most podcast hosts'; YouTube's and Spotify's."""

_GATED = -69.9
"""LUFS below which ebur128 has found nothing above its absolute gate."""
_BLOCK = 0.4
"""Seconds of a block that loudness is measured in; with less there is none."""
_CLOSE = 0.1
"""LU within which a target is met."""
_MOST_GAIN = 60.0
"""dB. What needs more is noise."""
_TRIES = 4


@dataclass(frozen=True, slots=True)
class Loudness:
    """`lufs`: integrated, None for silence. `range`: LU (EBU Tech 3342). `peak_db`: dBTP, -inf for silence.

    `momentary`: the loudest 400 ms, LUFS, None for silence. `seconds`: how long it is.
    """

    lufs: float | None
    range: float
    peak_db: float
    momentary: float | None
    seconds: float

    def record(self) -> dict[str, Any]:
        """JSON-safe, silence as None."""
        peak = None if math.isinf(self.peak_db) else round(self.peak_db, 2)
        return {"lufs": self.lufs, "lra": self.range, "true_peak_db": peak, "momentary_lufs": self.momentary}

    def describe(self) -> str:
        """`-16.0 LUFS, true peak -1.2 dBTP` for messages."""
        if self.lufs is None:
            return "silence"
        return f"{self.lufs:.1f} LUFS, true peak {self.peak_db:.1f} dBTP, range {self.range:.1f} LU"


def measured(blocks: Iterable[Audio]) -> Loudness:
    """The loudness of all of a stream. What is shorter than 0.4 s is measured as if it went on and on."""
    meter = Meter()
    for _ in meter.through(blocks):
        pass
    return meter.loudness()


class Meter:
    """Measures a stream on its way: use `through`, then ask for the `loudness`."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}
        self._momentary = -math.inf
        self._samples, self._rate = 0, 1
        self._first: list[Audio] = []

    def through(self, blocks: Iterable[Audio]) -> Iterator[Audio]:
        """The blocks, unchanged."""
        passing: list[Audio] = []

        def kept() -> Iterator[Audio]:
            for block in blocks:
                self._count(block)
                passing.append(block)
                yield block

        for _, said in soundgraph.noted(_whole_steps(sound.resampled(sound.even(kept()), _RATE)), _GRAPH):
            self._note(said)
            yield from passing
            passing.clear()
        yield from passing

    def _count(self, block: Audio) -> None:
        if self._samples < _BLOCK * block.sample_rate:
            self._first.append(block)
        self._samples, self._rate = self._samples + block.samples.shape[1], block.sample_rate

    def _note(self, said: Any) -> None:
        if not said:
            return
        self._last = dict(said)
        momentary = float(said.get("lavfi.r128.M", "nan"))
        if not math.isnan(momentary):
            self._momentary = max(self._momentary, momentary)

    def loudness(self) -> Loudness:
        seconds = self._samples / self._rate
        if 0 < seconds < _BLOCK:
            return self._of_short(seconds)
        lufs = float(self._last.get("lavfi.r128.I", "-70"))
        peak = float(self._last.get("lavfi.r128.true_peak", "0") or 0)
        momentary = self._momentary if self._momentary > _GATED else None
        return Loudness(
            lufs if lufs > _GATED else None,
            float(self._last.get("lavfi.r128.LRA", "0")) if lufs > _GATED else 0.0,
            sound.decibels(peak),
            momentary,
            seconds,
        )

    def _of_short(self, seconds: float) -> Loudness:
        first = self._first
        count = sum(block.samples.shape[1] for block in first)
        turns = math.ceil(1.5 * _BLOCK * self._rate / count) + 1
        again = (sound.shifted(first, count * turn) for turn in range(turns))
        found = measured(block for turn in again for block in turn)
        return Loudness(found.lufs, 0.0, found.peak_db, found.momentary, seconds)


_RATE = 48_000
_STEP = _RATE // 10
"""Samples that ebur128 tells about at a time; of a rest it says nothing."""
_GRAPH = "ebur128=metadata=1:peak=true"


def _whole_steps(blocks: Iterable[Audio]) -> Iterator[Audio]:
    """With as much silence at the end as makes the last step whole."""
    last: Audio | None = None
    count = 0
    for block in blocks:
        last = block
        count += block.samples.shape[1]
        yield block
    if last is not None and count % _STEP:
        silence = np.zeros((len(last.samples), _STEP - count % _STEP), np.float32)
        yield Audio(silence, _RATE, last.pts + last.samples.shape[1], last.layout)


@dataclass(frozen=True, slots=True)
class Settled:
    """What is done to all of a stream, how loud it was, and is then. `ceiling` None: no peak is in the way."""

    gain: float
    ceiling: float | None
    before: Loudness
    after: Loudness

    def applied(self, blocks: Iterable[Audio]) -> Iterator[Audio]:
        """The stream that was settled, as loud as was asked for."""
        if self.before.lufs is None:
            return iter(blocks)
        louder = sound.gained(blocks, self.gain)
        return louder if self.ceiling is None else limited(louder, self.ceiling)


def settle(make: Callable[[], Iterable[Audio]], target: Target) -> Settled:
    """What makes the stream that `make` gives as loud as `target` says.

    `make` is called for each pass: one to measure, one or a few more only where peaks are in the way. Silence is left
    alone. Loudness may end below the target where peaks are all there is: impulses have none to give.
    """
    before = measured(make())
    if before.lufs is None:
        return Settled(0.0, None, before, before)
    gain = min(target.lufs - before.lufs, _MOST_GAIN)
    ceiling = target.peak_db - _SPARE
    if before.peak_db + gain <= ceiling:
        momentary = None if before.momentary is None else before.momentary + gain
        after = Loudness(before.lufs + gain, before.range, before.peak_db + gain, momentary, before.seconds)
        return Settled(gain, None, before, after)
    found = Settled(gain, ceiling, before, before)
    for _ in range(_TRIES):
        after = measured(found.applied(make()))
        found = replace(found, after=after)
        assert after.lufs is not None
        short, over = target.lufs - after.lufs, after.peak_db - target.peak_db
        if (abs(short) <= _CLOSE or gain >= target.lufs - before.lufs + _MOST_PUSH) and over <= 0:
            break
        gain = min(gain + short, target.lufs - before.lufs + _MOST_PUSH)
        ceiling -= max(0.0, over)
        found = replace(found, gain=gain, ceiling=ceiling)
    return found


def levelled(make: Callable[[], Iterable[Audio]], target: Target) -> Iterator[Audio]:
    """What `make` gives, as loud as `target` says; `make` is called for each pass."""
    return settle(make, target).applied(make())


_SPARE = 0.05
"""dB between the ceiling and what is aimed at: meters find the value between samples each in their own way."""
_MOST_PUSH = 9.0
"""dB of gain beyond the plain one: more would leave only peaks that are cut."""
