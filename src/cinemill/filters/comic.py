"""A printed comic: four inks in dots on rotated screens, and bold lines of black.

Colour is separated into cyan, magenta, yellow and black on a reduced picture in few steps, so that a flat is printed in
dots of one size. Each ink is a comparison with a screen of thresholds, made once: cyan at 15°, magenta at 75°, yellow
at 0°, black at 45°, as printers turn them against moiré. Dots belong to the paper and stay where they are, or go along
with what moves. Inks take light away and together never more than there is, so luma and colour differences follow by
sums. 1920x1080: 40 frames/s on one core.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from cinemill.catalogue import Field, Params
from cinemill.filters import GREY, YUV, Halo, stream_filter
from cinemill.filters.anchors import HALO, Places, Tiles, anchored, laid
from cinemill.filters.cartoon import flattened
from cinemill.filters.drawing import TILE, differences, drawn, resized, rgb_of_yuv, scaled, seen, unit, work_size
from cinemill.filters.ink import enlarged, inked, outlines

if TYPE_CHECKING:
    from cinemill.media.types import Frame, Plane

_ANGLES = (15.0, 75.0, 0.0, 45.0)
"""Of the screens of cyan, magenta, yellow and black."""
_AWAY = ((-0.8, 0.5), (0.7, 0.6), (0.1, -0.9))
"""Where an inexact press puts cyan, magenta and yellow, in units of `offset`; black is what it is set by."""
_INKS = ((0.90, 0.22, 0.06), (0.05, 0.74, 0.20), (0.02, 0.04, 0.70))
"""Red, green and blue that full cyan, magenta and yellow take from white. Together they leave some: newsprint."""
_REPLACED = 0.5
"""How much of what the colours share black takes over: more is cleaner, less is more colourful."""
_PAPER = (250, 244, 228)
_STEEP = 2.5
"""How steep the way from one step of tone to the next is: by so much noise grows there."""
_SLOPES = (2.0, 4.0)
"""How steep the edge of a dot may be: code values of tone per code value of threshold. Below, no tone would be dots of
full contrast; above, dots are jagged."""


class Comic(Params):
    strength: float = Field(1.0, ge=0, le=1)
    """How far the print replaces the picture. 0 leaves every frame as it is."""
    dot: float = Field(7.0, ge=3, le=60, unit="px")
    """From dot to dot, in a picture of 1080 lines."""
    finest: float = Field(4.0, ge=4, le=60, unit="px")
    """From dot to dot at least, in pixels of the picture itself, however few lines it has."""
    edge: float = Field(0.0, ge=0, le=10, unit="px")
    """How soft the edge of a dot is, in pixels of the picture itself; 0 is as sharp as print."""
    dots: float = Field(1.0, ge=0, le=1)
    """How much of the tone is printed in dots; 0 prints it as flat ink."""
    offset: float = Field(1.5, ge=0, le=20, unit="px")
    """How far cyan, magenta and yellow miss their place, in a picture of 1080 lines."""
    levels: int = Field(5, ge=2, le=64)
    """Steps of tone of each ink."""
    vivid: float = Field(1.4, ge=0, le=3)
    """Strength of colours, against the picture's own."""
    lines: float = Field(1.0, ge=0, le=1)
    """How black the drawn lines are. 0 leaves them out."""
    width: float = Field(4.0, ge=1, le=16, unit="px")
    """Of the lines, in a picture of 1080 lines."""
    detail: float = Field(0.4, ge=0, le=1)
    """How faint an edge may be that gets a line."""
    anchor: Literal["paper", "scene"] = "paper"
    """What dots belong to: paper, where they stay in place, or what moves, which they go along with."""
    panel: float = Field(0.0, ge=0, le=10, unit="%")
    """Width of the white margin of a panel around the picture, with a black border, in parts of its height."""


def _halo(p: Comic) -> Halo:
    return (HALO if p.anchor == "scene" else 0), 0


@stream_filter("comic", halo=_halo, accepts=YUV + GREY)
def comic(frames: Iterator[Frame], p: Comic) -> Iterator[Frame]:
    """Print the picture as a comic."""
    yield from anchored(frames, lambda frame, places: _print(frame, places, p), p.anchor == "scene")


def _print(frame: Frame, places: Places, p: Comic) -> Frame:
    import cv2

    planes = seen(frame)
    size = work_size(frame)
    inks = _separated(flattened(planes, size, 0.5), p, differences(frame) if planes[1:] else None)
    low = cv2.medianBlur(resized(planes[0], size), 3)
    lines = outlines(low, p.width * unit(frame) * size[1] / frame.height, p.detail)
    made = (_printed(plane.shape, number, inks, lines, places, p, frame) for number, plane in enumerate(planes))
    return drawn(frame, tuple(made), p.strength)


def _separated(flat: Plane, p: Comic, weights: tuple[float, float] | None) -> tuple[Plane, ...]:
    """How much there is to be of cyan, magenta, yellow and black, (h, w) uint8 each; of a grey picture, black alone."""
    import cv2
    import numpy as np

    if weights is None:
        return (cv2.LUT(255 - flat[..., 0], _steps(p.levels)),)
    takes = -rgb_of_yuv(*weights)
    takes[:, 1:] *= p.vivid
    constant = 255 - 128 * takes[:, 1:].sum(1)
    matrix = np.column_stack([takes, constant]).astype(np.float32)
    cyan, magenta, yellow = cv2.split(cv2.transform(flat, matrix))
    shared = cv2.min(cv2.min(cyan, magenta), yellow)
    colours = (cv2.addWeighted(ink, 1, shared, -_REPLACED, 0) for ink in (cyan, magenta, yellow))
    steps = _steps(p.levels)
    return (*(cv2.LUT(ink, steps) for ink in colours), cv2.LUT(shared, _steps(p.levels, 0.5)))


