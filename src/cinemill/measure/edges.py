"""A luma plane -> what its sharp vertical edges look like: how wide they are, and how far they shoot over.

Edges between two even stretches are laid over one another, risen to the right and brought to a height of 1. The median
of each place is the picture's response to a step. Overshoot behind the edge alone is a recorder's ringing; on both
sides it is a sharpener's halo.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
"""float32"""

REACH = 20
"""Pixels that are looked at on either side of an edge."""
_HEIGHT = 40.0
"""Code values from the dark side to the bright side, at least."""
_ALONE = 8
"""Pixels within which no steeper place lies."""
_EVEN = 0.15
"""Share of its height by which the stretches beside an edge may deviate, beside noise."""
_SHARP = 0.8
"""Share of its height that a sharp edge climbs in four pixels."""
_UPRIGHT = 0.25
"""Share of the lines that have an edge in one column when it is the border of a black bar."""
_MOST = 1500
"""Edges of one plane, which is plenty."""
_FEW = 200
"""Edges below which there is no answer."""


@dataclass(frozen=True)
class Edges:
    """`rise`: pixels from 10 % to 90 % of the height; `before` and `behind`: overshoot as a share of the height."""

    rise: float
    before: float
    behind: float

    @property
    def ringing(self) -> float:
        """Overshoot behind edges that sharpening, which does the same on both sides, does not explain."""
        return max(0.0, self.behind - self.before)

    @property
    def advance(self) -> float:
        """Pixels by which ringing brings edges forward: what lifts the picture behind an edge also lifts its foot.

        Three pixels times the overshoot for the response of a VHS deck, a swing of 8 px that dies out in 16.
        """
        return min(0.5, 3 * self.ringing)


def steps(luma: Floats, noise: float) -> Floats:
    """(edges, 2 REACH + 1): the surroundings of isolated edges of one plane, from 0 on the left to 1 on the right.

    `luma`: (H, W) in 8-bit code values; `noise`: its sigma.
    """
    rise = luma[:, 4:] - luma[:, :-4]
    steep = np.abs(rise[:, REACH:-REACH])
    places = np.argwhere(steep > max(_HEIGHT, 6 * noise)) if steep.size else np.zeros((0, 2), np.int64)
    # The border of a bar, which is drawn and not recorded, would drown the picture's edges.
    places = places[np.bincount(places[:, 1], minlength=luma.shape[1])[places[:, 1]] < _UPRIGHT * len(luma)]
    places = places[:: max(1, len(places) // (8 * _MOST))]
    near = np.arange(-REACH, REACH + 1)
    around = luma[places[:, :1], places[:, 1:] + REACH + 2 + near]
    slope = np.abs(around[:, 4:] - around[:, :-4])
    middle = REACH - 2
    alone = slope[:, middle] >= slope[:, middle - _ALONE : middle + _ALONE + 1].max(axis=1)
    around = around[alone][:_MOST]
    left, right = around[:, : REACH - _ALONE], around[:, REACH + _ALONE + 1 :]
    low, high = np.median(left, axis=1, keepdims=True), np.median(right, axis=1, keepdims=True)
    height = high - low
    uneven = np.maximum(np.abs(left - low).mean(axis=1), np.abs(right - high).mean(axis=1))
    tall = np.abs(height[:, 0])
    sharp = slope[alone][:_MOST, middle] > _SHARP * tall
    good = sharp & (tall > _HEIGHT) & (uneven < _EVEN * tall + noise)
    return ((around - low) / np.where(height == 0, 1, height))[good].astype(np.float32)


def edges(seen: Sequence[Floats]) -> Edges | None:
    """The typical edge of all of `steps`; None where there are too few."""
    if sum(map(len, seen)) < _FEW:
        return None
    step = np.median(np.concatenate(seen), axis=0)
    lower, upper = (_crossing(step, level) for level in (0.1, 0.9))
    before, behind = step[REACH - _ALONE : REACH], step[REACH + 1 : REACH + _ALONE + 1]
    return Edges(upper - lower, max(0.0, -float(before.min())), max(0.0, float(behind.max()) - 1))


def _crossing(step: Floats, level: float) -> float:
    """Where the step first exceeds `level` for good, in pixels."""
    above = int(np.flatnonzero(step[: REACH + _ALONE] < level)[-1]) + 1
    lower, upper = float(step[above - 1]), float(step[above])
    return above - 1 + (level - lower) / max(upper - lower, 1e-6)
