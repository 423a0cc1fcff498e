"""The network of our own makes the lines that are missing, and no others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from repairs import SEEDS, Plane, clean, deepened, psnr, same, still, texture, through, with_luma

from cinemill.errors import InvalidParams
from cinemill.filters import along_motion, text
from cinemill.measure.motion import moved
from cinemill.media.types import FieldOrder, Frame
from cinemill.models import weights
from pictures import movie, woven

SIZES = ("fast", "balanced", "best")
every_size = pytest.mark.parametrize("network", SIZES)


def tape(order: FieldOrder, seed: int, size: tuple[int, int] = (320, 256)) -> tuple[list[Frame], list[Frame]]:
    """Whole pictures, and the interlaced frames that they make two by two."""
    truth = list(clean(seed, 16, 50, size))
    return truth, woven(truth, order)


def timed(frames: Sequence[Frame]) -> list[Frame]:
    return [replace(frame, pts=number) for number, frame in enumerate(frames)]


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize("size", ["fast", "balanced"])
def test_it_comes_nearer_to_the_truth_than_the_best_of_the_classical_ones(size: str, order: FieldOrder) -> None:
    gains: list[list[float]] = []
    for seed in SEEDS:
        truth, frames = tape(order, seed)
        classical, made = (
            through(chain, frames) for chain in ("deinterlace.bwdif", f"deinterlace.learned=size:{size}")
        )
        gains.append([psnr(truth, made, plane) - psnr(truth, classical, plane) for plane in range(3)])
    assert min(gain for each in gains for gain in each) > 0
    assert np.mean(gains, axis=0).min() > 0.6


def test_the_larger_sizes_come_nearer_as_they_follow_the_motion() -> None:
    gains: list[list[float]] = []
    for seed in SEEDS:
        truth, frames = tape("bff", seed)
        found = [psnr(truth, through(f"deinterlace.learned=size:{size}", frames)) for size in SIZES]
        gains.append([found[1] - found[0], found[2] - found[0]])
    assert np.mean(gains, axis=0).min() > 0.2


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize("size", [(64, 48), (66, 54), (64, 16)])
@every_size
def test_lines_that_are_given_keep_their_bits(network: str, order: FieldOrder, size: tuple[int, int]) -> None:
    _, frames = tape(order, 2, size)
    both = through(f"deinterlace.learned=size:{network}", frames)
    assert len(both) == 2 * len(frames)
    for number, picture in enumerate(both):
        start = (number + (order == "bff")) % 2
        for plane, source in zip(picture.planes, frames[number // 2].planes):
            assert np.array_equal(plane[start::2], source[start::2])
    firsts = through(f"deinterlace.learned=size:{network}:output:frame", frames)
    assert [(one.pts, one.time_base, one.duration) for one in firsts] == [
        (frame.pts, frame.time_base, frame.duration) for frame in frames
    ]
    assert all(same([one], [other]) for one, other in zip(firsts, both[::2]))


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize("size", [(96, 160), (97, 161), (16, 16), (2, 2)])
@every_size
def test_what_stands_still_stays(network: str, order: FieldOrder, size: tuple[int, int]) -> None:
    frames = still(np.random.default_rng(1).integers(0, 256, size), 4, field_order=order)
    for picture in through(f"deinterlace.learned=size:{network}", frames):
        assert same([picture], frames[:1])


@every_size
def test_what_stands_beside_something_that_moves_stays(network: str) -> None:
    def passing(number: int, luma: Plane) -> Plane:
        luma[:, 8 * number : 8 * number + 30] = 240
        return luma

    frames = with_luma(still(texture(96, 160), 6, field_order="tff"), passing)
    for picture in through(f"deinterlace.learned=size:{network}", frames)[4:-4]:
        assert np.array_equal(picture.planes[0][:, 90:], frames[0].planes[0][:, 90:])


def test_one_frame_alone_is_not_taken_for_a_still() -> None:
    """Its fields are of different times, and nothing tells whether anything moved."""
    _, frames = tape("tff", 2)
    alone = through("deinterlace.learned", frames[3:4])
    assert not np.array_equal(alone[0].planes[0], frames[3].planes[0])


@every_size
def test_more_bits_are_kept(network: str) -> None:
    _, frames = tape("tff", 2, (64, 48))
    shallow, deep = (through(f"deinterlace.learned=size:{network}", each) for each in (frames, deepened(frames)))
    for one, other in zip(shallow, deep):
        assert np.abs(other.planes[0] / 4 - one.planes[0]).max() < 5


@every_size
def test_extreme_pictures_make_no_nonsense(network: str) -> None:
    for value in (0, 255):
        frames = still(np.full((32, 48), value), 3, field_order="bff")
        for picture in through(f"deinterlace.learned=size:{network}", frames):
            assert np.abs(picture.planes[0].astype(int) - value).max() <= 2
    flashes = [still(np.full((48, 64), 255 * (n % 2)), 1, field_order="tff")[0] for n in range(5)]
    chequers = still(255 * (np.indices((48, 64)).sum(0) % 2), 4, field_order="tff")
    for frames in (timed(flashes), chequers):
        for picture in through(f"deinterlace.learned=size:{network}", frames):
            assert {plane.dtype for plane in picture.planes} == {np.dtype(np.uint8)}


@every_size
@pytest.mark.parametrize("form", ["yuv411p", "yuv422p10le", "gray"])
def test_other_layouts_are_made_whole_too(network: str, form: str) -> None:
    frames = woven(movie(12, form, (96, 64)), "bff")
    made = through(f"deinterlace.learned=size:{network}", frames)
    assert len(made) == 2 * len(frames)
    assert {frame.format for frame in made} == {form}
    assert all(
        np.array_equal(picture.planes[0][1::2], frame.planes[0][1::2]) for picture, frame in zip(made[::2], frames)
    )


@every_size
def test_a_part_with_its_halo_is_made_as_the_whole_is(network: str) -> None:
    _, frames = tape("tff", 2, (96, 80))
    chain = f"deinterlace.learned=size:{network}"
    before, after = text.chain(chain).halo(Fraction(25))
    whole, part = through(chain, frames), through(chain, frames[3 - before : 5 + after])
    assert all(same([one], [other]) for one, other in zip(whole[6:10], part[2 * before : 2 * before + 4]))


def test_motion_turned_round_leads_back() -> None:
    rows, columns = np.indices((60, 80), np.float32)
    flow = np.dstack([3 + np.sin(rows / 15), 2 * np.cos(columns / 20)]).astype(np.float32)
    there = moved(columns, along_motion._turned_round(flow))
    back = moved(there, flow)
    assert np.abs(back - columns)[8:-8, 8:-8].max() < 0.05


@every_size
def test_a_network_of_ones_own_takes_the_place_of_ours(network: str) -> None:
    _, frames = tape("tff", 2, (64, 48))
    own, other = (
        Path(weights.__file__).with_name(f"deinterlace-{name}.onnx")
        for name in (network, "balanced" if network == "fast" else "fast")
    )
    ours, mine = (through(f"deinterlace.learned=size:{network}{more}", frames) for more in ("", f":model:{own}"))
    assert all(same([one], [another]) for one, another in zip(ours, mine))
    with pytest.raises(InvalidParams, match=f"for size {network}, is not a network for this"):
        through(f"deinterlace.learned=size:{network}:model:{other}", frames)


def test_whole_pictures_pass_untouched() -> None:
    frames = list(clean(2, 4))
    assert through("deinterlace.learned", frames) == frames
    forced = through("deinterlace.learned=field_order:tff", [replace(frame) for frame in frames])
    assert len(forced) == 8


@pytest.mark.parametrize(
    ("network", "channels"),
    [
        ("deinterlace-fast", 5),
        ("deinterlace-balanced", 12),
        ("deinterlace-first", 5),
        ("deinterlace-best", 8),
        ("denoise-balanced", 4),
        ("upscale-balanced", 1),
    ],
)
def test_a_large_picture_is_made_in_bands_without_a_seam(
    network: str, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = np.random.default_rng(1).random((1, channels, 264, 64), np.float32)
    whole = weights.network(network)(picture)
    monkeypatch.setattr(weights, "_AT_ONCE", 64 * 100)
    assert np.array_equal(weights.network(network)(picture), whole)
    monkeypatch.setattr(weights, "_BEYOND", 4)
    assert not np.array_equal(weights.network(network)(picture), whole)
