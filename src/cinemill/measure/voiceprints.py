"""Speech -> a vector of the voice, by any ONNX model of the WeSpeaker or 3D-Speaker kind.

They take 80 mel bands a hundredth of a second, (1, frames, 80), made as Kaldi makes them (25 ms, Hamming, no dither),
with the mean of each band over the stretch taken off, and give (1, size). Source: Kaldi's feature-fbank.cc.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cinemill.errors import ModelRefused
from cinemill.measure import emissions
from cinemill.media.mono import RATE, Samples

Floats = NDArray[Any]
_WINDOW, _HOP, _FFT, _BANDS = 400, 160, 512, 80
_LOWEST = 20.0
"""Hz"""
_LEAST = RATE // 2
"""Samples that are heard at least: a shorter stretch is said over again."""


def heard(samples: Samples, spans: Sequence[tuple[int, int]], model: Path) -> Floats:
    """A vector of length 1 for each span of samples, (n, size) float32. Raises MissingModel, ModelRefused."""
    session = emissions.session(model)
    return np.stack([_voice(session, samples[start:stop], model) for start, stop in spans])


def _voice(session: Any, samples: Samples, model: Path) -> Floats:
    if len(samples) < _LEAST:
        samples = np.resize(samples, _LEAST) if len(samples) else np.zeros(_LEAST, np.int16)
    bands = filterbank(samples)
    try:
        (found, *_) = session.run(None, {session.get_inputs()[0].name: (bands - bands.mean(axis=0))[None]})
    except Exception as error:  # onnxruntime's errors have no common base
        raise ModelRefused(f"{model} does not take (1, frames, 80): {str(error).splitlines()[0]}") from None
    vector = np.asarray(found, np.float32).reshape(-1)
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def filterbank(samples: Samples) -> Floats:
    """Logarithms of the energy in mel bands, (frames, 80) float32."""
    runs = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float32), _WINDOW)[::_HOP]
    runs = runs - runs.mean(axis=1, keepdims=True)
    before = np.concatenate([runs[:, :1], runs[:, :-1]], axis=1)
    runs = (runs - 0.97 * before) * np.hamming(_WINDOW).astype(np.float32)
    power = np.abs(np.fft.rfft(runs, _FFT)) ** 2
    return np.log(np.maximum(power @ _filters(), np.finfo(np.float32).eps)).astype(np.float32)


@lru_cache
def _filters() -> Floats:
    def mel(hz: Any) -> Any:
        return 1127.0 * np.log(1.0 + np.asarray(hz) / 700.0)

    edges = np.linspace(mel(_LOWEST), mel(RATE / 2), _BANDS + 2)
    bins = mel(np.arange(_FFT // 2 + 1) * RATE / _FFT)[:, None]
    rise = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.maximum(0.0, np.minimum(rise, fall)).astype(np.float32)
