"""The look of cinema film: light that spreads, a soft curve, a colour look, grain, darker corners, and bars.

Light is added as light: codes are undone to linear by BT.709's curve, highlights are blurred on an eighth of the
picture (wide for bloom in the lens, narrow and red for halation in the film) and added before the film's curve. Curve
and look become one table; greys go through it at full size, and what colours differ by at half, where chroma is anyway.
A .cube file is read at 128 x 33 x 33 places by tetrahedral interpolation. Grain is soft noise, strongest in the middle
tones; each frame cuts its own piece out of a large sheet by its time and the seed, so that none comes twice.
Sources: ITU-R BT.709-6, item 1.2; for the grain see `grain`. 1920x1080: 45 frames/s on one core.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from cinemill.catalogue import Field, LutFile, Params
from cinemill.filters import GREY, YUV, frame_filter
from cinemill.filters.drawing import (
    at_least,
    differences,
    mixed,
    noise,
    ranges,
    resized,
    rgb_of_yuv,
    scaled,
    shape_of,
    tiled,
    unit,
)

if TYPE_CHECKING:
    from pathlib import Path

    from cinemill.media.types import Frame, Plane

_WHITE = 32767
"""Linear light of white; what is brighter has as much room again."""
_NODES, _MIDDLE = 33, 16
"""Places along each colour difference at which the table is read, and the one in the middle."""
_LEVELS = 128
"""Places along luma."""
_FINE = 64
"""Steps of a code value that work in 8 bits is done in."""
_SHEET = 1024
"""Side of the sheet of grain; it repeats without a seam."""
_GRAIN = 14.0
"""Standard deviation of the grain in middle grey at 1, in code values."""
_UNIT = 256
"""Standard deviation of the sheet."""
_FOLD = 8
"""How much smaller the picture is that light is spread on."""
_BRIGHT = 0.55
"""Linear light above which it spreads."""
_WIDE, _CLOSE = 60, 12
"""Sigmas, in pixels of 1080 lines, of light in the lens and in the film."""


class Cinematic(Params):
    strength: float = Field(1.0, ge=0, le=1)
    """How far the look replaces the picture. 0 leaves every frame as it is."""
    look: Literal["none", "film", "teal-orange", "bleach", "noir", "vintage", "moonlight"] = "film"
    """Colours: print film, teal shadows and orange lights, bleach bypass, black and white, a faded print, night."""
    lut: LutFile | None = None
    """A .cube file of your own instead of a look."""
    contrast: float = Field(0.35, ge=0, le=1)
    """How much the curve bends: darker shadows, brighter lights."""
    bloom: float = Field(0.3, ge=0, le=1)
    """How much of the brightest light spreads."""
    halation: float = Field(0.3, ge=0, le=1)
    """How much of it glows red close by."""
    grain: float = Field(0.15, ge=0, le=1)
    """Standard deviation of the grain in middle grey, of 14 code values at 1."""
    grain_size: float = Field(2.2, ge=0.5, le=16, unit="px")
    """Width of a grain, in a picture of 1080 lines."""
    vignette: float = Field(0.25, ge=0, le=1)
    """How much light the corners lose."""
    letterbox: float = Field(0.0, ge=0, le=4)
    """Width of the picture for a height of 1 that black bars leave, as 2.39. 0 draws none."""
    seed: int = Field(0, ge=0, le=2**31 - 1)
    """Another number gives another grain."""


def _check(p: Cinematic, frame: Frame) -> None:
    from cinemill.filters import cubes

    if p.lut:
        cubes.read(p.lut)


@frame_filter("cinematic", accepts=YUV + GREY, check=_check)
def cinematic(frame: Frame, p: Cinematic) -> Frame:
    """Give the picture the look of cinema film."""
    import cv2

    tables = _tables(frame, p)
    light = _looked_up(frame.planes[0], tables.light)
    glow = _glow(light, frame) if p.bloom or p.halation else None
    light = _lit(light, glow, p)
    made = [_looked_up(light, tables.tone)]
    if len(frame.planes) > 1:
        changed, *chroma = _coloured(light, glow, frame, p, tables)
        made[0] = cv2.add(made[0], resized(changed, shape_of(frame)))
        made += [resized(plane, own.shape[::-1]) for plane, own in zip(chroma, frame.planes[1:])]
    if p.grain:
        made = _grainy(made, frame, p)
    planes = tuple(_barred(_coded(plane, number, frame), number, frame, p) for number, plane in enumerate(made))
    return mixed(frame, planes, p.strength)


class _Tables(NamedTuple):
    """`light`: linear light by code value of luma. `tone`: luma out by linear light. `colour`: the change of luma, both
    colour differences and nothing (of four, OpenCV looks all up at once), by luma (rows, in `_NODES` of red difference
    each) and blue difference (columns)."""

    light: Plane
    tone: Plane
    colour: Plane


def _tables(frame: Frame, p: Cinematic) -> _Tables:
    from cinemill.filters import looks

    file = p.lut or (looks.path(p.look) if p.look != "none" else None)
    stamp = file.stat().st_mtime_ns if file else 0
    zero, size, _ = ranges(frame)[0]
    return _made_tables(frame.layout.bits, zero, size, differences(frame), file, stamp, p.contrast)


@lru_cache(maxsize=8)
def _made_tables(
    bits: int, zero: float, size: float, weights: tuple[float, float], file: Path | None, stamp: int, contrast: float
) -> _Tables:
    import numpy as np

    codes = np.clip((np.arange(1 << bits) - zero) / size, 0, 1)
    light = np.rint(_WHITE * _linear(codes)).astype(np.uint16)
    luma = _encoded(np.arange(1 << 16) / _WHITE)
    greys = _shown(np.repeat(luma[::16, None], 3, 1), file, contrast) @ _weighed(weights)
    tone = np.interp(np.arange(1 << 16), np.arange(0, 1 << 16, 16), greys)
    back = np.linalg.inv(rgb_of_yuv(*weights))
    level, red, blue = np.meshgrid(np.linspace(0, 1, _LEVELS), *[np.linspace(-0.5, 0.5, _NODES)] * 2, indexing="ij")
    yuv = np.stack([level, blue, red], -1).reshape(-1, 3)
    made = _shown(np.clip(yuv @ rgb_of_yuv(*weights).T, 0, 1), file, contrast) @ back.T
    made = made.reshape(_LEVELS, _NODES, _NODES, 3)
    made[..., 0] -= made[:, _MIDDLE : _MIDDLE + 1, _MIDDLE : _MIDDLE + 1, 0]
    colour = np.zeros((_LEVELS * _NODES, _NODES, 4), np.float32)
    colour[..., :3] = 255 * _FINE * made.reshape(_LEVELS * _NODES, _NODES, 3)
    tone = (255 * _FINE * tone).astype(np.float32)
    return _Tables(light, np.rint(tone).astype(np.int16) if bits == 8 else tone, colour)


def _weighed(weights: tuple[float, float]) -> Any:
    import numpy as np

    return np.array([weights[0], 1 - sum(weights), weights[1]])


def _shown(rgb: Any, file: Path | None, contrast: float) -> Any:
    """(N, 3) red, green and blue from 0 to 1, through the curve and the look."""
    import numpy as np

    from cinemill.filters import cubes

    # A film's curve: steep in the middle, and neither black nor white is met at an angle.
    bent = rgb * rgb * (3 - 2 * rgb)
    made = (rgb + contrast * (bent - rgb)).astype(np.float32)
    return cubes.through(cubes.read(file), made) if file else made


def _linear(codes: Any) -> Any:
    import numpy as np

    return np.where(codes < 0.081, codes / 4.5, ((codes + 0.099) / 1.099) ** (1 / 0.45))


def _encoded(light: Any) -> Any:
    """The inverse of `_linear`; what is brighter than white bends towards it."""
    import numpy as np

    codes = np.where(light < 0.018, 4.5 * light, 1.099 * np.maximum(light, 1e-9) ** 0.45 - 0.099)
    return np.minimum(codes, 1)


def _looked_up(plane: Plane, table: Plane) -> Plane:
    import cv2

    # OpenCV before 5 knows no tables of more than 256 entries.
    fits = len(table) == 256 or (len(table) == 1 << 16 and int(cv2.__version__.partition(".")[0]) >= 5)
    return cv2.LUT(plane, table) if fits else table.take(plane, mode="clip")


class _Glow(NamedTuple):
    """Light that spreads, uint16, of `_WHITE`, on a small picture: widely, closely, and closely around its source."""

    wide: Plane
    close: Plane
    around: Plane


def _glow(light: Plane, frame: Frame) -> _Glow:
    import cv2

    fold = max(1, round(_FOLD * unit(frame)))
    small = resized(light, (-(-frame.width // fold), -(-frame.height // fold)))
    bright = scaled(small, 1, -_BRIGHT * _WHITE)
    pixel = unit(frame) / fold
    wide, close = (cv2.GaussianBlur(bright, (0, 0), max(0.5, reach * pixel)) for reach in (_WIDE, _CLOSE))
    return _Glow(wide, close, cv2.subtract(close, bright))


def _lit(light: Plane, glow: _Glow | None, p: Cinematic) -> Plane:
    """Linear light with what lens and film spread of it, and less of it in the corners."""
    import cv2

    if glow:
        more = cv2.addWeighted(glow.wide, 0.8 * p.bloom, glow.close, 0.2 * p.bloom + 0.15 * p.halation, 0)
        light = cv2.add(light, resized(more, light.shape[::-1]))
    if p.vignette:
        light = cv2.multiply(light, _corners(*light.shape, p.vignette), scale=1 / _WHITE)
    return light


@lru_cache(maxsize=4)
def _corners(height: int, width: int, vignette: float) -> Plane:
    """(H, W) uint16: the share of light that arrives, of `_WHITE`; nearly the fourth power of the angle's cosine."""
    import numpy as np

    rows, columns = ((2 * (np.arange(n) + 0.5) - n) / np.hypot(height, width) for n in (height, width))
    square = rows[:, None] ** 2 + columns[None] ** 2
    plane = np.rint(_WHITE / (1 + 1.1 * vignette * square) ** 2).astype(np.uint16)
    plane.flags.writeable = False
    return plane


