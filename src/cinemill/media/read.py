"""Files -> values: `probe`, `index`, `frames`, `audio`. The only code that demuxes and decodes.

Frames come upright (display matrix applied), in presentation order, each with the pts the file gave it. Damage is
counted and reported, and what can be read is kept. Paths only: playlists and pattern names that would open further
files are refused.
"""

from __future__ import annotations

import math
import struct
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av import error as averror
from av.container import InputContainer
from av.format import ContainerFormat, Flags
from av.sidedata.sidedata import Type as SideType
from av.stream import Discard, Disposition

from cinemill.errors import DecodeFailed, NoSuchStream, OpenFailed, UnsupportedMedia
from cinemill.media import clock, jumps, lavfi, matroska
from cinemill.media.colour import Colour
from cinemill.media.formats import layout
from cinemill.media.native import SAME_VALUES, of_native
from cinemill.media.types import (
    Audio,
    AudioTrack,
    Chapter,
    FieldOrder,
    Frame,
    Hdr,
    Kind,
    MediaInfo,
    Track,
    VideoTrack,
)

# Demuxers that are no media of their own: text art, and lists that name other files to open.
_REFUSED_FORMATS = {"tty", "concat", "hls", "dash", "imf", "webm_dash_manifest", "lavfi", "ffmetadata"}

# What is meant by a mere number of channels, as in most WAV files; encoders and MP4 insist on knowing.
_USUAL_LAYOUTS = {"1 channels": "mono", "2 channels": "stereo", "6 channels": "5.1", "8 channels": "7.1"}


@dataclass
class Damage:
    """What was wrong with a stream, filled while it is read. Times are seconds, for people."""

    corrupt: list[float] = field(default_factory=list[float])
    """When a packet or frame was damaged. What could be decoded of it is kept."""
    repaired: list[float] = field(default_factory=list[float])
    """When a pts was missing or ran backwards, or the clock jumped, and was made to run on."""
    resized: list[float] = field(default_factory=list[float])
    """When a picture came in another size or format and was made like the first."""
    cut_off: float | None = None
    """Where reading failed, or the file ends before its time."""

    def __bool__(self) -> bool:
        return bool(self.corrupt or self.repaired or self.resized or self.cut_off is not None)

    def record(self) -> dict[str, list[float]]:
        """The times, JSON-safe: what a part notes of its source."""
        return {"corrupt": self.corrupt, "repaired": self.repaired, "resized": self.resized}

    def describe(self) -> list[str]:
        """One sentence per kind of damage."""
        lines: list[str] = []
        kinds = (
            (self.corrupt, "damaged picture"),
            (self.repaired, "repaired timestamp"),
            (self.resized, "rescaled picture"),
        )
        for times, what in kinds:
            if times:
                shown = ", ".join(clock.show(t) for t in sorted(set(times))[:5])
                more = f" and {len(times) - 5} more" if len(times) > 5 else ""
                lines.append(f"{len(times)} {what}{'s' if len(times) > 1 else ''}, at {shown}{more}")
        if self.cut_off is not None:
            lines.append(f"the file breaks off at {clock.show(self.cut_off)}; what came before is kept")
        return lines


@contextmanager
def opened(path: Path) -> Generator[InputContainer, None, None]:
    """An open container. Raises OpenFailed with the likely reason; closes on leaving."""
    if not path.exists():
        raise OpenFailed(f"{path} is not there.")
    if path.is_dir():
        raise OpenFailed(f"{path} is a folder; name a file in it.")
    if path.is_file() and path.stat().st_size == 0:
        raise OpenFailed(f"{path} is empty (0 bytes).")
    try:
        container = av.open(f"file:{path}", metadata_errors="replace", options={"protocol_whitelist": "file,pipe"})
    except PermissionError:
        raise OpenFailed(f"{path} may not be read by this user.") from None
    except (averror.FFmpegError, OSError, ValueError) as error:
        raise OpenFailed(_why_not(path, error)) from None
    with container:
        if _REFUSED_FORMATS & set(container.format.name.split(",")):
            raise OpenFailed(f"{path} is a {container.format.name} list or text, not a media file itself.")
        yield container


def _why_not(path: Path, error: Exception) -> str:
    if _lacks_moov(path):
        return f"{path} has no index (moov): the recording was cut off before it was finished. Repair it first."
    return f"{path} is not media that FFmpeg can read: {getattr(error, 'strerror', None) or error}."


