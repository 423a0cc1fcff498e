"""Exact time: `pts` counts units of `time_base` seconds; rates are fractions. Floats are for people's eyes."""

from __future__ import annotations

import re
from fractions import Fraction

_CLOCK = re.compile(r"(?:(\d+):)?(?:(\d+):)?(\d+(?:\.\d+)?)s?")


def rescale(pts: int, source: Fraction, target: Fraction) -> int:
    """`pts` in units of `source` as the nearest count of `target` units, halves away from zero.

    Exact whenever `source` is a whole multiple of `target`.
    """
    if source == target:
        return pts
    exact = pts * source / target
    rounded = int(abs(exact) + Fraction(1, 2))
    return rounded if exact >= 0 else -rounded


class Even:
    """Times of blocks that follow one another, counted in `unit` and told by a clock that ticks otherwise.

    Within a `tick`, and what rounding makes of it, of where a block is due it begins there; further off there is a gap,
    and the clock is right.
    """

    def __init__(self, tick: Fraction, unit: Fraction) -> None:
        self.slack = 2 + tick / unit
        self.due: int | None = None

    def start(self, told: int | None, length: int) -> int:
        """When a block begins that is `length` units long, for the time that was told of it, if one was."""
        due = self.due if self.due is not None else told or 0
        begins = due if told is None or abs(told - due) <= self.slack else told
        self.due = begins + length
        return begins


def seconds(pts: int, time_base: Fraction) -> float:
    """For display only."""
    return float(pts * time_base)


def show(time: float | Fraction) -> str:
    """`1:02:03.456`, or `2:03.456` below an hour."""
    milliseconds = round(time * 1000)
    sign, milliseconds = ("-", -milliseconds) if milliseconds < 0 else ("", milliseconds)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    tail = f"{rest // 1000:02d}.{rest % 1000:03d}"
    return f"{sign}{hours}:{minutes:02d}:{tail}" if hours else f"{sign}{minutes}:{tail}"


def parse(text: str) -> Fraction:
    """Seconds from `90`, `90.5s`, `1:30.5` or `1:02:03`. Raises ValueError."""
    match = _CLOCK.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r} is no time; write seconds (90.5) or h:mm:ss.fff (1:02:03.5)")
    first, second, last = match.groups()
    hours, minutes = (int(first), int(second)) if second else (0, int(first or 0))
    return hours * 3600 + minutes * 60 + Fraction(last)


def near_standard(rate: Fraction) -> Fraction:
    """The rate itself, or 24000/1001, 30000/1001, 60000/1001 … when a container rounded one of them.

    Tolerance: 1 in 100,000, which is coarser than what millisecond clocks lose over a few seconds and than the step
    from 30000/1001 to the 29.97 that people write for it.
    """
    for nominal in (24, 30, 48, 60, 120):
        exact = Fraction(nominal * 1000, 1001)
        if abs(rate - exact) < exact / 100_000:
            return exact
    whole = round(rate)
    return Fraction(whole) if whole and abs(rate - whole) < Fraction(whole, 100_000) else rate
