"""How far subtitles are off their sound, and whether they run at another speed.

Cues and voice are two signals that are 1 where somebody speaks. For each speed that films are sold at, their
cross-correlation peaks at the offset; the best peak of all wins. Source: the idea of ffsubsync, S. Macias.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cinemill.media.cues.types import Cue

SPEEDS = tuple(
    Fraction(*pair) for pair in ((1, 1), (1001, 1000), (1000, 1001), (25, 24), (24, 25), (25025, 24000), (24000, 25025))
)
"""Length of what is heard against what is written: NTSC, PAL, and both."""
_STEP = 10
"""ms of a sample of the signals."""
_FAR = 100
"""Steps around a peak that belong to it."""
_FLAT = 0.002
"""Share of a peak that its top may be uneven by."""
_SURE = 0.25
"""Correlation below which nothing fits."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A time t of the cues is heard at t * scale + offset ms. `score`: correlation, from -1 to 1, and the next best."""

    offset: int
    scale: Fraction
    score: float
    next_best: float

    @property
    def is_sure(self) -> bool:
        return self.score >= _SURE and self.score - self.next_best > 0.02


def fit(cues: Sequence[Cue], voiced: NDArray[np.bool_], most_ms: int, scales: Sequence[Fraction] = SPEEDS) -> Fit:
    """The best offset of at most `most_ms` either way and the best speed. `voiced` has a value for each 10 ms."""
    heard = voiced.astype(np.float32)
    fits = [_at_speed(cues, heard, most_ms, scale) for scale in scales]
    best = max(fits, key=lambda one: one.score)
    # Another speed is a strong claim: it has to fit clearly better than none.
    plain = next((one for one in fits if one.scale == 1), best)
    return plain if best.score < plain.score + 0.03 else best


def _at_speed(cues: Sequence[Cue], heard: NDArray[Any], most_ms: int, scale: Fraction) -> Fit:
    written = _signal(cues, scale)
    size = 1 << (len(heard) + len(written)).bit_length()
    mean, other = heard.mean() if len(heard) else 0.0, written.mean() if len(written) else 0.0
    first = np.fft.rfft(heard - mean, size)
    second = np.fft.rfft(written - other, size)
    scores = np.fft.irfft(first * np.conj(second), size)
    norm = float(np.linalg.norm(heard - mean) * np.linalg.norm(written - other)) or 1.0
    most = min(most_ms // _STEP, size // 2 - 1)
    near = np.concatenate([scores[-most:] if most else scores[:0], scores[: most + 1]]) / norm
    at = _middle_of_top(near)
    others = np.concatenate([near[: max(0, at - _FAR)], near[at + _FAR + 1 :]])
    return Fit((at - most) * _STEP, scale, float(near[at]), float(others.max()) if len(others) else -1.0)


def _middle_of_top(scores: NDArray[Any]) -> int:
    """Where the voice lasts longer than its cues, or the reverse, many offsets fit alike: the middle one is meant."""
    left = right = int(np.argmax(scores))
    enough = scores[left] - _FLAT * abs(scores[left])
    while left > 0 and scores[left - 1] >= enough:
        left -= 1
    while right + 1 < len(scores) and scores[right + 1] >= enough:
        right += 1
    return (left + right) // 2


def _signal(cues: Sequence[Cue], scale: Fraction) -> NDArray[Any]:
    spans = [
        (int(cue.start * scale) // _STEP, int(cue.end * scale) // _STEP) for cue in cues if cue.end > cue.start >= 0
    ]
    signal = np.zeros(max((stop for _, stop in spans), default=0) + 1, np.float32)
    for start, stop in spans:
        signal[start:stop] = 1
    return signal