def _lacks_moov(path: Path) -> bool:
    """Whether it is an MP4 or MOV without the box that says where the pictures are."""
    kinds = [kind for kind, _ in _boxes(path)]
    return kinds[:1] == [b"ftyp"] and b"moov" not in kinds


def _boxes(path: Path) -> Iterator[tuple[bytes, int]]:
    """Kind and promised end of the outermost boxes of an MP4 or MOV (ISO 14496-12), as far as they make sense."""
    end = 0
    with path.open("rb") as file:
        while len(head := file.read(16)) >= 8:
            size, kind = struct.unpack(">I4s", head[:8])
            size = int.from_bytes(head[8:]) if size == 1 else size
            if size < 8:  # 0 is for a last box of any length
                return
            end += size
            yield kind, end
            file.seek(end)


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
    packets = _packets(container, stream, Damage())
    first = next(packets, None)
    native = next(_natives(chain([first] if first else [], packets), Damage()), None)
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
        turn, rotation = _upright(native), native.rotation % 360
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
        field_order=_order(native),
        rotation=rotation,
        hdr=hdr,
        timed=first is not None and first.pts is not None and not _keeps_dts_only(container, stream),
        preroll=first is not None and first.is_discard,
    )


def _order(native: Any | None) -> FieldOrder:
    """What the picture's own flags say; containers and parsers have been seen to claim the opposite."""
    if native is None or not native.interlaced_frame:
        return "progressive"
    return "tff" if lavfi.passes(native, "eq(interlace_type,1)") else "bff"


def _hdr(native: Any) -> Hdr | None:
    display = native.side_data.get(SideType.MASTERING_DISPLAY_METADATA)
    light = native.side_data.get(SideType.CONTENT_LIGHT_LEVEL)
    if not display and not light:
        return None
    hdr = Hdr()
    if display:
        # AVMasteringDisplayMetadata: primaries[3][2], white[2], min, max as rationals, then two flags.
        numbers = struct.unpack("=20i", bytes(display)[:80])
        values = [Fraction(n, d) if d else Fraction(0) for n, d in zip(numbers[::2], numbers[1::2])]
        points = tuple((values[i], values[i + 1]) for i in range(0, 8, 2))
        hdr = replace(hdr, display=points, min_luminance=values[8], max_luminance=values[9])
    if light:
        cll, fall = struct.unpack("=2I", bytes(light)[:8])
        hdr = replace(hdr, max_cll=cll, max_fall=fall)
    return hdr


def _upright(native: Any) -> str:
    """The libavfilter graph that applies the display matrix (ISO 14496-12, 16.16 fixed point); "" for none."""
    matrix = native.side_data.get(SideType.DISPLAYMATRIX)
    if not matrix:
        return ""
    m = struct.unpack("=9i", bytes(matrix)[:36])
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


@dataclass(frozen=True)
class Index:
    """Where the pictures of a video track lie, from its packets. `pts` and `keyframes` are sorted.

    `exact`: every packet has a pts of its own, so that the file may be entered at any keyframe. Where it is False
    (elementary streams, AVI with reordered pictures) a stream can only be read from its start.
    `cut_off`: seconds at which the file breaks off before its time, or None. `shifts`: seconds added to the file's
    clock from its start and from each of its jumps on; `pts` and `keyframes` are on the clock that runs on.
    """

    pts: tuple[int, ...]
    keyframes: tuple[int, ...]
    exact: bool
    cut_off: float | None = None
    shifts: tuple[Fraction, ...] = (Fraction(0),)

    def wanted(self, start: int, before: int) -> int:
        """The pts of the picture `before` places ahead of `start`, or of the first one there is."""
        return self.pts[max(0, bisect_left(self.pts, start) - before)]

    def entries(self, wanted: int) -> Iterator[int | None]:
        """Keyframes to enter at for the picture `wanted`, nearest first; at last None, the beginning."""
        place = bisect_right(self.keyframes, wanted) if self.exact else 0
        while place > 1:
            yield self.keyframes[place - 1]
            place -= 1
        yield None

    def count(self, start: int | None, stop: int | None) -> int:
        """How many pictures lie in [start, stop)."""
        low = 0 if start is None else bisect_left(self.pts, start)
        return (len(self.pts) if stop is None else bisect_left(self.pts, stop)) - low


