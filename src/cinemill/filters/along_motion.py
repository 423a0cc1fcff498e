"""Fields made whole along the motion: what their neighbours show there tells what a field alone could not.

Each field is first made a picture by a small network. Optical flow, as DIS finds it, leads from each picture to the one
after it, and turned round from there back; both neighbours are moved onto the picture between them, and a network takes
from them what fits, which is seen on the lines that were given. Wrong, as all flow, where a part has no counterpart:
there the network is left with the fields as they are.
Source: DIS is T. Kroeger et al., Fast optical flow using dense inverse search, 2016.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from cinemill.filters import parallel
from cinemill.filters.neighbours import windows

if TYPE_CHECKING:
    from cinemill.measure.motion import Floats, Flow, Match, Still
    from cinemill.media.types import Frame, Plane

Network = Callable[[Any], Any]
"""(1, `SEEN`, lines, columns) float32, as `seen` makes it -> (1, 1, lines, columns), the lines that are missing."""
SEEN: Final = 12
"""What the network sees of each line."""
VALUES: Final = 10
"""How many of these are values of samples."""
BACKWARDS: Final = [0, 1, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10]
"""Where each is when time runs backwards."""
_STEP: Final = 4
_STILL: Final = 1
"""Steps of 8 bits by which samples that stand still differ from picture to picture, at most."""
_AROUND: Final = 2
"""Pictures on either side that are looked at."""
_SMALLEST: Final = 32
"""Side of a picture below which nothing is searched for: the search compares patches of 8 at half of the size."""
_SEARCH = threading.local()


@dataclass(frozen=True, eq=False)
class Taken:
    """A picture that was made of a field, and the row at which that field's lines begin; None where it was whole.

    `frame` is what is to be shown of it, or None when it only helps its neighbours.
    """

    frame: Frame | None
    start: int | None
    still: Still


@dataclass(frozen=True, eq=False)
class Linked:
    """A picture, where its parts are found in the one after it, and where that one's parts are found in it."""

    taken: Taken
    onward: Flow | None = None
    back: Flow | None = None


def followed(taken: Iterable[Taken], network: Network, threads: int) -> Iterator[Frame]:
    """Each frame that is to be shown, its luma as the network makes it, in order; whole ones as they are."""
    linked = parallel(windows(taken, 0, 1), _linked, threads)
    seen = parallel(windows(linked, _AROUND, _AROUND), partial(_again, network=network), threads)
    return (frame for frame in seen if frame is not None)


def _linked(pair: tuple[Sequence[Taken], int]) -> Linked:
    window, place = pair
    return link(window[place], window[place + 1] if place + 1 < len(window) else None)


def link(here: Taken, after: Taken | None) -> Linked:
    """A picture and the motion between it and the one `after` it."""
    if after is None:
        return Linked(here)
    onward = _flow(here.still.luma, after.still.luma)
    return Linked(here, onward, _turned_round(onward))


def _again(around: tuple[Sequence[Linked], int], network: Network) -> Frame | None:
    window, place = around
    here = window[place].taken
    if here.start is None or here.frame is None:
        return here.frame
    return replace(here.frame, planes=(View(window, place).luma(network), *here.still.planes[1:]))


