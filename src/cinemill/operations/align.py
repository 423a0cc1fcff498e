"""A text that is known, on the clock of its sound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cinemill.catalogue import Field
from cinemill.errors import EngineError, InvalidParams, OpenFailed, UnsupportedMedia
from cinemill.operations import Chunk, Decided, Operation, Request, operation
from cinemill.operations.convert_subtitles import write
from cinemill.operations.cue_params import CueRules, rules_of

if TYPE_CHECKING:
    from cinemill.media.cues.types import Cue, Transcript, Word

_MOST_SECONDS = 3 * 3600
_SPELLED_MS = 60
"""The least that a letter takes when it is said; text that would need more than all of the sound is another's."""


class Align(CueRules):
    text: Path = Field(file="any")
    """The words that are said: plain text, or subtitles whose times are to be found anew."""
    track: int = Field(1, ge=1)
    """Which audio track, counted from 1."""
    model: Path | None = Field(None, file="weights")
    """A CTC model as ONNX with its vocab.json beside it, such as a wav2vec2 of the language. Left out, PocketSphinx."""
    cues: Literal["auto", "rules", "lines"] = "auto"
    """Cues by the standard's rules, or one for each line of the text or cue of the subtitles. auto keeps those of
    subtitles, and makes them by the rules from plain text."""


class AlignDecided(Decided):
    seconds: int
    words: int


