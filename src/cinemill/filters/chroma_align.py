"""Colour that lies beside its outlines moved back over them, by parts of a pixel.

Tape recorders delay colour against luma; generations add up. Interpolation is Lanczos with four lobes, so whole samples
move without a loss. Interlaced frames are moved within each field. Wrong where the shift changes along the line or from
one colour difference to the other; `chroma-shift` moves these apart, by whole samples.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cinemill.catalogue import Field, Params
from cinemill.filters import YUV, frame_filter

if TYPE_CHECKING:
    from cinemill.media.types import Frame, Plane

_LOBES = 4


class ChromaAlign(Params):
    x: float = Field(0.0, ge=-32, le=32, unit="px")
    """How far colour lies to the right of luma, in luma pixels: what `analyze` measures. It is moved left by that."""
    y: float = Field(0.0, ge=-32, le=32, unit="px")
    """How far colour lies below luma, in lines of the frame. It is moved up by that."""


@frame_filter("chroma-align", accepts=YUV)
def chroma_align(frame: Frame, p: ChromaAlign) -> Frame:
    """Move colour back over luma."""
    if not p.x and not p.y:
        return frame
    fields = 1 if frame.field_order == "progressive" or not p.y else 2
    planes = list(frame.planes)
    for number, (h, v, _) in enumerate(frame.layout.planes):
        if number:
            planes[number] = _moved(frame.planes[number], p.x / (1 << h), p.y / (1 << v), fields, frame.layout.bits)
    return replace(frame, planes=tuple(planes))


def _moved(plane: Plane, x: float, y: float, fields: int, bits: int) -> Plane:
    """`plane` moved left by x and up by y samples, in each of its fields."""
    import cv2
    import numpy as np

    made = np.empty_like(plane)
    for i in range(min(fields, plane.shape[0])):
        values = cv2.sepFilter2D(
            plane[i::fields], cv2.CV_32F, _kernel(x), _kernel(y / fields), borderType=cv2.BORDER_REPLICATE
        )
        made[i::fields] = np.clip(np.rint(values), 0, 2**bits - 1)
    return made


@lru_cache(maxsize=16)
def _kernel(shift: float) -> Any:
    """(n, 1) float32: what each sample `shift` ahead is made of, the middle one being the sample itself."""
    import numpy as np

    reach = int(np.ceil(abs(shift))) + _LOBES
    distance = np.arange(-reach, reach + 1) - shift
    weights = np.where(np.abs(distance) < _LOBES, np.sinc(distance) * np.sinc(distance / _LOBES), 0)
    return (weights / weights.sum()).astype(np.float32)[:, None]
