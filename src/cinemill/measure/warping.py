"""Successive pictures -> warping error: by how much they change beyond what moved; flicker that the eye sees.

The picture before is moved onto this one along the optical flow, and what still differs, where it can be seen in both,
is the error. A version of a film is judged by the motion of the film itself, so that its flicker is not taken for
motion. Sources: W.-S. Lai et al., Learning blind video temporal consistency, 2018, here with the mean absolute error of
luma; what is hidden in one of the two pictures is found by the flow there and back, N. Sundaram et al., Dense point
trajectories by GPU-accelerated large displacement optical flow, 2010, section 2.1.
Grain is change too: look at the error beside that of the source.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cinemill.measure.motion import Floats, Flow, Match, Motion, Still, moved
from cinemill.media.types import Plane

_LINES = 360
"""Height at which motion is looked for, at most: errors of 1080p are 4 % less than with 540 lines, in half of the time.
"""
_LEAST = 0.1
"""Share of the picture that must be seen in both, or else there is no error to speak of."""


class Follower:
    """Goes through a film, and any number of versions of it, picture by picture. Holds one picture of each."""

    def __init__(self) -> None:
        self._motion = Motion()
        self._before: tuple[Still, Sequence[Floats]] | None = None

    def errors(self, film: Floats, *versions: Floats) -> tuple[float, ...] | None:
        """The warping error of the film and of each version since the last call, in 8-bit code values.

        All are (H, W) float32 luma of one size, in 8-bit code values. None for the first picture, at a cut, and where
        hardly anything is seen in both.
        """
        lumas = (film, *versions)
        now = Still((np.rint(np.clip(film, 0, 255)).astype(np.uint8),), 8)
        before, self._before = self._before, (now, lumas)
        if before is None:
            return None
        still, others = before
        here, there = _guide(now), _guide(still)
        flow = self._motion.flow(here, there)
        if Match(still, flow).is_other_scene(now):
            return None
        seen = seen_in_both(flow, self._motion.flow(there, here))
        if seen.mean() < _LEAST:
            return None
        wide = cv2.resize(seen.astype(np.uint8), film.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
        return tuple(_error(luma, other, flow, wide) for luma, other in zip(lumas, others))


def _guide(still: Still) -> Plane:
    """What motion is looked for in: no larger than is of use here."""
    height, width = still.guide.shape
    if height <= _LINES:
        return still.guide
    size = (round(width * _LINES / height), _LINES)
    return np.asarray(cv2.resize(still.guide, size, interpolation=cv2.INTER_AREA))


def _error(now: Floats, before: Floats, flow: Flow, seen: NDArray[np.bool_]) -> float:
    return float(np.abs(now - moved(before, flow, sharp=True))[seen].mean(dtype=np.float64))


def seen_in_both(there: Flow, back: Flow) -> NDArray[np.bool_]:
    """(h, w): where the flow to another picture and the flow back cancel, and stay within the borders."""
    height, width = there.shape[:2]
    back = np.stack([moved(np.ascontiguousarray(back[..., axis]), there) for axis in (0, 1)], axis=-1)
    columns = np.arange(width, dtype=np.float32)[None] + there[..., 0]
    rows = np.arange(height, dtype=np.float32)[:, None] + there[..., 1]
    inside = (columns >= 0) & (rows >= 0) & (columns <= width - 1) & (rows <= height - 1)
    return inside & (_squared(there + back) < 0.01 * (_squared(there) + _squared(back)) + 0.5)


def _squared(field: Any) -> Floats:
    return np.square(field).sum(axis=-1)
