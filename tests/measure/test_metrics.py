"""Edges, sharpness and warping error against what is known of made pictures; what is compared, and what is not."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import inf
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from cinemill.measure import metrics
from cinemill.measure.outlines import coherence, sharpness
from cinemill.measure.warping import Follower
from cinemill.media import lavfi
from cinemill.media.colour import Colour
from cinemill.media.types import Frame

TEXTURE = cv2.GaussianBlur(np.random.default_rng(3).normal(0, 1, (200, 400)).astype(np.float32), (0, 0), 2.5)
TEXTURE = 128 + TEXTURE * np.float32(40 / TEXTURE.std())


def pan(count: int = 6, step: int = 3, shape: tuple[int, int] = (96, 128)) -> list[np.ndarray]:
    """Pictures of a camera that goes over a texture, in float code values."""
    high, wide = shape
    return [np.clip(TEXTURE[40 : 40 + high, 20 + step * n : 20 + step * n + wide], 0, 255) for n in range(count)]


def film(pictures: list[Any], format: str = "gray", rate: int = 25, scale: float = 1) -> list[Frame]:
    kind = np.uint8 if scale == 1 else np.uint16
    return [
        Frame((np.rint(picture * scale).astype(kind),), format, n, Fraction(1, rate), 1)
        for n, picture in enumerate(pictures)
    ]


def errors(pictures: list[Any], *versions: list[Any]) -> list[Any]:
    follower = Follower()
    return [follower.errors(*(np.float32(plane) for plane in planes)) for planes in zip(pictures, *versions)]


def test_motion_is_no_warping_error_and_flicker_is_one_of_its_size() -> None:
    pictures = pan()
    blinking = [picture + 8 * (n % 2) for n, picture in enumerate(pictures)]
    first, *rest = errors(pictures, pictures, blinking)
    assert first is None
    for film, same, blinks in rest:
        assert film == same
        assert film < 1.6
        assert blinks == pytest.approx(8, abs=1.2)


def test_what_stays_on_a_moving_picture_is_unrest() -> None:
    """A texture that sticks to the screen while the picture moves, as of a bad filter, is seen."""
    pictures = pan()
    screen = np.random.default_rng(5).normal(0, 6, pictures[0].shape)
    sticking = [picture + screen for picture in pictures]
    carried = [picture + np.roll(screen, -3 * n, axis=1) for n, picture in enumerate(pictures)]
    stuck = [found[1] for found in errors(pictures, sticking)[1:]]
    moving = [found[1] for found in errors(pictures, carried)[1:]]
    assert min(stuck) > 3 * max(moving)


def test_a_cut_has_no_warping_error() -> None:
    assert errors([*pan(2), *(255 - picture[::-1] for picture in pan(2))])[2] is None


def test_pictures_that_hardly_share_anything_have_none_and_small_ones_do_not_fail() -> None:
    tiny = [np.full((4, 6), 100.0), np.full((4, 6), 103.0)]
    assert errors(tiny)[1] == pytest.approx((3.0,))


def test_sharpness_falls_with_blur_and_is_zero_for_a_flat_picture() -> None:
    picture = np.float32(pan(1)[0])
    assert sharpness(np.full((16, 16), 7, np.float32)) == 0
    assert sharpness(picture) > 1.5 * sharpness(cv2.GaussianBlur(picture, (0, 0), 1.5))


def test_sharpness_is_the_spread_of_the_laplacian() -> None:
    plane = np.zeros((9, 9), np.float32)
    plane[4, 4] = 9
    laplacian = np.zeros((9, 9))
    laplacian[4, 4], laplacian[3, 4], laplacian[5, 4], laplacian[4, 3], laplacian[4, 5] = -36, 9, 9, 9, 9
    assert sharpness(plane) == pytest.approx(laplacian.std())


@pytest.mark.parametrize(
    ("change", "low", "high"),
    [
        (lambda p: p, 0.999, 1.001),
        (lambda p: 255 - p, 0.999, 1.001),
        (lambda p: 40 + 0.5 * p, 0.999, 1.001),
        (lambda p: p[:, ::-1], 0.4, 0.6),
        (lambda p: np.full_like(p, 9), 0, 0),
    ],
    ids=["itself", "negative", "faint", "mirrored", "flat"],
)
def test_edges_agree_whatever_their_sign_and_contrast(change: Any, low: float, high: float) -> None:
    picture = np.float32(pan(1)[0])
    assert low <= coherence(picture, np.ascontiguousarray(change(picture), np.float32)) <= high


def test_two_flat_pictures_agree() -> None:
    assert coherence(np.full((8, 8), 3, np.float32), np.full((8, 8), 200, np.float32)) == 1


def measured(source: list[Frame], output: list[Frame]) -> tuple[list[metrics.Line], list[str]]:
    told = metrics.Told()
    return list(metrics.lines(source, output, told)), told.sentences()


def test_identical_films_are_perfect_in_every_line() -> None:
    lines, notes = measured(film(pan()), film(pan()))
    assert len(lines) == 6
    assert notes == []
    assert all(line.psnr == inf and line.ssim == pytest.approx(1) and line.edges == pytest.approx(1) for line in lines)
    assert all(line.warping == line.warping_source for line in lines)


def test_known_noise_gives_its_error() -> None:
    pictures = pan()
    noisy = [np.clip(p + np.random.default_rng(n).normal(0, 5, p.shape), 0, 255) for n, p in enumerate(pictures)]
    found = metrics.statistics(measured(film(pictures), film(noisy))[0])
    assert found["mse"].mean == pytest.approx(25, rel=0.06)
    assert found["psnr"].mean == pytest.approx(34.15, abs=0.3)
    # The difference of two frames' noise has twice its variance; the mean of |x| is 0.8 sigma.
    assert found["warping"].mean == pytest.approx(5 * 2**0.5 * 0.798, rel=0.2)
    assert found["sharpness"].mean > found["sharpness_source"].mean


def test_a_larger_output_is_compared_at_the_size_of_its_source() -> None:
    pictures = pan()
    doubled = [cv2.resize(np.float32(p), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC) for p in pictures]
    lines, notes = measured(film(pictures), film([np.clip(p, 0, 255) for p in doubled]))
    assert notes == []
    assert min(line.psnr for line in lines if line.psnr) > 38


def test_another_depth_and_twice_the_rate_are_compared_where_they_can_be() -> None:
    pictures = pan()
    twice = [picture for picture in pictures for _ in (0, 1)]
    lines, notes = measured(film(pictures), film(twice, "gray10le", rate=50, scale=1023 / 255))
    assert len(lines) == 6
    assert min(line.psnr for line in lines if line.psnr) > 45
    assert notes == ["6 frames of the distorted have no partner in time"]


def test_rgb_is_compared_with_yuv_by_its_luma() -> None:
    rgb = [
        Frame((np.repeat(np.uint8(p)[..., None], 3, axis=2),), "rgb24", n, Fraction(1, 25), 1)
        for n, p in enumerate(pan())
    ]
    lines, notes = measured(rgb, rgb)
    assert notes == []
    assert all(line.psnr == inf for line in lines)


def colour_film(format: str, range: Any = "limited", size: tuple[int, int] = (128, 96)) -> list[Frame]:
    """The pan as a film of any format, converted by libav from grey with some colour."""
    plain = []
    for number, picture in enumerate(pan(5, shape=size[::-1])):
        luma = np.uint8(np.clip(picture, 16, 235))
        tint = [cv2.resize(np.uint8(128 + (picture - 128) / part), size) for part in (4, -6)]
        colour = Colour("bt709", "bt709", "bt709", "limited")
        plain.append(Frame((luma, *tint), "yuv444p", number, Fraction(1, 25), 1, colour))
    stream = lavfi.run(plain, f"scale=out_range={range}") if range != "limited" else iter(plain)
    return list(lavfi.converted(stream, format))


@pytest.mark.parametrize(
    ("one", "other", "least"),
    [
        (("yuv420p",), ("yuv444p10le",), 45),
        (("yuv420p10le",), ("yuv420p",), 45),
        (("yuv422p",), ("yuv420p",), 45),
        (("yuv444p",), ("gray",), 45),
        (("gray10le",), ("yuv420p",), 45),
        (("yuv444p",), ("gbrp",), 40),
        (("rgb24",), ("yuv444p",), 40),
        (("yuv420p", "full"), ("yuv420p",), 40),
        (("yuv420p",), ("yuv420p", "full"), 40),
        (("yuv420p", "limited", (33, 17)), ("yuv420p", "limited", (33, 17)), 99),
        (("yuv420p", "limited", (2, 2)), ("yuv420p", "limited", (2, 2)), 99),
        (("gray", "limited", (1, 1)), ("gray", "limited", (1, 1)), 99),
    ],
)
def test_any_two_formats_of_the_same_film_are_nearly_the_same(one: Any, other: Any, least: float) -> None:
    lines, notes = measured(colour_film(*one), colour_film(*other))
    assert notes == []
    assert len(lines) == 5
    assert min(line.psnr_y or 0 for line in lines) > least


def test_a_cropped_output_is_measured_by_itself_and_that_is_said() -> None:
    pictures = pan()
    lines, (note,) = measured(film(pictures), film([picture[:, :80] for picture in pictures]))
    assert "another shape" in note
    assert len(lines) == 6
    assert {line.psnr for line in lines} == {None}
    assert all(line.sharpness for line in lines)
    assert all(line.warping is not None for line in lines[1:])


def test_films_of_different_times_are_not_compared_and_that_is_said() -> None:
    late = [replace(frame, pts=frame.pts + 1000) for frame in film(pan())]
    lines, (note, *_) = measured(film(pan()), late)
    assert lines == []
    assert "same time" in note


def test_statistics_are_of_the_frames_that_have_a_figure_and_find_the_worst() -> None:
    lines = [metrics.Line(time=float(n), ssim=1 - n / 100, warping=n or None) for n in range(101)]
    found = metrics.statistics(lines)
    assert set(found) == {"ssim", "warping"}
    assert found["ssim"].median == pytest.approx(0.5)
    assert found["ssim"].worst == 100
    assert (found["warping"].min, found["warping"].max, found["warping"].worst) == (1, 100, 100)
    assert found["ssim"].p5 == pytest.approx(0.05)


def test_lines_are_json_without_infinity(tmp_path: Path) -> None:
    import json

    metrics.write_lines([metrics.Line(1.5, psnr=inf, ssim=1.0)], tmp_path / "m.jsonl")
    (said,) = (tmp_path / "m.jsonl").read_text().splitlines()
    assert "Infinity" not in said
    assert json.loads(said)["psnr"] is None
    assert json.loads(said)["time"] == 1.5


def test_plots_are_of_what_was_measured() -> None:
    assert [plot.title for plot in metrics.plots([metrics.Line(0.0, sharpness=3.0)])] == [
        "Sharpness over time, in code values"
    ]
