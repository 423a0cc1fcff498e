"""Short grey clips in which motion cannot be followed, without photographs: one picture must tell what is missing.

A camera that shakes or pans so fast that pictures smear, as telephones' do, and sharpens what is left; fire and water,
which are other at every moment; screens with hard edges and steps, digits that change, and snow.
"""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from cinemill.learn import leaves, textures

Floats = NDArray[Any]
"""float32"""
_MARGIN: Final = 24
"""Pixels around a shaken picture that come into sight."""
_EXPOSED: Final = 12
"""How often a picture is looked at while it smears, at most."""
_SMALLEST: Final = 4
"""Side of a shape on a screen, in pixels."""


def clip(rng: Generator, frames: int, height: int, width: int) -> leaves.Clip:
    """A clip, (frames, height, width). The same generator state gives the same clip."""
    kind = rng.choice(3, p=(0.3, 0.2, 0.5))
    film = (_shaken, _boiling, _screen)[kind](rng, frames, height, width)
    return np.rint(np.clip(film, 0, 255)).astype(np.uint8)


def _shaken(rng: Generator, frames: int, height: int, width: int) -> Floats:
    """Leaves before a camera in a moving hand."""
    film = leaves.clip(rng, frames, height + 2 * _MARGIN, width + 2 * _MARGIN)
    if rng.random() < 0.4:  # nothing but the hand moves
        film = film[[0] * frames]
    steps = rng.normal(0, 1, (frames + 1, 2)) * (1.0, 0.6) * np.exp(rng.uniform(np.log(0.5), np.log(12)))
    steps += rng.normal(0, 1, 2) * (1.0, 0.5) * np.exp(rng.uniform(np.log(0.5), np.log(25)))
    steps = np.where(np.abs(steps) < _MARGIN, steps, np.sign(steps) * _MARGIN)
    size, open_for = rng.uniform(0.7, 1.3), rng.uniform(0, 1)
    place = np.zeros(2)
    seen = np.empty((frames, height, width), np.float32)
    for number, picture in enumerate(film):
        reach = np.abs(steps[number]).max() * open_for
        moments = np.linspace(0, open_for, min(_EXPOSED, 1 + int(np.ceil(reach))))
        seen[number] = np.mean(
            [_seen_from(picture, place + m * steps[number], size, height, width) for m in moments], 0
        )
        place = place + steps[number]
    return _noisy(rng, _sharpened(rng, seen))


def _seen_from(picture: leaves.Clip, place: Floats, size: float, height: int, width: int) -> Floats:
    matrix = np.array([[size, 0, place[0] + _MARGIN], [0, size, place[1] + _MARGIN]], np.float32)
    how = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(picture, matrix, (width, height), flags=how, borderMode=cv2.BORDER_REFLECT_101))


def _sharpened(rng: Generator, film: Floats) -> Floats:
    """As small cameras do: softened against noise, then with edges drawn stronger."""
    lens, reach, amount = rng.uniform(0.3, 1.1), rng.uniform(0.7, 2.0), rng.uniform(0, 1.2)
    made = np.empty_like(film)
    for number, picture in enumerate(film):
        soft = cv2.GaussianBlur(picture, (0, 0), lens)
        made[number] = soft + amount * (soft - cv2.GaussianBlur(soft, (0, 0), reach))
    return made


def _noisy(rng: Generator, film: Floats) -> Floats:
    """Grains of noise, other ones in each picture, of a pixel or a little more."""
    if rng.random() < 0.4:
        return film
    grain = rng.standard_normal(film.shape, np.float32)
    if rng.random() < 0.6:
        size = rng.uniform(0.3, 0.9)
        grain = np.stack([cv2.GaussianBlur(each, (0, 0), size) for each in grain])
    return film + rng.gamma(1.5, 1.0) * grain / grain.std()


def _boiling(rng: Generator, frames: int, height: int, width: int) -> Floats:
    """Noise of many sizes whose parts come and go, bright as fire or soft as water, and rising or flowing."""
    count = 5
    slope = rng.uniform(0.8, 1.8)
    parts = np.stack([textures.coloured_noise(rng, height, width, slope) - 0.5 for _ in range(2 * count)])
    pace = rng.normal(0, np.exp(rng.uniform(np.log(0.1), np.log(2)))) + rng.normal(0, 0.3, count)
    phase = rng.uniform(0, 2 * np.pi, count)
    flow = rng.normal(0, 1, (count, 2)) * np.exp(rng.uniform(np.log(0.2), np.log(8)))
    contrast, middle, hard = np.exp(rng.uniform(np.log(40), np.log(400))), rng.uniform(20, 200), rng.uniform(0.6, 2)
    film = np.empty((frames, height, width), np.float32)
    for number in range(frames):
        angle = pace * number + phase
        shown = np.zeros((height, width), np.float32)
        for at in range(count):
            both = np.cos(angle[at]) * parts[2 * at] + np.sin(angle[at]) * parts[2 * at + 1]
            matrix = np.array([[1, 0, flow[at, 0] * number], [0, 1, flow[at, 1] * number]], np.float32)
            shown += cv2.warpAffine(
                both, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
            )
        film[number] = 255 * np.clip((middle + contrast * shown) / 255, 0, 1) ** hard
    return _noisy(rng, _sharpened(rng, film) if rng.random() < 0.5 else film)


