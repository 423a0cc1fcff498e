"""What sharpening, colour sampling, block coding and lost blocks do to a frame: DV, DVD, the early web."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cinemill.damage.amounts import Digital
from cinemill.damage.chance import chance
from cinemill.damage.samples import Floats, Samples, frame_of, samples
from cinemill.media.types import Frame

_MACRO = 16

# The default matrix for intra blocks, ITU-T H.262 (2012) §6.3.11.
_INTRA = np.array(
    [
        [8, 16, 19, 22, 26, 27, 29, 34],
        [16, 16, 22, 24, 27, 29, 34, 37],
        [19, 22, 26, 27, 29, 34, 34, 38],
        [22, 22, 26, 27, 29, 34, 37, 40],
        [22, 26, 27, 29, 32, 35, 40, 48],
        [26, 27, 29, 32, 35, 40, 48, 58],
        [26, 27, 29, 34, 38, 46, 56, 69],
        [27, 29, 35, 38, 46, 56, 69, 83],
    ],
    np.float32,
)
_FREQUENCY, _PLACE = np.arange(8)[:, None], np.arange(8)[None, :]
_DCT: Floats = (np.cos((2 * _PLACE + 1) * _FREQUENCY * np.pi / 16) * np.where(_FREQUENCY, 0.5, 8**-0.5)).astype(
    np.float32
)
"""Orthonormal: _DCT @ block @ _DCT.T are the coefficients."""


@dataclass(frozen=True, eq=False)
class DigitalTruth:
    """What happened to one frame. `lost`: runs of macroblocks as (left, top, width, height) in px."""

    time: Fraction
    width: int
    height: int
    lost: tuple[tuple[int, int, int, int], ...]

    def lost_mask(self) -> NDArray[np.bool_]:
        """(height, width): where the frame before shows."""
        mask = np.zeros((self.height, self.width), np.bool_)
        for left, top, width, height in self.lost:
            mask[top : top + height, left : left + width] = True
        return mask

    def record(self) -> dict[str, Any]:
        return {"lost": [list(run) for run in self.lost]}


def steps(p: Digital) -> Floats:
    """(8, 8): the step of each DCT coefficient in code values, vertical frequency first; 0 where none is rounded."""
    if not p.quantiser:
        return np.zeros((8, 8), np.float32)
    found = _INTRA * np.float32(p.quantiser / 16)
    found[0, 0] = 8
    return found


def truth(time: Fraction, width: int, height: int, p: Digital) -> DigitalTruth:
    rng = chance(p.seed, "digital lost", time)
    across, down = -(-width // _MACRO), -(-height // _MACRO)
    runs: list[tuple[int, int, int, int]] = []
    for _ in range(int(rng.poisson(p.lost)) if p.lost else 0):
        left, top, blocks = int(rng.integers(across)), int(rng.integers(down)), int(rng.integers(1, 6))
        x, y = left * _MACRO, top * _MACRO
        runs.append((x, y, min(width, x + blocks * _MACRO) - x, min(height, y + _MACRO) - y))
    return DigitalTruth(time, width, height, tuple(runs))


def damaged(frames: Iterator[Frame], p: Digital) -> Iterator[Frame]:
    """Frames as a player shows them. The first of a stream conceals its losses with itself."""
    before: Frame | None = None
    for frame in frames:
        coded = _coded(frame, p)
        yield _concealed(coded, before or coded, p)
        before = coded


def _coded(frame: Frame, p: Digital) -> Frame:
    if not (p.halo or p.quantiser) and p.chroma == "keep":
        return frame
    found = [_sampled(_sharpened(one, p), p) for one in samples(frame)]
    if p.quantiser:
        fields = 1 if frame.field_order == "progressive" else 2
        found = [_quantised(one, steps(p), fields) for one in found]
    return frame_of(found, frame)


def _sharpened(one: Samples, p: Digital) -> Samples:
    """Overshoot before and behind an edge: the difference from a mean over five columns, added."""
    if not p.halo or one.chroma:
        return one
    mean = cv2.blur(one.rows, (5, 1), borderType=cv2.BORDER_REPLICATE)
    # Beside a step of height 1 the mean is off by 2/5 at most.
    return replace(one, rows=one.rows + np.float32(p.halo / 0.4) * (one.rows - mean))


def _sampled(one: Samples, p: Digital) -> Samples:
    wanted = {"keep": (1, 1), "420": (2, 2), "411": (4, 1)}[p.chroma]
    across, down = max(1, wanted[0] // one.step), max(1, wanted[1] // one.rise)
    if not one.chroma or (across, down) == (1, 1):
        return one
    height, width = one.rows.shape
    whole = np.pad(one.rows, ((0, -height % down), (0, -width % across)), mode="edge")
    size = (whole.shape[1] // across, whole.shape[0] // down)
    few = cv2.resize(whole, size, interpolation=cv2.INTER_AREA)
    many = cv2.resize(few, whole.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return replace(one, rows=np.asarray(many[:height, :width], np.float32))


def _quantised(one: Samples, step: Floats, fields: int) -> Samples:
    rows = one.rows.copy()
    for parity in range(min(fields, rows.shape[0])):
        rows[parity::fields] = _rounded(rows[parity::fields], step)
    return replace(one, rows=rows)


def _rounded(rows: Floats, step: Floats) -> Floats:
    """Blocks from the top left on; the last ones reach beyond the edge, which is repeated."""
    height, width = rows.shape
    whole = np.pad(rows, ((0, -height % 8), (0, -width % 8)), mode="edge")
    down, across = whole.shape[0] // 8, whole.shape[1] // 8
    blocks = whole.reshape(down, 8, across, 8).transpose(0, 2, 1, 3)
    levels = np.rint(_DCT @ blocks @ _DCT.T / step)
    back = _DCT.T @ (levels * step) @ _DCT
    return back.transpose(0, 2, 1, 3).reshape(whole.shape)[:height, :width]


def _concealed(frame: Frame, before: Frame, p: Digital) -> Frame:
    lost = truth(frame.pts * frame.time_base, frame.width, frame.height, p).lost
    if not lost:
        return frame
    planes = tuple(plane.copy() for plane in frame.planes)
    for left, top, width, height in lost:
        for plane, old, (h, v, _) in zip(planes, before.planes, frame.layout.planes):
            area = (slice(top >> v, -(-(top + height) >> v)), slice(left >> h, -(-(left + width) >> h)))
            plane[area] = old[area]
    return replace(frame, planes=planes)
