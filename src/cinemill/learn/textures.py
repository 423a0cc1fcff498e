"""Seeded surfaces and shapes: what procedural pictures are cut out of. No photograph is needed.

Source: the dead-leaves model (Matheron 1968; Lee, Mumford, Huang 2001), whose overlapping shapes have the edges and
the spectrum of natural pictures. Colours are R'G'B' in [0, 255]; images with alpha are premultiplied.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Floats = NDArray[Any]
"""float32"""
Image = NDArray[Any]
"""uint8 (H, W, 4), R'G'B' premultiplied by alpha; or (H, W, 3) without alpha."""
Palette = tuple[tuple[int, int, int], ...]
"""Colours that go together, from dark to light and then two that stand out."""

PALETTES: tuple[Palette, ...] = (
    ((27, 42, 65), (50, 74, 95), (204, 201, 220), (224, 122, 95), (242, 204, 143)),
    ((11, 57, 84), (8, 126, 139), (191, 215, 234), (255, 90, 95), (246, 174, 45)),
    ((40, 54, 24), (96, 108, 56), (238, 230, 200), (221, 161, 94), (188, 108, 37)),
    ((45, 30, 47), (109, 70, 107), (224, 177, 203), (247, 178, 103), (242, 92, 84)),
    ((38, 70, 83), (42, 157, 143), (233, 196, 106), (244, 162, 97), (231, 111, 81)),
)
SHAPES = ("disc", "polygon", "bar", "ring", "star", "glyph")
# Shapes are drawn this much larger and averaged down: 8 bits of coverage at every edge.
_OVERSAMPLED = 4


def coloured_noise(rng: Generator, height: int, width: int, slope: float) -> Floats:
    """(height, width) in [0, 1], mean near 0.5, amplitude spectrum 1/f^`slope`; 1 is natural, 2 is clouds."""
    spectrum = np.fft.rfft2(rng.standard_normal((height, width), np.float32))
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    frequency[0, 0] = np.inf
    noise = np.fft.irfft2(spectrum / frequency**slope, (height, width))
    return np.clip(0.5 + noise / (6 * noise.std()), 0, 1).astype(np.float32)


def blend(weights: Floats, first: tuple[int, int, int], second: tuple[int, int, int]) -> Floats:
    """(H, W, 3): `first` where `weights` is 0, `second` where it is 1."""
    a, b = np.array(first, np.float32), np.array(second, np.float32)
    return a + weights[..., None] * (b - a)


def ramp(height: int, width: int, angle: float) -> Floats:
    """(height, width) from 0 to 1 along `angle` (radians, 0 to the right, pi/2 downwards)."""
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :] * np.float32(np.cos(angle))
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * np.float32(np.sin(angle))
    plane = x + y
    return (plane - plane.min()) / max(float(np.ptp(plane)), 1e-6)


def surface(rng: Generator, height: int, width: int, palette: Palette) -> Floats:
    """(height, width, 3): flat, a gradient, stripes or coloured noise, in two neighbouring colours of `palette`."""
    first, second = (palette[i] for i in rng.choice(len(palette), 2, replace=False))
    kind = rng.choice(4, p=(0.15, 0.3, 0.2, 0.35))
    if kind == 0:
        return np.broadcast_to(np.array(first, np.float32), (height, width, 3)).copy()
    if kind == 1:
        return blend(ramp(height, width, rng.uniform(0, 2 * np.pi)), first, second)
    if kind == 2:
        cycles = rng.uniform(2, 2 + min(height, width) / 12)
        wave = np.sin(2 * np.pi * cycles * ramp(height, width, rng.uniform(0, np.pi)))
        return blend((0.5 + 0.35 * wave).astype(np.float32), first, second)
    return blend(coloured_noise(rng, height, width, rng.uniform(0.9, 2.0)), first, second)


