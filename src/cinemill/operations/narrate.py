"""Text -> narration: a sound file, and captions beside it with the time of every word."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cinemill.catalogue import Field
from cinemill.errors import OpenFailed, UnsupportedMedia
from cinemill.kept import kept
from cinemill.operations import Chunk, Decided, Operation, Request, files_in, operation, passing, speakers, speaking
from cinemill.operations.cue_params import CueRules, rules_of
from cinemill.operations.sound_params import LoudnessOptions, said_of, target_of
from cinemill.operations.speaking import NarrationOptions, Take

if TYPE_CHECKING:
    from cinemill.measure.loudness import Settled
    from cinemill.media.cues.types import Transcript, Word
    from cinemill.operations.script import Utterance

_PER_SECOND = 14.0
"""Characters that are said in a second, by which work is counted before it is done."""


class Narrate(NarrationOptions, LoudnessOptions, CueRules):
    loudness: Literal["none", "broadcast", "podcast", "web"] = "podcast"
    """How loud the sound is made: broadcast -23 LUFS (EBU R 128), podcast -16, web -14, none leaves it."""
    captions: Literal["none", "srt", "vtt", "ass", "ttml", "json"] = "srt"
    """Subtitles beside the sound, under its name; json has every word with its times."""
    sample_rate: int | None = Field(None, ge=8000, le=192_000, unit="Hz")
    """Of the sound. Left out, the engine's own."""


class NarrateDecided(Decided):
    engine: str
    language: str
    format: str
    utterances: int
    listener: str | None


