"""Subtitles into the picture, for players and sites that show none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cinemill.catalogue import SubtitleFile
from cinemill.filters import Chain, text
from cinemill.filters.subtitles import Subtitles
from cinemill.media import clock
from cinemill.media.output import VideoOutput
from cinemill.operations import operation
from cinemill.operations.video import VideoOperation

if TYPE_CHECKING:
    from cinemill.media.types import MediaInfo


class Burn(VideoOutput, Subtitles):
    file: SubtitleFile | None = None  # pyright: ignore[reportIncompatibleVariableOverride]
    """SRT, VTT, ASS or SSA file. Left out, a subtitle track of the video itself is drawn."""


@operation
class BurnOperation(VideoOperation[Burn]):
    """Burn subtitles into the picture."""

    name = "burn"
    params = Burn
    example = "cinemill burn film.mp4 --file film.srt -o film-with-subtitles.mp4"

    def chain(self, params: Burn, info: MediaInfo) -> tuple[Chain, list[str]]:
        drawn = {name: getattr(params, name) for name in Subtitles.model_fields}
        if params.file and info.video:
            # Their clock begins with the programme, the picture's may begin later.
            drawn["delay"] += clock.seconds(info.video.start_pts, info.video.time_base)
        return Chain((text.step("subtitles", drawn | {"file": params.file or info.path}),)), []