def index(info: MediaInfo) -> Index:
    """Read the packets of the picture once, without decoding. Cost: one pass over the file."""
    video = picture_of(info)
    pts: list[int] = []
    keyframes: list[int] = []
    damage = Damage()
    shifts: list[Fraction] = []
    with opened(info.path) as container:
        stream = container.streams[video.index]
        by_dts = _keeps_dts_only(container, stream)
        exact = not by_dts
        met = 0
        for packet in jumps.found(_packets(container, stream, damage), video.step, shifts):
            met += bool(packet.size)
            if packet.is_discard or not packet.size:
                continue
            exact = exact and packet.pts is not None
            time = packet.dts if by_dts or packet.pts is None else packet.pts
            if time is not None:
                pts.append(time)
                if packet.is_keyframe:
                    keyframes.append(time)
    pts.sort()
    exact = exact and len(set(pts)) == len(pts) and shifts == [0]
    for place in range(1, len(pts)):  # as `frames` mends them
        pts[place] = max(pts[place], pts[place - 1] + 1)
    cut_off = damage.cut_off
    if pts and _breaks_off(info, met):
        cut_off = float(pts[-1] * video.time_base)
    return Index(tuple(pts), tuple(sorted(keyframes)), exact, cut_off, tuple(shifts))


def _breaks_off(info: MediaInfo, pictures: int) -> bool:
    """Whether the file is shorter than its own outermost structure says, or has fewer than the promised `pictures`."""
    if "matroska" in info.format:
        return matroska.promised_size(info.path) > info.size
    if info.format == "avi":
        return _last_end(_riff(info.path)) > info.size
    if "mp4" not in info.format:
        return False
    assert info.video
    return pictures < (info.video.frames_from_header or 0) or _last_end(_boxes(info.path)) > info.size


def _last_end(pieces: Iterable[tuple[bytes, int]]) -> int:
    return max((end for _, end in pieces), default=0)


def _riff(path: Path) -> Iterator[tuple[bytes, int]]:
    """Kind and promised end of the outermost chunks of an AVI; a large one has several."""
    end = 0
    with path.open("rb") as file:
        while len(head := file.read(8)) == 8 and head.startswith(b"RIFF"):
            end += 8 + int.from_bytes(head[4:], "little")
            yield head[:4], end
            file.seek(end)


def _keeps_dts_only(container: InputContainer, stream: Any) -> bool:
    """AVI stores pictures in decoding order and no pts, so reordered pictures have only their place in it."""
    return container.format.name == "avi" and bool(stream.codec_context.has_b_frames)


def packets(info: MediaInfo, track: Track, shifts: Sequence[Fraction]) -> Iterator[Any]:
    """PyAV packets of a track, for `media` only, on the running clock of `Index.shifts`; a read error ends them.

    Raises UnsupportedMedia at one without a time.
    """
    with opened(info.path) as container:
        stream = container.streams[track.index]
        for packet in jumps.followed(_packets(container, stream, Damage()), shifts):
            if not packet.size:
                continue
            if packet.pts is None:
                raise UnsupportedMedia(f"{track.describe()} has pictures without a time; it can only be made anew.")
            yield packet


def _packets(container: InputContainer, stream: Any, damage: Damage) -> Iterator[Any]:
    """Packets of one stream; a read error is noted as damage and ends the stream."""
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all
    last = 0.0
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except (averror.FFmpegError, OSError):
            damage.cut_off = last
            return
        if packet.dts is not None:
            last = float(packet.dts * packet.time_base)
        yield packet


def frames(
    info: MediaInfo,
    *,
    start: int | None = None,
    stop: int | None = None,
    before: int = 0,
    after: int = 0,
    index: Index | None = None,
    damage: Damage | None = None,
    threads: int = 0,
) -> Iterator[Frame]:
    """Decoded pictures with start <= pts < stop, upright, pts strictly increasing.

    `start` and `stop` count the track's time_base; None is open. `before` and `after` ask for that many further
    pictures on either side (fewer at the ends of the file). With an `index` the file is entered at the nearest
    keyframe that gives every picture asked for, else it is read from its start. `threads` 0 lets the decoder
    choose. Raises DecodeFailed if no picture can be decoded at all.
    """
    damage = damage if damage is not None else Damage()
    stream = _entered(info, index, start, before, damage, threads)
    ahead: deque[Frame] = deque(maxlen=before)
    late = after
    for frame in stream:
        if start is not None and frame.pts < start:
            ahead.append(frame)
            continue
        while ahead:
            yield ahead.popleft()
        if stop is not None and frame.pts >= stop:
            if late == 0:
                break
            late -= 1
        yield frame
    yield from ahead
    stream.close()


