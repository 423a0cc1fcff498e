"""What a network is shown and what it should say, for each task; batches follow from the step alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from torch import nn

from cinemill.filters import along_motion, second_look
from cinemill.filters.deinterlace_learned import Learned, made, pictures
from cinemill.learn import leaves, nets
from cinemill.learn.leaves import Clip
from cinemill.learn.recipes import Recipe
from cinemill.measure.motion import Still
from cinemill.media.colour import Colour
from cinemill.media.generation import generation
from cinemill.media.types import Frame
from cinemill.models.weights import network

Floats = NDArray[Any]
"""float32"""
FRAMES, SIDE = 5, 128
"""What a clip to learn from has."""
_LEAD = 2
"""Pictures before those of a clip that a codec sees too."""


class Task(ABC):
    """How examples are made of clips, and the network that learns from them."""

    frames = FRAMES
    """How many a clip has."""
    prepared = 0
    """How many examples are made of each clip beforehand, as they take long; 0 makes them anew for each step."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe

    @abstractmethod
    def network(self) -> nn.Module:
        """A new network, its weights by chance."""

    @abstractmethod
    def example(self, rng: Generator, clip: Clip) -> tuple[Floats, Floats]:
        """(what is given, what should come out), float32 (channels, height, width) from 0 to 1."""

    def part(self, rng: Generator, given: Floats, wanted: Floats) -> tuple[Floats, Floats]:
        """What a step takes of an example that was made beforehand, varied."""
        raise NotImplementedError

    def examples(self, clip: Clip, number: int) -> Floats:
        """(examples, channels, height, width) in half precision: those of a clip that are made beforehand, at its full
        size. What should come out is the last channel.
        """
        rng = np.random.default_rng([self.recipe.seed, 4, number])
        made = (self.example(rng, _varied(rng, clip, SIDE)) for _ in range(self.prepared))
        return np.stack([np.concatenate(example) for example in made]).astype(np.float16)

    def batch(self, clips: Clip, step: int) -> tuple[Floats, Floats]:
        """The examples of a step, drawn from (clips, frames, height, width), or of those that were made beforehand from
        (examples, channels, height, width).
        """
        rng = np.random.default_rng([self.recipe.seed, 1, step])
        chosen = (np.asarray(clips[i]) for i in rng.integers(0, len(clips), self.recipe.batch))
        if self.prepared:
            pairs = [self.part(rng, example[:-1], example[-1:]) for example in chosen]
        else:
            varied = (_lit(rng, _varied(rng, clip, self.recipe.crop)) for clip in chosen)
            pairs = [self.example(rng, clip) for clip in varied]
        given, wanted = zip(*pairs)
        return np.stack(given), np.stack(wanted)


class Deinterlace(Task):
    """Five fields, and the lines that the middle one lacks."""

    def network(self) -> nn.Module:
        return nets.Deinterlacer(self.recipe.width, self.recipe.deep, self.recipe.depth)

    def example(self, rng: Generator, clip: Clip) -> tuple[Floats, Floats]:
        clip = _held(rng, clip)
        given = np.stack([picture[moment % 2 :: 2] for moment, picture in enumerate(clip)])
        return _floats(given), _floats(clip[2, None, 1::2])


