"""What becomes of every other stream of the source in the output's container: copied, converted, or left, with why.

Decided before anything is written, by a trial header in memory: containers' tables promise more than muxers keep.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import av
from av import error as averror

from cinemill.errors import OutputRefused, UnsupportedMedia
from cinemill.media.demux import opened
from cinemill.media.encoders import configure
from cinemill.media.output import VideoSpec
from cinemill.media.types import MediaInfo, Track, VideoTrack

# Containers that keep exact time and encoders' headers apart from packets, by suffix, with FFmpeg's name.
CONTAINERS: Final = {
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
    ".mkv": "matroska",
    ".webm": "webm",
    ".nut": "nut",
}
# The same for sound alone.
SOUND_CONTAINERS: Final = {
    ".wav": "wav",
    ".flac": "flac",
    ".mp3": "mp3",
    ".m4a": "ipod",
    ".opus": "opus",
    ".ogg": "ogg",
    ".mka": "matroska",
}
# What sound becomes that a container cannot hold as it is: (from lossy codecs, from lossless ones).
_SOUND: Final = {
    "mp4": ("aac", "flac"),
    "mov": ("aac", "alac"),
    "matroska": ("flac", "flac"),
    "webm": ("libopus", "libopus"),
    "nut": ("flac", "flac"),
    "wav": ("pcm_s16le", "pcm_s24le"),
    "flac": ("flac", "flac"),
    "mp3": ("libmp3lame", "libmp3lame"),
    "ipod": ("aac", "alac"),
    "opus": ("libopus", "libopus"),
    "ogg": ("libopus", "flac"),
}
TEXT_CODECS: Final = {"mp4": "mov_text", "mov": "mov_text", "matroska": "subrip", "webm": "webvtt"}
_TEXT_SUBTITLES: Final = {"subrip", "ass", "ssa", "mov_text", "webvtt", "text", "srt"}
_STYLED: Final = {"ass", "ssa"}

# What Matroska calls a cover of these codecs, which it holds as an attachment.
COVERS: Final = {
    "png": ("cover.png", "image/png"),
    "mjpeg": ("cover.jpg", "image/jpeg"),
    "bmp": ("cover.bmp", "image/bmp"),
    "webp": ("cover.webp", "image/webp"),
}

How = Literal["copy", "convert", "attach", "leave"]


@dataclass(frozen=True, slots=True)
class Carry:
    """The fate of one track. `codec` is the encoder of a converted one; `reason` is for people."""

    track: Track
    how: How
    codec: str | None = None
    reason: str = ""

    def describe(self) -> str:
        """A sentence for messages."""
        fate = {
            "copy": "is copied",
            "attach": "is attached",
            "convert": f"becomes {self.codec}",
            "leave": "is left out",
        }
        return f"{self.track.describe()} {fate[self.how]}" + (f": {self.reason}" if self.reason else "")


def container_of(output: Path, known: Mapping[str, str] = CONTAINERS) -> str:
    """FFmpeg's format name for an output's suffix. Raises OutputRefused for one that is not `known`."""
    name = known.get(output.suffix.lower())
    if name is None:
        raise OutputRefused(f"{output} has suffix {output.suffix or '(none)'}; this goes into {', '.join(known)}.")
    return name


def carries(info: MediaInfo, format: str, picture: bool = False) -> list[Carry]:
    """What happens to each track of `info` in a container of `format`, in file order, its picture only if asked for."""
    with opened(info.path) as container:
        return [
            _fate(container.streams[track.index], track, info, format)
            for track in info.tracks
            if picture or info.video is None or track.index != info.video.index
        ]


def is_cover(track: Track) -> bool:
    """Whether a track is one picture that stands for the file, without a time."""
    return "attached_pic" in track.dispositions


def _fate(stream: Any, track: Track, info: MediaInfo, format: str) -> Carry:
    if track.kind == "attachment":
        if format == "matroska":
            return Carry(track, "attach")
        return Carry(track, "leave", reason=f"{format} cannot hold attachments ({track.title or 'unnamed'})")
    if is_cover(track) and format == "matroska" and track.codec in COVERS:
        return Carry(track, "attach")
    if is_cover(track) and format != "mp4":
        return Carry(track, "leave", reason=f"{format} cannot hold a cover")
    if isinstance(track, VideoTrack) and not track.timed:
        return Carry(track, "leave", reason=f"{info.format} gives its pictures no times; they can only be made anew")
    if isinstance(track, VideoTrack) and track.preroll and format not in ("mp4", "mov"):
        return Carry(track, "leave", reason=f"{format} shows pictures that mp4 hides; they can only be made anew")
    if track.kind == "data":
        return _fate_of_data(stream, track, info, format)
    if _header_accepts(format, stream):
        return Carry(track, "copy")
    if track.kind == "audio":
        return Carry(track, "convert", sound_encoder(track.codec, format), f"{format} cannot hold {track.codec}")
    if track.kind == "subtitle" and track.codec in _TEXT_SUBTITLES and format in TEXT_CODECS:
        loss = "; its styles are lost" if track.codec in _STYLED else ""
        return Carry(track, "convert", TEXT_CODECS[format], f"{format} cannot hold {track.codec}{loss}")
    return Carry(track, "leave", reason=f"{format} cannot hold {track.codec} {track.kind}")


def _fate_of_data(stream: Any, track: Track, info: MediaInfo, format: str) -> Carry:
    if "timecode" in stream.metadata:
        return Carry(track, "leave", reason="it is the timecode, which is carried as a tag")
    if info.chapters and "bin_data" in (track.codec, stream.name or ""):
        return Carry(track, "leave", reason="it is the chapter list, which is carried as chapters")
    if _header_accepts(format, stream):
        return Carry(track, "copy")
    return Carry(track, "leave", reason=f"{format} cannot hold this kind of data")


def sound_encoder(codec: str, format: str) -> str:
    """The encoder for sound of `codec` that a container of `format` cannot hold as it is, or that is made anew."""
    return _SOUND[format][keeps_samples(codec)]


def keeps_samples(codec: str) -> bool:
    """Whether sound of this codec is exactly what was put in."""
    return codec.startswith("pcm_") or codec in ("flac", "alac", "truehd", "mlp", "wavpack", "tta", "ape")


def check_picture(format: str, spec: VideoSpec) -> None:
    """Raises UnsupportedMedia when a container of `format` cannot hold pictures encoded by `spec`."""
    try:
        with av.open(io.BytesIO(), "w", format=format) as trial:
            configure(trial.add_stream(spec.encoder, rate=spec.rate).codec_context, spec)
            trial.start_encoding()
    except (averror.FFmpegError, ValueError):
        raise UnsupportedMedia(
            f"{format} cannot hold {spec.codec}; give the output another suffix, .mkv say."
        ) from None


def _header_accepts(format: str, stream: Any) -> bool:
    try:
        with av.open(io.BytesIO(), "w", format=format) as trial:
            trial.add_stream_from_template(stream, opaque=True)
            trial.start_encoding()
    except (averror.FFmpegError, ValueError, OSError):
        return False
    return True
