"""When cues come and go: long enough to be read, apart from one another, with the cuts of the picture.

Works on a grid: frames where there is a picture, milliseconds where there is none. Words decide when a cue may come;
what follows decides how long it may stay. Text that would be gone before it is read borrows time, as far as the rules
let a cue be away from its words: out of the silence before it, then from the cue after it, which comes so much later.
Cues that are too short to be noticed push what follows back in any case; `lint` says by how much it is late.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor

from cinemill.media.cues.rules import FILM, Rules
from cinemill.media.cues.types import Word


@dataclass(frozen=True, slots=True)
class Grid:
    """Whole numbers for times: of frames at `rate`, or of milliseconds."""

    rate: Fraction | None = None

    def at(self, ms: float) -> int:
        """The place nearest to a time."""
        return round(self.units(ms))

    def up(self, ms: float) -> int:
        """The first place that is not before a time. A rest of a thousandth of a millisecond is rounding."""
        return ceil(self.units(ms) - Fraction(1, 1_000))

    def down(self, ms: float) -> int:
        return floor(self.units(ms) + Fraction(1, 1_000))

    def ms(self, place: int) -> int:
        return round(place * 1000 / self.rate) if self.rate else place

    def frames(self, count: int) -> int:
        """So many frames as places; without a picture they are film's."""
        return count if self.rate else ceil(count * 1000 / FILM)

    def units(self, ms: float) -> Fraction:
        return Fraction(ms) * self.rate / 1000 if self.rate else Fraction(ms)


@dataclass(frozen=True, slots=True)
class Limits:
    """Rules in places of a grid."""

    shortest: int
    longest: int
    gap: int
    close: int
    linger: int
    snap: int
    clear: int
    drift: int = 0
    """How far from its first word a cue may come, before or after, to be read in time."""

    @classmethod
    def of(cls, rules: Rules, grid: Grid) -> Limits:
        return cls(
            shortest=max(1, grid.up(rules.shortest)),
            longest=grid.down(rules.longest),
            gap=grid.frames(rules.gap_frames),
            close=max(grid.frames(rules.close_frames), grid.up(rules.close_ms)),
            linger=grid.frames(rules.linger_frames),
            snap=grid.frames(rules.snap_frames),
            clear=grid.frames(rules.clear_frames),
            drift=grid.frames(rules.late_frames),
        )

    def need(self, span: Span) -> int:
        """Places that a cue should stay."""
        return min(max(span.need, self.shortest), self.longest)

    def least(self, one: _Begun) -> int:
        """The place until which a cue stays to be said and read."""
        return max(min(one.span.end, one.start + self.longest), one.start + self.need(one.span))

    def most(self, one: _Begun, cuts: Sequence[int] = ()) -> int:
        """The place until which it stays if no other follows: a little after its words, but not into another shot."""
        cut = bisect_left(cuts, one.span.end)
        shot = cuts[cut] - self.gap if cut < len(cuts) else one.span.end + self.linger
        return max(self.least(one), min(one.span.end + self.linger, one.start + self.longest, shot))


@dataclass(frozen=True, slots=True)
class Span:
    """What one cue asks for, in places: its words' first and last moment, and how long it takes to read."""

    start: int
    end: int
    need: int


Times = list[tuple[int, int]]


def times(spans: Sequence[Span], limits: Limits, cuts: Sequence[int] = ()) -> Times:
    """In and out of each cue: in order, apart by the gap, neither too short nor too long."""
    return _times(list(_begun(spans, limits)), limits, cuts)


def streamed(spans: Iterable[Span], limits: Limits, cuts: Sequence[int] = ()) -> Iterator[tuple[int, int]]:
    """What `times` gives, one after another, as soon as nothing that comes later can change it.

    Without cuts a cue waits for the next ones that borrow time; with them, for a pause that no cue can be moved over.
    """
    snaps = bool(cuts) and limits.snap > 0
    apart = limits.close + limits.gap + 2 * _ROUNDS * limits.clear
    held: list[_Begun] = []
    gone = 0
    for one in _begun(spans, limits):
        if held and not snaps:
            yield _times([held.pop(), one], limits)[0]
        elif held and one.start - gone > apart:
            yield from _times(held, limits, cuts)
            held.clear()
        held.append(one)
        gone = limits.most(one)
    yield from _times(held, limits, cuts)


@dataclass(frozen=True, slots=True)
class _Begun:
    """What a cue asks for, and when it comes."""

    span: Span
    start: int


def _times(begun: Sequence[_Begun], limits: Limits, cuts: Sequence[int] = ()) -> Times:
    found: Times = []
    for number, one in enumerate(begun):
        room = begun[number + 1].start - limits.gap if number + 1 < len(begun) else None
        wished = limits.most(one, cuts)
        found.append((one.start, wished if room is None else min(wished, room)))
    return settled(found, [one.span.need for one in begun], limits, cuts)


def _begun(spans: Iterable[Span], limits: Limits) -> Iterator[_Begun]:
    """When each cue comes: with its words, or so much earlier or later that it and those beside it can be read."""
    last: _Begun | None = None
    for span, start in _early(spans, limits):
        if last:
            read = last.start + limits.need(last.span) + limits.gap
            start = max(start, last.start + limits.shortest + limits.gap, min(read, span.start + limits.drift))
        last = _Begun(span, start)
        yield last


_CHAIN = 64
"""Cues that borrow from each other at most: each waits for the last."""


