"""Pictures from all over a film -> the boxes in which something stays while the picture moves: logos, dates, captions.

The median of the gradients of many pictures is that of what was laid over all of them, opaque or not, for those of the
pictures themselves differ and cancel (T. Dekel et al., On the effectiveness of visible watermarks, 2017, section 3.1).
A place counts where that median is clear and most pictures agree with it, and where the picture around it changes: a
still film has no overlay that could be told from it, and neither has one from a camera that is locked: there nothing is
found. Wrong for what stands before a camera while all around it moves, and blind to what changes itself, such as a
clock's digits, or lies on black bars.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cinemill.media.types import Frame, Plane

Box = tuple[int, int, int, int]
"""Left, top, width and height in pixels of the frame."""

PICTURES = 32
"""How many a film is judged by."""
_FEW = 6
"""Pictures below which nothing can be told."""
_LINES = 576
"""Height at which pictures are looked at, at most."""
_CLEAR = 2.5
"""Code values per pixel that a steady edge has at least."""
_AGREED = 1.2
"""How many times larger a steady edge is than what pictures deviate from it by."""
_DOUBT = 1.0
"""Code values per pixel that gradients deviate by in any film, from noise and coding."""
_ALIVE = 3.0
"""Code values that a pixel deviates from its median by, typically, where the picture changes."""
_AROUND = 0.6
"""Share of the ring around an overlay that must change."""
_LONG = 0.6
"""Share of a row or column of steady edges that is the border of a bar, and of the picture that no overlay exceeds."""
_LARGEST = 0.15
"""Share of the picture that all overlays have together, at most."""
_SCENERY = 0.1
"""Share of a film's edges that stay where the camera does not; of one that moves, a thousandth."""
_BOTH_WAYS = 0.2
"""Edges in one direction that something with a shape has, as a share of those in the other."""
_EDGES = 24
"""Pixels of steady edges that make an overlay."""


def overlays(frames: Sequence[Frame]) -> list[Box]:
    """The boxes of what stays, with a small margin, from top to bottom; none where nothing stays, where too few
    pictures differ, or where so much stays that it is the film itself. All frames have one size.
    """
    if len(frames) < _FEW:
        return []
    lumas = np.stack([_small(frame) for frame in frames])
    lumas = lumas[_different(lumas)]
    if len(lumas) < _FEW:
        return []
    across, down, deviation = _usual(lumas)
    size = np.hypot(across, down)
    steady = _without_bars((size > _CLEAR) & (size > _AGREED * (deviation + _DOUBT)))
    found = [box for box in _boxes(steady, _alive(lumas)) if _has_shape(across, down, steady, box)]
    high, wide = steady.shape
    too_large = sum(w * h for _, _, w, h in found) > _LARGEST * high * wide
    if too_large or _is_scenery(steady, np.maximum(size, deviation) > _CLEAR, found):
        return []
    return [_grown(box, frames[0], wide, high) for box in found]


def _small(frame: Frame) -> Plane:
    """Luma as uint8, at most `_LINES` high; green of RGB."""
    first = frame.planes[0]
    luma = first if first.ndim == 2 else first[..., 1]
    eight = luma if frame.layout.bits == 8 else (luma >> (frame.layout.bits - 8)).astype(np.uint8)
    if frame.height <= _LINES:
        return np.ascontiguousarray(eight)
    size = (round(frame.width * _LINES / frame.height), _LINES)
    return np.asarray(cv2.resize(eight, size, interpolation=cv2.INTER_AREA))


def _different(lumas: Plane) -> list[int]:
    """Which pictures are not repeats of the one kept before."""
    kept = [0]
    for number in range(1, len(lumas)):
        if float(cv2.absdiff(lumas[number], lumas[kept[-1]]).mean()) > 1:
            kept.append(number)
    return kept


