"""Clean field-rate frames -> an interlaced tape of them: two frames woven into one, then the damage, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from cinemill.damage import amounts
from cinemill.damage.cadence import woven
from cinemill.damage.tape import damaged
from cinemill.errors import UnsupportedMedia
from cinemill.media.types import Frame


class Tape(amounts.Tape):
    field_order: Literal["tff", "bff"] = "tff"
    """Which field is earlier in time."""


def tape(frames: Iterator[Frame], p: Tape, seed: int) -> Iterator[Frame]:
    """Interlaced frames at half the rate, from progressive frames at field rate; pts are the earlier field's.

    A last frame without a partner gives both fields of its tape frame. The same seed gives the same pixels.
    Raises UnsupportedMedia for anything but planar YUV and grey.
    """
    amount = amounts.Tape(**p.model_dump(exclude={"field_order"}) | {"seed": seed})
    for first in frames:
        if first.layout.family == "rgb":
            raise UnsupportedMedia(f"a tape holds luma and chroma; {first.format} has neither.")
        second = next(frames, first)
        planes, duration = woven(first.planes, second.planes, p.field_order), first.duration + second.duration
        yield damaged(replace(first, planes=planes, duration=duration, field_order=p.field_order), amount)
