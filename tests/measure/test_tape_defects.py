from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from footage import HEIGHT, KINDS, VHS, WIDTH, at, filmed, luma, moving, taped, telecined, woven

from cinemill.damage import film, tape
from cinemill.damage.amounts import Film, Tape
from cinemill.measure.defects import Defects, defects, mean
from cinemill.measure.scratches import scratches
from cinemill.media.types import Frame


def counted(frames, noise: float = 0) -> Defects:
    planes = [frame.planes[0] for frame in frames]
    bits = frames[0].layout.bits
    return mean([found for five in zip(*(planes[n:] for n in range(5))) if (found := defects(five, bits, noise))])


def true_dropouts(frames, **amounts) -> float:
    p = Tape(seed=1, **amounts)
    found = [tape.truth(f.pts * f.time_base, WIDTH, HEIGHT, p).dropouts for f in frames[2:-2]]
    return float(np.mean([len(one) for one in found]))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rest", [{}, VHS | {"luma_noise": 3}], ids=["clean", "VHS"])
def test_most_dropouts_are_counted_and_none_where_there_are_none(kind, rest):
    frames = woven(moving(kind, 24))
    noise = rest.get("luma_noise", 0)
    found = counted(taped(frames, **rest | {"dropouts": 15}), noise)
    true = true_dropouts(frames, dropouts=15)
    # White on bright and black on dark do not show, nor do those on what moves far.
    assert 0.45 * true < found.dropouts < 1.1 * true
    assert found.dirt < 0.5
    without = counted(taped(frames, **rest | {"dropouts": 0}), noise)
    assert without.dropouts < 0.1
    assert without.dirt < 0.3


@pytest.mark.parametrize("kind", KINDS)
def test_half_of_the_dirt_is_counted_and_none_where_there_is_none(kind):
    frames, rest = at(moving(kind, 16), 18), {"grain": 3, "flicker": 0.02, "weave": 0.3}
    found = counted(filmed(frames, **rest, dirt=10, dirt_size=5), 3)
    p = Film(seed=1, dirt=10)
    true = np.mean([len(film.truth(f.pts * f.time_base, WIDTH, HEIGHT, p).marks) for f in frames[2:-2]])
    assert 0.2 * true < found.dirt < true
    assert found.dropouts < 0.2
    clean = counted(filmed(frames, **rest), 3)
    assert (clean.dropouts, clean.dirt) == (0, 0)


def test_dirt_of_film_on_video_is_seen_though_frames_repeat():
    frames = telecined(filmed(at(moving("hills", 16), 16), dirt=10, dirt_size=5), 25)
    found = counted(frames)
    assert found.dirt > 2
    assert found.dropouts < 0.5


def test_a_streak_of_a_deinterlaced_tape_is_a_dropout_and_a_blob_is_dirt():
    planes = [np.full((HEIGHT, WIDTH), 90, np.uint8) for _ in range(5)]
    planes[2][100:103, 60:110] = 220
    planes[2][40:46, 200:207] = 20
    assert defects(planes, 8, 0) == Defects(16 / 15, 16 / 15)


def test_a_spark_among_flames_is_no_dirt():
    dice = np.random.default_rng(0)
    planes = [np.full((HEIGHT, WIDTH), 90, np.uint8) for _ in range(5)]
    planes[2][100:106, 60:66] = planes[2][200:206, 200:206] = 220
    for plane in planes:
        plane[212:240, 170:240] = dice.integers(60, 200, (28, 70))
    assert defects(planes, 8, 0) == Defects(0, 16 / 15)


def test_depth_makes_no_difference():
    frames = taped(woven(moving("wheels", 12)), dropouts=15)
    deep = [replace(f, planes=tuple(p.astype(np.uint16) << 2 for p in f.planes), format="yuv420p10le") for f in frames]
    assert counted(deep) == counted(frames)


def test_a_cut_and_a_flash_are_no_defects():
    hills, wheels = moving("hills", 4), moving("wheels", 4)
    assert counted([*hills, *wheels]).dropouts == 0
    flash = [frame.planes[0] for frame in hills[:3]]
    bright = np.minimum(flash[1].astype(int) + 90, 255).astype(np.uint8)
    found = defects([flash[0], flash[0], bright, flash[0], flash[0]], 8, 0)
    assert found is None or found == Defects(0, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_scratches_that_run_through_are_counted(kind):
    frames = at(moving(kind, 6), 18)
    p = Film(seed=1, scratches=6)
    marks = [film.truth(f.pts * f.time_base, WIDTH, HEIGHT, p).marks for f in frames]
    tall = [sum(np.ptp([y for _, y in mark.points]) > 0.7 * HEIGHT for mark in one) for one in marks]
    found = np.mean([scratches(luma(f)) for f in filmed(frames, scratches=6, grain=4)])
    assert np.mean(tall) > 2
    assert 0.6 * np.mean(tall) < found < 1.3 * np.mean(tall)
    assert sum(scratches(luma(f)) for f in filmed(frames, grain=4)) == 0


def test_the_border_of_a_bar_is_no_scratch():
    plane = np.full((HEIGHT, WIDTH), 90, np.float32)
    plane[:, :40] = 16
    plane[:, 40:42] = 110
    assert scratches(plane) == 0
    assert scratches(np.zeros((10, 10), np.float32)) == 0


def test_ringing_beside_a_bar_is_no_scratch():
    frames = [luma(frame) for frame in moving("hills", 6)]
    for plane in frames:
        plane[:, -60:] = 16
    barred = [Frame((np.uint8(plane),), "gray", n, Fraction(1, 25)) for n, plane in enumerate(frames)]
    assert sum(scratches(luma(frame)) for frame in taped(barred, ringing=0.3, luma_blur=0.6)) == 0


def test_the_clock_does_not_matter():
    frames = taped(woven(moving("wheels", 12)), dropouts=15)
    slow = [replace(f, time_base=Fraction(1, 15)) for f in frames]
    assert counted(slow) == counted(frames)
