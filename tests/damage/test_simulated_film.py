from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from stills import HEIGHT, WIDTH, at_other_clock, blurred_edge, deep, flat, frame, luma, noise, same, step

from cinemill.damage.amounts import Film
from cinemill.damage.film import FilmTruth, damaged, truth
from cinemill.errors import UnsupportedMedia
from cinemill.filters import text
from cinemill.media.types import Frame

EVERYTHING: dict[str, Any] = {
    "blur": 1,
    "weave": 1,
    "fade": 0.2,
    "warmth": 8,
    "grain": 5,
    "colour_grain": 2,
    "dirt": 5,
    "scratches": 2,
    "hairs": 1,
    "vignette": 0.3,
    "flicker": 0.05,
}
FAR_APART = [Fraction(n, 2) for n in range(400)]
"""Times at which slow changes have become others."""


def shown(frames: list[Frame], **amounts: Any) -> list[Frame]:
    return [damaged(one, Film(**amounts)) for one in frames]


def known(one: Frame, **amounts: Any) -> FilmTruth:
    return truth(one.pts * one.time_base, one.width, one.height, Film(**amounts))


@pytest.mark.parametrize("size", [(HEIGHT, WIDTH), (45, 61), (1, 7)])
def test_nothing_asked_for_changes_nothing(size):
    frames = noise(2, *size)
    assert all(same(a, b) for a, b in zip(shown(frames, seed=3, grain_size=3), frames))


def test_everything_at_once_works_on_odd_sizes_and_keeps_the_clock():
    for size in ((45, 61), (2, 9), (1, 7)):
        (before,) = noise(1, *size)
        (after,) = shown([before], **EVERYTHING)
        assert [plane.shape for plane in after.planes] == [plane.shape for plane in before.planes]
        assert (after.pts, after.time_base, after.duration) == (before.pts, before.time_base, before.duration)


def test_damage_hangs_on_seed_and_time_alone():
    first, second = noise(2)
    (once,) = shown([first], **EVERYTHING)
    assert same(once, *shown([first], **EVERYTHING))
    (elsewhere,) = shown([at_other_clock(first)], **EVERYTHING)
    assert np.array_equal(once.planes[0], elsewhere.planes[0])
    (other,) = shown([first], seed=1, **EVERYTHING)
    assert not np.array_equal(once.planes[0], other.planes[0])
    assert known(first, dirt=9).marks != known(second, dirt=9).marks


def test_brightness_is_multiplied_by_the_gain_of_the_truth_and_black_stays():
    for before, after in zip(flat(12, level=116), shown(flat(12, level=116), flicker=0.1)):
        gain = known(before, flicker=0.1).gain
        assert np.all(np.abs(after.planes[0] - (16 + 100 * gain)) <= 0.51)
    assert np.all(luma(shown(flat(4, level=16), flicker=0.1)) == 16)


def test_gain_varies_by_what_was_asked_for():
    gains = [truth(time, 64, 48, Film(flicker=0.05)).gain for time in FAR_APART]
    assert np.mean(gains) == pytest.approx(1, abs=0.01)
    assert np.std(gains) == pytest.approx(0.05, rel=0.1)