def _entered(
    info: MediaInfo, index: Index | None, start: int | None, before: int, damage: Damage, threads: int
) -> Generator[Frame, None, None]:
    """Frames from the nearest keyframe from which the wanted first picture really comes out.

    Open GOPs, recovery points and inexact seeking make the nearest one fail now and then.
    """
    if index is None or start is None or not index.pts:
        yield from _decode(info, None, damage, threads)
        return
    wanted = index.wanted(start, before)
    for entry in index.entries(wanted):
        noted = Damage()
        stream = _decode(info, entry, noted, threads)
        first = next(stream, None) if entry is not None else None
        if entry is None or (first is not None and first.pts <= wanted):
            try:
                yield from chain([first] if first else [], stream)
            finally:
                damage.corrupt += noted.corrupt
                damage.repaired += noted.repaired
                damage.resized += noted.resized
                damage.cut_off = noted.cut_off if damage.cut_off is None else damage.cut_off
            return
        stream.close()


def _decode(info: MediaInfo, entry: int | None, damage: Damage, threads: int) -> Generator[Frame, None, None]:
    """Every picture from the keyframe at pts `entry` on (None: from the beginning), upright."""
    video = picture_of(info)
    with opened(info.path) as container:
        stream: Any = container.streams[video.index]
        stream.thread_type = "AUTO"
        if threads:
            stream.thread_count = threads
        if entry is not None:
            try:
                container.seek(entry, stream=stream, backward=True)
            except (averror.FFmpegError, OSError):
                return
        natives = _natives(_running(container, stream, video, damage), damage)
        first = next(natives, None)
        if first is None:
            if entry is None:
                raise DecodeFailed(f"no picture of {info.path} can be decoded; the file may be damaged.")
            return
        turn = _upright(first)
        if "transpose" in turn:
            video = replace(video, width=video.height, height=video.width, sar=1 / video.sar)
        pictures = _stamped(chain([first], natives), container, stream, video, damage)
        alike = (_like_first(picture, video, damage) for picture in pictures)
        upright = lavfi.run(alike, turn) if turn else alike
        yield from (frame for frame in upright if entry is None or frame.pts >= entry)


def _like_first(frame: Frame, video: VideoTrack, damage: Damage) -> Frame:
    if (frame.width, frame.height, frame.format) == (video.width, video.height, video.format):
        return frame
    damage.resized.append(frame.time)
    graph = f"scale={video.width}:{video.height}:interl=-1:flags=bicubic+accurate_rnd,format={video.format}"
    return replace(next(lavfi.run([frame], graph)), sar=video.sar, colour=frame.colour)


def _running(container: InputContainer, stream: Any, video: VideoTrack, damage: Damage) -> Iterator[Any]:
    """The picture's packets on one running clock; its jumps are noted as repairs."""
    shifts: list[Fraction] = []
    for packet in jumps.found(_packets(container, stream, damage), video.step, shifts):
        if len(shifts) > 1:
            damage.repaired.append(float((packet.dts or 0) * packet.time_base))
            del shifts[:-1]
        yield packet


def _natives(packets: Iterable[Any], damage: Damage) -> Iterator[Any]:
    """Decode, keeping what can be kept; the last packet that demux hands out is empty and drains the decoder."""
    for packet in packets:
        at = float((packet.pts or packet.dts or 0) * packet.time_base)
        if packet.is_corrupt:
            damage.corrupt.append(at)
        try:
            decoded = packet.decode()
        except (averror.FFmpegError, ValueError):
            damage.corrupt.append(at)
            continue
        for native in decoded:
            if native.is_corrupt:
                damage.corrupt.append(float((native.pts or 0) * packet.time_base))
            yield native


