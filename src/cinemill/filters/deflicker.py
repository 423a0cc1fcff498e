"""Even out the brightness of old film and of time lapses, which flickers unlike from place to place.

What changes from each frame to the next is fitted with a gain that bends over the picture like a bowl; pixels that fit
badly, as those of what moves, count little. Each frame is then given the mean gain of the frames around it. Cuts are
not crossed, and what is not lit tells nothing. Colour is scaled with luma, as the lamp does it. Source for counting
misfits less: P. W. Holland and R. E. Welsch, Robust regression using iteratively reweighted least-squares, 1977. Wrong
for flicker finer than the bowl, as of single rows.
720x576: 50 frames/s on one core.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from cinemill.catalogue import Field, Params
from cinemill.filters import GREY, YUV, Halo, stream_filter
from cinemill.filters.neighbours import windows

if TYPE_CHECKING:
    from cinemill.media.types import Frame, Plane

_DARK = 12.0
"""Code values above black below which a place tells no gain."""
_LIT = 0.1
"""Share of the picture that must tell one."""
_OTHER_SCENE = 0.35
"""Difference of glances, brightness aside, as in `measure.scenes`."""
_STIFF = 0.02
"""How much a bent gain is distrusted: misfit, as a share of the pixels'."""
_ROUNDS = 6
_CLOSE = 0.003
"""Misfit, as a share of the brightness, that rounding makes."""


class Deflicker(Params):
    window: int = Field(15, ge=3, le=129, unit="frames")
    """How many frames, around each, the mean is taken over. Longer follows slow changes less."""


def _halo(p: Deflicker) -> Halo:
    return p.window // 2, p.window // 2


@stream_filter("deflicker", halo=_halo, accepts=YUV + GREY)
def deflicker(frames: Iterator[Frame], p: Deflicker) -> Iterator[Frame]:
    """Even out brightness that changes from frame to frame, here more and there less."""
    for window, place in windows(map(_Seen, frames), p.window // 2, p.window // 2):
        yield window[place].lit(_wanted(window, place))


class _Seen:
    """A frame, small, and how its brightness changes to the frame after it."""

    def __init__(self, frame: Frame) -> None:
        from cinemill.measure.scenes import glance

        self.frame = frame
        self.black = 0.0 if frame.colour.range == "full" else 16.0
        self._glance = glance(frame)
        self._change: Any = None

    def change(self, after: _Seen) -> Any:
        """The gain from here to the next frame, as the logarithm's terms; None where it shows something else."""
        from cinemill.measure.scenes import difference

        if self._change is None:
            same = difference(self._glance, after._glance) < _OTHER_SCENE
            self._change = (_change(self._glance.luma, after._glance.luma, self.black) if same else None,)
        return self._change[0]

    def lit(self, terms: Any) -> Frame:
        """The frame, brighter by such a gain."""
        if not terms.any():
            return self.frame
        bits = self.frame.layout.bits
        bases = (self.black, 128.0, 128.0)
        planes = (_scaled(plane, base * 2 ** (bits - 8), terms, bits) for plane, base in zip(self.frame.planes, bases))
        return replace(self.frame, planes=tuple(planes))


def _wanted(window: Sequence[_Seen], place: int) -> Any:
    """The mean gain from the frame at `place` to the frames of its scene around it, itself among them."""
    import numpy as np

    total, count = np.zeros(6), 1
    for sign, outward in ((1, window[place:]), (-1, window[place::-1])):
        way = np.zeros(6)
        for one, other in pairwise(outward):
            change = one.change(other) if sign > 0 else other.change(one)
            if change is None:
                break
            way = way + sign * change
            total, count = total + way, count + 1
    return total / count


def _change(before: Plane, now: Plane, black: float) -> Any:
    """The logarithm's six terms of the gain between two small pictures, (H, W) float32; None where it is dark."""
    import numpy as np

    lit = np.minimum(before, now) > black + _DARK
    if lit.mean() < _LIT:
        return None
    ratios = np.log((now[lit] - black) / (before[lit] - black)).astype(np.float64)
    shapes = _bowl(*before.shape)[lit]
    stiff = np.diag([0, *[_STIFF * len(ratios)] * 5])
    terms = np.array([np.median(ratios), 0, 0, 0, 0, 0])
    for _ in range(_ROUNDS):
        misfits = np.abs(ratios - shapes @ terms)
        trust = 1 / (1 + np.square(misfits / max(_CLOSE, 1.5 * float(np.median(misfits))))) ** 2
        weighted = shapes.T * trust
        terms = np.linalg.solve(weighted @ shapes + trust.mean() * stiff, weighted @ ratios)
    return terms


@lru_cache(maxsize=8)
def _bowl(height: int, width: int) -> Any:
    """(H, W, 6): 1, x, y, x², y² and xy, from -1 to 1 over the picture, squares without their means."""
    import numpy as np

    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return np.stack([np.ones_like(x), x, y, x * x - 1 / 3, y * y - 1 / 3, x * y], axis=-1)


def _scaled(plane: Plane, base: float, terms: Any, bits: int) -> Plane:
    import cv2
    import numpy as np

    # The gain is so smooth that a small one, enlarged, is the same.
    gain = np.exp(_bowl(48, 64) @ terms).astype(np.float32)
    gain = cv2.resize(gain, plane.shape[::-1], interpolation=cv2.INTER_LINEAR)
    values = np.float32(base) + (plane - np.float32(base)) * gain
    return np.clip(np.rint(values), 0, (1 << bits) - 1).astype(plane.dtype)
