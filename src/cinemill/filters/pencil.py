"""A drawing in graphite, or in coloured pencils: outlines, and tones hatched in strokes that follow the shapes.

Outlines are grey divided by itself blurred (the old "colour dodge"). Tones are a comparison with screens of strokes, as
a halftone is: the darker a place, the more strokes show, and each more strongly; light tones get strokes of one
direction, darker ones more of them, the darkest are crossed. There is a screen for each of four directions, of which
every place takes that of its edges. Strokes belong to the paper, as its grain does, or go along with what moves:
nothing crawls. Source for strokes that stay as tones darken: E. Praun et al., Real-time hatching, 2001.
1920x1080: 70 frames/s on one core.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from cinemill.catalogue import Field, Params
from cinemill.filters import GREY, YUV, Halo, stream_filter
from cinemill.filters.anchors import HALO, Places, Tiles, anchored, laid
from cinemill.filters.drawing import TILE, drawn, noise, paper, resized, scaled, seen, shape_of, unit, work_size

if TYPE_CHECKING:
    from cinemill.media.types import Frame, Plane

_OFFSET = 12
"""Code values added before outlines are looked for, or the noise of blacks would be some."""
_CLEAR, _PRESSED = 246, 2.6
"""What a place keeps of the light around it, of 255, from which on it is no outline; and how dark the others get."""
_HAND = 64.0
"""Of the squared slopes along 45°, which a place without edges is hatched by: a right hand's easiest stroke."""
_FINEST = 3.0
"""Pixels from stroke to stroke below which there would be no paper between them."""
_GRAPHITE = 0.86
"""How dark the softest pencil gets."""


class Pencil(Params):
    strength: float = Field(1.0, ge=0, le=1)
    """How far the drawing replaces the picture. 0 leaves every frame as it is."""
    lines: float = Field(0.8, ge=0, le=2)
    """How dark outlines are drawn."""
    shading: float = Field(0.55, ge=0, le=1)
    """How dark tones are rubbed in beneath the strokes."""
    hatching: float = Field(0.65, ge=0, le=1)
    """How dark tones are hatched. 0 leaves outlines alone."""
    spacing: float = Field(5.0, ge=3, le=30, unit="px")
    """From stroke to stroke, in a picture of 1080 lines."""
    paper: float = Field(0.5, ge=0, le=1)
    """How rough the paper is. 0 is as smooth as glass."""
    anchor: Literal["paper", "scene"] = "paper"
    """What strokes belong to: paper, where they stay in place, or what moves, which they go along with."""
    colour: float = Field(0.0, ge=0, le=1)
    """0 is graphite, 1 coloured pencils."""


def _halo(p: Pencil) -> Halo:
    return (HALO if p.anchor == "scene" else 0), 0


@stream_filter("pencil", halo=_halo, accepts=YUV + GREY)
def pencil(frames: Iterator[Frame], p: Pencil) -> Iterator[Frame]:
    """Draw the picture with a pencil on paper."""
    yield from anchored(frames, lambda frame, places: _drawing(frame, places, p), p.anchor == "scene")


def _drawing(frame: Frame, places: Places, p: Pencil) -> Frame:
    import cv2

    luma, *chroma = seen(frame)
    tone = _with_colour(luma, chroma, p.colour) if chroma and p.colour else luma
    low = cv2.medianBlur(resized(tone, work_size(frame)), 3)
    dark = _outlines(luma, low, p)
    if p.shading:
        dark = cv2.max(dark, cv2.LUT(tone, _shades(p.shading)))
    if p.hatching:
        dark = cv2.add(dark, _hatched(low, places, p, frame))
    dark = _on_paper(dark, p, frame)
    made = [_pigment(plane, dark, tone, p.colour) for plane in chroma]
    if tone is not luma:
        # Bright colours cover the paper without making it dark.
        dark = cv2.multiply(dark, cv2.divide(255 - luma, 255 - tone, scale=255), scale=1 / 255)
    return drawn(frame, (cv2.subtract(_sheet(frame.height, frame.width, p.paper), dark), *made), p.strength)


