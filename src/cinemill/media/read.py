"""Files -> values: `probe`, `index`, `audio` and, here, `frames`. The door to all that demuxes and decodes.

Frames come upright (display matrix applied), in presentation order, each with the pts the file gave it. Damage is
counted and reported, and what can be read is kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from heapq import heappop, heappush
from itertools import chain
from typing import Any

from av import error as averror
from av.container import InputContainer

from cinemill.errors import DecodeFailed
from cinemill.media import jumps, lavfi
from cinemill.media.audio import audio
from cinemill.media.demux import Damage, decoded, keeps_dts_only, opened, packets_of
from cinemill.media.index import Index, index
from cinemill.media.native import of_native
from cinemill.media.probe import field_order, picture_of, probe, sound_of, upright
from cinemill.media.types import Frame, MediaInfo, VideoTrack

__all__ = ["Damage", "Index", "audio", "frames", "index", "opened", "picture_of", "probe", "sound_of"]


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
        awaited = _Awaited(video, damage, pts_are_known=not keeps_dts_only(container, stream))
        natives = awaited.met(decoded(awaited.sent(_running(container, stream, video, damage)), damage))
        first = next(natives, None)
        if first is None:
            if entry is None:
                raise DecodeFailed(f"no picture of {info.path} can be decoded; the file may be damaged.")
            return
        turn = upright(first)
        if "transpose" in turn:
            video = replace(video, width=video.height, height=video.width, sar=1 / video.sar)
        pictures = _stamped(chain([first], natives), container, stream, video, damage)
        alike = (_like_first(picture, video, damage) for picture in pictures)
        turned = lavfi.run(alike, turn) if turn else alike
        yield from (frame for frame in turned if entry is None or frame.pts >= entry)


class _Awaited:
    """Notes the pictures of packets that never come out: decoders pass over what they cannot decode in silence."""

    def __init__(self, video: VideoTrack, damage: Damage, pts_are_known: bool) -> None:
        self._pts: list[int] = []
        self._damage = damage
        self._time_base = video.time_base
        # A packet of VP8 may hold a picture that is only referred to.
        self._each_shows = pts_are_known and video.codec != "vp8"

    def sent(self, packets: Iterable[Any]) -> Iterator[Any]:
        for packet in packets:
            if self._each_shows and packet.size and packet.pts is not None and not packet.is_discard:
                heappush(self._pts, packet.pts)
            yield packet

    def met(self, natives: Iterable[Any]) -> Iterator[Any]:
        begun = False  # what precedes the first picture refers to pictures before the point of entry
        for native in natives:
            while native.pts is not None and self._pts and self._pts[0] <= native.pts:
                pts = heappop(self._pts)
                if begun and pts < native.pts:
                    self._damage.corrupt.append(float(pts * self._time_base))
            begun = True
            yield native


def _like_first(frame: Frame, video: VideoTrack, damage: Damage) -> Frame:
    if (frame.width, frame.height, frame.format) == (video.width, video.height, video.format):
        return frame
    damage.resized.append(frame.time)
    graph = f"scale={video.width}:{video.height}:interl=-1:flags=bicubic+accurate_rnd,format={video.format}"
    return replace(next(lavfi.run([frame], graph)), sar=video.sar, colour=frame.colour)


def _running(container: InputContainer, stream: Any, video: VideoTrack, damage: Damage) -> Iterator[Any]:
    """The picture's packets on one running clock; its jumps are noted as repairs."""
    shifts: list[Fraction] = []
    for packet in jumps.found(packets_of(container, stream, damage), video.step, shifts):
        if len(shifts) > 1:
            damage.repaired.append(float((packet.dts or 0) * packet.time_base))
            del shifts[:-1]
        yield packet


def _stamped(
    natives: Iterable[Any], container: InputContainer, stream: Any, video: VideoTrack, damage: Damage
) -> Iterator[Frame]:
    """Frames with the file's pts, each lasting until the next; a missing or backward pts is mended and noted."""
    by_dts = keeps_dts_only(container, stream)
    order = video.field_order
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
            yield of_native(held, video.time_base, video.sar, order if held.interlaced_frame else "progressive")
        if native.interlaced_frame and order == "progressive":
            order = field_order(native)  # a programme that began with film
        native.pts = pts
        held = native
    if held is not None:
        held.duration = _until_end(held, container, stream) or held.duration or video.step
        yield of_native(held, video.time_base, video.sar, order if held.interlaced_frame else "progressive")


def _until_end(native: Any, container: InputContainer, stream: Any) -> int | None:
    """How long the last picture lasts where the track's end says so: MP4's packets tell times between decodings."""
    if "mp4" not in container.format.name or not stream.duration:
        return None
    return max(0, (stream.start_time or 0) + stream.duration - native.pts)
