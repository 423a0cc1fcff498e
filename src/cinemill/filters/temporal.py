"""Less shimmer from frame to frame, as what draws each frame by itself leaves: an average that follows the motion.

What was made so far is moved along the optical flow and mixed with each new frame, where both show the same tones: of
these, dots and strokes are a part, while the flow, at half size, goes by them to a tenth of a pixel. The memory begins
anew at a cut. How much of it a frame gets depends on the frames that come in and not on the memory itself, so it fades
by a known factor, and the halo is where less than half a code value of it is left. Wrong for what flickers as a whole:
see `deflicker`.
Source: DIS flow, as in `measure.motion`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import ceil, log
from typing import TYPE_CHECKING, Any, Literal

from cinemill.catalogue import Field, Params
from cinemill.filters import GREY, YUV, Halo, stream_filter
from cinemill.filters.cuts import Cuts, reduced
from cinemill.filters.drawing import resized, seen
from cinemill.filters.model import check_progressive

if TYPE_CHECKING:
    from cinemill.media.types import Frame, Plane

_MOST = 0.8
"""Share of the past at full strength: half of it is gone after three frames."""
_AROUND = (5, 5)
"""Pixels at half size over which dots and strokes are a tone."""
_ALIKE = 12.0
"""Code values by which a place may differ from where it came from until the past counts for a third."""


class Temporal(Params):
    strength: float = Field(0.9, ge=0, le=1)
    """How much of the past each frame gets, of four fifths at 1. 0 leaves every frame as it is."""
    mode: Literal["motion", "plain", "edges"] = "motion"
    """motion follows what moves. plain averages in place. edges follows what moves and steadies outlines alone."""


def _share(p: Temporal) -> float:
    return _MOST * p.strength


def _halo(p: Temporal) -> Halo:
    return (ceil(log(2 * 255) / -log(_share(p))) if p.strength else 0), 0


@stream_filter("temporal", halo=_halo, accepts=YUV + GREY, check=check_progressive)
def temporal(frames: Iterator[Frame], p: Temporal) -> Iterator[Frame]:
    """Steady what shimmers from frame to frame, along the motion."""
    import numpy as np

    cuts, past = Cuts(), _Past(p)
    for frame in frames:
        begins = cuts.begins(reduced(frame))
        values = past.mixed(frame, begins)
        top = (1 << frame.layout.bits) - 1
        planes = (np.clip(np.rint(plane), 0, top).astype(frame.layout.dtype) for plane in values)
        yield replace(frame, planes=tuple(planes))


class _Past:
    """What was made so far, as (H, W) float32 planes in code values, and the small picture it goes with."""

    def __init__(self, p: Temporal) -> None:
        from cinemill.measure.motion import Motion

        self._mode = p.mode
        self._share = _share(p)
        self._planes: list[Any] = []
        self._guide: Plane | None = None
        self._motion = Motion()

    def mixed(self, frame: Frame, begins: bool) -> list[Any]:
        """The planes of the next frame with what they get of the past, which they then are."""
        import numpy as np

        planes = [plane.astype(np.float32) for plane in frame.planes]
        guide = _guide(frame)
        if self._guide is not None and not begins:
            moved, trust = self._followed(guide, planes)
            for number, (now, then) in enumerate(zip(planes, moved)):
                planes[number] = now + resized(trust, now.shape[::-1]) * (then - now)
        self._planes, self._guide = planes, guide
        return planes

    def _followed(self, guide: Plane, planes: list[Any]) -> tuple[list[Any], Any]:
        """The past where things are now, and the share that each place gets of it, (h, w) float32."""
        import cv2
        import numpy as np

        from cinemill.measure.motion import moved

        if self._mode == "plain":
            return self._planes, np.full(guide.shape, self._share, np.float32)
        assert self._guide is not None
        flow = self._motion.flow(guide, self._guide)
        apart = cv2.blur(cv2.subtract(guide, moved(self._guide, flow), dtype=cv2.CV_32F), _AROUND)
        trust = np.float32(self._share) * np.exp(-np.square(apart / np.float32(_ALIKE)))
        if self._mode == "edges":
            trust *= _edges(guide)
        return [moved(plane, flow, sharp=number == 0) for number, plane in enumerate(self._planes)], trust


def _guide(frame: Frame) -> Plane:
    """(h, w) uint8 luma at half size, soft."""
    from cinemill.measure.motion import Still

    return Still(seen(frame)[:1], 8).guide


def _edges(guide: Plane) -> Any:
    """(h, w) float32: 1 around outlines, 0 in flats."""
    import cv2
    import numpy as np

    slope = cv2.magnitude(cv2.Sobel(guide, cv2.CV_32F, 1, 0), cv2.Sobel(guide, cv2.CV_32F, 0, 1))
    return np.clip(cv2.dilate(slope, np.ones((3, 3), np.uint8)) / 40 - np.float32(0.25), 0, 1)
