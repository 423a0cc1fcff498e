"""Subtitles to their sound: by a time that is told, or by one that is heard."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cinemill.catalogue import Field, Params
from cinemill.errors import InvalidParams, UnsupportedMedia
from cinemill.operations import Chunk, Decided, Operation, Request, operation
from cinemill.operations.convert_subtitles import write
from cinemill.operations.cue_params import read_cues, refuse_nothing

if TYPE_CHECKING:
    from cinemill.media.cues.types import Transcript


class Shift(Params):
    by: float = Field(0.0, ge=-86400, le=86400, unit="s")
    """How much later everything comes; negative for earlier."""
    from_rate: Fraction | None = Field(None, gt=0, le=1000, unit="fps")
    """Frame rate that the file was timed to, such as 25."""
    to_rate: Fraction | None = Field(None, gt=0, le=1000, unit="fps")
    """Frame rate of the picture it is for, such as 24000/1001."""


@operation
class ShiftOperation(Operation[Shift, Decided]):
    """Move subtitles in time, or from one frame rate to another."""

    name = "shift-subtitles"
    topic = "Subtitles"
    params = Shift
    decided = Decided
    inputs = ("subtitle",)
    unit = "cues"
    example = "cinemill shift-subtitles film.srt --by -1.5 -o film.shifted.srt"

    def suffix(self, request: Request[Shift]) -> str:
        return _same_suffix(request)

    def decide(self, request: Request[Shift]) -> Decided:
        params = request.params
        if (params.from_rate is None) != (params.to_rate is None):
            raise InvalidParams("from-rate and to-rate come together.")
        read = read_cues(request.inputs[0])
        refuse_nothing(read.transcript, request.inputs[0])
        lost = len(read.transcript.cues) - len(_moved(read.transcript, _scale(params), _offset(params)).cues)
        return Decided(notes=(f"{lost} cues end before the programme begins and are left out.",) if lost else ())

    def cut(self, request: Request[Shift], decided: Decided, seconds: float) -> list[Chunk]:
        return []

    def part(self, request: Request[Shift], decided: Decided, chunk: Chunk, path: Path) -> Iterator[int]:
        raise AssertionError("there are no parts")

    def join(
        self, request: Request[Shift], decided: Decided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        assert output
        assert request.output
        transcript = read_cues(request.inputs[0]).transcript
        moved = _moved(transcript, _scale(request.params), _offset(request.params))
        write(moved, None, request.output, output, (1920, 1080))
        yield 1.0


def _scale(params: Shift) -> Fraction:
    return params.from_rate / params.to_rate if params.from_rate and params.to_rate else Fraction(1)


def _offset(params: Shift) -> Fraction:
    return Fraction(params.by).limit_denominator(1_000_000) * 1000


def _moved(transcript: Transcript, scale: Fraction, offset: Fraction) -> Transcript:
    from cinemill.media.cues.types import shifted, within_programme

    moved = shifted(transcript, offset, scale)
    return replace(moved, cues=tuple(within_programme(moved.cues)))


def _same_suffix(request: Request[Any]) -> str:
    from cinemill.media.cues.files import SUFFIXES

    own = request.inputs[0].suffix.lower()
    return own if own in SUFFIXES else ".srt"


class Resync(Params):
    sound: Path = Field(file="audio")
    """Video or sound file that the subtitles belong to."""
    track: int = Field(1, ge=1)
    """Which audio track, counted from 1."""
    most: float = Field(300.0, gt=0, le=7200, unit="s")
    """Furthest that the file is taken to be off."""
    speed: bool = True
    """Look for the speeds of PAL and NTSC too."""


class ResyncDecided(Decided):
    seconds: int


@operation
class ResyncOperation(Operation[Resync, ResyncDecided]):
    """Move subtitles to where their sound is: finds offset and speed by where somebody speaks."""

    name = "resync-subtitles"
    topic = "Subtitles"
    params = Resync
    decided = ResyncDecided
    inputs = ("subtitle",)
    unit = "s"
    example = "cinemill resync-subtitles film.srt --sound film.mkv -o film.synced.srt"

    def suffix(self, request: Request[Resync]) -> str:
        return _same_suffix(request)

    def decide(self, request: Request[Resync]) -> ResyncDecided:
        from cinemill.media import mono, read

        refuse_nothing(read_cues(request.inputs[0]).transcript, request.inputs[0])
        info = read.probe(request.params.sound)
        track = read.sound_of(info, request.params.track - 1)
        return ResyncDecided(seconds=max(1, mono.length(info, track) // mono.RATE))

    def cut(self, request: Request[Resync], decided: ResyncDecided, seconds: float) -> list[Chunk]:
        return [Chunk(index=0, size=decided.seconds)]

    def part(self, request: Request[Resync], decided: ResyncDecided, chunk: Chunk, path: Path) -> Iterator[int]:
        from cinemill.measure import sync, voice
        from cinemill.media import mono, read

        params = request.params
        info = read.probe(params.sound)
        heard = voice.levels(mono.mono(info, read.sound_of(info, params.track - 1)))
        yield chunk.size
        cues = read_cues(request.inputs[0]).transcript.cues
        scales = sync.SPEEDS if params.speed else sync.SPEEDS[:1]
        found = sync.fit(cues, voice.speaking(heard), round(params.most * 1000), scales)
        if not found.is_sure:
            raise UnsupportedMedia(
                f"{request.inputs[0]} fits {params.sound} nowhere within {params.most:g} s (correlation "
                f"{found.score:.2f}); is it for this recording? `cinemill align` times a text anew."
            )
        path.write_text(
            json.dumps({"offset": found.offset, "scale": str(found.scale), "score": round(found.score, 3)}), "utf-8"
        )

    def join(
        self, request: Request[Resync], decided: ResyncDecided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        assert output
        assert request.output
        found = json.loads(parts[0].read_text("utf-8"))
        transcript = read_cues(request.inputs[0]).transcript
        moved = _moved(transcript, Fraction(found["scale"]), Fraction(found["offset"]))
        write(moved, None, request.output, output, (1920, 1080))
        yield 1.0

    def result(self, request: Request[Resync], decided: ResyncDecided, parts: Sequence[Path]) -> dict[str, Any]:
        found = json.loads(parts[0].read_text("utf-8"))
        faster = "" if found["scale"] == "1" else f" and runs {found['scale']} as long"
        way = "later" if found["offset"] >= 0 else "earlier"
        told = f"it comes {abs(found['offset']) / 1000:.2f} s {way} now{faster} (correlation {found['score']:.2f})."
        return {**found, "notes": [told]}
