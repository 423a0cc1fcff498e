import time
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from footage import VHS, at, filmed, moving, taped, telecined, woven

from cinemill.learn.procedural import cuts, scenes
from cinemill.measure.scenes import difference, glance, starts
from cinemill.media.types import Frame

SECONDS = 12


@pytest.fixture(scope="module", params=[2, 5])
def film(request) -> tuple[list[Frame], list[Fraction]]:
    """Whole pictures at 25 a second, and when scenes begin."""
    size, seed = (192, 144), request.param
    return list(scenes(*size, Fraction(25), SECONDS, seed)), list(cuts(SECONDS, seed))


def found(frames) -> list[Fraction]:
    return [one.pts * one.time_base for one in starts(map(glance, frames))]


def test_every_cut_is_found_to_the_frame_and_nothing_else(film):
    frames, cut = film
    assert len(cut) > 3
    assert found(frames) == cut


def test_damage_hides_no_cut_and_makes_none(film):
    frames, cut = film
    assert found(taped(frames, **VHS, head_switch=8)) == cut
    assert found(filmed(frames, grain=6, dirt=8, scratches=2, flicker=0.05, weave=0.5, vignette=0.3)) == cut


@pytest.mark.parametrize("rate", [25, Fraction(30000, 1001)])
def test_a_frame_of_two_scenes_belongs_to_the_scene_before_or_after(film, rate):
    frames, cut = film
    telecine = found(telecined(at(frames, Fraction(24000, 1001)), rate))
    slower = Fraction(25) / Fraction(24000, 1001)
    assert len(telecine) == len(cut)
    assert all(abs(one - other * slower) <= 1 / Fraction(rate) for one, other in zip(telecine, cut))


def brighter(frame: Frame, gain: float) -> Frame:
    luma = np.clip(16 + (frame.planes[0] - 16.0) * gain, 0, 255)
    return replace(frame, planes=(luma.astype(np.uint8), *frame.planes[1:]))


def test_flashes_are_no_cuts():
    frames = at(moving("leaves", 50), 25)
    flashes = [brighter(f, 2.5) if n in (12, 13, 30) else f for n, f in enumerate(frames)]
    white = [replace(f, planes=(np.full_like(f.planes[0], 235), *f.planes[1:])) for f in frames]
    assert found(flashes) == [0]
    assert found([*frames[:20], *white[20:23], *frames[23:]]) == [0]


def test_someone_who_walks_past_the_lens_is_no_cut():
    frames = at(moving("wheels", 50), 25)
    hidden = [replace(f, planes=(f.planes[0] // 4 + 20, *f.planes[1:])) for f in at(moving("hills", 50), 25)]
    assert found([*frames[:20], *hidden[20:23], *frames[23:]]) == [0]


def test_fades_are_no_cuts_and_a_scene_begins_after_black():
    hills, wheels = at(moving("hills", 50), 25), at(moving("wheels", 50), 25)
    out = [brighter(f, max(0.0, 1 - n / 25)) for n, f in enumerate(hills[:30])]
    grey = [replace(f, planes=(f.planes[0], *(np.full_like(p, 128) for p in f.planes[1:]))) for f in out[25:]]
    back = [brighter(f, min(1.0, n / 25)) for n, f in enumerate(wheels)]
    dark = [replace(f, planes=(f.planes[0], *(np.full_like(p, 128) for p in f.planes[1:]))) for f in back[:2]]
    both = at([*hills[:20], *out[:25], *grey, *dark, *back[2:]], 25)
    begun = found(both)
    assert len(begun) == 2
    assert 50 < begun[1] * 25 < 60


@pytest.mark.parametrize("step", [8, 24, 60])
def test_a_fast_pan_is_no_cut(step):
    wide = np.concatenate([moving(kind, 1)[0].planes[0] for kind in ("hills", "leaves", "wheels")] * 3, axis=1)
    rng = np.random.default_rng(0)
    places = np.cumsum([0, *(step * rng.uniform(0.8, 1.2, 30))]).astype(int) % (wide.shape[1] - 200)
    turned = np.flatnonzero(np.diff(places) < 0)
    pan = [
        Frame((np.ascontiguousarray(wide[:, x : x + 200]),), "gray", n, Fraction(1, 25), 1)
        for n, x in enumerate(places)
    ]
    assert found(pan)[1:] == [Fraction(int(n) + 1, 25) for n in turned]


def test_whip_pans_noise_and_stillness_have_no_cuts():
    rng = np.random.default_rng(0)
    noise = [Frame((rng.integers(0, 256, (96, 128), np.uint8),), "gray", n, Fraction(1, 25)) for n in range(30)]
    still = [Frame((np.full((96, 128), 90, np.uint8),), "gray", n, Fraction(1, 25)) for n in range(30)]
    assert found(noise) == [0]
    assert found(still) == [0]


def test_interlaced_cuts_between_frames_are_found_to_the_frame():
    hills, wheels = moving("hills", 40), moving("wheels", 40)
    assert found(woven(at([*hills, *wheels], 50))) == [0, Fraction(20, 25)]


def test_depth_colour_and_the_clock_do_not_matter(film):
    frames, cut = film
    deep = [
        replace(f, planes=tuple(p.astype(np.uint16) << 2 for p in f.planes), format="yuv420p10le") for f in frames[:100]
    ]
    assert found(deep) == [one for one in cut if one < 4]
    odd = [replace(f, pts=7 + 40 * f.pts, time_base=Fraction(1, 1000)) for f in frames]
    assert found(odd) == [one + Fraction(7, 1000) for one in cut]


def test_brightness_and_contrast_are_not_asked():
    frame = moving("leaves", 1)[0]
    assert difference(glance(frame), glance(brighter(frame, 0.7))) < 0.05
    assert difference(glance(frame), glance(moving("hills", 1)[0])) > 0.5


def test_nothing_and_one_frame():
    assert found([]) == []
    assert found(moving("hills", 1)) == [0]


def test_a_tape_is_scanned_many_times_faster_than_it_plays():
    frames = moving("wheels", 25, width=720, height=576)
    begun = time.process_time()
    for _ in range(4):
        list(starts(map(glance, frames)))
    assert 100 / (time.process_time() - begun) > 500
