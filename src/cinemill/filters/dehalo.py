"""Halos and ringing along edges undone: what an edge is on the average is measured, and made a plain step again.

Sharpening in cameras, recorders and DVD masters, the narrow band of a tape and scaling draw light and dark lines beside
every edge, in the same way everywhere. So the median profile of clear, lonely edges, across and down, in the frames
around each, shows what was done: over- and undershoot of a step. A filter of few taps is fitted that makes this profile
a step without them, as soft as needs the least change, and is run over luma. Where edges do not overshoot in common,
nothing changes. Interlaced frames are treated field by field.
Source: least-squares inverse filtering with Tikhonov's regularisation; dehalo_alpha and FineDehalo, which flatten what
lies beside edges, were measured and do not bring pictures nearer to the original. Wrong for halos that were clipped at
white or black, and for drawings, whose outlines are real.
720x576: 25 frames/s on one core.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import erf, sqrt
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from cinemill.catalogue import Field, Params
from cinemill.filters import GREY, YUV, stream_filter
from cinemill.filters.neighbours import repaired

if TYPE_CHECKING:
    from cinemill.measure.motion import Floats, Still
    from cinemill.media.types import Frame, Plane

REACH = 5
"""Frames on either side whose edges are looked at too, which keeps the filter from changing suddenly."""
_STEEPEST = 16.0
"""Code values a column by which an edge rises at least, in its middle."""
_HIGHEST = 32.0
"""Code values between both sides of an edge."""
_EVEN = 0.12
"""Standard deviation of either side beyond the halo, as a share of the edge's height."""
_FEWEST = 150
"""Edges below which their median means little."""
_AGREED = 0.65
"""Share of the edges that must overshoot; in pictures without halos not half of them do."""
_CHANCE, _CERTAIN = 0.02, 0.04
"""By how much they must, of their height: below, nothing is done; from the second on all is."""
_RIDGE = 0.03
"""How much a change of the filter must gain to be worth it."""
_WIDTHS = tuple(0.4 + 0.15 * i for i in range(15))
"""Standard deviations in pixels of the softness that a plain step may have."""


class Dehalo(Params):
    strength: float = Field(1.0, ge=0, le=1)
    """How much of the halo is taken away. 0 leaves the picture as it is."""
    radius: int = Field(8, ge=3, le=32, unit="px")
    """How far from an edge a halo or ringing reaches."""


@stream_filter("dehalo", halo=(REACH, REACH), accepts=YUV + GREY)
def dehalo(frames: Iterator[Frame], p: Dehalo) -> Iterator[Frame]:
    """Take away bright and dark lines beside edges."""
    seen: WeakKeyDictionary[Still, tuple[Floats, Floats]] = WeakKeyDictionary()

    def repair(window: Sequence[Still], place: int) -> Sequence[Plane]:
        for still in window:
            if still not in seen:
                values = _luma(still)
                seen[still] = _profiles(values, p.radius), _profiles(values.T.copy(), p.radius)
        across, down = (_filter([seen[still][i] for still in window], p) for i in range(2))
        return _filtered(window[place], across, down)

    return repaired(frames, REACH, repair)


def _luma(still: Still) -> Floats:
    """Luma in 8-bit code values; not kept with the still, of which there are many."""
    import numpy as np

    return still.planes[0].astype(np.float32) * np.float32(1 / 2 ** (still.bits - 8))


def _profiles(values: Floats, radius: int) -> Floats:
    """(n, 2r + 1): clear edges along the rows, from 0 on their left to 1 on their right, whatever their direction."""
    import cv2
    import numpy as np

    reach = radius + 4
    soft = cv2.GaussianBlur(values, (0, 0), 0.8)
    across = cv2.Sobel(soft, cv2.CV_32F, 1, 0, ksize=1) / 2
    down = cv2.Sobel(soft, cv2.CV_32F, 0, 1, ksize=1) / 2
    steep = np.abs(across)
    crest = steep >= cv2.dilate(steep, np.ones((1, 3), np.uint8))
    edges = (steep > _STEEPEST) & crest & (np.abs(down) < 0.35 * steep)
    edges[:, :reach] = edges[:, -reach:] = False
    rows, columns = np.nonzero(edges)
    profiles = values[rows[:, None], columns[:, None] + np.arange(-reach, reach + 1)]
    left, right = profiles[:, :6], profiles[:, -6:]
    start, height = left.mean(axis=1), right.mean(axis=1) - left.mean(axis=1)
    even = np.maximum(left.std(axis=1), right.std(axis=1)) < _EVEN * np.abs(height)
    clear = even & (np.abs(height) > _HIGHEST) & (height * across[rows, columns] > 0)
    return (profiles[clear] - start[clear, None]) / height[clear, None]


