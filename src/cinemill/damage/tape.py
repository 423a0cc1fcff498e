"""What a recorder, a tape and a deck do to each field of a frame, in that order and once per pass.

The recorder's bandwidth comes first (blur, ringing, colour), then the deck's unsteady clock (jitter, wander, flagging,
head switching), then what the tape adds (noise, dropouts). A frame is always two fields, whatever its flag says.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from cinemill.damage.amounts import Tape
from cinemill.damage.chance import chance, drift
from cinemill.damage.samples import Floats, Samples, clumps, frame_of, samples
from cinemill.media.types import Frame


@dataclass(frozen=True)
class Dropout:
    """A streak: `length` px along `row` of the frame from `start` on. `level` is its luma at its head, or None where
    the line above (of the same field) was repeated."""

    row: int
    start: int
    length: int
    level: float | None


@dataclass(frozen=True, eq=False)
class TapeTruth:
    """What happened to one frame. `shifts`: px to the right, per row of the frame, of all passes together."""

    time: Fraction
    width: int
    shifts: Floats
    torn: int
    """How many of the lowest rows the heads were changed in."""
    dropouts: tuple[Dropout, ...]

    def dropout_mask(self) -> NDArray[np.bool_]:
        """(height, width): where dropouts lie in luma."""
        mask = np.zeros((self.shifts.size, self.width), np.bool_)
        for one in self.dropouts:
            mask[one.row, max(0, one.start) : max(0, one.start + one.length)] = True
        return mask

    def record(self) -> dict[str, Any]:
        shifts = [round(float(px), 3) for px in self.shifts] if self.shifts.any() else []
        return {"shifts": shifts, "torn": self.torn, "dropouts": [asdict(one) for one in self.dropouts]}


def truth(time: Fraction, width: int, height: int, p: Tape) -> TapeTruth:
    shifts = np.zeros(height, np.float32)
    dropouts: list[Dropout] = []
    for number in range(p.passes):
        for parity in range(min(2, height)):
            played = _played(time, (height, width), p, number, parity)
            moved = played.shifts
            # What earlier passes left on the tape is displaced like the picture.
            dropouts = [_along(one, moved) if one.row % 2 == parity else one for one in dropouts]
            dropouts += [replace(one, row=2 * one.row + parity) for one in played.dropouts]
            shifts[parity::2] += moved
    return TapeTruth(time, width, shifts, min(p.head_switch, height), tuple(dropouts))


def _along(one: Dropout, moved: Floats) -> Dropout:
    return replace(one, start=one.start + round(float(moved[one.row // 2])))


def damaged(frame: Frame, p: Tape) -> Frame:
    """The frame as it comes off the tape; itself when every amount is 0."""
    if p == Tape(seed=p.seed, passes=p.passes, compensated=p.compensated):
        return frame
    time, size = frame.pts * frame.time_base, (frame.height, frame.width)
    whole = samples(frame)
    for parity in range(min(2, frame.height)):
        passes = [_played(time, size, p, number, parity) for number in range(p.passes)]
        for plane, one in enumerate(whole):
            field = replace(one, rows=one.rows[parity::2])
            for number, played in enumerate(passes if field.rows.size else []):
                rng = chance(p.seed, "tape noise", time, number, parity, plane)
                field = _shaken(_recorded(field, p), played.shifts)
                field = _with_dropouts(_noisy(field, p, played, rng), played.dropouts)
            one.rows[parity::2] = field.rows
    return frame_of(whole, frame)


@dataclass(frozen=True, eq=False)
class _Played:
    """One pass of one field: rows count those of the field."""

    shifts: Floats
    torn: int
    dropouts: tuple[Dropout, ...]


def _played(time: Fraction, size: tuple[int, int], p: Tape, number: int, parity: int) -> _Played:
    height, width = size
    rows = len(range(parity, height, 2))
    torn = sum(row % 2 == parity for row in range(max(0, height - p.head_switch), height))
    key = (number, parity)
    shifts = np.zeros(rows, np.float32)
    if p.line_jitter:
        shifts += p.line_jitter * _uneven(chance(p.seed, "tape jitter", time, *key), rows)
    if p.wander:
        shifts += p.wander * _swaying(p.seed, time, 2 * np.arange(rows) + parity, number)
    if p.flagging:
        sway = 1 + 0.2 * drift(p.seed, "tape flagging", time, Fraction(1, 5), number)
        shifts += np.float32(p.flagging * sway) * np.exp(-np.arange(rows, dtype=np.float32) / 6)
    if torn:
        # The picture below is timed by the other head: a steady offset for each, and a clock that catches up.
        steady = width / 24 * chance(p.seed, "tape heads", Fraction(parity)).uniform(0.6, 1.4)
        unsteady = chance(p.seed, "tape switch", time, *key)
        catching_up = np.exp(-np.arange(torn) / max(1, torn))
        shifts[-torn:] += (steady + unsteady.normal(0, 2)) * catching_up + unsteady.normal(0, 3, torn)
    return _Played(shifts, torn, _lost(chance(p.seed, "tape dropouts", time, *key), rows, width, p))


def _lost(rng: Generator, rows: int, width: int, p: Tape) -> tuple[Dropout, ...]:
    found: list[Dropout] = []
    for _ in range(int(rng.poisson(p.dropouts / 2)) if p.dropouts else 0):
        row, start = int(rng.integers(rows)), int(rng.integers(max(1, width - 8)))
        length = int(min(width - start, rng.lognormal(np.log(width / 18), 0.7) + 6))
        hidden, bright = rng.random(2)
        level = None if hidden < p.compensated else 235.0 if bright < 0.7 else 16.0
        found.append(Dropout(row, start, length, level))
    return tuple(found)


def _uneven(rng: Generator, rows: int) -> Floats:
    """A first-order autoregressive series of unit variance; neighbours correlate by 0.6."""
    near = 0.6
    pushes = rng.standard_normal(rows)
    series = np.empty(rows, np.float32)
    series[0] = last = pushes[0]
    for row in range(1, rows):
        series[row] = last = near * last + (1 - near**2) ** 0.5 * pushes[row]
    return series


def _swaying(seed: int, time: Fraction, rows: NDArray[Any], number: int) -> Floats:
    """A smooth curve of unit variance down the frame that changes within a quarter of a second."""
    reach = 48
    nodes = int(rows[-1]) // reach + 2
    pull = np.array([drift(seed, "tape wander", time, Fraction(1, 4), number, node) for node in range(nodes)])
    node, angle = rows // reach, (rows % reach) / reach * np.pi / 2
    return np.asarray(np.cos(angle) * pull[node] + np.sin(angle) * pull[node + 1], np.float32)


def _recorded(one: Samples, p: Tape) -> Samples:
    """What the recorder's bandwidth leaves."""
    rows, sigma = one.rows, (p.chroma_blur if one.chroma else p.luma_blur) / one.step
    if sigma:
        rows = cv2.GaussianBlur(rows, (2 * int(4 * sigma + 0.5) + 1, 1), sigma, borderType=cv2.BORDER_REPLICATE)
    if p.ringing and not one.chroma:
        rows = _rung(rows, p.ringing)
    if p.chroma_shift and one.chroma:
        rows = _moved(rows, np.full(rows.shape[0], p.chroma_shift / one.step, np.float32))
    if p.chroma_drop and one.chroma:
        rows = _lowered(rows, p.chroma_drop / (2 * one.rise))
    if p.colour_loss and one.chroma:
        rows = 128 + (rows - 128) * np.float32(1 - p.colour_loss)
    return replace(one, rows=np.asarray(rows, np.float32))


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


