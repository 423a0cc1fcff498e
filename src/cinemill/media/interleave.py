"""Packets of every track of a file that is written, each in its own order, and all of them by time."""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
from av import error as averror
from av.container import OutputContainer
from av.stream import Disposition

from cinemill.media import jumps, parts, soundgraph
from cinemill.media.audio import audio_natives
from cinemill.media.clock import Even, rescale
from cinemill.media.demux import Damage, opened, packets, packets_of
from cinemill.media.index import clock_shifts
from cinemill.media.matroska import Facts
from cinemill.media.output import VideoSpec
from cinemill.media.sound import even, resampled
from cinemill.media.tracks import Carry, is_cover
from cinemill.media.types import Audio, AudioTrack, MediaInfo, Track, VideoTrack

# A flow is one stream's packets in time order: (seconds of its dts, packet).
Flow = Iterator[tuple[float, Any]]


def pictures(pieces: Sequence[Path], spec: VideoSpec | None, stream: Any, begins: Sequence[int] = ()) -> Flow:
    """The pictures of all parts, decoded in one order on one clock: an encoder's dts hold only within its part.

    `begins`: what is added to the times of each part, for parts that count from their own beginning.
    """
    assert spec
    later = [*zip(pieces, begins or [0] * len(pieces))]
    shown = [[time + begin for time in parts.times(piece)] for piece, begin in later]
    due = _due(shown, max(1, round(1 / (spec.rate * spec.time_base))))
    tick = spec.time_base
    coded = ((begin, picture) for piece, begin in later for picture in parts.packets(piece))
    for (begin, picture), dts in zip(coded, due):
        packet = av.Packet(picture.data)
        packet.stream, packet.time_base = stream, spec.time_base
        packet.pts, packet.dts, packet.duration = picture.pts + begin, dts, picture.duration
        packet.is_keyframe = picture.keyframe
        yield dts * tick.numerator / tick.denominator, packet


@dataclass(frozen=True, slots=True)
class Text:
    """Subtitles to put into a file: (start, end, text with tags) in ms of the file's clock, in order, apart.

    `language` has three letters, as containers want it.
    """

    cues: tuple[tuple[int, int, str], ...]
    language: str = ""
    title: str = ""
    is_default: bool = True


def texts(text: Text, stream: Any) -> Flow:
    """A packet for each cue, as the stream's container stores them."""
    is_mov = stream.codec_context.name == "mov_text"
    for start, end, line in text.cues:
        data = (re.sub(r"</?[biu]>", "", line) if is_mov else line).encode()
        packet = av.Packet(len(data).to_bytes(2, "big") + data if is_mov else data)
        packet.stream, packet.time_base = stream, Fraction(1, 1000)
        packet.pts = packet.dts = start
        packet.duration = end - start
        yield start / 1000, packet


def _copied_pictures(info: MediaInfo, track: Track, stream: Any, shifts: Sequence[Fraction]) -> Flow:
    """The packets of a video track with dts of their own: Matroska stores none, and what is guessed may be missing."""
    coded = _rising([packet.pts for packet in packets(info, track, shifts)])
    step = track.step if isinstance(track, VideoTrack) else 1
    for packet, pts, dts in zip(packets(info, track, shifts), coded, _due([coded], step)):
        packet.stream, packet.pts, packet.dts = stream, pts, dts
        yield float(dts * packet.time_base), packet


def _rising(coded: list[int]) -> list[int]:
    """Times in decoding order, no two the same; the later of two is moved by a tick."""
    last: int | None = None
    for place in sorted(range(len(coded)), key=coded.__getitem__):
        coded[place] = last = coded[place] if last is None else max(coded[place], last + 1)
    return coded


def _due(coded: Sequence[Sequence[int]], step: int) -> Iterator[int]:
    """When to decode each picture, from the pts in decoding order of parts that follow one another in time.

    A picture is due when the one some places before it is shown: as many places as make that early enough for all.
    """
    shown = [sorted(times) for times in coded]
    delay = max(map(_delay, coded, shown), default=0)
    start = next(chain(*shown), 0)
    return chain((start - step * early for early in range(delay, 0, -1)), *shown)


def _delay(coded: Sequence[int], shown: Sequence[int]) -> int:
    """How many pictures at most are decoded before one that is shown earlier than all of them."""
    rank = {pts: place for place, pts in enumerate(shown)}
    return max((place - rank[pts] for place, pts in enumerate(coded)), default=0)


def flows(
    info: MediaInfo,
    plan: dict[int, Carry],
    streams: dict[int, Any],
    pieces: Sequence[Path],
    spec: VideoSpec | None,
    facts: dict[int, Facts],
    sounds: Mapping[int, Iterable[Audio]],
) -> list[Flow]:
    """A flow for each track made anew, and one for all that are copied. `sounds`: what is encoded, by track."""
    shifts = clock_shifts(info)
    found: list[Flow] = []
    for index, carry in plan.items():
        if carry.how != "convert":
            continue
        if isinstance(carry.track, VideoTrack):
            found.append(pictures(pieces, spec, streams[index]))
        elif isinstance(carry.track, AudioTrack):
            found.append(
                sound(_natives(info, carry.track, streams[index].codec_context, shifts, sounds), streams[index])
            )
        else:
            found.append(_text(info, carry.track, streams[index], shifts))
    copies = {index: carry.track for index, carry in plan.items() if carry.how == "copy"}
    films = {index for index, track in copies.items() if track.kind == "video" and not is_cover(track)}
    found += [_copied_pictures(info, copies[index], streams[index], shifts) for index in films]
    copied = {index: streams[index] for index in copies if index not in films}
    delays = {index: fact.delay for index, fact in facts.items() if fact.delay}
    return [*found, _copied(info, copied, shifts, delays)] if copied else found


