"""What dots and strokes belong to: the paper, or the things in the picture, which they then go along with.

For each frame, the way of every place is known since the frame that its scene is anchored at: the scene's first one, or
once that is long ago, the one of the last few with the least number that a hash makes of its time. So a frame's ways
follow from the frames just before it, and a film can be cut anywhere. When another anchor takes over, screens fade.
Ways are added up from the optical flow between frames, smoothed so that dots keep their shape; where they lose it, as
on what comes out from behind something, the paper's take their place.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from cinemill.filters.cuts import Cuts, reduced
from cinemill.filters.drawing import tiled
from cinemill.hardware import cores

if TYPE_CHECKING:
    from cinemill.measure.motion import Flow
    from cinemill.media.types import Frame, Plane


class Place(NamedTuple):
    """Where what a frame shows was at an anchor."""

    share: float
    """How much the anchor counts; those of a frame add up to 1."""
    way: Flow
    """From each place, in half pixels, to where it was."""
    bent: Any
    """(H, W) float32 from 0 to 1: how far dots have lost their shape there."""


Places = Sequence[Place] | None
"""Of each anchor that counts. None: the paper."""
REACH, FADE = 48, 8
"""Frames among which the anchor lies, and over which one screen becomes another."""
HALO = REACH + FADE
_SMOOTH = 6.0
"""Sigma, in pixels of the flow, within which things move together."""
_BENT = 0.25
"""By how much of its size a dot may be stretched or sheared until it begins to give way; at twice that it is gone."""
_MARGIN = 64
"""Pixels around a screen that ways may differ by from their mean."""


def anchored(frames: Iterator[Frame], draw: Callable[[Frame, Places], Frame], to_scene: bool) -> Iterator[Frame]:
    """`draw` for each frame, on all cores, with the places of what it shows or, on paper, with None."""
    from cinemill.media.flow import parallel

    anchors = Anchors() if to_scene else None
    placed = ((frame, anchors.places(frame) if anchors else None) for frame in frames)
    yield from parallel(placed, lambda pair: draw(*pair), cores())


@dataclass(eq=False)
class _Anchor:
    """A frame that may be the anchor, and the way to it. `index` counts frames; the least `number` is chosen."""

    index: int
    number: int
    way: Flow


class Anchors:
    """The places of a stream's frames, taken in order."""

    def __init__(self) -> None:
        from cinemill.measure.motion import Motion

        self._cuts, self._motion = Cuts(), Motion()
        self._before: Plane | None = None
        self._index = 0
        self._waiting: deque[_Anchor] = deque()
        """Those that are the anchor or may become it once those before them are too long ago; numbers rise."""
        self._chosen: deque[_Anchor] = deque(maxlen=FADE)
        """The anchors of the last frames."""

    def places(self, frame: Frame) -> Places:
        """Of the next frame."""
        import numpy as np

        from cinemill.measure.motion import Still

        guide = Still(frame.planes[:1], frame.layout.bits).guide
        begins = self._cuts.begins(reduced(frame)) or self._before is None
        if begins:
            self._waiting.clear()
            self._chosen.clear()
        else:
            self._follow(guide)
        number = -1 if begins else crc32(f"{frame.pts * frame.time_base}".encode())
        while self._waiting and self._waiting[-1].number > number:
            self._waiting.pop()
        self._waiting.append(_Anchor(self._index, number, np.zeros((*guide.shape, 2), np.float32)))
        if self._waiting[0].index <= self._index - REACH:
            self._waiting.popleft()
        self._chosen.append(self._waiting[0])
        self._before = guide
        self._index += 1
        times, all = Counter(self._chosen), len(self._chosen)
        return [Place(count / all, one.way, _bent(one.way)) for one, count in times.items()]

    def _follow(self, guide: Plane) -> None:
        """Make all ways longer by the step from the frame before to this one."""
        import cv2
        import numpy as np

        from cinemill.measure.motion import places

        assert self._before is not None
        step = cv2.GaussianBlur(self._motion.flow(guide, self._before), (0, 0), _SMOOTH)
        columns, rows = places(*guide.shape)
        x, y = columns + step[..., 0], rows + step[..., 1]
        for anchor in {*self._waiting, *self._chosen}:
            moved = cv2.remap(anchor.way, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            anchor.way = np.asarray(moved + step)


@dataclass(frozen=True, eq=False)
class Tiles:
    """Planes of one shape that repeat without a seam. Equal to itself alone, so that what is made of it can be kept."""

    planes: tuple[Plane, ...]


def laid(tiles: Tiles, shape: tuple[int, ...], places: Places) -> tuple[Plane, ...]:
    """Tiles that repeat, laid over a plane of a shape: on the paper, or where they have gone with what is shown."""
    import cv2
    import numpy as np

    if places is None:
        return _on_paper(tiles, shape)
    made: Any = None
    sheet = _sheet(tiles, shape)
    paper = sheet[: shape[0], : shape[1]].astype(np.float32)
    for place in places:
        x, y = _ways(place.way, shape, tiles.planes[0].shape)
        screen = cv2.remap(sheet, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
        screen += cv2.resize(place.bent, shape[::-1], interpolation=cv2.INTER_LINEAR)[..., None] * (paper - screen)
        made = place.share * screen if made is None else made + place.share * screen
    return tuple(cv2.split(np.rint(made).astype(np.uint8)))


def _bent(way: Flow) -> Any:
    import cv2
    import numpy as np

    slopes = [cv2.Sobel(way, cv2.CV_32F, *axis, ksize=1, scale=0.5) for axis in ((1, 0), (0, 1))]
    most = np.max(np.abs(slopes), axis=(0, 3))
    return cv2.blur(np.clip(most / np.float32(_BENT) - 1, 0, 1), (9, 9))


def _ways(way: Flow, shape: tuple[int, ...], tile: tuple[int, ...]) -> tuple[Any, Any]:
    """Columns and rows of the sheet for every sample of a plane."""
    import cv2
    import numpy as np

    from cinemill.measure.motion import places

    height, width = shape
    wide: Any = cv2.resize(way, (width, height), interpolation=cv2.INTER_LINEAR)
    made: list[Any] = []
    for axis, base, length in ((0, places(height, width)[0], width), (1, places(height, width)[1], height)):
        far = wide[..., axis] * np.float32(length / way.shape[1 - axis])
        # A tile repeats, so whole ones may be left out.
        side = tile[1 - axis]
        whole = side * np.floor((float(far.mean()) - _MARGIN) / side)
        made.append(base + (far - np.float32(whole)))
    return made[0], made[1]


@lru_cache(maxsize=8)
def _on_paper(tiles: Tiles, shape: tuple[int, ...]) -> tuple[Plane, ...]:
    return tuple(tiled(tile, *shape) for tile in tiles.planes)


@lru_cache(maxsize=4)
def _sheet(tiles: Tiles, shape: tuple[int, ...]) -> Plane:
    """Tiles as channels, over more than a plane."""
    import cv2

    sides = (length + side + 2 * _MARGIN for length, side in zip(shape, tiles.planes[0].shape))
    return cv2.merge(_on_paper(tiles, tuple(sides)))