class View:
    """A picture among its neighbours, and these moved onto it. At the ends it stands in for those that lack."""

    def __init__(self, window: Sequence[Linked], place: int) -> None:
        from cinemill.measure.motion import Match

        near = [window[at] if 0 <= at < len(window) else None for at in range(place - _AROUND, place + _AROUND + 1)]
        self.here = window[place].taken
        self.start = self.here.start or 0
        self.stills = [one.taken.still if one else self.here.still for one in near]
        still = _stillness(self.here.still.luma)
        before, after = near[_AROUND - 1], near[_AROUND + 1]
        back = before.back if before and before.back is not None else still
        onward = window[place].onward
        onward = onward if after and onward is not None else still
        self.matches: list[Match] = [Match(self.stills[1], back), Match(self.stills[3], onward)]

    def seen(self) -> Floats:
        """(`SEEN`, lines, columns) of luma from 0 to 1, for the network. Around a lower field all are turned upside
        down, so that what is missing lies below what is given.

        The lines that were given, and those between as they were made; at given ones what the two neighbours moved
        here have, and the fields before and after that have such lines too; at missing ones the moved neighbours, and
        the neighbours' own; and how much of what was moved lay on lines that were given there.
        """
        import numpy as np

        values = [still.values[0] for still in self.stills]
        moved = [match.values(0) for match in self.matches]
        height, width = values[2].shape
        lead = lead_of(height, self.start)
        rows, columns = (-(-length // _STEP) * _STEP for length in ((height + 1) // 2, width))
        made = np.empty((SEEN, rows, columns), np.float32)
        for at, plane in enumerate((values[2], *moved, values[0], values[4])):
            put(made[at if at == 0 else at + 1], self._turned(plane)[lead::2], lead)
        for at, plane in enumerate((values[2], *moved, values[1], values[3])):
            put(made[1 if at == 0 else at + 5], self._turned(plane)[1 - lead :: 2], 0)
        for at, match in enumerate(self.matches):
            put(made[SEEN - 2 + at], self._turned(_given_there(match.flow, height, width)), 0, 1.0)
        return made

    def _turned(self, plane: Floats) -> Floats:
        return plane[::-1] if self.start else plane

    def luma(self, network: Network) -> Plane:
        """Luma with what the network made between its lines, but where all pictures around it are the same."""
        import numpy as np

        still, start = self.here.still, self.start
        plane = still.planes[0].copy()
        if plane.shape[0] < 2:
            return plane
        made = network(self.seen()[None])[0, 0]
        missing = plane[1 - start :: 2]
        high, wide = missing.shape
        lines = still.rounded(0, made[:high, :wide] * np.float32(255))
        changed = self._changes()[1 - start :: 2]
        np.copyto(missing, lines[::-1] if start else lines, where=changed)
        return plane

    def _changes(self) -> Any:
        """(H, W) booleans: where one of the nearest neighbours differs, within two samples on either side."""
        import cv2
        import numpy as np

        before, here, after = (still.planes[0] for still in self.stills[1:4])
        pairs = ((before, here), (here, after), (before, after))
        apart = cv2.max(cv2.max(*(cv2.absdiff(*pair) for pair in pairs[:2])), cv2.absdiff(*pairs[2]))
        changed = (apart > _STILL << (self.here.still.bits - 8)).view(np.uint8)
        return cv2.dilate(changed, np.ones((3, 5), np.uint8)) > 0


def lead_of(height: int, start: int) -> int:
    """1 where a lower field that is turned upside down lacks the line before the first that is missing."""
    return start and height % 2


def put(target: Any, lines: Floats, lead: int, scale: float = 1 / 255) -> None:
    """Lines into their place after `lead` that are made up; the edges are repeated."""
    import numpy as np

    high, wide = lines.shape
    np.multiply(lines, np.float32(scale), out=target[lead : lead + high, :wide])
    target[:lead, :wide] = target[lead, :wide]
    target[lead + high :, :wide] = target[lead + high - 1, :wide]
    target[:, wide:] = target[:, wide - 1 : wide]


def _flow(here: Plane, there: Plane) -> Flow:
    """From places in one picture to their counterparts in the other, at half of the size."""
    import numpy as np

    if min(here.shape) < _SMALLEST or np.array_equal(here, there):
        return _stillness(here)
    if not hasattr(_SEARCH, "motion"):
        _SEARCH.motion = _search()  # keeps its buffers, so each thread has its own
    return np.asarray(_SEARCH.motion.calc(_half(here), _half(there), None), np.float32).copy()


def _search() -> Any:
    import cv2

    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    search.setFinestScale(0)
    search.setPatchStride(5)
    search.setGradientDescentIterations(6)
    search.setVariationalRefinementIterations(1)
    return search


def _half(plane: Plane) -> Plane:
    import cv2

    return cv2.resize(plane, (plane.shape[1] // 2, plane.shape[0] // 2), interpolation=cv2.INTER_AREA)


def _stillness(plane: Plane) -> Flow:
    import numpy as np

    return np.zeros((max(1, plane.shape[0] // 2), max(1, plane.shape[1] // 2), 2), np.float32)


def _turned_round(flow: Flow) -> Flow:
    """Where the counterparts come from: what leads back from the other picture."""

    from cinemill.measure.motion import moved

    back = -flow
    for _ in range(2):
        back = -moved(flow, back)
    return back


def _given_there(flow: Flow, height: int, width: int) -> Floats:
    """(lines, columns) of a plane: 1 where the flow leads from a missing line to one that its neighbour was given, 0
    where it leads to one that was missing there too.
    """
    import cv2
    import numpy as np

    down = cv2.resize(np.ascontiguousarray(flow[..., 1]), (width, height // 2), interpolation=cv2.INTER_LINEAR)
    down *= np.float32(0.5 * height / flow.shape[0])
    down -= np.rint(down)
    np.abs(down, out=down)
    return 1 - 2 * down
