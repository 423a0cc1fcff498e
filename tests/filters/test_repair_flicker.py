"""Flicker: evened out, here more and there less, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from repairs import SEEDS, clean, deepened, psnr, same, through

from cinemill.measure.flicker import flicker
from cinemill.measure.scenes import glance
from cinemill.media import lavfi, read
from cinemill.media.types import Frame

SIZE = (320, 256)
GRAIN = "simulate.film=grain:2"


def shown(frames: Sequence[Frame]) -> float:
    found = flicker([glance(frame) for frame in frames])
    assert found is not None
    return found


def leaning(frames: Sequence[Frame], amount: float) -> list[Frame]:
    """Frames each of which is brighter to one side."""
    dice = np.random.default_rng(3)
    made: list[Frame] = []
    for frame in frames:
        whole, across, down = dice.normal(0, amount, 3)
        planes: list[np.ndarray] = []
        for plane, base in zip(frame.planes, (16.0, 128.0, 128.0)):
            y, x = np.mgrid[-1 : 1 : plane.shape[0] * 1j, -1 : 1 : plane.shape[1] * 1j]
            values = base + (plane - base) * np.exp(whole + across * x + down * y)
            planes.append(np.rint(values).clip(0, 255).astype(np.uint8))
        made.append(replace(frame, planes=tuple(planes)))
    return made


def ffmpegs(frames: Sequence[Frame]) -> list[Frame]:
    return list(lavfi.run(iter(frames), "deflicker=size=15:mode=am", None))


@pytest.mark.parametrize("seed", SEEDS)
def test_flicker_of_the_whole_picture_goes_as_far_as_with_ffmpeg(seed: int) -> None:
    truth = through(GRAIN, clean(seed, 40, size=SIZE))
    film = through(f"{GRAIN}:flicker:0.04", clean(seed, 40, size=SIZE))
    made = through("deflicker", film)
    assert shown(made) < shown(film) / 4
    assert psnr(truth, made) > psnr(truth, film) + 4
    assert psnr(truth, made) > psnr(truth, ffmpegs(film)) - 0.5
    assert psnr(truth, made, 1) > psnr(truth, film, 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_flicker_that_differs_over_the_picture_goes_further_than_with_ffmpeg(seed: int) -> None:
    truth = through(GRAIN, clean(seed, 40, size=SIZE))
    film = leaning(truth, 0.03)
    made = through("deflicker", film)
    assert psnr(truth, made) > psnr(truth, film) + 6
    assert psnr(truth, made) > psnr(truth, ffmpegs(film)) + 4


@pytest.mark.parametrize("seed", SEEDS)
def test_pictures_that_do_not_flicker_stay(seed: int) -> None:
    assert psnr(clean(seed, 20, size=SIZE), through("deflicker", clean(seed, 20, size=SIZE))) > 55


def test_brightness_of_one_scene_does_not_reach_the_next() -> None:
    dark = [replace(f, planes=(f.planes[0] // 2, *f.planes[1:])) for f in clean(5, 8)]
    film = [replace(f, pts=n) for n, f in enumerate([*clean(2, 8), *dark])]
    made = through("deflicker", film)
    for one, other in zip(film[6:10], made[6:10]):
        assert abs(one.planes[0].mean() - other.planes[0].mean()) < 1


def test_slow_fade_is_followed() -> None:
    frames = [cv2.convertScaleAbs(f.planes[0], alpha=1 - n / 60) for n, f in enumerate(clean(2, 30))]
    film = [replace(f, planes=(luma, *f.planes[1:])) for f, luma in zip(clean(2, 30), frames)]
    for one, other in list(zip(film, through("deflicker", film)))[8:-8]:
        assert other.planes[0].mean() == pytest.approx(one.planes[0].mean(), rel=0.02)


def test_depth_makes_no_difference() -> None:
    film = through("simulate.film=flicker:0.04", clean(5, 12))
    for one, other in zip(through("deflicker", film), through("deflicker", deepened(film))):
        assert np.abs(one.planes[0] - other.planes[0] / 4).max() <= 1.5


def test_black_and_a_single_frame_are_left() -> None:
    grey = np.full((24, 32), 128, np.uint8)
    black = [Frame((np.full((48, 64), 16, np.uint8), grey, grey), "yuv420p", n, Fraction(1, 25), 1) for n in range(5)]
    assert same(through("deflicker", black), black)
    assert same(through("deflicker", clean(2)[:1]), clean(2)[:1])


def test_chaplin_flickers_less(real: Callable[[str], Path]) -> None:
    frames = list(read.frames(read.probe(real("chaplin.mp4"))))
    made = through("deflicker", frames)
    assert shown(made) < 0.6 * shown(frames) < 0.6 * shown(ffmpegs(frames))
    assert psnr(frames, made) > 45
