"""A stream of frames -> where its scenes begin, to the frame.

Each frame becomes a glance of a few thousand pixels, freed of brightness and contrast, so that flicker and fades change
nothing. A cut is where glances differ much, and much more than they do nearby; where no movement of parts explains it;
and where nothing soon after resembles anything shortly before, or else it was a flash, or somebody who walked past the
lens. A scene also begins where black ends and something new shows. Dissolves are not found. Source for comparing with
what is usual nearby: PySceneDetect's adaptive detector, B. Castellano.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cinemill.media.types import Frame, Plane

Floats = NDArray[Any]
"""float32"""

SIZE = (64, 48)
"""Columns and lines of a glance."""
_BLOCK = 8
_FAR = 12
"""Pixels of a glance that a part may move by from one frame to the next: a fifth of the picture's width."""
_LEAST = 0.35
"""Difference of glances below which there is no cut; pictures of two scenes differ by 0.5 to 1.5."""
_PEAK = 2.2
"""By how much a cut must exceed the median of what lies around it."""
_AROUND = 6
"""Frames before and after that are looked at: also how long a flash may last."""
_RESIDUE = 0.3
"""What is left of half of the blocks when each may move, less a fifth of the whole difference: 0.15 and a difference of
0.5 at the most within a scene; 0.2 and 1 at the least at a cut."""
_ALIKE = 0.3
"""Difference, as a share of the cut's, of pictures of the same scene before and after a flash."""
_FLAT = 6.0
"""Contrast (sigma in code values) below which a picture shows nothing."""


@dataclass(frozen=True, eq=False)
class Glance:
    """A frame, very small. `luma` (48, 64) and `chroma` (2, 24, 32) in 8-bit code values."""

    pts: int
    time_base: Fraction
    luma: Floats
    chroma: Floats

    @property
    def time(self) -> float:
        return float(self.pts * self.time_base)

    @cached_property
    def contrast(self) -> float:
        return float(self.luma.std())

    @cached_property
    def even(self) -> Floats:
        """Luma of mean 0 and deviation 1, but for pictures that show hardly anything."""
        return (self.luma - self.luma.mean()) / max(self.contrast, 2 * _FLAT)

    @cached_property
    def shows_nothing(self) -> bool:
        return self.contrast < _FLAT


def glance(frame: Frame) -> Glance:
    """A glance at a frame. An RGB frame's green is taken for luma."""
    width, height = SIZE
    scale = np.float32(2.0 ** (8 - frame.layout.bits))
    first, *rest = frame.planes
    chroma = rest[:2] if frame.layout.family == "yuv" else []
    small = [_small(plane, (width // 2, height // 2)) * scale for plane in chroma]
    shape = (2, height // 2, width // 2)
    luma = first if first.ndim == 2 else first[..., 1]
    return Glance(
        frame.pts,
        frame.time_base,
        _small(luma, SIZE) * scale,
        np.stack(small) if small else np.full(shape, 128, np.float32),
    )


def _small(plane: Plane, size: tuple[int, int]) -> Floats:
    # Averaging down by whole factors first is several times as fast as by any ratio.
    across, down = max(1, plane.shape[1] // (2 * size[0])), max(1, plane.shape[0] // (2 * size[1]))
    half = cv2.resize(plane, (plane.shape[1] // across, plane.shape[0] // down), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(half.astype(np.float32), size, interpolation=cv2.INTER_AREA))


def starts(glances: Iterable[Glance]) -> Iterator[Glance]:
    """The first glance of each scene, the stream's first included; some frames late, in order."""
    finder = Finder()
    for one in glances:
        if start := finder.take(one):
            yield start
    yield from finder.rest()


class Finder:
    """Finds scenes in glances that are given one by one. Holds a dozen."""

    def __init__(self) -> None:
        self._held: list[Glance] = []
        self._changes: list[float] = []
        """Of each held glance from the one before."""
        self._place = 0
        """Of the first one that is not decided yet."""
        self._shown: Glance | None = None
        """The last one that showed something."""

    def take(self, one: Glance) -> Glance | None:
        """Take the next glance; gives back one that begins a scene, at most _AROUND glances late."""
        self._changes.append(difference(self._held[-1], one) if self._held else 0.0)
        self._held.append(one)
        return self._decided() if len(self._held) > self._place + _AROUND else None

    def rest(self) -> list[Glance]:
        """Scenes that begin in the last glances."""
        return [start for _ in range(self._place, len(self._held)) if (start := self._decided())]

    def _decided(self) -> Glance | None:
        here = self._held[self._place]
        begins = self._begins(here)
        self._shown = self._shown if here.shows_nothing else here
        self._place += 1
        if self._place > _AROUND:
            self._held.pop(0)
            self._changes.pop(0)
            self._place -= 1
        return here if begins else None

    def _begins(self, here: Glance) -> bool:
        before = self._held[self._place - 1] if self._place else None
        if before is None:
            return True
        if here.shows_nothing:
            return False
        if before.shows_nothing:
            return self._shown is not None and difference(self._shown, here) > _LEAST
        return _is_cut(self._held, self._changes, self._place)


def _is_cut(held: list[Glance], changes: list[float], place: int) -> bool:
    change = changes[place]
    earlier, later = changes[max(1, place - _AROUND) : place], changes[place + 1 : place + _AROUND]
    peak = _PEAK * float(np.median(earlier + later or [0.0]))
    if change < max([_LEAST, peak, *earlier[-1:], *later[:1]]):
        return False
    before, after = held[max(0, place - _AROUND) : place], held[place : place + _AROUND]
    # A frame whose fields are of both scenes makes two steps of one cut: it counts as neither.
    if earlier and earlier[-1] > peak:
        before = before[:-1]
    elif later and later[0] > peak:
        after = after[1:]
    whole = difference(before[-1], after[0])
    if min(difference(one, other) for one in before for other in after) < _ALIKE * whole:
        return False
    return float(np.median(residue(before[-1], after[0]))) > max(0.08, _RESIDUE - 0.2 * whole)


def difference(one: Glance, other: Glance) -> float:
    """How unlike two glances are, whatever their brightness: 0 for the same, about 1 for strangers."""
    colour = float(np.abs(one.chroma - other.chroma).mean()) / 32
    return float(np.abs(one.even - other.even).mean()) + colour


def residue(one: Glance, other: Glance) -> Floats:
    """What is left of each block's difference when it may lie elsewhere in the other glance."""
    height, width = one.even.shape
    wide = cv2.copyMakeBorder(other.even, _FAR, _FAR, _FAR, _FAR, cv2.BORDER_REPLICATE)
    blocks = (width // _BLOCK, height // _BLOCK)
    best = np.full(blocks[::-1], np.inf, np.float32)
    for down in range(0, 2 * _FAR + 1):
        for across in range(0, 2 * _FAR + 1):
            misfit = cv2.absdiff(one.even, wide[down : down + height, across : across + width])
            best = np.minimum(best, cv2.resize(misfit, blocks, interpolation=cv2.INTER_AREA))
    return best
