"""More pixels, or cleaner ones, from many frames at once: BasicVSR++.

The film is taken in stretches whose borders lie at multiples of a length of time, and never across a cut; at each end
some frames more are looked at, so that stretches join. So the result does not depend on where a stream was cut.
Slow: minutes a second of film without a GPU.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from cinemill.catalogue import Field, Params, Weights
from cinemill.filters import Halo, stream_filter
from cinemill.filters.model import PICTURES, Device, check_progressive, pictured, values

if TYPE_CHECKING:
    from cinemill.media.types import Frame
    from cinemill.models.session import Floats
    from cinemill.models.tiles import Tiler

_FASTEST = 60
"""Frames a second up to which stretches are whole in a chunk's halo."""


class BasicVsr(Params):
    model: Weights = "basicvsrpp-reds4"
    """A name of `cinemill models list`, or a file: weights of BasicVSR++ in mmagic's form."""
    length: float = Field(0.5, ge=0.05, le=4, unit="s")
    """Length of a stretch. Longer is better, and takes memory in proportion."""
    margin: int = Field(3, ge=0, le=30, unit="frames")
    """How many frames more are looked at before and after each stretch."""
    tile: int = Field(0, ge=0, le=16384, unit="px")
    """Side of the tiles that the picture is cut into. 0 takes what memory allows."""
    device: Device = "auto"


def _halo(p: BasicVsr) -> Halo:
    frames = int(p.length * _FASTEST) + 1 + p.margin
    return frames, frames


def _check(p: BasicVsr, frame: Frame) -> None:
    check_progressive(p, frame)
    _tiler(p)


@dataclass(frozen=True, eq=False)
class _Held:
    """A frame with its picture, and the stretch that it belongs to; `begins`: whether a scene begins with it."""

    frame: Frame
    picture: Floats
    stretch: int
    begins: bool


@stream_filter("upscale.basicvsrpp", halo=_halo, accepts=PICTURES, check=_check)
def basicvsrpp(frames: Iterator[Frame], p: BasicVsr) -> Iterator[Frame]:
    """Enlarge four times, or clean, by BasicVSR++, which sees many frames at once."""
    import numpy as np

    tiler = _tiler(p)
    for before, now, after in _stretches(_held(frames, p), p.margin):
        film = np.stack([held.picture for held in (*before, *now, *after)])
        made = tiler.run(film)[len(before) : len(before) + len(now)]
        for held, picture in zip(now, made):
            yield pictured(held.frame, picture)


def _held(frames: Iterable[Frame], p: BasicVsr) -> Iterator[_Held]:
    from cinemill.measure.motion import Motion, Still

    motion = Motion()
    length = Fraction(p.length).limit_denominator(1000)
    last: Still | None = None
    for frame in frames:
        still = Still(frame.planes, frame.layout.bits)
        begins = last is not None and motion.match(last.guide, still).is_other_scene(last)
        yield _Held(frame, values(frame), frame.pts * frame.time_base // length, begins)
        last = still


def _stretches(stream: Iterable[_Held], margin: int) -> Iterator[tuple[list[_Held], list[_Held], list[_Held]]]:
    """(before, now, after): frames of one stretch and scene, and those of the scene up to `margin` around them."""
    before: list[_Held] = []
    now: list[_Held] = []
    after: list[_Held] = []
    for held in stream:
        if now and held.begins:
            yield from _ended(before, now, after, margin)
            before, now, after = [], [], []
        if after or (now and held.stretch != now[0].stretch):
            after.append(held)
        else:
            now.append(held)
        while len(after) >= max(1, margin) and after:
            yield before, now, after[:margin]
            before, now, after = _next(before, now, after, margin)
    if now:
        yield from _ended(before, now, after, margin)


def _next(
    before: list[_Held], now: list[_Held], after: list[_Held], margin: int
) -> tuple[list[_Held], list[_Held], list[_Held]]:
    """What is held once the stretch `now` is done: the next one, and the frames behind it."""
    kept = [*before, *now][-margin:] if margin else []
    own = [held for held in after if held.stretch == after[0].stretch]
    return kept, own, after[len(own) :]


def _ended(
    before: list[_Held], now: list[_Held], after: list[_Held], margin: int
) -> Iterator[tuple[list[_Held], list[_Held], list[_Held]]]:
    """What is left when a scene ends."""
    while now:
        yield before, now, after[:margin]
        before, now, after = _next(before, now, after, margin) if after else ([], [], [])


def _tiler(p: BasicVsr) -> Tiler:
    from cinemill.models import sessions
    from cinemill.models.session import Wanted
    from cinemill.models.tiles import Tiler

    session = sessions.film(Wanted(sessions.located(p.model), device=p.device))
    # A batch is a stretch of film; where memory is short it is halved before tiles are.
    return Tiler(session, p.tile, batch=1 << 16)
