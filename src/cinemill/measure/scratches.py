"""A luma plane -> how many upright scratches of film it has: thin lines, brighter or darker than both their sides.

Means over parts of the height drown noise and grain; a scratch stands out by about as much in most of them. Source:
line profiles after A. Kokaram, Detection and removal of line scratches in degraded motion picture sequences, 1996.
Wrong for things that are just as thin, straight and tall: poles, wires.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_PARTS = 12
_LONG = 0.65
"""Share of the height that a scratch runs through."""
_FAINT = 3.0
"""Code values by which a scratch stands out from either side, at least."""
_ALIKE = 0.5
"""Share of the larger step by which the steps on either side may differ. An edge, with its halo, has one side."""
_EDGE = 3.0
"""How many times as high as a scratch an upright edge beside it is, to be the cause of it."""
_SIDE = 3.5
"""Pixels from a scratch to what is beside it, on a tape's 720."""


def scratches(luma: NDArray[Any]) -> int:
    """The scratches of one plane, (H, W) float32 in 8-bit code values."""
    columns, side = luma.shape[1], max(2, round(_SIDE * luma.shape[1] / 720))
    if luma.shape[0] < 2 * _PARTS or columns < 8 * side:
        return 0
    parts = np.asarray(cv2.resize(luma, (columns, _PARTS), interpolation=cv2.INTER_AREA))
    here = parts[:, side:-side]
    left, right = here - parts[:, : -2 * side], here - parts[:, 2 * side :]
    above, below = np.minimum(left, right), -np.maximum(left, right)
    alike = np.abs(left - right) < _ALIKE * np.maximum(np.abs(left), np.abs(right))
    # Beside an edge that is as tall, as that of a bar, a recorder's ringing makes lines.
    steps = np.median(np.abs(left), axis=0)[None]
    beside = cv2.dilate(steps, np.ones((1, 6 * side + 1), np.uint8))[0]
    alone = beside < _EDGE * np.maximum(np.median(above, axis=0), np.median(below, axis=0))
    lines = np.maximum(*(((stands > _FAINT) & alike).mean(axis=0) for stands in (above, below))) >= _LONG
    lines &= alone
    return int(np.count_nonzero(np.diff(lines.astype(np.int8), prepend=0) == 1))
