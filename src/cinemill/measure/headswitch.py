"""Successive luma planes -> how many of the lowest rows a tape deck tore while it changed heads.

Torn rows are displaced anew in every field and noisy, so that they change in time otherwise than their neighbours do:
the difference in time of the difference down the lines is large, row after row, to the bottom. Movement is no reason
for that, because it goes on above. Whether the rows are black or bright is not asked, hence no cropdetect.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
"""float32"""

_LITTLE = 4.0
"""Code values of change that are added to each row's: a picture at rest changes by whole ones, which is no step."""
ROWS = 64
"""Lowest rows that are looked at; the upper half of them is taken for picture, and decks change heads below."""
_ABOVE = 8
"""Rows of a field above the torn ones that must be calmer than all of them."""
_STEP = 0.25
"""By how much, as a logarithm, in the median of many moments. Chance and movement stay below 0.1."""
_CALM = 0.08
"""And all rows to the bottom above what is usual."""
_FEWEST = 2
"""Torn rows of one field, at least, unless the lowest row of both is torn beyond doubt."""
_ALONE = 0.5
"""By how much these two rows must be more restless: they may be odd for other reasons, such as a half line."""


def unrest(before: Floats, now: Floats) -> Floats | None:
    """Log of how much each of the lowest rows changes in a way of its own; None if there are too few rows.

    Planes are (H, W) in 8-bit code values; differences are taken between lines of the same field.
    """
    count = min(ROWS, now.shape[0] // 2)
    if count < 2 * (_ABOVE + 2 * _FEWEST):
        return None
    change = now[-count - 2 :] - before[-count - 2 :]
    own = np.abs(change[2:] - change[:-2])
    # A quantile rather than the mean, since a dropout fills a part of a line and a torn line is torn all along.
    place = int(0.6 * own.shape[1])
    return np.asarray(np.log(np.partition(own, place, axis=1)[:, place] + _LITTLE), np.float32)


def torn_rows(seen: Sequence[Floats]) -> int:
    """The rows at the bottom that are torn, 0 for none, from `unrest` at many moments."""
    if not seen:
        return 0
    levels = np.stack(seen)
    profile: NDArray[Any] = np.median(levels - np.median(levels, axis=1, keepdims=True), axis=0)
    step, rows = max(fields := [_torn(profile, parity) for parity in (0, 1)])
    if step < _STEP:
        return 2 if min(_step(profile[parity::2], 1) for parity in (0, 1)) >= _ALONE else 0
    # Each field is asked by itself; they may change heads a row apart, and no more.
    return max(count for clear, count in fields if abs(count - rows) <= 1 and clear >= _STEP)


def _torn(profile: NDArray[Any], parity: int) -> tuple[float, int]:
    """The clearest step down the rows of one field, and how many rows of the frame lie below it."""
    field = profile[parity::2]
    below = (len(profile) - 1 - parity) % 2
    step, count = max((_step(field, count), count) for count in range(_FEWEST, len(field) - _ABOVE))
    return step, 2 * count - 1 + below


def _step(profile: NDArray[Any], count: int) -> float:
    """How far the first of the `count` lowest rows lie above the most restless of those over them.

    Further down the clock catches up again; 0 where it does so within the picture.
    """
    torn, above = profile[-count:], profile[-count - _ABOVE : -count]
    restless = torn.min() > np.median(above) + _CALM
    return float(torn[:_FEWEST].min() - above.max()) if restless else 0.0
