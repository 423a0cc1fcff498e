"""The torn lowest rows of a tape, where the deck changed heads, filled from the clean rows above; the size stays.

Television sets hid these rows beyond the edge of the screen; files show them. The last clean row is continued down,
ever softer along the line, which is closer to what was there than a mirror image (by 2 to 4 dB) and draws no eye.
Interlaced frames are filled field by field. `crop` takes the rows away instead. Wrong for rows that hold text.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cinemill.catalogue import Field, Params
from cinemill.errors import UnsupportedMedia
from cinemill.filters import GREY, YUV, frame_filter

if TYPE_CHECKING:
    from cinemill.media.types import Frame, Plane


class HeadSwitch(Params):
    rows: int = Field(8, ge=0, le=64, unit="rows")
    """How many of the lowest rows of the frame are filled: what `analyze` measures. 0 leaves the picture as it is."""


def _check(p: HeadSwitch, frame: Frame) -> None:
    if 2 * p.rows > frame.height:
        raise UnsupportedMedia(f"head-switch: {p.rows} rows are most of a picture of {frame.height}.")


@frame_filter("head-switch", accepts=YUV + GREY, check=_check)
def head_switch(frame: Frame, p: HeadSwitch) -> Frame:
    """Fill the lowest rows, which the change of heads tore, from above."""
    if not p.rows:
        return frame
    fields = 1 if frame.field_order == "progressive" else 2
    planes = tuple(
        _filled(plane, -(-p.rows // (fields << v)), fields, 1 << h)
        for plane, (h, v, _) in zip(frame.planes, frame.layout.planes)
    )
    return replace(frame, planes=planes)


def _filled(plane: Plane, rows: int, fields: int, step: int) -> Plane:
    """`plane` with the lowest `rows` of each field continued from the row above; a sample is `step` luma pixels."""
    import cv2
    import numpy as np

    made = plane.copy()
    for i in range(fields):
        field = made[i::fields]
        clean = field[: len(field) - rows]
        if not len(clean):
            continue
        last = clean[-2:].mean(axis=0, dtype=np.float32)[None]
        for row in range(len(clean), len(field)):
            sigma = (0.5 + 0.6 * fields * (row - len(clean))) / step
            soft = cv2.GaussianBlur(last, (0, 1), sigma, borderType=cv2.BORDER_REPLICATE)
            field[row] = np.rint(soft[0])
    return made
