"""Glances at successive frames -> how much brightness changes for the whole picture at once, as film's does.

The gain from frame to frame is that of most of the picture, so that what moves through it counts little; where most of
it changes as much by itself, as in flames, there is no common gain. A parabola is laid through the brightness around
each frame: fades and passing clouds follow it, flicker is what is left. Source for the parabola: A. Savitzky and
M. Golay, Smoothing and differentiation of data, 1964.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cinemill.measure.scenes import Glance

_DARK = 12.0
"""Code values above black below which a place tells no gain."""
_STEADY = 1.2
"""Seconds over which a parabola is laid."""
_FEW = 12
_COMMON = 0.5
"""Share of the median deviation from it that a gain has at least; film has several times that, flames a third."""


def flicker(scene: Sequence[Glance], black: float = 16.0) -> float | None:
    """Standard deviation of the brightness around its slow course, as a share of it; None for a few frames.

    `scene`: successive frames without a cut. `black` is the code value of black.
    """
    if len(scene) < _FEW:
        return None
    frames = len(scene) * _STEADY / max(_STEADY, scene[-1].time - scene[0].time)
    half = max(2, min(round(frames / 2), len(scene) // 3))
    gains = [0.0]
    for before, now in pairwise(scene):
        lit = np.minimum(before.luma, now.luma) > black + _DARK
        ratio = np.log((now.luma[lit] - black) / (before.luma[lit] - black))
        gains.append(gains[-1] + (_common(ratio) if lit.mean() > 0.1 else 0.0))
    kernel = _parabola(half)
    left = np.array(gains[half : len(gains) - half]) - np.convolve(gains, kernel, "valid")
    # The parabola follows each frame by its own share in it, which takes that share of the variance with it.
    return float(np.sqrt(np.mean(np.square(left)) / (1 - kernel[half])))


def _common(ratios: NDArray[Any]) -> float:
    """The median of logarithms, unless it is lost among them."""
    gain = np.median(ratios)
    return float(gain) if abs(gain) > _COMMON * np.median(np.abs(ratios - gain)) else 0.0


def _parabola(half: int) -> NDArray[np.float64]:
    """Weights that give the middle of the parabola through 2 * half + 1 values."""
    count, place = 2 * half + 1, np.arange(-half, half + 1)
    return 3 * (3 * count**2 - 7 - 20 * place**2) / (4 * count * (count**2 - 4))
