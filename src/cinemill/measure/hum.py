"""Sound -> steady tones that do not belong to it: hum of the mains, the whistle of a television's lines.

By the mean power spectrum of windows of a second and a half, which voices and music smear and steady tones do not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cinemill.media.types import Audio

_SIZE = 65_536
_MOST_WINDOWS = 200
"""Windows that are looked at: five minutes of sound tell."""
_HARMONICS = 12
_STANDS_OUT = 9.0
"""dB above what lies around it, from which on a tone is one."""
_WHISTLES = (15_625.0, 15_734.27)
"""Hz: lines a second of PAL and of NTSC."""


@dataclass(frozen=True, slots=True)
class Tones:
    """`mains`: Hz of the hum's base as it was found, near 50 or 60, None without hum; `harmonics`: which multiples
    stand out. `whistle`: Hz, None without one."""

    mains: float | None
    harmonics: tuple[int, ...]
    whistle: float | None


def tones(blocks: Iterable[Audio]) -> Tones:
    """What hums in a stream. Reads all of it, and looks at its first five minutes."""
    spectrum, rate = _spectrum(blocks)
    if not rate:
        return Tones(None, (), None)
    levels = 10 * np.log10(spectrum + 1e-20)
    found = [_hum(levels, rate, base) for base in (50.0, 60.0)]
    mains, harmonics = max(found, key=lambda one: len(one[1]))
    whistle = next((line for line in _WHISTLES if _whistles(levels, rate, line)), None)
    # One tone alone may be a note of a bass.
    return Tones(mains if len(harmonics) >= 3 else None, harmonics if len(harmonics) >= 3 else (), whistle)


@dataclass(frozen=True, slots=True)
class Hiss:
    """Steady noise under everything, by the quietest tenth of the time from 1 to 8 kHz: `level_db` of full scale, were
    it as strong elsewhere, and `flatness`, 1 for noise of all tones alike and 0 for a tone."""

    level_db: float
    flatness: float


_SHORT = 2048
_LOOKED_AT = 6000
"""Windows of `_SHORT` samples, one in every two: some eight minutes."""


def hiss(blocks: Iterable[Audio]) -> Hiss | None:
    """What is heard where it is quietest, silence left out. Looks at the first minutes; None where there is nothing."""
    window = np.hanning(_SHORT)
    held = np.zeros(0, np.float32)
    spectra: list[NDArray[np.float32]] = []
    rate = 0
    for block in blocks:
        rate = block.sample_rate
        held = np.concatenate([held, np.nan_to_num(block.samples.mean(axis=0))])
        whole = len(held) // (2 * _SHORT)
        runs = held[: whole * 2 * _SHORT].reshape(whole, 2 * _SHORT)[:, :_SHORT]
        spectra.append((np.abs(np.fft.rfft(runs * window)) ** 2).astype(np.float32))
        held = held[whole * 2 * _SHORT :]
        if sum(map(len, spectra)) >= _LOOKED_AT:
            break
    found = np.concatenate(spectra) if spectra else np.zeros((0, 1), np.float32)
    power = found.sum(axis=1) * 2 / (_SHORT * np.square(window).sum())
    heard = power > 1e-10
    if not rate or heard.sum() < 20:
        return None
    found, power = found[heard], power[heard]
    quiet = power <= np.quantile(power, 0.1)
    first, last = (min(found.shape[1], round(hz * _SHORT / rate)) for hz in (1000, 8000))
    band = found[quiet].mean(axis=0)[first:last] + 1e-20
    flatness = float(np.exp(np.log(band).mean()) / band.mean()) if len(band) else 0.0
    level = float(np.median(band)) * found.shape[1] * 2 / (_SHORT * np.square(window).sum())
    return Hiss(float(10 * np.log10(level)), flatness)


def _spectrum(blocks: Iterable[Audio]) -> tuple[NDArray[np.float64], int]:
    window = np.hanning(_SIZE)
    total = np.zeros(_SIZE // 2 + 1)
    held = np.zeros(0, np.float32)
    count, rate = 0, 0
    for block in blocks:
        if count >= _MOST_WINDOWS:
            break
        rate = block.sample_rate
        held = np.concatenate([held, np.nan_to_num(block.samples.mean(axis=0))])
        while len(held) >= _SIZE and count < _MOST_WINDOWS:
            total += np.abs(np.fft.rfft(held[:_SIZE] * window)) ** 2
            held, count = held[_SIZE // 2 :], count + 1
    if not count and rate:
        padded = np.pad(held, (0, max(0, _SIZE - len(held))))[:_SIZE]
        total, count = np.abs(np.fft.rfft(padded * window)) ** 2, 1
    return total / max(1, count), rate


def _rises(levels: NDArray[Any], rate: int, hz: float, within: float) -> tuple[float, float]:
    """How far the highest line near `hz` rises over what lies around it, in dB, and where it is."""
    step = rate / _SIZE
    middle, reach = hz / step, max(1, round(within / step))
    left, right = round(middle) - reach, round(middle) + reach + 1
    around = round(8 / step)
    if left - around < 0 or right + around > len(levels):
        return 0.0, hz
    peak = left + int(np.argmax(levels[left:right]))
    beside = np.concatenate([levels[left - around : left - 2], levels[right + 2 : right + around]])
    return float(levels[peak] - np.median(beside)), _refined(levels, peak) * step


def _refined(levels: NDArray[Any], peak: int) -> float:
    """The place of a peak between lines, by a parabola through three of them."""
    if not 0 < peak < len(levels) - 1:
        return float(peak)
    before, here, after = levels[peak - 1 : peak + 2]
    bend = before - 2 * here + after
    return peak + (0.5 * (before - after) / bend if bend < 0 else 0.0)


def _hum(levels: NDArray[Any], rate: int, base: float) -> tuple[float, tuple[int, ...]]:
    """The base as its strongest harmonics tell it, and the harmonics that stand out."""
    told: list[tuple[int, float]] = []
    for number in range(1, _HARMONICS + 1):
        rise, at = _rises(levels, rate, base * number, 0.4 * number + 1)
        if rise >= _STANDS_OUT:
            told.append((number, at / number))
    if not told:
        return base, ()
    exact = float(np.median([at for _, at in told]))
    # Harmonics that do not lie on one ladder are notes.
    return exact, tuple(number for number, at in told if abs(at - exact) < 0.25)


def _whistles(levels: NDArray[Any], rate: int, line: float) -> bool:
    rise, at = _rises(levels, rate, line, 12)
    other = next(one for one in _WHISTLES if one != line)
    return rise >= _STANDS_OUT and abs(at - line) < abs(at - other)
