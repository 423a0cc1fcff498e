"""One running clock out of one that jumps: broadcasts restart theirs, and MPEG's wraps after 26.5 hours.

The picture decides where a jump is and how far; every other track follows it, so that sound stays in step. A clock
that starts below zero, where no container can follow, starts at zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any, Final

_BACK: Final = Fraction(1, 2)
"""Seconds that a dts may fall behind its predecessor and still be a slip, which is mended by itself."""
_FORWARD: Final = Fraction(12 * 3600)
"""Seconds of a gap that nobody records; libavformat takes a restart at a low time for a wrap of this kind."""


def found(packets: Iterable[Any], step: int, shifts: list[Fraction]) -> Iterator[Any]:
    """The picture's packets, their times running on over every jump.

    `step` is a picture's length in the packets' units. What is added from the start and from each jump on, in
    seconds, is appended to `shifts`.
    """
    last: int | None = None
    shift = 0
    unit, back, forward = Fraction(0), Fraction(0), Fraction(0)
    for packet in packets:
        time = packet.pts if packet.dts is None else packet.dts
        if time is not None:
            if packet.time_base != unit:
                unit = packet.time_base
                back, forward = _BACK / unit, _FORWARD / unit
            if last is None:
                shift = 0 if packet.pts is None or packet.is_discard else max(0, -packet.pts)
                shifts.append(shift * unit)
            elif not -back < time + shift - last < forward:
                shift = last + step - time
                shifts.append(shift * unit)
            last = time + shift
        yield _shifted(packet, shift)


def followed(packets: Iterable[Any], shifts: Sequence[Fraction]) -> Iterator[Any]:
    """Packets of other tracks on the picture's running clock: each track jumps when that brings it nearer its past."""
    place: dict[int, int] = {}
    last: dict[int, Fraction] = {}
    for packet in packets:
        time = packet.pts if packet.dts is None else packet.dts
        if time is None or not any(shifts):
            yield packet
            continue
        track, seconds = packet.stream_index, time * packet.time_base
        at = place.get(track, 0)
        if track in last and at + 1 < len(shifts):
            stay, jump = (abs(seconds + shift - last[track]) for shift in shifts[at : at + 2])
            at += jump < stay
        place[track], last[track] = at, seconds + shifts[at]
        yield _shifted(packet, round(shifts[at] / packet.time_base))


def _shifted(packet: Any, shift: int) -> Any:
    if shift:
        packet.pts = None if packet.pts is None else packet.pts + shift
        packet.dts = None if packet.dts is None else packet.dts + shift
    return packet
