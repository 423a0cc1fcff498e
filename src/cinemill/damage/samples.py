"""Planes as float32 in 8-bit code values, and back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from cinemill.media.types import Frame, Plane

Floats = NDArray[Any]
"""float32"""


@dataclass(frozen=True)
class Samples:
    """One plane: `step` and `rise` are luma pixels per column and luma rows per row."""

    rows: Floats
    step: int
    rise: int
    chroma: bool


def samples(frame: Frame) -> list[Samples]:
    """The planes of a YUV or grey frame."""
    scale = np.float32(2 ** (frame.layout.bits - 8))
    return [
        Samples(plane.astype(np.float32) / scale, 1 << horizontal, 1 << vertical, number in (1, 2))
        for number, (plane, (horizontal, vertical, _)) in enumerate(zip(frame.planes, frame.layout.planes))
    ]


def frame_of(found: list[Samples], source: Frame) -> Frame:
    """`source` with other samples, rounded to its depth."""
    bits, dtype = source.layout.bits, source.layout.dtype
    scale, peak = np.float32(2 ** (bits - 8)), 2**bits - 1
    planes: list[Plane] = [np.clip(np.rint(one.rows * scale), 0, peak).astype(dtype) for one in found]
    return replace(source, planes=tuple(planes))


def black(frame: Frame) -> float:
    """The code value of black, in 8 bits."""
    return 0.0 if frame.colour.range == "full" else 16.0


def clumps(rng: Generator, shape: tuple[int, int], across: float, down: float) -> Floats:
    """Noise of unit variance, smoothed by Gaussians of so many columns and rows; 0 for none."""
    kernel, other = _bell(across), _bell(down)
    x, y = kernel.size // 2, other.size // 2
    white = rng.standard_normal((shape[0] + 2 * y, shape[1] + 2 * x), np.float32)
    return np.asarray(cv2.sepFilter2D(white, -1, kernel, other)[y : y + shape[0], x : x + shape[1]], np.float32)


def _bell(reach: float) -> Floats:
    """A Gaussian of standard deviation `reach`, of unit energy: white noise keeps its variance through it."""
    if not reach:
        return np.ones(1, np.float32)
    half = max(1, int(3 * reach + 0.5))
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / reach) ** 2)
    return (kernel / np.sqrt((kernel**2).sum())).astype(np.float32)
