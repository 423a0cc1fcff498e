"""A stream of frames -> stretches of film for networks that see many frames at once.

Borders of stretches lie at multiples of a length of time, and never across a cut; at each end some frames more are
looked at, so that stretches join. So the result does not depend on where a stream was cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from cinemill.filters import Halo
from cinemill.filters.model import values

if TYPE_CHECKING:
    from cinemill.media.types import Frame
    from cinemill.models.session import Floats

_FASTEST = 60
"""Frames a second up to which stretches are whole in a chunk's halo."""


@dataclass(frozen=True, eq=False)
class Held:
    """A frame with its picture, and the stretch that it belongs to; `begins`: whether a scene begins with it."""

    frame: Frame
    picture: Floats
    stretch: int
    begins: bool


Stretch = tuple[list[Held], list[Held], list[Held]]
"""Frames before, those of the stretch, and frames after."""


def halo(length: float, margin: int) -> Halo:
    """The halo of a filter whose stretches are `length` seconds long."""
    frames = int(length * _FASTEST) + 1 + margin
    return frames, frames


def held(frames: Iterable[Frame], length: float) -> Iterator[Held]:
    """Frames with their pictures and stretches of `length` seconds."""
    from cinemill.measure.motion import Motion, Still

    motion = Motion()
    exact = Fraction(length).limit_denominator(1000)
    last: Still | None = None
    for frame in frames:
        still = Still(frame.planes, frame.layout.bits)
        begins = last is not None and motion.match(last.guide, still).is_other_scene(last)
        yield Held(frame, values(frame), frame.pts * frame.time_base // exact, begins)
        last = still


def stretches(stream: Iterable[Held], margin: int) -> Iterator[Stretch]:
    """(before, now, after): frames of one stretch and scene, and those of the scene up to `margin` around them."""
    before: list[Held] = []
    now: list[Held] = []
    after: list[Held] = []
    for one in stream:
        if now and one.begins:
            yield from _ended(before, now, after, margin)
            before, now, after = [], [], []
        if after or (now and one.stretch != now[0].stretch):
            after.append(one)
        else:
            now.append(one)
        while len(after) >= max(1, margin) and after:
            yield before, now, after[:margin]
            before, now, after = _next(before, now, after, margin)
    if now:
        yield from _ended(before, now, after, margin)


def _next(before: list[Held], now: list[Held], after: list[Held], margin: int) -> Stretch:
    """What is held once the stretch `now` is done: the next one, and the frames behind it."""
    kept = [*before, *now][-margin:] if margin else []
    own = [one for one in after if one.stretch == after[0].stretch]
    return kept, own, after[len(own) :]


def _ended(before: list[Held], now: list[Held], after: list[Held], margin: int) -> Iterator[Stretch]:
    """What is left when a scene ends."""
    while now:
        yield before, now, after[:margin]
        before, now, after = _next(before, now, after, margin) if after else ([], [], [])
