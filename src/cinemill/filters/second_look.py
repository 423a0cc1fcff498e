"""Deinterlaced frames seen again: what their neighbours show along the motion tells what a field could not.

A first network made every field a frame. Optical flow, as DIS finds it, now leads from each to the one before and the
one after, which are moved onto it; a second network takes from them what fits. Whether they fit is seen on the lines
that were given. Wrong, as all flow, where a part has no counterpart: there the first frame stands.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from cinemill.filters import parallel
from cinemill.filters.along_motion import Taken, lead_of, put
from cinemill.filters.neighbours import windows

if TYPE_CHECKING:
    from cinemill.measure.motion import Floats, Match, Still
    from cinemill.media.types import Frame, Plane

Network = Callable[[Any], Any]
"""(1, 8, lines, columns) float32, as `given` makes it -> (1, 1, lines, columns), the lines that are missing."""
_STEP = 4
_STILL = 1
"""Steps of 8 bits by which samples that stand still differ from picture to picture, at most."""
_SEARCH = threading.local()


def looked(taken: Iterable[Taken], network: Network, threads: int) -> Iterator[Frame]:
    """Each frame that is to be shown after a second look, in order; whole ones as they are."""
    seen = parallel(windows(taken, 1, 1), partial(_again, network=network), threads)
    return (frame for frame in seen if frame is not None)


def _again(around: tuple[Sequence[Taken], int], network: Network) -> Frame | None:
    import numpy as np

    window, place = around
    here = window[place]
    if here.start is None or here.frame is None:
        return here.frame
    beside = [window[at] if 0 <= at < len(window) else here for at in (place - 1, place + 1)]
    matches = [match(here.still, other.still) for other in beside]
    planes = list(here.still.planes)
    for number, plane in enumerate(planes):
        if plane.shape[0] < 2:
            continue
        values = [here.still.values[number], *(other.still.values[number] for other in beside)]
        made = network(given(values, [match.values(number) for match in matches], here.start)[None])[0, 0]
        planes[number] = _woven(here, number, made, np.asarray(values))
    return replace(here.frame, planes=tuple(planes))


def given(values: Sequence[Floats], moved: Sequence[Floats], start: int) -> Floats:
    """(8, lines, columns) from 0 to 1: what the network sees of a plane in 8-bit code values, made of a field whose
    lines begin at row `start`, with the planes before and after it, and those two `moved` onto it.

    First its lines and those between as they were made; then of each of the moved ones what is at these lines; then
    what is between them in the ones that were not moved. Around a lower field all are turned upside down.
    """
    import numpy as np

    pictures = [plane[::-1] if start else plane for plane in (values[0], *moved, *values[1:])]
    height, width = pictures[0].shape
    lead = lead_of(height, start)
    rows, columns = (-(-length // _STEP) * _STEP for length in ((height + 1) // 2, width))
    made = np.empty((8, rows, columns), np.float32)
    for number, picture in enumerate(pictures[:3]):
        put(made[2 * number], picture[lead::2], lead)
        put(made[2 * number + 1], picture[1 - lead :: 2], 0)
    for number, picture in enumerate(pictures[3:]):
        put(made[6 + number], picture[1 - lead :: 2], 0)
    return made


def match(here: Still, other: Still) -> Match:
    """Where `other` has what is in `here`, searched for at full size."""
    from cinemill.measure.motion import Match, Motion

    if not hasattr(_SEARCH, "motion"):
        _SEARCH.motion = Motion()  # keeps its buffers, so each thread has one
    return Match(other, _SEARCH.motion.flow(here.luma, other.luma))


def _woven(here: Taken, number: int, made: Floats, values: Floats) -> Plane:
    """The plane with what the network made between its lines, but where all three pictures are the same."""
    import numpy as np

    still, start = here.still, here.start or 0
    plane = still.planes[number].copy()
    missing = plane[1 - start :: 2]
    high, wide = missing.shape
    lines = still.rounded(number, np.ascontiguousarray(made[:high, :wide]) * np.float32(255))
    changed = _changes(values)[1 - start :: 2]
    np.copyto(missing, lines[::-1] if start else lines, where=changed)
    return plane


def _changes(values: Floats) -> Any:
    """(H, W) booleans: where one of three pictures differs from another, within two samples on either side."""
    import cv2
    import numpy as np

    spread = values.max(0) - values.min(0)
    return cv2.dilate((spread > _STILL).astype(np.uint8), np.ones((3, 5), np.uint8)) > 0