def _with_colour(luma: Plane, chroma: Sequence[Plane], colour: float) -> Plane:
    """Luma, darkened where colour is strong: how much of the paper is to be covered."""
    import cv2

    blue, red = (cv2.convertScaleAbs(plane, None, 1.0, -128) for plane in chroma)
    left = scaled(cv2.max(blue, red), -2.2 * colour, 255)
    return cv2.min(luma, resized(left, luma.shape[::-1]))


@lru_cache(maxsize=8)
def _shades(shading: float) -> Plane:
    """How dark graphite that was rubbed in makes each tone: 256 values."""
    import numpy as np

    dark = 1 - np.arange(256) / 255
    return np.rint(255 * shading * dark**1.4).astype(np.uint8)


def _outlines(luma: Plane, low: Plane, p: Pencil) -> Plane:
    """How dark the outlines are, 0 to 255."""
    import cv2

    small = resized(low, (-(-low.shape[1] // 2), -(-low.shape[0] // 2)))
    soft = resized(scaled(cv2.GaussianBlur(small, (0, 0), 1.5), 1, _OFFSET), luma.shape[::-1])
    dodged = cv2.divide(scaled(cv2.medianBlur(luma, 3), 1, _OFFSET), soft, scale=255)
    # What is a little darker than what lies around it is an outline.
    return scaled(dodged, -_PRESSED * p.lines, _PRESSED * p.lines * _CLEAR)


def _hatched(low: Plane, places: Places, p: Pencil, frame: Frame) -> Plane:
    """How dark the strokes are, 0 to 255."""
    import cv2

    tone = resized(cv2.GaussianBlur(low, (0, 0), 1.2), shape_of(frame))
    tiles = _screens(round(max(_FINEST, p.spacing * unit(frame)), 1))
    screen = _chosen(laid(tiles, (frame.height, frame.width), places), low, shape_of(frame))
    return cv2.addWeighted(screen, 1.1 * p.hatching, tone, -1.1 * p.hatching, 0)


def _chosen(screens: tuple[Plane, ...], low: Plane, size: tuple[int, int]) -> Plane:
    """At each place the screen whose strokes run along its edges."""
    import cv2
    import numpy as np

    small = (max(1, low.shape[1] // 4), max(1, low.shape[0] // 4))
    tiny = cv2.resize(low, small, interpolation=cv2.INTER_AREA)
    across, down = cv2.Sobel(tiny, cv2.CV_32F, 1, 0), cv2.Sobel(tiny, cv2.CV_32F, 0, 1)
    even = cv2.GaussianBlur(across * across - down * down, (0, 0), 5)
    odd = cv2.GaussianBlur(2 * across * down, (0, 0), 5) - _HAND
    length = cv2.magnitude(even, odd) + np.float32(1e-3)
    (ragged,) = laid(_ragged(), (size[1], size[0]), None)
    steep, rising = (
        cv2.compare(resized(cv2.convertScaleAbs(part / length + 1, None, 127), size), ragged, cv2.CMP_GT)
        for part in (even, odd)
    )
    screen = screens[0].copy()
    cv2.copyTo(screens[1], steep, screen)
    other = screens[2].copy()
    cv2.copyTo(screens[3], steep, other)
    cv2.copyTo(other, rising, screen)
    return screen


@lru_cache(maxsize=1)
def _ragged() -> Tiles:
    """A tile of thresholds around 128, so that hatchings meet as a hand lets them, not along a seam."""
    import numpy as np

    return Tiles((np.clip(128 + 22 * noise(TILE, 9, 5), 60, 196).astype(np.uint8),))


@lru_cache(maxsize=4)
def _screens(spacing: float) -> Tiles:
    """Tiles of thresholds of strokes: for edges that run / lying, / standing, \\ lying, \\ standing."""
    return Tiles(tuple(_strokes(angle, spacing, seed) for seed, angle in enumerate((-22.5, -67.5, 22.5, 67.5))))


@lru_cache(maxsize=16)
def _strokes(angle: float, spacing: float, seed: int) -> Plane:
    """(512, 512) uint8 thresholds: a stroke shows where the tone is darker than its value."""
    import cv2
    import numpy as np

    dice = np.random.default_rng([7, seed])
    sheet = np.zeros((TILE, TILE), np.uint8)
    layers = ((50, 24, 58, 0.8), (120, 26, 8, 1.0), (196, 24, 0, 1.3))
    for level, spread, turn, sparse in layers:
        layer = np.zeros_like(sheet)
        length = 13 * spacing
        count = int(TILE * TILE / (length * spacing * sparse) * 1.25)
        for _ in range(count):
            _stroke(
                layer,
                dice,
                np.deg2rad(angle + turn + dice.normal(0, 4)),
                length,
                level + spread * dice.uniform(-1, 1),
                spacing,
            )
        sheet = np.maximum(sheet, layer)
    return np.clip(cv2.GaussianBlur(sheet, (0, 0), 0.5), 0, 255)


def _stroke(sheet: Any, dice: Any, angle: float, length: float, level: float, spacing: float) -> None:
    """One stroke, bent a little, on a sheet that goes on at the other side."""
    import cv2
    import numpy as np

    length = length * dice.uniform(0.5, 1.3)
    middle, along = dice.uniform(0, TILE, 2), np.array([np.cos(angle), np.sin(angle)])
    bend = np.array([-along[1], along[0]]) * dice.normal(0, 0.03) * length
    at = np.linspace(-0.5, 0.5, 9)[:, None]
    points = middle + at * length * along + (at * at - 0.1) * 4 * bend
    thick = max(1, round(0.25 * spacing))
    for down in (-TILE, 0, TILE):
        for across in (-TILE, 0, TILE):
            moved = np.rint((points + np.array([across, down])) * 16).astype(np.int32)
            cv2.polylines(sheet, [moved[:, None]], False, level, thick, cv2.LINE_AA, 4)


def _on_paper(dark: Plane, p: Pencil, frame: Frame) -> Plane:
    """Graphite stays on the bumps of paper, and fills its hollows only where it is pressed."""
    import cv2

    if p.paper == 0:
        return scaled(dark, _GRAPHITE)
    bumps = _grain(frame.height, frame.width, round(1.6 * max(1.0, unit(frame)), 2), p.paper)
    return cv2.multiply(dark, bumps, scale=_GRAPHITE / 128)


@lru_cache(maxsize=4)
def _grain(height: int, width: int, grain: float, rough: float) -> Plane:
    import numpy as np

    bumps = paper(height, width, grain).astype(np.float32) / 255
    return np.clip(128 * (1 + rough * (bumps - 0.5) * 0.9), 0, 255).astype(np.uint8)


@lru_cache(maxsize=4)
def _sheet(height: int, width: int, rough: float) -> Plane:
    """The paper itself, whose bumps throw faint shadows."""
    import numpy as np

    bumps = paper(height, width, 2.0, 11).astype(np.float32) / 255
    return np.rint(250 - 9 * rough * bumps).astype(np.uint8)


def _pigment(chroma: Plane, dark: Plane, tone: Plane, colour: float) -> Plane:
    """Chroma as strong as the strokes that carry it."""
    import cv2
    import numpy as np

    if colour == 0:
        return np.full_like(chroma, 128)
    size = chroma.shape[::-1]
    cover = resized(dark, size).astype(np.float32) / (resized(255 - tone, size).astype(np.float32) + 16)
    return cv2.convertScaleAbs(128 + (chroma - np.float32(128)) * np.minimum(cover, 1.5) * np.float32(1.7 * colour))