def _screen(rng: Generator, frames: int, height: int, width: int) -> leaves.Clip:
    """Shapes without soft edges on a ground of bars or a slope, some with snow in them, and digits that change."""
    ground = _ground(rng, height, width)
    shapes = [_Shape(rng, height, width) for _ in range(int(rng.integers(2, 9)))]
    film = np.repeat(ground[None], frames, 0)
    for number, picture in enumerate(film):
        for shape in shapes:
            shape.draw(rng, picture, number)
    return film


def _ground(rng: Generator, height: int, width: int) -> NDArray[np.uint8]:
    low, high = rng.uniform(0, 255, 2)
    match int(rng.integers(3)):
        case 0:
            bars = rng.integers(0, 256, width, np.uint8)[np.arange(width) // int(rng.integers(8, 64))]
            return np.repeat(bars[None], height, 0)
        case 1:
            slope = textures.ramp(height, width, rng.uniform(0, 6.3))
            return (low + (high - low) * slope).astype(np.uint8)
        case _:
            return np.full((height, width), low, np.uint8)


class _Shape:
    """A stroke, a polygon, a box of snow or a number, which moves by as many pixels in each picture, or stands."""

    def __init__(self, rng: Generator, height: int, width: int) -> None:
        self.kind = str(rng.choice(["stroke", "polygon", "snow", "number"], p=(0.35, 0.2, 0.25, 0.2)))
        self.grey, self.other = (int(value) for value in rng.integers(0, 256, 2))
        self.place = rng.uniform(-0.1, 1.0, 2) * (width, height)
        moving = rng.random() < 0.7
        speed = np.exp(rng.uniform(np.log(0.3), np.log(9))) * moving
        self.step = rng.normal(0, 1, 2) * speed
        if rng.random() < 0.5:
            self.step = np.rint(self.step)
        if rng.random() < 0.4:
            self.step[int(rng.integers(2))] = 0
        self.size = np.exp(rng.uniform(np.log(_SMALLEST), np.log(max(height, width)), 2))
        self.thick = int(rng.integers(1, 20))
        self.angle = rng.uniform(0, 2 * np.pi)
        self.corners = rng.uniform(0, 1, (int(rng.integers(3, 6)), 2)) * self.size
        self.solid = rng.uniform(0.2, 1)
        self.count, self.each = int(rng.integers(0, 9000)), int(rng.integers(1, 4))
        self.scale = float(rng.uniform(0.35, 1.2))
        self.unit = int(rng.choice([1, 1, 2, 8, 16]))

    def draw(self, rng: Generator, picture: NDArray[np.uint8], number: int) -> None:
        x, y = np.rint(self.place + self.step * number).astype(int).tolist()
        match self.kind:
            case "stroke":
                reach = 0.5 * self.size.max() * np.array([np.cos(self.angle), np.sin(self.angle)])
                ends = np.rint(np.add([x, y], [-reach, reach])).astype(int).tolist()
                cv2.line(picture, ends[0], ends[1], self.grey, self.thick)
            case "polygon":
                cv2.fillPoly(picture, [np.rint(np.add(self.corners, (x, y))).astype(np.int32)], self.grey)
            case "number":
                word = str(self.count + number // self.each)
                cv2.putText(picture, word, (x, y), self.thick % 6, self.scale, self.grey, 1 + self.thick // 10)
            case _:
                self._snow(rng, picture, x, y)

    def _snow(self, rng: Generator, picture: NDArray[np.uint8], x: int, y: int) -> None:
        """Grains that are drawn anew each time, mixed with what is below, in a box or every other field of a board."""
        wide, high = (4 * int(length) for length in self.size)
        part = picture[max(0, y) : max(0, y + high), max(0, x) : max(0, x + wide)]
        if not part.size:
            return
        grains = rng.uniform(min(self.grey, self.other), max(self.grey, self.other), part.shape)
        rows, columns = np.arange(part.shape[0])[:, None], np.arange(part.shape[1])
        board = (rows // self.unit + columns // self.unit) % 2 if self.unit > 2 else np.ones(part.shape)
        part[:] = part + self.solid * board * (grains - part)
