"""Dropouts, the rows that head switching tears, and colour beside its outlines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from repairs import SEEDS, clean, cost, deepened, noisy, psnr, same, still, texture, through, with_luma

from cinemill.errors import UnsupportedMedia
from cinemill.media.types import Frame
from pictures import woven

SIZE = (320, 256)


def tape(seed: int, count: int = 10) -> list[Frame]:
    """Interlaced frames of a scene."""
    return woven(clean(seed, 2 * count, 50, SIZE), "tff")


@pytest.mark.parametrize(("seed", "in_colour"), [(2, 4), (5, 1.5), (7, 10)])
def test_dropouts_of_an_interlaced_tape_are_filled(seed: int, in_colour: float) -> None:
    """Dropouts take the colour away; what is nearly grey loses little."""
    worn = "simulate.tape=luma_noise:2:chroma_noise:3"
    truth, dropped = through(worn, tape(seed)), through(f"{worn}:dropouts:6", tape(seed))
    made = through("dropouts", dropped)
    assert {frame.field_order for frame in made} == {"tff"}
    assert psnr(truth, made) > psnr(truth, dropped) + 8
    assert psnr(truth, made, 1) > psnr(truth, dropped, 1) + in_colour


@pytest.mark.parametrize("seed", SEEDS)
def test_tape_without_dropouts_loses_nothing(seed: int) -> None:
    assert cost(tape(seed), noisy(tape(seed), 2), "dropouts") < 0.1
    assert psnr(tape(seed), through("dropouts", tape(seed))) > 50


GROUND = still(texture(96, 160, scale=5), 7)


def streaked(rows: slice, columns: slice, colour: float = 235) -> list[Frame]:
    def change(number: int, luma: np.ndarray) -> np.ndarray:
        if number == 3:
            luma[rows, columns] = colour
        return luma

    return with_luma(noisy(GROUND, 1), change)


@pytest.mark.parametrize("colour", [16, 235])
def test_streak_of_a_whole_picture_goes_and_the_rest_keeps_its_bits(colour: float) -> None:
    dropped = streaked(slice(40, 42), slice(30, 90), colour)
    made = through("dropouts", dropped)
    assert np.abs(made[3].planes[0][40:42, 30:90].astype(int) - GROUND[3].planes[0][40:42, 30:90]).max() < 8
    assert np.array_equal(made[3].planes[0][:38], dropped[3].planes[0][:38])
    assert same(made[:3], dropped[:3])
    assert same(made[4:], dropped[4:])


def test_bright_line_that_stays_is_no_dropout() -> None:
    lit = with_luma(noisy(GROUND, 1), lambda _, luma: np.where(np.arange(96)[:, None] == 40, 235, luma))
    assert same(through("dropouts", lit), lit)


def test_rows_are_the_height_of_the_highest_streak() -> None:
    dropped = streaked(slice(40, 45), slice(30, 90))
    assert same(through("dropouts=rows:2", dropped), dropped)
    assert not same(through("dropouts=rows:5", dropped), dropped)


def test_dropouts_keep_more_bits() -> None:
    deep = deepened(streaked(slice(40, 42), slice(30, 90)))
    made = through("dropouts", deep)[3].planes[0]
    assert np.abs(made[40:42, 30:90] / 4 - GROUND[3].planes[0][40:42, 30:90]).max() < 8


@pytest.mark.parametrize("order", ["progressive", "tff"])
@pytest.mark.parametrize("seed", [2, 7])
def test_torn_rows_are_filled_and_those_above_keep_their_bits(seed: int, order: str) -> None:
    truth = through(f"mark-fields={order}", clean(seed, size=SIZE))
    torn = through("simulate.tape=head_switch:8", truth)
    made = through("head-switch=rows:8", torn)
    assert psnr(truth, made) > psnr(truth, torn) + 2
    assert psnr(truth, made, 1) > psnr(truth, torn, 1) + 2
    for one, other in zip(torn, made):
        assert np.array_equal(one.planes[0][:-8], other.planes[0][:-8])
        assert np.array_equal(one.planes[1][:-4], other.planes[1][:-4])
    assert made[0].height == truth[0].height


def test_no_rows_change_nothing_and_most_rows_are_refused() -> None:
    assert same(through("head-switch=rows:0", GROUND), GROUND)
    with pytest.raises(UnsupportedMedia, match="most of a picture"):
        through("head-switch=rows:60", GROUND)


@pytest.mark.parametrize("order", ["progressive", "tff"])
@pytest.mark.parametrize(("x", "y"), [(3.4, 0), (-1.5, 2), (0.6, -1.2)])
def test_colour_moves_back_by_what_was_measured(order: str, x: float, y: float) -> None:
    truth = through(f"mark-fields={order}", clean(2, 4, size=SIZE))
    shifted = through(f"chroma-align=x:{-x}:y:{-y}", truth)
    made = through(f"chroma-align=x:{x}:y:{y}", shifted)
    assert all(np.array_equal(one.planes[0], other.planes[0]) for one, other in zip(made, truth))
    for plane in (1, 2):
        assert psnr(truth, made, plane) > psnr(truth, shifted, plane) + 6


def test_colour_of_a_tape_comes_back_over_its_outlines() -> None:
    truth = tape(2)
    shifted = through("simulate.tape=chroma_shift:4", truth)
    assert psnr(truth, through("chroma-align=x:4", shifted), 1) > psnr(truth, shifted, 1) + 8
    assert psnr(truth, through("chroma-align=x:-4", shifted), 1) < psnr(truth, shifted, 1)


@pytest.mark.parametrize("format", ["yuv444p", "yuv444p10le"])
def test_whole_samples_move_without_a_loss(format: str) -> None:
    frames = through(f"format={format}", clean(2, 1))
    made = through("chroma-align=x:3:y:-2", frames)
    for one, other in zip(frames[0].planes[1:], made[0].planes[1:]):
        assert np.array_equal(other[2:, :-3], one[:-2, 3:])


def test_fields_do_not_take_colour_from_each_other() -> None:
    """Cb of one field is 100 and of the other 150; a shift by two lines of the frame is one line of a field."""
    frame = still(np.full((64, 64), 90), 1, field_order="tff")[0]
    striped = np.full((32, 32), 150, np.uint8)
    striped[::2] = 100
    made = through("chroma-align=y:3", [replace(frame, planes=(frame.planes[0], striped, frame.planes[2]))])
    assert np.array_equal(made[0].planes[1], striped)
