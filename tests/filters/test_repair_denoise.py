"""Denoising along the motion, against hqdn3d, ghosts and everything that is not noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from repairs import SEEDS, clean, deepened, noisy, psnr, same, still, through, twice

from cinemill import hardware
from cinemill.media.types import Frame
from pictures import woven

NOISE = "simulate.tape=luma_noise:6:chroma_noise:8"


@pytest.mark.parametrize("seed", SEEDS)
def test_tape_noise_goes_further_than_with_hqdn3d_of_any_strength(seed: int) -> None:
    truth = clean(seed)
    tape = through(NOISE, truth)
    ours = through("denoise.mc", tape)
    for plane, gain in ((0, 6), (1, 5), (2, 5)):
        theirs = [psnr(truth, through(f"denoise.hqdn3d={s}", tape), plane) for s in (0.4, 0.7, 1)]
        assert psnr(truth, ours, plane) > max(theirs) + 1.5
        assert psnr(truth, ours, plane) > psnr(truth, tape, plane) + gain


@pytest.mark.parametrize("chain", ["denoise.mc", "chroma-noise"])
@pytest.mark.parametrize("seed", SEEDS)
def test_clean_pictures_stay_as_they_are(chain: str, seed: int) -> None:
    assert psnr(clean(seed), through(chain, clean(seed))) > 55


def passing(count: int = 7, step: int = 17) -> list[Frame]:
    """A bright square that jumps by more than half its width, before a flat ground."""
    frames: list[Frame] = []
    for number, frame in enumerate(still(np.full((96, 160), 70), count)):
        luma = frame.planes[0].copy()
        luma[36:60, 8 + step * number : 32 + step * number] = 190
        frames.append(replace(frame, planes=(luma, *frame.planes[1:])))
    return frames


def test_what_moves_leaves_no_ghost() -> None:
    truth = passing()
    made = through("denoise.mc", noisy(truth, 6))
    square, trail = (slice(38, 58), slice(61, 81)), (slice(38, 58), slice(40, 56))
    assert abs(made[3].planes[0][square].mean() - 190) < 1.5
    assert abs(made[3].planes[0][trail].mean() - 70) < 1.5, "where it was a frame ago"
    assert abs(made[3].planes[0][38:58, 86:100].mean() - 70) < 1.5, "where it will be"


def test_scenes_on_either_side_of_a_cut_do_not_mix() -> None:
    truth = [*clean(2)[:5], *clean(5)[:5]]
    tape = noisy(truth, 6)
    made = through("denoise.mc", tape)
    for number in (4, 5):
        errors = [np.mean((truth[number].planes[0].astype(float) - f[number].planes[0]) ** 2) for f in (tape, made)]
        assert errors[1] < errors[0] / 3


def test_frame_that_was_given_twice_does_not_count_as_free_of_noise() -> None:
    truth = twice(clean(5))
    film = twice(noisy(clean(5), 6))
    assert psnr(truth, through("denoise.mc=radius:3", film)) > psnr(truth, film) + 5


def test_interlaced_fields_are_denoised_among_their_own() -> None:
    fields = clean(5, 20, 50)
    truth = woven(fields, "tff")
    tape = through(NOISE, truth)
    made = through("denoise.mc", tape)
    assert {frame.field_order for frame in made} == {"tff"}
    assert psnr(truth, made) > psnr(truth, tape) + 5
    assert psnr(truth, made, 1) > psnr(truth, tape, 1) + 5


def test_more_bits_give_the_same_picture() -> None:
    tape = through(NOISE, clean(5)[:5])
    shallow, deep = through("denoise.mc", tape)[2], through("denoise.mc", deepened(tape))[2]
    for one, other in zip(shallow.planes, deep.planes):
        assert np.abs(one - other / 4).max() <= 1
    assert (deep.planes[0] % 4).any(), "the new bits are used"


def test_noise_that_is_told_is_not_measured() -> None:
    tape = noisy(clean(5)[:5], 6)
    told, measured = through("denoise.mc=sigma:6", tape), through("denoise.mc", tape)
    assert psnr(measured, told) > 45
    assert not same(through("denoise.mc=sigma:2", tape), measured)


@pytest.mark.parametrize("seed", SEEDS)
def test_noise_of_colour_goes_and_luma_keeps_its_bits(seed: int) -> None:
    truth = clean(seed)
    tape = through("simulate.tape=luma_noise:3:chroma_noise:10", truth)
    made = through("chroma-noise", tape)
    assert all(np.array_equal(one.planes[0], other.planes[0]) for one, other in zip(made, tape))
    for plane in (1, 2):
        assert psnr(truth, made, plane) > psnr(truth, tape, plane) + 6
        assert psnr(truth, made, plane) > psnr(truth, through("denoise.hqdn3d=1", tape), plane) + 3


def test_strength_is_a_share_of_the_change() -> None:
    tape = noisy(clean(5)[:5], 6)
    whole, half = (through(f"denoise.mc={s}", tape)[2].planes[0].astype(float) for s in (1, 0.5))
    assert np.abs(half - (whole + tape[2].planes[0]) / 2).max() <= 1


@pytest.mark.parametrize("chain", ["denoise.mc", "dropouts", "dirt", "dehalo", "chroma-noise"])
def test_number_of_threads_changes_no_bit(chain: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tape = through("simulate.tape=luma_noise:6:chroma_noise:8:dropouts:20:ringing:0.3", clean(2))
    made: list[list[Frame]] = []
    for threads in (1, 4):
        monkeypatch.setattr(hardware, "cores", lambda count=threads: count)
        made.append(through(chain, tape))
    assert same(*made)
    assert not same(made[0], tape)