def _copied(info: MediaInfo, streams: dict[int, Any], shifts: Sequence[Fraction], delays: dict[int, Fraction]) -> Flow:
    """Packets of the copied tracks as the file interleaves them; a read error ends them."""
    last: dict[int, int] = {}
    with opened(info.path) as container:
        evens = {index: _evened(container.streams[index]) for index in streams}
        try:
            for packet in jumps.followed(container.demux([container.streams[i] for i in streams]), shifts):
                if packet.stream.disposition & Disposition.attached_pic:
                    packet.pts = 0  # a cover has no time
                packet.pts = packet.dts if packet.pts is None else packet.pts
                packet.dts = packet.pts if packet.dts is None else packet.dts
                if not packet.size or packet.pts is None or _is_blank(packet):
                    continue
                index = packet.stream_index
                evens[index](packet)
                if index in delays:
                    _delay_by(packet, delays[index])
                dts: int = packet.dts
                packet.dts = last[index] = max(dts, last.get(index, dts - 1) + 1)
                packet.pts = max(packet.pts, packet.dts)
                packet.stream = streams[index]
                yield float(packet.dts * packet.time_base), packet
        except (averror.FFmpegError, OSError):
            return


def _is_blank(packet: Any) -> bool:
    """Whether it is the absence of a cue, as MP4 stores between cues and its muxer adds itself."""
    return packet.size == 2 and packet.stream.type == "subtitle" and bytes(packet) == b"\0\0"


def _evened(stream: Any) -> Callable[[Any], None]:
    """What counts the packets of a sound track in samples where its clock is coarser than they are."""
    context = stream.codec_context
    length = context.frame_size if stream.type == "audio" else 0
    unit = Fraction(1, context.sample_rate) if length else stream.time_base
    if stream.time_base <= unit:
        return lambda packet: None
    even = Even(stream.time_base, unit)

    def count(packet: Any) -> None:
        told = rescale(packet.pts, packet.time_base, unit)
        if packet.has_sidedata("skip_samples"):  # lead-in up to time zero, told in samples
            lead = int.from_bytes(bytes(packet.get_sidedata("skip_samples"))[:4], "little")
            told = -lead if abs(told + lead) <= even.slack else told
        packet.pts = packet.dts = even.start(told, length)
        packet.duration, packet.time_base = length, unit

    return count


def from_zero(flow: Flow) -> Flow:
    """Without the decoder's lead-in, for a container that has no time before zero."""
    return ((time, packet) for time, packet in flow if packet.pts >= 0)


def _delay_by(packet: Any, delay: Fraction) -> None:
    """Matroska's CodecDelay is taken off when it is read; both it and the times are in its milliseconds."""
    unit = Fraction(1, 1000)
    late = round(delay / unit)
    packet.pts = rescale(packet.pts, packet.time_base, unit) + late
    packet.dts = rescale(packet.dts, packet.time_base, unit) + late
    packet.duration = rescale(packet.duration or 0, packet.time_base, unit)
    packet.time_base = unit


def _natives(
    info: MediaInfo,
    track: AudioTrack,
    context: Any,
    shifts: Sequence[Fraction],
    sounds: Mapping[int, Iterable[Audio]],
) -> Iterator[Any]:
    """What is to be encoded: the sound that was made for the track, else its own."""
    if track.index in sounds:
        return made(sounds[track.index], context)
    return audio_natives(info, track, context.format.name, context.layout.name, context.sample_rate, shifts=shifts)


def made(blocks: Iterable[Audio], context: Any) -> Iterator[Any]:
    """Blocks as frames of the encoder's rate and layout, their pts counting samples."""
    for block in resampled(even(blocks), context.sample_rate, context.layout.name):
        yield soundgraph.to_native(block)


def sound(natives: Iterable[Any], stream: Any) -> Flow:
    """Frames of PyAV as packets of `stream`."""
    context = stream.codec_context
    framer = av.AudioResampler(context.format, context.layout, context.sample_rate, context.frame_size or None)
    framed = chain.from_iterable(map(framer.resample, chain(natives, [None])))
    last: int | None = None
    for packet in chain.from_iterable(map(stream.encode, chain(framed, [None]))):
        dts: int = packet.dts or 0
        last = dts if last is None else max(dts, last + 1)  # damaged sound may overlap itself
        packet.pts, packet.dts = max(packet.pts, last), last
        yield float(last * packet.time_base), packet


def _text(info: MediaInfo, track: Track, stream: Any, shifts: Sequence[Fraction]) -> Flow:
    """Cues in the other format; those that are damaged are left out."""
    with opened(info.path) as container:
        source: Any = container.streams[track.index]
        for packet in jumps.followed(packets_of(container, source, Damage()), shifts):
            try:
                cue = source.codec_context.decode2(packet) if packet.size else None
            except averror.FFmpegError:
                continue
            if cue is None or packet.pts is None:
                continue
            coded = stream.codec_context.encode_subtitle(cue)
            coded.stream, coded.time_base = stream, packet.time_base
            coded.pts = coded.dts = packet.pts
            coded.duration = packet.duration
            yield float(packet.pts * packet.time_base), coded


def interleave(out: OutputContainer, flows: Iterable[Flow]) -> Generator[float, None, None]:
    """Mux by time, so that the muxer holds little; gives back about every second of programme."""
    said = 0.0
    for time, packet in heapq.merge(*flows, key=lambda item: item[0]):
        out.mux(packet)
        if time >= said + 1:
            said = time
            yield time
