"""Motion between pictures, and windows of neighbours: what repairs rest on."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise, product

import cv2
import numpy as np
import pytest
from repairs import clean, noisy, still, texture, twice

from cinemill.filters.neighbours import windows
from cinemill.measure import motion
from cinemill.measure.motion import Match, Motion, Still, moved, noise_between
from cinemill.measure.trails import Trails
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
    beside = Trails().beside(window, 4)
    assert beside
    assert [window.index(match.still) for match in beside] == [3, 6]
    assert Trails().beside(window, 0) is None, "there is nothing before the first"


@pytest.mark.parametrize("shift", [(2.0, -1.5), (0.4, 2.7), (-3.3, 0.0)])
def test_trail_over_several_pictures_is_the_sum_of_its_steps(shift: tuple[float, float]) -> None:
    picture = texture(192, 240)
    across, down = shift
    turns = [np.array([[1, 0, n * across], [0, 1, n * down]]) for n in range(4)]
    window = stills([still(cv2.warpAffine(picture, turn, (240, 192), flags=cv2.INTER_CUBIC), 1)[0] for turn in turns])
    trails, inner = Trails(), (slice(10, -10), slice(10, -10))
    for place, step in ((0, 1), (3, -1)):
        for distance, match in enumerate(trails.along(window, place, step), 1):
            assert match.still is window[place + step * distance]
            moved_by = 4 * np.median(match.flow[inner].reshape(-1, 2), axis=0)
            assert np.allclose(moved_by, step * distance * np.array(shift), atol=0.2 * distance)
            difference = match.values(0) - window[place].values[0]
            assert np.abs(difference[32:-32, 32:-32]).mean() < 1


def test_trail_ends_at_a_cut() -> None:
    window = stills([*clean(2)[:3], *clean(5)[:3]])
    assert [len(list(Trails().along(window, place, step))) for place, step in ((1, 1), (1, -1), (3, -1))] == [1, 1, 0]


def test_threads_that_share_trails_find_the_same() -> None:
    window = stills(noisy(clean(5), 3))
    alone, shared = Trails(), Trails()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda place: [m.flow for m in shared.along(window, place, 1)], range(len(window))))
    for place, flows in enumerate(found):
        for flow, match in zip(flows, alone.along(window, place, 1), strict=True):
            assert np.array_equal(flow, match.flow)


def test_pictures_go_with_all_that_is_known_of_them_when_nobody_holds_them() -> None:
    """At once, and not when the interpreter looks for circles: pictures are large."""
    trails, window = Trails(), stills(noisy(clean(5), 3))
    gone = [weakref.ref(one) for one in window]
    gc.disable()
    try:
        for match in trails.along(window, 2, 1):
            match.values(0)
        del match, window[1:]
        assert [one() is None for one in gone] == [False, *[True] * (len(gone) - 1)]
    finally:
        gc.enable()


def test_picture_that_does_not_move_is_fetched_as_it_is() -> None:
    there = stills(still(texture(96, 128), 1))[0]
    match = Match(there, np.zeros((24, 32, 2), np.float32))
    assert np.abs(match.values(0) - there.values[0]).max() < 1
    assert all(np.array_equal(match.values(number), there.values[number]) for number in (1, 2))


def test_large_pictures_are_moved_without_an_enlarged_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    window = stills(list(clean(5)[:2]))
    (match,) = Trails().along(window, 0, 1)
    small = match.values(0)
    monkeypatch.setattr(motion, "_LARGEST", 0)
    assert 0 < np.abs(match.values(0) - small).mean() < 1


def test_noise_of_two_pictures_is_measured() -> None:
    here, there = stills(noisy(still(texture(96, 128), 2), 5))
    assert noise_between(here.values[0], there.values[0]) == pytest.approx(5, rel=0.1)
