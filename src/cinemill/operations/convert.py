"""Another container or codec, encoding anew only what must be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from cinemill.errors import UnsupportedMedia
from cinemill.filters import Chain
from cinemill.media.output import VideoOutput
from cinemill.operations import operation
from cinemill.operations.video import VideoOperation

if TYPE_CHECKING:
    from cinemill.media.types import MediaInfo


class Convert(VideoOutput):
    picture: Literal["auto", "copy", "encode"] = "auto"
    """copy keeps the picture bit for bit; encode makes it anew; auto copies unless the container cannot hold it, or
    something about the encoding was asked for."""


@operation
class ConvertOperation(VideoOperation[Convert]):
    """Put a video into another container or codec; what need not change is copied."""

    name = "convert"
    params = Convert
    example = "cinemill convert film.mkv -o film.mp4"

    def chain(self, params: Convert, info: MediaInfo) -> tuple[Chain, list[str]]:
        return Chain(), []

    def copies(self, params: Convert, info: MediaInfo, format: str) -> bool:
        if params.picture == "encode":
            return False
        from cinemill.media import tracks

        assert info.video
        fates = {carry.track.index: carry.how for carry in tracks.carries(info, format, picture=True)}
        possible = fates[info.video.index] == "copy"
        if params.picture == "copy" and not possible:
            raise UnsupportedMedia(f"{format} cannot hold {info.video.codec}; use --picture encode, or an .mkv output.")
        default = VideoOutput()
        asked = any(getattr(params, name) != getattr(default, name) for name in VideoOutput.model_fields)
        return possible and (params.picture == "copy" or not asked)
