"""Few colours for a scene: found by k-means in Lab, and laid down as a table from any colour to the one it becomes.

Where a scene begins is seen from one frame to the next. The frame that a palette is found on has the least number that
a hash makes of its time, among the last few frames of its scene: so every frame knows its palette from the frames just
before it, and a long film can be cut anywhere. When another frame takes over, the tables fade.
"""

from __future__ import annotations

from collections import deque
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zlib import crc32

from cinemill.filters.cuts import Cuts, reduced

if TYPE_CHECKING:
    from cinemill.media.types import Frame, Plane

REACH = 24
"""Frames among which the one is chosen that the palette is found on."""
FADE = 12
"""Frames over which one palette becomes another."""
_STEPS = (64, 24, 24)
"""Entries of the table along luma and the two colour differences."""
_SPAN = 80
"""Of colour differences, from grey, that are told apart; farther ones count as this far."""
_ROUNDS = 12
_SOFT = 0.35
"""How gradually one colour becomes the next, as a share of the distance of all: less shimmers, more is no flat."""


class Scenes:
    """Tables for the frames of a stream, taken in order."""

    def __init__(self, colours: int, vivid: float) -> None:
        self._colours, self._vivid = colours, vivid
        self._cuts = Cuts()
        self._recent: deque[_Seen] = deque(maxlen=REACH)
        self._tables: deque[Any] = deque(maxlen=FADE)
        """What each of the last frames of the scene would use by itself."""
        self._made: tuple[Any, Plane] | None = None

    def table(self, frame: Frame) -> Plane:
        """(64, 576, 3) uint8: the colour of each luma and pair of differences."""
        small = reduced(frame)
        if self._cuts.begins(small):
            self._recent.clear()
            self._tables.clear()
        time = frame.pts * frame.time_base
        self._recent.append(_Seen(crc32(f"{time}".encode()), small))
        chosen = min(self._recent, key=lambda one: one.number)
        self._tables.append(chosen.table(self._colours, self._vivid))
        return self._faded()

    def _faded(self) -> Plane:
        import numpy as np

        tables = list(self._tables)
        shares: dict[int, tuple[int, Plane]] = {}
        for table in tables:
            shares[id(table)] = (shares.get(id(table), (0, table))[0] + 1, table)
        if len(shares) == 1:
            return tables[-1]
        key = tuple((number, count) for number, (count, _) in shares.items())
        if self._made is None or self._made[0] != key:
            total = sum(np.float32(count / len(tables)) * table for count, table in shares.values())
            self._made = key, np.rint(total).astype(np.uint8)
        return self._made[1]


class _Seen:
    """A frame of the scene, very small."""

    def __init__(self, number: int, small: Plane) -> None:
        self.number = number
        self._small = small
        self._table: Plane | None = None

    def table(self, colours: int, vivid: float) -> Plane:
        if self._table is None:
            self._table = table(centres(self._small, colours), vivid)
        return self._table


def lab(colours: Any) -> Any:
    """(N, 3) full-range luma and differences to CIE L*a*b*, float32."""
    import cv2
    import numpy as np

    y, u, v = (colours[:, i].astype(np.float32) / 255 - np.float32(0.5 if i else 0) for i in range(3))
    # BT.709; what BT.601 differs by does not change which colours are alike.
    rgb = np.stack([y + 1.5748 * v, y - 0.1873 * u - 0.4681 * v, y + 1.8556 * u], 1)
    return cv2.cvtColor(np.clip(rgb, 0, 1).astype(np.float32)[None], cv2.COLOR_RGB2Lab)[0]


def centres(small: Plane, colours: int) -> Any:
    """(N, 3) float32, luma and differences of the `colours` that stand best for (h, w, 3) uint8.

    Lloyd's k-means in Lab. It starts from the colours that are farthest apart, so that a small thing in a colour of its
    own keeps it, and the same picture always gives the same colours.
    """
    import numpy as np

    pixels = small.reshape(-1, 3)
    points = lab(pixels)
    means = points[:1].astype(np.float32)
    nearest = np.square(points - means).sum(1)
    for _ in range(colours - 1):
        means = np.concatenate([means, points[nearest.argmax()][None]])
        nearest = np.minimum(nearest, np.square(points - means[-1]).sum(1))
    for _ in range(_ROUNDS):
        owner = _distances(points, means).argmin(0)
        counts = np.bincount(owner, minlength=colours)
        sums = np.stack([np.bincount(owner, points[:, i], colours) for i in range(3)], 1)
        means = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], means).astype(np.float32)
    owner = _distances(points, means).argmin(0)
    used = np.unique(owner)
    return np.stack([pixels[owner == one].mean(0) for one in used]).astype(np.float32)


def _distances(points: Any, means: Any) -> Any:
    """(M, N): the squares of the distances of N points from M means."""
    import numpy as np

    squares = np.square(means).sum(1)[:, None] - 2 * means @ points.T + np.square(points).sum(1)
    return np.maximum(squares, 0)


def table(means: Any, vivid: float) -> Plane:
    """The table from any colour to the nearest of `means`, with soft steps between them."""
    import numpy as np

    luma = (np.arange(_STEPS[0]) + 0.5) * (256 / _STEPS[0])
    chroma = [128 + _SPAN * (2 * (np.arange(n) + 0.5) / n - 1) for n in _STEPS[1:]]
    grid = np.stack(np.meshgrid(luma, *chroma, indexing="ij"), -1, dtype=np.float32).reshape(-1, 3)
    apart = np.sqrt(_distances(lab(grid), lab(means)))
    weights = np.exp((apart.min(0) - apart) / np.float32(_SOFT))
    weights /= weights.sum(0)
    shown = means.copy()
    shown[:, 1:] = 128 + vivid * (shown[:, 1:] - 128)
    made = np.clip(np.rint(weights.T @ shown), 0, 255).astype(np.uint8)
    return made.reshape(_STEPS[0], _STEPS[1] * _STEPS[2], 3)


def recoloured(picture: Plane, table: Plane) -> Plane:
    """(H, W, 3) uint8 through a table."""
    import cv2
    import numpy as np

    luma, blue, red = cv2.split(picture)
    across, beside, down = _places()
    places: Any = cv2.merge([cv2.add(cv2.LUT(blue, across), cv2.LUT(red, beside)), cv2.LUT(luma, down)])
    # A gather: OpenCV's is several times as fast as NumPy's.
    return np.asarray(cv2.remap(table, places, np.empty(0), cv2.INTER_NEAREST))


@lru_cache(maxsize=1)
def _places() -> tuple[Any, Any, Any]:
    """What blue and red differences add to a table's column, and the row of luma, by code value."""
    import numpy as np

    codes = np.arange(256)
    steps = [np.clip((codes - 128 + _SPAN) * n // (2 * _SPAN), 0, n - 1) for n in _STEPS[1:]]
    across, beside, down = (steps[0] * _STEPS[2], steps[1], codes * _STEPS[0] // 256)
    return across.astype(np.int16), beside.astype(np.int16), down.astype(np.int16)
