"""Moving pictures with a known answer: procedural scenes, made once per run, and what tapes and films make of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

import numpy as np

from cinemill.damage import cadence, film, tape
from cinemill.damage.amounts import Film, Tape, Telecine
from cinemill.learn import scenery
from cinemill.learn.procedural import yuv420p
from cinemill.media.colour import Colour
from cinemill.media.types import Frame

WIDTH, HEIGHT = 360, 288
KINDS = ("hills", "wheels", "leaves")
COLOUR = Colour("bt470bg", "bt470bg", "bt709", "limited")


@lru_cache(maxsize=64)
def moving(kind: str, count: int, seed: int = 1, width: int = WIDTH, height: int = HEIGHT) -> tuple[Frame, ...]:
    """`count` whole pictures of one scene at 50 a second."""
    scene = getattr(scenery, kind)(np.random.default_rng(seed), width / height, height)
    pictures = (scene.picture(0.3 + number / 50, width, height, 1.0) for number in range(count))
    return tuple(
        Frame(yuv420p(picture, COLOUR), "yuv420p", number, Fraction(1, 50), 1, COLOUR)
        for number, picture in enumerate(pictures)
    )


def at(frames: Iterable[Frame], rate: Fraction | int) -> list[Frame]:
    """`frames` shown at another rate: faster or slower, each for one tick."""
    return [replace(frame, pts=n, time_base=1 / Fraction(rate), duration=1) for n, frame in enumerate(frames)]


def woven(frames: Iterable[Frame], order: str = "tff") -> list[Frame]:
    """Interlaced: two pictures to a frame."""
    frames = list(frames)
    rate = 1 / frames[0].time_base / 2
    return list(cadence.telecined(iter(frames), Telecine(rate=rate, field_order=order)))


def telecined(frames: Iterable[Frame], rate: Fraction | int, order: str = "tff", how: str = "hard") -> list[Frame]:
    return list(cadence.telecined(iter(frames), Telecine(rate=rate, field_order=order, cadence=how)))


def paired_late(frames: Iterable[Frame], order: str = "tff") -> list[Frame]:
    """Film on video whose later field is that of the picture after: 2:2 pulldown out of phase."""
    frames = list(frames)
    return [
        replace(one, planes=cadence.woven(one.planes, following.planes, order), field_order=order)
        for one, following in pairwise(frames)
    ]


def taped(frames: Iterable[Frame], **amounts: float) -> list[Frame]:
    return [tape.damaged(frame, Tape(seed=1, **amounts)) for frame in frames]


def filmed(frames: Iterable[Frame], **amounts: float) -> list[Frame]:
    return [film.damaged(frame, Film(seed=1, **amounts)) for frame in frames]


def luma(frame: Frame) -> np.ndarray:
    return frame.planes[0].astype(np.float32) / 2 ** (frame.layout.bits - 8)


VHS = {
    "luma_blur": 1.1,
    "chroma_blur": 6.5,
    "ringing": 0.15,
    "line_jitter": 0.25,
    "wander": 0.5,
    "flagging": 2,
    "luma_noise": 4.5,
    "chroma_noise": 5,
    "dropouts": 4,
}
"""An ordinary cassette, without what the test asks for."""