def _early(spans: Iterable[Span], limits: Limits) -> Iterator[tuple[Span, int]]:
    """When each cue comes where only silence is borrowed: text too long for its time comes before its words, and what
    is before it goes, or comes, earlier too; a cue that could be read still can."""
    held: list[tuple[Span, int]] = []
    free: list[int] = []
    """How much earlier each may come."""
    spare: list[int] = []
    """Time that each has left when it is read; below 0 where it has too little."""
    for span in spans:
        start = span.start
        most = min(limits.drift, start)
        if held:
            before, begun = held[-1]
            start = max(start, begun + limits.shortest + limits.gap)
            spare.append(start - limits.gap - limits.need(before) - begun)
            silence = start - limits.gap - max(before.end, begun)
            most = max(0, min(start - span.start + limits.drift, silence, max(0, free[-1] + spare[-1])))
            if len(held) == _CHAIN or free[-1] == 0 or most <= max(0, spare[-1]):
                yield from _moved(held, free, spare)
                # What the one before this needs itself is no longer free.
                most = min(most, max(0, spare[-1]))
                held, free, spare = [], [], []
        held.append((span, start))
        free.append(most)
    yield from _moved(held, free, [*spare, 0])


def _moved(held: Sequence[tuple[Span, int]], free: Sequence[int], spare: Sequence[int]) -> Iterator[tuple[Span, int]]:
    earlier = 0
    by: list[int] = []
    for most, left in zip(reversed(free), reversed(spare)):
        earlier = min(most, max(0, earlier - left))
        by.append(earlier)
    for (span, start), moved in zip(held, reversed(by)):
        yield span, start - moved


_ROUNDS = 8


def settled(found: Times, needs: Sequence[int], limits: Limits, cuts: Sequence[int] = ()) -> Times:
    """Small gaps closed and cues moved to cuts, wherever that breaks no other rule; what is settled stays as it is."""
    for _ in range(_ROUNDS):
        before = found
        found = closed(_snapped(found, needs, limits, cuts) if cuts and limits.snap else found, limits)
        if found == before:
            break
    return found


def closed(found: Times, limits: Limits) -> Times:
    """A gap that is longer than the rule's and shorter than it may be is closed, by staying longer."""
    done = list(found)
    for number in range(len(done) - 1):
        start, end = done[number]
        ahead = done[number + 1][0]
        wished = ahead - limits.gap
        if limits.gap < ahead - end < limits.close and wished - start <= limits.longest:
            done[number] = start, wished
    return done


def _snapped(found: Times, needs: Sequence[int], limits: Limits, cuts: Sequence[int]) -> Times:
    done = list(found)
    for number in range(len(done)):
        _snap_in(done, number, needs, limits, cuts)
        _snap_out(done, number, needs, limits, cuts)
    return done


def _snap_in(done: Times, number: int, needs: Sequence[int], limits: Limits, cuts: Sequence[int]) -> None:
    start, end = done[number]
    away = start - nearest(cuts, start)
    if away == 0 or abs(away) >= limits.clear:
        return
    cut = start - away
    target = cut if abs(away) <= limits.snap else cut + (limits.clear if away > 0 else -limits.clear)
    if target < 0 or not _bears(target, end, start, needs[number], limits):
        return
    if number and target < start:
        begun, gone = done[number - 1]
        if gone > target - limits.gap:
            if not _bears(begun, target - limits.gap, begun, needs[number - 1], limits, gone - begun):
                return
            done[number - 1] = begun, target - limits.gap
    done[number] = target, end


def _snap_out(done: Times, number: int, needs: Sequence[int], limits: Limits, cuts: Sequence[int]) -> None:
    start, end = done[number]
    cut = nearest(cuts, end)
    away = end - cut
    if not -limits.clear < away < limits.clear or away == -limits.gap:
        return
    target = cut + limits.clear if away > limits.snap else cut - limits.gap
    if number + 1 < len(done):
        left = done[number + 1][0] - target
        if left < limits.gap or limits.gap < left < limits.close:
            return
    if _bears(start, target, start, needs[number], limits, end - start):
        done[number] = start, target


def _bears(start: int, end: int, was: int, need: int, limits: Limits, lasted: int | None = None) -> bool:
    """Whether a cue from `start` to `end` keeps its lengths, and stays readable if it was."""
    lasted = end - was if lasted is None else lasted
    return max(limits.shortest, min(need, lasted)) <= end - start <= limits.longest


def nearest(cuts: Sequence[int], place: int) -> int:
    """The cut nearest to a place; far away where there are none."""
    at = bisect_left(cuts, place)
    near = cuts[max(0, at - 1) : at + 1]
    return min(near, key=lambda cut: abs(cut - place), default=place + (1 << 40))


def between(timed: Sequence[Word], known: Sequence[bool], start: int, end: int) -> list[Word]:
    """The words, those without a time sharing what lies between their neighbours, or `start` and `end`."""
    done = list(timed)
    at = 0
    while at < len(done):
        stop = at + 1
        if not known[at]:
            while stop < len(done) and not known[stop]:
                stop += 1
            left = done[at - 1].end if at else start
            right = max(left, done[stop].start if stop < len(done) else end)
            for number in range(at, stop):
                begins = left + (right - left) * (number - at) // (stop - at)
                ends = left + (right - left) * (number - at + 1) // (stop - at)
                done[number] = replace(done[number], start=begins, end=ends)
        at = stop
    return done
