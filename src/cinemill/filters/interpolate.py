"""Another frame rate with pictures in between that are made from the motion, without a model.

Optical flow is found from each frame to the next and back, and both are followed to the moment that is wanted. Each
place takes what the motion from before and the motion from after lead to, the more the more alike its ends look, so
that what is hidden in one frame comes from the other. At cuts and over long gaps frames are shown again. Frames that
lie on a tick of the new rate keep their bits. The output's clock has its zero where the source's is, as in `fps`, so
the result does not depend on where a stream was cut.
Sources: DIS optical flow, T. Kroeger et al., 2016; flow at a moment by fixed-point inversion. Wrong for what moves by
more than its size from frame to frame: running limbs, wheels. Frames that old film repeats are not taken out.
720x576, 25 to 50: 20 frames/s on one core.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from math import ceil
from typing import TYPE_CHECKING

from cinemill.errors import UnsupportedMedia
from cinemill.filters import GREY, YUV, stream_filter
from cinemill.filters.fps import Fps

if TYPE_CHECKING:
    from cinemill.measure.motion import Floats, Flow, Motion
    from cinemill.media.types import Frame, Plane

_LONGEST = Fraction(1, 4)
"""Seconds between two frames beyond which a picture stood still and then changed; there is no motion to show."""
_DISLIKE = 4.0
"""Code values by which two ends of a motion may differ until it counts for a third."""


def _rate(p: Fps, rate: Fraction) -> Fraction:
    return p.rate


def _check(p: Fps, frame: Frame) -> None:
    if frame.field_order != "progressive":
        raise UnsupportedMedia("interlaced pictures hold two moments each; put deinterlace before interpolate.")


@stream_filter("interpolate.flow", halo=(1, 1), accepts=YUV + GREY, rate=_rate, check=_check, default=True)
def flow(frames: Iterator[Frame], p: Fps) -> Iterator[Frame]:
    """Change the frame rate, with new pictures made along the motion."""
    from cinemill.measure.motion import Motion

    motion = Motion()
    return resampled(frames, p.rate, lambda first, second: _Between(first, second, motion))


def resampled(frames: Iterator[Frame], rate: Fraction, between: Callable[[Frame, Frame], Between]) -> Iterator[Frame]:
    """`frames` at another rate, with what `between` two of them gives at each tick."""
    tick = 1 / rate
    last: Frame | None = None
    length = tick
    for frame in frames:
        if last is not None:
            length = (frame.pts - last.pts) * frame.time_base
            pair = between(last, frame)
            yield from (_at(tick, pts, pair) for pts in _ticks(last, length, tick))
        last = frame
    if last is not None:
        # Where the file does not say it, the last frame lasts as long as the one before.
        for pts in _ticks(last, last.duration * last.time_base or length, tick):
            yield replace(last, pts=pts, time_base=tick, duration=1)


def _ticks(frame: Frame, length: Fraction, tick: Fraction) -> range:
    start = frame.pts * frame.time_base
    return range(ceil(start / tick), ceil((start + length) / tick))


def _at(tick: Fraction, pts: int, between: Between) -> Frame:
    return replace(between.frame_at(pts * tick), pts=pts, time_base=tick, duration=1)


class Between(ABC):
    """Two successive frames, and the pictures between them."""

    def __init__(self, first: Frame, second: Frame, motion: Motion) -> None:
        from cinemill.measure.motion import Still

        self.first, self.second = first, second
        self._motion = motion
        self._start = first.pts * first.time_base
        self._length = second.pts * second.time_base - self._start
        self._stills = tuple(Still(frame.planes, frame.layout.bits) for frame in (first, second))

    @abstractmethod
    def made(self, share: float) -> Frame:
        """The picture when a `share` of the time between the two has passed."""

    def frame_at(self, time: Fraction) -> Frame:
        """The picture at `time` seconds; its own time is that of one of the two."""
        share = float((time - self._start) / self._length)
        if share == 0:
            return self.first
        if self._length > _LONGEST:
            return self.first
        if self._onward is None:
            return self.first if share < 0.5 else self.second
        return self.made(share)

    @cached_property
    def _onward(self) -> Flow | None:
        """From the first to the second; None when they are of different scenes."""
        first, second = self._stills
        onward = self._motion.match(first.guide, second)
        return None if onward.is_other_scene(first) else onward.flow


class _Between(Between):
    """Along optical flow."""

    @cached_property
    def _back(self) -> Flow:
        first, second = self._stills
        return self._motion.flow(second.guide, first.guide)

    def made(self, share: float) -> Frame:
        assert self._onward is not None
        return replace(self.first, planes=self._made(share, self._onward, self._back))

    def _made(self, share: float, onward: Flow, back: Flow) -> tuple[Plane, ...]:
        import cv2
        import numpy as np

        first, second = self._stills
        to_first, to_second = _followed(onward, share), _followed(back, 1 - share)
        # Where the motion that set out from the first frame ends in the second, and the other way round.
        beyond_first, beyond_second = _seen(onward, to_first) + to_first, _seen(back, to_second) + to_second
        weights: list[Floats] = []
        planes: list[Plane] = []
        for number, (ours, theirs) in enumerate(zip(first.values, second.values)):
            set_out = _ends(ours, to_first, theirs, beyond_first, number == 0)
            arrived = _ends(ours, beyond_second, theirs, to_second, number == 0)
            if number == 0:
                weights = [_liking(set_out) * (1 - share), _liking(arrived) * share]
            size = ours.shape[::-1]
            before, after = (cv2.resize(weight, size, interpolation=cv2.INTER_AREA) for weight in weights)
            values = before * ((1 - share) * set_out[0] + share * set_out[1])
            values = values + after * ((1 - share) * arrived[0] + share * arrived[1])
            planes.append(first.rounded(number, np.asarray(values / (before + after))))
        return tuple(planes)


def _followed(flow: Flow, share: float) -> Flow:
    """From each place at a moment back to where its motion set out, when a `share` of `flow` has passed by then.

    Finds d with d = -share * flow(place + d), step by step.
    """
    back = -share * flow
    for _ in range(3):
        back = -share * _seen(flow, back)
    return back


def _seen(flow: Flow, by: Flow) -> Flow:
    """What `flow` is at places that lie `by` away."""
    import cv2
    import numpy as np

    from cinemill.measure.motion import places

    columns, rows = places(*flow.shape[:2])
    x, y = columns + by[..., 0], rows + by[..., 1]
    return np.asarray(cv2.remap(flow, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _ends(ours: Floats, to_ours: Flow, theirs: Floats, to_theirs: Flow, sharp: bool) -> tuple[Floats, Floats]:
    from cinemill.measure.motion import moved

    return moved(ours, to_ours, sharp), moved(theirs, to_theirs, sharp)


def _liking(ends: tuple[Floats, Floats]) -> Floats:
    """How much alike both ends of a motion look, around each place: 1 for the same, never quite 0."""
    import cv2
    import numpy as np

    return np.exp(cv2.blur(cv2.absdiff(*ends), (5, 5)) / -_DISLIKE) + np.float32(1e-6)
