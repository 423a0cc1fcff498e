"""More pixels, or cleaner ones, from many frames at once: BasicVSR++.

The film is taken in stretches, as `stretches.py` says, so that the result does not depend on where a stream was cut.
Slow: minutes a second of film without a GPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cinemill.catalogue import Field, Params, Weights
from cinemill.filters import Halo, stream_filter, stretches
from cinemill.filters.model import PICTURES, Device, check_progressive, pictured

if TYPE_CHECKING:
    from cinemill.media.types import Frame
    from cinemill.models.tiles import Tiler


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
    return stretches.halo(p.length, p.margin)


def _check(p: BasicVsr, frame: Frame) -> None:
    check_progressive(p, frame)
    _tiler(p)


@stream_filter("upscale.basicvsrpp", halo=_halo, accepts=PICTURES, check=_check)
def basicvsrpp(frames: Iterator[Frame], p: BasicVsr) -> Iterator[Frame]:
    """Enlarge four times, or clean, by BasicVSR++, which sees many frames at once."""
    import numpy as np

    tiler = _tiler(p)
    for before, now, after in stretches.stretches(stretches.held(frames, p.length), p.margin):
        film = np.stack([held.picture for held in (*before, *now, *after)])
        made = tiler.run(film)[len(before) : len(before) + len(now)]
        for held, picture in zip(now, made):
            yield pictured(held.frame, picture)


def _tiler(p: BasicVsr) -> Tiler:
    from cinemill.models import sessions
    from cinemill.models.session import Wanted
    from cinemill.models.tiles import Tiler

    session = sessions.film(Wanted(sessions.located(p.model), device=p.device))
    # A batch is a stretch of film; where memory is short it is halved before tiles are.
    return Tiler(session, p.tile, batch=1 << 16)
