"""Dirt and scratches of film: they go, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from repairs import SEEDS, clean, cost, deepened, noisy, psnr, same, still, texture, through, twice, with_luma

from cinemill.damage import film
from cinemill.damage.amounts import Film
from cinemill.media import read
from cinemill.media.types import Frame, Plane

WORN = "simulate.film=grain:2:weave:0.4:flicker:0.04"
"""What film is like besides; chance is drawn from the frame's time, so that it is the same with dirt and without."""
SIZE = (320, 256)


@pytest.mark.parametrize("seed", SEEDS)
def test_dirt_goes_on_film_that_flickers_weaves_and_has_grain(seed: int) -> None:
    truth = through(WORN, clean(seed, size=SIZE))
    dirty = through(f"{WORN}:dirt:10:white_dirt:0.4", clean(seed, size=SIZE))
    made = through("dirt", dirty)
    assert psnr(truth, made) > psnr(truth, dirty) + 6
    assert psnr(truth, made, 1) > psnr(truth, dirty, 1) + 3


@pytest.mark.parametrize("chain", ["dirt", "scratches"])
@pytest.mark.parametrize("seed", SEEDS)
def test_clean_film_loses_nothing(chain: str, seed: int) -> None:
    worn = through(WORN, clean(seed, size=SIZE))
    assert psnr(worn, through(chain, worn)) > 55
    assert cost(clean(seed, size=SIZE), noisy(clean(seed, size=SIZE), 2), chain) < 0.1


def test_what_is_not_dirt_keeps_its_bits() -> None:
    dirty = through("simulate.film=dirt:10", clean(5, size=SIZE))
    made = through("dirt", dirty)
    shares: list[float] = []
    for one, other in zip(dirty, made):
        known = film.truth(one.pts * one.time_base, one.width, one.height, Film(dirt=10))
        near = cv2.dilate(np.uint8(known.mask("speck", "fibre") > 0), np.ones((7, 7), np.uint8)) > 0
        shares.append(float(((one.planes[0] != other.planes[0]) & ~near).mean()))
    assert max(shares) < 4e-3
    assert np.mean(shares) < 1e-3


def speck(frames: list[Frame], at: dict[int, tuple[int, int]], size: int = 5, colour: int = 220) -> list[Frame]:
    """A square of `size` px at (row, column) of the frames whose number is given."""

    def change(number: int, luma: np.ndarray) -> np.ndarray:
        if number in at:
            row, column = at[number]
            luma[row : row + size, column : column + size] = colour
        return luma

    return with_luma(frames, change)


GROUND = still(texture(128, 160, scale=6) / 2, 9)


def test_speck_of_one_frame_goes() -> None:
    made = through("dirt", speck(GROUND, {4: (60, 80)}))
    assert np.abs(made[4].planes[0].astype(int) - GROUND[4].planes[0]).max() <= 2


@pytest.mark.parametrize("step", [4, 9])
def test_small_thing_that_flies_by_stays(step: int) -> None:
    flying = speck(noisy(GROUND, 1), {n: (60 + n, 30 + step * n) for n in range(9)})
    made = through("dirt", flying)
    for n in range(9):
        thing = (slice(60 + n, 65 + n), slice(30 + step * n, 35 + step * n))
        assert np.array_equal(made[n].planes[0][thing], flying[n].planes[0][thing])


def shadow(frames: list[Frame], number: int) -> list[Frame]:
    """A dark stripe in every frame but for one, in which it bends up and shows the ground where it was."""

    def change(n: int, luma: np.ndarray) -> np.ndarray:
        luma[60:66, 30:130] = 20
        if n == number:
            luma[60:63, 70:100] = GROUND[0].planes[0][60:63, 70:100]
            luma[66:76, 70:100] = 20
        return luma

    return with_luma(frames, change)


def test_shadow_that_changes_its_shape_for_a_moment_stays() -> None:
    film = shadow(noisy(GROUND, 1), 4)
    made = through("dirt", film)
    assert np.array_equal(made[4].planes[0][56:80, 66:104], film[4].planes[0][56:80, 66:104])


def test_speck_on_a_frame_that_film_repeats_goes_from_both() -> None:
    dirty = twice(speck(noisy(GROUND, 1), {4: (60, 80)}))
    made = through("dirt", dirty)
    for n in (8, 9):
        assert made[n].planes[0][60:65, 80:85].max() < 130


def test_size_is_the_largest_that_counts_as_dirt() -> None:
    dirty = speck(GROUND, {4: (40, 60)}, size=20)
    assert same(through("dirt=size:10", dirty), dirty)
    assert not same(through("dirt=size:20", dirty), dirty)


def test_dirt_takes_its_colour_along() -> None:
    frames = list(GROUND)
    planes = [plane.copy() for plane in speck(GROUND, {4: (60, 80)})[4].planes]
    planes[1][30:33, 40:43] = 90
    frames[4] = replace(frames[4], planes=tuple(planes))
    made = through("dirt", frames)[4]
    assert np.array_equal(made.planes[1], GROUND[4].planes[1])


