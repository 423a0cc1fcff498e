"""Five kinds of scenes for the stage: a title, dead leaves, paper hills, wheels, and a roll of credits."""

from __future__ import annotations

from collections.abc import Callable
from math import pi

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from cinemill.learn.stage import DENSITY, Motion, Scene, Sprite, paste
from cinemill.learn.textures import (
    PALETTES,
    Floats,
    Image,
    Palette,
    blend,
    coloured_noise,
    coverage,
    cut_out,
    leaf,
    lettering,
    ramp,
    softened,
    surface,
)

Build = Callable[[Generator, float, int], Scene]
"""(rng, picture width in heights, picture height in pixels) -> Scene."""
# Picture heights per second, at most, at which the camera passes along the hills.
_PAN = 0.16
_CREDITS = (
    ("Light", "An Afternoon"),
    ("Wind", "The North Window"),
    ("Paper", "Blue, Ochre & Grey"),
    ("Gears", "Twelve Teeth, Sixteen Teeth"),
    ("Water", "Not in This Reel"),
    ("Clouds", "One Over F"),
    ("Leaves", "G. Matheron's Garden"),
    ("Colour", "Kr 0.299  Kb 0.114"),
    ("Timing", "Exactly as Recorded"),
)


def title(rng: Generator, aspect: float, height: int) -> Scene:
    """A title card: drifting discs of light, two lines of text that slowly come nearer."""
    palette = _palette(rng)
    ground = blend(ramp(*_ground_size(aspect, height), pi / 2), _dim(palette[0], 0.9), _dim(palette[1], 0.75))
    discs = [_light(rng, height, palette) for _ in range(14)]
    sprites = [Sprite(image, _drift(rng, aspect, 0.06), rng.uniform(0.4, 1.5)) for image in discs]
    text = lettering([("THE LONG AFTERNOON", 0.072)], int(height * DENSITY), palette[2], gap=0.9)
    below = lettering([("a reel of moving pictures", 0.036)], int(height * DENSITY), palette[4])
    rule = cut_out(palette[3], np.pad(np.ones((_pixels(0.006, height), _pixels(0.5, height)), np.float32), 8), 0)
    sprites += [
        Sprite(text, Motion(y=-0.06)),
        Sprite(rule, Motion(y=0.035)),
        Sprite(below, Motion(y=0.10)),
    ]
    return Scene(_grained(rng, ground), tuple(sprites), Motion(growth=0.035, vx=0.004))


def leaves(rng: Generator, aspect: float, height: int) -> Scene:
    """Dead leaves: a ground full of them that lies still, and more that slide, turn and grow over it."""
    palette = _palette(rng)
    ground = np.clip(surface(rng, *_ground_size(aspect, height), palette), 0, 255).astype(np.uint8)
    for _ in range(110):
        _scatter(rng, ground, leaf(rng, _pixels(rng.uniform(0.06, 0.34), height), palette))
    sprites = [_moving_leaf(rng, aspect, height, palette, share) for share in np.linspace(0, 1, 26)]
    camera = Motion(vx=rng.choice((-1, 1)) * rng.uniform(0.05, 0.11), vy=rng.uniform(-0.03, 0.03), growth=0.03)
    return Scene(_grained(rng, ground.astype(np.float32)), tuple(sprites), camera, ground_depth=0.6)


def _moving_leaf(rng: Generator, aspect: float, height: int, palette: Palette, share: float) -> Sprite:
    """The `share`-th of all, far and small at 0, near and large at 1. One in four stands still, one is fast."""
    image = leaf(rng, _pixels(0.08 + 0.2 * share * rng.uniform(0.6, 1.3), height), palette)
    speed = rng.choice((0, 0.06, 0.2, 0.6), p=(0.25, 0.35, 0.3, 0.1))
    return Sprite(image, _drift(rng, aspect, float(speed), spin=rng.choice((0, 0.4, 1.5))), 0.7 + 0.8 * share)


