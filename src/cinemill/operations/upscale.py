"""More pixels: the upscaler over a whole file."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, Literal

from cinemill.errors import InvalidParams
from cinemill.filters import Chain, Step, text
from cinemill.filters.upscale import Upscale
from cinemill.media.output import VideoOutput
from cinemill.operations import operation
from cinemill.operations.video import VideoOperation

if TYPE_CHECKING:
    from cinemill.media.types import MediaInfo, VideoTrack

Size = Literal["720p", "1080p", "1440p", "4k", "8k"]
HEIGHTS: Final[dict[Size, int]] = {"720p": 720, "1080p": 1080, "1440p": 1440, "4k": 2160, "8k": 4320}


OURS: Final = "learned"
"""What stands for the network that comes with cinemill."""


class UpscaleVideo(VideoOutput, Upscale):
    model: str = OURS
    """learned comes with cinemill and invents nothing. Others, by a name of `cinemill models list` or a file
    (.safetensors, .pth, .onnx), draw what they take for detail."""
    to: Size | None = None
    """Enlarge to this height, with square pixels, instead of by a factor."""


@operation
class UpscaleOperation(VideoOperation[UpscaleVideo]):
    """Enlarge a video with a neural network."""

    name = "upscale"
    topic = "Pictures"
    params = UpscaleVideo
    example = "cinemill upscale clip.mp4 -o large.mp4 --to 1080p"

    def chain(self, params: UpscaleVideo, info: MediaInfo) -> tuple[Chain, list[str]]:
        from cinemill.media import read

        given = {name: getattr(params, name) for name in Upscale.model_fields}
        beyond = params.model_fields_set & set(Upscale.model_fields) - {"model", "scale"}
        if params.model == OURS and beyond:
            raise InvalidParams(f"{min(beyond)} is for other networks than ours; name a --model too, or leave it out.")
        video = read.picture_of(info)
        if params.to is None:
            return Chain(tuple(_steps(given, params.scale, video))), []
        return enlarged(video, params.to, given)


def enlarged(video: VideoTrack, to: Size, given: dict[str, Any]) -> tuple[Chain, list[str]]:
    """The steps that bring a picture to a height, and a sentence; nothing where it is as high already."""
    height = HEIGHTS[to]
    if video.height >= height:
        return Chain(), [f"It has {video.height} lines already; {to} would not be more."]
    network, *_ = _steps(given, float(Fraction(height, video.height)), video)
    steps = (network, text.step("scale", {"height": height, "square": True}))
    return Chain(steps), [f"A network enlarges {video.height} lines to {height}, with square pixels."]


def _steps(given: dict[str, Any], factor: float | None, video: VideoTrack) -> Iterator[Step]:
    """A network, and after ours, which knows two factors, a kernel to any other."""
    if given.get("model", OURS) != OURS:
        yield text.step("upscale.model", given | {"scale": factor})
        return
    factor = factor or 2
    ours = 2 if factor <= 2 else 4
    yield text.step("upscale.learned", {"scale": ours})
    if factor != ours:
        size = {
            name: 2 * round(length * factor / 2) for name, length in (("width", video.width), ("height", video.height))
        }
        yield text.step("scale", size)
