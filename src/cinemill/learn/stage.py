"""A stage: cut-outs that move, turn and grow in front of a ground, seen by a moving camera. t -> R'G'B' picture.

Images are made once, DENSITY times larger than they are seen, and then only placed with sub-pixel affine warps.
Lengths are in picture heights, the origin is the middle of the picture, y points down, angles are radians.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, cos, exp, floor, pi, sin
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cinemill.learn.textures import Image

DENSITY = 1.5
"""Image pixels per seen pixel: bilinear warps then neither blur nor alias as things move by parts of a pixel."""
Affine = NDArray[np.float64]


@dataclass(frozen=True)
class Motion:
    """A place at time 0, and how it changes per second."""

    x: float = 0
    y: float = 0
    vx: float = 0
    vy: float = 0
    angle: float = 0
    spin: float = 0
    growth: float = 0
    """Size is exp(growth * t)."""
    sway: tuple[float, float] = (0, 0)
    pace: float = 0.5
    """Cycles of the sway per second."""
    phase: float = 0

    def place(self, t: float) -> tuple[float, float]:
        swing = sin(2 * pi * (self.pace * t + self.phase))
        return self.x + self.vx * t + self.sway[0] * swing, self.y + self.vy * t + self.sway[1] * swing


@dataclass(frozen=True)
class Sprite:
    """A cut-out: premultiplied (h, w, 4) at DENSITY. `depth` is its share of the camera's motion: 0 sky, 2 near."""

    image: Image
    motion: Motion = Motion()
    depth: float = 1


@dataclass(frozen=True)
class Scene:
    """`ground` is opaque, (h, w, 3) at DENSITY and mirrored beyond its edges; `sprites` are painted in order."""

    ground: Image
    sprites: tuple[Sprite, ...] = ()
    camera: Motion = Motion()
    ground_depth: float = 0.3

    def picture(self, t: float, width: int, height: int, sar: float) -> Image:
        """(height, width, 3) uint8 at `t` seconds; circles are round when a pixel is `sar` times as wide as high."""
        lens = _Lens(self.camera, t, width, height, sar)
        matrix = lens.affine(self.ground, Motion(), self.ground_depth)
        canvas = cv2.warpAffine(self.ground, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
        for sprite in self.sprites:
            paste(canvas, sprite.image, lens.affine(sprite.image, sprite.motion, sprite.depth))
        return canvas


@dataclass(frozen=True)
class _Lens:
    camera: Motion
    t: float
    width: int
    height: int
    sar: float

    def affine(self, image: Image, motion: Motion, depth: float) -> Affine:
        """The 2x3 matrix from image pixels to picture pixels."""
        t, camera = self.t, self.camera
        (cx, cy), (x, y) = camera.place(t), motion.place(t)
        zoom, roll = exp(camera.growth * t * depth), camera.angle + camera.spin * t
        turn = _rotation(roll + motion.angle + motion.spin * t)
        matrix = turn * (zoom * exp(motion.growth * t) / DENSITY)
        seen = _rotation(roll) @ np.array([x - cx * depth, y - cy * depth]) * (zoom * self.height)
        squeeze = np.array([[1 / self.sar, 0], [0, 1]])
        middle = np.array([image.shape[1], image.shape[0]]) / 2
        centre = np.array([self.width, self.height]) / 2
        # Pixel centres lie at half coordinates, warpAffine counts them from 0.
        offset = centre + squeeze @ (seen + matrix @ (0.5 - middle)) - 0.5
        return np.column_stack([squeeze @ matrix, offset])


def _rotation(angle: float) -> NDArray[np.float64]:
    return np.array([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]])


def paste(canvas: NDArray[Any], image: Image, matrix: Affine) -> None:
    """Put `image` onto `canvas` (H, W, 3) where `matrix` says, in place; what lies outside is cut off."""
    height, width = image.shape[:2]
    corners = matrix @ np.array([[-1, width, width, -1], [-1, -1, height, height], [1, 1, 1, 1]])
    left, top = (max(0, floor(v)) for v in corners.min(axis=1))
    right = min(canvas.shape[1], ceil(corners[0].max()) + 1)
    bottom = min(canvas.shape[0], ceil(corners[1].max()) + 1)
    if left >= right or top >= bottom:
        return
    local = matrix - np.array([[0, 0, left], [0, 0, top]])
    seen = cv2.warpAffine(image, local, (right - left, bottom - top))
    behind = canvas[top:bottom, left:right]
    through = cv2.cvtColor(cv2.bitwise_not(seen[..., 3]), cv2.COLOR_GRAY2BGR)
    behind[:] = cv2.add(cv2.multiply(behind, through, scale=1 / 255), seen[..., :3])