def _stamped(
    natives: Iterable[Any], container: InputContainer, stream: Any, video: VideoTrack, damage: Damage
) -> Iterator[Frame]:
    """Frames with the file's pts, each lasting until the next; a missing or backward pts is mended and noted."""
    by_dts = _keeps_dts_only(container, stream)
    delay = held = None
    for native in natives:
        if by_dts and delay is None:
            # The first picture out belongs to the first packet in; its dts is late by the decoder's delay.
            delay = (native.dts or 0) - (stream.start_time or 0)
        pts = native.pts
        if by_dts:
            pts = None if native.dts is None else native.dts - delay
        if pts is None and not by_dts:
            pts = native.dts
        if pts is None:  # a drained picture has no packet, and an elementary stream no clock
            pts = stream.start_time or 0 if held is None else held.pts + video.step
        if held is not None:
            if pts <= held.pts:
                pts = held.pts + 1
                damage.repaired.append(float(pts * video.time_base))
            held.duration = pts - held.pts
            yield _frame(held, video)
        native.pts = pts
        held = native
    if held is not None:
        held.duration = _until_end(held, container, stream) or held.duration or video.step
        yield _frame(held, video)


def _frame(native: Any, video: VideoTrack) -> Frame:
    order = video.field_order if native.interlaced_frame else "progressive"
    return of_native(native, video.time_base, video.sar, order)


def _until_end(native: Any, container: InputContainer, stream: Any) -> int | None:
    """How long the last picture lasts where the track's end says so: MP4's packets tell times between decodings."""
    if "mp4" not in container.format.name or not stream.duration:
        return None
    return max(0, (stream.start_time or 0) + stream.duration - native.pts)


def sound_of(info: MediaInfo, which: int = 0) -> AudioTrack:
    """The `which`-th audio track. Raises NoSuchStream."""
    tracks = [track for track in info.tracks if isinstance(track, AudioTrack)]
    if which >= len(tracks):
        raise NoSuchStream(f"{info.path} has {len(tracks)} audio tracks; number {which + 1} was asked for.")
    return tracks[which]


def audio(info: MediaInfo, track: AudioTrack, damage: Damage | None = None) -> Iterator[Audio]:
    """The sound of a track as blocks of float32 samples, at its own rate and channels, in order."""
    for native in audio_natives(info, track, "fltp", damage=damage):
        samples = np.array(native.to_ndarray(), np.float32)
        yield Audio(samples, native.sample_rate, native.pts, native.layout.name)


def audio_natives(
    info: MediaInfo,
    track: AudioTrack,
    format: str | None = None,
    layout: str | None = None,
    rate: int | None = None,
    *,
    shifts: Sequence[Fraction] | None = None,
    damage: Damage | None = None,
) -> Iterator[Any]:
    """PyAV audio frames of a track, for `media` only, their pts counting samples.

    All have one format, layout and rate: those named, else those of the first; broadcasts change them in the middle.
    `shifts` are those of the picture's clock (`Index.shifts`), looked up when left out.
    """
    damage = damage if damage is not None else Damage()
    shifts = clock_shifts(info) if shifts is None else shifts
    with opened(info.path) as container:
        stream = container.streams[track.index]
        decoded = _natives(jumps.followed(_packets(container, stream, damage), shifts), damage)
        even: clock.Even | None = None
        for native in _like_first_sound(decoded, format, layout, rate):
            unit = Fraction(1, native.sample_rate)
            even = even or clock.Even(track.time_base, unit)
            told = None if native.pts is None else clock.rescale(native.pts, native.time_base, unit)
            native.pts, native.time_base = even.start(told, native.samples), unit
            yield native


def _like_first_sound(
    natives: Iterable[Any], format: str | None, layout: str | None, rate: int | None
) -> Iterator[Any]:
    resampler: Any = None
    kind: tuple[Any, ...] = ()
    for native in natives:
        now = (native.format.name, native.layout.name, native.sample_rate)
        if kind != now:
            yield from resampler.resample(None) if resampler else []
            kind, format, layout, rate = now, format or now[0], layout or now[1], rate or now[2]
            resampler = av.AudioResampler(format, layout, rate)
        yield from resampler.resample(native)
    yield from resampler.resample(None) if resampler else []


def clock_shifts(info: MediaInfo) -> tuple[Fraction, ...]:
    """What to add to the file's clock, as in `Index`. Cost: one pass over formats whose clock may jump, else none."""
    if info.video is None:
        return (Fraction(0),)
    jumpy = any(ContainerFormat(name, "r").flags & Flags.ts_discont.value for name in info.format.split(","))
    return index(info).shifts if jumpy or info.video.start_pts < 0 else (Fraction(0),)
