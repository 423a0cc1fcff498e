"""Frames with those around them, for filters that repair one picture from others: whole, or field by field."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from cinemill.filters import parallel

if TYPE_CHECKING:
    from cinemill.measure.motion import Still
    from cinemill.media.types import Frame, Plane

T = TypeVar("T")
Repair = Callable[[Sequence["Still"], int], Sequence["Plane"]]
"""(pictures in order of time, place of the one that is repaired) -> its planes, new ones or its own."""

_MOST_THREADS = 8
"""Frames that are repaired at a time, at most: each holds some twenty planes of 32 bits a sample."""


def windows(items: Iterable[T], before: int, after: int) -> Iterator[tuple[Sequence[T], int]]:
    """Each item among its neighbours, and its place there; at the ends there are fewer."""
    held: deque[T] = deque()
    place = 0
    for item in items:
        held.append(item)
        if len(held) - place > after:
            yield tuple(held), place
            place = _onward(held, place, before)
    while place < len(held):
        yield tuple(held), place
        place = _onward(held, place, before)


def _onward(held: deque[T], place: int, before: int) -> int:
    """The place of the next item, once what is too far behind it has been dropped."""
    if place == before:
        held.popleft()
        return place
    return place + 1


def repaired(frames: Iterable[Frame], reach: int, repair: Repair) -> Iterator[Frame]:
    """`frames` with `repair` done to each, which sees up to `reach` neighbours on either side.

    In interlaced frames it is done to each field, among the fields of the same lines in the neighbours. Several frames
    are repaired at a time, so `repair` must bear to be called by several threads.
    """
    from cinemill.hardware import cores

    def work(item: tuple[Sequence[_Shot], int]) -> Frame:
        window, place = item
        shot = window[place]
        count = shot.fields
        made = [repair([other.stills(count)[i] for other in window], place) for i in range(count)]
        return replace(shot.frame, planes=woven(made, shot.frame))

    return parallel(windows(map(_Shot, frames), reach, reach), work, min(cores(), _MOST_THREADS))


class _Shot:
    """A frame, and the pictures that it is taken apart into, each made once."""

    def __init__(self, frame: Frame) -> None:
        from cinemill.measure.motion import Once

        self.frame = frame
        self._whole: Once[tuple[Still, ...]] = Once()
        self._fields: Once[tuple[Still, ...]] = Once()

    @property
    def fields(self) -> int:
        """2 when the fields are of different times, and there is a line of every plane in both."""
        whole = self.frame.field_order == "progressive" or min(plane.shape[0] for plane in self.frame.planes) < 2
        return 1 if whole else 2

    def stills(self, count: int) -> tuple[Still, ...]:
        """The frame as one picture, or as the upper and the lower field."""
        return (self._whole if count == 1 else self._fields)(lambda: self._taken_apart(count))

    def _taken_apart(self, count: int) -> tuple[Still, ...]:
        from cinemill.measure.motion import Still

        fields = ([plane[i::count] for plane in self.frame.planes] for i in range(count))
        return tuple(Still(planes, self.frame.layout.bits) for planes in fields)


def woven(fields: Sequence[Sequence[Plane]], frame: Frame) -> tuple[Plane, ...]:
    """The planes of a frame like `frame`, of those of its fields, the upper first; of one they are it."""
    import numpy as np

    if len(fields) == 1:
        return tuple(fields[0])
    planes = tuple(np.empty_like(plane) for plane in frame.planes)
    for number, plane in enumerate(planes):
        for i, field in enumerate(fields):
            plane[i :: len(fields)] = field[number]
    return planes
