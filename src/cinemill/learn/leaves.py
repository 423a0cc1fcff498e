"""Short grey clips without photographs, for training: dead leaves that move, seen by a camera, or drawn hard.

Shapes with their own textures lie over each other, and each has a motion: still, slow, fast, turning, growing. A
camera pans over all of them, blurs, and adds noise; some scenes flow as fire, water and cloth do, some leaves let
light through; light flickers, edges ring, pictures repeat, scenes change. A part of the clips is graphics: letters,
bars and chequers with hard edges, which move by whole pixels or not at all.
Sources: dead leaves for training, R. Achddou, Y. Gousseau, S. Ladjal, Synthetic images as a regularity prior for
image restoration neural networks, SSVM 2021; their geometry, texture and camera in VibrantLeaves, 2025.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from cinemill.learn import textures

Floats = NDArray[Any]
"""float32"""
Clip = NDArray[np.uint8]
"""(frames, height, width): luma, 0 to 255."""

_OVER: Final = 2
"""Pictures are composed this much larger and averaged down, so that edges have all positions within a pixel."""
_BANK: Final = 160
"""How many textures and shapes are drawn once and used again, at other sizes, angles and contrasts."""
_TILE: Final = 256
"""Side of a texture and of a shape, in pixels."""
_SPEEDS: Final = ((0.22, 0.0), (0.33, 0.8), (0.28, 4.0), (0.17, 14.0))
"""Share of the motions, and the standard deviation of each kind's speed in pixels a frame."""


def clip(rng: Generator, frames: int, height: int, width: int) -> Clip:
    """A clip, of one scene or now and then of two. The same generator state gives the same clip."""
    made = _scene(rng, frames, height, width)
    if rng.random() < 0.04:
        cut = int(rng.integers(1, frames))
        made[cut:] = _scene(rng, frames, height, width)[cut:]
    if rng.random() < 0.06:
        made = made[_repeats(rng, frames)]
    return made


