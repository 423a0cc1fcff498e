"""What is in a file: `probe`. Opens it and decodes one picture."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, cast

from av.container import InputContainer
from av.sidedata.sidedata import Type as SideType
from av.stream import Disposition

from cinemill.errors import NoSuchStream, UnsupportedMedia
from cinemill.media import clock, lavfi
from cinemill.media.colour import Colour
from cinemill.media.demux import Damage, decoded, keeps_dts_only, opened, packets_of
from cinemill.media.formats import layout
from cinemill.media.native import SAME_VALUES
from cinemill.media.types import AudioTrack, Chapter, FieldOrder, Hdr, Kind, MediaInfo, Track, VideoTrack

# What is meant by a mere number of channels, as in most WAV files; encoders and MP4 insist on knowing.
_USUAL_LAYOUTS = {"1 channels": "mono", "2 channels": "stereo", "6 channels": "5.1", "8 channels": "7.1"}


def probe(path: Path) -> MediaInfo:
    """What is in the file; opens it and decodes one picture. Raises OpenFailed."""
    path = Path(path)
    with opened(path) as container:
        tracks = tuple(_track(stream) for stream in container.streams)
        info = MediaInfo(
            path=path,
            format=container.format.name,
            duration=Fraction(container.duration, 1_000_000) if container.duration else None,
            size=path.stat().st_size,
            tracks=tracks,
            chapters=tuple(_chapters(container)),
            metadata=dict(container.metadata),
        )
        stream = _picture(container)
        if stream is None:
            return info
        video = _video_track(container, stream)
    return replace(info, video=video, tracks=tuple(video if t.index == video.index else t for t in info.tracks))


def picture_of(info: MediaInfo) -> VideoTrack:
    """The moving picture of a file. Raises NoSuchStream or UnsupportedMedia in words for people."""
    if info.video is None:
        held = ", ".join(track.describe() for track in info.tracks) or "nothing"
        raise NoSuchStream(f"{info.path} has no moving picture; it holds {held}.")
    if info.format.endswith("_pipe") or info.format == "image2":
        raise UnsupportedMedia(f"{info.path} is a still picture; a video is needed here.")
    return info.video


def sound_of(info: MediaInfo, which: int = 0) -> AudioTrack:
    """The `which`-th audio track. Raises NoSuchStream."""
    tracks = [track for track in info.tracks if isinstance(track, AudioTrack)]
    if which >= len(tracks):
        raise NoSuchStream(f"{info.path} has {len(tracks)} audio tracks; number {which + 1} was asked for.")
    return tracks[which]


def _track(stream: Any) -> Track:
    context = stream.codec_context
    common: dict[str, Any] = {
        "index": stream.index,
        "kind": cast(Kind, stream.type if stream.type != "unknown" else "data"),
        "codec": context.codec.canonical_name if context else "unknown",
        "time_base": stream.time_base or Fraction(1, 1000),
        "language": stream.language,
        "title": stream.metadata.get("title") or stream.metadata.get("name"),
        "dispositions": tuple(flag.name for flag in stream.disposition),
    }
    if stream.type == "audio" and context:
        name = context.layout.name if context.layout else ""
        layout_name = _USUAL_LAYOUTS.get(name, name)
        return AudioTrack(**common, sample_rate=context.sample_rate, channels=context.channels, layout=layout_name)
    if stream.type == "attachment":
        common["title"] = stream.metadata.get("filename") or common["title"]
    return Track(**common)


def _chapters(container: InputContainer) -> Iterator[Chapter]:
    for chapter in container.chapters():
        unit = chapter["time_base"] or Fraction(1, 1000)
        yield Chapter(chapter["start"] * unit, chapter["end"] * unit, chapter["metadata"].get("title", ""))


def _picture(container: InputContainer) -> Any | None:
    """The default, else largest, video stream that is not a cover and has a decoder."""
    streams: list[Any] = list(container.streams.video)
    candidates = [s for s in streams if not s.disposition & Disposition.attached_pic and s.codec_context]

    def rank(stream: Any) -> tuple[bool, int]:
        return bool(stream.disposition & Disposition.default), stream.width * stream.height

    return max(candidates, key=rank, default=None)


def _video_track(container: InputContainer, stream: Any) -> VideoTrack:
    packets = packets_of(container, stream, Damage())
    first = next(packets, None)
    native = next(decoded(chain([first] if first else [], packets), Damage()), None)
    common = {name: getattr(_track(stream), name) for name in Track.__dataclass_fields__}
    sar = stream.sample_aspect_ratio or Fraction(1)
    size = (stream.width, stream.height)
    name = stream.codec_context.pix_fmt or ""
    colour = Colour.of_codes(
        stream.codec_context.colorspace,
        stream.codec_context.color_primaries,
        stream.codec_context.color_trc,
        stream.codec_context.color_range,
    )
    rotation, turn, hdr = 0, "", None
    if native is not None:
        name = native.format.name
        size = (native.width, native.height)
        turn, rotation = upright(native), native.rotation % 360
        hdr = _hdr(native)
        colour = Colour.of_codes(native.colorspace, native.color_primaries, native.color_trc, native.color_range)
    if "transpose" in turn:
        size, sar = size[::-1], 1 / sar
    rates = (stream.average_rate, stream.guessed_rate, stream.base_rate)
    # Some demuxers take the clock for the rate; no camera makes a thousand pictures a second.
    rate = next((r for r in rates if r and r < 1000), None)
    if rate is None:
        rate = 1 / (native.duration * stream.time_base) if native and native.duration else Fraction(25)
    return VideoTrack(
        **common,
        width=size[0],
        height=size[1],
        format=name if layout(name) else SAME_VALUES.get(name, name),
        frame_rate=clock.near_standard(Fraction(rate)),
        frames_from_header=stream.frames or None,
        start_pts=stream.start_time or 0,
        sar=Fraction(sar),
        colour=replace(colour, range="full") if name.startswith("yuvj") else colour,
        field_order=field_order(native),
        rotation=rotation,
        hdr=hdr,
        timed=first is not None and first.pts is not None and not keeps_dts_only(container, stream),
        preroll=first is not None and first.is_discard,
    )


def field_order(native: Any | None) -> FieldOrder:
    """What the picture's own flags say; containers and parsers have been seen to claim the opposite."""
    if native is None or not native.interlaced_frame:
        return "progressive"
    return "tff" if lavfi.passes(native, "eq(interlace_type,1)") else "bff"