def coverage(rng: Generator, size: int, shape: str) -> Floats:
    """(size, size) in [0, 1]: how much of each pixel lies within a random `shape` (a name of SHAPES)."""
    large = size * _OVERSAMPLED
    mask = np.zeros((large, large), np.uint8)
    centre, radius = (large // 2, large // 2), int(large * 0.46)
    if shape == "disc":
        cv2.circle(mask, centre, radius, 255, -1)
    elif shape == "ring":
        inner = radius * rng.uniform(0.45, 0.8)
        cv2.circle(mask, centre, radius, 255, -1)
        cv2.circle(mask, centre, int(inner), 0, -1)
    elif shape == "glyph":
        _letter(mask, chr(rng.integers(ord("A"), ord("Z") + 1)))
    else:
        cv2.fillPoly(mask, [_corners(rng, shape, centre[0], radius)], 255)
    return cv2.resize(mask, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def _corners(rng: Generator, shape: str, centre: int, radius: int) -> NDArray[np.int32]:
    if shape == "bar":
        half = radius * rng.uniform(0.05, 0.2)
        points = np.array([[-radius, -half], [radius, -half], [radius, half], [-radius, half]])
    else:
        count = int(rng.integers(5, 9)) * 2 if shape == "star" else int(rng.integers(3, 8))
        reach = np.where(np.arange(count) % 2, rng.uniform(0.4, 0.7), 1) if shape == "star" else np.ones(count)
        angles = 2 * np.pi * np.arange(count) / count
        points = radius * reach[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
    turn = rng.uniform(0, 2 * np.pi)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.rint(points @ rotation + centre).astype(np.int32)


def _letter(mask: NDArray[np.uint8], letter: str) -> None:
    font, size = cv2.FONT_HERSHEY_DUPLEX, mask.shape[0]
    (wide, high), _ = cv2.getTextSize(letter, font, 1, 1)
    scale = 0.86 * size / max(wide, high)
    place = (int(size - wide * scale) // 2, int(size + high * scale) // 2)
    cv2.putText(mask, letter, place, font, scale, 255, max(1, size // 40), cv2.LINE_AA)


def cut_out(colour: Floats | tuple[int, int, int], alpha: Floats, shadow: float = 0.4, light: float = 0.2) -> Image:
    """`colour`, one or (H, W, 3), where `alpha` (H, W) is 1, over its own soft `shadow` (0 none, 1 black).

    `light` falls from the upper left: the share of its brightness that the picture loses across it.
    """
    height, width = alpha.shape
    shade = (1 + light * (0.4 - ramp(height, width, np.pi / 3)))[..., None]
    depth = min(height, width) / 60 + 1
    fallen = cv2.warpAffine(alpha, np.array([[1, 0, depth], [0, 1, 1.5 * depth]], np.float32), (width, height))
    dark = shadow * cv2.GaussianBlur(fallen, (0, 0), depth)
    alpha_out = alpha + (1 - alpha) * dark
    lit = np.clip(np.asarray(colour, np.float32) * shade, 0, 255) * alpha[..., None]
    return np.rint(softened(np.dstack([lit, 255 * alpha_out]))).astype(np.uint8)


def softened(image: Floats) -> Floats:
    """`image` as through a lens: without it, edges would jump from pixel to pixel as the stage moves them."""
    return cv2.GaussianBlur(image, (5, 5), 0.7)


def leaf(rng: Generator, size: int, palette: Palette, shape: str | None = None) -> Image:
    """A random shape with a random surface, (size, size, 4)."""
    alpha = coverage(rng, size, shape or str(rng.choice(SHAPES)))
    return cut_out(surface(rng, size, size, palette), alpha)


def lettering(lines: list[tuple[str, float]], height: int, colour: tuple[int, int, int], gap: float = 0.6) -> Image:
    """Centred lines of text, (H, W, 4). Each is (text, height of its capitals in units of `height` pixels)."""
    rows = [_written(text, round(share * height), gap) for text, share in lines]
    margin = 20
    width = max(row.shape[1] for row in rows) + 2 * margin
    alpha = np.zeros((sum(row.shape[0] for row in rows) + 2 * margin, width), np.float32)
    y = margin
    for row in rows:
        x = (width - row.shape[1]) // 2
        alpha[y : y + row.shape[0], x : x + row.shape[1]] = row
        y += row.shape[0]
    return cut_out(colour, alpha, shadow=0.6)


def _written(text: str, high: int, gap: float) -> Floats:
    """Coverage of one line whose capitals are `high` pixels, with `gap` times as much below them."""
    font, over = cv2.FONT_HERSHEY_DUPLEX, 2
    (_, unit), _ = cv2.getTextSize("H", font, 10, 1)
    scale, thickness = 10 * high * over / unit, max(1, high * over // 14)
    (wide, _), _ = cv2.getTextSize(text or " ", font, scale, thickness)
    rows, columns = round(high * (1 + gap)) * over, (wide // over + 8) * over
    mask = np.zeros((rows, columns), np.uint8)
    cv2.putText(mask, text, ((columns - wide) // 2, high * over), font, scale, 255, thickness, cv2.LINE_AA)
    return cv2.resize(mask, (columns // over, rows // over), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
