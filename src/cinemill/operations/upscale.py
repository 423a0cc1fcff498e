"""More pixels: the upscaler over a whole file."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, Literal

from cinemill.filters import Chain, text
from cinemill.filters.upscale import Upscale
from cinemill.media.output import VideoOutput
from cinemill.operations import operation
from cinemill.operations.video import VideoOperation

if TYPE_CHECKING:
    from cinemill.media.types import MediaInfo, VideoTrack

Size = Literal["720p", "1080p", "1440p", "4k", "8k"]
HEIGHTS: Final[dict[Size, int]] = {"720p": 720, "1080p": 1080, "1440p": 1440, "4k": 2160, "8k": 4320}


class UpscaleVideo(VideoOutput, Upscale):
    to: Size | None = None
    """Enlarge to this height, with square pixels, instead of by a factor."""


@operation
class UpscaleOperation(VideoOperation[UpscaleVideo]):
    """Enlarge a video with a neural network."""

    name = "upscale"
    params = UpscaleVideo
    example = "cinemill upscale clip.mp4 -o large.mp4 --to 1080p"

    def chain(self, params: UpscaleVideo, info: MediaInfo) -> tuple[Chain, list[str]]:
        from cinemill.media import read

        given = {name: getattr(params, name) for name in Upscale.model_fields}
        if params.to is None:
            return Chain((text.step("upscale.model", given),)), []
        return enlarged(read.picture_of(info), params.to, given)


def enlarged(video: VideoTrack, to: Size, given: dict[str, Any]) -> tuple[Chain, list[str]]:
    """The steps that bring a picture to a height, and a sentence; nothing where it is as high already."""
    height = HEIGHTS[to]
    if video.height >= height:
        return Chain(), [f"It has {video.height} lines already; {to} would not be more."]
    factor = float(Fraction(height, video.height))
    steps = (
        text.step("upscale.model", given | {"scale": factor}),
        text.step("scale", {"height": height, "square": True}),
    )
    return Chain(steps), [f"A network enlarges {video.height} lines to {height}, with square pixels."]
