"""`Frame` <-> PyAV's VideoFrame, without copying pixels where memory can be shared."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

import av
import numpy as np

from cinemill.errors import UnsupportedMedia
from cinemill.media.colour import Colour
from cinemill.media.formats import layout
from cinemill.media.types import FieldOrder, Frame, Plane

# Formats that decoders and filters hand out and a Frame does not hold, each with one that holds the same values.
SAME_VALUES: Final = {
    "yuvj411p": "yuv411p",
    "yuvj420p": "yuv420p",
    "yuvj422p": "yuv422p",
    "yuvj440p": "yuv440p",
    "yuvj444p": "yuv444p",
    "nv12": "yuv420p",
    "nv21": "yuv420p",
    "nv16": "yuv422p",
    "nv24": "yuv444p",
    "yuyv422": "yuv422p",
    "uyvy422": "yuv422p",
    "p010le": "yuv420p10le",
    "p210le": "yuv422p10le",
    "y210le": "yuv422p10le",
    "bgr24": "rgb24",
    "bgr0": "rgb24",
    "rgb0": "rgb24",
    "0rgb": "rgb24",
    "0bgr": "rgb24",
    "bgra": "rgba",
    "argb": "rgba",
    "abgr": "rgba",
    "pal8": "rgba",
    "rgb48be": "rgb48le",
    "bgr48le": "rgb48le",
    "rgba64be": "rgba64le",
    "monob": "gray",
    "monow": "gray",
    "gray10be": "gray10le",
    "gray16be": "gray16le",
    "ya8": "rgba",
}


def of_native(native: av.VideoFrame, time_base: Fraction, sar: Fraction, field_order: FieldOrder) -> Frame:
    """A Frame whose planes are views of `native`'s memory. Raises UnsupportedMedia for exotic pixel formats."""
    plan = layout(native.format.name)
    if plan is None:
        native = _equivalent(native)
        plan = layout(native.format.name)
        assert plan is not None
    shapes = plan.shapes(native.width, native.height)
    return Frame(
        planes=tuple(np.asarray(_Shared(native, p, s, plan.dtype)) for p, s in zip(native.planes, shapes)),
        format=native.format.name,
        pts=native.pts or 0,
        time_base=time_base,
        duration=native.duration,
        colour=_colour(native.colorspace, native.color_primaries, native.color_trc, native.color_range),
        sar=sar,
        field_order=field_order,
    )


def to_native(frame: Frame, *, lend: bool = True) -> av.VideoFrame:
    """A VideoFrame over the same memory, copied only where libav's layout rules leave no other way.

    The pixels must not be written to: they may be a decoder's reference picture. Filters do write to pictures that
    they alone seem to hold, and libav does not know who else holds memory that is merely lent: `lend` off copies it.
    """
    native = _origin(frame) or (_wrap(frame) if lend else None) or _copy(frame)
    native.pts = frame.pts
    native.time_base = frame.time_base
    native.duration = frame.duration
    colour = (native.colorspace, native.color_primaries, native.color_trc, native.color_range)
    wanted = frame.colour.codes()
    if frame.layout.family == "rgb":
        wanted = (0, *wanted[1:3], 2)  # its tags speak of the YUV it came from
    if colour != wanted:
        native.colorspace, native.color_primaries, native.color_trc, native.color_range = wanted
    return native


def notes(frame: Frame) -> dict[str, str]:
    """What filters that measure have written beside a frame that came straight out of them."""
    native = _origin(frame)
    return dict(native.metadata) if native else {}


class _Shared:
    """One plane of `native` as numpy sees it, read-only; keeps the picture it is part of alive and within reach."""

    def __init__(self, native: av.VideoFrame, plane: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        inner = (shape[2] * dtype.itemsize, dtype.itemsize) if len(shape) == 3 else (dtype.itemsize,)
        self.native = native
        self.__array_interface__ = {
            "version": 3,
            "data": (plane.buffer_ptr, True),
            "shape": shape,
            "strides": (plane.line_size, *inner),  # negative where libavfilter flipped by pointing at the last row
            "typestr": dtype.str,
        }


def _equivalent(native: av.VideoFrame) -> av.VideoFrame:
    name = SAME_VALUES.get(native.format.name)
    if name is None:
        raise UnsupportedMedia(f"pixel format {native.format.name} cannot be processed yet")
    full = 2 if native.format.name.startswith("yuvj") else native.color_range
    colour = (native.colorspace, native.color_primaries, native.color_trc)
    # Naming both ranges and matrices alike keeps swscale from converting values.
    same = native.reformat(
        format=name,
        src_colorspace=native.colorspace,
        dst_colorspace=native.colorspace,
        src_color_range=full,
        dst_color_range=full,
        threads=1,  # each writes a little past its rows' ends, over what another has done
    )
    same.colorspace, same.color_primaries, same.color_trc = colour
    same.color_range = full
    return same


@lru_cache(maxsize=64)
def _colour(matrix: int, primaries: int, transfer: int, range: int) -> Colour:
    return Colour.of_codes(matrix, primaries, transfer, range)


def _origin(frame: Frame) -> av.VideoFrame | None:
    """The VideoFrame that `frame`'s planes are untouched views of, if there is one: it has flags and side data too."""
    shared = frame.planes[0].base
    if not isinstance(shared, _Shared) or shared.native.format.name != frame.format:
        return None
    native = shared.native
    if (native.width, native.height) != (frame.width, frame.height):
        return None
    same = all(_is_all_of(plane, part) for plane, part in zip(frame.planes, native.planes))
    return native if same else None


def _is_all_of(plane: Plane, part: Any) -> bool:
    address: int = plane.__array_interface__["data"][0]
    return address == part.buffer_ptr and plane.strides[0] == part.line_size


class _Lent:
    """Lends a read-only plane to DLPack, which knows only writable memory; libav's encoders and filters read."""

    def __init__(self, plane: Plane) -> None:
        facts = dict(plane.__array_interface__)
        facts["data"] = (facts["data"][0], False)
        self.__array_interface__ = facts
        self.plane = plane


def _wrap(frame: Frame) -> av.VideoFrame | None:
    """Planar memory handed over as it is; libav wants even sizes for subsampled chroma, and forward rows."""
    plan = frame.layout
    odd_h = any(h for h, _, _ in plan.planes) and frame.width % 2
    odd_v = any(v for _, v, _ in plan.planes) and frame.height % 2
    if odd_h or odd_v or plan.planes[0][2] > 1 or len(plan.planes) > 3:
        return None
    if any(p.strides[1] != p.itemsize or p.strides[0] < p.shape[1] * p.itemsize for p in frame.planes):
        return None
    return av.VideoFrame.from_dlpack(tuple(np.asarray(_Lent(p)) for p in frame.planes), format=frame.format)


def _copy(frame: Frame) -> av.VideoFrame:
    native = av.VideoFrame(frame.width, frame.height, frame.format)
    shapes = frame.layout.shapes(frame.width, frame.height)
    parts: Any = native.planes
    for plane, part, (height, *width) in zip(frame.planes, parts, shapes):
        rows = np.frombuffer(part, frame.layout.dtype).reshape(height, -1)
        rows[:, : math.prod(width)] = plane.reshape(height, -1)
    return native
