"""Three successive pictures -> how far the camera, or the film in its gate, was jolted: what all of the picture shares.

Things move on their own, and each steadily, so that their motion from the first picture to the second and on to the
third is nearly the same. A jolt changes the motion everywhere by the same. So the difference of both motions is taken
at each place where there is something to see, and the median of these is what the jolt was. Wrong where one thing that
starts or stops fills the picture.
"""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

from cinemill.measure.motion import Floats, Flow, Motion, Still
from cinemill.media.types import Plane

CALM = 0.25
"""Pixels of a jolt below which a picture is steady: motion is not found closer."""
_VISIBLE = 8.0
"""Slope of the guide, in code values by Sobel's measure, from which on motion is seen."""
_FEW = 50
"""Places below which nothing can be told."""


def jolt(first: Flow, second: Flow, guide: Plane) -> float:
    """How far the whole picture was jolted between two motions that follow each other, in pixels of `guide`.

    All are of one size; the second motion begins in `guide`, where the first ends.
    """
    # Not cv2.magnitude: its last bit depends on where in memory the planes lie.
    slope = np.abs(cv2.Sobel(guide, cv2.CV_32F, 1, 0)) + np.abs(cv2.Sobel(guide, cv2.CV_32F, 0, 1))
    places = slope > max(_VISIBLE, float(np.median(slope)))
    if np.count_nonzero(places) < _FEW:
        return 0.0
    changes = (second - first)[places]
    common = np.median(changes, axis=0)
    far, apart = np.hypot(*common), np.median(np.hypot(*(changes - common).T))
    # Fire and water change their motion everywhere, and each part its own way.
    return float(far) if apart < far else 0.0


def shake(before: Floats, now: Floats, after: Floats) -> float:
    """The jolt of three (H, W) luma planes in 8-bit code values, in luma pixels, by the upper field."""
    stills = [Still([np.rint(np.clip(plane[::2], 0, 255)).astype(np.uint8)], 8) for plane in (before, now, after)]
    motion = Motion()
    flows = [motion.flow(one.guide, other.guide) for one, other in pairwise(stills)]
    # A pixel of the guide is two of the field, and a line of the field two of the frame.
    scale = np.array([2, 4], np.float32)
    return jolt(flows[0] * scale, flows[1] * scale, stills[1].guide)
