"""Sound whose true peaks stay below a ceiling: gain is taken back around each peak, early enough not to be heard.

True peak as in ITU-R BS.1770: the greatest value between samples, found at four times the rate. The gain is the least
that any sample within reach needs, smoothed by two averages that together reach no further, so that no peak gets past.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from cinemill.media.sound import amplitude, even
from cinemill.media.types import Audio

_REACH = 0.015
"""Seconds before and after a peak over which the gain goes down and comes back: below the ear's, above a cycle's."""
_TAPS = 32
"""Of the interpolation, for each of the four phases."""


def limited(blocks: Iterable[Audio], ceiling_db: float) -> Iterator[Audio]:
    """With true peaks of at most `ceiling_db` dBTP. What stays below it is left bit for bit."""
    ceiling = amplitude(ceiling_db)
    for before, block, after in _surrounded(even(blocks, size=1 << 17)):
        reach = round(_REACH * block.sample_rate)
        halo = 2 * reach + _TAPS
        left = before.samples[:, -halo:] if before else np.zeros((len(block.samples), 0), np.float32)
        right = after.samples[:, :halo] if after else np.zeros((len(block.samples), 0), np.float32)
        around = np.concatenate([left, block.samples, right], axis=1)
        if np.abs(around).max(initial=0.0) < ceiling / 2:
            yield block
            continue
        wanted = np.minimum(1.0, ceiling / np.maximum(peaks(around), 1e-9))
        gain = _smoothed(_least(wanted, reach), reach)[left.shape[1] :][: block.samples.shape[1]]
        samples = block.samples if gain.min(initial=1.0) >= 1 else block.samples * gain.astype(np.float32)
        yield Audio(samples, block.sample_rate, block.pts, block.layout)


def peaks(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """The greatest value of any channel at each sample, and between it and its neighbours."""
    highest = np.zeros(samples.shape[1])
    for channel in samples:
        highest = np.maximum(highest, np.abs(channel))
        for taps in _PHASES:
            between = np.abs(np.convolve(channel, taps, "full")[_TAPS // 2 - 1 :][: len(channel)])
            highest = np.maximum(highest, between)
            highest[1:] = np.maximum(highest[1:], between[:-1])
    return highest


def _phases() -> list[NDArray[np.float64]]:
    """What gives the value a quarter, a half and three quarters of a sample after each."""
    at = np.arange(_TAPS) - (_TAPS // 2 - 1)
    found: list[NDArray[np.float64]] = []
    for quarter in (0.25, 0.5, 0.75):
        place = quarter - at
        taps = np.sinc(place) * np.cos(np.pi * place / (_TAPS + 2)) ** 2
        found.append((taps / taps.sum())[::-1])
    return found


_PHASES = _phases()


def _least(values: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """The least within `reach` on both sides, by windows of doubled length."""
    padded = np.pad(values, reach, constant_values=1.0)
    width, span = 2 * reach + 1, 1
    while span * 2 <= width:
        padded = np.minimum(padded[:-span], padded[span:])
        span *= 2
    rest = width - span
    return np.minimum(padded[: len(padded) - rest], padded[rest:])[: len(values)]


def _smoothed(values: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """Two averages of `reach` samples each, centred."""
    padded = np.pad(values, reach, mode="edge")
    for _ in range(2):
        total = np.cumsum(np.concatenate([[0.0], padded]))
        padded = (total[reach:] - total[:-reach]) / reach
    return np.minimum(padded[1:][: len(values)], 1.0)


def _surrounded(blocks: Iterable[Audio]) -> Iterator[tuple[Audio | None, Audio, Audio | None]]:
    before: Audio | None = None
    now: Audio | None = None
    for block in blocks:
        if now is not None:
            yield before, now, block
        before, now = now, block
    if now is not None:
        yield before, now, None
