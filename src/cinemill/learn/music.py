"""Sound for the procedural pictures: quiet chords with a plucked line, and a click at every cut to check sync by."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cinemill.learn.procedural import cuts

Samples = NDArray[Any]

# Chords as semitones above the key: I, vi, IV, V with sevenths and ninths; each lasts BAR seconds.
_CHORDS = ((0, 7, 16, 23), (-3, 4, 12, 19), (5, 12, 16, 24), (-5, 7, 14, 17))
_BAR = 2.4
_NOTES_PER_BAR = 8
CLICK_SECONDS = 0.004
CLICK_LEVEL = 0.6
"""Peak of a click; the music stays below a third of full scale."""


def sound(seconds: float, sample_rate: int, seed: int) -> Samples:
    """(2, n) float32, n = ceil(seconds * sample_rate), for `procedural.scenes` of the same seconds and seed.

    A click's first sample is the one nearest to the cut; it is the same in both channels.
    """
    music = _music(ceil(seconds * sample_rate), sample_rate, np.random.default_rng([seed, 4]))
    click = _click(sample_rate)
    for cut in cuts(seconds, seed)[1:]:
        start = round(cut * sample_rate)
        room = music[:, start : start + click.size]
        room[:] = click[: room.shape[1]]
    return music


def _music(count: int, sample_rate: int, rng: np.random.Generator) -> Samples:
    root = 220 * 2 ** (int(rng.integers(-4, 4)) / 12)
    out = np.zeros((2, count), np.float32)
    for bar in range(ceil(count / sample_rate / _BAR)):
        chord = _CHORDS[bar % len(_CHORDS)]
        for place, semitones in enumerate(chord):
            pitch = root / 2 * 2 ** (semitones / 12)
            _add(out, bar * _BAR, _pad(pitch, sample_rate), 0.035, 0.3 + 0.4 * place / 3, sample_rate)
        for beat in range(_NOTES_PER_BAR):
            pitch = root * 2 ** (chord[int(rng.integers(len(chord)))] / 12)
            level = 0.055 * rng.uniform(0.5, 1)
            start = bar * _BAR + beat * _BAR / _NOTES_PER_BAR
            _add(out, start, _pluck(pitch, sample_rate), level, rng.uniform(0.25, 0.75), sample_rate)
    return out * _fade(count, sample_rate)


def _add(out: Samples, start: float, note: Samples, level: float, pan: float, sample_rate: int) -> None:
    """Mix `note` in at `start` seconds; `pan` 0 is left, 1 right, with constant power between."""
    at = round(start * sample_rate)
    room = out[:, at : at + note.size]
    gains = np.array([[np.cos(pan * np.pi / 2)], [np.sin(pan * np.pi / 2)]], np.float32)
    room += np.float32(level) * gains * note[: room.shape[1]]


def _pad(pitch: float, sample_rate: int) -> Samples:
    """A held chord note that swells over half a second and overlaps the next bar."""
    t = np.arange(round((_BAR + 0.8) * sample_rate)) / sample_rate
    envelope = np.minimum(t / 0.5, 1) * np.minimum((t[-1] - t) / 0.8, 1)
    # Two voices a few cents apart beat slowly, which is what makes a pad sound wide.
    voices = sum(np.sin(2 * np.pi * pitch * ratio * k * t) / k**2 for ratio in (0.9985, 1.0015) for k in (1, 2, 3))
    return (envelope * voices).astype(np.float32)


def _pluck(pitch: float, sample_rate: int) -> Samples:
    """A struck string: overtones die faster than the fundamental."""
    t = np.arange(round(1.4 * sample_rate)) / sample_rate
    tone = sum(np.exp(-t * (2.2 + 2.4 * k)) * np.sin(2 * np.pi * pitch * k * t) / k for k in range(1, 6))
    return (np.minimum(t / 0.004, 1) * tone).astype(np.float32)


def _click(sample_rate: int) -> Samples:
    t = np.arange(max(2, round(CLICK_SECONDS * sample_rate))) / sample_rate
    return (CLICK_LEVEL * np.exp(-t / 0.001) * np.cos(2 * np.pi * 3000 * t)).astype(np.float32)


def _fade(count: int, sample_rate: int) -> Samples:
    t = np.arange(count) / sample_rate
    return np.clip(np.minimum(t / 0.3, (t[-1:] - t) / 0.8), 0, 1).astype(np.float32)
