"""Frames -> how each one is combed: interlaced (which field first), progressive or undecided, and repeated fields.

Source: the sums of FFmpeg's idet by M. Niedermayer. A line is predicted by its two neighbours; whichever of the
previous, the same and the next frame's line fits them best says when the line was taken. Three things differ. Four
neighbouring columns are summed first, which loses little combing and most of the noise. The sums are compared after
taking off what the frame's own fields differ by, so that fine still detail weighs nothing. And chance is asked first:
where nothing moves, and in noise, a frame is undecided.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import log
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cinemill.media.types import Frame

Kind = Literal["tff", "bff", "progressive", "undetermined"]
Repeated = Literal["top", "bottom", "neither"]

MOVING = 1.04
"""By how much the misfit to distant fields must exceed that within the frame; idet's threshold for interlacing."""
CHANCE = 5.0
"""And by how many standard deviations of pure noise, which matters for small pictures only."""
NEAR, SAME = 0.35, 0.65
"""Share of that excess which the near fields have too: about 0 when interlaced, 1 when progressive."""
REPEAT = 3.0
"""By how much one field's change must exceed the other's for a repeat; idet's threshold."""


@dataclass(frozen=True, slots=True)
class Combing:
    """What one frame looks like between its neighbours: sums over luma, in code values of the frame's depth."""

    far_if_tff: int
    """Misfit to the neighbouring frames' fields that are three fields away if the top field is the earlier one."""
    far_if_bff: int
    """The same if the bottom field is; in either case the other sum is of fields one field away."""
    own: int
    """Misfit between the two fields of the frame itself."""
    top_change: int
    """Change of the top field since the frame before."""
    bottom_change: int

    samples: int
    """How many misfits each sum adds up."""

    @property
    def kind(self) -> Kind:
        near, far = sorted((self.far_if_tff, self.far_if_bff))
        excess = far - self.own
        if excess <= self.own * max(MOVING - 1, CHANCE / self.samples**0.5):
            return "undetermined"
        share = (near - self.own) / excess
        if share < NEAR:
            return "tff" if far == self.far_if_tff else "bff"
        return "progressive" if share > SAME else "undetermined"

    @property
    def repeated(self) -> Repeated:
        """Which field is that of the frame before, once more."""
        if self.bottom_change > REPEAT * self.top_change:
            return "top"
        return "bottom" if self.top_change > REPEAT * self.bottom_change else "neither"

    @property
    def repeat_ratio(self) -> float:
        """log(change of the bottom field / change of the top field); 0 where both or neither move."""
        return log((self.bottom_change + 1) / (self.top_change + 1))


def combing(frames: Iterable[Frame], columns: int = 4) -> Iterator[Combing]:
    """One Combing for each frame that has a frame before and after it; holds three luma planes.

    `columns` neighbouring pixels are summed. Frames must be of one size and depth.
    """
    before: NDArray[Any] | None = None
    now: NDArray[Any] | None = None
    for frame in frames:
        after = _summed(frame.planes[0], columns)
        if before is not None and now is not None:
            yield _compared(before, now, after)
        before, now = now, after


def _summed(luma: NDArray[Any], columns: int) -> NDArray[np.int32]:
    """(H, W // columns) int32; twice the value of `columns` 16-bit pixels' sum still fits."""
    columns = min(columns, luma.shape[1])
    width = luma.shape[1] // columns * columns
    total = luma[:, 0:width:columns].astype(np.int32)
    for place in range(1, columns):
        total += luma[:, place:width:columns]
    return total


def _compared(before: NDArray[np.int32], now: NDArray[np.int32], after: NDArray[np.int32]) -> Combing:
    inner = slice(2, max(2, now.shape[0] - 2))
    neighbours = now[1:-3] + now[3:-1] if now.shape[0] > 4 else now[:0]
    early = _misfit(neighbours, before[inner])
    late = _misfit(neighbours, after[inner])
    own = _misfit(neighbours, now[inner])
    change = np.abs(now[inner] - before[inner])
    return Combing(
        far_if_tff=early[0] + late[1],
        far_if_bff=early[1] + late[0],
        own=sum(own),
        top_change=int(change[0::2].sum(dtype=np.int64)),
        bottom_change=int(change[1::2].sum(dtype=np.int64)),
        samples=max(1, neighbours.size),
    )


def _misfit(neighbours: NDArray[np.int32], lines: NDArray[np.int32]) -> tuple[int, int]:
    """Sum of |above + below - 2 line| over top lines and over bottom lines."""
    error = np.abs(neighbours - 2 * lines)
    return int(error[0::2].sum(dtype=np.int64)), int(error[1::2].sum(dtype=np.int64))
