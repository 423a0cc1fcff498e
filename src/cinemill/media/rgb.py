"""Frames to red, green and blue as numbers, and back, by each frame's own matrix and range; nothing is clipped between.

Tapes have whites above white and colours that no screen shows. As code values of RGB they would be lost; here they
pass, so that what a filter leaves alone comes back as it was. Chroma is taken to lie at the left of its luma, half way
down, as in MPEG-2 and H.264. Source of the matrices: ITU-T H.273 (07/2021), table 4.
"""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cinemill.errors import UnsupportedMedia
from cinemill.media.types import Frame, Plane

Floats = NDArray[Any]
"""float32"""

_WEIGHTS: Final = {
    "bt709": (0.2126, 0.0722),
    "fcc": (0.30, 0.11),
    "bt470bg": (0.299, 0.114),
    "smpte170m": (0.299, 0.114),
    "smpte240m": (0.212, 0.087),
    "bt2020nc": (0.2627, 0.0593),
    "bt2020c": (0.2627, 0.0593),
}
"""How much red and blue count in luma."""
_HALVING_BESIDE = np.array([-1, 0, 9, 16, 9, 0, -1], np.float32) / 32
"""For samples that lie on one of those that they are made of; what was doubled by cubics comes back as it was."""


def to_rgb(frame: Frame) -> Floats:
    """(3, H, W) float32: red, green and blue, nominally 0 to 1. Grey has three that are alike.

    Raises UnsupportedMedia for a matrix that is none of a luma and two colour differences.
    """
    plan = frame.layout
    if plan.family == "rgb":
        first = frame.planes[0]
        planes = list(first.transpose(2, 0, 1)) if first.ndim == 3 else [frame.planes[i] for i in (2, 0, 1)]
        return np.stack([planes[i] for i in range(3)]).astype(np.float32) / np.float32(2**plan.bits - 1)
    if plan.family == "grey":
        return np.repeat(frame.planes[0][None].astype(np.float32) / np.float32(2**plan.bits - 1), 3, axis=0)
    luma, *chroma = yuv(frame)
    size = luma.shape[::-1]
    blue, red = (_raised(c, size, h, v) for c, (h, v, _) in zip(chroma, plan.planes[1:]))
    return _unmixed(luma, blue, red, *_weights(frame))


def of_rgb(values: Floats, like: Frame) -> tuple[Plane, ...]:
    """Planes of (3, H, W) float32 in the format, matrix and range of `like`; the size may be another."""
    plan = like.layout
    if plan.family == "grey":
        return (_coded(values.mean(axis=0), 0.0, 2**plan.bits - 1, like),)
    if plan.family == "rgb":
        red, green, blue = (_coded(plane, 0.0, 2**plan.bits - 1, like) for plane in values)
        return (np.stack([red, green, blue], -1),) if like.planes[0].ndim == 3 else (green, blue, red)
    luma, *differences = mixed(values, like)
    small = [lowered(c, h, v) for c, (h, v, _) in zip(differences, plan.planes[1:])]
    return coded((luma, *small), like)


def mixed(values: Floats, like: Frame) -> tuple[Floats, Floats, Floats]:
    """Luma and the differences of blue and of red, (H, W) each, of (3, H, W), by the matrix of `like`."""
    red_weight, blue_weight = _weights(like)
    red, green, blue = values
    luma = red_weight * red + (1 - red_weight - blue_weight) * green + blue_weight * blue
    return luma, (blue - luma) / (2 - 2 * blue_weight), (red - luma) / (2 - 2 * red_weight)


def yuv(frame: Frame) -> list[Floats]:
    """Luma from 0 to 1 and colour differences from -0.5 to 0.5, nominally, each at its own size."""
    scales = _scales(frame)
    return [(plane - np.float32(zero)) / np.float32(size) for plane, (zero, size) in zip(frame.planes, scales)]


def coded(values: tuple[Floats, ...], like: Frame) -> tuple[Plane, ...]:
    """The planes that `yuv` gives the values of."""
    return tuple(_coded(plane, zero, size, like) for plane, (zero, size) in zip(values, _scales(like)))


def _scales(frame: Frame) -> list[tuple[float, float]]:
    """(code value of 0, code values from 0 to 1) for each plane."""
    bits = frame.layout.bits
    middle = 2.0 ** (bits - 1)
    if frame.colour.range == "full":
        top = 2.0**bits - 1
        return [(0.0, top), (middle, top), (middle, top)]
    step = 2.0 ** (bits - 8)
    return [(16 * step, 219 * step), (middle, 224 * step), (middle, 224 * step)]


def _coded(values: Floats, zero: float, size: float, like: Frame) -> Plane:
    top = 2**like.layout.bits - 1
    return np.clip(np.rint(values * np.float32(size) + np.float32(zero)), 0, top).astype(like.layout.dtype)


def _weights(frame: Frame) -> tuple[float, float]:
    matrix = frame.colour.effective_matrix(frame.height)
    if matrix not in _WEIGHTS:
        raise UnsupportedMedia(f"pictures of matrix {matrix} cannot be made red, green and blue here.")
    return _WEIGHTS[matrix]


def _unmixed(luma: Floats, blue: Floats, red: Floats, red_weight: float, blue_weight: float) -> Floats:
    made = np.empty((3, *luma.shape), np.float32)
    made[0] = luma + np.float32(2 - 2 * red_weight) * red
    made[2] = luma + np.float32(2 - 2 * blue_weight) * blue
    made[1] = (luma - np.float32(red_weight) * made[0] - np.float32(blue_weight) * made[2]) / np.float32(
        1 - red_weight - blue_weight
    )
    return made


def _raised(values: Floats, size: tuple[int, int], h: int, v: int) -> Floats:
    """Chroma at the size of luma."""
    if not h and not v:
        return values
    down = 2.0**-v
    place = np.array([[2.0**-h, 0, 0], [0, down, (down - 1) / 2]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(values, place, size, flags=flags, borderMode=cv2.BORDER_REPLICATE))


def lowered(values: Floats, h: int, v: int) -> Floats:
    """Chroma at its own size; odd sizes round up."""
    for _ in range(h):
        soft = cv2.sepFilter2D(values, -1, _HALVING_BESIDE, np.ones(1, np.float32), borderType=cv2.BORDER_REPLICATE)
        values = soft[:, ::2]
    for _ in range(v):
        even = np.pad(values, [(0, values.shape[0] % 2), (0, 0)], mode="edge")
        values = (even[::2] + even[1::2]) / 2
    return np.ascontiguousarray(values)
