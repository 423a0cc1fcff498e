"""What a lens, a film, years and a projector do to a frame, in that order.

Lens and film: blur, and a gate that does not hold still. Years: faded dyes, grain, scratches, dirt. Projector: hairs in
the gate, a lamp brighter in the middle, uneven brightness.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from cinemill.damage.amounts import Film
from cinemill.damage.chance import chance, drift, lasting
from cinemill.damage.samples import Floats, Samples, black, clumps, frame_of, samples
from cinemill.media.types import Frame

Points = tuple[tuple[float, float], ...]
"""x, y in luma pixels."""


@dataclass(frozen=True)
class Mark:
    """Something that lies on the picture: a filled outline, or with `width` (px) a line. `level` is its luma."""

    kind: str
    """speck, fibre, scratch or hair."""
    points: Points
    level: float
    opacity: float
    width: float = 0.0


@dataclass(frozen=True, eq=False)
class FilmTruth:
    """What happened to one frame. `gain` multiplies its brightness; `weave` is px to the right and down."""

    time: Fraction
    width: int
    height: int
    gain: float
    weave: tuple[float, float]
    marks: tuple[Mark, ...]

    def mask(self, *kinds: str) -> NDArray[np.float32]:
        """(height, width), 0 … 1: how far marks hide the picture; only those of `kinds` if any are named."""
        clear = np.ones((self.height, self.width), np.float32)
        for mark in self.marks:
            if not kinds or mark.kind in kinds:
                for area, cover in _cover(mark, self.width, self.height):
                    clear[area] *= 1 - cover
        return 1 - clear

    def record(self) -> dict[str, Any]:
        marks = [asdict(mark) | {"points": np.round(mark.points, 2).tolist()} for mark in self.marks]
        return {"gain": round(self.gain, 6), "weave": [round(px, 4) for px in self.weave], "marks": marks}


def truth(time: Fraction, width: int, height: int, p: Film) -> FilmTruth:
    marks = (*_scratches(time, width, height, p), *_dirt(time, width, height, p), *_hairs(time, width, height, p))
    return FilmTruth(time, width, height, _gain(time, p), _weave(time, p), marks)


def damaged(frame: Frame, p: Film) -> Frame:
    """The frame as it is seen on the screen; itself when every amount is 0."""
    if p == Film(seed=p.seed, grain_size=p.grain_size, dirt_size=p.dirt_size, white_dirt=p.white_dirt):
        return frame
    time = frame.pts * frame.time_base
    known = truth(time, frame.width, frame.height, p)
    found = [_woven(_soft(one, p), known.weave) for one in samples(frame)]
    found = [_faded(one, p) for one in found]
    found = _grainy(found, p, time, black(frame))
    found = _marked(found, known)
    return frame_of([_lit(one, p, known.gain, black(frame)) for one in found], frame)


def _gain(time: Fraction, p: Film) -> float:
    if not p.flicker:
        return 1.0
    sudden = chance(p.seed, "film flicker", time).standard_normal()
    slow = drift(p.seed, "film lamp", time, Fraction(1, 2))
    return max(0.0, 1 + p.flicker * (0.8 * sudden + 0.6 * slow))


def _weave(time: Fraction, p: Film) -> tuple[float, float]:
    if not p.weave:
        return 0.0, 0.0
    sudden = chance(p.seed, "film weave", time).standard_normal(2)
    slow = [drift(p.seed, "film gate", time, Fraction(1, 2), axis) for axis in (0, 1)]
    x, y = (float(p.weave * (0.6 * one + 0.8 * other)) for one, other in zip(sudden, slow))
    return x, y


def _soft(one: Samples, p: Film) -> Samples:
    if not p.blur:
        return one
    x, y = p.blur / one.step, p.blur / one.rise
    size = (2 * int(4 * x + 0.5) + 1, 2 * int(4 * y + 0.5) + 1)
    return replace(one, rows=cv2.GaussianBlur(one.rows, size, x, sigmaY=y, borderType=cv2.BORDER_REPLICATE))


def _woven(one: Samples, weave: tuple[float, float]) -> Samples:
    if weave == (0, 0):
        return one
    height, width = one.rows.shape
    # From where to where: OpenCV is told the way back.
    matrix = np.array([[1, 0, -weave[0] / one.step], [0, 1, -weave[1] / one.rise]])
    flags = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(one.rows, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return replace(one, rows=np.asarray(moved, np.float32))


def _faded(one: Samples, p: Film) -> Samples:
    rows, middle = one.rows, np.float32(128 if one.chroma else 16 + 0.4 * 219)
    if p.fade:
        rows = rows + np.float32(p.fade) * (middle - rows)
    return replace(one, rows=rows)


def _grainy(found: list[Samples], p: Film, time: Fraction, dark: float) -> list[Samples]:
    """Grain, and the cast: both are in the dyes."""
    luma = np.clip((found[0].rows - dark) / (255 - 2 * dark), 0, 1)
    out: list[Samples] = []
    for number, one in enumerate(found):
        rows, sigma = one.rows, p.colour_grain if one.chroma else p.grain
        if one.chroma and p.warmth:
            rows = rows + np.float32(p.warmth if number == 2 else -0.75 * p.warmth)
        if sigma:
            light = luma if not one.chroma else cv2.resize(luma, rows.shape[::-1], interpolation=cv2.INTER_AREA)
            strength = np.maximum(0.25, 4 * light * (1 - light))
            rng, radius = chance(p.seed, "film grain", time, number), p.grain_size / 2
            noise = clumps(rng, rows.shape, radius / one.step, radius / one.rise)
            rows = rows + np.float32(sigma) * strength * noise
        out.append(replace(one, rows=rows))
    return out


def _lit(one: Samples, p: Film, gain: float, dark: float) -> Samples:
    rows, base = one.rows, np.float32(128 if one.chroma else dark)
    if p.vignette:
        height, width = rows.shape
        x = (np.arange(width, dtype=np.float32) + 0.5) / width * 2 - 1
        y = (np.arange(height, dtype=np.float32) + 0.5) / height * 2 - 1
        rows = base + (rows - base) * (1 - p.vignette / 2 * (x[None, :] ** 2 + y[:, None] ** 2))
    if gain != 1:
        rows = base + (rows - base) * np.float32(gain)
    return replace(one, rows=rows)


def _dirt(time: Fraction, width: int, height: int, p: Film) -> list[Mark]:
    rng = chance(p.seed, "film dirt", time)
    found: list[Mark] = []
    for number in range(int(rng.poisson(p.dirt)) if p.dirt else 0):
        own = chance(p.seed, "film dirt", time, number)
        place = own.random(2) * (width, height)
        level = 225.0 if own.random() < p.white_dirt else 20.0
        opacity = float(own.uniform(0.4, 1))
        if own.random() < 0.15:
            length = 8 * p.dirt_size * own.lognormal(0, 0.5)
            line = _curl(own, place, length, own.uniform(0, 2 * np.pi))
            found.append(Mark("fibre", line, level, opacity, max(1.0, p.dirt_size / 5)))
        else:
            found.append(Mark("speck", _blob(own, place, p.dirt_size / 2 * own.lognormal(0, 0.6)), level, opacity))
    return found


def _blob(rng: Generator, place: NDArray[Any], radius: float) -> Points:
    """A lumpy outline around `place`."""
    corners = 10
    angles = (np.arange(corners) + rng.uniform(-0.3, 0.3, corners)) * 2 * np.pi / corners
    radii = radius * rng.uniform(0.55, 1.35, corners)
    stretch = rng.uniform(0.6, 1.0)
    ring = np.stack([radii * np.cos(angles), stretch * radii * np.sin(angles)], axis=1)
    return _points(place + ring)


def _curl(rng: Generator, place: NDArray[Any], length: float, angle: float) -> Points:
    """A line from `place` that bends as it goes."""
    pieces = 14
    headings = angle + np.cumsum(rng.normal(0, 0.28, pieces)) + np.linspace(0, rng.normal(0, 1.2), pieces)
    steps = np.stack([np.cos(headings), np.sin(headings)], axis=1) * length / pieces
    return _points(place + np.vstack([np.zeros(2), np.cumsum(steps, axis=0)]))


def _points(array: NDArray[Any]) -> Points:
    return tuple((float(x), float(y)) for x, y in array)


def _scratches(time: Fraction, width: int, height: int, p: Film) -> list[Mark]:
    found: list[Mark] = []
    for rng, age, number in lasting(p.seed, "film scratch", time, p.scratches, Fraction(5, 2)):
        x, creep, bright = rng.uniform(0.02, 0.98) * width, rng.normal(0, width / 60), rng.random()
        wide, opacity = rng.uniform(0.7, 2.2) * width / 720, rng.uniform(0.35, 0.9)
        top, bottom = (0.0, 1.0) if rng.random() < 0.7 else sorted(rng.random(2))
        trembling = chance(p.seed, "film scratch now", time, number % 2**32)
        x += creep * age + trembling.normal(0, 0.4)
        lean = trembling.normal(0, 0.6)
        # A scratch comes and goes gently, and is now and then interrupted.
        seen = opacity * min(1.0, 8 * age, 8 * (1 - age)) * float(trembling.uniform(0.5, 1))
        line = ((x, top * height), (x + lean, bottom * height))
        found.append(Mark("scratch", line, 230.0 if bright < 0.6 else 18.0, seen, max(0.8, wide)))
    return found


def _hairs(time: Fraction, width: int, height: int, p: Film) -> list[Mark]:
    found: list[Mark] = []
    for rng, _, number in lasting(p.seed, "film hair", time, p.hairs, Fraction(6)):
        along, side = rng.uniform(0.1, 0.9), int(rng.integers(4))
        edges = [(along, 0.0, 0.5), (along, 1.0, -0.5), (0.0, along, 0.0), (1.0, along, 1.0)]
        x, y, heading = edges[side]
        trembling = chance(p.seed, "film hair now", time, number % 2**32)
        angle = np.pi * heading + rng.normal(0, 0.5) + trembling.normal(0, 0.02)
        length = height * rng.uniform(0.06, 0.22)
        line = _curl(rng, np.array([x * width, y * height]), length, angle)
        found.append(Mark("hair", line, 18.0, 0.95, max(1.2, height / 260)))
    return found


def _marked(found: list[Samples], known: FilmTruth) -> list[Samples]:
    """Marks over the picture. They have no colour of their own."""
    if not known.marks:
        return found
    light, clear = np.zeros((known.height, known.width), np.float32), np.ones((known.height, known.width), np.float32)
    for mark in known.marks:
        for area, cover in _cover(mark, known.width, known.height):
            light[area] += (mark.level - light[area]) * cover
            clear[area] *= 1 - cover
    # `light` began at 0 and not at the picture, so it holds the marks' own share alone.
    out: list[Samples] = []
    for one in found:
        if one.chroma:
            left = cv2.resize(clear, one.rows.shape[::-1], interpolation=cv2.INTER_AREA)
            out.append(replace(one, rows=128 + (one.rows - 128) * left))
        else:
            out.append(replace(one, rows=one.rows * clear + light))
    return out


_FINE = 4
"""Bits of a pixel that OpenCV places outlines by."""
_EDGE = 1.4
"""How soft the edge of a mark is, in half pixels: no camera shows them as crisp as they are drawn."""


def _cover(mark: Mark, width: int, height: int) -> list[tuple[tuple[slice, slice], Floats]]:
    """Where a mark lies (rows, columns) and how much of each pixel it hides; nothing when it is outside."""
    points = np.array(mark.points)
    margin = mark.width + 3
    left, top = np.floor(points.min(axis=0) - margin).astype(int).clip(0)
    right, bottom = np.ceil(points.max(axis=0) + margin).astype(int) + 1
    right, bottom = min(width, int(right)), min(height, int(bottom))
    if left >= right or top >= bottom:
        return []
    # Drawn twice as large and averaged: OpenCV's own lines are whole pixels wide.
    patch = np.zeros((2 * (bottom - top), 2 * (right - left)), np.uint8)
    fine = np.rint((2 * (points - (left, top)) + 0.5) * 2**_FINE).astype(np.int32)
    if mark.width:
        thick = max(1, round(2 * mark.width))
        cv2.polylines(patch, [fine], False, 255, thick, cv2.LINE_AA, _FINE)
    else:
        cv2.fillPoly(patch, [fine], 255, cv2.LINE_AA, _FINE)
    patch = cv2.GaussianBlur(patch, (7, 7), _EDGE)
    cover = cv2.resize(patch, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
    share = np.float32(mark.opacity / 255)
    return [((slice(top, bottom), slice(left, right)), np.asarray(cover.astype(np.float32) * share, np.float32))]
