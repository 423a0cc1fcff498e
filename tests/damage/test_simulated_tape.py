from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from stills import HEIGHT, WIDTH, at_other_clock, blurred_edge, deep, flat, frame, luma, noise, same, step

from cinemill.catalogue import Params
from cinemill.damage.amounts import Tape, scaled
from cinemill.damage.tape import TapeTruth, damaged, truth
from cinemill.errors import InvalidParams
from cinemill.media.types import Frame

EVERYTHING: dict[str, Any] = {
    "passes": 2,
    "luma_blur": 1,
    "chroma_blur": 4,
    "chroma_shift": 3,
    "chroma_drop": 2,
    "colour_loss": 0.1,
    "ringing": 0.2,
    "line_jitter": 0.5,
    "wander": 0.5,
    "flagging": 4,
    "head_switch": 6,
    "luma_noise": 3,
    "chroma_noise": 3,
    "dropouts": 4,
}


def played(frames: list[Frame], **amounts: Any) -> list[Frame]:
    return [damaged(one, Tape(**amounts)) for one in frames]


def known(one: Frame, **amounts: Any) -> TapeTruth:
    return truth(one.pts * one.time_base, one.width, one.height, Tape(**amounts))


@pytest.mark.parametrize("size", [(HEIGHT, WIDTH), (45, 61), (1, 7)])
def test_nothing_asked_for_changes_nothing(size):
    frames = noise(2, *size)
    assert all(same(a, b) for a, b in zip(played(frames, seed=3, passes=2, compensated=0.5), frames))


def test_everything_at_once_works_on_odd_sizes_and_keeps_the_clock():
    for size in ((45, 61), (2, 9), (1, 7)):
        (before,) = noise(1, *size)
        (after,) = played([before], **EVERYTHING)
        assert [plane.shape for plane in after.planes] == [plane.shape for plane in before.planes]
        assert (after.pts, after.time_base, after.duration) == (before.pts, before.time_base, before.duration)


def test_originals_are_not_written_to():
    frames = noise(2)
    before = [plane.copy() for f in frames for plane in f.planes]
    played(frames, **EVERYTHING)
    assert all(np.array_equal(a, b) for a, b in zip(before, [plane for f in frames for plane in f.planes]))


def test_damage_hangs_on_seed_and_time_alone():
    first, second = noise(2)
    (once,) = played([first], **EVERYTHING)
    assert same(once, *played([first], **EVERYTHING))
    (elsewhere,) = played([at_other_clock(first)], **EVERYTHING)
    assert np.array_equal(once.planes[0], elsewhere.planes[0])
    (other,) = played([first], seed=1, **EVERYTHING)
    assert not np.array_equal(once.planes[0], other.planes[0])
    assert not np.array_equal(known(first, line_jitter=1).shifts, known(second, line_jitter=1).shifts)


def test_more_noise_leaves_dropouts_and_lines_where_they_are():
    (one,) = flat(1)
    quiet, loud = (known(one, **EVERYTHING | {"luma_noise": sigma}) for sigma in (0, 20))
    assert quiet.dropouts == loud.dropouts
    assert np.array_equal(quiet.shifts, loud.shifts)


@pytest.mark.parametrize("sigma", [2.0, 6.0])
def test_noise_has_the_sigma_that_was_asked_for(sigma):
    out = played(flat(16), luma_noise=sigma, chroma_noise=sigma)
    for plane, middle in zip(range(3), (120, 128, 128)):
        measured = np.std(np.stack([f.planes[plane].astype(float) - middle for f in out]))
        assert measured == pytest.approx(sigma, rel=0.1)


def test_luma_noise_is_shared_by_neighbours_of_a_line_and_chroma_noise_comes_in_patches():
    def alike(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])

    out = played(flat(8), luma_noise=8, chroma_noise=8)
    y, cb = luma(out), np.stack([f.planes[1] for f in out])
    assert 0.3 < alike(y[..., 1:], y[..., :-1]) < 0.8
    assert abs(alike(y[:, 1:], y[:, :-1])) < 0.03
    assert alike(cb[..., 1:], cb[..., :-1]) > 0.85
    assert alike(cb[:, 2:], cb[:, :-2]) > 0.3
    assert abs(alike(y[1:], y[:-1])) < 0.03


def test_amounts_count_8_bit_steps_at_any_depth():
    out = played(deep(8), luma_noise=4.0)
    assert out[0].planes[0].dtype == np.uint16
    assert luma(out).std() == pytest.approx(16.0, rel=0.1)


