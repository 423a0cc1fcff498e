"""Streams of sound in, streams of sound out: even, resampled, louder, faded, looped, mixed, ducked, joined.

A stream is blocks of `Audio` in order on one clock, of one rate and layout; its pts count samples from where the
programme begins, and where it has none there is silence. Nothing here holds more than a few seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import chain

import av
import numpy as np
from numpy.typing import NDArray

from cinemill.media import soundgraph
from cinemill.media.types import Audio

Samples = NDArray[np.float32]
"""`(channels, samples)`, full scale [-1, 1]."""

_HOP = 0.01
"""Seconds of a step of gain."""
_FINE = "filter_size=128:phase_shift=12:cutoff=0.975:exact_rational=1"
"""swresample at soxr's very high quality: flat to 0.95 of the band, what folds back below -120 dB."""


def amplitude(db: float) -> float:
    """The factor that is `db` decibels."""
    return float(10 ** (db / 20))


def decibels(amplitude: float) -> float:
    """-inf for silence."""
    return 20 * math.log10(amplitude) if amplitude > 0 else -math.inf


def resampled(blocks: Iterable[Audio], rate: int, layout: str | None = None) -> Iterator[Audio]:
    """At another rate and layout; untouched where it has them."""
    stream = iter(blocks)
    first = next(stream, None)
    if first is None:
        return
    layout = layout or first.layout
    whole = chain([first], stream)
    if (first.sample_rate, first.layout) == (rate, layout):
        yield from whole
        return
    shift = round(first.pts * rate / first.sample_rate)
    at: int | None = None
    for block in soundgraph.run(even(whole), f"aresample={rate}:{_FINE},aformat=channel_layouts={layout}"):
        at = shift if at is None else at
        yield Audio(block.samples, rate, at, layout)
        at += block.samples.shape[1]


