"""Subtitles from one format to another, laid out anew if asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cinemill.catalogue import Field
from cinemill.operations import Chunk, Decided, Operation, Request, operation
from cinemill.operations.cue_params import (
    PictureRules,
    picture,
    read_cues,
    refuse_nothing,
    rules_of,
    with_language,
    with_speakers,
)

if TYPE_CHECKING:
    from cinemill.media.cues.types import Transcript

FORMAT_NAMES = Literal[
    "srt", "vtt", "ass", "ttml", "lrc", "tsv", "aud", "rttm", "json", "verbose_json", "diarized_json", "txt"
]


class ConvertSubtitles(PictureRules):
    format: FORMAT_NAMES | None = None
    """Of the output. Left out, its suffix says it."""
    encoding: str | None = None
    """Of the input. Left out, it is found."""
    lay_out: bool = False
    """Make new cues and lines by the standard's rules."""
    turns: Path | None = Field(None, file="any")
    """RTTM file that says who speaks when, for cues that are laid out."""
    labels: bool = False
    """Name a speaker in brackets wherever the speaker changes, when cues are laid out."""
    strip_sdh: bool = False
    """Take out sounds in brackets, names of speakers and notes of music."""
    highlight_words: bool = False
    """A cue for each word, with that word underlined, one after another."""
    karaoke: Literal["none", "word", "fill"] = "none"
    """In ASS: words light up one after another, or the colour runs through them."""
    width: int = Field(1920, ge=16, le=16384, unit="px")
    """Of the picture that ASS is for; the video says it, if there is one."""
    height: int = Field(1080, ge=16, le=16384, unit="px")
    """Of the picture that ASS is for; the video says it, if there is one."""


@operation
class ConvertSubtitlesOperation(Operation[ConvertSubtitles, Decided]):
    """Turn subtitles into another format: SRT, VTT, ASS, TTML (IMSC 1.1), LRC, TSV, RTTM, JSON, text.

    With --lay-out, into cues and lines that keep a broadcaster's rules.
    """

    name = "convert-subtitles"
    topic = "Subtitles"
    params = ConvertSubtitles
    decided = Decided
    inputs = ("subtitle",)
    unit = "cues"
    example = "cinemill convert-subtitles film.srt -o film.ttml"

    def suffix(self, request: Request[ConvertSubtitles]) -> str:
        from cinemill.media.cues.files import FORMATS

        suffixes = FORMATS[request.params.format or "srt"].suffixes
        return suffixes[0] if suffixes else ".json"

    def decide(self, request: Request[ConvertSubtitles]) -> Decided:
        from cinemill.media.cues import files

        assert request.output
        if request.params.format is None:
            files.of_path(request.output)
        read = read_cues(request.inputs[0], None, request.params.encoding)
        refuse_nothing(read.transcript, request.inputs[0])
        return Decided(notes=(f"{len(read.transcript.cues)} cues, {read.format.upper()} in {read.encoding}.",))

    def cut(self, request: Request[ConvertSubtitles], decided: Decided, seconds: float) -> list[Chunk]:
        return []

    def part(self, request: Request[ConvertSubtitles], decided: Decided, chunk: Chunk, path: Path) -> Iterator[int]:
        raise AssertionError("there are no parts")

    def join(
        self, request: Request[ConvertSubtitles], decided: Decided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        assert output
        assert request.output
        params = request.params
        rate, cuts, looking = picture(params.video if params.lay_out else None)
        for _ in looking:
            yield 0.5
        read = read_cues(request.inputs[0], None, params.encoding)
        done = _converted(with_language(read.transcript, params), params, rate, cuts)
        write(done, params.format, request.output, output, _size(params), params.karaoke)
        yield 1.0


def _converted(transcript: Transcript, params: ConvertSubtitles, rate: Any, cuts: list[int]) -> Transcript:
    from cinemill.media.cues import emphasis, layout, sdh
    from cinemill.media.cues.types import within_programme

    done = replace(transcript, cues=tuple(within_programme(transcript.cues)))
    done = sdh.stripped(done) if params.strip_sdh else done
    if params.lay_out:
        done = with_speakers(done, params.turns)
        rules = rules_of(params, done.language)
        rate = params.frame_rate or rate
        timed = all(cue.words for cue in transcript.cues)
        done = layout.lay_out(done, rules, frame_rate=rate, cuts=cuts, labels=params.labels)
        done = done if timed else replace(done, cues=tuple(replace(cue, words=()) for cue in done.cues))
    elif params.frame_rate:
        done = replace(done, frame_rate=params.frame_rate)
    return emphasis.highlighted(done) if params.highlight_words else done


def _size(params: ConvertSubtitles) -> tuple[int, int]:
    from cinemill.media import read

    if params.video is None:
        return params.width, params.height
    track = read.picture_of(read.probe(params.video))
    return track.width, track.height


def write(
    transcript: Transcript, format: str | None, name: Path, output: Path, size: tuple[int, int], karaoke: str = "none"
) -> None:
    """Write `output`, which will be called `name`. Raises UnknownName."""
    from cinemill.media.cues import files
    from cinemill.media.cues.style import Style

    looks = files.Looks(Style(karaoke=karaoke), *size)  # type: ignore[arg-type]
    pieces = files.pieces(transcript, format or files.of_path(name).name, looks)
    with output.open("w", encoding="utf-8") as file:
        file.writelines(pieces)
