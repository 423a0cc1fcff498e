from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from footage import KINDS, at, filmed, luma, moving, paired_late, taped, telecined, woven

from cinemill.measure import cadence, fields
from cinemill.measure.cadence import Cadence
from cinemill.measure.idet import combing
from cinemill.media.types import FieldOrder, Frame

NTSC_FILM, NTSC = Fraction(24000, 1001), Fraction(30000, 1001)
SIZE = {"width": 240, "height": 180}


def judged(frames: list[Frame], claim: FieldOrder = "progressive", noise: float = 0) -> tuple[fields.Fields, Cadence]:
    """What a file of one stretch would be called that claims to be `claim`."""
    seen = list(combing(frames))
    uneven = [cadence.unevenness(luma(one), luma(other)) for one, other in zip(frames[::5], frames[1::5])]
    window = fields.counted(seen, 0.0)
    order = fields.judge((window,), claim, claim)
    pace = cadence.pace(window, seen, [value for value in uneven if value is not None], noise)
    return order, cadence.judge([pace], order)


def pictures(frames: list[Frame], noise: float = 0) -> float | None:
    share = cadence.repeats(list(combing(frames)), noise)
    return None if share is None else (1 - share) / float(frames[0].time_base)


def made(kind: str, what: str, order: str, seed: int = 1) -> list[Frame]:
    """Some 50 frames of one scene."""
    if what == "video":
        return woven(moving(kind, 100, seed, **SIZE), order)
    film = list(moving(kind, 60, seed, **SIZE)[::2])
    match what:
        case "2:3":
            return telecined(at(film, NTSC_FILM), NTSC, order)
        case "16 fps":
            return telecined(at(film, 16), 25, order)
        case "18 fps":
            return telecined(at(film, 18), NTSC, order)
        case "24 in 25":
            return telecined(at([*film, *film[::-1]], 24), 25, order)
        case "late":
            return paired_late(at(film, 25), order)
        case "whole":
            return [replace(f, field_order=order) for f in at(film, 25)]
        case _:
            raise ValueError(what)


CADENCES = {
    "video": "interlaced",
    "2:3": "2:3",
    "late": "2:2",
    "24 in 25": "2:2",
    "16 fps": "pulldown",
    "18 fps": "pulldown",
    "whole": "progressive",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", CADENCES)
def test_the_cadence_is_told(kind, what):
    assert judged(made(kind, what, "tff"))[1] == CADENCES[what]


@pytest.mark.parametrize("what", CADENCES)
def test_the_cadence_is_told_through_noise(what):
    frames = taped(made("wheels", what, "bff"), luma_noise=4)
    assert judged(frames, noise=4)[1] == CADENCES[what]


@pytest.mark.parametrize(("what", "rate"), [("16 fps", 16), ("18 fps", 18), ("2:3", 23.976), ("24 in 25", 24)])
@pytest.mark.parametrize("noise", [0, 3])
def test_the_speed_of_the_film_is_told_by_repeats(what, rate, noise):
    frames = made("leaves", what, "tff")
    assert pictures(taped(frames, luma_noise=noise) if noise else frames, noise) == pytest.approx(rate, rel=0.03)


@pytest.mark.parametrize("kind", KINDS)
def test_weave_flicker_and_a_cut_do_not_hide_the_speed(kind):
    film = [*moving("wheels", 30, **SIZE)[::2], *moving(kind, 30, 2, **SIZE)[::2]]
    frames = telecined(filmed(at(film, 16), weave=1, flicker=0.05, grain=4), 25)
    assert pictures(frames) == pytest.approx(16, rel=0.06)
    assert judged(frames)[1] == "pulldown"


def test_repeated_whole_pictures_are_counted():
    film = moving("hills", 30, **SIZE)
    assert pictures(at([f for f in film for _ in (0, 1)], 25)) == pytest.approx(12.5, rel=0.03)
    assert pictures(at([f for n, f in enumerate(film) for _ in range(1 + (n % 3 == 0))], 25)) == pytest.approx(
        18.75, rel=0.05
    )


@pytest.mark.parametrize("slow", [0.05, 0.3])
def test_a_cut_does_not_make_slow_pictures_beside_it_look_like_repeats(slow):
    """Two of three pictures are new; all of them on either side of a cut between quiet scenes."""
    rng = np.random.default_rng(1)
    changes = [(3000 * slow, 3100 * slow), (2000 * slow, 1900 * slow), (0, 0)] * 12
    changes[17] = (9000, 9100)
    seen = [one for one in combing(moving("hills", 3, **SIZE)) for _ in range(36)]
    steady = [(3000 * slow + rng.normal(0, 9), 3100 * slow + rng.normal(0, 9)) for _ in range(36)]
    steady[17] = (9000, 9100)
    paced, even = (
        [replace(one, top_change=int(top), bottom_change=int(bottom)) for one, (top, bottom) in zip(seen, numbers)]
        for numbers in (changes, steady)
    )
    assert cadence.repeats(paced, 0) == pytest.approx(11 / 36, abs=0.01)
    assert cadence.repeats(even, 0) is None


@pytest.mark.parametrize("what", ["video", "late", "whole"])
def test_where_nothing_repeats_no_speed_is_told(what):
    assert pictures(made("wheels", what, "tff")) is None
    assert pictures(taped(made("wheels", what, "tff"), luma_noise=4), 4) is None


def test_blended_fields_are_seen_where_things_move_fast():
    film = at(moving("hills", 75, **SIZE)[::3], 24)
    assert judged(telecined(film, 25, how="blended"))[1] == "blended"
    assert judged(telecined(film, 25, how="hard"))[1] != "blended"


def test_little_that_moves_is_no_answer():
    still = np.full((90, 120), 90, np.float32)
    assert cadence.unevenness(still, still) is None
    frames = [replace(moving("hills", 1, **SIZE)[0], pts=n) for n in range(30)]
    assert judged(frames)[1] == "unknown"
    assert pictures(frames) is None


def test_stretches_of_film_that_stand_still_speak_for_the_cadence_around_them():
    order = judged(made("wheels", "16 fps", "tff"))[0]
    seen = [cadence.Pace("pulldown", 0.64, 50)] * 3 + [cadence.Pace("progressive", None, 40)] * 2
    assert cadence.judge(seen, order) == "pulldown"
    assert cadence.judge([*seen, *[cadence.Pace("interlaced", None, 50)] * 5], order) == "mixed"
    assert cadence.judge([], order) == "unknown"
