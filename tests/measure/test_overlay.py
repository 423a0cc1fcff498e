"""What was laid over a moving picture is found where it is known to be, and nothing is found where there is nothing."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from cinemill.measure import moments
from cinemill.measure.overlay import Box, overlays
from cinemill.media.types import Frame

SIZE = (360, 240)


def scenery(count: int = 24, step: float = 17, seed: int = 0, size: tuple[int, int] = SIZE) -> list[np.ndarray]:
    """Pictures of a camera that pans over clouds, blocks and fine texture, (H, W) float32 code values."""
    dice = np.random.default_rng(seed)
    wide, high = size[0] + int(abs(step) * count) + 8, size[1]
    clouds = cv2.GaussianBlur(dice.normal(0, 1, (high, wide)).astype(np.float32), (0, 0), 12) * 900
    blocks = cv2.resize(dice.normal(0, 30, (high // 24, wide // 24)), (wide, high), interpolation=cv2.INTER_NEAREST)
    fine = cv2.GaussianBlur(dice.normal(0, 1, (high, wide)).astype(np.float32), (0, 0), 1.2) * 40
    whole = np.clip(120 + clouds + blocks + fine, 16, 235)
    return [whole[:, round(step * n) : round(step * n) + size[0]].astype(np.float32) for n in range(count)]


def logo(box: Box, opacity: float = 1.0, size: tuple[int, int] = SIZE) -> tuple[Any, Any]:
    """(H, W) brightness and opacity of a ring with a letter in it."""
    left, top, width, height = box
    shade = np.zeros(size[::-1], np.uint8)
    middle, radius = (left + width // 2, top + height // 2), min(width, height) // 2 - 1
    cv2.circle(shade, middle, radius - 2, 245, 4, cv2.LINE_AA)
    cv2.putText(shade, "C", (middle[0] - 9, middle[1] + 9), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 245, 3, cv2.LINE_AA)
    return np.full(size[::-1], 245, np.float32), np.float32(opacity / 245) * shade


def laid(pictures: list[np.ndarray], *layers: tuple[Any, Any], noise: float = 1.5) -> list[Frame]:
    dice = np.random.default_rng(9)
    frames = []
    for number, picture in enumerate(pictures):
        for shade, alpha in layers:
            picture = picture * (1 - alpha) + shade * alpha
        made = np.clip(picture + dice.normal(0, noise, picture.shape), 0, 255)
        frames.append(Frame((np.uint8(made),), "gray", number, Fraction(1, 25), 1))
    return frames


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    both = max(0, across) * max(0, down)
    return both / (one[2] * one[3] + other[2] * other[3] - both)


def covers(found: Box, true: Box) -> bool:
    return all(
        found[axis] <= true[axis] + 1 and found[axis] + found[axis + 2] >= true[axis] + true[axis + 2] - 1
        for axis in (0, 1)
    )


@pytest.mark.parametrize("opacity", [1.0, 0.6, 0.4])
@pytest.mark.parametrize("box", [(300, 16, 44, 44), (20, 180, 44, 44), (160, 100, 44, 44)])
def test_a_logo_is_found_wherever_it_is_and_as_faint_as_it_is(box: Box, opacity: float) -> None:
    (found,) = overlays(laid(scenery(), logo(box, opacity)))
    assert covers(found, (box[0] + 2, box[1] + 2, 40, 40))
    assert overlap(found, box) > 0.6


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_found_where_nothing_was_laid_over(seed: int) -> None:
    assert overlays(laid(scenery(seed=seed, step=(9, 17, 31)[seed % 3]))) == []


def test_a_date_is_one_box_and_a_logo_another() -> None:
    text = np.zeros(SIZE[::-1], np.uint8)
    cv2.putText(text, "12.08.1994", (24, 222), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 2, cv2.LINE_AA)
    rows, columns = np.nonzero(text)
    date = (int(columns.min()), int(rows.min()), int(np.ptp(columns)), int(np.ptp(rows)))
    box = (300, 16, 44, 44)
    first, second = overlays(
        laid(scenery(), logo(box, 0.7), (np.full(text.shape, 220, np.float32), text / np.float32(255)))
    )
    assert overlap(first, box) > 0.6
    assert covers(second, date)
    assert overlap(second, date) > 0.5


def test_a_still_film_has_nothing_that_could_be_told_from_it() -> None:
    assert overlays(laid([scenery(1)[0]] * 24, logo((300, 16, 44, 44)))) == []


def test_the_borders_of_black_bars_are_no_logo() -> None:
    barred = []
    for picture in scenery():
        picture = picture.copy()
        picture[:30] = picture[-30:] = 16
        picture[:, :40] = 16
        barred.append(picture)
    assert overlays(laid(barred)) == []
    (found,) = overlays(laid(barred, logo((280, 50, 44, 44), 0.8)))
    assert covers(found, (282, 52, 40, 40))


def test_large_and_deep_pictures_are_looked_at_small_and_boxes_are_theirs() -> None:
    size, box = (1440, 960), (1200, 64, 176, 176)
    large = [cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC) for picture in scenery(16)]
    shade, alpha = (cv2.resize(layer, size) for layer in logo((300, 16, 44, 44), 0.8))
    frames = [
        replace(frame, planes=(frame.planes[0].astype(np.uint16) << 2,), format="gray10le")
        for frame in laid(large, (shade, alpha))
    ]
    (found,) = overlays(frames)
    assert overlap(found, box) > 0.6


def test_few_pictures_and_repeats_tell_nothing() -> None:
    frames = laid(scenery(), logo((300, 16, 44, 44)), noise=0)
    assert overlays(frames[:5]) == []
    assert overlays([]) == []
    assert overlays([frame for frame in frames[:4] for _ in range(8)]) == []


@pytest.mark.parametrize(
    ("name", "is_locked"), [("chaplin.mp4", True), ("big_buck_bunny_0_30.webm", False), ("fire2.mp4", False)]
)
def test_a_logo_on_a_real_film_is_found_and_without_it_nothing(name: str, is_locked: bool, real: Any) -> None:
    path: Path = real(name)
    frames = moments.frames_at(path, list(dict.fromkeys(moments.spread(path, 32))))
    frames = [replace(frame, planes=frame.planes[:1], format="gray") for frame in frames]
    size = (frames[0].width, frames[0].height)
    box = (size[0] - 80, 24, 44, 44)
    shade, alpha = logo(box, 0.7, size)
    over = [
        replace(frame, planes=(np.uint8(np.rint(frame.planes[0] * (1 - alpha) + shade * alpha)),)) for frame in frames
    ]
    assert overlays(frames) == []
    found = overlays(over)
    if is_locked:  # the scenery stays too, and a logo may be part of it
        assert found == []
    else:
        (one,) = found
        assert overlap(one, box) > 0.5
