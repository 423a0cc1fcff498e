"""Planes -> how their values are used: beyond the legal range, clipped, and in blocks of 8."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cinemill.media.types import Frame, Plane

Counts = NDArray[np.float64]
Histogram = tuple[Counts, Counts]
"""Of the 256 values of luma, and of Cb and Cr together."""

_MARGIN = 8
"""The outer 1/8 on every side is left out: bars, blanking and torn lines are no picture."""
_PILED = 4.0
"""How many times as often as the values beside it an outermost value must occur to have been clipped to."""
_SEEN = 0.002
"""Share of the picture, at least, that has been clipped when one can see it."""


@dataclass(frozen=True)
class Levels:
    """Shares of the picture, 0 to 1, against the limited range (16 to 235, colour to 240), whatever the file says."""

    below: float
    """Luma below 16."""
    above: float
    """Luma above 235."""
    colour: float
    """Colour outside 16 to 240."""
    clipped_dark: float
    """Luma at the lowest value there is, where that stands out."""
    clipped_bright: float
    lowest: float
    """What 0.1 % of luma lies below, in 8-bit code values."""
    highest: float


def histogram(frame: Frame) -> Histogram:
    """How often each 8-bit value occurs in the inner picture."""
    shift = frame.layout.bits - 8
    chroma = frame.planes[1:3] if frame.layout.family == "yuv" else ()
    return _counts(frame.planes[0], shift), sum((_counts(plane, shift) for plane in chroma), np.zeros(256))


def _counts(plane: Plane, shift: int) -> Counts:
    rows, columns = plane.shape[0] // _MARGIN, plane.shape[1] // _MARGIN
    inner: NDArray[Any] = plane[rows : plane.shape[0] - rows, columns : plane.shape[1] - columns]
    values = inner if plane.dtype == np.uint8 else (inner >> shift).astype(np.uint8)
    return cv2.calcHist([np.ascontiguousarray(values)], [0], None, [256], [0, 256]).reshape(-1).astype(np.float64)


def levels(seen: Sequence[Histogram]) -> Levels | None:
    """Levels of all of `histogram`; None for none."""
    if not seen:
        return None
    luma, chroma = (np.sum([one[plane] for one in seen], axis=0) for plane in (0, 1))
    luma, chroma = luma / max(1.0, luma.sum()), chroma / max(1.0, chroma.sum())
    running = np.cumsum(luma)
    return Levels(
        below=float(luma[:16].sum()),
        above=float(luma[236:].sum()),
        colour=float(chroma[:16].sum() + chroma[241:].sum()),
        clipped_dark=_piled_up(luma),
        clipped_bright=_piled_up(luma[::-1]),
        lowest=float(np.searchsorted(running, 0.001)),
        highest=float(np.searchsorted(running, 0.999)),
    )


def _piled_up(luma: Counts) -> float:
    """The share of the outermost value that really occurs, if it towers over the next ones."""
    occurs = np.flatnonzero(luma > 1e-5)
    first = int(occurs[0]) if occurs.size else 0
    beside = float(luma[first + 1 : first + 5].mean()) if first < 250 else 0.0
    return float(luma[first]) if luma[first] > max(_SEEN, _PILED * beside) else 0.0


def blocking(luma: NDArray[Any]) -> float:
    """How much larger steps are at every eighth column than elsewhere, as a share; about 0 without blocks.

    Wherever the grid begins. Steps of real edges are too large to be a coder's and are cut short.
    """
    steps = np.minimum(np.abs(luma[:, 1:] - luma[:, :-1]), 12).mean(axis=0)
    whole = steps.size // 8 * 8
    if whole < 64:
        return 0.0
    typical = np.median(steps[:whole].reshape(-1, 8), axis=0)
    grid = int(typical.argmax())
    others = float(np.median(np.delete(typical, grid)))
    return float(typical[grid]) / max(others, 0.2) - 1
