"""A cartoon: flat colours out of a small palette that holds for a scene, and clean black outlines.

Colours are smoothed where they differ little and kept apart where they differ much (bilateral filter, three times, on a
small picture), and brought back to the edges of a larger one as the linear function of its luma that fits best around
each place. Source: H. Winnemöller, S. C. Olsen, B. Gooch, Real-time video abstraction, 2006; fast guided filter, K. He,
J. Sun, 2015.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cinemill.catalogue import Field, Params
from cinemill.filters import GREY, YUV, stream_filter
from cinemill.filters.drawing import drawn, resized, scaled, seen, shape_of, unit, work_size
from cinemill.filters.ink import enlarged, inked, outlines
from cinemill.filters.palette import FADE, REACH, Scenes, recoloured
from cinemill.hardware import cores

if TYPE_CHECKING:
    from cinemill.media.types import Frame, Plane

_FLAT = 40.0
"""Variance of luma, code values squared, below which colours do not follow its details."""


class Cartoon(Params):
    strength: float = Field(1.0, ge=0, le=1)
    """How far the drawing replaces the picture. 0 leaves every frame as it is."""
    colours: int = Field(18, ge=2, le=64)
    """How many colours a scene has."""
    smoothing: float = Field(0.6, ge=0, le=1)
    """How different neighbours may be that become one."""
    vivid: float = Field(1.25, ge=0, le=3)
    """Strength of colours, against the picture's own."""
    lines: float = Field(0.8, ge=0, le=1)
    """How black outlines are. 0 leaves them out."""
    width: float = Field(3.0, ge=1, le=12, unit="px")
    """Of outlines, in a picture of 1080 lines."""
    detail: float = Field(0.5, ge=0, le=1)
    """How faint an edge may be that gets an outline."""


@stream_filter("cartoon", halo=(REACH + FADE, 0), accepts=YUV + GREY)
def cartoon(frames: Iterator[Frame], p: Cartoon) -> Iterator[Frame]:
    """Draw the picture as a cartoon."""
    from cinemill.media.flow import parallel

    scenes = Scenes(p.colours, p.vivid)
    with_colours = ((frame, scenes.table(frame)) for frame in frames)
    yield from parallel(with_colours, lambda pair: _coloured(*pair, p), cores())


def _coloured(frame: Frame, table: Plane, p: Cartoon) -> Frame:
    import cv2

    planes = seen(frame)
    low = cv2.medianBlur(resized(planes[0], work_size(frame)), 3)
    flat = flattened(planes, work_size(frame), p.smoothing)
    # The median rounds the borders of flats as a pen would.
    luma, *chroma = cv2.split(cv2.medianBlur(recoloured(flat, table), 5))
    size = shape_of(frame)
    luma = cv2.resize(luma, size, interpolation=cv2.INTER_CUBIC) if luma.shape[::-1] != size else luma
    made = [luma]
    if len(frame.planes) > 1:
        made += [resized(plane, own.shape[::-1]) for plane, own in zip(chroma, frame.planes[1:])]
    if p.lines:
        black = outlines(low, p.width * unit(frame) * low.shape[0] / frame.height, p.detail)
        made = [inked(plane, _black(black, plane, p), number) for number, plane in enumerate(made)]
    return drawn(frame, tuple(made), p.strength)


def _black(lines: Plane, plane: Plane, p: Cartoon) -> Plane:
    """Lines at the size of a plane."""
    return scaled(enlarged(lines, plane.shape[::-1]), p.lines)


def flattened(planes: tuple[Plane, ...], size: tuple[int, int], smoothing: float) -> Plane:
    """The picture as (h, w, 3) uint8 of a size, without texture: luma and two colour differences."""
    import cv2
    import numpy as np

    luma = resized(planes[0], size)
    chroma = [resized(plane, size) for plane in planes[1:3]] or [np.full_like(luma, 128)] * 2
    half = (max(1, size[0] // 2), max(1, size[1] // 2))
    small = cv2.merge([resized(plane, half) for plane in (luma, *chroma)])
    for _ in range(2):
        small = cv2.bilateralFilter(small, 5, 10 + 70 * smoothing, 3)
    even = _led(luma, resized(luma, half), small[..., 0])
    return cv2.merge([even, *(resized(small[..., i], size) for i in (1, 2))])


def _led(luma: Plane, low: Plane, flat: Plane) -> Plane:
    """`flat` at the size of `luma`, with its edges: a linear function of it around each place."""
    import cv2
    import numpy as np

    guide, wanted = low.astype(np.float32), flat.astype(np.float32)
    side = (5, 5)
    mean, level = cv2.blur(guide, side), cv2.blur(wanted, side)
    spread = cv2.blur(guide * guide, side) - mean * mean
    slope = (cv2.blur(guide * wanted, side) - mean * level) / (spread + np.float32(_FLAT))
    offset = level - slope * mean
    slope, offset = (resized(cv2.blur(part, side), luma.shape[::-1]) for part in (slope, offset))
    return np.clip(np.rint(slope * luma + offset), 0, 255).astype(np.uint8)