def hills(rng: Generator, aspect: float, height: int) -> Scene:
    """Paper hills under a low sun, the camera passing along them; clouds, and birds in a hurry."""
    palette = _palette(rng)
    rows, columns = _ground_size(aspect, height)
    sky = blend(ramp(rows, columns, pi / 2) ** np.float32(0.8), palette[4], palette[2])
    sun = cut_out((250, 250, 250), coverage(rng, _pixels(0.26, height), "disc"), 0, 0)
    sprites = [Sprite(sun, Motion(x=rng.uniform(-0.35, 0.35), y=-0.16), 0.1)]
    sprites += [_cloud(rng, aspect, height) for _ in range(4)]
    sprites += [_bird(rng, aspect, height, palette[0]) for _ in range(5)]
    sprites += [_ridge(rng, aspect, height, palette, layer) for layer in range(4)]
    camera = Motion(vx=rng.choice((-1, 1)) * rng.uniform(0.6, 1) * _PAN, vy=0.01)
    return Scene(_grained(rng, sky), tuple(sprites), camera, ground_depth=0.05)


def _ridge(rng: Generator, aspect: float, height: int, palette: Palette, layer: int) -> Sprite:
    """One range of hills; `layer` 0 is the farthest, palest and smoothest."""
    near, depth = layer / 3, 0.25 + 0.45 * layer
    length = aspect + 0.1 + 2 * depth * _PAN * 4  # a scene lasts less than 4 s
    wide, high = _pixels(length, height), _pixels(0.34, height)
    x = np.linspace(0, length, wide)
    outline = sum(
        rng.uniform(0.4, 1) / k * np.sin(2 * pi * (k * x * rng.uniform(0.25, 0.4) + rng.uniform())) for k in (1, 2, 5)
    )
    crest = high * (0.3 - 0.25 * np.asarray(outline) / 1.6)
    alpha = np.clip(np.arange(high)[:, None] - crest[None, :], 0, 1).astype(np.float32)
    # Haze: the farther, the closer to the sky's colour.
    base = blend(np.full((1, 1), near, np.float32), palette[2], palette[0])[0, 0]
    tone = tuple(int(v) for v in 0.25 * np.array(palette[1], np.float32) + 0.75 * base)
    grain = blend(coloured_noise(rng, high, wide, 1.2 - 0.3 * near), _dim(tone, 0.82), _dim(tone, 1.15))
    image = cut_out(np.clip(grain, 0, 255), alpha, 0.25)
    if layer >= 2:
        image = _with_trees(rng, image, crest, _dim(tone, 0.7), near)
    return Sprite(image, Motion(y=0.13 + 0.12 * layer), depth)


