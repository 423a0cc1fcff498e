"""Work on the sound of a file: one track is made anew, every other track is carried along as it is."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from cinemill.catalogue import Field, Params
from cinemill.operations import Chunk, Decided, Operation, Request

if TYPE_CHECKING:
    from cinemill.media.tracks import Carry
    from cinemill.media.types import Audio, AudioTrack, MediaInfo


class TrackChoice(Params):
    """Sound."""

    track: int = Field(1, ge=1)
    """Which audio track, counted from 1. The others are carried along."""


class SoundDecided(Decided):
    format: str
    seconds: int


S = TypeVar("S", bound=TrackChoice)


class SoundOperation(Operation[S, SoundDecided], Generic[S]):
    """A look at the whole track, which becomes a record of what to do, and then the track made anew by it."""

    decided = SoundDecided
    inputs = ("audio",)
    unit = "s"

    @abstractmethod
    def look(self, request: Request[S], info: MediaInfo, track: AudioTrack) -> dict[str, Any]:
        """What will be done, JSON-safe, found by going over the sound; sentences about it under `notes`."""

    @abstractmethod
    def made(self, request: Request[S], info: MediaInfo, track: AudioTrack, record: dict[str, Any]) -> Iterator[Audio]:
        """The track as it will be."""

    def suffix(self, request: Request[S]) -> str:
        from cinemill.media import read
        from cinemill.media.tracks import CONTAINERS, SOUND_CONTAINERS

        own = request.inputs[0].suffix.lower()
        if read.probe(request.inputs[0]).video:
            return own if own in CONTAINERS else ".mkv"
        return own if own in SOUND_CONTAINERS else ".flac"

    def decide(self, request: Request[S]) -> SoundDecided:
        from cinemill.media import read, tracks

        assert request.output
        info = read.probe(request.inputs[0])
        read.sound_of(info, request.params.track - 1)
        known = tracks.CONTAINERS if info.video else {**tracks.CONTAINERS, **tracks.SOUND_CONTAINERS}
        format = tracks.container_of(request.output, known)
        notes = [carry.describe() for carry in _carries(request, info, format) if carry.how in ("leave", "convert")]
        return SoundDecided(notes=tuple(notes), format=format, seconds=max(1, round(info.duration or 1)))

    def cut(self, request: Request[S], decided: SoundDecided, seconds: float) -> list[Chunk]:
        return [Chunk(index=0, size=decided.seconds)]

    def part(self, request: Request[S], decided: SoundDecided, chunk: Chunk, path: Path) -> Iterator[int]:
        yield 0
        info, track = _track(request)
        path.write_text(json.dumps(self.look(request, info, track)), "utf-8")
        yield chunk.size

    def join(
        self, request: Request[S], decided: SoundDecided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        from cinemill.media import write

        assert output
        info, track = _track(request)
        blocks = self.made(request, info, track, json.loads(parts[0].read_text("utf-8")))
        carried = _carries(request, info, decided.format)
        sounds = {track.index: blocks}
        for done in write.assemble([], None, info, carried, output, decided.format, sounds):
            yield min(1.0, done / decided.seconds)

    def result(self, request: Request[S], decided: SoundDecided, parts: Sequence[Path]) -> dict[str, Any]:
        return json.loads(parts[0].read_text("utf-8"))


def _track(request: Request[Any]) -> tuple[MediaInfo, AudioTrack]:
    from cinemill.media import read

    info = read.probe(request.inputs[0])
    return info, read.sound_of(info, request.params.track - 1)


def _carries(request: Request[Any], info: MediaInfo, format: str) -> list[Carry]:
    """The fate of every track: ours is encoded, the others are copied where they can be."""
    from cinemill.media import read, tracks

    ours = read.sound_of(info, request.params.track - 1)
    return anew(tracks.carries(info, format, picture=True), [ours.index], format)


def anew(carried: Sequence[Carry], sounds: Collection[int], format: str) -> list[Carry]:
    """The fate of every track where those of `sounds` are made anew."""
    from cinemill.media import tracks

    return [
        replace(carry, how="convert", codec=tracks.sound_encoder(carry.track.codec, format), reason="it is made anew")
        if carry.track.index in sounds
        else carry
        for carry in carried
    ]


def channels(info: MediaInfo, track: AudioTrack) -> Iterator[Audio]:
    """The track's sound, without gaps, from where the programme begins."""
    from cinemill.media import read, sound

    return sound.even(read.audio(info, track))