def test_first_and_last_frame_of_a_scene_are_left() -> None:
    film = speck([*GROUND[:4], *clean(5, 4, size=(160, 128))], {3: (60, 80)})
    made = through("dirt", film)
    assert same(made[3:5], film[3:5])


def test_more_bits_are_kept() -> None:
    deep = deepened(speck(GROUND, {4: (60, 80)}))
    made = through("dirt", deep)
    assert made[4].planes[0].dtype == np.uint16
    assert made[4].planes[0][60:65, 80:85].max() < 130 * 4
    assert np.array_equal(made[4].planes[0][:50], deep[4].planes[0][:50])


def test_chaplin_loses_dust_and_no_limb(real: Callable[[str], Path]) -> None:
    """He runs into the picture, blurred; a white spot as large as a hand is on the palms at 3.6 s."""
    info = read.probe(real("chaplin.mp4"))
    frames = [frame for frame in read.frames(info) if frame.time < 0.8 or 3.4 < frame.time < 3.9]
    made = through("dirt", frames)
    changed = {round(one.time, 2): (one.planes[0] != other.planes[0]) for one, other in zip(frames, made)}
    assert max(mask.mean() for mask in changed.values()) < 0.003
    assert changed[3.64][:, :140].sum() > 40
    assert not changed[0.08][300:, 500:].any(), "his shadow comes into the picture"
    assert not changed[0.6][300:, 430:].any(), "and changes its shape"


def lined(frames: list[Frame], column: float, depth: float, rows: slice = slice(None)) -> list[Frame]:
    """A soft vertical line, two pixels wide, that trembles."""

    def change(number: int, luma: np.ndarray) -> np.ndarray:
        x = np.arange(luma.shape[1]) - column - 0.4 * np.sin(number)
        luma[rows] += depth * np.exp(-0.5 * (x / 0.9) ** 2)
        return luma

    return with_luma(frames, change)


@pytest.mark.parametrize("depth", [-40, 25])
@pytest.mark.parametrize("seed", SEEDS)
def test_scratch_from_top_to_bottom_goes(seed: int, depth: float) -> None:
    truth = noisy(clean(seed, size=SIZE), 1.5)
    scratched = lined(truth, 100.3, depth)
    made = through("scratches", scratched)
    assert psnr(truth, made) > psnr(truth, scratched) + 5
    far = [0, *range(1, 90), *range(112, SIZE[0])]
    assert all(np.array_equal(a.planes[0][:, far], b.planes[0][:, far]) for a, b in zip(made, scratched))


def test_line_over_part_of_the_height_stays_unless_asked_for() -> None:
    scratched = lined(noisy(GROUND, 1), 80, 40, slice(0, 70))
    assert same(through("scratches", scratched), scratched)
    made = through("scratches=length:45", scratched)
    assert psnr(noisy(GROUND, 1), made) > psnr(noisy(GROUND, 1), scratched) + 5


def test_bar_wider_than_the_scratches_that_were_named_stays() -> None:
    barred = with_luma(noisy(GROUND, 1), lambda _, luma: luma + 60 * (np.abs(np.arange(160) - 80) < 6))
    assert same(through("scratches", barred), barred)


@pytest.mark.parametrize("depth", [0, -40])
def test_edges_of_a_picture_between_black_bars_are_no_scratches(depth: float) -> None:
    """Film in a wide frame is often brighter at its rim."""

    def between(_: int, luma: Plane) -> Plane:
        luma = luma.copy()
        luma[:, 21:24] += 20
        luma[:, :20], luma[:, 20], luma[:, 141:] = 16, 36, 16
        return luma

    truth = with_luma(noisy(GROUND, 1), between)
    made = through("scratches", lined(truth, 80.3, depth) if depth else truth)
    away = [*range(72), *range(90, 160)]
    assert all(np.array_equal(a.planes[0][:, away], b.planes[0][:, away]) for a, b in zip(made, truth))
    assert psnr(truth, made) > 45


def test_dirt_is_taken_out_of_each_field_on_its_own() -> None:
    tape = [replace(frame, field_order="tff") for frame in GROUND]
    dirty = with_luma(tape, lambda n, luma: _streaked(luma) if n == 4 else luma)
    made = through("dirt", dirty)
    assert np.abs(made[4].planes[0].astype(int) - GROUND[4].planes[0]).max() <= 4
    assert made[4].field_order == "tff"


def _streaked(luma: np.ndarray) -> np.ndarray:
    luma[60:72:2, 80:86] = 220
    return luma


def test_time_of_a_frame_does_not_matter() -> None:
    late = [replace(frame, time_base=Fraction(1, 16)) for frame in speck(GROUND, {4: (60, 80)})]
    assert same(through("dirt", late), through("dirt", speck(GROUND, {4: (60, 80)})))
