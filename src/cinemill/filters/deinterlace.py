"""Every field becomes a frame: classical deinterlacers of libavfilter.

Sources: bwdif, after M. Weston's three-field deinterlacer (BBC R&D) with Yadif's checks; w3fdif, Weston's filter
itself; yadif by M. Niedermayer; estdif by P. B. Mahol. Wrong for film that was telecined: `ivtc` gives its own frames
back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from cinemill.catalogue import Params
from cinemill.filters import YUV, stream_filter

if TYPE_CHECKING:
    from cinemill.media.types import Frame


TAKEN = (*YUV, "gray", "gray16le")


class Deinterlace(Params):
    field_order: Literal["tff", "bff"] | None = None
    """Which field is earlier in time. Left out, each frame's own flag is believed and progressive frames pass."""
    output: Literal["field", "frame"] = "field"
    """A frame per field (50 or 60 a second, all of the motion), or a frame per frame."""


def double(p: Deinterlace, rate: Fraction) -> Fraction:
    return rate * 2 if p.output == "field" else rate


@stream_filter("deinterlace.bwdif", halo=(1, 1), accepts=TAKEN, rate=double, field_order="progressive", default=True)
def bwdif(frames: Iterator[Frame], p: Deinterlace) -> Iterator[Frame]:
    """Deinterlace with bwdif: the best of the fast ones."""
    return _run(frames, f"bwdif=mode=send_{p.output}", p)


@stream_filter("deinterlace.yadif", halo=(1, 1), accepts=TAKEN, rate=double, field_order="progressive")
def yadif(frames: Iterator[Frame], p: Deinterlace) -> Iterator[Frame]:
    """Deinterlace with yadif: what most players do."""
    # The slices of its threads race above 8 bits.
    return _run(frames, f"yadif=threads=1:mode=send_{p.output}", p)


class W3fdif(Deinterlace):
    filter: Literal["simple", "complex"] = "complex"
    """How many neighbouring lines take part."""


@stream_filter("deinterlace.w3fdif", halo=(1, 1), accepts=TAKEN, rate=double, field_order="progressive")
def w3fdif(frames: Iterator[Frame], p: W3fdif) -> Iterator[Frame]:
    """Deinterlace with Weston's three-field filter: soft, free of mistakes."""
    return _run(frames, f"w3fdif=mode={p.output}:filter={p.filter}", p)


@stream_filter("deinterlace.estdif", halo=(1, 1), accepts=TAKEN, rate=double, field_order="progressive")
def estdif(frames: Iterator[Frame], p: Deinterlace) -> Iterator[Frame]:
    """Deinterlace by tracing edges in one field: no motion is mixed up, still pictures flicker."""
    return _run(frames, f"estdif=mode={p.output}", p)


def _run(frames: Iterator[Frame], graph: str, p: Deinterlace) -> Iterator[Frame]:
    from cinemill.media import lavfi

    order = f"parity={p.field_order or 'auto'}:deint={'all' if p.field_order else 'interlaced'}"
    taken: deque[Frame] = deque(maxlen=1)
    given: deque[Frame] = deque()
    for frame in lavfi.run(_noted(frames, taken), f"{graph}:{order}", "progressive"):
        if len(given) == 2:
            yield given.popleft()
        given.append(frame)
    if len(given) == 2 and given[0].pts * given[0].time_base == taken[0].pts * taken[0].time_base:
        yield from _halves(given[0], given[1], taken[0].duration)
    else:
        yield from given


def _noted(frames: Iterator[Frame], taken: deque[Frame]) -> Iterator[Frame]:
    for frame in frames:
        taken.append(frame)
        yield frame


def _halves(first: Frame, second: Frame, length: int) -> tuple[Frame, Frame]:
    """The fields of the very last frame: with no frame after it libavfilter can but guess when the second is due."""
    length = length or max(1, second.pts - first.pts)
    return replace(first, duration=length), replace(second, pts=first.pts + length, duration=length)