def stretched(blocks: Iterable[Audio], factor: float) -> Iterator[Audio]:
    """`factor` times as long, and as much lower: what a clock that ran wrong is put right with. Without gaps, from 0.

    The ratio of two whole rates stands for the factor, exact to a sample in ten hours.
    """
    ratio = Fraction(factor).limit_denominator(192_000)
    scale = max(1, -(-40_000 // min(ratio.numerator, ratio.denominator)))
    before, after = ratio.denominator * scale, ratio.numerator * scale
    at = 0
    rate = 0

    def relabelled() -> Iterator[Audio]:
        nonlocal rate
        for block in _unbroken(blocks, None):
            rate = block.sample_rate
            yield Audio(block.samples, before, 0, block.layout)

    for block in soundgraph.run(relabelled(), f"aresample={after}:filter_size=64:phase_shift=12:cutoff=0.98"):
        yield Audio(block.samples, rate, at, block.layout)
        at += block.samples.shape[1]


def even(blocks: Iterable[Audio], start: int | None = None, size: int | None = None) -> Iterator[Audio]:
    """Without gaps and overlaps, from `start` or where it begins: silence where nothing is. Blocks of `size`, if given.

    Values that are no numbers become silence.
    """
    at = start
    made = _unbroken(blocks, at)
    yield from made if size is None else _sized(made, size)


def _unbroken(blocks: Iterable[Audio], at: int | None) -> Iterator[Audio]:
    for block in blocks:
        at = block.pts if at is None else at
        missing = block.pts - at
        while missing > 0:
            count = min(missing, block.sample_rate)
            yield Audio(np.zeros((len(block.samples), count), np.float32), block.sample_rate, at, block.layout)
            at, missing = at + count, missing - count
        samples = block.samples[:, max(0, at - block.pts) :]
        if not samples.shape[1]:
            continue
        if not np.isfinite(samples).all():
            samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
        yield Audio(samples, block.sample_rate, at, block.layout)
        at += samples.shape[1]


def _sized(blocks: Iterable[Audio], size: int) -> Iterator[Audio]:
    held: list[Samples] = []
    count, at = 0, 0
    last: Audio | None = None
    for block in blocks:
        at = block.pts if last is None else at
        last = block
        held.append(block.samples)
        count += block.samples.shape[1]
        if count >= size:
            whole = np.concatenate(held, axis=1)
            for begin in range(0, count - size + 1, size):
                yield Audio(whole[:, begin : begin + size], block.sample_rate, at, block.layout)
                at += size
            rest = whole[:, count - count % size :]
            held, count = [rest], rest.shape[1]
    if last is not None and count:
        yield Audio(np.concatenate(held, axis=1), last.sample_rate, at, last.layout)


def gained(blocks: Iterable[Audio], db: float) -> Iterator[Audio]:
    """Louder by `db` decibels."""
    factor = np.float32(amplitude(db))
    for block in blocks:
        yield _like(block, block.samples * factor)


def shifted(blocks: Iterable[Audio], by: int) -> Iterator[Audio]:
    """Later by so many samples."""
    for block in blocks:
        yield Audio(block.samples, block.sample_rate, block.pts + by, block.layout)


def trimmed(blocks: Iterable[Audio], start: int = 0, stop: int | None = None) -> Iterator[Audio]:
    """What lies from `start` to `stop`, in samples, at the times it had."""
    for block in blocks:
        if stop is not None and block.pts >= stop:
            return
        samples = block.samples[:, max(0, start - block.pts) : None if stop is None else stop - block.pts]
        if samples.shape[1]:
            yield Audio(samples, block.sample_rate, max(block.pts, start), block.layout)


def faded(blocks: Iterable[Audio], fade_in: float = 0.0, fade_out: float = 0.0) -> Iterator[Audio]:
    """Up over the first and down over the last seconds, along a quarter of a sine: two that cross keep their power.

    The last `fade_out` seconds are held back, because only the end tells where they begin.
    """
    held: list[Audio] = []
    begins: int | None = None
    count = 0
    for block in blocks:
        begins = block.pts if begins is None else begins
        rising = _rise(block.pts - begins, block.samples.shape[1], round(fade_in * block.sample_rate))
        held.append(block if rising is None else _like(block, block.samples * rising))
        count += block.samples.shape[1]
        while held and count - held[0].samples.shape[1] >= round(fade_out * block.sample_rate):
            count -= held[0].samples.shape[1]
            yield held.pop(0)
    left = count
    for block in held:
        length = block.samples.shape[1]
        falling = _rise(left - length, length, round(fade_out * block.sample_rate))
        yield block if falling is None else _like(block, block.samples * falling[::-1])
        left -= length


def _rise(at: int, count: int, length: int) -> Samples | None:
    """The factors of samples `at` and on of a fade of `length`; None where it is over."""
    if at >= length:
        return None
    place = np.minimum((np.arange(at, at + count) + 0.5) / length, 1.0)
    return np.sin(place * (np.pi / 2)).astype(np.float32)


def looped(make: Callable[[], Iterable[Audio]], length: int, crossfade: float = 0.0) -> Iterator[Audio]:
    """What `make` gives, from 0 on and again and again, until `length` samples; each turn fades into the next."""
    turn = _Turn(make)
    at = 0
    tail: Samples | None = None
    while at < length:
        got = 0
        for block, is_tail in turn.blocks(crossfade):
            if is_tail:
                tail = block.samples
                continue
            samples = block.samples
            got += samples.shape[1]
            if tail is not None:
                samples, tail = _crossed(tail, samples)
            yield Audio(samples[:, : length - at], block.sample_rate, at, block.layout)
            at += samples.shape[1]
            if at >= length:
                return
        if not got:
            return


class _Turn:
    def __init__(self, make: Callable[[], Iterable[Audio]]) -> None:
        self._make = make

    def blocks(self, crossfade: float) -> Iterator[tuple[Audio, bool]]:
        """Blocks of one turn and, last, its tail of `crossfade` seconds."""
        held: Audio | None = None
        for block in _sized(_unbroken(self._make(), None), 1 << 18):
            size = round(crossfade * block.sample_rate)
            if held is not None:
                block = _like(block, np.concatenate([held.samples, block.samples], axis=1))
            keep = min(size, block.samples.shape[1] // 2)
            cut = block.samples.shape[1] - keep
            held = _like(block, block.samples[:, cut:])
            yield _like(block, block.samples[:, :cut]), False
        if held is not None and held.samples.shape[1]:
            yield held, True


def _crossed(tail: Samples, samples: Samples) -> tuple[Samples, Samples | None]:
    count = min(tail.shape[1], samples.shape[1])
    rise = _rise(0, tail.shape[1], tail.shape[1])
    assert rise is not None
    mixed = samples.copy()
    mixed[:, :count] = samples[:, :count] * rise[:count] + tail[:, :count] * rise[::-1][:count]
    return mixed, None


def mixed(streams: Sequence[Iterable[Audio]], rate: int, layout: str, stop: int | None = None) -> Iterator[Audio]:
    """The sum of all from 0 until the last ends, or until `stop`, each at its own times. Values may pass full scale."""
    readers = [_Reader(resampled(stream, rate, layout)) for stream in streams]
    at = 0
    while stop is None or at < stop:
        count = rate if stop is None else min(rate, stop - at)
        blocks = [reader.take(at, at + count) for reader in readers]
        if stop is None and all(reader.is_over for reader in readers):
            count = min(count, max((reader.end - at for reader in readers), default=0))
        if count <= 0:
            return
        total = np.zeros((channels_of(layout), count), np.float32)
        for block in blocks:
            if block is not None:
                total += block[:, :count]
        yield Audio(total, rate, at, layout)
        at += count


def channels_of(layout: str) -> int:
    """Number of channels of a layout, by FFmpeg's name."""
    return av.AudioLayout(layout).nb_channels


class _Reader:
    """Any stretch of a stream, one after another. `end`: where it ends, once it `is_over`."""

    def __init__(self, blocks: Iterable[Audio]) -> None:
        self._blocks = _unbroken(blocks, None)
        self._held: list[Audio] = []
        self.is_over = False
        self.end = 0

    def take(self, start: int, stop: int) -> Samples | None:
        """The samples from `start` to `stop`; None where there are none."""
        while not self.is_over and (not self._held or self._end_of(self._held[-1]) < stop):
            block = next(self._blocks, None)
            if block is None:
                self.is_over = True
            else:
                self._held.append(block)
                self.end = self._end_of(block)
        found: Samples | None = None
        for block in self._held:
            left, right = max(start, block.pts), min(stop, self._end_of(block))
            if left < right:
                if found is None:
                    found = np.zeros((len(block.samples), stop - start), np.float32)
                found[:, left - start : right - start] = block.samples[:, left - block.pts : right - block.pts]
        self._held = [block for block in self._held if self._end_of(block) > stop]
        return found

    @staticmethod
    def _end_of(block: Audio) -> int:
        return block.pts + block.samples.shape[1]


def ducked(
    blocks: Iterable[Audio],
    key: Iterable[Audio],
    *,
    depth_db: float = 12.0,
    threshold_db: float = -45.0,
    attack: float = 0.15,
    hold: float = 0.4,
    release: float = 0.8,
) -> Iterator[Audio]:
    """`blocks` softer by `depth_db` while `key`, a voice say, is louder than `threshold_db` (RMS of 10 ms, dBFS).

    It goes down over `attack` seconds that lie before the voice, waits for `hold` after it, and comes back over
    `release`. The key may have another rate; only its times count.
    """
    gains = _Gains(key, depth_db, threshold_db, attack, hold, release)
    for block in blocks:
        times = (block.pts + np.arange(block.samples.shape[1])) / block.sample_rate
        yield _like(block, block.samples * gains.at(times))


class _Gains:
    """The gain at any time, times rising: a target for each step, smoothed along decibels."""

    def __init__(
        self, key: Iterable[Audio], depth_db: float, threshold_db: float, attack: float, hold: float, release: float
    ) -> None:
        self._levels = _levels(key)
        self._depth, self._threshold = depth_db, amplitude(threshold_db)
        self._early, self._late = round(attack / _HOP), round(hold / _HOP)
        self._fall, self._rise = depth_db / max(1, self._early), depth_db / max(1, round(release / _HOP))
        self._loud: list[bool] = []
        self._gain: list[float] = []
        self._first = 0
        self._last_loud = -(10**9)
        self._is_over = False

    def at(self, times: NDArray[np.float64]) -> Samples:
        first, last = int(times[0] / _HOP), int(times[-1] / _HOP) + 2
        while self._first + len(self._gain) <= last:
            self._step()
        drop = max(0, first - 1 - self._first)
        self._gain, self._first = self._gain[drop:], self._first + drop
        steps = (np.arange(len(self._gain)) + self._first) * _HOP
        return (10 ** (np.interp(times, steps, self._gain) / 20)).astype(np.float32)

    def _step(self) -> None:
        number = self._first + len(self._gain)
        while not self._is_over and len(self._loud) <= self._early:
            level = next(self._levels, None)
            self._is_over = level is None
            if level is not None:
                self._loud.append(level > self._threshold)
        if any(self._loud[: self._early + 1]):
            self._last_loud = number + max(n for n, loud in enumerate(self._loud[: self._early + 1]) if loud)
        wanted = -self._depth if number <= self._last_loud + self._late else 0.0
        now = self._gain[-1] if self._gain else 0.0
        self._gain.append(max(wanted, now - self._fall) if wanted < now else min(wanted, now + self._rise))
        self._loud = self._loud[1:]


def _levels(key: Iterable[Audio]) -> Iterator[float]:
    """RMS of each 10 ms from 0 on."""
    held = np.zeros(0, np.float64)
    number, at = 0, 0
    rate = 0
    for block in _unbroken(key, 0):
        rate = block.sample_rate
        held = np.concatenate([held, np.square(block.samples, dtype=np.float64).mean(axis=0)])
        last = math.floor((at + len(held)) / (rate * _HOP))
        edges = np.round(np.arange(number, last + 1) * rate * _HOP).astype(np.int64) - at
        if len(edges) > 1 and edges[-1] <= len(held):
            sums = np.add.reduceat(held[: edges[-1]], edges[:-1])
            yield from np.sqrt(sums / np.diff(edges)).tolist()
            held, at, number = held[edges[-1] :], at + int(edges[-1]), last
    if len(held):
        yield math.sqrt(float(held.mean()))


def joined(pieces: Iterable[Samples], rate: int, pause: float, edge: float = 0.005) -> Iterator[Audio]:
    """Mono pieces one after another with `pause` seconds of silence between them; their edges faded, so none clicks."""
    at = 0
    for number, piece in enumerate(pieces):
        at += round(pause * rate) if number else 0
        yield from faded([Audio(np.atleast_2d(piece), rate, at, "mono")], edge, edge)
        at += np.atleast_2d(piece).shape[1]


def _like(block: Audio, samples: Samples) -> Audio:
    return Audio(samples, block.sample_rate, block.pts, block.layout)
