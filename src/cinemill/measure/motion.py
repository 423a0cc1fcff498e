"""Two pictures of a stream -> where each part of the first is found in the second, and the second moved onto the first.

Dense inverse search (DIS) optical flow: T. Kroeger, R. Timofte, D. Dai, L. Van Gool, Fast optical flow using dense
inverse search, 2016, as in OpenCV, on luma at half size, smoothed against noise. Wrong where a part has no counterpart:
uncovered ground, cuts, things that move by more than their size; whoever uses the moved picture must look whether it
fits. The same pictures give the same flow, whatever the number of threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from math import isqrt
from typing import Any, Generic, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from cinemill.media.types import Plane

T = TypeVar("T")
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
_SAMPLES = 10_000
"""Samples that noise is measured on, which tells it within 2 %."""
_LARGEST = 4_000_000
"""Samples of luma above which no enlarged copy is kept: with those of its neighbours it would take gigabytes."""
_REPEAT = 8.0
"""Mean difference of the worst 3 x 3 patch of two guides that show the same picture, coded twice."""


class Once(Generic[T]):
    """A value that is made when it is first asked for, and once, however many threads ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: list[T] = []

    def __call__(self, make: Callable[[], T]) -> T:
        """The value, which `make` makes if nobody has asked before. It is not kept: it may hold who asks."""
        if not self._made:
            with self._lock:
                if not self._made:
                    self._made.append(make())
        return self._made[0]


class Still:
    """A picture, or one field of it, to compare others with. `planes` as in Frame; `bits` a sample."""

    def __init__(self, planes: Sequence[Plane], bits: int) -> None:
        self.planes = tuple(planes)
        self.bits = bits
        self._values: Once[tuple[Floats, ...]] = Once()
        self._fine: Once[Floats] = Once()
        self._guide: Once[Plane] = Once()
        self._coarse: Once[Plane] = Once()

    @property
    def values(self) -> tuple[Floats, ...]:
        """The planes in 8-bit code values."""
        return self._values(lambda: tuple(map(self._eight_bits, self.planes)))

    @property
    def luma(self) -> Plane:
        """The upper 8 bits of luma."""
        return self.planes[0] if self.bits == 8 else (self.planes[0] >> (self.bits - 8)).astype(np.uint8)

    @property
    def guide(self) -> Plane:
        """What motion is looked for in: uint8 luma at half size, smoothed."""
        return self._guide(lambda: _guide(self.luma))

    @property
    def coarse(self) -> Plane:
        """The guide at half its size."""
        return self._coarse(lambda: _half(self.guide))

    @property
    def fine(self) -> Floats:
        """Luma's values at twice the size, to fetch parts of a pixel from.

        Linear interpolation of these is faster than cubic interpolation. It takes off a little of the finest detail and
        of more noise: means of several pictures come 0.2 dB closer.
        """
        return self._fine(lambda: _doubled(self.values[0]))

    def _eight_bits(self, plane: NDArray[Any]) -> Floats:
        values = plane.astype(np.float32)
        return values if self.bits == 8 else values * np.float32(1 / 2 ** (self.bits - 8))

    def rounded(self, number: int, values: Floats) -> Plane:
        """`values` of plane `number` as the stream's samples."""
        plane = self.planes[number]
        return np.clip(np.rint(values * 2 ** (self.bits - 8)), 0, 2**self.bits - 1).astype(plane.dtype)

    def repeats(self, other: Still) -> bool:
        """Whether the other shows the very same picture: a film frame that was given twice, coded anew."""
        patches = cv2.blur(cv2.absdiff(self.guide, other.guide), (3, 3))
        return float(patches.max()) < _REPEAT


