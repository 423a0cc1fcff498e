"""Dust, hairs and sparkle on film: what is in one picture and in neither of its neighbours is filled from these.

The frames before and after are moved onto the picture. A spot is dirt where the picture is brighter or darker than both
by more than noise, grain and small errors of the motion do, while the two agree with each other. Spots stay when the
motion fails all around them, when they are brighter here and darker there, and when both neighbours show their like
near by: these are things that move fast, or shadows that change their shape.
Everything that is not dirt keeps its bits. Frames that old film repeats to reach the rate of video repeat their dirt
too, so that neighbours are the nearest frames that differ.
Sources: spike detection index, A. Kokaram, Motion picture restoration, 1998; its ranked form, J. Biemond,
P. van Roosmalen, R. Lagendijk, Improved blotch detection by postprocessing, 1999. Wrong for dirt that stays for several
frames, for the first and last frame of a scene, and for things that are seen for one frame only: sparks, falling drops.
720x576: 20 frames/s on one core.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from cinemill.catalogue import Field, Params
from cinemill.filters import GREY, YUV, stream_filter
from cinemill.filters.neighbours import repaired
from cinemill.filters.spots import Around, Mask, sized

if TYPE_CHECKING:
    from cinemill.measure.motion import Match, Still
    from cinemill.measure.trails import Trails
    from cinemill.media.types import Frame, Plane

REACH = 4
"""Film of 16 frames a second shows each up to twice at 25, silent film of 12 three times."""
_FAINTEST = 8.0
"""Code values by which dirt stands out at full strength."""
_GROWTH = 6
"""Steps that a find grows into its fainter rim."""
_MIXED = 0.058
"""Share of a spot that may be brighter where the rest is darker. Most dirt has none, shadows that change shape from
0.06 on: what moves uncovers one place when it comes to another."""
_MOST = 0.03
"""Share of a picture that dirt may cover. More is a fault of the motion, as in a flash."""


class Dirt(Params):
    strength: float = Field(0.5, ge=0, le=1)
    """How faint a spot may be to be removed: 16 of 255 code values at 0.5, 8 at 1. 0 removes none."""
    size: float = Field(10.0, gt=0, le=50, unit="%")
    """Side of a square, in parts of the picture's height, whose area is the largest that is taken for dirt."""


@stream_filter("dirt", halo=(REACH, REACH), accepts=YUV + GREY)
def dirt(frames: Iterator[Frame], p: Dirt) -> Iterator[Frame]:
    """Remove dust, hairs and sparkle of film; what is clean stays as it is."""
    from cinemill.measure.trails import Trails

    trails = Trails()

    def repair(window: Sequence[Still], place: int) -> Sequence[Plane]:
        return _cleaned(window, place, trails, p)

    return repaired(frames, REACH, repair)


def _cleaned(window: Sequence[Still], place: int, trails: Trails, p: Dirt) -> Sequence[Plane]:
    from cinemill.measure.motion import Motion

    here = window[place]
    beside = trails.beside(window, place)
    if beside is None:
        return here.planes
    around = Around(here, beside, _FAINTEST / p.strength)
    spots = _spots(around)
    large = None if spots is None else _opened(spots, here.guide.shape[0] // 20)
    if large is not None and large.any():
        # Large dirt draws the motion around it towards itself, so look again with it covered.
        guide = _covered(here.guide, large)
        motion = Motion()
        beside = (motion.match(guide, beside[0].still), motion.match(guide, beside[1].still))
        around = Around(here, beside, _FAINTEST / p.strength)
        spots = _spots(around)
    # A find is a pixel wider on either side than what it is of.
    largest = (p.size / 100 * around.here.shape[0] + 2) ** 2
    found = None if spots is None else around.kept(spots, largest, _MIXED)
    return here.planes if found is None else _filled(here, found, around, beside)


def _spots(around: Around) -> Mask | None:
    """What stands out; None when nothing does, or too much."""
    import cv2
    import numpy as np

    patch = np.ones((3, 3), np.uint8)
    # Where the picture is uneven, motion that is wrong by a part of a pixel must not look like dirt.
    brighter = cv2.subtract(around.here, cv2.dilate(around.high, patch))
    clear = cv2.max(brighter, cv2.subtract(cv2.erode(around.low, patch), around.here))
    spots = ((clear > around.least) & (around.above > around.least)).astype(np.uint8)
    if not spots.any():
        return None
    rim = (around.above > around.least / 2).astype(np.uint8)
    for _ in range(_GROWTH):
        spots = np.bitwise_and(cv2.dilate(spots, patch), rim)
    return cv2.dilate(spots, patch) if spots.mean() < _MOST else None


def _opened(spots: Mask, side: int) -> Mask:
    import cv2
    import numpy as np

    return cv2.morphologyEx(spots, cv2.MORPH_OPEN, np.ones((max(3, side), max(3, side)), np.uint8))


def _covered(guide: Plane, spots: Mask) -> Plane:
    """`guide` with `spots` replaced by what is around them."""
    import cv2
    import numpy as np

    hidden = cv2.dilate(sized(spots, guide).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    seen = np.where(hidden, np.float32(0), np.float32(1))
    side = max(5, guide.shape[0] // 10) | 1
    around = cv2.blur(guide * seen, (side, side)) / np.maximum(cv2.blur(seen, (side, side)), 1e-3)
    return np.where(hidden, np.rint(around).astype(np.uint8), guide)


def _filled(here: Still, spots: Mask, around: Around, beside: tuple[Match, Match]) -> list[Plane]:
    """The planes with the mean of both neighbours where there are spots."""
    import numpy as np

    planes: list[Plane] = []
    for number, plane in enumerate(here.planes):
        one, other = (match.values(number) for match in beside) if number else around.moved
        planes.append(np.where(sized(spots, plane), here.rounded(number, (one + other) / 2), plane))
    return planes
