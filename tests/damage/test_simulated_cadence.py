from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from stills import noise

from cinemill.damage.amounts import Telecine
from cinemill.damage.cadence import telecined, truths
from cinemill.errors import UnsupportedMedia
from cinemill.filters import text
from cinemill.media import lavfi
from cinemill.media.types import Frame

NTSC, FILM = Fraction(30000, 1001), Fraction(24000, 1001)


def numbered(count: int, rate: Fraction, start: int = 0) -> list[Frame]:
    """Picture n is as bright as n, and has a line of its own in every row."""
    rows = np.arange(12, dtype=np.uint8)[:, None] * np.ones(16, np.uint8)
    return [Frame((rows * 0 + n + 10,), "gray", start + n, 1 / rate, 1) for n in range(count)]


def in_milliseconds(frames: list[Frame]) -> list[Frame]:
    times = [round(1000 * f.pts * f.time_base) for f in frames]
    lengths = [b - a for a, b in pairwise(times)]
    return [
        replace(f, pts=pts, time_base=Fraction(1, 1000), duration=length)
        for f, pts, length in zip(frames, times, [*lengths, lengths[-1]])
    ]


def run(frames: list[Frame], **params: object) -> list[Frame]:
    return list(telecined(iter(frames), Telecine.of(params, "telecine")))


def shown(frames: list[Frame], order: str = "tff") -> list[int]:
    """The number of the picture that each field shows, in order of time."""
    first = 0 if order == "tff" else 1
    found: list[int] = []
    for one in frames:
        for parity in (first, 1 - first):
            (value,) = np.unique(one.planes[0][parity::2])
            found.append(int(value) - 10)
    return found


def repeats(numbers: list[int]) -> list[int]:
    """How many fields each picture is shown for."""
    return [numbers.count(number) for number in sorted(set(numbers))]


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize("clocked", [list, in_milliseconds])
def test_film_to_ntsc_is_2_3(order, clocked):
    out = run(clocked(numbered(48, FILM)), rate=NTSC, field_order=order)
    assert [(f.pts, f.time_base, f.duration) for f in out] == [(n, 1 / NTSC, 1) for n in range(60)]
    assert {f.field_order for f in out} == {order}
    assert repeats(shown(out, order)) == [3, 2] * 24


@pytest.mark.parametrize("order", ["top", "bottom"])
def test_pulldown_is_that_of_ffmpeg(order):
    frames = numbered(24, FILM)
    theirs = list(lavfi.run(frames, f"telecine=first_field={order}:pattern=32"))
    ours = run(frames, rate=NTSC, field_order="tff" if order == "top" else "bff")
    assert len(ours) == 30
    assert all(np.array_equal(a.planes[0], b.planes[0]) for a, b in zip(ours, theirs))


def test_25_to_25_changes_nothing_but_the_flag():
    frames = numbered(10, Fraction(25))
    for before, after in zip(frames, run(frames, rate=25, field_order="bff"), strict=True):
        assert after.planes[0] is before.planes[0]
        assert (after.pts * after.time_base, after.field_order) == (before.pts * before.time_base, "bff")


@pytest.mark.parametrize("clocked", [list, in_milliseconds])
def test_50_to_25_gives_every_field_a_time_of_its_own(clocked):
    assert shown(run(clocked(numbered(40, Fraction(50))), rate=25)) == list(range(40))


@pytest.mark.parametrize(("order", "early"), [("tff", 0), ("bff", 1)])
@pytest.mark.parametrize("height", [144, 45])
def test_every_line_of_every_plane_is_the_original_of_its_field(order, early, height):
    frames = [replace(one, time_base=Fraction(1, 50)) for one in noise(6, height)]
    for number, one in enumerate(run(frames, rate=25, field_order=order)):
        for plane, first, second in zip(one.planes, frames[2 * number].planes, frames[2 * number + 1].planes):
            assert np.array_equal(plane[early::2], first[early::2])
            assert np.array_equal(plane[1 - early :: 2], second[1 - early :: 2])


