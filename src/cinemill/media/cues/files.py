"""Files of subtitles <-> `Transcript`. What a file is, its content says; its name decides where the content cannot.

Whatever is wrong with a file is one OpenFailed with one sentence. Times are kept to the millisecond, or as finely as
the format counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from cinemill.errors import OpenFailed, UnknownName
from cinemill.media.cues.formats import ass, lists, lrc, records, srt, ttml, vtt
from cinemill.media.cues.formats.decode import decoded
from cinemill.media.cues.style import Style
from cinemill.media.cues.types import Transcript

Reader = Callable[[str], Transcript]


@dataclass(frozen=True, slots=True)
class Looks:
    """What a writer may use beside the cues: a style, and the picture's size."""

    style: Style = field(default_factory=Style)
    width: int = 1920
    height: int = 1080


@dataclass(frozen=True, slots=True)
class Format:
    """A format by name: its suffixes, how it is read (None: it has no times), how it is written, piece by piece."""

    name: str
    suffixes: tuple[str, ...]
    read: Reader | None
    write: Callable[[Transcript, Looks], Iterator[str]]


def _plain(write: Callable[[Transcript], Iterator[str]]) -> Callable[[Transcript, Looks], Iterator[str]]:
    return lambda transcript, looks: write(transcript)


def _ass(transcript: Transcript, looks: Looks) -> Iterator[str]:
    return ass.write(transcript, looks.style, looks.width, looks.height)


FORMATS: Mapping[str, Format] = {
    one.name: one
    for one in (
        Format("srt", (".srt",), srt.read, _plain(srt.write)),
        Format("vtt", (".vtt",), vtt.read, _plain(vtt.write)),
        Format("ass", (".ass", ".ssa"), ass.read, _ass),
        Format("ttml", (".ttml", ".dfxp", ".xml", ".imsc"), ttml.read, _plain(ttml.write)),
        Format("lrc", (".lrc",), lrc.read, _plain(lrc.write)),
        Format("tsv", (".tsv",), lists.read_tsv, _plain(lists.write_tsv)),
        Format("aud", (".aud",), lists.read_labels, _plain(lists.write_labels)),
        Format("rttm", (".rttm",), lists.read_rttm, _plain(lists.write_rttm)),
        Format("json", (".json",), records.read, _plain(records.write_whisperx)),
        Format("verbose_json", (), records.read, _plain(records.write_verbose)),
        Format("diarized_json", (), records.read, _plain(records.write_diarized)),
        Format("txt", (".txt",), None, _plain(lists.write_text)),
    )
}
SUFFIXES = {suffix: one for one in FORMATS.values() for suffix in one.suffixes}

_CONTENT = (
    ("vtt", re.compile(r"WEBVTT(?:[ \t\n]|$)")),
    ("ass", re.compile(r"\[Script Info\]|\[V4\+? Styles\]|\[Events\]", re.IGNORECASE)),
    ("ttml", re.compile(r"<(?:\?xml|!DOCTYPE|!--|\w*:?tt\b)")),
    ("json", re.compile(r"[{\[]\s*[\"{\]}]")),
    ("rttm", re.compile(r"SPEAKER[ \t]+\S+[ \t]+\d+[ \t]+-?[\d.]+[ \t]")),
    ("lrc", re.compile(r"\[(?:\d+:\d\d|(?:ti|ar|al|au|by|la|re|ve|offset|length|tool):)", re.IGNORECASE)),
    ("tsv", re.compile(r"start\tend\ttext")),
    ("srt", re.compile(r"(?:[^\n]*\n){0,20}?[^\n]*" + srt.TIMING.pattern, re.MULTILINE)),
)
"""How each begins, after blanks."""


@dataclass(frozen=True, slots=True)
class Read:
    """What was read, and as what."""

    transcript: Transcript
    format: str
    encoding: str


def read(path: Path, format: str | None = None, encoding: str | None = None) -> Read:
    """The cues of a file, in the order of the file. Raises OpenFailed, UnknownName for a format that there is not."""
    text, took = decoded(path, encoding)
    name = format or recognised(text, path)
    reader = named(name).read
    if reader is None:
        raise OpenFailed(f"{path} is plain text without times; `cinemill align` gives it some.")
    try:
        transcript = reader(text)
    except (ValueError, RecursionError, OverflowError) as error:
        said = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise OpenFailed(f"{path} cannot be read as {name.upper()}: {said}.") from None
    if not transcript.cues and text.strip():
        raise OpenFailed(f"{path} holds no subtitles that could be read as {name.upper()}.")
    return Read(transcript, name, took)


def recognised(text: str, path: Path) -> str:
    """The name of the format that `text` is in. Raises OpenFailed."""
    start = text[:65536].lstrip("\ufeff \t\r\n")
    by_name = SUFFIXES.get(path.suffix.lower())
    for name, begins in _CONTENT:
        if begins.match(start):
            return name
    if by_name:
        return by_name.name
    raise OpenFailed(f"{path} is no subtitle file that is known here: {', '.join(FORMATS)}.")


def named(name: str) -> Format:
    """The format called so. Raises UnknownName."""
    if name not in FORMATS:
        raise UnknownName("subtitle format", name, FORMATS)
    return FORMATS[name]


def of_path(path: Path) -> Format:
    """The format that a file's suffix asks for. Raises UnknownName."""
    found = SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise UnknownName("subtitle format", path.suffix.removeprefix(".") or path.name, FORMATS)
    return found


def written(transcript: Transcript, format: str, looks: Looks | None = None) -> str:
    """The transcript as a file's text. Raises UnknownName; ValueError for times before the programme."""
    return "".join(pieces(transcript, format, looks))


def pieces(transcript: Transcript, format: str, looks: Looks | None = None) -> Iterator[str]:
    """`written`, piece by piece."""
    early = next((cue for cue in transcript.cues if cue.start < 0), None)
    if early and format != "json":
        raise ValueError(f"a cue begins {-early.start} ms before the programme; shift the file first")
    return named(format).write(_sorted(transcript), looks or Looks())


def _sorted(transcript: Transcript) -> Transcript:
    if all(one.start <= two.start for one, two in pairwise(transcript.cues)):
        return transcript
    return replace(transcript, cues=tuple(sorted(transcript.cues, key=lambda cue: cue.start)))
