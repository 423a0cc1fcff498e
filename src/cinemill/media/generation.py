"""What a codec makes of pictures: encoded and decoded again in memory, so that what comes out bears its traces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import av

from cinemill.media.native import of_native, to_native
from cinemill.media.types import Frame


def generation(frames: Sequence[Frame], encoder: str, options: Mapping[str, str]) -> list[Frame]:
    """`frames` after one generation of `encoder`, as libav calls it, with options of its own; one thread, so that the
    same frames give the same bits. Field order, pixel shape and times stay. Raises MediaError's relatives of libav.
    """
    first = frames[0]
    into: Any = av.CodecContext.create(encoder, "w")
    into.width, into.height, into.pix_fmt = first.width, first.height, first.format
    into.time_base, into.framerate = Fraction(1, 25), Fraction(25)
    into.thread_count = 1
    into.options = dict(options)
    packets = [packet for frame in _counted(frames) for packet in into.encode(to_native(frame))] + into.encode(None)
    back: Any = av.CodecContext.create(into.codec.canonical_name, "r")
    back.extradata = into.extradata
    back.thread_count = 1
    natives = [native for packet in packets for native in back.decode(packet)] + back.decode(None)
    made = (of_native(native, first.time_base, first.sar, first.field_order) for native in natives)
    return [replace(frame, planes=seen.planes) for frame, seen in zip(frames, made, strict=True)]


def _counted(frames: Sequence[Frame]) -> list[Frame]:
    """On the clock of the encoder, which wants evenly growing times."""
    return [replace(frame, pts=n, time_base=Fraction(1, 25), duration=1) for n, frame in enumerate(frames)]