@operation
class NarrateOperation(Operation[Narrate, NarrateDecided]):
    """Speak a text: a file, or what comes through a pipe. Captions with the time of every word come with it.

    Marks in the text: [voice:name], [pause:1.5s], [rate:1.2], [language:de], or SSML.
    """

    name = "narrate"
    topic = "Speech and sound"
    params = Narrate
    decided = NarrateDecided
    inputs = ("text",)
    unit = "characters"
    example = "cinemill narrate chapter.txt -o chapter.wav"

    def suffix(self, request: Request[Narrate]) -> str:
        return ".wav"

    def reads(self, params: Narrate) -> tuple[Path, ...]:
        return (*([params.sample] if params.sample else []), *files_in(params.weights))

    def beside(self, request: Request[Narrate]) -> tuple[Path, ...]:
        captions = request.params.captions
        assert request.output
        return () if captions == "none" else (request.output.with_suffix(f".{captions}"),)

    def decide(self, request: Request[Narrate]) -> NarrateDecided:
        from cinemill.media import tracks

        assert request.output
        params = request.params
        format = tracks.container_of(request.output, tracks.SOUND_CONTAINERS)
        text = _text(request.inputs[0])
        speaker = speakers.speaker(params)
        language = _language(params, text)
        said = _said(request)
        for manner in {one.manner for one in said}:
            speaker.voice(manner.voice or params.voice, manner.language or language)
        ear = speaking.listener(params, speaker, language)
        notes = [speaker.note] if speaker.note else []
        if ear and not speaking.understands(ear.name, speaker.name):
            notes.append(
                f"{ear.name} gets about half of {speaker.name}'s words wrong: what it heard is told, and nothing "
                "is said again for it. --verify whisper understands them."
            )
        elif ear:
            notes.append(f"{ear.name} listens to every sentence and compares it with the text.")
        elif not speaker.is_sure and params.verify != "none":
            notes.append(f"nobody checks what {speaker.name} says: the engine whisper could, with its model.")
        return NarrateDecided(
            notes=tuple(notes),
            engine=speaker.name,
            language=language,
            format=format,
            utterances=len(said),
            listener=ear.name if ear else None,
        )

    def cut(self, request: Request[Narrate], decided: NarrateDecided, seconds: float) -> list[Chunk]:
        """Utterances until a chunk is full; one alone where each takes long. `start` and `stop` count them."""
        said = _said(request)
        alone = not speakers.speaker(request.params).is_sure
        chunks: list[Chunk] = []
        start, size = 0, 0
        for number, one in enumerate(said, 1):
            size += len(one.text)
            if alone or size >= seconds * _PER_SECOND or number == len(said):
                chunks.append(Chunk(index=len(chunks), start=start, stop=number, size=max(1, size)))
                start, size = number, 0
        return chunks

    def part(self, request: Request[Narrate], decided: NarrateDecided, chunk: Chunk, path: Path) -> Iterator[int]:
        params = request.params
        speaker = speakers.speaker(params)
        ear = speaking.listener(params, speaker, decided.language) if decided.listener else None
        first = chunk.start or 0
        said = _said(request)[first : chunk.stop]
        found: list[Take] = []
        done = 0
        for one, take in zip(said, speaking.takes(said, params, speaker, decided.language, ear, first)):
            found.append(take)
            done += len(one.text)
            yield min(chunk.size, done)
        _keep(found, path)

    def join(
        self, request: Request[Narrate], decided: NarrateDecided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        from cinemill.media import write

        assert output
        params = request.params
        blocks = _sound(parts, params)
        if next(blocks, None) is None:
            raise UnsupportedMedia("nothing was said: the engine gave silence for all of the text.")
        total = max(1.0, sum(_seconds(part) for part in parts))
        settled = _settled(tuple(parts), params)
        blocks = settled.applied(_sound(parts, params)) if settled else _sound(parts, params)
        for done in write.encode_sound(blocks, output, decided.format, language=decided.language):
            yield min(1.0, done / total)
        for file in self.beside(request):
            _write_captions(_captions(parts, params, decided), file, passing(output, file))
        yield 1.0

    def result(self, request: Request[Narrate], decided: NarrateDecided, parts: Sequence[Path]) -> dict[str, Any]:
        params = request.params
        taken = list(_marks(parts))
        settled = _settled(tuple(parts), params)
        found: dict[str, Any] = said_of(settled, target_of(params)) if settled else {"notes": []}
        notes = found.pop("notes")
        if speaking.understands(decided.listener, decided.engine):
            notes = [*notes, *speaking.doubts(taken, params)]
        scores = [round(take.wer, 3) for take in taken if take.wer is not None]
        return {
            **found,
            "notes": notes,
            "engine": decided.engine,
            "language": decided.language,
            "utterances": len(taken),
            "words": sum(len(take.words) for take in taken),
            "seconds": round(sum(_seconds(part) for part in parts), 3),
            **({"wer": scores, "mean_wer": round(sum(scores) / len(scores), 4)} if scores else {}),
            **({"table": _table(taken)} if scores else {}),
        }


def _text(path: Path) -> str:
    """Raises OpenFailed for a file that is no text."""
    from cinemill.media.cues.formats.decode import decoded

    text, _ = decoded(path)
    if "\0" in text[:4096]:
        raise OpenFailed(f"{path} is no text.")
    return text


def _language(params: Narrate, text: str) -> str:
    from cinemill.operations import saying

    return params.language or saying.language_of(text)


def _said(request: Request[Narrate]) -> list[Utterance]:
    return _utterances(request.inputs[0], request.params.model_dump_json())


@kept(2)
def _utterances(path: Path, params: str) -> list[Utterance]:
    """Kept, because every part asks."""
    text, asked = _text(path), Narrate.model_validate_json(params)
    return speaking.utterances(text, asked, speakers.speaker(asked), _language(asked, text))


def _keep(taken: Sequence[Take], path: Path) -> None:
    """A part: one line of JSON about its takes, then the samples of all, float32."""
    import numpy as np

    record = [
        {
            "samples": len(take.samples),
            "rate": take.rate,
            "pause": take.pause,
            "wer": take.wer,
            "tries": take.tries,
            "heard": take.heard,
            "words": [[word.text, word.start, word.end, word.space] for word in take.words],
        }
        for take in taken
    ]
    with path.open("wb") as file:
        file.write(json.dumps(record).encode() + b"\n")
        for take in taken:
            file.write(take.samples.astype(np.float32).tobytes())


def _takes(path: Path, with_sound: bool = True) -> Iterator[Take]:
    import numpy as np

    from cinemill.media.cues.types import Word

    with path.open("rb") as file:
        for one in json.loads(file.readline()):
            data = file.read(one["samples"] * 4) if with_sound else b""
            words = tuple(Word(text, start, end, None, None, space) for text, start, end, space in one["words"])
            samples = np.frombuffer(data, np.float32)
            yield Take(samples, one["rate"], words, one["pause"], one["wer"], one["tries"], one["heard"])


def _marks(parts: Sequence[Path]) -> Iterator[Take]:
    return chain.from_iterable(_takes(part, with_sound=False) for part in parts)


def _seconds(part: Path) -> float:
    with part.open("rb") as file:
        return sum(one["samples"] / one["rate"] for one in json.loads(file.readline()))


def _sound(parts: Sequence[Path], params: Narrate) -> Iterator[Any]:
    from cinemill.media import sound

    blocks = speaking.sound_of(chain.from_iterable(map(_takes, parts)), params)
    return sound.resampled(blocks, params.sample_rate) if params.sample_rate else blocks


def _settled(parts: tuple[Path, ...], params: Narrate) -> Settled | None:
    """How the whole becomes as loud as is asked; None where it stays as it is."""
    return _settling(tuple((part, part.stat().st_mtime_ns) for part in parts), params.model_dump_json())


@lru_cache(maxsize=1)
def _settling(parts: tuple[tuple[Path, int], ...], params: str) -> Settled | None:
    """Kept, because both the joining and the result need it and it takes passes over all."""
    from cinemill.measure import loudness

    asked = Narrate.model_validate_json(params)
    target = target_of(asked)
    return loudness.settle(lambda: _sound([part for part, _ in parts], asked), target) if target else None


def _captions(parts: Sequence[Path], params: Narrate, decided: NarrateDecided) -> Transcript:
    from cinemill.media.cues import layout
    from cinemill.media.cues.types import Cue, Transcript

    line = speaking.Timeline(params)
    cues: list[Cue] = []
    for part in parts:
        for take in _takes(part):
            words: tuple[Word, ...] = tuple(speaking.shifted(take, line.place(take)))
            if words:
                cues.append(Cue(words[0].start, words[-1].end, (take.text,), None, words))
    whole = Transcript(tuple(cues), decided.language)
    return layout.lay_out(whole, rules_of(params, decided.language), frame_rate=params.frame_rate)


def _write_captions(transcript: Transcript, name: Path, path: Path) -> None:
    from cinemill.operations.convert_subtitles import write

    write(transcript, None, name, path, (1920, 1080), "word")


def _table(taken: Sequence[Take]) -> list[list[str]]:
    rows = [
        [take.text, str(number), f"{take.wer:.0%}", str(take.tries)] for number, take in enumerate(taken, 1) if take.wer
    ]
    return [["sentence", "#", "heard wrongly", "tries"], *rows] if rows else []
