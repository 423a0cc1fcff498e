"""The network of our own makes the lines that are missing, and no others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from repairs import SEEDS, Plane, clean, deepened, psnr, same, still, texture, through, with_luma

from cinemill.media.types import FieldOrder, Frame
from pictures import woven


def tape(order: FieldOrder, seed: int, size: tuple[int, int] = (320, 256)) -> tuple[list[Frame], list[Frame]]:
    """Whole pictures, and the interlaced frames that they make two by two."""
    truth = list(clean(seed, 16, 50, size))
    return truth, woven(truth, order)


@pytest.mark.parametrize("order", ["tff", "bff"])
def test_it_comes_nearer_to_the_truth_than_the_best_of_the_classical_ones(order: FieldOrder) -> None:
    gains: list[list[float]] = []
    for seed in SEEDS:
        truth, frames = tape(order, seed)
        classical, made = (through(f"deinterlace.{method}", frames) for method in ("bwdif", "learned"))
        gains.append([psnr(truth, made, plane) - psnr(truth, classical, plane) for plane in range(3)])
    assert min(gain for each in gains for gain in each) > 0
    assert np.mean(gains, axis=0).min() > 0.6


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize("size", [(64, 48), (66, 54), (64, 16)])
def test_lines_that_are_given_keep_their_bits(order: FieldOrder, size: tuple[int, int]) -> None:
    _, frames = tape(order, 2, size)
    made = through("deinterlace.learned", frames)
    assert len(made) == 2 * len(frames)
    for number, picture in enumerate(made):
        start = (number + (order == "bff")) % 2
        for plane, source in zip(picture.planes, frames[number // 2].planes):
            assert np.array_equal(plane[start::2], source[start::2])


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize("size", [(96, 160), (97, 161), (16, 16), (2, 2)])
def test_what_stands_still_stays(order: FieldOrder, size: tuple[int, int]) -> None:
    frames = still(np.random.default_rng(1).integers(0, 256, size), 4, field_order=order)
    for picture in through("deinterlace.learned", frames):
        assert same([picture], frames[:1])


def test_what_stands_beside_something_that_moves_stays() -> None:
    def passing(number: int, luma: Plane) -> Plane:
        luma[:, 8 * number : 8 * number + 30] = 240
        return luma

    frames = with_luma(still(texture(96, 160), 6, field_order="tff"), passing)
    for picture in through("deinterlace.learned", frames)[4:-4]:
        assert np.array_equal(picture.planes[0][:, 90:], frames[0].planes[0][:, 90:])


def test_one_frame_alone_is_not_taken_for_a_still() -> None:
    """Its fields are of different times, and nothing tells whether anything moved."""
    _, frames = tape("tff", 2)
    alone = through("deinterlace.learned", frames[3:4])
    assert not np.array_equal(alone[0].planes[0], frames[3].planes[0])


def test_more_bits_are_kept() -> None:
    _, frames = tape("tff", 2, (64, 48))
    shallow, deep = (through("deinterlace.learned", each) for each in (frames, deepened(frames)))
    for one, other in zip(shallow, deep):
        assert np.abs(other.planes[0] / 4 - one.planes[0]).max() < 3


@pytest.mark.parametrize("value", [0, 255])
def test_extreme_pictures_make_no_nonsense(value: int) -> None:
    frames = still(np.full((32, 48), value), 3, field_order="bff")
    for picture in through("deinterlace.learned", frames):
        assert np.abs(picture.planes[0].astype(int) - value).max() <= 2


def test_whole_pictures_pass_untouched() -> None:
    frames = list(clean(2, 4))
    assert through("deinterlace.learned", frames) == frames
    forced = through("deinterlace.learned=field_order:tff", [replace(frame) for frame in frames])
    assert len(forced) == 8


def test_a_second_look_along_the_motion_comes_nearer_still() -> None:
    gains: list[float] = []
    for seed in SEEDS:
        truth, frames = tape("bff", seed)
        once, twice = (through(f"deinterlace.learned=size:{size}", frames) for size in ("balanced", "best"))
        gains.append(psnr(truth, twice) - psnr(truth, once))
    assert np.mean(gains) > 0.2


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize("size", [(96, 160), (97, 161), (16, 16), (2, 2)])
def test_a_second_look_leaves_what_stands_still(order: FieldOrder, size: tuple[int, int]) -> None:
    frames = still(np.random.default_rng(1).integers(0, 256, size), 4, field_order=order)
    for picture in through("deinterlace.learned=size:best", frames):
        assert same([picture], frames[:1])


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize("size", [(66, 54), (64, 16)])
def test_a_second_look_keeps_the_lines_that_are_given(order: FieldOrder, size: tuple[int, int]) -> None:
    _, frames = tape(order, 2, size)
    both = through("deinterlace.learned=size:best", frames)
    assert len(both) == 2 * len(frames)
    for number, picture in enumerate(both):
        start = (number + (order == "bff")) % 2
        for plane, source in zip(picture.planes, frames[number // 2].planes):
            assert np.array_equal(plane[start::2], source[start::2])
    firsts = through("deinterlace.learned=size:best:output:frame", frames)
    assert [(one.pts, one.time_base, one.duration) for one in firsts] == [
        (frame.pts, frame.time_base, frame.duration) for frame in frames
    ]
    assert all(same([one], [other]) for one, other in zip(firsts, both[::2]))