def test_24_to_25_shows_one_picture_for_a_field_more_twice_a_second():
    assert sorted(repeats(shown(run(numbered(48, Fraction(24)), rate=25)))) == [2] * 44 + [3] * 4


def test_16_to_25_shows_a_picture_for_three_fields_or_four():
    assert set(repeats(shown(run(numbered(16, Fraction(16)), rate=25)))) == {3, 4}


def test_clocks_that_do_not_run_evenly_are_looked_at_too():
    frames = [replace(f, pts=pts, duration=0) for f, pts in zip(numbered(4, Fraction(50)), (0, 3, 4, 10))]
    assert shown(run(frames, rate=25)) == [0, 0, 0, 1, *[2] * 6, *[3] * 6]


def test_soft_pulldown_shows_whole_pictures_for_two_fields_or_three():
    frames = numbered(8, FILM)
    out = run(frames, rate=NTSC, cadence="soft")
    assert [f.planes[0] is g.planes[0] for f, g in zip(out, frames, strict=True)] == [True] * 8
    assert [(f.pts, f.duration) for f in out] == [(0, 3), (3, 2), (5, 3), (8, 2), (10, 3), (13, 2), (15, 3), (18, 2)]
    assert {(f.time_base, f.field_order) for f in out} == {(1 / (2 * NTSC), "progressive")}


def test_blended_fields_are_mixed_by_their_distance_in_time():
    frames = [replace(f, planes=(f.planes[0] * 0 + 10 + 24 * n,)) for n, f in enumerate(numbered(5, Fraction(20)))]
    out = run(frames, rate=25, cadence="blended")
    fields = [int(one.planes[0][parity, 0]) for one in out for parity in (0, 1)]
    # 20 pictures on 50 fields: 24 code values in 2.5 fields, up to the last picture.
    assert fields == [min(round(10 + 9.6 * n), 106) for n in range(len(fields))]


@pytest.mark.parametrize("cadence", ["hard", "blended"])
@pytest.mark.parametrize(("rate", "wanted"), [("16", "25"), ("24000/1001", "30000/1001"), ("50", "25"), ("60", "25")])
def test_truth_says_where_every_field_comes_from(cadence, rate, wanted):
    frames = numbered(40, Fraction(rate))
    p = Telecine.of({"rate": wanted, "cadence": cadence}, "telecine")
    out, told = list(telecined(iter(frames), p)), list(truths(iter(frames), p))
    for one, known in zip(out, told, strict=True):
        assert known.time == one.pts * one.time_base
        for parity, (time, other, mix) in enumerate(known.fields):
            value = 10 + float(time * Fraction(rate)) * (1 - mix) + float(other * Fraction(rate)) * mix
            assert one.planes[0][parity, 0] == pytest.approx(value, abs=0.51)


def test_a_last_field_without_partner_is_shown_twice_and_a_late_start_starts_late():
    out = run(numbered(3, Fraction(50)), rate=25)
    assert shown(out) == [0, 1, 2, 2]
    late = run(numbered(8, Fraction(50), start=7), rate=25)
    assert [f.pts for f in late] == [4, 5, 6, 7]
    assert shown(late)[0] == 1


def test_no_picture_gives_none():
    assert run([], rate=25) == []


def test_interlaced_pictures_are_refused():
    with pytest.raises(UnsupportedMedia, match="deinterlace"):
        next(text.chain("simulate.telecine").run([replace(numbered(1, NTSC)[0], field_order="tff")]))


@pytest.mark.parametrize("claim", ["tff", "bff", "progressive"])
def test_flags_may_lie_and_the_picture_stays(claim):
    def out() -> Iterator[Frame]:
        return text.chain(f"simulate.telecine=rate:25,mark-fields=field_order:{claim}").run(numbered(8, Fraction(50)))

    assert {f.field_order for f in out()} == {claim}
    assert shown(list(out())) == list(range(8))