@lru_cache(maxsize=4)
def _faded(height: int, width: int, vignette: float) -> Any:
    """(H, W) float32: what the corners keep of colours, which fade as the light does, by the exponent of the curve."""
    import numpy as np

    return np.power(_corners(height, width, vignette).astype(np.float32) / _WHITE, 0.45)


def _coloured(
    light: Plane, glow: _Glow | None, frame: Frame, p: Cinematic, tables: _Tables
) -> tuple[Plane, Plane, Plane]:
    """At half size: what colour changes luma by, and the colour differences; in the tables' steps."""
    import cv2
    import numpy as np

    half = (-(-frame.width // 2), -(-frame.height // 2))
    across, down = (_place(plane, code, half) for plane, code in zip(frame.planes[1:], ranges(frame)[1:]))
    if p.vignette:
        share = _faded(half[1], half[0], p.vignette)
        across, down = (_MIDDLE + (part - _MIDDLE) * share for part in (across, down))
    level = _looked_up(resized(light, half), _levels())
    limit = np.float32(_NODES - 1.001)
    rows = np.clip(down, 0, limit) + level
    across = np.clip(across, 0, limit)
    made = [*cv2.split(cv2.remap(tables.colour, across, rows, cv2.INTER_LINEAR))[:3]]
    if glow and p.halation:
        warmth = resized(glow.around.astype(np.float32), half)
        for number, share in ((1, -0.06), (2, 0.12)):
            made[number] = cv2.scaleAdd(warmth, share * p.halation, made[number])
    changed, blue, red = (part.astype(tables.tone.dtype) for part in made)
    return changed, blue, red


def _place(plane: Plane, code: tuple[float, float, float], size: tuple[int, int]) -> Any:
    """Where in the table a plane's colour differences are, float32, at a size."""
    import numpy as np

    zero, span, _ = code
    return _MIDDLE + (resized(plane, size).astype(np.float32) - np.float32(zero)) * np.float32((_NODES - 1) / span)


@lru_cache(maxsize=1)
def _levels() -> Any:
    """The first row of the table for linear light, 65536 float32."""
    import numpy as np

    return (np.rint((_LEVELS - 1) * _encoded(np.arange(1 << 16) / _WHITE)) * _NODES).astype(np.float32)


def _grainy(planes: list[Plane], frame: Frame, p: Cinematic) -> list[Plane]:
    """Planes in the tables' steps with the frame's own piece of grain; a third of it, in other pieces, in colour."""
    import cv2
    import numpy as np

    time = frame.pts * frame.time_base
    dice = np.random.default_rng([p.seed, time.numerator % 2**63, time.denominator])
    visible = cv2.LUT(cv2.convertScaleAbs(at_least(planes[0], 0), None, 1 / _FINE), _visible(p.grain))
    made: list[Plane] = []
    for number, plane in enumerate(planes):
        pixel = frame.height / plane.shape[0]
        weight = resized(visible, plane.shape[::-1])
        size = round(max(0.5, p.grain_size * unit(frame)) / pixel, 2)
        top, left = (int(n) for n in dice.integers(0, _SHEET, 2))
        height, width = plane.shape
        piece = _sheets(size, p.seed, plane.shape)[top : top + height, left : left + width]
        share = (0.3 if number else 1.0) / _UNIT
        made.append(cv2.add(plane, cv2.multiply(weight, piece, scale=share).astype(plane.dtype, copy=False)))
    return made


@lru_cache(maxsize=8)
def _visible(grain: float) -> Plane:
    """Standard deviation of the grain in the tables' steps by luma, 256 values; as in `grain`."""
    import numpy as np

    value = np.arange(256) / 255
    return np.rint(_FINE * _GRAIN * grain * np.sqrt(4 * value * (1 - value))).astype(np.int16)


@lru_cache(maxsize=4)
def _sheets(size: float, seed: int, shape: tuple[int, ...]) -> Plane:
    """Noise of deviation `_UNIT`, int16, from which a piece of a shape can be cut anywhere in a sheet."""
    import numpy as np

    return tiled(np.rint(_UNIT * noise(_SHEET, size, seed)).astype(np.int16), shape[0] + _SHEET, shape[1] + _SHEET)


def _coded(plane: Plane, number: int, frame: Frame) -> Plane:
    """A plane in the tables' steps as the frame's code values."""
    import cv2
    import numpy as np

    zero, size, _ = ranges(frame)[number]
    step = size / (255 * _FINE)
    if frame.layout.bits == 8:
        # Blacker than black would come back as its opposite.
        return cv2.convertScaleAbs(at_least(plane, int(-zero / step)), None, step, zero)
    top = (1 << frame.layout.bits) - 1
    return np.clip(np.rint(plane * np.float32(step) + np.float32(zero)), 0, top).astype(frame.layout.dtype)


def _barred(plane: Plane, number: int, frame: Frame, p: Cinematic) -> Plane:
    """A plane with black above and below, where the picture is not as wide as it is to be."""
    if p.letterbox:
        lines = frame.width * float(frame.sar) / p.letterbox
        bar = round(max(0.0, 1 - lines / frame.height) / 2 * plane.shape[0])
        if bar:
            plane[:bar] = plane[-bar:] = round(ranges(frame)[number][0])
    return plane
