"""Subtitle tracks inside videos: read through the FFmpeg program, which knows how each container stores them, and put
into a copy of a file whose other tracks stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from cinemill.errors import EngineCrashed, NoSuchStream, OutputRefused
from cinemill.media import mono, program, read, tracks
from cinemill.media.cues import emphasis, rules
from cinemill.media.cues.files import FORMATS, SUFFIXES, Read
from cinemill.media.cues.types import Transcript
from cinemill.media.interleave import Text
from cinemill.media.types import MediaInfo

_PICTURES = frozenset({"hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle", "xsub", "dvb_teletext"})
_MEDIA = frozenset([".mkv", ".mp4", ".m4v", ".mov", ".webm", ".mka", ".avi", ".ts", ".m2ts", ".mks", ".3gp"])


def is_media(path: Path) -> bool:
    """Whether a file is a container rather than subtitles alone."""
    return path.suffix.lower() in _MEDIA and path.suffix.lower() not in SUFFIXES


def read_track(path: Path, which: int = 0) -> Read:
    """The `which`-th subtitle track. Raises OpenFailed, NoSuchStream when there is none or it is pictures."""
    info = read.probe(path)
    tracks = info.of_kind("subtitle")
    if which >= len(tracks):
        raise NoSuchStream(f"{path} has {len(tracks)} subtitle tracks; number {which + 1} was asked for.")
    track = tracks[which]
    if track.codec in _PICTURES:
        raise NoSuchStream(f"{path}: {track.describe()} is pictures of text, which would have to be recognised.")
    as_ass = track.codec in ("ass", "ssa")
    name = "ass" if as_ass else "srt"
    try:
        text = program.output_of(["-i", f"file:{path}", "-map", f"0:s:{which}", "-f", name, "-"])
    except EngineCrashed as error:
        raise NoSuchStream(f"{path}: {track.describe()} cannot be read as text: {error.facts.get('cause')}.") from None
    reader = FORMATS[name].read
    assert reader
    transcript = reader(text.replace("\r\n", "\n"))
    return Read(replace(transcript, language=track.language), name, "utf-8")


def check(info: MediaInfo, output: Path) -> tuple[str, ...]:
    """What becomes of each track in a copy called `output` that is not simply copied. Raises OutputRefused."""
    if output.suffix.lower() not in _HOLDERS:
        raise OutputRefused(f"{output} holds no subtitles; {', '.join(_HOLDERS)} do.")
    format = tracks.container_of(output, _HOLDERS)
    carried = tracks.carries(info, format, picture=True)
    lost = next((one for one in carried if one.track.kind == "video" and one.how in ("convert", "leave")), None)
    if lost and info.video and lost.track.index == info.video.index:
        raise OutputRefused(f"{output}: {lost.describe()}; choose a .mkv.")
    return tuple(one.describe() for one in carried if one.how in ("convert", "leave"))


_HOLDERS = {name: format for name, format in tracks.CONTAINERS.items() if format in tracks.TEXT_CODECS} | {
    ".mka": "matroska",
    ".mks": "matroska",
}


def with_track(source: Path, transcript: Transcript, output: Path, name: Path) -> Iterator[float]:
    """Write `output`, which will be called `name`: `source` with one more subtitle track, giving back shares done."""
    from cinemill.media import write

    info = read.probe(source)
    format = tracks.container_of(name, _HOLDERS)
    sound = info.of_kind("audio")
    begins = round(1000 * mono.origin(info, read.sound_of(info, 0))) if sound else 0
    cues = tuple((begins + cue.start, begins + cue.end, emphasis.tagged(cue)) for cue in transcript.cues)
    text = Text(cues, rules.three_letters(transcript.language), is_default=not info.of_kind("subtitle"))
    carried = tracks.carries(info, format, picture=True)
    seconds = float(info.duration or 0) or 1.0
    for done in write.assemble([], None, info, carried, output, format, text=text):
        yield min(1.0, done / seconds)
