"""Successive pictures of one stream -> each of them moved onto its neighbours, near and far, with one search a pair.

Optical flow is searched for from each picture to the next, at a quarter of the size. The way back is its inverse, found
by following it step by step, and longer ways are joined of those from picture to picture; that is as close as to search
for each (within 0.1 dB of denoised pictures), at a quarter of the time. Wrong, as all flow, where a part has no
counterpart: whoever uses the moved picture must look whether it fits.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import cv2
import numpy as np

from cinemill.measure.motion import Flow, Match, Once, Still, is_other_scene, places
from cinemill.media.types import Plane

_SMALLEST = (8, 12)
"""Sides of a searched picture, the shorter and the longer, below which nothing moves: patches of 8 are compared."""
_STEPS = 2
"""How often the inverse of a flow is followed. A third step changes no tenth of a pixel."""


@dataclass(frozen=True)
class _Pair:
    """Flow from a picture to the next and back, both at a quarter of its size; `cut`: they are of different scenes."""

    onward: Flow
    back: Flow
    cut: bool


class Trails:
    """Follows motion through one stream. Threads may share it; what is known of a picture goes when that goes."""

    def __init__(self) -> None:
        self._pairs: WeakKeyDictionary[Still, Once[_Pair]] = WeakKeyDictionary()
        self._search = threading.local()

    def along(self, window: Sequence[Still], place: int, step: int) -> Iterator[Match]:
        """The pictures after (`step` 1) or before (-1) the one at `place`, nearest first, to the end of the scene.

        `window` holds successive pictures; a picture must have the same successor in every window.
        """
        flow: Flow | None = None
        at = place
        while 0 <= at + step < len(window):
            pair = self._pair(window[min(at, at + step)], window[max(at, at + step)])
            if pair.cut:
                return
            leg = pair.onward if step > 0 else pair.back
            flow = leg if flow is None else flow + _seen(leg, flow)
            at += step
            yield Match(window[at], flow)

    def beside(self, window: Sequence[Still], place: int) -> tuple[Match, Match] | None:
        """The nearest other picture on either side; None when one of them is missing, or of another scene.

        Repeats are passed over, since they repeat the damage too.
        """
        here = window[place]
        before, after = (
            next((match for match in self.along(window, place, step) if not here.repeats(match.still)), None)
            for step in (-1, 1)
        )
        return (before, after) if before and after else None

    def _pair(self, first: Still, second: Still) -> _Pair:
        return self._pairs.setdefault(first, Once())(lambda: self._searched(first.coarse, second.coarse))

    def _searched(self, first: Plane, second: Plane) -> _Pair:
        if any(side < least for side, least in zip(sorted(first.shape), _SMALLEST)):
            onward = back = np.zeros((*first.shape, 2), np.float32)
        else:
            # Without a copy the next search would overwrite it.
            onward = np.asarray(self._dis.calc(first, second, None), np.float32).copy()
            back = inverse(onward)
        return _Pair(onward, back, is_other_scene(first, second, onward))

    @property
    def _dis(self) -> Any:
        """The search of this thread: it keeps its buffers."""
        if not hasattr(self._search, "dis"):
            dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
            dis.setFinestScale(0)
            dis.setPatchStride(5)
            # More, up to the preset's 16, change no hundredth of a dB.
            dis.setGradientDescentIterations(6)
            dis.setVariationalRefinementIterations(2)
            self._search.dis = dis
        return self._search.dis


def inverse(flow: Flow) -> Flow:
    """The way back: b with b = -flow(place + b)."""
    back = -flow
    for _ in range(_STEPS):
        back = -_seen(flow, back)
    return back


def _seen(flow: Flow, by: Flow) -> Flow:
    """What `flow` is at places that lie `by` away."""
    columns, rows = places(*flow.shape[:2])
    x, y = columns + by[..., 0], rows + by[..., 1]
    return np.asarray(cv2.remap(flow, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
