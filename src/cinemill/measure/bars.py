"""Luma planes of many moments -> the black bars around the picture: letterbox, pillarbox, blanking of a capture.

A line is a bar's when it is black at every moment and the picture begins behind it all along at once. That is told from
a dark scene by its edge: shadows have no straight one. How black black is, is taken from the picture, since tapes carry
it anywhere from 0 to 32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
"""float32"""

_CELLS = 48
"""A line is looked at in about so many pieces, whose means carry little noise."""
_BLACKEST = 40.0
"""Code values that black may be lifted to: 16, a setup of 7.5 IRE, and some noise that was clipped."""
_CONTRAST = 8.0
"""Code values by which picture must exceed black to be told from it."""
_RINGING = 0.2
"""And share of the picture's usual brightness, since edges ring into the bars."""
_COVER = 0.7
"""Share of a line's pieces that are picture where the picture begins."""
_WIDEST = 0.36
"""Share of the frame, at most, on one side: an upright picture in a wide frame leaves 0.34."""
_STRAYS = 0.1
"""Share of a black line's pieces that may be bright: the ends of wavering lines."""
_DATA = 2
"""Lines above the picture that may carry captions or test signals in a bar."""
_SOFT = 6
"""Lines, at most, that it takes from black to picture: an edge is blurred, and wavers."""


@dataclass(frozen=True)
class Bars:
    """Lines and columns of the frame, in pixels, that hold no picture."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0

    def __bool__(self) -> bool:
        return any((self.left, self.top, self.right, self.bottom))


@dataclass(frozen=True)
class Extent:
    """How bright each piece of each line is, at one moment or ever, in 8-bit code values."""

    rows: Floats
    """(H, pieces)"""
    columns: Floats
    """(W, pieces)"""


def extent(plane: Floats) -> Extent:
    """One luma plane, (H, W) in 8-bit code values."""
    return Extent(_pieces(plane), _pieces(plane.T))


def _pieces(plane: Floats) -> Floats:
    """(lines, pieces): means along each line."""
    lines, length = plane.shape
    return np.asarray(cv2.resize(plane, (min(length, _CELLS), lines), interpolation=cv2.INTER_AREA), np.float32)


def together(moments: Sequence[Extent]) -> Extent:
    """What moments of one stretch show at all. Their brightest fifth is left out, so that dropouts are."""
    place = int(0.8 * (len(moments) - 1))

    def nearly_brightest(lines: list[Floats]) -> Floats:
        return np.partition(np.stack(lines), place, axis=0)[place]

    return Extent(nearly_brightest([one.rows for one in moments]), nearly_brightest([one.columns for one in moments]))


def bars(seen: Sequence[Extent], torn: int = 0) -> Bars:
    """The bars that all stretches share. `torn` lowest rows, where heads change, hold neither picture nor black."""
    if not seen:
        return Bars()
    rows = np.max([one.rows for one in seen], axis=0)
    columns = np.max([one.columns for one in seen], axis=0)
    top, below = _from_start(rows), _from_start(rows[: len(rows) - torn][::-1])
    left, right = _from_start(columns), _from_start(columns[::-1])
    return Bars(left, top, right, below + torn if below else 0)


def _from_start(lines: Floats) -> int:
    """How many of the first lines are a bar."""
    black = _black(lines)
    if black is None or len(lines) < 4 * _SOFT:
        return 0
    bright = lines > black + max(_CONTRAST, _RINGING * (float(np.median(lines)) - black))
    cover = bright.mean(axis=1)
    # Lines of captions are fewer than this.
    steady = np.lib.stride_tricks.sliding_window_view(cover, _DATA + 1).min(axis=1) >= _COVER
    begins = int(np.argmax(steady)) if steady.any() else 0
    stray = int((cover[: max(0, begins - _SOFT)] > _STRAYS).sum())
    if begins == 0 or begins > _WIDEST * len(lines) or stray > _DATA:
        return 0
    return _edge(lines, black, begins)


def _black(lines: Floats) -> float | None:
    """The level of the darkest of the outermost lines, if it is black and even."""
    outer = min(lines[: _DATA + 1], key=lambda line: float(line.mean()))
    level = float(np.median(outer))
    even = np.abs(outer - level) < _CONTRAST
    return level if level < _BLACKEST and even.mean() >= 1 - _STRAYS else None


def _edge(lines: Floats, black: float, begins: int) -> int:
    """The first line that is nearer to the picture behind it than to black, in most of the pieces that show it."""
    inside = lines[begins + 2 : begins + _SOFT].mean(axis=0)
    shows = inside > black + 2 * _CONTRAST
    if not shows.any():
        return begins
    start = max(0, begins - _SOFT)
    near = lines[start : begins + _SOFT, shows] > (black + inside[shows]) / 2
    return start + int(np.median(np.argmax(near, axis=0)))