def _side_data(native: Any, kind: SideType) -> bytes | None:
    try:
        found = native.side_data.get(kind)
    except ValueError:  # PyAV gives up on all of it when it does not know one kind, such as the EXIF of a photograph
        return None
    return bytes(found) if found else None


def _hdr(native: Any) -> Hdr | None:
    display = _side_data(native, SideType.MASTERING_DISPLAY_METADATA)
    light = _side_data(native, SideType.CONTENT_LIGHT_LEVEL)
    if not display and not light:
        return None
    hdr = Hdr()
    if display:
        # AVMasteringDisplayMetadata: primaries[3][2], white[2], min, max as rationals, then two flags.
        numbers = struct.unpack("=20i", display[:80])
        values = [Fraction(n, d) if d else Fraction(0) for n, d in zip(numbers[::2], numbers[1::2])]
        points = tuple((values[i], values[i + 1]) for i in range(0, 8, 2))
        hdr = replace(hdr, display=points, min_luminance=values[8], max_luminance=values[9])
    if light:
        cll, fall = struct.unpack("=2I", light[:8])
        hdr = replace(hdr, max_cll=cll, max_fall=fall)
    return hdr


def upright(native: Any) -> str:
    """The libavfilter graph that applies the display matrix (ISO 14496-12, 16.16 fixed point); "" for none."""
    matrix = _side_data(native, SideType.DISPLAYMATRIX)
    if not matrix:
        return ""
    m = struct.unpack("=9i", matrix[:36])
    angle = round(math.degrees(math.atan2(m[1], m[0]))) % 360
    flips = ["hflip"] * (m[0] < 0 and angle != 0) + ["vflip"] * (m[4] < 0)
    turns = {
        0: flips,
        90: ["transpose=cclock_flip" if m[3] > 0 else "transpose=clock"],
        180: flips,
        270: ["transpose=clock_flip" if m[3] < 0 else "transpose=cclock"],
    }
    turn = turns.get(angle, [])
    return ",".join([*turn, "sidedata=mode=delete:type=DISPLAYMATRIX"]) if turn else ""
