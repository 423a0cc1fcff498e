"""Any chain of filters over a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cinemill.filters import Chain, text
from cinemill.media.output import VideoOutput
from cinemill.operations import operation
from cinemill.operations.video import VideoOperation

if TYPE_CHECKING:
    from cinemill.media.types import MediaInfo


class Process(VideoOutput):
    chain: str = ""
    """Filters in order, as in deinterlace=method:bwdif,denoise=strength:0.4. Empty changes nothing but the encoding."""


@operation
class ProcessOperation(VideoOperation[Process]):
    """Run filters over a video; everything else in the file is kept."""

    name = "process"
    topic = "Pictures"
    params = Process
    example = 'cinemill process tape.mp4 -o clean.mp4 --chain "deinterlace,denoise=strength:0.4,scale=height:1080"'

    def chain(self, params: Process, info: MediaInfo) -> tuple[Chain, list[str]]:
        return text.chain(params.chain), []
