"""Clean field-rate frames -> an interlaced tape of them: two frames woven into one, then the damage, field by field.

The order is that of a real recording: the recorder's bandwidth (blur, ringing, chroma), the playing deck's unsteady
clock (line jitter, head switching), then what the tape adds (noise, dropouts). Amounts are in the units of the
parameters, so that a measurement can be held against them. With every amount 0 the lines are the original's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from cinemill.catalogue import Field, Params
from cinemill.errors import UnsupportedMedia
from cinemill.media.types import Frame, Plane

Floats = NDArray[Any]
"""float32"""


class Tape(Params):
    """Amounts of damage. Code values count 8-bit steps, whatever the depth; px are luma pixels."""

    field_order: Literal["tff", "bff"] = "tff"
    """Which field is earlier in time."""
    luma_noise: float = Field(0.0, ge=0, le=64, unit="code values")
    """Standard deviation of the noise in luma. Neighbouring pixels of a line share some of it."""
    chroma_noise: float = Field(0.0, ge=0, le=64, unit="code values")
    """Standard deviation of the noise in Cb and Cr, in longer streaks than luma's."""
    luma_blur: float = Field(0.0, ge=0, le=16, unit="px")
    """Standard deviation of a horizontal Gaussian over luma: about 1 for VHS, 0.5 for S-VHS."""
    chroma_blur: float = Field(0.0, ge=0, le=32, unit="px")
    """Standard deviation of a horizontal Gaussian over Cb and Cr: about 5 for VHS."""
    chroma_shift: float = Field(0.0, ge=-16, le=16, unit="px")
    """How far colour lies to the right of luma."""
    ringing: float = Field(0.0, ge=0, le=1)
    """Overshoot to the right of a sharp edge, as a share of its height; it swings out within some 16 px."""
    line_jitter: float = Field(0.0, ge=0, le=16, unit="px")
    """Standard deviation of each line's sideways displacement."""
    dropouts: float = Field(0.0, ge=0, le=200, unit="per frame")
    """Mean number of white or black streaks where the head lost the tape."""
    head_switch: int = Field(0, ge=0, le=32, unit="rows")
    """Lowest rows of the frame that are torn sideways and noisy, where the deck changed heads."""


def tape(frames: Iterator[Frame], p: Tape, seed: int) -> Iterator[Frame]:
    """Interlaced frames at half the rate, from progressive frames at field rate; pts are the earlier field's.

    A last frame without a partner gives both fields of its tape frame. The same seed gives the same pixels.
    Raises UnsupportedMedia for anything but planar YUV and grey.
    """
    for number, (first, second) in enumerate(_pairs(frames)):
        if first.layout.family == "rgb":
            raise UnsupportedMedia(f"a tape holds luma and chroma; {first.format} has neither.")
        early = 0 if p.field_order == "tff" else 1
        planes = tuple(np.empty_like(plane) for plane in first.planes)
        rng = np.random.default_rng([seed, number])
        for parity, source in ((early, first), (1 - early, second)):
            field = tuple(plane[parity::2] for plane in source.planes)
            for plane, damaged in zip(planes, _damaged(field, source, p, parity, rng)):
                plane[parity::2] = damaged
        duration = first.duration + second.duration
        yield replace(first, planes=planes, duration=duration, field_order=p.field_order)


def _pairs(frames: Iterator[Frame]) -> Iterator[tuple[Frame, Frame]]:
    for first in frames:
        yield first, next(frames, first)


@dataclass(frozen=True)
class _Signal:
    """A plane of one field on its way: float32 rows in 8-bit code values, `step` luma pixels per column."""

    rows: Floats
    step: int
    chroma: bool


def _damaged(field: tuple[Plane, ...], source: Frame, p: Tape, parity: int, rng: Generator) -> list[Plane]:
    """The planes of one field with the damage; untouched (the same arrays) when every amount is 0."""
    if p == Tape(field_order=p.field_order):
        return list(field)
    plan = source.layout
    scale = np.float32(2 ** (plan.bits - 8))
    signals = [
        _Signal(plane.astype(np.float32) / scale, 1 << horizontal, number in (1, 2))
        for number, (plane, (horizontal, _, _)) in enumerate(zip(field, plan.planes))
    ]
    signals = [_recorded(signal, p) for signal in signals]
    shifts = _line_shifts(signals[0].rows.shape[0], p, source.height, parity, rng)
    signals = [_shaken(signal, shifts) for signal in signals]
    signals = [_noisy(signal, p, shifts, rng) for signal in signals]
    signals = _with_dropouts(signals, p, rng)
    peak = 2**plan.bits - 1
    return [np.clip(np.rint(s.rows * scale), 0, peak).astype(plan.dtype) for s in signals]


def _recorded(signal: _Signal, p: Tape) -> _Signal:
    """What the recorder's bandwidth leaves."""
    rows, sigma = signal.rows, (p.chroma_blur if signal.chroma else p.luma_blur) / signal.step
    if sigma:
        rows = cv2.GaussianBlur(rows, (2 * int(4 * sigma + 0.5) + 1, 1), sigma, borderType=cv2.BORDER_REPLICATE)
    if p.ringing and not signal.chroma:
        rows = _rung(rows, p.ringing)
    if p.chroma_shift and signal.chroma:
        rows = _moved(rows, np.full(rows.shape[0], p.chroma_shift / signal.step, np.float32))
    return replace(signal, rows=np.asarray(rows, np.float32))


