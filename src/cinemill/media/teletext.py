"""Subtitles that a broadcast sends as teletext (EN 300 472), read by the FFmpeg program with libzvbi."""

from __future__ import annotations

from pathlib import Path

from cinemill.errors import UnsupportedMedia
from cinemill.media import probe, program


def subtitles(path: Path, page: str) -> str:
    """SubRip of a page such as 888, or of all that call themselves subtitles. Raises UnsupportedMedia, OpenFailed.

    Broadcasts alone have it as a track of their own; the lines of an analog capture are not read.
    """
    # What PyAV has no decoder for, it has no name for.
    found = [one for one in probe.probe(path).of_kind("subtitle") if one.codec in ("dvb_teletext", "unknown")]
    if not found:
        raise UnsupportedMedia(f"{path.name} has no track of teletext.")
    how = ["-txt_page", page, "-txt_format", "text", "-fix_sub_duration", "-i", f"file:{path}"]
    return program.output_of([*how, "-map", f"0:{found[0].index}", "-c:s", "srt", "-f", "srt", "-"])
