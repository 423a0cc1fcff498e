import numpy as np
import pytest
from footage import KINDS, VHS, at, filmed, luma, moving, taped, telecined, woven

from cinemill.measure.noise import distinct, sigma, votes


def measured(frames, plane: int = 0) -> float | None:
    values = [frame.planes[plane].astype(np.float32) / 2 ** (frame.layout.bits - 8) for frame in frames]
    return sigma([votes(*three) for three in zip(values, values[1:], values[2:])])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("amount", [1.5, 4, 8])
def test_sigma_is_found_within_a_tenth_in_pictures_that_move(kind, amount):
    tape = taped(woven(moving(kind, 16)), luma_blur=0.8, luma_noise=amount, chroma_noise=1.5 * amount)
    assert measured(tape) == pytest.approx(amount, rel=0.1)
    assert (measured(tape, 1) + measured(tape, 2)) / 2 == pytest.approx(1.5 * amount, rel=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_sigma_is_found_within_a_tenth_beside_all_other_damage(kind):
    tape = taped(woven(moving(kind, 16)), **VHS, head_switch=8)
    assert measured(tape) == pytest.approx(VHS["luma_noise"], rel=0.1)
    assert (measured(tape, 1) + measured(tape, 2)) / 2 == pytest.approx(VHS["chroma_noise"], rel=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_clean_pictures_have_no_noise(kind):
    assert measured(moving(kind, 8)) < 0.3
    assert measured(moving(kind, 8), 1) < 0.3


def test_soft_grain_of_a_film_that_stands_still_is_found_too():
    still = [moving("hills", 1)[0]] * 8
    grain = filmed([f.__class__(f.planes, f.format, n, f.time_base, 1) for n, f in enumerate(still)], grain=6)
    # Grain is weaker away from middle grey, by up to three quarters.
    assert 3 < measured(grain) < 6.3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("film", "video"), [(16, 25), (18, 30), (12, 25)])
def test_noise_that_is_repeated_with_its_fields_is_found(kind, film, video):
    grainy = taped(at(moving(kind, 16), film), luma_noise=5)
    values = [luma(frame) for frame in telecined(grainy, video)]
    fives = list(zip(*(values[n:] for n in range(5))))
    assert sigma([votes(*distinct(five)) for five in fives]) == pytest.approx(5, rel=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_what_does_not_repeat_is_compared_with_its_neighbours(kind):
    tape = [luma(frame) for frame in taped(woven(moving(kind, 10)), luma_noise=4)]
    assert all(np.array_equal(one, other) for one, other in zip(distinct(tape[:5]), tape[1:4]))


@pytest.mark.parametrize("kind", KINDS)
def test_flicker_is_no_noise(kind):
    frames = taped(filmed(at(moving(kind, 12), 18), flicker=0.05), luma_noise=4)
    assert measured(frames) == pytest.approx(4, rel=0.1)


def test_black_bars_of_a_file_are_not_taken_for_a_clean_picture():
    tape = taped(woven(moving("wheels", 12)), luma_noise=4)
    values = [luma(frame) for frame in tape]
    for plane in values:
        plane[:60] = plane[-60:] = 16
    assert sigma([votes(*three) for three in zip(values, values[1:], values[2:])]) == pytest.approx(4, rel=0.1)


def test_nothing_to_see_is_no_answer():
    black = np.full((64, 64), 16, np.float32)
    assert sigma([votes(black, black, black)]) is None
    assert sigma([]) is None
    tiny = np.full((8, 8), 100, np.float32)
    assert sigma([votes(tiny, tiny, tiny)]) is None


FILMS = {
    "8mm": {"blur": 1.5, "weave": 1.3, "fade": 0.22, "grain": 6, "grain_size": 3, "vignette": 0.45, "flicker": 0.04},
    "super8": {"blur": 1, "weave": 0.9, "fade": 0.15, "grain": 5, "grain_size": 2.5, "vignette": 0.3, "flicker": 0.025},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("film", FILMS)
def test_grain_of_a_film_that_weaves_and_flickers_is_found_within_a_tenth(kind, film):
    """Grain is weaker in the dark; what counts is how far the picture is from the one without grain, in the mean."""
    frames = at(moving(kind, 24, width=720, height=576)[::3], 16)
    grainy, smooth = (filmed(frames, **FILMS[film] | rest) for rest in ({"dirt": 5}, {"dirt": 5, "grain": 0}))
    apart = [np.mean((luma(one) - luma(other)) ** 2) for one, other in zip(grainy, smooth)]
    assert measured(grainy) == pytest.approx(np.sqrt(np.mean(apart)), rel=0.1)


def test_noise_that_depends_on_the_light_is_that_of_the_whole_picture():
    """From 1.5 in the dark to 5 in the light."""
    rng = np.random.default_rng(3)
    ground = np.linspace(60, 200, 320)[None, :] + np.zeros((256, 1))
    planes = [(ground + rng.normal(0, 1, ground.shape) * (ground / 40)).astype(np.float32) for _ in range(6)]
    found = sigma([votes(*three) for three in zip(planes, planes[1:], planes[2:])])
    assert found == pytest.approx(np.sqrt(np.mean((ground / 40) ** 2)), rel=0.1)
