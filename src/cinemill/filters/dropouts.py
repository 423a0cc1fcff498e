"""Dropouts of video tape: streaks along a line are filled from the neighbours in time, or from the lines beside them.

Where a head loses the tape, a part of a line is replaced by white, black or noise. A streak is what stands out, over a
stretch of the line, from the lines above and below and from the frames before and after, moved onto it. Where these
frames agree they fill it, elsewhere the lines above and below do. All other samples keep their bits.
Interlaced frames are repaired field by field, since a streak lies in one field: put this before deinterlacing, which
would spread it. Source: spike detection as in `dirt`, with the shape of a streak. Wrong for the first and last frame
of a scene, which are left, and for dropouts that the deck has filled from an earlier line, which do not stand out.
720x576: 35 frames/s on one core.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from cinemill.catalogue import Field, Params
from cinemill.filters import GREY, YUV, stream_filter
from cinemill.filters.neighbours import repaired
from cinemill.filters.spots import Around, Mask, sized

if TYPE_CHECKING:
    from cinemill.measure.motion import Floats, Match, Still
    from cinemill.media.types import Frame, Plane

REACH = 2
"""Telecine repeats fields, the dropouts in them are others; one frame that was given twice is passed over."""
_FAINTEST = 10.0
"""Code values by which a streak stands out at full strength, in the mean over `_STRETCH`."""
_STRETCH = 21
"""Columns that are averaged, which noise does not survive."""
_SHORTEST = 12
"""Columns of the shortest streak."""
_TAIL = 0.35
"""How far a streak fades before it ends, as a share of what it must stand out by."""
_GROWTH = 12
"""Steps of two columns that a find grows into its tails."""


class Dropouts(Params):
    strength: float = Field(0.4, ge=0, le=1)
    """How faint a streak may be to be filled: 25 of 255 code values at 0.4, 10 at 1. 0 fills none."""
    rows: int = Field(2, ge=1, le=16, unit="rows")
    """Height of the highest streak, in lines of a field, or of the frame where that is whole."""


@stream_filter("dropouts", halo=(REACH, REACH), accepts=YUV + GREY)
def dropouts(frames: Iterator[Frame], p: Dropouts) -> Iterator[Frame]:
    """Fill the streaks that lost signal leaves on video tape."""
    from cinemill.measure.trails import Trails

    trails = Trails()

    def repair(window: Sequence[Still], place: int) -> Sequence[Plane]:
        here = window[place]
        beside = trails.beside(window, place)
        if beside is None:
            return here.planes
        around = Around(here, beside, _FAINTEST / p.strength)
        streaks = _streaks(around, p.rows)
        found = around.kept(streaks) if streaks.any() else None
        return here.planes if found is None else _filled(here, found, around, beside)

    return repaired(frames, REACH, repair)


def _streaks(around: Around, rows: int) -> Mask:
    """What stands out along a line, bright or dark, from the lines beside it and from both neighbours."""
    import cv2
    import numpy as np

    here, column = around.here, np.ones((rows + 1, 1), np.uint8)
    higher = cv2.subtract(here, cv2.morphologyEx(here, cv2.MORPH_OPEN, column))
    lower = cv2.subtract(cv2.morphologyEx(here, cv2.MORPH_CLOSE, column), here)
    bright, dark = cv2.min(higher, around.brighter), cv2.min(lower, around.darker)
    return cv2.dilate(_along(bright, around.least) | _along(dark, around.least), np.ones((1, 5), np.uint8))


def _along(evidence: Plane, least: float) -> Mask:
    """Stretches of a line where `evidence` is `least` in the mean, and their tails."""
    import cv2
    import numpy as np

    clear = evidence > _TAIL * least
    found = ((cv2.blur(evidence, (_STRETCH, 1)) > least) & clear).astype(np.uint8)
    if not found.any():
        return found
    tail = (clear | (cv2.blur(evidence, (5, 1)) > _TAIL * least)).astype(np.uint8)
    near = np.ones((1, 5), np.uint8)
    for _ in range(_GROWTH):
        found = np.bitwise_and(cv2.dilate(found, near), tail)
    found = cv2.morphologyEx(found, cv2.MORPH_CLOSE, near)
    return cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((1, _SHORTEST), np.uint8))


def _filled(here: Still, streaks: Mask, around: Around, beside: tuple[Match, Match]) -> list[Plane]:
    """The planes with streaks filled from the neighbours in time as far as these agree, else from lines beside them."""
    import cv2
    import numpy as np

    planes: list[Plane] = []
    for number, plane in enumerate(here.planes):
        hidden = sized(streaks, plane)
        one, other = (match.values(number) for match in beside) if number else around.moved
        apart = cv2.blur(cv2.absdiff(one, other), (5, 3)) / (3 * around.noise + 6)
        trust = np.exp(-apart * apart)
        lines = _from_lines(here.values[number], hidden)
        values = trust * (one + other) / 2 + (1 - trust) * lines
        planes.append(np.where(hidden, here.rounded(number, values), plane))
    return planes


def _from_lines(values: Floats, hidden: Mask) -> Floats:
    """Each sample from the nearest lines above and below that are not `hidden` there, the nearer the more."""
    import cv2
    import numpy as np

    seen = np.where(hidden, np.float32(0), np.float32(1))
    kernel = np.array([[1], [3], [12], [0], [12], [3], [1]], np.float32)
    total = cv2.filter2D(seen, -1, kernel, borderType=cv2.BORDER_REPLICATE)
    mean = cv2.filter2D(values * seen, -1, kernel, borderType=cv2.BORDER_REPLICATE) / np.maximum(total, 1e-3)
    return np.where(total > 0, mean, values)
