"""One track of sound as a file of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cinemill.catalogue import Field, Params
from cinemill.operations import Chunk, Decided, Operation, Request, operation


class ExtractAudio(Params):
    track: int = Field(1, ge=1)
    """Which audio track, counted from 1."""


class ExtractDecided(Decided):
    format: str


# Where each codec goes without being encoded again.
_HOMES = {"aac": ".m4a", "alac": ".m4a", "mp3": ".mp3", "opus": ".opus", "vorbis": ".ogg", "flac": ".flac"}


@operation
class ExtractAudioOperation(Operation[ExtractAudio, ExtractDecided]):
    """Take the sound out of a video, copied where the output's container can hold it."""

    name = "extract-audio"
    params = ExtractAudio
    decided = ExtractDecided
    unit = "s"
    example = "cinemill extract-audio film.mkv -o film.flac"

    def suffix(self, request: Request[ExtractAudio]) -> str:
        codec = _sound(request)[1].codec
        return ".wav" if codec.startswith("pcm_") else _HOMES.get(codec, ".mka")

    def decide(self, request: Request[ExtractAudio]) -> ExtractDecided:
        from cinemill.media import tracks

        assert request.output
        format = tracks.container_of(request.output, tracks.SOUND_CONTAINERS)
        carry = _carry(request, format)
        notes = (carry.describe(),) if carry.how == "convert" else ("the sound is copied bit for bit.",)
        return ExtractDecided(notes=notes, format=format)

    def cut(self, request: Request[ExtractAudio], decided: ExtractDecided, seconds: float) -> list[Chunk]:
        return []

    def part(self, request: Request[ExtractAudio], decided: ExtractDecided, chunk: Chunk, path: Path) -> Iterator[int]:
        raise AssertionError("there are no parts")

    def join(
        self, request: Request[ExtractAudio], decided: ExtractDecided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        from cinemill.media import write

        assert output
        info, _ = _sound(request)
        length = float(info.duration or 0) or 1.0
        for done in write.assemble([], None, info, [_carry(request, decided.format)], output, decided.format):
            yield min(1.0, done / length)


def _sound(request: Request[ExtractAudio]) -> Any:
    from cinemill.media import read

    info = read.probe(request.inputs[0])
    return info, read.sound_of(info, request.params.track - 1)


def _carry(request: Request[ExtractAudio], format: str) -> Any:
    from cinemill.media import tracks

    info, track = _sound(request)
    return next(carry for carry in tracks.carries(info, format) if carry.track.index == track.index)