def test_the_picture_weaves_as_the_truth_says():
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    picture = np.rint(16 * (120 + 40 * np.sin(x / 6) + 40 * np.sin(y / 7))).astype(np.uint16)
    frames = [frame(n, picture, picture[::2, ::2] // 2 + 1000, "yuv420p12le") for n in range(5)]
    gx, gy = (np.gradient(picture.astype(float), axis=axis)[20:-20, 20:-20].ravel() for axis in (1, 0))
    for before, after in zip(frames, shown(frames, weave=0.8)):
        change = (after.planes[0].astype(float) - picture)[20:-20, 20:-20].ravel()
        moved = np.linalg.lstsq(np.stack([-gx, -gy], axis=1), change, rcond=None)[0]
        assert moved == pytest.approx(known(before, weave=0.8).weave, abs=0.08)


def test_weave_has_the_sigma_that_was_asked_for_in_both_directions():
    places = np.array([truth(time, 64, 48, Film(weave=2)).weave for time in FAR_APART])
    assert places.std(axis=0) == pytest.approx([2, 2], rel=0.1)


def test_blur_spreads_an_edge_by_its_sigma():
    (out,) = shown([step()], blur=3)
    assert blurred_edge(out.planes[0][70]) == pytest.approx(3, rel=0.1)
    upright = Frame(tuple(plane.T.copy() for plane in step().planes), "yuv420p", 0, Fraction(1, 25), 1)
    (out,) = shown([upright], blur=3)
    assert blurred_edge(out.planes[0][:, 70]) == pytest.approx(3, rel=0.1)


def test_fade_goes_its_share_of_the_way_to_grey():
    for level in (16, 120, 235):
        (out,) = shown(flat(1, level=level, colour=228), fade=0.3)
        assert np.all(np.abs(out.planes[0] - (level + 0.3 * (103.6 - level))) <= 0.5)
        assert np.all(out.planes[1] == 198)


def test_warmth_raises_red_and_lowers_blue():
    (out,) = shown(flat(1), warmth=12)
    assert [int(np.unique(plane)[0]) for plane in out.planes] == [120, 119, 140]


@pytest.mark.parametrize(("level", "share"), [(126, 1.0), (235, 0.25), (20, 0.25), (181, 0.75)])
def test_grain_has_the_sigma_that_was_asked_for_and_less_in_highlights_and_shadows(level, share):
    frames = flat(8, level=level)
    error = luma(shown(frames, grain=8)) - level
    assert error.std() == pytest.approx(8 * share, rel=0.1)


def test_grain_counts_8_bit_steps_at_any_depth_and_takes_no_colour_unless_told():
    out = shown(deep(6), grain=8)
    assert luma(out).std() == pytest.approx(32, rel=0.1)
    assert np.all(out[0].planes[1] == 512)
    colour = shown(flat(8), colour_grain=6)
    assert np.stack([f.planes[2] for f in colour]).std() == pytest.approx(6, rel=0.1)


def test_grains_are_as_large_as_they_were_asked_for_in_both_directions():
    error = luma(shown(flat(8), grain=20, grain_size=4)) - 120
    for axis in (1, 2):
        near = np.corrcoef(*(np.take(error, range(i, error.shape[axis] - 2 + i), axis).ravel() for i in (0, 2)))[0, 1]
        # Two blobs of standard deviation s whose middles are d apart overlap by exp(-d²/4s²).
        assert near == pytest.approx(np.exp(-(2**2) / (4 * 2**2)), abs=0.05)


def test_corners_lack_the_light_that_was_asked_for():
    (out,) = shown(flat(1, level=216), vignette=0.5)
    picture = out.planes[0].astype(int)
    assert picture[HEIGHT // 2, WIDTH // 2] == pytest.approx(216, abs=1)
    assert picture[0, 0] == pytest.approx(116, abs=2)
    assert picture[0, 0] == picture[-1, -1] == picture[0, -1]


def test_dirt_and_scratches_come_as_often_as_they_were_asked_for():
    found = [truth(time, 720, 576, Film(dirt=6, scratches=3, hairs=1)).marks for time in FAR_APART]
    counts = {kind: np.mean([sum(mark.kind == kind for mark in marks) for marks in found]) for kind in KINDS}
    assert counts["speck"] + counts["fibre"] == pytest.approx(6, rel=0.1)
    assert counts["scratch"] == pytest.approx(3, rel=0.15)
    assert counts["hair"] == pytest.approx(1, rel=0.2)


KINDS = ("speck", "fibre", "scratch", "hair")


def test_marks_hide_the_picture_as_the_truth_says_and_nowhere_else():
    amounts = {"dirt": 12, "scratches": 3, "hairs": 2}
    for before, after in zip(noise(6), shown(noise(6), **amounts)):
        known_here = known(before, **amounts)
        assert known_here.marks
        mask = known_here.mask()
        changed = before.planes[0] != after.planes[0]
        assert not np.any(changed & (mask == 0))
        assert changed[mask > 0.2].mean() > 0.95
        # What shines through is the share of the picture that the marks leave.
        rest = after.planes[0] - (1 - mask) * before.planes[0]
        assert np.all((rest >= 17 * mask - 0.6) & (rest <= 231 * mask + 0.6))
        alone = 1 - np.prod([1 - known_here.mask(kind) for kind in KINDS], axis=0)
        assert alone == pytest.approx(mask, abs=1e-5)


def test_marks_take_the_colour_away():
    (before,) = flat(1, colour=220)
    (after,) = shown([before], dirt=60, dirt_size=12)
    hidden = known(before, dirt=60, dirt_size=12).mask().reshape(HEIGHT // 2, 2, WIDTH // 2, 2).mean(axis=(1, 3))
    assert after.planes[1] == pytest.approx(128 + 92 * (1 - hidden), abs=1)


def test_specks_are_as_large_as_they_were_asked_for():
    diameters = []
    for time in FAR_APART[:100]:
        for mark in truth(time, 720, 576, Film(dirt=6, dirt_size=10)).marks:
            if mark.kind == "speck":
                diameters.append(
                    2 * np.linalg.norm(np.array(mark.points) - np.mean(mark.points, axis=0), axis=1).mean()
                )
    assert np.median(diameters) == pytest.approx(10, rel=0.2)


def test_scratches_stay_and_creep_and_specks_go():
    found = [truth(Fraction(n, 16), 720, 576, Film(scratches=1.5, dirt=8)).marks for n in range(64)]
    near = stayed = repeated = specks = 0
    for now, following in pairwise(found):
        later = [mark.points[0][0] for mark in following if mark.kind == "scratch"]
        for mark in now:
            if mark.kind == "scratch":
                near += 1
                stayed += any(abs(mark.points[0][0] - x) < 5 for x in later)
            elif mark.kind == "speck":
                specks += 1
                repeated += mark in following
    assert stayed > 0.9 * near > 30
    assert repeated == 0 < specks


def test_hairs_hang_in_from_the_edge_and_stay_for_seconds():
    roots = [
        {tuple(np.round(mark.points[0])) for mark in truth(Fraction(n, 16), 720, 576, Film(hairs=1)).marks}
        for n in range(320)
    ]
    seen = set().union(*roots)
    assert seen
    assert all(x in (0, 720) or y in (0, 576) for x, y in seen)
    assert min(sum(root in now for now in roots) for root in seen if root not in roots[0] | roots[-1]) > 40


def test_records_are_json():
    record = known(flat(1)[0], **EVERYTHING).record()
    assert set(record) == {"gain", "weave", "marks"}
    assert all(isinstance(mark["points"][0], list) for mark in record["marks"])


def test_interlaced_pictures_are_refused():
    (one,) = flat(1)
    woven = Frame(one.planes, one.format, 0, one.time_base, 1, field_order="tff")
    with pytest.raises(UnsupportedMedia, match="deinterlace"):
        next(text.chain("simulate.film=grain:3").run([woven]))
