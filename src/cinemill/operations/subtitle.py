"""Speech -> subtitles that a broadcaster would accept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cinemill.catalogue import Field
from cinemill.errors import InvalidParams, MissingEngine, UnsupportedMedia
from cinemill.operations import Chunk, Decided, Operation, Request, operation, recognise
from cinemill.operations.convert_subtitles import FORMAT_NAMES, write
from cinemill.operations.cue_params import CueRules, picture, rules_of

if TYPE_CHECKING:
    from cinemill.media.cues.types import Cue, Transcript

_SPEECH_MS = 300
"""Of a voice in the whole file; with less there is nothing to recognise."""


class Subtitle(CueRules):
    engine: Literal["auto", "pocketsphinx", "whisper"] = "auto"
    """Who listens. auto takes whisper where it is installed, else pocketsphinx, which always is."""
    model: str = "auto"
    """Whisper's model: tiny to large-v3, turbo, or a folder. auto takes the best for this machine's memory."""
    task: Literal["transcribe", "translate"] = "transcribe"
    """Write what is said, or what it means in English."""
    track: int = Field(1, ge=1)
    """Which audio track, counted from 1."""
    output_format: FORMAT_NAMES | None = None
    """Of the output. Left out, its suffix says it."""
    labels: bool = False
    """Name a speaker in brackets wherever the speaker changes."""
    highlight_words: Literal[True, False] = False
    """A cue for each word, with that word underlined, one after another."""
    karaoke: Literal["none", "word", "fill"] = "none"
    """In ASS: words light up one after another, or the colour runs through them."""
    find_cuts: bool = False
    """Look at the whole picture for cuts, and let cues come and go with them."""
    keep_doubtful: bool = False
    """Keep what was probably not said: words over silence, loops, credits."""
    vad_method: Literal["levels", "none"] = "levels"
    """How speech is found before it is recognised: by the levels of the voice's band, or not at all."""
    chunk_size: float | None = Field(None, ge=2, le=30, unit="s")
    """Longest stretch that is recognised at once, instead of the recogniser's own."""


class SubtitleDecided(Decided):
    engine: str
    windows: tuple[tuple[int, int], ...]
    """Stretches that are recognised, in ms."""
    speech: tuple[tuple[int, int], ...]
    """Where a voice was found, in ms."""