def _with_trees(
    rng: Generator, image: Image, crest: NDArray[np.float64], tone: tuple[int, int, int], near: float
) -> Image:
    """Thin firs along the crest: fine vertical detail, which pans and interlacing find hardest."""
    room = int(image.shape[0] * 0.35)
    tall = np.zeros((image.shape[0] + room, image.shape[1], 4), np.uint8)
    tall[room:] = image
    for x in rng.integers(10, image.shape[1] - 10, int(image.shape[1] / 22)):
        foot = int(crest[x]) + room + 4
        size = int(room * rng.uniform(0.35, 0.95) * (0.6 + 0.4 * near))
        half = max(2, size // 6)
        points = np.array([[x - half, foot], [x, foot - size], [x + half, foot]], np.int32)
        cv2.fillPoly(tall, [points], (*_dim(tone, rng.uniform(0.8, 1.15)), 255), cv2.LINE_AA)
    return tall


def _cloud(rng: Generator, aspect: float, height: int) -> Sprite:
    wide, high = _pixels(rng.uniform(0.35, 0.7), height), _pixels(0.14, height)
    y, x = np.mgrid[-1 : 1 : high * 1j, -1 : 1 : wide * 1j]
    lump = np.clip(1 - np.hypot(x, y), 0, 1) ** 0.7 * (0.3 + coloured_noise(rng, high, wide, 1.8))
    alpha = np.clip(lump * 1.1 - 0.1, 0, 0.75).astype(np.float32)
    image = cut_out((252, 252, 252), alpha, 0, 0)
    place = Motion(x=rng.uniform(-aspect / 2, aspect / 2), y=rng.uniform(-0.42, -0.12), vx=rng.uniform(-0.03, 0.03))
    return Sprite(image, place, 0.12)


def _bird(rng: Generator, aspect: float, height: int, colour: tuple[int, int, int]) -> Sprite:
    size = _pixels(rng.uniform(0.03, 0.06), height)
    mask = np.zeros((size * 4, size * 4), np.uint8)
    s = size * 4
    wings = np.array(
        [[0.02, 0.35], [0.3, 0.3], [0.5, 0.55], [0.7, 0.3], [0.98, 0.35], [0.7, 0.42], [0.5, 0.7], [0.3, 0.42]]
    )
    cv2.fillPoly(mask, [np.rint(wings * s).astype(np.int32)], 255)
    alpha = cv2.resize(mask, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    image = cut_out(colour, alpha, 0)
    flight = Motion(
        x=rng.uniform(-aspect / 2, aspect / 2),
        y=rng.uniform(-0.35, -0.1),
        vx=rng.choice((-1, 1)) * rng.uniform(0.25, 0.6),
        sway=(0, 0.03),
        pace=rng.uniform(0.5, 1.2),
        phase=rng.uniform(),
    )
    return Sprite(image, flight, 0.2)


def wheels(rng: Generator, aspect: float, height: int) -> Scene:
    """Gears and spoked wheels that turn before a striped wall, and balls that fly between them."""
    palette = _palette(rng)
    rows, columns = _ground_size(aspect, height)
    stripes = np.sin(2 * pi * rng.uniform(7, 11) * ramp(rows, columns, rng.uniform(0.2, 1.3)))
    wall = blend((0.5 + 0.3 * stripes).astype(np.float32), _dim(palette[1], 0.75), _dim(palette[0], 1.1))
    sprites: list[Sprite] = []
    for number, place in enumerate(np.linspace(-0.42, 0.42, 4)):
        size = rng.uniform(0.28, 0.52)
        motion = Motion(
            x=float(place) * aspect + rng.uniform(-0.04, 0.04),
            y=(-1) ** number * rng.uniform(0.08, 0.28),
            spin=float(rng.choice((-1, 1))) * rng.uniform(0.5, 2.6),
            sway=(0, rng.uniform(0, 0.03)),
        )
        sprites.append(Sprite(_gear(rng, _pixels(size, height), palette), motion, 1))
    for _ in range(5):
        ball = leaf(rng, _pixels(rng.uniform(0.05, 0.11), height), palette, "disc")
        sprites.append(Sprite(ball, _drift(rng, aspect, rng.uniform(0.4, 0.9)), 1.3))
    return Scene(_grained(rng, wall), tuple(sprites), Motion(sway=(0.05, 0.02), pace=0.22), ground_depth=0.5)


def _gear(rng: Generator, size: int, palette: Palette) -> Image:
    large, teeth = size * 4, int(rng.integers(10, 22))
    mask = np.zeros((large, large), np.uint8)
    angles = 2 * pi * (np.arange(teeth * 4) + 0.5) / (teeth * 4)
    reach = large * np.tile([0.42, 0.47, 0.47, 0.42], teeth)[:, None]
    points = reach * np.stack([np.cos(angles), np.sin(angles)], 1) + large / 2
    cv2.fillPoly(mask, [np.rint(points).astype(np.int32)], 255)
    centre = (large // 2, large // 2)
    cv2.circle(mask, centre, int(large * 0.32), 0, -1)
    for turn in 2 * pi * np.arange(spokes := int(rng.integers(4, 8))) / spokes:
        end = (int(centre[0] + large * 0.35 * np.cos(turn)), int(centre[1] + large * 0.35 * np.sin(turn)))
        cv2.line(mask, centre, end, 255, large // 22)
    cv2.circle(mask, centre, int(large * 0.09), 255, -1)
    cv2.circle(mask, centre, int(large * 0.04), 0, -1)
    alpha = cv2.resize(mask, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    colour = palette[2 + int(rng.integers(3))]
    brushed = blend(coloured_noise(rng, size, size, 0.8), _dim(colour, 0.85), _dim(colour, 1.08))
    return cut_out(np.clip(brushed, 0, 255), alpha)


def credits(rng: Generator, aspect: float, height: int) -> Scene:
    """A roll of credits over dim clouds: text that climbs by no whole number of lines per field."""
    palette = _palette(rng)
    cloud = coloured_noise(rng, *_ground_size(aspect, height), 1.7)
    ground = blend(cloud, _dim(palette[0], 0.55), _dim(palette[1], 0.8))
    lines: list[tuple[str, float]] = []
    for role, name in rng.permutation(np.array(_CREDITS)):
        lines += [(str(role), 0.028), (str(name), 0.043), ("", 0.03)]
    roll = lettering(lines, int(height * DENSITY), palette[2], gap=0.75)
    climb = Motion(y=roll.shape[0] / (2 * height * DENSITY) - 0.15, vy=-0.137)
    frame = _light(rng, height, palette)
    glow = [Sprite(frame, _drift(rng, aspect, 0.1), 1.2) for _ in range(3)]
    return Scene(_grained(rng, ground), (*glow, Sprite(roll, climb, 0)), Motion(vx=0.05), ground_depth=0.8)


SCENES: tuple[Build, ...] = (hills, wheels, leaves, credits)


def _palette(rng: Generator) -> Palette:
    return PALETTES[rng.integers(len(PALETTES))]


def _dim(colour: tuple[int, ...], by: float) -> tuple[int, int, int]:
    red, green, blue = (min(255, int(v * by)) for v in colour)
    return red, green, blue


def _pixels(size: float, height: int) -> int:
    return max(4, round(size * height * DENSITY))


def _ground_size(aspect: float, height: int) -> tuple[int, int]:
    """(rows, columns) with room for the camera to move and turn."""
    return round(1.3 * height * DENSITY), round(1.3 * aspect * height * DENSITY)


def _grained(rng: Generator, ground: Floats) -> Image:
    """Whole code values, with half a one of noise so that gradients do not step."""
    return np.clip(np.rint(softened(ground) + rng.uniform(-0.75, 0.75, ground.shape)), 0, 255).astype(np.uint8)


def _drift(rng: Generator, aspect: float, speed: float, spin: float = 0) -> Motion:
    heading = rng.uniform(0, 2 * pi)
    return Motion(
        x=rng.uniform(-aspect / 2, aspect / 2),
        y=rng.uniform(-0.5, 0.5),
        vx=speed * float(np.cos(heading)),
        vy=speed * float(np.sin(heading)) * 0.6,
        angle=rng.uniform(0, 2 * pi),
        spin=float(spin) * rng.uniform(-1, 1),
        growth=rng.uniform(-0.04, 0.06),
    )


def _light(rng: Generator, height: int, palette: Palette) -> Image:
    """A translucent disc, bright at its rim, as a lens paints a lamp out of focus."""
    size = _pixels(rng.uniform(0.08, 0.3), height)
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    radius = np.hypot(x, y)
    edge = np.clip((0.94 - radius) * size / 6, 0, 1)
    alpha = (edge * (0.10 + 0.12 * radius**4)).astype(np.float32)
    return cut_out(palette[2 + int(rng.integers(3))], alpha, 0)


def _scatter(rng: Generator, ground: NDArray[np.uint8], image: Image) -> None:
    """Stamp `image` somewhere onto `ground`, in place."""
    x, y = rng.uniform(0, ground.shape[1]), rng.uniform(0, ground.shape[0])
    angle = rng.uniform(0, 2 * pi)
    matrix = cv2.getRotationMatrix2D((image.shape[1] / 2, image.shape[0] / 2), np.degrees(angle), 1)
    matrix[:, 2] += (x - image.shape[1] / 2, y - image.shape[0] / 2)
    paste(ground, image, np.asarray(matrix, np.float64))
