"""Sound -> who speaks when."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cinemill.catalogue import Field
from cinemill.errors import OutputRefused, UnsupportedMedia
from cinemill.operations import Chunk, Decided, Offer, Operation, Request, operation, who_speaks
from cinemill.operations.who_speaks import SpeakerOptions


class Diarize(SpeakerOptions):
    track: int = Field(1, ge=1)
    """Which audio track, counted from 1."""


class DiarizeDecided(Decided):
    length: int
    """Of the sound, in ms."""
    speech: tuple[tuple[int, int], ...]
    """Where a voice was found, in ms."""


@operation
class DiarizeOperation(Operation[Diarize, DiarizeDecided]):
    """Tell speakers apart: who speaks when, and who it is where their voices are known.

    RTTM, or JSON with the turns and a vector of each voice.
    """

    name = "diarize"
    topic = "Speech and sound"
    params = Diarize
    decided = DiarizeDecided
    inputs = ("audio",)
    unit = "s"
    example = "cinemill diarize talk.mp4 --speaker-samples anna.wav,ben.wav -o talk.rttm"

    def suffix(self, request: Request[Diarize]) -> str:
        return ".rttm"

    def reads(self, params: Diarize) -> tuple[Path, ...]:
        return (*super().reads(params), *who_speaks.files_of(params))

    def offers(self, request: Request[Diarize]) -> Iterator[Offer]:
        return who_speaks.offers(request.params)

    def decide(self, request: Request[Diarize]) -> DiarizeDecided:
        from cinemill.measure import voice
        from cinemill.media import mono, read

        assert request.output
        if request.output.suffix.lower() not in (".rttm", ".json"):
            raise OutputRefused(f"{request.output}: turns become .rttm or .json.")
        who_speaks.check(request.params)
        by = who_speaks.chosen(request.params)
        info = read.probe(request.inputs[0])
        levels = voice.levels(mono.mono(info, read.sound_of(info, request.params.track - 1)))
        speech = voice.regions(levels)
        if not speech:
            raise UnsupportedMedia(f"nobody speaks in {info.path}.")
        return DiarizeDecided(notes=(f"{by} tells speakers apart.",), length=10 * len(levels), speech=tuple(speech))

    def cut(self, request: Request[Diarize], decided: DiarizeDecided, seconds: float) -> list[Chunk]:
        return [Chunk(index=0, size=max(1, decided.length // 1000))]

    def part(self, request: Request[Diarize], decided: DiarizeDecided, chunk: Chunk, path: Path) -> Iterator[int]:
        from cinemill.media import read

        info = read.probe(request.inputs[0])
        track = read.sound_of(info, request.params.track - 1)
        for step in who_speaks.found(info, track, decided.speech, decided.length, request.params):
            if isinstance(step, who_speaks.Found):
                path.write_text(json.dumps(step.record()), "utf-8")
            else:
                yield min(chunk.size, step // 1000)

    def join(
        self, request: Request[Diarize], decided: DiarizeDecided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        from cinemill.media.cues import files
        from cinemill.media.cues.types import Cue, Transcript

        assert output
        assert request.output
        found = json.loads(parts[0].read_text("utf-8"))
        if request.output.suffix.lower() == ".json":
            turns = [{"start": a / 1000, "end": b / 1000, "speaker": who} for a, b, who in found["turns"]]
            record = {
                "duration": decided.length / 1000,
                "segments": turns,
                "speaker_embeddings": found["speaker_embeddings"],
            }
            output.write_text(json.dumps(record, ensure_ascii=False, indent=1) + "\n", "utf-8")
        else:
            cues = tuple(Cue(start, end, (), who) for start, end, who in found["turns"])
            output.write_text(files.written(Transcript(cues), "rttm"), "utf-8")
        yield 1.0

    def result(self, request: Request[Diarize], decided: DiarizeDecided, parts: Sequence[Path]) -> dict[str, Any]:
        found = json.loads(parts[0].read_text("utf-8"))
        spoken: dict[str, int] = {}
        for start, end, who in found["turns"]:
            spoken[who] = spoken.get(who, 0) + end - start
        rows = [[who, f"{ms / 1000:.1f} s"] for who, ms in sorted(spoken.items(), key=lambda one: -one[1])]
        return {
            "speakers": list(spoken),
            "turns": len(found["turns"]),
            "notes": found["notes"],
            "table": [["speaker", "speaks"], *rows] if rows else [],
        }
