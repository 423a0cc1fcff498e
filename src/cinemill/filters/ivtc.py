"""Film out of telecined video: fields are matched back into the frames they came from, repeats are dropped.

Source: FFmpeg's fieldmatch and decimate, after TFM and TDecimate by K. Stone. The cadence may start anywhere, so the
stream cannot be cut. Wrong for video-born material: `deinterlace` keeps its motion.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from cinemill.catalogue import Params
from cinemill.filters import stream_filter

if TYPE_CHECKING:
    from cinemill.media.types import Frame


class Ivtc(Params):
    field_order: Literal["tff", "bff"] | None = None
    """Which field is earlier in time. Left out, the frames' flag is believed."""
    drop: bool = True
    """Drop the repeated frame of every five: 30000/1001 becomes 24000/1001. Off for PAL film (2:2), which has none."""


def _rate(p: Ivtc, rate: Fraction) -> Fraction:
    return rate * 4 / 5 if p.drop else rate


@stream_filter(
    "ivtc",
    halo=None,
    accepts=("yuv420p", "yuv422p", "yuv444p", "yuv411p", "yuv410p"),
    rate=_rate,
    field_order="progressive",
)
def ivtc(frames: Iterator[Frame], p: Ivtc) -> Iterator[Frame]:
    """Restore film frames from 2:3 or 2:2 pulldown; combed leftovers are deinterlaced."""
    from cinemill.media import lavfi

    order = p.field_order or "auto"
    match = f"fieldmatch=order={order}:combmatch=full,bwdif=mode=send_frame:deint=interlaced"
    return _four_of_five(frames, match) if p.drop else lavfi.run(frames, match, "progressive")


def _four_of_five(frames: Iterator[Frame], match: str) -> Iterator[Frame]:
    """Decimated frames, spread evenly over the time of the five that they are made of.

    decimate itself counts frames, so a clock in milliseconds would run away from the sound. A cycle that the end cuts
    short loses none.
    """
    from cinemill.media import lavfi

    cycle: deque[Frame] = deque()

    def counted() -> Iterator[Frame]:
        for count, frame in enumerate(frames):
            cycle.append(frame)
            yield replace(frame, pts=count, time_base=Fraction(1, 30), duration=1)

    for count, frame in enumerate(lavfi.run(counted(), f"{match},decimate", "progressive")):
        place = count % 4
        if count and place == 0:
            for _ in range(5):
                cycle.popleft()
        pts, duration = cycle[place].pts * 4, cycle[place].duration * 4
        if len(cycle) >= 5:
            # fieldmatch looks one frame ahead, so the next cycle has begun unless this is the last.
            start, last = cycle[0].pts, cycle[4]
            stop = cycle[5].pts if len(cycle) > 5 else last.pts + (last.duration or last.pts - cycle[3].pts)
            pts, duration = 4 * start + place * (stop - start), stop - start
        yield replace(frame, pts=pts, time_base=cycle[0].time_base / 4, duration=duration)
