"""Frames -> how far colour lies beside luma, across and down, in luma pixels, with its uncertainty.

Pieces of lines (and of columns) of luma and chroma are correlated by their slopes. Whether colour rises or falls where
luma rises differs from edge to edge but not from line to line, so the correlations of neighbouring lines and of several
moments are added, which drowns the noise, and then squared, which drops the sign, before the picture's pieces are added
up. Along the lines luma's steepest slopes count most: overshoot beside an edge would pull the answer. Down the columns
luma is smoothed first, as what shifts colour by parts of a row smooths that.
Where light falls softly over things, colour changes in another place than brightness, alike all over a thing and often
all over a scene. So bands of the picture are left out in turn, and then scenes, and the larger spread says how sure the
answer is (jackknife). Source for correlating in the frequency domain: C. Knapp and G. Carter, The generalized
correlation method for estimation of time delay, 1976.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cinemill.media.types import Frame, Plane

Floats = NDArray[Any]
"""float32"""

_LINES = 16
"""Neighbouring lines in which an edge runs on with one sign."""
_UNSURE = 0.35
"""Pixels of uncertainty above which there is no answer. A cassette's soft colour, on a few stretches, has 0.25."""
_FINE = 4
"""Steps of a correlation per luma pixel."""
_FAINT = 1.0
"""Slope of chroma, in code values per sample, below which rounding decides."""
_FEW = 0.1
"""How many perfectly correlated pieces there must be, at least, for an answer."""
_PARTS = 12
"""Bands of a picture that are left out in turn."""
_SCENES = 4
"""Scenes from which on their spread can be told."""


@dataclass(frozen=True)
class Reach:
    """A piece of a line: luma of `core` samples, chroma of up to `span` luma samples more on either side.

    Luma is smoothed by `soft` samples, and a slope counts by the power `steep` of its share of the steepest near by.
    """

    core: int
    span: int
    steep: int
    soft: float

    @property
    def whole(self) -> int:
        return self.core + 2 * self.span


ACROSS = Reach(32, 16, steep=5, soft=0)
DOWN = Reach(16, 8, steep=2, soft=2)
"""Lines of a field, which is two of the frame."""


@dataclass(frozen=True)
class Cross:
    """Sums of one colour plane over some lines: cross-spectra (pieces, frequencies), and energies (pieces,)."""

    spectra: NDArray[Any]
    luma: Floats
    chroma: Floats
    samples: int
    """Of chroma in a piece of a line."""
    lines: int

    def __add__(self, other: Cross) -> Cross:
        return replace(
            self,
            spectra=self.spectra + other.spectra,
            luma=self.luma + other.luma,
            chroma=self.chroma + other.chroma,
            lines=self.lines + other.lines,
        )


@dataclass(frozen=True)
class Shift:
    """How far colour lies to the right, or below, in luma pixels of the frame, give or take one `error`."""

    px: float
    error: float


Pair = tuple[Cross, Cross]
"""Cb and Cr against luma."""


def across(frame: Frame) -> Pair | None:
    """Colour against luma along the lines; None where there is no colour or too little room."""
    return _crossed(frame, ACROSS, turned=False)


def down(frame: Frame) -> Pair | None:
    """The same along the columns of each field."""
    return _crossed(frame, DOWN, turned=True)


def _crossed(frame: Frame, reach: Reach, turned: bool) -> Pair | None:
    if frame.layout.family != "yuv":
        return None
    first, second = (sum_of(list(_by_field(frame, plane, reach, turned))) for plane in (1, 2))
    return (first, second) if first and second else None


def sum_of(crosses: Sequence[Cross]) -> Cross | None:
    return sum(crosses[1:], crosses[0]) if crosses else None


