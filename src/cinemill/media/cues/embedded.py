"""Subtitle tracks inside videos, read through the FFmpeg program, which knows how each container stores them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cinemill.errors import EngineCrashed, NoSuchStream
from cinemill.media import program, read
from cinemill.media.cues.files import FORMATS, SUFFIXES, Read

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
