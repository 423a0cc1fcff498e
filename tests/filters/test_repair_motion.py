"""Motion between pictures, and windows of neighbours: what repairs rest on."""

from __future__ import annotations

from itertools import pairwise, product

import cv2
import numpy as np
import pytest
from repairs import clean, noisy, still, texture, twice

from cinemill.filters.neighbours import windows
from cinemill.measure.motion import Motion, Still, moved, noise_between
from cinemill.media.types import Frame


def stills(frames: list[Frame]) -> list[Still]:
    return [Still(frame.planes, frame.layout.bits) for frame in frames]


@pytest.mark.parametrize(("before", "after"), [*product((0, 1, 3), (0, 1, 3))])
def test_window_holds_neighbours_within_reach_and_no_others(before: int, after: int) -> None:
    for count in range(8):
        seen = [(window[place], list(window)) for window, place in windows(range(count), before, after)]
        assert seen == [(n, list(range(max(0, n - before), min(count, n + after + 1)))) for n in range(count)]


@pytest.mark.parametrize("shift", [(3.0, -2.0), (0.4, 5.7), (-9.3, 0.0)])
def test_motion_of_a_shifted_picture_is_its_shift(shift: tuple[float, float]) -> None:
    picture = texture(192, 240)
    other = cv2.warpAffine(picture, np.array([[1, 0, shift[0]], [0, 1, shift[1]]]), (240, 192), flags=cv2.INTER_CUBIC)
    here, there = stills([*still(picture, 1), *still(other, 1)])
    match = Motion().match(here.guide, there)
    inner = (slice(12, -12), slice(12, -12))
    assert np.allclose(2 * np.median(match.flow[inner].reshape(-1, 2), axis=0), shift, atol=0.15)
    difference = match.values(0) - here.values[0]
    assert np.abs(difference[24:-24, 24:-24]).mean() < 1


def test_motion_does_not_depend_on_the_number_of_threads() -> None:
    here, there = stills(list(clean(2)[3:5]))
    before = cv2.getNumThreads()
    try:
        flows = []
        for threads in (1, 4):
            cv2.setNumThreads(threads)
            flows.append(Motion().match(here.guide, there).flow)
    finally:
        cv2.setNumThreads(before)
    assert np.array_equal(*flows)


def test_picture_too_small_to_search_does_not_move() -> None:
    here, there = stills(still(texture(20, 24), 2))
    assert not Motion().match(here.guide, there).flow.any()
    assert np.array_equal(moved(there.planes[0], np.zeros((3, 4, 2), np.float32)), there.planes[0])


def test_cut_is_told_from_motion() -> None:
    motion = Motion()
    one, other = stills(list(clean(2))), stills(list(clean(5)))
    assert not any(motion.match(a.guide, b).is_other_scene(a) for a, b in pairwise(one))
    assert not any(motion.match(a.guide, b).is_other_scene(a) for a, b in pairwise(other))
    assert motion.match(one[-1].guide, other[0]).is_other_scene(one[-1])


def test_change_of_brightness_is_no_cut() -> None:
    frames = list(clean(5, 2))
    darker = still(frames[1].planes[0] * 0.8, 1)
    here, there = stills([frames[0], *darker])
    assert not Motion().match(here.guide, there).is_other_scene(here)


def test_neighbours_of_repeated_film_are_frames_that_differ() -> None:
    frames = twice(clean(5))
    window = stills(noisy(frames, 1))
    beside = Motion().beside(window, 4)
    assert beside
    assert [window.index(match.still) for match in beside] == [3, 6]
    assert Motion().beside(window, 0) is None, "there is nothing before the first"


def test_noise_of_two_pictures_is_measured() -> None:
    here, there = stills(noisy(still(texture(96, 128), 2), 5))
    assert noise_between(here.values[0], there.values[0]) == pytest.approx(5, rel=0.1)
