from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from footage import KINDS, at, filmed, luma, moving, taped, woven

from cinemill.damage import digital, film
from cinemill.damage.amounts import Digital, Film
from cinemill.measure.edges import edges, steps
from cinemill.measure.flicker import flicker
from cinemill.measure.levels import blocking, histogram, levels
from cinemill.measure.scenes import glance
from cinemill.media.types import Frame


def step_of(frames, noise: float = 0):
    return edges([steps(luma(frame), noise) for frame in frames])


@pytest.mark.parametrize("noise", [0, 4])
def test_ringing_shows_behind_edges_and_grows_with_its_amount(noise):
    frames = [f for kind in KINDS for f in woven(moving(kind, 12))]
    found = [step_of(taped(frames, luma_blur=0.8, ringing=r, luma_noise=noise), noise).ringing for r in (0, 0.15, 0.3)]
    assert found[0] < 0.03
    assert found[0] + 0.02 < found[1] < found[2] - 0.03
    assert found[2] > 0.08


def test_a_sharpener_shows_on_both_sides():
    frames = [f for kind in KINDS for f in moving(kind, 4)]
    sharp = step_of(digital.damaged(iter(frames), Digital(halo=0.3)))
    assert min(sharp.before, sharp.behind) > 0.06
    assert sharp.ringing < 0.05


def test_soft_edges_take_longer_to_rise():
    frames = [f for kind in KINDS for f in woven(moving(kind, 8))]
    sharp, soft = (step_of(taped(frames, luma_blur=sigma)) for sigma in (0, 1))
    # From 10 to 90 % a Gaussian takes 2.56 sigma.
    assert sharp.rise < 2.6
    assert soft.rise == pytest.approx((sharp.rise**2 + 2.56**2) ** 0.5, rel=0.15)


def test_few_edges_are_no_answer():
    assert step_of([Frame((np.full((64, 96), 90, np.uint8),), "gray", 0, Fraction(1, 25))]) is None
    assert edges([]) is None


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_show_the_more_the_coarser_they_are_coded(kind):
    frames = moving(kind, 3)
    coded = {q: list(digital.damaged(iter(frames), Digital(quantiser=q))) for q in (8, 30)}
    clean, fine, coarse = (np.median([blocking(luma(f)) for f in some]) for some in (frames, coded[8], coded[30]))
    assert clean < 0.15
    assert clean < fine < coarse
    assert coarse > 0.25


def test_blocks_show_wherever_their_grid_begins():
    (frame,) = digital.damaged(iter(moving("hills", 1)), Digital(quantiser=20))
    assert [blocking(luma(frame)[:, at:]) > 0.25 for at in range(8)] == [True] * 8


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("amount", [0.01, 0.04])
def test_flicker_is_that_of_the_gain_around_its_slow_course(kind, amount):
    frames = at(moving(kind, 40), 18)
    gains = np.log([film.truth(f.pts * f.time_base, 8, 8, Film(seed=1, flicker=amount)).gain for f in frames])
    place = np.arange(-11, 12)
    parabola = np.linalg.pinv(np.stack([place**2, place, place**0], axis=1))[2]
    true = np.std(gains[11:-11] - np.convolve(gains, parabola, "valid"))
    assert flicker([glance(f) for f in filmed(frames, flicker=amount, grain=4)]) == pytest.approx(true, rel=0.2)
    assert flicker([glance(f) for f in filmed(frames, grain=4)]) < 0.003


def test_a_fade_is_no_flicker():
    frames = at(moving("hills", 40), 25)
    faded = [
        glance(replace(f, planes=(np.uint8(16 + (f.planes[0] - 16.0) * (1 - n / 60)), *f.planes[1:])))
        for n, f in enumerate(frames)
    ]
    assert flicker(faded) < 0.004
    assert flicker(faded[:5]) is None


def grey(values: np.ndarray, format: str = "gray") -> Frame:
    return Frame((values,), format, 0, Fraction(1, 25))


def test_values_beyond_the_legal_range_are_counted_in_the_inner_picture():
    plane = np.full((80, 80), 100, np.uint8)
    plane[:10] = 0
    plane[40:46, 10:70] = 10
    plane[50:53, 10:70] = 240
    found = levels([histogram(grey(plane))])
    assert (found.below, found.above) == (pytest.approx(0.1), pytest.approx(0.05))
    assert (found.lowest, found.highest) == (10, 240)
    deep = levels([histogram(grey(plane.astype(np.uint16) << 4, "gray12le"))])
    assert deep == found


def test_colour_beyond_the_legal_range_is_counted():
    cb = np.full((40, 40), 250, np.uint8)
    found = levels(
        [histogram(Frame((np.full((80, 80), 90, np.uint8), cb, np.full_like(cb, 128)), "yuv420p", 0, Fraction(1)))]
    )
    assert found.colour == pytest.approx(0.5)


def test_clipped_highlights_pile_up_and_bright_ones_do_not():
    ramp = np.tile(np.arange(100, 228, dtype=np.uint8), (80, 1))
    clipped = levels([histogram(grey(np.minimum(ramp, 180)))])
    assert clipped.clipped_bright > 0.2
    assert levels([histogram(grey(ramp))]).clipped_bright == 0
    assert levels([]) is None


def test_flames_which_change_unlike_from_place_to_place_do_not_flicker():
    dice = np.random.default_rng(0)
    grey = at(moving("hills", 1) * 30, 25)
    flames = [
        replace(
            f,
            planes=(
                np.uint8(np.clip(f.planes[0] * dice.normal(1, 0.3, (18, 20)).repeat(16, 0).repeat(18, 1), 0, 255)),
            ),
        )
        for f in [replace(f, planes=f.planes[:1], format="gray") for f in grey]
    ]
    assert flicker([glance(f) for f in flames]) < 0.005


def test_the_border_of_a_bar_is_no_edge_of_the_picture():
    planes = [luma(f) for kind in KINDS for f in moving(kind, 4)]
    barred = [plane.copy() for plane in planes]
    for plane in barred:
        plane[:, :40] = 16
        plane[:, 40:44] += 40
    clean, found = (
        edges([steps(plane[:, 44 - at :], 0) for plane in some]) for some, at in ((planes, 0), (barred, 44))
    )
    assert found.behind == pytest.approx(clean.behind, abs=0.02)
