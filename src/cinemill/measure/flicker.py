"""Glances at successive frames -> how much brightness changes for the whole picture at once, as film's does.

The gain from frame to frame is that of most of the picture, so that what moves through it counts little. What changes
over a second and longer is light, and no flicker.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from cinemill.measure.scenes import Glance

_DARK = 12.0
"""Code values above black below which a place tells no gain."""
_STEADY = 0.6
"""Seconds over which brightness is averaged to tell what is steady."""
_FEW = 12


def flicker(scene: Sequence[Glance], black: float = 16.0) -> float | None:
    """Standard deviation of the brightness around its running mean, as a share of it; None for a few frames.

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
        gains.append(gains[-1] + (float(np.median(ratio)) if lit.mean() > 0.1 else 0.0))
    count = 2 * half + 1
    left = np.array(gains[half : len(gains) - half]) - np.convolve(gains, np.full(count, 1 / count), "valid")
    # The running mean of n frames holds 1/n of each, which takes that share of the variance with it.
    return float(np.sqrt(np.mean(np.square(left)) / (1 - 1 / count)))