@lru_cache(maxsize=16)
def _steps(levels: int, threshold: float = 0.0) -> Plane:
    """Tone in steps, 256 values; below `threshold` there is none. Steps are a little soft, so as not to flicker."""
    import numpy as np

    tone = np.clip((np.arange(256) / 255 - threshold) / (1 - threshold), 0, 1) * levels
    whole = np.floor(tone)
    rise = np.clip((tone - whole - 0.5) * _STEEP + 0.5, 0, 1)
    return np.rint(np.minimum(255, (whole + rise) * 255 / levels)).astype(np.uint8)


def _printed(
    shape: tuple[int, ...],
    number: int,
    inks: tuple[Plane, ...],
    lines: Plane,
    places: Places,
    p: Comic,
    frame: Frame,
) -> Plane:
    """Plane `number` of the print."""
    import cv2
    import numpy as np

    height, width = shape
    across, down, _ = frame.layout.planes[number]
    base, *takes = _prints(number, differences(frame))
    total = np.full(shape, round(base), np.uint8)
    spacing = round(max(p.finest, p.dot * unit(frame)), 2)
    steep = _steepness(spacing, p.edge)
    tiles = _screens(spacing, steep, across, down)
    screens = laid(tiles, shape, places)
    for ink, screen, (right, low), take in zip(inks[:-1], screens, _AWAY, takes):
        away = round(right * p.offset * unit(frame)) >> across, round(low * p.offset * unit(frame)) >> down
        cover = _dotted(_placed(ink, (width, height), *away), screen, steep, p)
        total = cv2.addWeighted(total, 1, cover, -take, 0)
    black = _dotted(resized(inks[-1], (width, height)), screens[-1], steep, p)
    total = inked(total, cv2.max(black, scaled(enlarged(lines, (width, height)), p.lines)), number)
    return _framed(total, number, round(p.panel / 100 * frame.height), (across, down), base)


@lru_cache(maxsize=16)
def _prints(number: int, weights: tuple[float, float]) -> tuple[float, ...]:
    """Plane `number` of the paper, and what full cyan, magenta and yellow take from it, as a share of 255."""
    import numpy as np

    values = np.linalg.inv(rgb_of_yuv(*weights))[number] @ np.column_stack([_PAPER, *_INKS])
    return (float(values[0]) + (128 if number else 0), *map(float, values[1:]))


def _placed(ink: Plane, size: tuple[int, int], right: int, down: int) -> Plane:
    """An ink at the size of the print, beside its place."""
    import cv2

    plane = resized(ink, size)
    if not right and not down:
        return plane
    edges = max(0, down), max(0, -down), max(0, right), max(0, -right)
    wide = cv2.copyMakeBorder(plane, *edges, cv2.BORDER_REPLICATE)
    top, left = max(0, -down), max(0, -right)
    return wide[top : top + size[1], left : left + size[0]]


def _steepness(spacing: float, edge: float) -> float:
    """Of dots `spacing` px apart with edges `edge` px wide: a threshold goes from end to end over half of the way."""
    least, most = _SLOPES
    return round(min(most, max(least, spacing / 2 / edge)), 2) if edge else most


def _dotted(tone: Plane, screen: Plane, steep: float, p: Comic) -> Plane:
    import cv2

    printed = cv2.addWeighted(tone, steep, screen, -steep, 0)
    return printed if p.dots == 1 else cv2.addWeighted(printed, p.dots, tone, 1 - p.dots, 0)


@lru_cache(maxsize=16)
def _screens(spacing: float, steep: float, across: int, down: int) -> Tiles:
    """Tiles of thresholds for four inks, dots `spacing` px of luma apart, for a plane of such subsampling (log2)."""
    return Tiles(tuple(_screen(spacing, steep, angle, across, down) for angle in _ANGLES))


def _screen(spacing: float, steep: float, angle: float, across: int, down: int) -> Plane:
    import numpy as np

    # Whole waves in a tile, so that it repeats: angles are right to half a degree.
    waves = np.rint(TILE / spacing * np.array([np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))]))
    columns, rows = (
        2 * np.pi / TILE * ((np.arange(TILE >> fold) + 0.5) * (1 << fold) - 0.5) for fold in (across, down)
    )
    along = waves[0] * columns[None] + waves[1] * rows[:, None]
    beside = waves[0] * rows[:, None] - waves[1] * columns[None]
    # By rank: each tone covers its share of the paper. Not up to 255, so that full ink leaves no hole.
    wave = np.cos(np.linspace(0, 2 * np.pi, 512, endpoint=False))
    ranks = np.sort((wave[:, None] + wave[None]).ravel())[:: 512 * 512 // 1024]
    thresholds = np.linspace(0, 255 - 255 / steep, len(ranks))
    return np.rint(np.interp(-np.cos(along) - np.cos(beside), ranks, thresholds)).astype(np.uint8)


def _framed(plane: Plane, number: int, margin: int, fold: tuple[int, int], paper: float) -> Plane:
    """The print as a panel: paper around it, and a black border."""
    if margin:
        border = max(1, margin // 4)
        for value, inset in ((128 if number else 0, margin), (round(paper), margin - border)):
            beside, above = max(1, inset >> fold[0]), max(1, inset >> fold[1])
            plane[:above] = plane[-above:] = value
            plane[:, :beside] = plane[:, -beside:] = value
    return plane
