"""Sound as loud as a standard wants it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from cinemill.errors import InvalidParams
from cinemill.operations import Request, operation
from cinemill.operations.sound_params import LoudnessOptions, said_of, target_of
from cinemill.operations.sound_work import SoundOperation, TrackChoice, channels

if TYPE_CHECKING:
    from cinemill.measure.loudness import Settled
    from cinemill.media.types import Audio, AudioTrack, MediaInfo


class LoudnessParams(TrackChoice, LoudnessOptions):
    loudness: Literal["none", "broadcast", "podcast", "web"] = "broadcast"
    """How loud the sound is made: broadcast -23 LUFS (EBU R 128), podcast -16, web -14."""


@operation
class LoudnessOperation(SoundOperation[LoudnessParams]):
    """Bring sound to a loudness by EBU R 128: measured, changed by one gain, measured again.

    Only peaks that would pass the ceiling are taken back. A picture and other tracks stay as they are.
    """

    name = "loudness"
    topic = "Speech and sound"
    params = LoudnessParams
    example = "cinemill loudness talk.mp4 -o talk-16.mp4 --loudness podcast"

    def look(self, request: Request[LoudnessParams], info: MediaInfo, track: AudioTrack) -> dict[str, Any]:
        from cinemill.measure import loudness

        target = target_of(request.params)
        if target is None:
            raise InvalidParams("loudness wants a target: --loudness broadcast, or --lufs.")
        settled = loudness.settle(lambda: channels(info, track), target)
        return {**said_of(settled, target), "applied": kept_of(settled)}

    def made(
        self, request: Request[LoudnessParams], info: MediaInfo, track: AudioTrack, record: dict[str, Any]
    ) -> Iterator[Audio]:
        return applied(channels(info, track), record["applied"])


def applied(blocks: Iterator[Audio], kept: dict[str, Any]) -> Iterator[Audio]:
    """What was settled, done."""
    from cinemill.media import limiter, sound

    if kept["silent"]:
        return blocks
    louder = sound.gained(blocks, kept["gain"])
    return louder if kept["ceiling"] is None else limiter.limited(louder, kept["ceiling"])


def kept_of(settled: Settled) -> dict[str, Any]:
    """What `applied` needs, JSON-safe."""
    return {"gain": settled.gain, "ceiling": settled.ceiling, "silent": settled.before.lufs is None}
