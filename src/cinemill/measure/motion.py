"""Two pictures of a stream -> where each part of the first is found in the second, and the second moved onto the first.

Dense inverse search (DIS) optical flow: T. Kroeger, R. Timofte, D. Dai, L. Van Gool, Fast optical flow using dense
inverse search, 2016, as in OpenCV, on luma at half size, smoothed against noise. Wrong where a part has no counterpart:
uncovered ground, cuts, things that move by more than their size; whoever uses the moved picture must look whether it
fits. The same pictures give the same flow, whatever the number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cinemill.media.types import Plane

Floats = NDArray[Any]
"""float32, in 8-bit code values whatever the depth of the stream."""
Flow = NDArray[Any]
"""(h, w, 2) float32: columns and rows of the guide from a place in one picture to its counterpart in the other."""

_SMALLEST = 16
"""Side of a guide below which nothing is searched: the search compares patches of 8."""
_OTHER_SCENE = 0.5
"""What two pictures of one scene differ by after motion, as a share of their contrast. Fast action leaves up to 0.35,
cuts leave 0.8 to 1.3."""
_VISIBLE = 2.0
"""Mean difference, in code values, below which two pictures count as one scene however little contrast they have."""
_REPEAT = 8.0
"""Mean difference of the worst 3 x 3 patch of two guides that show the same picture, coded twice."""


class Still:
    """A picture, or one field of it, to compare others with. `planes` as in Frame; `bits` a sample."""

    def __init__(self, planes: Sequence[Plane], bits: int) -> None:
        self.planes = tuple(planes)
        self.bits = bits

    @cached_property
    def values(self) -> tuple[Floats, ...]:
        """The planes in 8-bit code values."""
        scale = np.float32(1 / 2 ** (self.bits - 8))
        return tuple(plane.astype(np.float32) * scale for plane in self.planes)

    @cached_property
    def guide(self) -> Plane:
        """What motion is looked for in: uint8 luma at half size, smoothed."""
        luma = self.planes[0] if self.bits == 8 else (self.planes[0] >> (self.bits - 8)).astype(np.uint8)
        height, width = luma.shape
        half = cv2.resize(luma, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.GaussianBlur(half, (0, 0), 1.0))

    def rounded(self, number: int, values: Floats) -> Plane:
        """`values` of plane `number` as the stream's samples."""
        plane = self.planes[number]
        return np.clip(np.rint(values * 2 ** (self.bits - 8)), 0, 2**self.bits - 1).astype(plane.dtype)

    def repeats(self, other: Still) -> bool:
        """Whether the other shows the very same picture: a film frame that was given twice, coded anew."""
        patches = cv2.blur(cv2.absdiff(self.guide, other.guide), (3, 3))
        return float(patches.max()) < _REPEAT


@dataclass(frozen=True)
class Match:
    """Another picture, and where in it the parts of ours are."""

    still: Still
    flow: Flow

    def values(self, number: int) -> Floats:
        """Plane `number` of the other picture, moved onto ours. Luma is interpolated cubic, chroma linear."""
        return moved(self.still.values[number], self.flow, sharp=number == 0)

    def shown(self, shape: tuple[int, ...]) -> Any:
        """(H, W) booleans of a plane of that shape: where the other picture has a counterpart within its borders."""
        height, width = self.flow.shape[:2]
        columns, rows = places(height, width)
        x, y = columns + self.flow[..., 0], rows + self.flow[..., 1]
        # Half a pixel of the guide, which motion may err by, is one of the picture.
        inside = (x > -1) & (y > -1) & (x < width) & (y < height)
        return cv2.resize(inside.astype(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST) > 0

    def is_other_scene(self, here: Still) -> bool:
        """Whether the two have nothing in common, brightness aside."""
        ours, theirs = (guide.astype(np.float32) for guide in (here.guide, moved(self.still.guide, self.flow)))
        ours, theirs = ours - ours.mean(), theirs - theirs.mean()
        difference = float(np.abs(ours - theirs).mean())
        contrast = max(float(np.abs(ours).mean()), float(np.abs(theirs).mean()))
        return difference > max(_VISIBLE, _OTHER_SCENE * (contrast + 1))


class Motion:
    """Finds motion between pictures of one stream. Keeps its buffers, so threads need one each."""

    def __init__(self) -> None:
        self._search: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        # The preset's (3, 16, 5) finds matches 0.1 dB closer and takes 1.6 times as long.
        self._search.setPatchStride(4)
        self._search.setGradientDescentIterations(12)
        self._search.setVariationalRefinementIterations(2)

    def flow(self, here: Plane, there: Plane) -> Flow:
        """From places in the guide `here` to their counterparts in the guide `there`."""
        if min(here.shape) < _SMALLEST:
            return np.zeros((*here.shape, 2), np.float32)
        # Without a copy the next search would overwrite it.
        return np.asarray(self._search.calc(here, there, None), np.float32).copy()

    def match(self, here: Plane, there: Still) -> Match:
        """Where the other picture has what is in the guide `here`."""
        return Match(there, self.flow(here, there.guide))

    def beside(self, window: Sequence[Still], place: int) -> tuple[Match, Match] | None:
        """The nearest other picture on either side; None when one of them is missing, or of another scene.

        Repeats are passed over, since they repeat the damage too.
        """
        before, after = self._nearest(window[place::-1]), self._nearest(window[place:])
        return (before, after) if before and after else None

    def _nearest(self, outward: Sequence[Still]) -> Match | None:
        here = outward[0]
        other = next((still for still in outward[1:] if not here.repeats(still)), None)
        found = self.match(here.guide, other) if other else None
        return None if found is None or found.is_other_scene(here) else found


def moved(plane: NDArray[Any], flow: Flow, sharp: bool = False) -> NDArray[Any]:
    """`plane` of the other picture seen from ours: each sample is fetched from where `flow` leads; cubic if `sharp`."""
    height, width = plane.shape
    across, down = width / flow.shape[1], height / flow.shape[0]
    if flow.shape[:2] != plane.shape:
        flow = np.asarray(cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    columns, rows = places(height, width)
    x, y = columns + flow[..., 0] * np.float32(across), rows + flow[..., 1] * np.float32(down)
    kernel = cv2.INTER_CUBIC if sharp else cv2.INTER_LINEAR
    return np.asarray(cv2.remap(plane, x, y, kernel, borderMode=cv2.BORDER_REPLICATE))


def noise_between(values: Floats, other: Floats) -> float:
    """Standard deviation of the noise of two planes that show the same but for noise and a few parts."""
    # The median of |x| is 0.6745 sigma, and the difference of two has twice the variance. A ninth of them will do.
    return float(np.median(np.abs(values[::3, ::3] - other[::3, ::3]))) / (0.6745 * 2**0.5)


@lru_cache(maxsize=16)
def places(height: int, width: int) -> tuple[Floats, Floats]:
    """The column and the row of every sample, (height, width) each, read-only."""
    columns = np.arange(width, dtype=np.float32)[None, :]
    rows = np.arange(height, dtype=np.float32)[:, None]
    return np.broadcast_to(columns, (height, width)), np.broadcast_to(rows, (height, width))
