"""Speech -> subtitles that a broadcaster would accept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cinemill.catalogue import Field
from cinemill.errors import InvalidParams, UnsupportedMedia
from cinemill.operations import Chunk, Decided, Operation, Request, operation, recognise
from cinemill.operations.convert_subtitles import FORMAT_NAMES, write
from cinemill.operations.cue_params import CueRules, picture, rules_of, with_speakers
from cinemill.operations.recognise import WhisperOptions

if TYPE_CHECKING:
    from cinemill.media.cues.types import Cue, Transcript
    from cinemill.media.types import AudioTrack, MediaInfo

_SPEECH_MS = 300
"""Of a voice in the whole file; with less there is nothing to recognise."""


class Subtitle(CueRules, WhisperOptions):
    engine: Literal["auto", "pocketsphinx", "whisper"] = "auto"
    """Who listens. auto takes whisper where it is installed, else pocketsphinx, which always is."""
    track: int = Field(1, ge=1)
    """Which audio track, counted from 1."""
    output_format: FORMAT_NAMES | None = None
    """Of the output. Left out, its suffix says it."""
    turns: Path | None = Field(None, file="any")
    """RTTM file that says who speaks when; a new speaker begins a new cue, or gets a dash."""
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
    language: str | None
    batch: int
    """Stretches that are recognised at once."""
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
        recogniser = _recogniser(params)
        info = read.probe(request.inputs[0])
        track = read.sound_of(info, params.track - 1)
        levels = voice.levels(mono.mono(info, track))
        whole = [(0, 10 * len(levels))]
        speech = voice.regions(levels) if params.vad_method == "levels" else whole
        if sum(end - start for start, end in speech) < _SPEECH_MS:
            raise UnsupportedMedia(f"nobody speaks in {info.path}; --vad-method none listens all the same.")
        longest = round(params.chunk_size * 1000) if params.chunk_size else recogniser.longest
        windows = recognise.windows(speech, levels, longest)
        samples = [_samples(info, track, window) for window in windows[:: -(-len(windows) // _ASKED)]]
        language = None if params.multilingual else params.language or recogniser.language(samples)
        told = (f"The language is {language}.",) if language and not params.language else ()
        return SubtitleDecided(
            notes=(recogniser.note, *told),
            engine=recogniser.name,
            language=language,
            batch=recogniser.most,
            windows=tuple(windows),
            speech=tuple(speech),
        )

    def cut(self, request: Request[Subtitle], decided: SubtitleDecided, seconds: float) -> list[Chunk]:
        """Windows one after another until a chunk is full; `start` and `stop` count windows."""
        chunks: list[Chunk] = []
        start, length = 0, 0
        for number, (begin, end) in enumerate(decided.windows, 1):
            length += end - begin
            full = length >= seconds * 1000 and number - start >= decided.batch
            if full or number == len(decided.windows):
                size = max(1, round(length / 1000))
                chunks.append(Chunk(index=len(chunks), start=start, stop=number, size=size))
                start, length = number, 0
        return chunks

    def part(self, request: Request[Subtitle], decided: SubtitleDecided, chunk: Chunk, path: Path) -> Iterator[int]:
        from cinemill.media import read
        from cinemill.media.cues import files
        from cinemill.media.cues.types import Transcript

        params = request.params
        recogniser = _recogniser(params, decided.engine)
        info = read.probe(request.inputs[0])
        track = read.sound_of(info, params.track - 1)
        cues: list[Cue] = []
        notes: list[str] = []
        done = 0
        windows = decided.windows[chunk.start : chunk.stop]
        for at in range(0, len(windows), decided.batch):
            run = windows[at : at + decided.batch]
            samples = [_samples(info, track, window) for window in run]
            for (start, stop), heard in zip(run, recogniser.hear(samples, decided.language)):
                cues += recognise.shifted(heard, start)
                notes += heard.notes
                done += stop - start
            yield min(chunk.size, done // 1000)
        record = {"notes": notes, "heard": files.written(Transcript(tuple(cues), decided.language), "json")}
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
        transcript = with_speakers(transcript, params.turns)
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


_ASKED = 3
"""Windows, spread over the file, that tell its language."""


def _samples(info: MediaInfo, track: AudioTrack, window: tuple[int, int]) -> Any:
    import numpy as np

    from cinemill.media import mono

    per_ms = mono.RATE // 1000
    return np.concatenate(list(mono.mono(info, track, window[0] * per_ms, window[1] * per_ms)))


def _recogniser(params: Subtitle, engine: str = "") -> recognise.Recogniser:
    """Who listens. Raises MissingEngine, MissingModel, InvalidParams for what it cannot do."""
    from cinemill.engines import engines
    from cinemill.engines.install import command, is_installed

    whisper = engines.get("whisper")
    name = engine or params.engine
    if name == "auto":
        name = "whisper" if is_installed(whisper) else "pocketsphinx"
    if name == "pocketsphinx":
        _refuse_what_is_whispers(params)
        return recognise.PocketSphinx()
    command(whisper)
    return recognise.Whisper(params).ready()


def _refuse_what_is_whispers(params: Subtitle) -> None:
    from cinemill.media.cues.rules import primary

    if params.task == "translate":
        raise InvalidParams("pocketsphinx does not translate; that takes the engine whisper.")
    if params.language and primary(params.language) != "en":
        raise InvalidParams(f"pocketsphinx knows English only, not {params.language}; that takes the engine whisper.")
    for name, field in recognise.WhisperOptions.model_fields.items():
        value = getattr(params, name)
        if value != field.default:
            raise InvalidParams(f"{name.replace('_', '-')}={value} is the engine whisper's; pocketsphinx has no such.")


def _joined(parts: Sequence[Path], decided: SubtitleDecided, params: Subtitle) -> tuple[Transcript, Sequence[Any]]:
    """What was heard, and what of it is not believed."""
    from cinemill.media.cues import doubt, files
    from cinemill.media.cues.types import Transcript

    reader = files.FORMATS["json"].read
    assert reader
    heard = [reader(json.loads(part.read_text("utf-8"))["heard"]) for part in parts]
    language = "en" if params.task == "translate" else params.language or decided.language
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