def _lowered(rows: Floats, by: float) -> Floats:
    """All rows down, neighbours mixed in between: what a delay line does."""
    whole = int(np.floor(by))
    above = np.arange(rows.shape[0]) - whole
    last = rows.shape[0] - 1
    mixed = (1 - (by - whole)) * rows[np.clip(above, 0, last)] + (by - whole) * rows[np.clip(above - 1, 0, last)]
    return np.asarray(mixed, np.float32)


def _shaken(one: Samples, shifts: Floats) -> Samples:
    if not shifts.any():
        return one
    rows = one.rows.shape[0]
    # A plane may have fewer rows than luma: each goes with the luma row it belongs to.
    own = shifts[np.minimum(np.arange(rows) * one.rise, shifts.size - 1)]
    return replace(one, rows=_moved(one.rows, own / one.step))


def _noisy(one: Samples, p: Tape, played: _Played, rng: Generator) -> Samples:
    # Decks mean colour over neighbouring lines, so its noise comes in patches.
    sigma, along, down = (p.chroma_noise, 8.0, 1.2) if one.chroma else (p.luma_noise, 0.7, 0.0)
    rows = one.rows
    if sigma:
        rows = rows + np.float32(sigma) * clumps(rng, rows.shape, along / one.step, down / one.rise)
    if played.torn:
        torn = -(-played.torn // one.rise)
        loud = (8 if one.chroma else 30) * np.exp(-np.arange(torn) / max(1, torn / 2))
        rows = rows.copy()
        rows[-torn:] += loud[:, None].astype(np.float32) * clumps(rng, (torn, rows.shape[1]), 1.5, 0)
    return replace(one, rows=rows)


def _with_dropouts(one: Samples, dropouts: tuple[Dropout, ...]) -> Samples:
    """Streaks start at once, fade out behind, and take the colour away."""
    if not dropouts:
        return one
    one = replace(one, rows=one.rows.copy())
    for dropout in dropouts:
        _streak(one, dropout)
    return one


def _streak(one: Samples, dropout: Dropout) -> None:
    row = min(dropout.row // one.rise, one.rows.shape[0] - 1)
    span: Any = slice(dropout.start // one.step, (dropout.start + dropout.length) // one.step + (one.step > 1))
    room = one.rows[row][span]
    if dropout.level is None:
        if not one.chroma:
            room[:] = one.rows[row - 1 if row else min(1, one.rows.shape[0] - 1)][span]
        return
    level = np.float32(128 if one.chroma else dropout.level)
    fade = np.clip((room.size - np.arange(room.size)) / max(1.0, 0.4 * room.size), 0, 1).astype(np.float32)
    room += fade * (level - room)
