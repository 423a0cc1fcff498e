"""Pencil, cartoon, comic, cinematic and temporal on pictures whose drawing is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from cinemill.errors import InvalidParams
from cinemill.filters import cubes, looks
from cinemill.filters.anchors import Anchors
from cinemill.filters.drawing import noise, work_size
from cinemill.filters.ink import outlines
from cinemill.filters.palette import Scenes
from cinemill.measure.warping import Follower
from cinemill.media.types import Frame
from cinemill.operations.stylize import Stylize, styled
from pictures import CUBE, TAGGED, chain, movie, run, worst

PLAIN = {"look": "none", "contrast": 0, "bloom": 0, "halation": 0, "grain": 0, "vignette": 0}
"""Parameters with which cinematic changes nothing."""
STYLES = ("pencil", "cartoon", "comic", "cinematic", "temporal")


def still(luma: np.ndarray, blue: int = 128, red: int = 128, pts: int = 0) -> Frame:
    """A 4:2:0 frame of one colour and any luma, limited range."""
    height, width = luma.shape
    chroma = [np.full((-(-height // 2), -(-width // 2)), value, np.uint8) for value in (blue, red)]
    return Frame((luma.astype(np.uint8), *chroma), "yuv420p", pts, Fraction(1, 25), 1, TAGGED)


def at_times(frames: Iterable[Frame]) -> list[Frame]:
    return [replace(frame, pts=number) for number, frame in enumerate(frames)]


def textured(seed: int = 0, side: int = 256) -> np.ndarray:
    """Soft spots of all sizes, code values 40 to 210."""
    values = noise(side, 3, seed) + noise(side, 12, seed + 1) + noise(side, 40, seed + 2)
    return np.clip(125 + 28 * values, 40, 210).astype(np.uint8)


@pytest.mark.parametrize("style", STYLES)
def test_still_clip_stays_still(style: str) -> None:
    picture = still(textured(), 110, 150)
    given = {"grain": 0} if style == "cinematic" else {}
    made = run(chain((style, given)), at_times([picture] * 40))
    assert max(worst(made[0], frame) for frame in made) == 0


@pytest.mark.parametrize("anchor", ["paper", "scene"])
@pytest.mark.parametrize("style", ["pencil", "comic"])
def test_dots_and_strokes_do_not_crawl_over_a_still_picture(style: str, anchor: str) -> None:
    made = run(chain((style, {"anchor": anchor})), at_times([still(textured())] * 60))
    assert max(worst(made[0], frame) for frame in made) == 0


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 7), (5, 3)])
@pytest.mark.parametrize("level", [0, 16, 235, 255])
def test_black_white_and_a_few_pixels_are_drawn(style: str, size: tuple[int, int], level: int) -> None:
    frames = at_times([still(np.full(size[::-1], level))] * 3)
    for frame in run(chain((style, {})), frames):
        assert (frame.width, frame.height) == size


def test_large_pictures_are_worked_out_on_as_few_lines_as_small_ones() -> None:
    sizes = [(1920, 1080), (3840, 2160), (7680, 4320), (720, 576)]
    lines = [work_size(still(np.zeros(size[::-1])))[1] for size in sizes]
    assert lines == [540, 540, 540, 576]


@pytest.mark.parametrize("style", ["pencil", "comic", "cartoon"])
def test_deep_pictures_are_drawn_as_those_of_8_bits(style: str) -> None:
    shallow = still(textured(), 110, 150)
    deep = replace(shallow, planes=tuple(p.astype(np.uint16) << 2 for p in shallow.planes), format="yuv420p10le")
    one, other = (run(chain((style, {})), [frame])[0] for frame in (shallow, deep))
    away = np.abs(one.planes[0].astype(float) - other.planes[0] / 4)
    assert np.quantile(away, 0.99) <= 2


class TestCinematic:
    def test_with_nothing_asked_for_nothing_changes(self) -> None:
        frame = still(textured(), 122, 134)
        assert worst(run(chain(("cinematic", PLAIN)), [frame])[0], frame) <= 1

    def test_table_is_read_as_ffmpeg_reads_it(self, tmp_path: Path) -> None:
        file = tmp_path / "a.cube"
        file.write_text(CUBE)
        y, x = np.mgrid[:120, :160]
        planes = (60 + y, 90 + x // 3, 168 - x // 4)
        frame = Frame(tuple(p.astype(np.uint8) for p in planes), "yuv444p", 0, Fraction(1, 25), 1, TAGGED)
        ours = run(chain(("cinematic", PLAIN | {"lut": str(file)})), [frame])[0]
        theirs = run(chain(("lut", {"file": str(file)})), [frame])[0]
        assert worst(theirs, frame) > 10, "the test must be able to fail"
        away = [np.abs(a.astype(int) - b)[4:-4, 4:-4] for a, b in zip(ours.planes, theirs.planes)]
        assert max(float(plane.mean()) for plane in away) < 0.7
        assert max(int(plane.max()) for plane in away) <= 3

    def test_ten_bits_are_kept(self) -> None:
        ramp = np.linspace(64, 940, 1024).astype(np.uint16)[None].repeat(16, 0)
        grey = np.full((8, 512), 512, np.uint16)
        frame = Frame((ramp, grey, grey.copy()), "yuv420p10le", 0, Fraction(1, 25), 1, TAGGED)
        (made,) = run(chain(("cinematic", {"grain": 0, "vignette": 0, "bloom": 0, "halation": 0})), [frame])
        assert len(np.unique(made.planes[0])) > 700

    def test_grain_is_of_its_frame_and_strongest_in_the_middle(self) -> None:
        def spread(level: int, pts: int = 0) -> np.ndarray:
            (made,) = run(chain(("cinematic", PLAIN | {"grain": 1})), [still(np.full((128, 128), level), pts=pts)])
            return made.planes[0].astype(float)

        assert np.array_equal(spread(120, 3), spread(120, 3))
        assert not np.array_equal(spread(120, 3), spread(120, 4))
        assert spread(120).std() > 1.3 * spread(40).std() > 1
        assert abs(spread(120).mean() - 120) < 0.5
        beside = np.corrcoef(spread(120)[:, :-1].ravel(), spread(120)[:, 1:].ravel())[0, 1]
        assert beside > 0.1, "grains are wider than a pixel"

    def test_light_spreads_and_glows_red_close_by(self) -> None:
        luma = np.full((270, 480), 30)
        luma[120:150, 220:260] = 235
        (made,) = run(chain(("cinematic", PLAIN | {"bloom": 1, "halation": 1})), [still(luma)])
        beside, far = made.planes[0][135, 270], made.planes[0][20, 20]
        assert beside > 35 > far
        assert made.planes[2][67, 132] > made.planes[2][10, 10]

    def test_bars_leave_the_shape_that_was_asked_for(self) -> None:
        (made,) = run(chain(("cinematic", PLAIN | {"letterbox": 2.0})), [still(np.full((180, 240), 120))])
        assert (made.planes[0][:30] == 16).all()
        assert (made.planes[0][31:149] > 16).all()

    @pytest.mark.parametrize("name", list(looks.LOOKS))
    def test_look_on_disk_is_the_one_of_its_formula(self, name: str) -> None:
        assert looks.path(name).read_text("utf-8") == looks.text(name)
        cube = cubes.read(looks.path(name))
        grey = cubes.through(cube, np.linspace(0, 1, 65)[:, None].repeat(3, 1).astype(np.float32))
        assert (np.diff(grey.mean(1)) >= 0).all(), "greys keep their order"

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("LUT_1D_SIZE 4\n0 0 0\n", "a table of one dimension"),
            ("nothing of the kind", "no table"),
            ("LUT_3D_SIZE 2\n0 0 0\n", "takes 8 lines of three numbers, it has 1"),
            ("LUT_3D_SIZE 1000\n", "says it is of side 1000"),
            (CUBE.replace("0.90", "nan"), "numbers that are none"),
            ("DOMAIN_MAX 0 0 0\n" + CUBE, "empty domain"),
            ("LUT_3D_SIZE two\n", "it holds something other"),
            (None, "cannot be read"),
        ],
    )
    def test_broken_table_is_refused_in_one_sentence(self, tmp_path: Path, text: str | None, says: str) -> None:
        file = tmp_path / "a.cube"
        if text is not None:
            file.write_text(text)
        with pytest.raises(InvalidParams, match=says) as caught:
            run(chain(("cinematic", {"lut": str(file)})), movie(1))
        assert "\n" not in str(caught.value)


class TestCartoon:
    def test_few_colours_are_left(self) -> None:
        frame = still(textured())
        (made,) = run(chain(("cartoon", {"colours": 4, "lines": 0})), [frame])
        counts = np.bincount(made.planes[0].ravel(), minlength=256)
        near = sum(int(counts[max(0, top - 2) : top + 3].sum()) for top in np.argsort(counts)[-4:])
        assert near > 0.7 * made.planes[0].size
        assert len(np.unique(frame.planes[0])) > 100

    def test_colours_hold_through_a_scene_and_change_at_a_cut(self) -> None:
        dice = np.random.default_rng(1)
        first, second = textured(1), 255 - textured(7)
        frames = [still(first + dice.normal(0, 2, first.shape), 90, 170) for _ in range(30)]
        frames += [still(second + dice.normal(0, 2, first.shape), 180, 90) for _ in range(10)]
        made = run(chain(("cartoon", {"lines": 0})), at_times(frames))
        means = np.array([[plane.mean() for plane in frame.planes] for frame in made])
        assert np.abs(np.diff(means[:30], axis=0)).max() < 0.5
        assert abs(means[30, 1] - means[39, 1]) < 1, "the first picture of the new scene has its colours"
        assert means[30, 1] - means[29, 1] > 60

    def test_a_small_thing_of_its_own_colour_keeps_it(self) -> None:
        luma = np.full((96, 128), 120)
        frame = still(luma)
        red = frame.planes[2].copy()
        red[20:26, 30:36] = 200
        table = Scenes(4, 1.0).table(replace(frame, planes=(*frame.planes[:2], red)))
        assert table[..., 2].max() > 190


class TestComic:
    def test_darker_tones_cover_more_paper(self) -> None:
        means = [
            run(chain(("comic", {"lines": 0, "levels": 64})), [still(np.full((270, 480), level))])[0].planes[0].mean()
            for level in (235, 200, 150, 100, 60, 20)
        ]
        assert all(one > other + 3 for one, other in pairwise(means))

    def test_dots_are_as_far_apart_as_was_asked_for(self) -> None:
        (made,) = run(
            chain(("comic", {"dot": 24, "lines": 0, "offset": 0})),
            [replace(still(np.full((360, 512), 60)), format="gray", planes=(np.full((360, 512), 120, np.uint8),))],
        )
        waves = np.abs(np.fft.fft2(made.planes[0][:, :360] - made.planes[0].mean()))[:180, :180]
        down, across = np.unravel_index(waves.argmax(), waves.shape)
        assert 360 / np.hypot(down, across) == pytest.approx(8, rel=0.1), "24 px of 1080 lines on 360"
        assert np.rad2deg(np.arctan2(down, across)) == pytest.approx(45, abs=3)

    def test_dots_are_no_finer_than_was_asked_for_and_softer_where_that_is_wanted(self) -> None:
        flat = replace(still(np.full((360, 512), 60)), format="gray", planes=(np.full((360, 512), 120, np.uint8),))
        sharp, soft = (
            run(chain(("comic", {"finest": 12, "edge": edge, "lines": 0})), [flat])[0].planes[0].astype(float)
            for edge in (0, 3)
        )
        waves = np.abs(np.fft.fft2(sharp[:, :360] - sharp.mean()))[:180, :180]
        assert 360 / np.hypot(*np.unravel_index(waves.argmax(), waves.shape)) == pytest.approx(12, rel=0.1)
        assert np.abs(np.diff(soft, axis=1)).max() < 0.7 * np.abs(np.diff(sharp, axis=1)).max()
        assert soft.std() > 0.6 * sharp.std(), "they are dots all the same"

    def test_steadied_dots_go_along_with_a_pan(self) -> None:
        wide = np.clip(125 + 28 * (noise(512, 6, 3) + noise(512, 30, 4)), 30, 220).astype(np.float32)
        ways = (np.float32([[1, 0, -30 - 1.3 * n], [0, 1, -20]]) for n in range(8))
        frames = at_times(still(cv2.warpAffine(wide, way, (400, 360), flags=cv2.INTER_CUBIC)) for way in ways)
        steadied = styled(Stylize(style="comic", temporal="on"))
        errors: list[tuple[float, ...]] = []
        follower = Follower()
        for film, *made in zip(frames, run(chain(("comic", {})), frames), run(steadied, frames)):
            lumas = [frame.planes[0].astype(np.float32) for frame in (film, *made)]
            errors += filter(None, [follower.errors(*lumas)])
        source, plain, calm = np.mean(errors, axis=0)
        assert plain > 10 * source
        assert calm < 0.2 * plain

    def test_panel_is_paper_around_a_black_border(self) -> None:
        (made,) = run(chain(("comic", {"panel": 10})), [still(np.full((180, 240), 120))])
        assert (made.planes[0][:10] > 200).all()
        assert (made.planes[0][15:17, 20:-20] < 20).all()


class TestPencil:
    @pytest.mark.parametrize("upright", [True, False])
    def test_strokes_follow_the_shapes(self, upright: bool) -> None:
        bars = np.tile(np.where(np.arange(512) // 64 % 2, 60, 130)[None], (512, 1))
        luma = cv2.GaussianBlur((bars if upright else bars.T).astype(np.float32), (0, 0), 12)
        (made,) = run(chain(("pencil", {"lines": 0, "shading": 0, "paper": 0})), [still(luma)])
        drawn = made.planes[0].astype(float)
        beside, below = (np.abs(np.diff(drawn, axis=axis)).mean() for axis in (1, 0))
        assert (beside > 1.2 * below) == upright
        assert (below > 1.2 * beside) != upright

    def test_darker_tones_are_hatched_more(self) -> None:
        means = [
            run(chain(("pencil", {})), [still(np.full((180, 240), level))])[0].planes[0].mean()
            for level in (235, 180, 120, 70, 20)
        ]
        assert all(one > other + 3 for one, other in pairwise(means))

    def test_graphite_is_grey_and_coloured_pencils_are_not(self) -> None:
        frame = still(np.full((180, 240), 110), 90, 180)
        graphite, coloured = (run(chain(("pencil", {"colour": colour})), [frame])[0] for colour in (0, 1))
        assert (graphite.planes[1] == 128).all()
        assert coloured.planes[2].mean() > 140


class TestOutlines:
    def test_step_gets_one_line_of_even_width_and_flats_get_none(self) -> None:
        luma = np.full((120, 120), 60, np.uint8)
        luma[:, 60:] = 180
        black = outlines(luma, 3.0, 0.5)
        widths = (black[10:-10] > 128).sum(1)
        assert widths.min() >= 2
        assert widths.max() - widths.min() <= 1
        assert black[:, :40].max() == black[:, 80:].max() == 0

    def test_noise_is_no_line(self) -> None:
        dice = np.random.default_rng(0)
        noisy = np.clip(dice.normal(120, 3, (200, 200)), 0, 255).astype(np.uint8)
        assert (outlines(noisy, 3.0, 0.5) > 64).mean() < 0.01


class TestTemporal:
    def test_noise_of_a_still_picture_shrinks(self) -> None:
        dice = np.random.default_rng(2)
        clean = textured()
        frames = at_times(still(np.clip(clean + dice.normal(0, 6, clean.shape), 0, 255)) for _ in range(20))
        made = run(chain(("temporal", {"strength": 1})), frames)

        def error(frame: Frame) -> float:
            return float((frame.planes[0].astype(float) - clean).std())

        assert error(made[-1]) < 0.6 * error(frames[-1])

    @pytest.mark.parametrize(("mode", "most"), [("motion", 4.0), ("plain", None)])
    def test_what_moves_leaves_no_ghost_unless_it_is_averaged_in_place(self, mode: str, most: float | None) -> None:
        wide = np.clip(125 + 28 * (noise(512, 6, 3) + noise(512, 30, 4)), 30, 220)
        frames = at_times(still(wide[:256, 3 * n : 3 * n + 320]) for n in range(12))
        made = run(chain(("temporal", {"mode": mode, "strength": 1})), frames)
        ghost = np.abs(made[-1].planes[0].astype(float) - frames[-1].planes[0])[24:-24, 24:-24].mean()
        assert ghost < most if most else ghost > 6

    def test_memory_begins_anew_at_a_cut(self) -> None:
        frames = at_times([still(textured(1))] * 6 + [still(255 - textured(9), 180, 90)] * 3)
        made = run(chain(("temporal", {"strength": 1})), frames)
        assert worst(made[6], frames[6]) == 0

    def test_edges_mode_leaves_flats_alone(self) -> None:
        dice = np.random.default_rng(5)
        luma = np.full((128, 256), 70.0)
        luma[:, 128:] = 190
        frames = at_times(still(luma + dice.normal(0, 4, luma.shape)) for _ in range(8))
        made = run(chain(("temporal", {"mode": "edges", "strength": 1})), frames)
        change = np.abs(made[-1].planes[0].astype(float) - frames[-1].planes[0])
        assert change[:, :90].mean() < 0.2
        assert change[:, 124:132].mean() > 1


def test_ways_lead_back_to_where_things_were() -> None:
    wide = np.clip(125 + 28 * (noise(512, 4, 3) + noise(512, 20, 4)), 30, 220)
    anchors = Anchors()
    for number in range(8):
        places = anchors.places(still(wide[:256, 2 * number : 2 * number + 320], pts=number))
    assert places is not None
    (place,) = places
    assert place.share == 1
    middle = place.way[30:-30, 40:-40]
    assert np.median(middle[..., 0]) == pytest.approx(7, abs=0.5), "a pixel of a guide is two, and it moved seven times"
    assert abs(np.median(middle[..., 1])) < 0.3


@pytest.mark.parametrize("style", ["pencil", "comic"])
def test_what_goes_along_with_a_scene_follows_from_the_frames_of_the_halo(style: str) -> None:
    wanted = chain((style, {"anchor": "scene"}))
    halo = wanted.halo(Fraction(25))
    assert halo is not None
    frames = movie(90)
    whole, part = run(wanted, frames), run(wanted, frames[80 - halo[0] :])
    assert max(worst(one, other) for one, other in zip(whole[80:], part[halo[0] :])) == 0


def test_every_frame_knows_its_palette_from_the_frames_just_before_it() -> None:
    frames = at_times(still(np.clip(textured() + 0.6 * n, 0, 255), 128 + n // 4, 120) for n in range(100))
    whole, part = Scenes(6, 1.0), Scenes(6, 1.0)
    tables = [whole.table(frame) for frame in frames]
    again = [part.table(frame) for frame in frames[40:]]
    assert all(np.array_equal(one, other) for one, other in zip(tables[80:], again[40:]))
    check: Callable[[np.ndarray, np.ndarray], bool] = np.array_equal
    assert not check(tables[10], tables[90]), "the test must be able to fail"