class Follow(Task):
    """What `filters.along_motion` shows of a picture, and the lines that it lacks."""

    frames = 10
    prepared = 2

    def network(self) -> nn.Module:
        return nets.Follower(self.recipe.width, self.recipe.deep, self.recipe.depth)

    def example(self, rng: Generator, clip: Clip) -> tuple[Floats, Floats]:
        clip = _held(rng, clip)
        links, at = linked(clip, range(1, 4)), 5 - int(rng.integers(0, 2))
        return along_motion.View(links, at - 2).seen(), _floats(lacking(clip, at))

    def part(self, rng: Generator, given: Floats, wanted: Floats) -> tuple[Floats, Floats]:
        """A part of an example; mirrored, played backwards or as a negative."""
        crop = self.recipe.crop
        top, left = rng.integers(0, wanted.shape[1] - crop // 2 + 1), rng.integers(0, wanted.shape[2] - crop + 1)
        place = (..., slice(top, top + crop // 2), slice(left, left + crop))
        given, wanted = given[place].astype(np.float32), wanted[place].astype(np.float32)
        mirrored, backwards, negative = rng.random(3) < (0.5, 0.5, 0.2)
        given = given[along_motion.BACKWARDS] if backwards else given
        if negative:
            wanted, given = 1 - wanted, np.concatenate([1 - given[: along_motion.VALUES], given[along_motion.VALUES :]])
        return (given[..., ::-1], wanted[..., ::-1]) if mirrored else (given, wanted)


class Refine(Task):
    """What `filters.second_look` shows of a picture that deinterlace-first made, and the lines as they were."""

    frames = 8

    def network(self) -> nn.Module:
        return nets.Refiner(self.recipe.width, self.recipe.deep, self.recipe.depth)

    def example(self, rng: Generator, clip: Clip) -> tuple[Floats, Floats]:
        clip = _held(rng, clip)
        lines, window = network("deinterlace-first"), _woven(clip)
        whole = [one for place in (1, 2) for one in made((window, place), Learned(), lines)]
        at = int(rng.integers(1, 3))  # among pictures 2 to 5 of the clip
        here, *beside = (Still(whole[i].planes, 8) for i in (at, at - 1, at + 1))
        moved = [second_look.match(here, other).values(0) for other in beside]
        values = [still.values[0] for still in (here, *beside)]
        return second_look.given(values, moved, at % 2), _floats(lacking(clip, 2 + at))


class Upscale(Task):
    """A picture whose pixels are the means of two by two, and the picture."""

    def network(self) -> nn.Module:
        return nets.Upscaler(self.recipe.width, self.recipe.deep, self.recipe.depth)

    def example(self, rng: Generator, clip: Clip) -> tuple[Floats, Floats]:
        whole = _floats(clip[2])
        return np.rint(_halved(whole) * 255)[None] / np.float32(255), whole[None]


class Denoise(Task):
    """Three pictures with the noise of a tape or a sensor, how much there is, and the middle one before that."""

    def network(self) -> nn.Module:
        return nets.Denoiser(self.recipe.width, self.recipe.deep, self.recipe.depth)

    def example(self, rng: Generator, clip: Clip) -> tuple[Floats, Floats]:
        whole = _floats(_held(rng, clip)[1:4])
        sigma = np.float32(rng.uniform(0.5, 24) / 255)
        noisy = np.clip(whole + sigma * _grain(rng, whole.shape), 0, 1)
        told = np.full_like(noisy[:1], sigma * np.exp(rng.normal(0, 0.1)))
        return np.concatenate([np.rint(noisy * 255) / np.float32(255), told]), whole[1:2]


TASKS: dict[str, type[Task]] = {
    "deinterlace": Deinterlace,
    "refine": Refine,
    "follow": Follow,
    "upscale": Upscale,
    "denoise": Denoise,
}


def clip(recipe: Recipe, number: int) -> Clip:
    """One of the clips that a recipe draws."""
    rng, frames = np.random.default_rng([recipe.seed, 0, number]), TASKS[recipe.task].frames
    if np.random.default_rng([recipe.seed, 2, number]).random() >= recipe.coded:
        return leaves.clip(rng, frames, SIDE, SIDE)
    return _coded(rng, leaves.clip(rng, _LEAD + frames, SIDE, SIDE))[_LEAD:]


def examples(recipe: Recipe, clips: Path, number: int) -> Floats:
    """Those that are made beforehand of a clip in a file."""
    return TASKS[recipe.task](recipe).examples(np.load(clips, mmap_mode="r")[number], number)


def _coded(rng: Generator, clip: Clip) -> Clip:
    """As a codec leaves it: still parts freeze, fine ones blur, blocks show; seldom much."""
    grey = np.full((SIDE // 2, SIDE // 2), 128, np.uint8)
    colour, tick = Colour("bt709", "bt709", "bt709", "limited"), Fraction(1, 25)
    frames = [Frame((luma, grey, grey), "yuv420p", n, tick, 1, colour) for n, luma in enumerate(clip)]
    if rng.random() < 0.7:
        encoder, options = "libx264", {"crf": f"{rng.uniform(14, 32):.1f}", "preset": "veryfast"}
    else:
        step = str(int(rng.integers(2, 9)))
        encoder, options = str(rng.choice(["mpeg2video", "mpeg4"])), {"qmin": step, "qmax": step}
    return np.stack([frame.planes[0] for frame in generation(frames, encoder, options)])


def linked(clip: Clip, places: range) -> list[along_motion.Linked]:
    """The pictures of the frames at `places` of a clip that is woven, as the fast network makes them, and the motion
    between them.
    """
    lines, window = network("deinterlace-fast"), _woven(clip)
    taken = [one for place in places for one in pictures((window, place), Learned(), lines)]
    return [along_motion.link(one, after) for one, after in zip(taken, [*taken[1:], None])]


def lacking(clip: Clip, at: int) -> Clip:
    """(1, lines, columns): what picture `at` loses as a clip is woven; upside down where its field is the lower."""
    return clip[at, None, ::2][:, ::-1] if at % 2 else clip[at, None, 1::2]


def _woven(clip: Clip) -> list[Frame]:
    """Frames of two pictures each, the earlier in their upper lines."""
    made: list[Frame] = []
    for pts, (first, second) in enumerate(zip(clip[::2], clip[1::2])):
        luma = first.copy()
        luma[1::2] = second[1::2]
        made.append(Frame((luma,), "gray", pts, Fraction(1, 25), 1, field_order="tff"))
    return made


def _varied(rng: Generator, clip: Clip, crop: int) -> Clip:
    """A part of a clip; mirrored, turned, played backwards or as a negative."""
    top, left = rng.integers(0, clip.shape[1] - crop + 1, 2)
    clip = clip[:, top : top + crop, left : left + crop]
    mirrored, upside_down, backwards, turned, negative = rng.random(5) < (0.5, 0.5, 0.5, 0.3, 0.2)
    clip = clip[:, :, ::-1] if mirrored else clip
    clip = clip[:, ::-1] if upside_down else clip
    clip = clip[::-1] if backwards else clip
    clip = clip.transpose(0, 2, 1) if turned else clip
    return 255 - clip if negative else clip


def _lit(rng: Generator, clip: Clip) -> Clip:
    """Now and then a soft light flickers over it or passes, as of a fire, a lamp or a cloud."""
    if rng.random() < 0.65:
        return clip
    frames, height, width = clip.shape
    moments = np.arange(frames, dtype=np.float32)[:, None, None]
    speed = rng.normal(0, 6, 2) * (rng.random() < 0.5)
    x = np.arange(width, dtype=np.float32) - (rng.uniform(-0.3, 1.3) * width + speed[0] * moments)
    y = np.arange(height, dtype=np.float32)[:, None] - (rng.uniform(-0.3, 1.3) * height + speed[1] * moments)
    light = np.exp(-(x * x + y * y) / (2 * np.exp(rng.uniform(np.log(12), np.log(150))) ** 2))
    strength = rng.normal(0, 0.3) * (1 + rng.normal(0, 0.5, (frames, 1, 1)))
    return np.rint(np.clip(clip * (1 + strength * light), 0, 255)).astype(np.uint8)


def _held(rng: Generator, clip: Clip) -> Clip:
    """Now and then a picture stands still, or each is shown for two or three frames, as film and drawings are."""
    kind = rng.random()
    if kind < 0.06:
        return clip[[2] * len(clip)]
    if kind < 0.28:
        each, phase, start = int(rng.integers(2, 4)), int(rng.integers(0, 3)), int(rng.integers(0, 2))
        return clip[np.minimum((np.arange(len(clip)) + phase) // each + start, len(clip) - 1)]
    return clip


def _halved(picture: Floats) -> Floats:
    height, width = picture.shape
    return picture.reshape(height // 2, 2, width // 2, 2).mean((1, 3))


def _grain(rng: Generator, shape: tuple[int, ...]) -> Floats:
    """Noise of a standard deviation of 1; in half of all, as on tapes, each sample is like those beside it."""
    grain = rng.standard_normal(shape, np.float32)
    if rng.random() < 0.5:
        reach = (float(rng.uniform(0.3, 1.6)), float(rng.uniform(0.3, 1.6) if rng.random() < 0.3 else 0.01))
        grain = np.stack([cv2.GaussianBlur(each, (0, 0), reach[0], sigmaY=reach[1]) for each in grain])
    return grain / grain.std()


def _floats(values: Clip) -> Floats:
    return values.astype(np.float32) / np.float32(255)
