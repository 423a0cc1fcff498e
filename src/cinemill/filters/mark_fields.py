"""Frames under the field order that they have, where a file says otherwise. Pictures stay as they are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from cinemill.catalogue import Params
from cinemill.filters import frame_filter

if TYPE_CHECKING:
    from cinemill.media.types import Frame


class MarkFields(Params):
    field_order: Literal["progressive", "tff", "bff"] = "progressive"
    """What frames are marked as from here on: whole pictures, or fields with the upper or the lower one earlier."""


@frame_filter("mark-fields")
def mark_fields(frame: Frame, p: MarkFields) -> Frame:
    """Mark frames as progressive or interlaced where the file's own mark is wrong; the picture stays."""
    return replace(frame, field_order=p.field_order)