def _usual(lumas: Plane) -> tuple[Any, Any, Any]:
    """(H, W) each: the median gradient across and down, and how far pictures deviate from it."""
    across, down = (np.stack([_gradient(luma, axis) for luma in lumas]) for axis in (0, 1))
    middle = [np.median(field, axis=0) for field in (across, down)]
    deviation = np.median(np.hypot(across - middle[0], down - middle[1]), axis=0)
    return middle[0], middle[1], deviation


def _gradient(luma: Plane, axis: int) -> Any:
    soft = cv2.GaussianBlur(luma, (0, 0), 0.8)
    return cv2.Sobel(soft, cv2.CV_32F, 1 - axis, axis, scale=1 / 8)


def _alive(lumas: Plane) -> NDArray[np.bool_]:
    """(H, W): where the picture changes over the film."""
    middle = np.median(lumas, axis=0).astype(np.float32)
    return np.median(np.abs(lumas - middle), axis=0) > _ALIVE


def _without_bars(steady: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without the lines along which a black bar ends, and the outermost pixels."""
    kept = steady.copy()
    for axis in (0, 1):
        for line in np.flatnonzero(steady.mean(axis=1 - axis) > _LONG):
            near = np.s_[max(0, line - 2) : line + 3]
            kept[(near, slice(None)) if axis == 0 else (slice(None), near)] = False
    kept[:2] = kept[-2:] = kept[:, :2] = kept[:, -2:] = False
    return kept


def _boxes(steady: NDArray[np.bool_], alive: NDArray[np.bool_]) -> list[Box]:
    """Groups of steady edges around which the picture changes."""
    high, wide = steady.shape
    reach = max(3, high // 48)
    joined = cv2.morphologyEx(
        steady.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    )
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    found: list[Box] = []
    for label in range(1, count):
        left, top, width, height = (int(value) for value in stats[label][:4])
        part = labels == label
        fits = 4 <= width <= _LONG * wide and 4 <= height <= _LONG * high
        if fits and (steady & part).sum() >= _EDGES and _is_among_life(part, alive, reach):
            found.append((left, top, width, height))
    return sorted(found, key=lambda box: (box[1], box[0]))


def _is_among_life(part: NDArray[np.bool_], alive: NDArray[np.bool_], reach: int) -> bool:
    """Whether the picture changes around a group."""
    group = part.astype(np.uint8)
    near, far = (cv2.dilate(group, np.ones((size, size), np.uint8)) for size in (2 * reach + 1, 6 * reach + 1))
    ring = (far > 0) & (near == 0)
    return bool(ring.any()) and float(alive[ring].mean()) >= _AROUND


def _has_shape(across: Any, down: Any, steady: NDArray[np.bool_], box: Box) -> bool:
    """Whether a box has edges in both directions; a horizon stays too while the camera goes along it."""
    left, top, width, height = box
    inside = np.s_[top : top + height, left : left + width]
    sums = [float(np.abs(field[inside])[steady[inside]].sum()) for field in (across, down)]
    return min(sums) > _BOTH_WAYS * max(sums)


def _is_scenery(steady: NDArray[np.bool_], edges: NDArray[np.bool_], boxes: Sequence[Box]) -> bool:
    """Whether much beside the boxes stays too: then the camera does, and what they hold may belong to the scene."""
    beside = edges.copy()
    for left, top, width, height in boxes:
        beside[top : top + height, left : left + width] = False
    return bool((steady & beside).sum() > _SCENERY * max(1, beside.sum()))


def _grown(box: Box, frame: Frame, wide: int, high: int) -> Box:
    """A box in pixels of the frame, with a margin for what is soft around it."""
    across, down = frame.width / wide, frame.height / high
    margin = max(3, round(frame.height / 200))
    left, top = max(0, int(box[0] * across) - margin), max(0, int(box[1] * down) - margin)
    right = min(frame.width, -int(-(box[0] + box[2]) * across) + margin)
    bottom = min(frame.height, -int(-(box[1] + box[3]) * down) + margin)
    return left, top, right - left, bottom - top
