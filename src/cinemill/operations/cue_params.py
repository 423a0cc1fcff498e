"""What operations on subtitles ask alike: by whose rules, in which language, for which picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cinemill.catalogue import Field, Params, VideoFile
from cinemill.errors import OpenFailed

if TYPE_CHECKING:
    from cinemill.media.cues.rules import Rules
    from cinemill.media.cues.types import Transcript


class CueRules(Params):
    """Rules."""

    standard: Literal["netflix", "bbc", "dcmp", "social"] = "netflix"
    """Whose rules hold: characters a line, reading speed, shortest and longest, gaps, cuts."""
    audience: Literal["adult", "children", "sdh"] = "adult"
    """Who reads. Children read slower; sdh is for those who cannot hear and reads as fast as people speak."""
    language: str | None = None
    """Language of the text, such as en or pt-BR. Left out, the file says it, or nobody."""
    max_line_width: float | None = Field(None, ge=4, le=200, unit="characters")
    """Longest line, instead of the standard's."""
    max_line_count: int | None = Field(None, ge=1, le=4)
    """Most lines of a cue, instead of the standard's."""
    frame_rate: Fraction | None = Field(None, gt=0, le=1000, unit="fps")
    """Of the picture the cues are timed to. Left out, the video or the file says it, or times are milliseconds."""


class PictureRules(CueRules):
    """Rules."""

    video: VideoFile | None = None
    """The picture, for its frame rate and its cuts."""


def rules_of(params: CueRules, language: str | None) -> Rules:
    """The rules that the parameters ask for."""
    from cinemill.media.cues import rules

    own: dict[str, Any] = {"columns": params.max_line_width, "lines": params.max_line_count}
    found = rules.rules(params.standard, params.language or language, params.audience)
    return replace(found, **{key: value for key, value in own.items() if value is not None})


def read_cues(path: Path, format: str | None = None, encoding: str | None = None) -> Any:
    """A subtitle file, or the subtitle track of a video. Raises OpenFailed."""
    from cinemill.media.cues import embedded, files

    return embedded.read_track(path) if embedded.is_media(path) else files.read(path, format, encoding)


def with_language(transcript: Transcript, params: CueRules) -> Transcript:
    return replace(transcript, language=params.language or transcript.language)


def picture(video: Path | None) -> tuple[Fraction | None, list[int], Iterator[int]]:
    """Frame rate and cuts of a video: the list is filled while the iterator, which counts pictures, is followed."""
    from cinemill.media import read

    if video is None:
        return None, [], iter(())
    info = read.probe(video)
    track = read.picture_of(info)
    cuts: list[int] = []
    return track.frame_rate, cuts, _looked(info, cuts)


def _looked(info: Any, cuts: list[int]) -> Iterator[int]:
    from cinemill.measure import scenes
    from cinemill.media import read

    begins = read.picture_of(info).start_pts * read.picture_of(info).time_base
    finder = scenes.Finder()
    found: list[Any] = []
    for number, frame in enumerate(read.frames(info), 1):
        start = finder.take(scenes.glance(frame))
        found += [start] if start else []
        yield number
    found += finder.rest()
    cuts += [round((one.pts * one.time_base - begins) * 1000) for one in found[1:]]


def with_speakers(transcript: Transcript, turns: Path | None) -> Transcript:
    """The transcript with the speakers that an RTTM file names. Raises OpenFailed."""
    from cinemill.media.cues import files, speakers

    if turns is None:
        return transcript
    found = files.read(turns, "rttm").transcript.cues
    return speakers.assigned(transcript, [speakers.Turn(cue.start, cue.end, cue.speaker or "") for cue in found])


def refuse_nothing(transcript: Transcript, path: Path) -> None:
    """Raises OpenFailed for a file without a single cue."""
    if not transcript.cues:
        raise OpenFailed(f"{path} holds no subtitles.")