def _late(after: Frame, before: Frame, axis: int, period: int) -> np.ndarray:
    """By how many samples of Cb a wave along `axis` has moved, for every line across it."""
    inner = slice(period, 3 * period)
    planes = [np.moveaxis(f.planes[1], axis, 1)[:, inner].astype(float) for f in (before, after)]
    tone = np.exp(-2j * np.pi * np.arange(period, 3 * period) / period)
    first, second = (plane @ tone for plane in planes)
    return -np.angle(second / first) * period / (2 * np.pi)


@pytest.mark.parametrize(("amount", "axis"), [("chroma_shift", 1), ("chroma_drop", 0)])
@pytest.mark.parametrize("shift", [3.0, -2.5])
@pytest.mark.parametrize("passes", [1, 2])
def test_colour_lies_where_it_was_said_and_luma_stays(amount, axis, shift, passes):
    period = 18
    y, x = np.mgrid[: HEIGHT // 2, : WIDTH // 2]
    along, across = (x, y) if axis else (y, x)
    wave = 128 + 60 * np.sin(2 * np.pi * along / period + across)
    original = frame(0, noise(1)[0].planes[0].copy(), np.rint(wave).astype(np.uint8))
    (out,) = played([original], passes=passes, **{amount: shift})
    assert np.array_equal(out.planes[0], original.planes[0])
    late = _late(out, original, axis, period)[10:-10]
    assert 2 * late.mean() == pytest.approx(passes * shift, abs=0.1)


@pytest.mark.parametrize(("plane", "amount", "columns_per_px"), [(0, "luma_blur", 1), (1, "chroma_blur", 0.5)])
@pytest.mark.parametrize("passes", [1, 3])
def test_blur_spreads_an_edge_by_its_sigma_once_per_pass(plane, amount, columns_per_px, passes):
    (out,) = played([step(plane)], passes=passes, **{amount: 4.0})
    sigma = blurred_edge(out.planes[plane][20])
    assert sigma == pytest.approx(4.0 * columns_per_px * passes**0.5, rel=0.1)
    assert np.ptp(out.planes[1 - plane]) in (0, 100)


def test_ringing_overshoots_to_the_right_of_an_edge_by_its_share():
    (out,) = played([step()], ringing=0.2)
    row = out.planes[0][31].astype(int)
    assert np.all(row[: WIDTH // 2] == 60)
    assert row.max() == 180
    assert WIDTH // 2 < row.argmax() < WIDTH // 2 + 4
    assert row.min() >= 60
    assert row[WIDTH // 2 + 17 :].tolist() == [160] * (WIDTH // 2 - 17)


def test_colour_loss_takes_its_share_once_per_pass():
    for passes, left in ((1, 0.8), (2, 0.64)):
        (out,) = played(flat(1, colour=228), colour_loss=0.2, passes=passes)
        assert np.all(out.planes[1] == round(128 + 100 * left))


RAMP = np.broadcast_to(np.linspace(20, 230, WIDTH), (HEIGHT, WIDTH))
GAIN = 210 / (WIDTH - 1)
"""Code values per pixel of the ramp."""


def ramps(count: int) -> list[Frame]:
    """12 bits, or else rounding would hide small shifts."""
    steps = np.rint(16 * RAMP).astype(np.uint16)
    return [frame(n, steps, steps[::2, ::2], "yuv420p12le") for n in range(count)]


@pytest.mark.parametrize(
    "amounts",
    [{"line_jitter": 2.0}, {"wander": 2.0}, {"flagging": 6.0}, {"line_jitter": 1.0, "wander": 1, "passes": 2}],
)
def test_every_line_is_displaced_as_the_truth_says_and_colour_goes_with_it(amounts):
    frames = ramps(4)
    for before, after in zip(frames, played(frames, **amounts)):
        shifts = known(before, **amounts).shifts
        moved = ((RAMP - after.planes[0] / 16)[:, 20:-20]).mean(axis=1) / GAIN
        assert moved == pytest.approx(shifts, abs=0.1)
        chroma = (RAMP[::2, ::2] - after.planes[1] / 16)[:, 10:-10].mean(axis=1) / GAIN
        # Chroma rows of the upper field belong to luma rows 0, 4, 8 …, those of the lower one to 1, 5, 9 ….
        assert chroma[0::2] == pytest.approx(shifts[0::4], abs=0.2)
        assert chroma[1::2] == pytest.approx(shifts[1::4], abs=0.2)


@pytest.mark.parametrize("amount", ["line_jitter", "wander"])
def test_displacement_has_the_sigma_that_was_asked_for(amount):
    # The sway is long in time and space, so a few seconds far apart are looked at.
    times = [Fraction(n, 2) for n in range(300)]
    shifts = np.concatenate([truth(time, 720, 576, Tape(**{amount: 2.0})).shifts for time in times])
    assert shifts.mean() == pytest.approx(0, abs=0.1)
    assert shifts.std() == pytest.approx(2.0, rel=0.1)


def test_flagging_bends_the_top_line_and_leaves_the_middle():
    times = [Fraction(n, 2) for n in range(100)]
    shifts = np.mean([truth(time, 720, 576, Tape(flagging=20)).shifts for time in times], axis=0)
    assert shifts[0] == pytest.approx(20, rel=0.1)
    assert abs(shifts[60]) < 1


def test_head_switching_tears_the_lowest_rows_and_no_other():
    stripes = np.rint(np.broadcast_to(120 + 60 * np.sin(np.arange(WIDTH) / 5), (HEIGHT, WIDTH))).astype(np.uint8)
    for rows in (6, 7):
        frames = [frame(n, stripes) for n in range(16)]
        error = (luma(played(frames, head_switch=rows)) - stripes).std(axis=(0, 2))
        assert np.all(error[:-rows] == 0)
        assert np.all(error[-rows:] > 15)
        assert known(frames[0], head_switch=rows).torn == rows


def test_dropouts_come_as_often_as_they_were_asked_for():
    count = np.mean([len(known(one, dropouts=5.0).dropouts) for one in flat(200)])
    assert count == pytest.approx(5.0, rel=0.1)


def test_dropouts_lie_where_the_truth_says_and_nowhere_else():
    frames = flat(30)
    for before, after in zip(frames, played(frames, dropouts=5)):
        changed = after.planes[0] != before.planes[0]
        mask = known(before, dropouts=5).dropout_mask()
        assert not np.any(changed & ~mask)
        assert changed.sum() >= 0.95 * mask.sum()
        for one in known(before, dropouts=5).dropouts:
            assert after.planes[0][one.row, one.start] in (16, 235)


def test_dropouts_of_an_earlier_pass_are_displaced_by_the_later_one():
    amounts = {"passes": 2, "dropouts": 4, "flagging": 40}
    moved = 0
    for before, after in zip(flat(40), played(flat(40), **amounts)):
        early, late = known(before, **amounts | {"passes": 1}).dropouts, known(before, **amounts).dropouts
        moved += sum(one.row < 12 and one not in late for one in early)
        for one in late:
            if 0 < one.start < WIDTH - 20 and sum(one.row == other.row for other in late) == 1:
                (hit,) = np.nonzero(np.abs(after.planes[0][one.row].astype(int) - 120) > 50)
                assert abs(hit[0] - one.start) <= 1
    assert moved


def test_dropouts_take_the_colour_away():
    (before,) = flat(1, colour=200)
    (after,) = played([before], dropouts=20)
    row, start = max((one.length, one.row, one.start) for one in known(before, dropouts=20).dropouts)[1:]
    # The chroma row of the same field.
    assert after.planes[1][row // 4 * 2 + row % 2, start // 2] < 140


def test_compensated_dropouts_repeat_the_line_above_in_their_field():
    (before,) = noise(1)
    (after,) = played([before], dropouts=6, compensated=1)
    found = [one for one in known(before, dropouts=6, compensated=1).dropouts if one.row > 1]
    assert found
    for one in found:
        span = slice(one.start, one.start + one.length)
        assert np.array_equal(after.planes[0][one.row, span], after.planes[0][one.row - 2, span])
    assert np.array_equal(after.planes[1], before.planes[1])


def test_strength_scales_amounts_and_nothing_else():
    p = Tape(passes=3, seed=7, luma_noise=4, dropouts=150, chroma_shift=-2, head_switch=8)
    assert scaled(p, 0) == Tape(passes=3, seed=7, head_switch=8)
    assert scaled(p, 2) == Tape(passes=3, seed=7, head_switch=8, luma_noise=8, dropouts=200, chroma_shift=-4)


def test_records_are_json_and_amounts_out_of_range_are_refused():
    record = known(flat(1)[0], **EVERYTHING).record()
    assert len(record["shifts"]) == HEIGHT
    assert record["torn"] == 6
    assert all(set(one) == {"row", "start", "length", "level"} for one in record["dropouts"])
    with pytest.raises(InvalidParams, match="luma_noise"):
        Tape.of({"luma_noise": -1}, "tape")
    assert issubclass(Tape, Params)
