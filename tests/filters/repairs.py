"""Clean moving pictures, damage with a known truth, and how near a repair comes to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from itertools import islice
from math import log10
from typing import Any

import cv2
import numpy as np

from cinemill.filters import text
from cinemill.learn import procedural
from cinemill.media.formats import layout
from cinemill.media.types import Frame

Plane = np.ndarray[Any, Any]
SEEDS = (2, 5)
"""A scene full of things that pass each other, and lettering that rolls up over a dark ground."""


@lru_cache(maxsize=8)
def clean(seed: int, count: int = 10, rate: int = 25, size: tuple[int, int] = (240, 192)) -> tuple[Frame, ...]:
    """The first frames of the scene after the title."""
    start = next(time for time in procedural.cuts(24, seed) if time)
    first = int(start * rate)
    frames = procedural.scenes(*size, Fraction(rate), 24, seed)
    return tuple(islice(frames, first, first + count))


def through(chain: str, frames: Iterable[Frame]) -> list[Frame]:
    return list(text.chain(chain).run(frames))


def psnr(truth: Sequence[Frame], frames: Sequence[Frame], plane: int = 0) -> float:
    """Decibels of the mean squared error over all frames but the first and the last; 100 for equal ones."""
    assert len(truth) == len(frames)
    peak = (1 << truth[0].layout.bits) - 1
    errors = [
        np.mean((one.planes[plane].astype(float) - other.planes[plane]) ** 2) for one, other in zip(truth, frames)
    ]
    error = float(np.mean(errors[1:-1]))
    return 10 * log10(peak**2 / error) if error else 100.0


def cost(truth: Sequence[Frame], worn: Sequence[Frame], chain: str, plane: int = 0) -> float:
    """Decibels that a repair takes from pictures that do not need it: `worn` differ from `truth` by a little grain."""
    return psnr(truth, worn, plane) - psnr(truth, through(chain, worn), plane)


def same(one: Sequence[Frame], other: Sequence[Frame]) -> bool:
    return all(np.array_equal(a, b) for f, g in zip(one, other, strict=True) for a, b in zip(f.planes, g.planes))


def with_luma(frames: Sequence[Frame], change: Callable[[int, Plane], Plane]) -> list[Frame]:
    """Frames whose luma is what `change(number, float32 luma)` makes of it."""
    top = (1 << frames[0].layout.bits) - 1
    made: list[Frame] = []
    for number, frame in enumerate(frames):
        plane = frame.planes[0]
        values = np.clip(np.rint(change(number, plane.astype(np.float32))), 0, top).astype(plane.dtype)
        made.append(replace(frame, planes=(values, *frame.planes[1:])))
    return made


def noisy(frames: Sequence[Frame], sigma: float, seed: int = 1) -> list[Frame]:
    """White noise in luma, other noise in every frame."""
    dice = np.random.default_rng(seed)
    return with_luma(frames, lambda _, luma: luma + dice.normal(0, sigma, luma.shape))


def deepened(frames: Sequence[Frame], bits: int = 10) -> list[Frame]:
    """The same pictures in more bits."""
    made: list[Frame] = []
    for frame in frames:
        name = f"{frame.format}{bits}le"
        assert layout(name)
        planes = tuple(plane.astype(np.uint16) << (bits - 8) for plane in frame.planes)
        made.append(replace(frame, planes=planes, format=name))
    return made


def twice(frames: Sequence[Frame]) -> list[Frame]:
    """Each picture shown for two frames, as silent film at the rate of video."""
    return [replace(frame, pts=2 * n + i) for n, frame in enumerate(frames) for i in range(2)]


def still(values: Plane, count: int, **facts: Any) -> list[Frame]:
    """Frames of one grey picture in 4:2:0."""
    height, width = values.shape
    grey = np.full(((height + 1) // 2, (width + 1) // 2), 128, np.uint8)
    luma = values.astype(np.uint8)
    return [
        Frame((luma.copy(), grey.copy(), grey.copy()), "yuv420p", n, Fraction(1, 25), 1, **facts) for n in range(count)
    ]


def texture(height: int, width: int, seed: int = 0, scale: float = 3) -> Plane:
    """Soft noise that fills the range from 40 to 200: float32."""
    dice = np.random.default_rng(seed)
    soft = cv2.GaussianBlur(dice.standard_normal((height, width)).astype(np.float32), (0, 0), scale)
    return 40 + 160 * (soft - soft.min()) / (soft.max() - soft.min())
