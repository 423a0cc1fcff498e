"""Chance that hangs on a seed, a name and a time: the same wherever a stream is cut and whatever else is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import cos, floor, pi, sin
from zlib import crc32

import numpy as np
from numpy.random import Generator


def chance(seed: int, name: str, time: Fraction, *more: int) -> Generator:
    """A generator for the topic `name` at `time` seconds."""
    return np.random.default_rng([seed, crc32(name.encode()), time.numerator % 2**64, time.denominator, *more])


def drift(seed: int, name: str, time: Fraction, period: Fraction, *more: int) -> float:
    """A steady wandering number of mean 0 and variance 1, a new one about every `period` seconds."""
    step = floor(time / period)
    angle = float(time / period - step) * pi / 2
    before, after = (chance(seed, name, Fraction(step + i), *more).standard_normal() for i in range(2))
    # cos² + sin² = 1 keeps the variance the same in between.
    return float(cos(angle) * before + sin(angle) * after)


def lasting(
    seed: int, name: str, time: Fraction, present: float, life: Fraction
) -> Iterator[tuple[Generator, float, int]]:
    """What is there at `time` of things that come, stay for `life` seconds (half to one and a half) and go.

    `present` is their mean number. Each comes with a generator of its own, the same as long as it lives, its age as a
    share of its life, and a number that tells it from others.
    """
    if not present:
        return
    window = life * Fraction(3, 2)
    now = floor(time / window)
    for number in (now - 1, now):
        births = chance(seed, name, Fraction(number))
        for one in range(int(births.poisson(present * float(window / life)))):
            own = chance(seed, name, Fraction(number), one)
            born = float(number * window) + own.random() * float(window)
            age = (float(time) - born) / (float(life) * own.uniform(0.5, 1.5))
            if 0 <= age < 1:
                yield own, age, one + number * 1_000