def _by_field(frame: Frame, plane: int, reach: Reach, turned: bool) -> Iterator[Cross]:
    """One Cross for each field that has room for it."""
    horizontal, vertical, _ = frame.layout.planes[plane]
    scale = np.float32(2.0 ** (8 - frame.layout.bits))
    for parity in (0, 1):
        luma, chroma = (_undisturbed(frame.planes[p], parity, scale) for p in (0, plane))
        # In 4:2:0 a field's chroma lies 1/4 line below its first luma line, or 3/4, seen from the other field.
        late = 0.25 + 0.5 * parity if turned and vertical else 0.0
        if turned:
            luma, chroma, horizontal, vertical = luma.T, chroma.T, vertical, horizontal
        along, beside = 1 << horizontal, 1 << vertical
        lines = min(len(luma) // beside, len(chroma)) // _LINES * _LINES
        length = min(luma.shape[1], chroma.shape[1] * along)
        if lines and length >= reach.whole:
            alike = cv2.resize(luma[: lines * beside], (luma.shape[1], lines), interpolation=cv2.INTER_AREA)
            yield _pieces(alike[:, :length], chroma[:lines, : length // along], along, reach, late)
        if turned:
            horizontal, vertical = vertical, horizontal


def _undisturbed(plane: Plane, parity: int, scale: np.float32) -> Floats:
    """Lines of a field without dropouts, which have luma and colour edges in one place, and torn lines."""
    field = plane[: len(plane) * 31 // 32][parity::2]
    above, here, below = field[:-2], field[1:-1], field[2:]
    # The median of three lines; the outer lines are left as they are.
    median = np.maximum(np.minimum(above, here), np.minimum(np.maximum(above, here), below))
    return np.concatenate([field[:1], median, field[-1:]]).astype(np.float32) * scale


def _pieces(luma: Floats, chroma: Floats, step: int, reach: Reach, late: float) -> Cross:
    """Lines in rows; `step` luma samples to one of chroma, which lies `late` luma samples behind its index."""
    whole, inside = reach.whole, slice(reach.span, reach.span + reach.core)
    if reach.soft:
        luma = np.asarray(cv2.sepFilter2D(luma, -1, _bell(reach.soft), np.ones(1, np.float32)))
    starts = range(0, luma.shape[1] - whole + 1, reach.core)
    edges = np.stack([luma[:, at : at + whole] for at in starts], axis=1)
    colours = np.stack([chroma[:, at // step : (at + whole) // step] for at in starts], axis=1)
    edges, colours = _slope(edges), _slope(colours)
    core = edges[..., inside]
    core = core * (np.abs(core) / (np.abs(core).max(axis=-1, keepdims=True) + 1e-3)) ** (reach.steep - 1)
    edges = np.zeros_like(edges)
    edges[..., inside] = core
    bins = whole // step // 2
    turn = np.exp(-2j * np.pi * np.arange(bins) * late / whole)
    spectra = np.fft.rfft(colours)[..., :bins] * np.conj(np.fft.rfft(edges)[..., :bins]) * turn
    return Cross(
        spectra=_summed(spectra.astype(np.complex64)),
        luma=_summed(np.square(core).sum(axis=-1)),
        chroma=_summed(np.square(colours).sum(axis=-1)),
        samples=whole // step,
        lines=_LINES,
    )


def _bell(sigma: float) -> Floats:
    return np.asarray(cv2.getGaussianKernel(2 * int(3 * sigma) + 1, sigma, cv2.CV_32F))


def _slope(lines: Floats) -> Floats:
    slope = np.zeros_like(lines)
    slope[..., 1:-1] = (lines[..., 2:] - lines[..., :-2]) / 2
    return slope


def _summed(values: NDArray[Any]) -> NDArray[Any]:
    """(lines, pieces, ...) -> (pieces of _LINES lines each, ...)"""
    groups = values.reshape(len(values) // _LINES, _LINES, *values.shape[1:]).sum(axis=1)
    return groups.reshape(-1, *groups.shape[2:])


def curves(seen: Sequence[Pair], reach: Reach) -> list[Floats]:
    """How well each lag fits what moments of one scene show: one curve for each part of the picture.

    Lags go from -span to span luma samples, _FINE to a sample.
    """
    totals = [total for plane in zip(*seen) if (total := sum_of(plane))]
    count = len(totals[0].luma) if totals else 0
    edges = np.linspace(0, count, _PARTS + 1).astype(int)
    bands = [slice(first, after) for first, after in pairwise(edges)] if count >= _PARTS else []
    return [np.sum([_curve(total, band, reach) for total in totals], axis=0) for band in bands]


def _curve(total: Cross, which: slice, reach: Reach) -> Floats:
    """Sum of squared correlations of some pieces. Pieces without colour weigh little, whatever their contrast."""
    steps, span = reach.whole * _FINE, reach.span * _FINE
    # At most the product of the energies, which is where chroma is luma's image.
    fits = np.square(np.fft.irfft(total.spectra[which], steps) * (steps / total.samples))
    faint = _FAINT**2 * total.lines * reach.core + 3 * np.median(total.chroma)
    weight = 1 / ((total.luma + np.median(total.luma) + 1) * (total.chroma + faint))
    summed = (fits * weight[which, None]).sum(axis=0)
    return np.concatenate([summed[-span:], summed[: span + 1]])


def shift(parts: Sequence[Floats], reach: Reach) -> Shift | None:
    """Where the sum of all `curves`, of one scene or of several, peaks; None without a clear answer."""
    if len(parts) < 2:
        return None
    rows = 2 if reach is DOWN else 1
    total = np.sum(parts, axis=0)
    scenes = [np.sum(parts[first : first + _PARTS], axis=0) for first in range(0, len(parts), _PARTS)]
    error = rows * max(_spread(parts, reach), _spread(scenes, reach) if len(scenes) >= _SCENES else 0.0)
    px = rows * _peak(total, reach)
    sure = np.ptp(total) > _FEW and error <= rows * _UNSURE and abs(px) < rows * (reach.span - 1)
    return Shift(px, error) if sure else None


def _spread(parts: Sequence[Floats], reach: Reach) -> float:
    """Standard error of the peak, by answers that each leave out one part.

    These differ less than the parts' own by as many as there are others (jackknife).
    """
    total = np.sum(parts, axis=0)
    peaks = np.array([_peak(total - part, reach) for part in parts])
    return float(np.sqrt((len(parts) - 1) * np.mean(np.square(peaks - peaks.mean()))))


def _peak(curve: Floats, reach: Reach) -> float:
    """The lag of the highest point in luma samples, by a parabola through what lies within 2 of it."""
    half = 2 * _FINE
    best = half + int(curve[half:-half].argmax())
    near = np.arange(-half, half + 1)
    curvature, rise, _ = np.polyfit(near, curve[best - half : best + half + 1], 2)
    top = -rise / (2 * curvature) if curvature < 0 else 0.0
    return (best + float(np.clip(top, -half, half))) / _FINE - reach.span