@operation
class AlignOperation(Operation[Align, AlignDecided]):
    """Find when each word of a text is said: in English out of the box, in others by a CTC model.

    The output's suffix says what it becomes: SRT, VTT, ASS, TTML, LRC, JSON with every word.
    """

    name = "align"
    topic = "Subtitles"
    params = Align
    decided = AlignDecided
    inputs = ("audio",)
    unit = "s"
    example = "cinemill align speech.flac --text speech.txt -o speech.srt"

    def suffix(self, request: Request[Align]) -> str:
        return ".srt"

    def decide(self, request: Request[Align]) -> AlignDecided:
        from cinemill.media import mono, read
        from cinemill.media.cues import files

        assert request.output
        files.of_path(request.output)
        params = request.params
        words = [word for cue in _given(params.text).cues for word in _words(cue)]
        info = read.probe(request.inputs[0])
        seconds = max(1, -(-mono.length(info, read.sound_of(info, params.track - 1)) // mono.RATE))
        if seconds > _MOST_SECONDS:
            raise UnsupportedMedia(f"{info.path} lasts {seconds // 3600} h; a text is aligned to 3 h of sound at most.")
        if not words:
            raise OpenFailed(f"{params.text} holds no words.")
        if sum(len(word.text) for word in words) * _SPELLED_MS > seconds * 1000:
            raise InvalidParams(f"{params.text} has {len(words)} words, more than fit into {seconds} s of sound.")
        known = params.model or _is_english(params, words)
        notes = () if known else ("PocketSphinx knows English only; words are spread over speech. --model knows more.",)
        return AlignDecided(notes=notes, seconds=seconds, words=len(words))

    def cut(self, request: Request[Align], decided: AlignDecided, seconds: float) -> list[Chunk]:
        return [Chunk(index=0, size=decided.seconds)]

    def part(self, request: Request[Align], decided: AlignDecided, chunk: Chunk, path: Path) -> Iterator[int]:
        import numpy as np

        from cinemill.media import mono, read
        from cinemill.media.cues import files

        params = request.params
        info = read.probe(request.inputs[0])
        blocks = list(mono.mono(info, read.sound_of(info, params.track - 1)))
        samples = np.concatenate(blocks) if blocks else np.zeros(0, np.int16)
        yield 0
        given = _given(params.text)
        words = [word for cue in given.cues for word in _words(cue)]
        found = timed(samples, words, _is_english(params, words), params.model)
        yield chunk.size
        path.write_text(files.written(_arranged(given, found, params), "json"), "utf-8")

    def join(
        self, request: Request[Align], decided: AlignDecided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        from cinemill.media.cues import files

        assert output
        assert request.output
        write(files.read(parts[0], "json").transcript, None, request.output, output, (1920, 1080), "word")
        yield 1.0

    def result(self, request: Request[Align], decided: AlignDecided, parts: Sequence[Path]) -> dict[str, Any]:
        from cinemill.media.cues import files

        cues = files.read(parts[0], "json").transcript.cues
        return {"words": sum(len(cue.words) for cue in cues), "cues": len(cues)}


def _given(path: Path) -> Transcript:
    """The text, a cue for each line of plain text. Raises OpenFailed."""
    from cinemill.media.cues import files
    from cinemill.media.cues.formats.decode import decoded
    from cinemill.media.cues.types import Cue, Transcript

    text, _ = decoded(path)
    if path.suffix.lower() != ".txt" and path.suffix.lower() in files.SUFFIXES:
        return files.read(path).transcript
    lines = [" ".join(line.split()) for line in text.split("\n")]
    return Transcript(tuple(Cue(0, 0, (line,)) for line in lines if line))


def _words(cue: Cue) -> list[Word]:
    from cinemill.media.cues.types import spread

    return list(cue.words) or spread(" ".join(cue.lines), cue.start, cue.end, cue.speaker)


def _is_english(params: Align, words: Sequence[Word]) -> bool:
    """By what was said of it; else by its letters."""
    from cinemill.media.cues.rules import primary

    if params.language:
        return primary(params.language) == "en"
    letters = [char for word in words for char in word.text if char.isalpha()]
    return sum(char.isascii() for char in letters) > 0.95 * len(letters)


def timed(samples: Any, words: Sequence[Word], is_english: bool, model: Path | None = None) -> list[Word]:
    """The words where they are heard in samples at 16 kHz (int16): by a CTC model, else by PocketSphinx in English;
    else spread over where somebody speaks."""
    from cinemill.measure import ctc, emissions

    if model:
        made = emissions.heard(samples, model)
        return ctc.words(made.emissions, words, made.vocabulary, made.step_ms, blank=made.blank)[0]
    return (heard(samples, words) if is_english else None) or _spread(samples, words)


def heard(samples: Any, words: Sequence[Word]) -> list[Word] | None:
    """The words where PocketSphinx hears them, mere signs between them; None when the text does not fit."""
    from cinemill.engines import pocketsphinx
    from cinemill.media.cues import spoken
    from cinemill.media.cues.timing import between

    said = [spoken.said(word.text) for word in words]
    asked = [(one, spoken.phones(one)) for run in said for one in run]
    try:
        found = pocketsphinx.align(samples, asked) if asked else None
    except EngineError:
        found = None
    if found is None:
        return None
    times = iter(found)
    done: list[Word] = []
    for word, run in zip(words, said):
        own = [next(times) for _ in run]
        done.append(replace(word, start=own[0].start, end=own[-1].end, confidence=None) if own else word)
    return between(done, [bool(run) for run in said], 0, round(len(samples) / 16))


def _spread(samples: Any, words: Sequence[Word]) -> list[Word]:
    """The words over where somebody speaks, each for as long as it is wide."""
    from cinemill.measure import voice

    spans = voice.regions(voice.levels([samples])) or [(0, round(len(samples) / 16))]
    total = sum(end - start for start, end in spans)
    letters = sum(len(word.text) for word in words) or 1
    edges, done = [0], 0
    for word in words:
        done += len(word.text)
        edges.append(total * done // letters)
    return [
        replace(word, start=_within(spans, start, False), end=_within(spans, end, True), confidence=0.0)
        for word, start, end in zip(words, edges, edges[1:])
    ]


def _within(spans: Sequence[tuple[int, int]], spoken_ms: int, is_end: bool) -> int:
    """The time at which so much has been spoken."""
    for start, end in spans:
        if spoken_ms < end - start or (is_end and spoken_ms == end - start):
            return start + spoken_ms
        spoken_ms -= end - start
    return spans[-1][1]


def _arranged(given: Transcript, timed: Sequence[Word], params: Align) -> Transcript:
    """Timed words as cues: the text's own, or by the rules."""
    from cinemill.media.cues import layout
    from cinemill.media.cues.types import Cue, Transcript

    words = iter(timed)
    own = [[next(words) for _ in _words(cue)] for cue in given.cues]
    language = params.language or given.language or "en"
    had_times = any(cue.end for cue in given.cues)
    if params.cues == "lines" or (params.cues == "auto" and had_times):
        cues = (
            replace(cue, start=run[0].start, end=max(word.end for word in run), words=tuple(run))
            for cue, run in zip(given.cues, own)
            if run
        )
        return Transcript(tuple(cues), language, params.frame_rate)
    whole = Transcript((Cue(0, 0, (), None, tuple(word for run in own for word in run)),), language)
    return layout.lay_out(whole, rules_of(params, language), frame_rate=params.frame_rate)