def _filter(profiles: Sequence[Floats], p: Dehalo) -> Any:
    """(2r + 1,) taps, reversed as cv2 wants them, that make the median profile a plain step; None to leave it."""
    import numpy as np

    pooled = np.concatenate(profiles)
    if len(pooled) < _FEWEST:
        return None
    low, step, high = np.quantile(pooled, [1 - _AGREED, 0.5, _AGREED], axis=0)
    overshoot = max(-high.min(), low.max() - 1)
    share = p.strength * float(np.clip((overshoot - _CHANCE) / (_CERTAIN - _CHANCE), 0, 1))
    if not share:
        return None
    taps = _taps(step, p.radius)
    none = np.zeros_like(taps)
    none[p.radius] = 1
    return (none + share * (taps - none))[::-1].astype(np.float32)


def _taps(step: Any, radius: int) -> Any:
    """The filter nearest to none that makes `step` a step without overshoot, of whatever softness that fits best."""
    import numpy as np

    reach = len(step) // 2
    inner = np.arange(-reach + 1, reach)
    long = np.concatenate([np.zeros(radius), step, np.ones(radius)])
    shifted = np.array([[long[radius + reach + x - j] for j in range(-radius, radius + 1)] for x in inner])
    none = np.zeros(2 * radius + 1)
    none[radius] = 1
    # The last row makes the taps add up to one, so that even areas keep their brightness.
    system = np.vstack([shifted, sqrt(_RIDGE) * np.eye(len(none)), np.full((1, len(none)), 10.0)])
    plain = _plain_steps(reach, _middle(step))
    same = np.tile(sqrt(_RIDGE) * none[:, None], plain.shape[1])
    wanted = np.vstack([plain, same, np.full((1, plain.shape[1]), 10.0)])
    taps = np.linalg.pinv(system) @ wanted
    errors = np.square(system @ taps - wanted).sum(axis=0)
    found = taps[:, int(errors.argmin())]
    return found / found.sum()


def _middle(step: Any) -> float:
    """Where a profile crosses one half, in columns from its centre."""
    import numpy as np

    reach = len(step) // 2
    crossings = np.nonzero((step[:-1] < 0.5) & (step[1:] >= 0.5))[0]
    if not len(crossings):
        return 0.0
    at = int(crossings[np.abs(crossings - reach).argmin()])
    return at - reach + float((0.5 - step[at]) / (step[at + 1] - step[at]))


def _plain_steps(reach: int, middle: float) -> Any:
    """(2 reach - 1, n): steps of every softness, half a column to the left and right of `middle` and there."""
    import numpy as np

    places = [(width, middle + beside) for width in _WIDTHS for beside in (-0.5, -0.25, 0.0, 0.25, 0.5)]
    return np.array(
        [[0.5 + 0.5 * erf((x - at) / (width * sqrt(2))) for width, at in places] for x in range(-reach + 1, reach)]
    )


def _filtered(here: Still, across: Any, down: Any) -> Sequence[Plane]:
    import cv2
    import numpy as np

    if across is None and down is None:
        return here.planes
    one = np.ones(1, np.float32)
    along, vertical = (one if taps is None else taps for taps in (across, down))
    values = cv2.sepFilter2D(_luma(here), cv2.CV_32F, along, vertical, borderType=cv2.BORDER_REPLICATE)
    return (here.rounded(0, values), *here.planes[1:])