class Match:
    """Another picture, and where in it the parts of ours are: `flow` at any size. Not to be shared by threads."""

    def __init__(self, still: Still, flow: Flow) -> None:
        self.still = still
        self.flow = flow
        self._maps: tuple[Floats, Floats] | None = None
        """For colour, whose planes are of one size."""

    def values(self, number: int) -> Floats:
        """Plane `number` of the other picture in 8-bit code values, moved onto ours."""
        if number == 0 and self.still.planes[0].size > _LARGEST:
            return moved(self.still.values[0], self.flow, sharp=True)
        if number == 0:
            plane, maps = self.still.fine, _led(self.flow, *self.still.planes[0].shape, steps=2)
        else:
            plane = self.still.values[number]
            self._maps = maps = self._maps or _led(self.flow, *plane.shape)
        return np.asarray(cv2.remap(plane, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))

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
        return is_other_scene(here.guide, self.still.guide, self.flow)


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


def is_other_scene(here: Plane, there: Plane, flow: Flow) -> bool:
    """Whether two guides have nothing in common after motion, brightness aside."""
    ours, theirs = (guide.astype(np.float32) for guide in (here, moved(there, flow)))
    ours, theirs = ours - ours.mean(), theirs - theirs.mean()
    difference = float(np.abs(ours - theirs).mean())
    contrast = max(float(np.abs(ours).mean()), float(np.abs(theirs).mean()))
    return difference > max(_VISIBLE, _OTHER_SCENE * (contrast + 1))


def moved(plane: NDArray[Any], flow: Flow, sharp: bool = False) -> NDArray[Any]:
    """`plane` of the other picture seen from ours: each sample is fetched from where `flow` leads; cubic if `sharp`."""
    kernel = cv2.INTER_CUBIC if sharp else cv2.INTER_LINEAR
    return np.asarray(cv2.remap(plane, *_led(flow, *plane.shape[:2]), kernel, borderMode=cv2.BORDER_REPLICATE))


def _led(flow: Flow, height: int, width: int, steps: int = 1) -> tuple[Floats, Floats]:
    """Where `flow` leads from each sample of a plane: columns and rows, (height, width) each, in `steps` a sample."""
    small = cv2.split(flow)
    if flow.shape[:2] != (height, width):
        small = [cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR) for part in small]
    scales = steps * width / flow.shape[1], steps * height / flow.shape[0]
    x, y = (cv2.scaleAdd(part, by, start) for part, by, start in zip(small, scales, _starts(height, width, steps)))
    return np.asarray(x), np.asarray(y)


@lru_cache(maxsize=8)
def _starts(height: int, width: int, steps: int) -> tuple[Floats, Floats]:
    """The places of samples, in `steps` a sample from the middle of the first such step."""
    columns, rows = (steps * grid + np.float32((steps - 1) / 2) for grid in places(height, width))
    return columns, rows


def _doubled(values: Floats) -> Floats:
    height, width = values.shape
    return np.asarray(cv2.resize(values, (2 * width, 2 * height), interpolation=cv2.INTER_CUBIC))


def _guide(luma: Plane) -> Plane:
    return np.asarray(cv2.GaussianBlur(_half(luma), (0, 0), 1.0))


def _half(plane: Plane) -> Plane:
    height, width = plane.shape
    return np.asarray(cv2.resize(plane, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA))


def noise_between(values: Floats, other: Floats) -> float:
    """Standard deviation of the noise of two planes that show the same but for noise and a few parts."""
    # The median of |x| is 0.6745 sigma, and the difference of two has twice the variance. Some samples will do.
    step = max(3, isqrt(values.size // _SAMPLES))
    return float(np.median(np.abs(values[::step, ::step] - other[::step, ::step]))) / (0.6745 * 2**0.5)


@lru_cache(maxsize=16)
def places(height: int, width: int) -> tuple[Floats, Floats]:
    """The column and the row of every sample, (height, width) each, read-only."""
    columns = np.arange(width, dtype=np.float32)[None, :]
    rows = np.arange(height, dtype=np.float32)[:, None]
    return np.broadcast_to(columns, (height, width)), np.broadcast_to(rows, (height, width))
