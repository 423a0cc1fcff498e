"""Halos and ringing along edges undone: what an edge is on the average is measured, and made a plain step again.

Sharpening in cameras, recorders and DVD masters, the narrow band of a tape and scaling draw light and dark lines beside
every edge, in the same way everywhere. So the median profile of clear, lonely edges, across and down, in the frames
around each, shows what was done: over- and undershoot of a step. A filter of few taps is fitted that makes this profile
a step without them, as soft as needs the least change, and is run over luma. Where edges do not overshoot in common,
nothing changes. Interlaced frames are treated field by field.
Source: least-squares inverse filtering with Tikhonov's regularisation; dehalo_alpha and FineDehalo, which flatten what
lies beside edges, were measured and do not bring pictures nearer to the original. Wrong for halos that were clipped at
white or black, and for drawings, whose outlines are real.
720x576: 110 frames/s on one core.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
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
_LINES = 240
"""Lines of a picture that are enough to find its edges on."""
_MOST = 200
"""Edges of a picture that are enough, in one direction."""
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
    from cinemill.measure.motion import Once

    seen: WeakKeyDictionary[Still, Once[tuple[Floats, Floats]]] = WeakKeyDictionary()

    def profiles(still: Still) -> tuple[Floats, Floats]:
        return seen.setdefault(still, Once())(lambda: _both_ways(_luma(still.planes[0], still.bits), p.radius))

    def repair(window: Sequence[Still], place: int) -> Sequence[Plane]:
        across, down = (_filter(pooled, p) for pooled in zip(*map(profiles, window)))
        return _filtered(window[place], across, down)

    return repaired(frames, REACH, repair)


def _luma(plane: Plane, bits: int) -> Floats:
    """Luma in 8-bit code values; not kept with the still, of which there are many."""
    import numpy as np

    return plane.astype(np.float32) * np.float32(1 / 2 ** (bits - 8))


def _both_ways(values: Floats, radius: int) -> tuple[Floats, Floats]:
    return _profiles(values, radius), _profiles(values.T.copy(), radius)


def _profiles(values: Floats, radius: int) -> Floats:
    """(n, 2r + 1): clear edges along the rows, from 0 on their left to 1 on their right, whatever their direction."""
    import cv2
    import numpy as np

    reach = radius + 4
    step = max(1, len(values) // _LINES)
    soft = cv2.GaussianBlur(values, (0, 0), 0.8)
    lines = slice(1, -1, step)
    across = (soft[lines, 2:] - soft[lines, :-2]) / 2
    down = (soft[2::step] - soft[:-2:step])[:, 1:-1] / 2
    steep = np.abs(across)
    crest = steep >= cv2.dilate(steep, np.ones((1, 3), np.uint8))
    edges = (steep > _STEEPEST) & crest & (np.abs(down) < 0.35 * steep)
    edges[:, : reach - 1] = edges[:, 1 - reach :] = False
    rows, columns = np.nonzero(edges)
    profiles = values[1 + step * rows[:, None], 1 + columns[:, None] + np.arange(-reach, reach + 1)]
    left, right = profiles[:, :6], profiles[:, -6:]
    start, height = left.mean(axis=1), right.mean(axis=1) - left.mean(axis=1)
    even = np.maximum(left.std(axis=1), right.std(axis=1)) < _EVEN * np.abs(height)
    clear = np.flatnonzero(even & (np.abs(height) > _HIGHEST) & (height * across[rows, columns] > 0))
    some = clear[:: max(1, len(clear) // _MOST)]
    return (profiles[some] - start[some, None]) / height[some, None]


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

    at = middle + np.array([-0.5, -0.25, 0.0, 0.25, 0.5])
    apart = np.arange(-reach + 1, reach)[:, None] - at
    return np.concatenate([np.interp(apart / width, *_soft_step()) for width in _WIDTHS], axis=1)


@lru_cache(maxsize=1)
def _soft_step() -> tuple[Any, Any]:
    """Places, and the normal distribution's integral up to each."""
    import numpy as np

    places = np.linspace(-6, 6, 6001)
    return places, np.array([0.5 + 0.5 * erf(place / sqrt(2)) for place in places])


def _filtered(here: Still, across: Any, down: Any) -> Sequence[Plane]:
    import cv2
    import numpy as np

    if across is None and down is None:
        return here.planes
    one = np.ones(1, np.float32)
    along, vertical = (one if taps is None else taps for taps in (across, down))
    values = cv2.sepFilter2D(
        _luma(here.planes[0], here.bits), cv2.CV_32F, along, vertical, borderType=cv2.BORDER_REPLICATE
    )
    return (here.rounded(0, values), *here.planes[1:])
