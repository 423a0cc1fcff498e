"""Film out of telecined video: fields are matched back into the frames they came from, repeats are dropped.

Source: FFmpeg's fieldmatch and decimate, after TFM and TDecimate by K. Stone. The cadence may start anywhere, so the
stream cannot be cut. Wrong for video-born material: `deinterlace` keeps its motion.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from cinemill.catalogue import Params
from cinemill.filters import YUV8, lavfi_filter

if TYPE_CHECKING:
    from cinemill.media.types import Frame


class Ivtc(Params):
    field_order: Literal["tff", "bff"] | None = None
    """Which field is earlier in time. Left out, the frames' flag is believed."""
    drop: bool = True
    """Drop the repeated frame of every five: 30000/1001 becomes 24000/1001. Off for PAL film (2:2), which has none."""


def _rate(p: Ivtc, rate: Fraction) -> Fraction:
    return rate * 4 / 5 if p.drop else rate


@lavfi_filter("ivtc", halo=None, accepts=YUV8, rate=_rate, field_order="progressive")
def ivtc(p: Ivtc, frame: Frame) -> str:
    """Restore film frames from 2:3 or 2:2 pulldown; combed leftovers are deinterlaced."""
    order = p.field_order or (frame.field_order if frame.field_order != "progressive" else "auto")
    match = f"fieldmatch=order={order}:combmatch=full,bwdif=mode=send_frame:deint=interlaced"
    return f"{match},decimate" if p.drop else match
