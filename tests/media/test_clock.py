"""Exact time."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cinemill.media import clock

BASES = st.sampled_from(
    [Fraction(1, n) for n in (1, 25, 1000, 12_800, 24_000, 48_000, 90_000)] + [Fraction(1001, 30_000)]
)
PTS = st.integers(-(10**12), 10**12)


@given(PTS, BASES, BASES)
def test_rescaling_is_never_off_by_more_than_half_a_unit(pts: int, source: Fraction, target: Fraction) -> None:
    assert abs(clock.rescale(pts, source, target) * target - pts * source) <= target / 2


@given(PTS, BASES, st.integers(1, 1000))
def test_a_finer_clock_of_whole_parts_is_exact_both_ways(pts: int, base: Fraction, parts: int) -> None:
    fine = clock.rescale(pts, base, base / parts)
    assert fine == pts * parts
    assert clock.rescale(fine, base / parts, base) == pts


@given(PTS, BASES, BASES)
def test_time_before_zero_mirrors_time_after(pts: int, source: Fraction, target: Fraction) -> None:
    assert clock.rescale(-pts, source, target) == -clock.rescale(pts, source, target)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00.000"), (61.5, "1:01.500"), (3723.4567, "1:02:03.457"), (-1.25, "-0:01.250"), (59.9999, "1:00.000")],
)
def test_showing_a_time(seconds: float, shown: str) -> None:
    assert clock.show(seconds) == shown


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("90", Fraction(90)), ("90.5", Fraction(181, 2)), ("90.5s", Fraction(181, 2))),
        *(("1:30.5", Fraction(181, 2)), ("1:02:03", Fraction(3723)), (" 0:00.001 ", Fraction(1, 1000))),
    ],
)
def test_reading_a_time_that_people_write(text: str, seconds: Fraction) -> None:
    assert clock.parse(text) == seconds


@pytest.mark.parametrize("text", ["", "abc", "1:2:3:4", "-5", "1:", "5 minutes"])
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no time; write seconds \(90\.5\) or h:mm:ss\.fff"):
        clock.parse(text)


@given(st.integers(0, 10**8))
def test_what_is_shown_can_be_read_again(milliseconds: int) -> None:
    time = Fraction(milliseconds, 1000)
    assert clock.parse(clock.show(time)) == time


@pytest.mark.parametrize("nominal", [24, 30, 48, 60, 120])
def test_a_rate_that_a_millisecond_clock_rounded_is_recognised(nominal: int) -> None:
    exact = Fraction(nominal * 1000, 1001)
    frames = nominal * 60
    measured = frames / Fraction(round(frames / exact * 1000), 1000)
    assert clock.near_standard(measured) == exact
    assert clock.near_standard(exact) == exact


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(299, 10), Fraction(15), Fraction(50, 3), Fraction(1, 10)])
def test_other_rates_stay_what_they_are(rate: Fraction) -> None:
    assert clock.near_standard(rate) == rate


def test_blocks_told_by_a_coarse_clock_lie_end_to_end() -> None:
    even = clock.Even(Fraction(1, 1000), Fraction(1, 48_000))
    told = [round(n * 1024 / 48) * 48 for n in range(200)]
    assert [even.start(time, 1024) for time in told] == [n * 1024 for n in range(200)]


def test_a_gap_wider_than_the_clocks_grain_stays() -> None:
    even = clock.Even(Fraction(1, 1000), Fraction(1, 48_000))
    assert [even.start(time, 1000) for time in (0, 1010, 5000, 6040)] == [0, 1000, 5000, 6000]
