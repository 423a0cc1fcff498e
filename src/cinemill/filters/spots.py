"""What one picture shows and neither of its neighbours does: found, told from motion, and filled from the neighbours.

Shared by the filters that take away dirt and dropouts. Spots are looked for in uint8, whose differences stop at 0, and
filled with float32, both in 8-bit code values; masks are uint8, 1 or 0, of luma's size.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cinemill.measure.motion import Floats, Match, Still
    from cinemill.media.types import Plane

Box = tuple[slice, slice]
Mask = Any

_GRAIN = 4.0
"""Standard deviations of the noise that a spot stands out by at least."""
_AGREEMENT = 0.3
"""What the neighbours may differ by where they show what is behind a spot, as a share of how far it stands out."""
_ALIKE = 0.36
"""Squared difference of a moving thing from its like in a neighbour, as a share of the square of what stands out."""
_UNSTEADY_BY = 16.0
"""Code values that count as differing around a spot."""
_DOUBT = 0.25
"""How far motion may fail around a spot and behind it. Dirt and dropouts stay below, what moves fast stays above."""
_FLICKER = 24.0
"""Code values by which brightness differs from place to place, at most, beside what it does for the whole picture."""


class Around:
    """Luma of a picture, and of its neighbours moved onto it and made as bright around each place.

    `least`: what counts as standing out, or more where there is noise.
    """

    def __init__(self, here: Still, beside: tuple[Match, Match], least: float) -> None:
        import cv2
        import numpy as np

        from cinemill.measure.motion import noise_between

        self.here = here.luma
        self._neighbours = tuple(match.still.luma for match in beside)
        self.moved = tuple(_levelled(match.values(0), here.values[0]) for match in beside)
        one, other = (cv2.convertScaleAbs(values) for values in self.moved)
        self.low, self.high = cv2.min(one, other), cv2.max(one, other)
        self.apart = cv2.subtract(self.high, self.low)
        """How far the neighbours are from agreeing."""
        shown = np.logical_and(*(match.shown(self.here.shape) for match in beside)).astype(np.uint8)
        self.brighter = cv2.multiply(cv2.subtract(self.here, self.high), shown)
        self.darker = cv2.multiply(cv2.subtract(self.low, self.here), shown)
        self.above = cv2.max(self.brighter, self.darker)
        """How far the picture stands out from both; 0 where these do not agree."""
        self.above[self.apart > np.maximum(cv2.convertScaleAbs(self.above, alpha=_AGREEMENT), 4)] = 0
        self.noise = min(noise_between(here.values[0], values) for values in self.moved)
        self.least = max(least, _GRAIN * self.noise)

    def kept(self, spots: Mask, largest: float = inf, mixed: float = 1.0) -> Mask | None:
        """`spots` but for things that move, and those of more than `largest` pixels; None when none is left.

        A thing that moves is found near by in both neighbours, or has a share of more than `mixed` of the other sign,
        or the motion fails there. How far it fails is the share of the surroundings that differs from a neighbour, and
        what the neighbours differ by behind the spot, as a share of how far it stands out.
        """
        import numpy as np

        kept = np.zeros_like(spots)
        for box, inside in _each(spots):
            stands = self._stands(box, inside)
            around = self._widened(box, self.here.shape[0] // 40 + 4)
            failed = self._unsteady(around, spots) + float(self.apart[box][inside].mean() / stands.mean())
            if inside.sum() > largest or failed > _DOUBT or self._other_sign(box, inside) > mixed:
                continue
            if not self._moves(box, _ALIKE * float(np.square(stands).sum())):
                kept[box][inside] = 1
        return kept if kept.any() else None

    def _unsteady(self, box: Box, spots: Mask) -> float:
        """The share of `box` that differs from a neighbour, beside `spots`."""
        import cv2
        import numpy as np

        here = self.here[box]
        differs = cv2.max(cv2.subtract(self.high[box], here), cv2.subtract(here, self.low[box]))
        beside = cv2.dilate(np.ascontiguousarray(spots[box]), np.ones((5, 5), np.uint8)) == 0
        return float(((differs > max(self.least, _UNSTEADY_BY)) & beside).mean())

    def _other_sign(self, box: Box, inside: Any) -> float:
        """The share of a spot that is clearly brighter where most is darker, or the other way round.

        What moves uncovers a place when it comes to another; dirt takes nothing away.
        """
        least = self._stands(box, inside).mean() / 2
        bright, dark = (float((plane[box][inside] > least).mean()) for plane in (self.brighter, self.darker))
        return min(bright, dark)

    def _stands(self, box: Box, inside: Any) -> Floats:
        """How far each pixel of what is `inside` stands out that does so clearly, (n,); never empty."""
        import numpy as np

        above = np.maximum(self.brighter[box], self.darker[box])[inside]
        clear = above[above > self.least / 2]
        return clear.astype(np.float32) if clear.size else np.ones(1, np.float32)

    def _moves(self, box: Box, most: float) -> bool:
        """Whether both neighbours have the like of `box` within a twelfth of the height, but for squares of `most`."""
        import cv2

        thing = self._widened(box, 2)
        search = self._widened(thing, max(8, self.here.shape[0] // 12))
        found = (cv2.matchTemplate(v[search], self.here[thing], cv2.TM_SQDIFF).min() for v in self._neighbours)
        return all(float(least) < most for least in found)

    def _widened(self, box: Box, by: int) -> Box:
        rows, columns = (slice(max(0, b.start - by), min(n, b.stop + by)) for b, n in zip(box, self.here.shape))
        return rows, columns


def _each(spots: Mask) -> Iterator[tuple[Box, Any]]:
    """Where each spot lies, and which pixels there are its own."""
    import cv2

    count, labels, boxes, _ = cv2.connectedComponentsWithStats(spots, connectivity=8)
    for label in range(1, count):
        left, top, width, height, _ = (int(v) for v in boxes[label])
        box = (slice(top, top + height), slice(left, left + width))
        yield box, labels[box] == label


def _levelled(values: Floats, like: Floats) -> Floats:
    """`values` as bright as `like` around each place: old film flickers. Every fourth sample tells how much."""
    import cv2
    import numpy as np

    difference = like[::4, ::4] - values[::4, ::4]
    side = (max(4, len(like) // 36) | 1,) * 2
    whole = np.median(difference)
    difference -= whole
    # What stands out has no say, or a spot would make what is to fill it, and what is beside it, as bright as itself.
    alike = (np.abs(difference) < _FLICKER).astype(np.float32)
    near = whole + cv2.blur(difference * alike, side) / np.maximum(cv2.blur(alike, side), 0.25)
    return values + cv2.resize(near, like.shape[::-1], interpolation=cv2.INTER_LINEAR)


def sized(mask: Mask, plane: Plane) -> Any:
    """A mask as booleans of `plane`'s size, true wherever a sample is covered in part."""
    import cv2

    return cv2.resize(mask, plane.shape[::-1], interpolation=cv2.INTER_AREA) > 0
