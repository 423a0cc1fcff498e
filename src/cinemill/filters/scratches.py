"""Vertical scratches of film: thin lines from top to bottom are replaced by what lies beside them.

A line is brighter, or darker, than the picture both to its left and to its right by about as much, over most of the
height; the mean down a part of the column tells it from noise, and what lies beside it may interrupt it. What is taken
away is the mean difference from the picture beside it, along the line, so that texture under a faint scratch stays.
Other columns keep their bits.
Source: line profiles after A. Kokaram, Detection and removal of line scratches in degraded motion picture sequences,
1996, without its Bayesian refinement. Wrong for things that are just as thin, straight and tall: poles, wires, window
bars from top to bottom. Horizontal and slanting scratches are left; `dirt` finds those that last for one frame.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cinemill.catalogue import Field, Params
from cinemill.filters import GREY, YUV, frame_filter

if TYPE_CHECKING:
    from cinemill.measure.motion import Floats
    from cinemill.media.types import Frame

_FAINTEST = 2.5
"""Code values by which a scratch stands out at full strength."""
_MOST = 24.0
"""Code values that one place may add to the evidence, so that no bright spot makes a line."""
_SYMMETRY = 0.5
"""How much the smaller of the steps on either side must be of the larger. An edge has one side only."""
_HIDDEN = 0.05
"""How much a place counts where something beside the scratch, or under it, hides it."""
_BLACK = 28
"""Code value below which a whole row or column is a black bar, on which film has no scratches."""
_RIM = 3
"""Columns beside a bar at the side in which the picture's edge is soft, or bright by its own halo."""


class Scratches(Params):
    strength: float = Field(0.5, ge=0, le=1)
    """How faint a scratch may be to be removed: 5 of 255 code values at 0.5, 2.5 at 1. 0 removes none."""
    width: int = Field(3, ge=1, le=16, unit="px")
    """Width of the widest scratch."""
    length: float = Field(65.0, ge=20, le=100, unit="%")
    """Share of the picture's height that a scratch must have. Shorter ones are easily confused with the picture."""


@frame_filter("scratches", accepts=YUV + GREY)
def scratches(frame: Frame, p: Scratches) -> Frame:
    """Remove vertical scratches of film."""
    import cv2

    from cinemill.measure.motion import Still

    still = Still(frame.planes, frame.layout.bits)
    lines = _lines(still.values[0], p)
    if not lines.any():
        return frame
    planes = list(frame.planes)
    for number, plane in enumerate(planes):
        values = still.values[number]
        own = cv2.resize(lines, plane.shape[::-1], interpolation=cv2.INTER_AREA)
        planes[number] = still.rounded(number, values - _excess(values, own))
    return replace(frame, planes=tuple(planes))


def _lines(values: Floats, p: Scratches) -> Floats:
    """Where scratches are: 1 where they are to be seen, `_HIDDEN` in between, 0 elsewhere."""
    import cv2
    import numpy as np

    height, width = values.shape
    part = height // 8 | 1
    values = _without_bars(values)
    beside = cv2.copyMakeBorder(values, 0, 0, p.width, p.width, cv2.BORDER_REPLICATE)
    left = cv2.blur(np.clip(values - beside[:, :width], -_MOST, _MOST), (1, part))
    right = cv2.blur(np.clip(values - beside[:, 2 * p.width :], -_MOST, _MOST), (1, part))
    low, high = np.minimum(np.abs(left), np.abs(right)), np.maximum(np.abs(left), np.abs(right))
    evidence = np.where((left * right > 0) & (low > _SYMMETRY * high), np.copysign(low, left), np.float32(0))
    least = _FAINTEST / p.strength
    visible = int((values.max(axis=1) > _BLACK).sum())
    tall = max(part, round(p.length / 100 * visible))
    lines = np.maximum(*(_tall(sign * evidence, least, tall, part) for sign in (1, -1)))
    return cv2.dilate(lines, np.ones((1, max(1, 2 * p.width - 3)), np.uint8))


def _without_bars(values: Floats) -> Floats:
    """`values` with black bars at the sides, and the picture's rim there, replaced by the column next to them."""
    import cv2
    import numpy as np

    width = values.shape[1]
    lit = np.flatnonzero(cv2.blur(values, (1, 9)).max(axis=0) > _BLACK)
    if not len(lit) or (lit[0] == 0 and lit[-1] == width - 1):
        return values
    left = lit[0] + _RIM if lit[0] else 0
    right = lit[-1] - _RIM if lit[-1] < width - 1 else width - 1
    return values[:, np.clip(np.arange(width), left, max(left, right))]


def _tall(evidence: Floats, least: float, tall: int, gap: int) -> Floats:
    """Crests of `evidence` above `least` in `tall` rows, bending a little: 1, and `_HIDDEN` up to the next below."""
    import cv2
    import numpy as np

    near = np.ones((1, 3), np.uint8)
    crest = ((evidence > least) & (evidence >= cv2.dilate(evidence, near))).astype(np.uint8)
    run = cv2.morphologyEx(cv2.dilate(crest, near), cv2.MORPH_CLOSE, np.ones((gap, 1), np.uint8))
    run *= run.sum(axis=0, dtype=np.int32) >= tall
    between = np.maximum.accumulate(run, axis=0) & np.maximum.accumulate(run[::-1], axis=0)[::-1]
    return np.maximum(run, np.float32(_HIDDEN) * between)


def _excess(values: Floats, lines: Floats) -> Floats:
    """What stands out from a straight line between both sides of the lines, as its mean down a part of the column."""
    import cv2
    import numpy as np

    mask = lines > 0
    height, width = values.shape
    columns = np.arange(width)
    left = np.maximum.accumulate(np.where(mask, -1, columns), axis=1)
    right = np.minimum.accumulate(np.where(mask, width, columns)[:, ::-1], axis=1)[:, ::-1]
    left, right = np.where(left < 0, right, left), np.where(right >= width, left, right)
    left, right = np.clip(left, 0, width - 1), np.clip(right, 0, width - 1)
    share = ((columns - left) / np.maximum(right - left, 1)).astype(np.float32)
    rows = np.arange(height)[:, None]
    straight = values[rows, left] * (1 - share) + values[rows, right] * share
    part = (1, max(3, height // 8 | 1))
    mean = cv2.blur((values - straight) * lines, part) / np.maximum(cv2.blur(lines, part), 1e-6)
    return mean * mask