@operation
class SubtitleOperation(Operation[Subtitle, SubtitleDecided]):
    """Recognise speech and make subtitles of it, with the time of every word, by a broadcaster's rules.

    The output's suffix says what it becomes: SRT, VTT, ASS, TTML, LRC, TSV, JSON, text.
    """

    name = "subtitle"
    params = Subtitle
    decided = SubtitleDecided
    inputs = ("audio",)
    unit = "s"
    example = "cinemill subtitle interview.mp4 -o interview.srt"

    def suffix(self, request: Request[Subtitle]) -> str:
        from cinemill.media.cues.files import FORMATS

        suffixes = FORMATS[request.params.output_format or "srt"].suffixes
        return suffixes[0] if suffixes else ".json"

    def decide(self, request: Request[Subtitle]) -> SubtitleDecided:
        from cinemill.measure import voice
        from cinemill.media import mono, read
        from cinemill.media.cues import files

        assert request.output
        params = request.params
        if params.output_format is None:
            files.of_path(request.output)
        engine, recogniser = _recogniser(params)
        info = read.probe(request.inputs[0])
        track = read.sound_of(info, params.track - 1)
        levels = voice.levels(mono.mono(info, track))
        whole = [(0, 10 * len(levels))]
        speech = voice.regions(levels) if params.vad_method == "levels" else whole
        if sum(end - start for start, end in speech) < _SPEECH_MS:
            raise UnsupportedMedia(f"nobody speaks in {info.path}; --vad-method none listens all the same.")
        longest = round(params.chunk_size * 1000) if params.chunk_size else recogniser.longest
        return SubtitleDecided(
            notes=(recogniser.note,),
            engine=engine,
            windows=tuple(recognise.windows(speech, levels, longest)),
            speech=tuple(speech),
        )

    def cut(self, request: Request[Subtitle], decided: SubtitleDecided, seconds: float) -> list[Chunk]:
        """Windows one after another until a chunk is full; `start` and `stop` count windows."""
        chunks: list[Chunk] = []
        start, length = 0, 0
        for number, (begin, end) in enumerate(decided.windows, 1):
            length += end - begin
            if length >= seconds * 1000 or number == len(decided.windows):
                size = max(1, round(length / 1000))
                chunks.append(Chunk(index=len(chunks), start=start, stop=number, size=size))
                start, length = number, 0
        return chunks

    def part(self, request: Request[Subtitle], decided: SubtitleDecided, chunk: Chunk, path: Path) -> Iterator[int]:
        import numpy as np

        from cinemill.media import mono, read
        from cinemill.media.cues import files
        from cinemill.media.cues.types import Transcript

        params = request.params
        _, recogniser = _recogniser(params, decided.engine)
        info = read.probe(request.inputs[0])
        track = read.sound_of(info, params.track - 1)
        cues: list[Cue] = []
        notes: list[str] = []
        language: str | None = None
        done = 0
        for start, stop in decided.windows[chunk.start : chunk.stop]:
            heard = recogniser.hear(np.concatenate(list(mono.mono(info, track, start * 16, stop * 16))))
            cues += recognise.shifted(heard, start)
            notes += heard.notes
            language = language or heard.language
            done += stop - start
            yield min(chunk.size, done // 1000)
        record = {"notes": notes, "heard": files.written(Transcript(tuple(cues), language), "json")}
        path.write_text(json.dumps(record), "utf-8")

    def join(
        self, request: Request[Subtitle], decided: SubtitleDecided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        from cinemill.media.cues import emphasis, layout

        assert output
        assert request.output
        params = request.params
        transcript, _ = _joined(parts, decided, params)
        if not transcript.cues:
            raise UnsupportedMedia(f"no word was recognised in {request.inputs[0]}.")
        rate, size, video = _picture_of(request.inputs[0])
        _, cuts, looking = picture(video if params.find_cuts else None)
        for _ in looking:
            yield 0.5
        rate = params.frame_rate or rate
        rules = rules_of(params, transcript.language)
        laid = layout.lay_out(transcript, rules, frame_rate=rate, cuts=cuts, labels=params.labels)
        laid = emphasis.highlighted(laid) if params.highlight_words else laid
        write(laid, params.output_format, request.output, output, size, params.karaoke)
        yield 1.0

    def result(self, request: Request[Subtitle], decided: SubtitleDecided, parts: Sequence[Path]) -> dict[str, Any]:
        transcript, dropped = _joined(parts, decided, request.params)
        notes = [note for part in parts for note in json.loads(part.read_text("utf-8"))["notes"]]
        if dropped:
            lost = ", ".join(dict.fromkeys(f"{one.text!r} ({one.why})" for one in dropped[:4]))
            notes.append(f"{len(dropped)} times something was left out that was probably not said: {lost}.")
        words = sum(len(cue.words) for cue in transcript.cues)
        return {"words": words, "language": transcript.language, "engine": decided.engine, "notes": notes}


def _recogniser(params: Subtitle, engine: str = "") -> tuple[str, recognise.Recogniser]:
    """Who listens, by name and as such. Raises MissingEngine, InvalidParams for what it cannot do."""
    from cinemill.media.cues.rules import primary

    name = engine or params.engine
    if name == "whisper":
        raise MissingEngine("engine whisper is not part of this version; leave --engine out to use pocketsphinx.")
    if params.task == "translate":
        raise InvalidParams("pocketsphinx does not translate; that takes the engine whisper.")
    if params.language and primary(params.language) != "en":
        raise InvalidParams(f"pocketsphinx knows English only, not {params.language}; that takes the engine whisper.")
    if params.model != "auto":
        raise InvalidParams(f"pocketsphinx has one model; --model {params.model} is one of the engine whisper.")
    return "pocketsphinx", recognise.PocketSphinx()


def _joined(parts: Sequence[Path], decided: SubtitleDecided, params: Subtitle) -> tuple[Transcript, Sequence[Any]]:
    """What was heard, and what of it is not believed."""
    from cinemill.media.cues import doubt, files
    from cinemill.media.cues.types import Transcript

    reader = files.FORMATS["json"].read
    assert reader
    heard = [reader(json.loads(part.read_text("utf-8"))["heard"]) for part in parts]
    language = params.language or next((one.language for one in heard if one.language), None)
    whole = Transcript(tuple(cue for one in heard for cue in one.cues), language)
    if params.keep_doubtful:
        return whole, ()
    speech = decided.speech if params.vad_method == "levels" else None
    return doubt.without_doubtful(whole, speech)


def _picture_of(path: Path) -> tuple[Fraction | None, tuple[int, int], Path | None]:
    """Frame rate and size of the picture, and the file again, if it has any."""
    from cinemill.media import read

    video = read.probe(path).video
    return (video.frame_rate, (video.width, video.height), path) if video else (None, (1920, 1080), None)