def _repeats(rng: Generator, frames: int) -> NDArray[np.intp]:
    """Which picture is shown when: each for two or three frames, as drawn film."""
    each, phase = int(rng.integers(2, 4)), int(rng.integers(0, 3))
    return np.minimum((np.arange(frames) + phase) // each, frames - 1)


def _scene(rng: Generator, frames: int, height: int, width: int) -> Clip:
    seen = _graphics(rng, frames, height, width) if rng.random() < 0.15 else _filmed(rng, frames, height, width)
    return np.rint(np.clip(seen, 0, 255)).astype(np.uint8)


@dataclass(frozen=True)
class _Sprite:
    """A picture, premultiplied by its coverage, and where its middle is at each frame; px of the composition."""

    image: Floats
    """(H, W, 2): grey times coverage, and coverage."""
    place: Floats
    """(frames, 2): x, y."""
    scale: Floats
    """(frames,)"""
    turn: Floats
    """(frames,) radians"""

    def matrix(self, frame: int) -> Floats:
        """From the sprite's pixels to the composition's."""
        scale, turn = float(self.scale[frame]), float(self.turn[frame])
        cos, sin = scale * np.cos(turn), scale * np.sin(turn)
        middle = (self.image.shape[1] / 2, self.image.shape[0] / 2)
        x, y = self.place[frame]
        return np.array(
            [[cos, -sin, x - cos * middle[0] + sin * middle[1]], [sin, cos, y - sin * middle[0] - cos * middle[1]]],
            np.float32,
        )


def _filmed(rng: Generator, frames: int, height: int, width: int) -> Floats:
    """Leaves before a camera: float32 (frames, height, width)."""
    size = (_OVER * height, _OVER * width)
    exposures = 3 if rng.random() < 0.25 else 1
    times = _times(frames, exposures)
    camera = _path(rng, times, 0.7) * _OVER
    ground = _ground(rng, size, times, camera)
    sprites = [_leaf(rng, size, times, camera) for _ in range(int(rng.integers(3, 40)))]
    lens = rng.uniform(0.1, 1.3) * _OVER if rng.random() < 0.7 else 0.0
    flow = _Flow.drawn(rng, size) if rng.random() < 0.25 else None
    film = np.empty((len(times), height, width), np.float32)
    for number in range(len(times)):
        canvas = _composed(ground, sprites, number, size)
        if flow:
            canvas = flow.bent(canvas, float(times[number]))
        if lens:
            canvas = cv2.GaussianBlur(canvas, (0, 0), lens)
        film[number] = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
    film = film.reshape(frames, exposures, height, width).mean(1)
    return _noisy(rng, _ringing(rng, _lit(rng, _soft_lines(rng, film))))


@dataclass(frozen=True)
class _Flow:
    """Waves that run through a picture and bend it. Four of them; lengths and heights in pixels of the composition."""

    along: Floats
    """(4, 2): radians a pixel, along x and y."""
    speed: Floats
    """(4,) radians a frame"""
    height: Floats
    """(4, 2): how far x and y are moved."""
    phase: Floats
    """(4,) radians"""

    @classmethod
    def drawn(cls, rng: Generator, size: tuple[int, int]) -> _Flow:
        length = np.exp(rng.uniform(np.log(14), np.log(max(size)), 4))
        angle = rng.uniform(0, 2 * np.pi, 4)
        along = (2 * np.pi / length)[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
        # Where waves bend by more than their length over 2 pi, the picture would fold over itself.
        height = (length * rng.uniform(0.02, 0.12, 4))[:, None] * rng.normal(0, 1, (4, 2))
        return cls(along, rng.normal(0, 0.9, 4), height, rng.uniform(0, 2 * np.pi, 4))

    def bent(self, canvas: Floats, time: float) -> Floats:
        x, y = np.arange(canvas.shape[1], dtype=np.float32), np.arange(canvas.shape[0], dtype=np.float32)[:, None]
        to_x, to_y = (np.broadcast_to(axis, canvas.shape).copy() for axis in (x, y))
        for along, speed, height, phase in zip(self.along, self.speed, self.height, self.phase):
            wave = np.sin((along[0] * x + (along[1] * y + (speed * time + phase))).astype(np.float32))
            to_x += np.float32(height[0]) * wave
            to_y += np.float32(height[1]) * wave
        return cv2.remap(canvas, to_x, to_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)


def _times(frames: int, exposures: int) -> Floats:
    """When pictures are taken, in frames: an open shutter takes several, which are averaged."""
    within = np.linspace(0, 0.5, exposures, endpoint=False) if exposures > 1 else np.zeros(1)
    return (np.arange(frames)[:, None] + within).reshape(-1).astype(np.float32)


def _path(rng: Generator, times: Floats, stillness: float = 0.0) -> Floats:
    """(frames, 2): x, y in pixels, from 0, with a speed and a slight change of it; nothing moves with `stillness`."""
    if rng.random() < stillness * 0.6:
        return np.zeros((len(times), 2), np.float32)
    shares = [share for share, _ in _SPEEDS]
    speed = _SPEEDS[int(rng.choice(len(shares), p=shares))][1]
    velocity = rng.normal(0, 1, 2) * speed * (1.0, 0.6)
    bend = rng.normal(0, 0.06, 2) * speed
    moment = (times - times.mean())[:, None]
    return (velocity * moment + bend * moment**2).astype(np.float32)


def _ground(rng: Generator, size: tuple[int, int], times: Floats, camera: Floats) -> _Sprite:
    image = np.ones((_TILE, _TILE, 2), np.float32)
    image[..., 0] = _grey(rng)
    reach = float(np.abs(camera).max()) * 2 + np.hypot(*size)
    still = np.zeros(len(times), np.float32)
    zoom = np.full(len(times), max(1.0, reach / _TILE) * rng.uniform(1, 1.5), np.float32)
    return _Sprite(image, camera + np.array(size[::-1]) / 2, zoom, still + np.float32(rng.uniform(0, 6.3)))


def _leaf(rng: Generator, size: tuple[int, int], times: Floats, camera: Floats) -> _Sprite:
    """A shape somewhere near the picture, of a size whose probability falls with its cube, as dead leaves have."""
    image = np.empty((_TILE, _TILE, 2), np.float32)
    image[..., 1] = _bank()[1][int(rng.integers(_BANK))] * (rng.uniform(0.2, 0.9) if rng.random() < 0.15 else 1)
    image[..., 0] = _grey(rng) * image[..., 1]
    smallest, largest = 5.0, 1.2 * max(size)
    # The inverse of the distribution of r^-3 between both ends.
    diameter = (smallest**-2 + rng.random() * (largest**-2 - smallest**-2)) ** -0.5 if rng.random() < 0.5 else None
    diameter = diameter or float(np.exp(rng.uniform(np.log(12), np.log(largest))))
    place = rng.uniform(-0.1, 1.1, 2) * size[::-1] + camera + _path(rng, times) * _OVER
    moment = times - times.mean()
    spin = rng.normal(0, 0.03) if rng.random() < 0.3 else 0.0
    growth = rng.normal(0, 0.012) if rng.random() < 0.3 else 0.0
    scale = diameter / _TILE * np.exp(growth * moment)
    return _Sprite(image, place.astype(np.float32), scale, rng.uniform(0, 6.3) + spin * moment)


def _composed(ground: _Sprite, sprites: list[_Sprite], number: int, size: tuple[int, int]) -> Floats:
    corner = size[::-1]
    border = cv2.BORDER_REFLECT_101
    canvas = cv2.warpAffine(ground.image[..., 0], ground.matrix(number), corner, borderMode=border)
    for sprite in sprites:
        _laid(canvas, sprite, number)
    return canvas


def _laid(canvas: Floats, sprite: _Sprite, number: int) -> None:
    """Lay a sprite over the part of `canvas` that it reaches."""
    image, matrix, scale = sprite.image, sprite.matrix(number), float(sprite.scale[number])
    reach = 0.71 * _TILE * scale + 1
    left, top = (max(0, int(middle - reach)) for middle in sprite.place[number])
    right, bottom = (min(end, int(m + reach) + 2) for end, m in zip(canvas.shape[::-1], sprite.place[number]))
    if left >= right or top >= bottom:
        return
    if scale < 0.5:  # shrinking by more would skip pixels of the sprite
        shrunk = 2 ** int(np.ceil(np.log2(0.5 / scale)))
        image = cv2.resize(image, None, fx=1 / shrunk, fy=1 / shrunk, interpolation=cv2.INTER_AREA)
        matrix[:, :2] *= shrunk
    matrix[:, 2] -= (left, top)
    moved = cv2.warpAffine(image, matrix, (right - left, bottom - top))
    part = canvas[top:bottom, left:right]
    part *= 1 - moved[..., 1]
    part += moved[..., 0]


def _grey(rng: Generator) -> Floats:
    """A texture of the bank with a brightness and a contrast of its own."""
    texture = _bank()[0][int(rng.integers(_BANK))]
    contrast = rng.uniform(0, 110) if rng.random() < 0.8 else rng.uniform(110, 220)
    return np.clip(rng.uniform(10, 245) + contrast * texture, 0, 255)


@lru_cache(maxsize=1)
def _bank() -> tuple[list[Floats], list[Floats]]:
    """(textures from -0.5 to 0.5, coverages from 0 to 1), (`_TILE`, `_TILE`) each, the same in every process."""
    rng = np.random.default_rng(20_261)
    shapes = [textures.coverage(rng, _TILE, textures.SHAPES[n % len(textures.SHAPES)]) for n in range(_BANK)]
    return [_texture(rng, n) for n in range(_BANK)], shapes


def _texture(rng: Generator, number: int) -> Floats:
    match number % 8:
        case 0:
            return np.zeros((_TILE, _TILE), np.float32)
        case 1:
            return textures.ramp(_TILE, _TILE, rng.uniform(0, 6.3)) - 0.5
        case 2:
            cycles = np.exp(rng.uniform(np.log(3), np.log(_TILE / 3)))
            wave = np.sin(2 * np.pi * cycles * textures.ramp(_TILE, _TILE, rng.uniform(0, 3.2)))
            return (0.5 * np.clip(wave * rng.uniform(1, 4), -1, 1)).astype(np.float32)
        case 3:
            return cv2.resize(_page(rng, _TILE // 2, _TILE // 2), (_TILE, _TILE), interpolation=cv2.INTER_CUBIC) - 0.5
        case _:
            return textures.coloured_noise(rng, _TILE, _TILE, rng.uniform(0.6, 1.8)) - 0.5


def _graphics(rng: Generator, frames: int, height: int, width: int) -> Floats:
    """Pages of hard edges, the one in front moving by whole pixels: float32 (frames, height, width)."""
    back, front = _page(rng, height, width), _page(rng, 2 * height, 2 * width)
    low, high = np.sort(rng.uniform(0, 255, 2))
    step = rng.integers(-4, 5, 2) * (rng.random(2) < 0.5)
    left, right = np.sort(rng.integers(0, width + 1, 2))
    film = np.empty((frames, height, width), np.float32)
    for number in range(frames):
        moved = np.roll(front, tuple(step * number), (0, 1))[:height, :width]
        film[number] = back
        film[number, :, left:right] = moved[:, left:right]
    return _noisy(rng, low + (high - low) * film)


def _page(rng: Generator, height: int, width: int) -> Floats:
    """Bars, chequers, thin lines, letters or steps, from 0 to 1, without a soft edge."""
    x, y = np.arange(width), np.arange(height)[:, None]
    unit = int(rng.integers(1, 12))
    match int(rng.integers(6)):
        case 0:
            page = (x // unit + 0 * y) % 2
        case 1:
            page = (y // unit + 0 * x) % 2
        case 2:
            page = (x // unit + y // unit) % 2
        case 3:
            page = ((x % (unit + 6) == 0) | (y % (unit + 5) == 0)) * 1
        case 4:
            page = (x // (4 * unit)) / max(1, width // (4 * unit)) + 0 * y
        case _:
            page = np.zeros((height, width), np.uint8)
            font = int(rng.integers(0, 8))
            for line in range(0, height, 14 + unit):
                word = "".join(chr(code) for code in rng.integers(33, 127, width // 8 + 1))
                cv2.putText(page, word, (-int(rng.integers(0, 20)), line + 12), font, 0.35 + unit / 20, 1, 1)
    page = np.asarray(page, np.float32)
    return 1 - page if rng.random() < 0.5 else page


def _soft_lines(rng: Generator, film: Floats) -> Floats:
    """As cameras for interlaced pictures do, which would flicker otherwise: lines averaged with their neighbours."""
    if rng.random() < 0.8:
        return film
    kernel = np.array([1, 2, 1], np.float32) / 4
    return np.stack([cv2.sepFilter2D(picture, -1, np.ones(1, np.float32), kernel) for picture in film])


def _lit(rng: Generator, film: Floats) -> Floats:
    """Another contrast, and light that flickers now and then."""
    film = 255 * (np.clip(film, 0, 255) / 255) ** np.float32(np.exp(rng.normal(0, 0.25)))
    if rng.random() < 0.1:
        film = film * (1 + rng.normal(0, 0.03, (len(film), 1, 1))).astype(np.float32)
    low, high = (16, 235) if rng.random() < 0.7 else (0, 255)
    return low + film * ((high - low) / 255)


def _ringing(rng: Generator, film: Floats) -> Floats:
    """Edges made sharper along the lines, with an overshoot on either side, as recorders and encoders do."""
    if rng.random() < 0.85:
        return film
    reach, amount = float(rng.uniform(0.7, 2)), float(rng.uniform(0.2, 0.8))
    soft = [cv2.GaussianBlur(picture, (0, 0), reach, sigmaY=0.01) for picture in film]
    return film + amount * (film - np.stack(soft))


def _noisy(rng: Generator, film: Floats) -> Floats:
    """The noise of a sensor, other noise in each picture."""
    if rng.random() < 0.55:
        return film
    sigma = rng.gamma(1.5, 1.0)
    return film + sigma * rng.standard_normal(film.shape, np.float32)
