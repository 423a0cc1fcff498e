from fractions import Fraction

import numpy as np
import pytest

from cinemill.errors import InvalidParams, UnsupportedMedia
from cinemill.learn.tape import Tape, tape
from cinemill.media.types import Frame

WIDTH, HEIGHT = 240, 144


def frame(number: int, luma: np.ndarray, cb: np.ndarray | None = None, format: str = "yuv420p") -> Frame:
    half = (-(-luma.shape[0] // 2), -(-luma.shape[1] // 2))
    grey = np.full(half, 128 if luma.dtype == np.uint8 else 512, luma.dtype)
    planes = (luma, grey if cb is None else cb, grey.copy())
    return Frame(planes, format, 7 + number, Fraction(1, 50), 1)


def noise_pictures(count: int, height: int = HEIGHT, width: int = WIDTH) -> list[Frame]:
    rng = np.random.default_rng(0)
    half = (-(-height // 2), -(-width // 2))
    return [
        frame(n, rng.integers(16, 236, (height, width), np.uint8), rng.integers(16, 241, half, np.uint8))
        for n in range(count)
    ]


def grey_pictures(count: int) -> list[Frame]:
    return [frame(n, np.full((HEIGHT, WIDTH), 120, np.uint8)) for n in range(count)]


def step(count: int, plane: int = 0) -> list[Frame]:
    """Pictures whose left half is darker than their right half by 100 code values in one plane."""
    luma = np.full((HEIGHT, WIDTH), 60, np.uint8)
    cb = np.full((HEIGHT // 2, WIDTH // 2), 60, np.uint8)
    target = (luma, cb)[plane]
    target[:, target.shape[1] // 2 :] = 160
    return [frame(n, luma.copy(), cb.copy()) for n in range(count)]


def played(frames: list[Frame], seed: int = 0, **amounts) -> list[Frame]:
    return list(tape(iter(frames), Tape(**amounts), seed))


@pytest.mark.parametrize(("order", "early"), [("tff", 0), ("bff", 1)])
@pytest.mark.parametrize("height", [HEIGHT, 45])
def test_without_damage_every_line_is_the_original_of_its_field(order, early, height):
    frames = noise_pictures(6, height)
    out = played(frames, field_order=order)
    assert len(out) == 3
    for number, woven in enumerate(out):
        assert woven.field_order == order
        for plane, first, second in zip(woven.planes, frames[2 * number].planes, frames[2 * number + 1].planes):
            assert np.array_equal(plane[early::2], first[early::2])
            assert np.array_equal(plane[1 - early :: 2], second[1 - early :: 2])


def test_a_tape_frame_has_the_clock_of_its_earlier_field_and_lasts_for_both():
    out = played(noise_pictures(4))
    assert [(f.pts, f.duration, f.time_base) for f in out] == [(7, 2, Fraction(1, 50)), (9, 2, Fraction(1, 50))]


def test_a_last_picture_without_partner_is_not_lost():
    frames = noise_pictures(3)
    last = played(frames)[1]
    assert last.duration == 2
    assert all(np.array_equal(a, b) for a, b in zip(last.planes, frames[2].planes))


def test_originals_are_not_written_to():
    frames = noise_pictures(2)
    before = [plane.copy() for f in frames for plane in f.planes]
    played(frames, luma_noise=5, chroma_noise=5, dropouts=20, head_switch=8, line_jitter=1, ringing=0.2)
    assert all(np.array_equal(a, b) for a, b in zip(before, [plane for f in frames for plane in f.planes]))


@pytest.mark.parametrize("sigma", [2.0, 6.0])
def test_noise_has_the_sigma_that_was_asked_for(sigma):
    out = played(grey_pictures(8), luma_noise=sigma, chroma_noise=sigma)
    for plane, middle in zip(range(3), (120, 128, 128)):
        measured = np.std(np.stack([f.planes[plane].astype(float) - middle for f in out]))
        assert measured == pytest.approx(sigma, rel=0.1)


def test_noise_is_shared_by_neighbours_of_a_line_and_not_by_lines_or_frames():
    out = played(grey_pictures(8), luma_noise=8, chroma_noise=8)

    def alike(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])

    luma, chroma = np.stack([f.planes[0] for f in out]), np.stack([f.planes[1] for f in out])
    assert 0.3 < alike(luma[..., 1:], luma[..., :-1]) < 0.8
    assert alike(chroma[..., 1:], chroma[..., :-1]) > 0.85
    assert abs(alike(luma[:, 1:], luma[:, :-1])) < 0.03
    assert abs(alike(luma[1:], luma[:-1])) < 0.03


@pytest.mark.parametrize("shift", [3.0, -2.5])
def test_chroma_moves_sideways_by_the_shift_and_luma_stays(shift):
    period = 15
    wave = 128 + 60 * np.sin(2 * np.pi * np.arange(WIDTH // 2) / period + np.arange(HEIGHT // 2)[:, None])
    original = frame(0, noise_pictures(1)[0].planes[0].copy(), np.rint(wave).astype(np.uint8))
    (out,) = played([original, original], chroma_shift=shift)
    assert np.array_equal(out.planes[0], original.planes[0])
    tone = np.exp(-2j * np.pi * np.arange(15, 105) / period)
    before, after = (plane[:, 15:105].astype(float) @ tone for plane in (original.planes[1], out.planes[1]))
    late = -np.angle(after / before) * period / (2 * np.pi)
    assert 2 * late == pytest.approx(np.full(late.size, shift), abs=0.05)


@pytest.mark.parametrize(("plane", "amount", "columns_per_px"), [(0, "luma_blur", 1), (1, "chroma_blur", 0.5)])
def test_blur_spreads_an_edge_by_its_sigma(plane, amount, columns_per_px):
    (out,) = played(step(2, plane), **{amount: 4.0})
    edge = np.diff(out.planes[plane].astype(float), axis=1)[20]
    x = np.arange(edge.size)
    centre = (x * edge).sum() / edge.sum()
    sigma = np.sqrt(((x - centre) ** 2 * edge).sum() / edge.sum())
    assert sigma == pytest.approx(4.0 * columns_per_px, rel=0.1)
    assert np.ptp(out.planes[1 - plane]) in (0, 100)


def test_ringing_overshoots_to_the_right_of_an_edge_by_its_share():
    (out,) = played(step(2), ringing=0.2)
    row = out.planes[0][31].astype(int)
    assert np.all(row[: WIDTH // 2] == 60)
    assert row.max() == 180
    assert WIDTH // 2 < row.argmax() < WIDTH // 2 + 4
    assert row.min() >= 60
    assert row[WIDTH // 2 + 17 :].tolist() == [160] * (WIDTH // 2 - 17)


def test_lines_are_displaced_by_the_jitter_and_colour_goes_with_them():
    ramp = np.broadcast_to(np.linspace(20, 230, WIDTH), (HEIGHT, WIDTH)).astype(np.uint8)
    bars = [frame(n, ramp.copy(), ramp[::2, ::2].copy()) for n in range(16)]
    out = played(bars, line_jitter=2.0)
    gain = 210 / (WIDTH - 1)  # code values per pixel
    inner = slice(20, -20)
    moved = np.concatenate([((ramp - f.planes[0].astype(float))[:, inner].mean(axis=1)) / gain for f in out])
    assert moved.std() == pytest.approx(2.0, rel=0.1)
    chroma = (ramp[::2, ::2] - out[0].planes[1].astype(float))[:, 10:-10].mean(axis=1) / gain
    luma = (ramp - out[0].planes[0].astype(float))[:, inner].mean(axis=1) / gain
    # Chroma rows of the upper field belong to luma rows 0, 4, 8 … and their neighbours of that field.
    assert np.corrcoef(chroma[0::2], luma[0::4])[0, 1] > 0.9


def test_dropouts_come_as_often_as_they_were_asked_for():
    count = 60
    out = played(grey_pictures(2 * count), dropouts=5.0)
    streaks = sum(len(np.flatnonzero((np.abs(f.planes[0].astype(int) - 120) > 60).any(axis=1))) for f in out)
    # Two on one line count once here, which is rare: 5 streaks on 144 lines.
    assert streaks / count == pytest.approx(5.0, rel=0.15)
    values = np.unique(np.concatenate([f.planes[0].ravel() for f in out]))
    assert values.min() == 16
    assert values.max() == 235


@pytest.mark.parametrize("rows", [6, 7])
def test_head_switching_tears_the_lowest_rows_and_no_other(rows):
    stripes = np.broadcast_to(120 + 60 * np.sin(np.arange(WIDTH) / 5), (HEIGHT, WIDTH)).astype(np.uint8)
    frames = [frame(n, stripes.copy()) for n in range(16)]
    out = played(frames, head_switch=rows)
    error = np.stack([f.planes[0].astype(float) - stripes for f in out]).std(axis=(0, 2))
    assert np.all(error[:-rows] == 0)
    assert np.all(error[-rows:] > 15)


def test_the_same_seed_gives_the_same_damage_and_another_seed_other():
    everything = {"luma_noise": 3, "chroma_noise": 3, "line_jitter": 0.5, "dropouts": 4, "head_switch": 6, "seed": 5}
    first, again = played(noise_pictures(4), **everything), played(noise_pictures(4), **everything)
    assert all(np.array_equal(a, b) for x, y in zip(first, again) for a, b in zip(x.planes, y.planes))
    other = played(noise_pictures(4), **{**everything, "seed": 6})
    assert not np.array_equal(other[0].planes[0], first[0].planes[0])


def test_amounts_count_8_bit_steps_at_any_depth():
    frames = [frame(n, np.full((HEIGHT, WIDTH), 480, np.uint16), format="yuv420p10le") for n in range(8)]
    out = played(frames, luma_noise=4.0)
    assert out[0].planes[0].dtype == np.uint16
    assert np.std(np.stack([f.planes[0] for f in out]).astype(float)) == pytest.approx(16.0, rel=0.1)


def test_rgb_and_negative_amounts_are_refused():
    rgb = Frame((np.zeros((4, 4, 3), np.uint8),), "rgb24", 0, Fraction(1, 50))
    with pytest.raises(UnsupportedMedia):
        next(tape(iter([rgb, rgb]), Tape(), 0))
    with pytest.raises(InvalidParams, match="luma_noise"):
        Tape.of({"luma_noise": -1}, "tape")
