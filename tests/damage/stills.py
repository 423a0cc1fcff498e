"""Still pictures whose damage is easy to measure."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from cinemill.media.types import Frame

WIDTH, HEIGHT = 240, 144
RATE = Fraction(25)


def frame(number: int, luma: np.ndarray, cb: np.ndarray | None = None, format: str = "yuv420p") -> Frame:
    """Picture `number` of 25 a second; colour is grey where `cb` is not given."""
    half = (-(-luma.shape[0] // 2), -(-luma.shape[1] // 2))
    grey = np.full(half, 128 if luma.dtype == np.uint8 else 512, luma.dtype)
    return Frame((luma, grey if cb is None else cb, grey.copy()), format, number, 1 / RATE, 1)


def flat(count: int, level: int = 120, colour: int = 128, size: tuple[int, int] = (HEIGHT, WIDTH)) -> list[Frame]:
    half = (size[0] // 2, size[1] // 2)
    return [frame(n, np.full(size, level, np.uint8), np.full(half, colour, np.uint8)) for n in range(count)]


def deep(count: int) -> list[Frame]:
    """Grey of 10 bits."""
    return [frame(n, np.full((HEIGHT, WIDTH), 480, np.uint16), format="yuv420p10le") for n in range(count)]


def noise(count: int, height: int = HEIGHT, width: int = WIDTH) -> list[Frame]:
    rng = np.random.default_rng(0)
    half = (-(-height // 2), -(-width // 2))
    return [
        frame(n, rng.integers(16, 236, (height, width), np.uint8), rng.integers(16, 241, half, np.uint8))
        for n in range(count)
    ]


def step(plane: int = 0) -> Frame:
    """Left half darker than the right by 100 code values in one plane."""
    luma = np.full((HEIGHT, WIDTH), 60, np.uint8)
    cb = np.full((HEIGHT // 2, WIDTH // 2), 60, np.uint8)
    target = (luma, cb)[plane]
    target[:, target.shape[1] // 2 :] = 160
    return frame(0, luma, cb)


def same(one: Frame, other: Frame) -> bool:
    """Equal in time, shape and every sample."""
    facts = [(f.pts, f.time_base, f.duration, f.format, f.field_order, f.colour, f.sar) for f in (one, other)]
    return facts[0] == facts[1] and all(np.array_equal(a, b) for a, b in zip(one.planes, other.planes))


def luma(frames: list[Frame]) -> Any:
    return np.stack([frame.planes[0] for frame in frames]).astype(float)


def at_other_clock(one: Frame) -> Frame:
    """The same time in other units."""
    return replace(one, pts=one.pts * 3600, time_base=one.time_base / 3600, duration=3600)


def blurred_edge(row: np.ndarray) -> float:
    """Standard deviation of the blur of a single edge, in columns."""
    edge = np.diff(row.astype(float))
    x = np.arange(edge.size)
    centre = (x * edge).sum() / edge.sum()
    return float(np.sqrt(((x - centre) ** 2 * edge).sum() / edge.sum()))
