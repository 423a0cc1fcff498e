"""Subtitles drawn into the picture by libass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import field_validator

from cinemill.catalogue import Field, Params, SubtitleFile
from cinemill.errors import InvalidParams
from cinemill.filters import DRAWABLE, lavfi_filter

if TYPE_CHECKING:
    from cinemill.media.types import Frame


class Subtitles(Params):
    file: SubtitleFile
    """SRT, VTT, ASS or SSA file, or a video file that holds subtitles."""
    track: int = Field(0, ge=0)
    """Which subtitle track of the file, counted from 0."""
    delay: float = Field(0.0, ge=-86400, le=86400, unit="s")
    """How much later than written they appear; negative for earlier. A recording's clock need not begin at 0."""
    font: str | None = None
    """Font family, instead of the one the styles name."""
    size: int | None = Field(None, ge=4, le=400, unit="px")
    """Height of the letters in a picture 288 lines high, instead of the styles'."""

    @field_validator("font")
    @classmethod
    def _one_name(cls, font: str | None) -> str | None:
        if font and set(font) & set(",="):
            raise ValueError("name one font family")
        return font


def _check(p: Subtitles, frame: Frame) -> None:
    if not p.file.is_file():
        raise InvalidParams(f"subtitles: {p.file} is not there.")


@lavfi_filter("subtitles", accepts=DRAWABLE, check=_check)
def subtitles(p: Subtitles) -> str:
    """Burn subtitles in, at their own times."""
    from cinemill.media.lavfi import escape

    style = ",".join([f"FontName={p.font}"] * bool(p.font) + [f"FontSize={p.size}"] * bool(p.size))
    graph = f"subtitles=filename={escape(str(p.file.resolve()))}:si={p.track}"
    graph += f":force_style={escape(style)}" if style else ""
    ticks = f"round({p.delay}/TB)"  # whole ticks, so that every pts comes back as it was
    return f"setpts=PTS-{ticks},{graph},setpts=PTS+{ticks}" if p.delay else graph
