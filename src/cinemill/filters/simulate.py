"""Damage with a known truth, for trying other filters on: what tapes, films, codecs and standards do to pictures.

`cinemill.damage` does it and says exactly what it did. With every amount 0 the frames stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

from cinemill.damage.amounts import Digital, Film, Tape, Telecine
from cinemill.errors import UnsupportedMedia
from cinemill.filters import GREY, YUV, Halo, frame_filter, stream_filter

if TYPE_CHECKING:
    from cinemill.catalogue import Params
    from cinemill.media.types import FieldOrder, Frame

TAKEN = YUV + GREY
_FASTEST = 240
"""Frames a second of the fastest source that telecine is right for at a cut."""


@frame_filter("simulate.tape", accepts=TAKEN)
def tape(frame: Frame, p: Tape) -> Frame:
    """Damage as on a video tape: soft, shifted colour, ringing, unsteady lines, noise, dropouts, torn lowest rows."""
    from cinemill.damage import tape as damage

    return damage.damaged(frame, p)


def _check_whole(p: Params, frame: Frame) -> None:
    if frame.field_order != "progressive":
        raise UnsupportedMedia("film has whole pictures; put deinterlace before it.")


@frame_filter("simulate.film", accepts=TAKEN, check=_check_whole)
def film(frame: Frame, p: Film) -> Frame:
    """Damage as on cine film: weave, faded colour, grain, scratches, dirt, hairs, flicker."""
    from cinemill.damage import film as damage

    return damage.damaged(frame, p)


def _halo_of_digital(p: Digital) -> Halo:
    return (1, 0) if p.lost else (0, 0)


@stream_filter("simulate.digital", halo=_halo_of_digital, accepts=TAKEN)
def digital(frames: Iterator[Frame], p: Digital) -> Iterator[Frame]:
    """Damage as by DV, DVD or the early web: sharpening, coarse colour, blocks, lost blocks."""
    from cinemill.damage import digital as damage

    return damage.damaged(frames, p)


def _halo_of_telecine(p: Telecine) -> Halo:
    return (1, ceil(_FASTEST / p.rate) + 1)


def _rate(p: Telecine, rate: Fraction) -> Fraction:
    return min(rate, 2 * p.rate) if p.cadence == "soft" else p.rate


def _order(p: Telecine) -> FieldOrder | None:
    return "progressive" if p.cadence == "soft" else p.field_order


@stream_filter("simulate.telecine", halo=_halo_of_telecine, rate=_rate, check=_check_whole, field_order=_order)
def telecine(frames: Iterator[Frame], p: Telecine) -> Iterator[Frame]:
    """Spread pictures over the fields of another frame rate: interlacing, 2:3, 2:2, standards conversion."""
    from cinemill.damage import cadence

    return cadence.telecined(frames, p)