def _rung(rows: Floats, overshoot: float) -> Floats:
    """Add a decaying oscillation behind every edge, whose first swing is `overshoot` of the edge's height."""
    x = np.arange(17)
    swing = np.sin(2 * np.pi * x / 8) * np.exp(-x / 4)
    swing[-1] = 0
    # The kernel is the response to a step, differentiated; filter2D correlates, hence the reversal.
    kernel = np.diff(swing / swing.max() * overshoot)[::-1].astype(np.float32)[None, :]
    # One column to the left of the anchor and on: only what lies behind an edge rings.
    return rows + cv2.filter2D(rows, -1, kernel, anchor=(kernel.size - 1, 0), borderType=cv2.BORDER_REPLICATE)


def _moved(rows: Floats, shifts: Floats) -> Floats:
    """Each row to the right by its own number of columns, Lanczos in between, edges repeated."""
    height, width = rows.shape
    x = np.arange(width, dtype=np.float32)[None, :] - shifts[:, None]
    y = np.broadcast_to(np.arange(height, dtype=np.float32)[:, None], (height, width))
    return np.asarray(cv2.remap(rows, x, y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE), np.float32)


@dataclass(frozen=True)
class _Shifts:
    px: Floats
    """Per luma row of the field, in luma pixels to the right."""
    torn: int
    """How many of the lowest rows were played while the heads changed."""


def _line_shifts(rows: int, p: Tape, lines: int, parity: int, rng: Generator) -> _Shifts:
    """Sideways displacement of each row: a wobble that neighbouring rows share, and the tear at the bottom."""
    px = np.zeros(rows, np.float32)
    if p.line_jitter:
        px += p.line_jitter * _wobble(rng, rows)
    torn = sum(row % 2 == parity for row in range(lines - p.head_switch, lines))
    if torn:
        # The new head comes in late and the clock catches up: strong at first, with a jump from line to line.
        catching_up = np.exp(-np.arange(torn) / max(1, torn / 2))
        px[-torn:] += 30 * rng.uniform(0.6, 1.4) * catching_up + rng.normal(0, 6, torn)
    return _Shifts(px, torn)


def _wobble(rng: Generator, rows: int) -> Floats:
    """A first-order autoregressive series of unit variance; neighbours correlate by 0.6."""
    near = 0.6
    pushes = rng.standard_normal(rows)
    series = np.empty(rows, np.float32)
    series[0] = last = pushes[0]
    for row in range(1, rows):
        series[row] = last = near * last + (1 - near**2) ** 0.5 * pushes[row]
    return series


def _shaken(signal: _Signal, shifts: _Shifts) -> _Signal:
    if not shifts.px.any():
        return signal
    return replace(signal, rows=_moved(signal.rows, _for_rows(shifts.px, signal) / signal.step))


def _for_rows(per_luma_row: Floats, signal: _Signal) -> Floats:
    """One value per row of this plane, which may have fewer rows than luma."""
    rows = signal.rows.shape[0]
    return per_luma_row[np.minimum(np.arange(rows) * per_luma_row.size // rows, per_luma_row.size - 1)]


def _noisy(signal: _Signal, p: Tape, shifts: _Shifts, rng: Generator) -> _Signal:
    sigma, reach = (p.chroma_noise, 4.0) if signal.chroma else (p.luma_noise, 0.7)
    rows = signal.rows
    if sigma:
        rows = rows + np.float32(sigma) * _streaky(rng, rows.shape, reach / signal.step)
    if shifts.torn:
        torn = -(-shifts.torn * rows.shape[0] // shifts.px.size)
        rows = rows.copy()
        rows[-torn:] += np.float32(8 if signal.chroma else 24) * _streaky(rng, (torn, rows.shape[1]), 1.5)
    return replace(signal, rows=rows)


def _streaky(rng: Generator, shape: tuple[int, int], reach: float) -> Floats:
    """Noise of unit variance, smoothed along the line by a Gaussian of `reach` columns."""
    half = max(1, int(3 * reach + 0.5))
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / reach) ** 2)
    kernel = (kernel / np.sqrt((kernel**2).sum())).astype(np.float32)[None, :]
    white = rng.standard_normal((shape[0], shape[1] + 2 * half), np.float32)
    return np.asarray(cv2.filter2D(white, -1, kernel)[:, half:-half], np.float32)


def _with_dropouts(signals: list[_Signal], p: Tape, rng: Generator) -> list[_Signal]:
    """Streaks along a line: they start at once, fade out behind, and take the colour away."""
    count = int(rng.poisson(p.dropouts / 2)) if p.dropouts else 0
    if not count:
        return signals
    signals = [replace(signal, rows=signal.rows.copy()) for signal in signals]
    height, width = signals[0].rows.shape
    for _ in range(count):
        row, start = int(rng.integers(height)), int(rng.integers(width - 8))
        length = int(min(width - start, rng.lognormal(np.log(width / 18), 0.7) + 6))
        level = 235.0 if rng.random() < 0.7 else 16.0
        for signal in signals:
            _streak(signal, row, height, start, length, 128.0 if signal.chroma else level)
    return signals


def _streak(signal: _Signal, row: int, height: int, start: int, length: int, level: float) -> None:
    line = signal.rows[row * signal.rows.shape[0] // height]
    span: Any = slice(start // signal.step, (start + length) // signal.step + 1)
    room = line[span]
    fade = np.clip((room.size - np.arange(room.size)) / max(1.0, 0.4 * room.size), 0, 1).astype(np.float32)
    room += fade * (np.float32(level) - room)
