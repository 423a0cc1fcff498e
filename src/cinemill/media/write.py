"""Values -> files: `encode` makes a part, `assemble` joins parts with every other track of their source.

The only code that encodes and muxes. A file appears under its name only when it is whole.
"""

from __future__ import annotations

import errno
import heapq
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, Final

import av
from av import error as averror
from av.container import InputContainer, OutputContainer
from av.stream import AttachmentStream, Disposition

from cinemill.errors import DiskFull, MediaError, OutputRefused
from cinemill.media import jumps, lavfi, matroska, parts
from cinemill.media.clock import Even, rescale
from cinemill.media.encoders import CARRIES_HDR, configure, open_encoder
from cinemill.media.matroska import Facts
from cinemill.media.native import to_native
from cinemill.media.output import VideoSpec
from cinemill.media.read import Damage, audio_natives, clock_shifts, opened, packets
from cinemill.media.tracks import COVERS, Carry, is_cover, keeps_samples
from cinemill.media.types import AudioTrack, Frame, MediaInfo, Track, VideoTrack

# Tags that describe the file they came from and would be wrong in another.
_STALE_TAGS: Final = {
    "major_brand",
    "minor_version",
    "compatible_brands",
    "encoder",
    "ENCODER",
    "rotate",
    "BPS",
    "NUMBER_OF_FRAMES",
    "NUMBER_OF_BYTES",
    "DURATION",
}
# Bytes per channel and second would be wasted below this and heard above it (AAC and Opus, stereo).
_SOUND_BIT_RATE: Final = 96_000


# The layouts that Opus has, by number of channels (RFC 7845, family 1).
_OPUS_LAYOUTS: Final = ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1")


@contextmanager
def said_plainly(path: Path) -> Generator[None, None, None]:
    """Turn errors of writing `path` into ours: a full disk, a folder that may not be written to."""
    try:
        yield
    except (OSError, averror.FFmpegError) as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DiskFull(
                f"no room left for {path.name} on the disk of {path.parent}; what is finished is kept. "
                "Make room and run the same command again.",
                path=path,
            ) from None
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise OutputRefused(f"{path.parent} may not be written to.") from None
        raise MediaError(f"{path} cannot be written: {error}") from None


def durable(path: Path, target: Path) -> None:
    """Make `path` survive a power cut and give it its final name, replacing what has it."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
    path.replace(target)
    if os.name == "posix":
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def encode(frames: Iterable[Frame], spec: VideoSpec, path: Path, damage: Damage) -> Generator[int, None, None]:
    """Encode `frames` into the part `path`, giving back the number of pictures done as it goes.

    Closing the generator early leaves an incomplete file. Raises DiskFull.
    """
    context = open_encoder(spec)
    done = 0
    lengths: dict[int, int] = {}
    with said_plainly(path):
        writer = parts.PartWriter(path)
        try:
            for frame in _fitting(frames, spec):
                at, length = (rescale(n, frame.time_base, spec.time_base) for n in (frame.pts, frame.duration))
                lengths[at] = length
                for packet in context.encode(to_native(frame)):
                    writer.add(_coded(packet, lengths))
                done += 1
                yield done
            for packet in context.encode(None) if done else []:
                writer.add(_coded(packet, lengths))
            writer.close({"pictures": done, **damage.record()})
        finally:
            writer.abandon()


def _fitting(frames: Iterable[Frame], spec: VideoSpec) -> Iterator[Frame]:
    """Frames in the encoder's format that say of themselves what `spec` says of them."""
    stream = lavfi.converted(frames, spec.pix_fmt)
    first = next(stream, None)
    if first is None:
        return
    # Encoders read field order and pixel shape off each picture, and only these filters can set them.
    graph = [f"setsar={spec.sar}:max=65535"] if spec.sar != 1 else []
    if to_native(first).interlaced_frame != (spec.field_order != "progressive"):
        graph.append(f"setfield={_SETFIELD[spec.field_order]}")
    stream = chain([first], stream)
    yield from lavfi.run(stream, ",".join(graph), spec.field_order) if graph else stream


_SETFIELD: Final = {"progressive": "prog", "tff": "tff", "bff": "bff"}


def _coded(packet: Any, lengths: dict[int, int]) -> parts.Coded:
    # Not every encoder passes durations on.
    return parts.Coded(packet.pts, lengths.pop(packet.pts, 0), packet.is_keyframe, bytes(packet))


def assemble(
    pieces: Sequence[Path],
    spec: VideoSpec | None,
    info: MediaInfo,
    carried: Sequence[Carry],
    output: Path,
    format: str,
) -> Generator[float, None, None]:
    """Write `output`: the pictures of `pieces` and the carried tracks of `info`, in the source's order of tracks.

    Gives back seconds of programme written as it goes. `spec` None means that no picture is encoded; it may still be
    among the carried tracks. Where `info` has no picture, as for sound alone, the new one comes first. Raises
    DiskFull, and JobError when a piece turns out to be damaged.
    """
    options = {"avoid_negative_ts": "disabled"}  # pts are kept, not shifted
    if format in ("mp4", "mov"):
        # The place for tags of any name has no room for a cover.
        covered = any(is_cover(carry.track) and carry.how == "copy" for carry in carried)
        options["movflags"] = "+faststart" if covered else "+faststart+use_metadata_tags"
    plan = {carry.track.index: carry for carry in carried if carry.how != "leave"}
    if spec and info.video:
        plan[info.video.index] = Carry(info.video, "convert", spec.encoder)
    with said_plainly(output), opened(info.path) as source:
        facts = _facts(source, info, spec, plan) if format in matroska.FORMATS else {}
        out = av.open(f"file:{output}", "w", format=format, container_options=options)
        try:
            streams: dict[int, Any] = {}
            alone = _add_picture(out, spec) if spec and not info.video else None
            for index, carry in sorted(plan.items()):
                stream = _added(out, carry, spec, source.streams[index])
                _describe(stream, source.streams[index], carry)
                if index in facts:
                    stream.metadata["title"] = facts[index].placeholder
                streams[index] = stream
            _tag(out, info, source)
            out.start_encoding()
            flows = _flows(info, plan, streams, pieces, spec, facts)
            flows += [_pictures(pieces, spec, alone)] if alone else []
            yield from _interleave(out, map(_from_zero, flows) if format == "nut" else flows)
        finally:
            out.close()
        if facts:
            numbered = [index for index in streams if plan[index].how != "attach"]
            matroska.complete(output, {numbered.index(index): fact for index, fact in facts.items()})


def _add_picture(out: OutputContainer, spec: VideoSpec) -> Any:
    stream: Any = out.add_stream(spec.encoder, rate=spec.rate)
    configure(stream.codec_context, spec)
    stream.time_base = spec.time_base
    return stream


def _added(out: OutputContainer, carry: Carry, spec: VideoSpec | None, source: Any) -> Any:
    """A stream of `out` for a track, ready for its packets."""
    if carry.how == "attach" and isinstance(source, AttachmentStream):
        name = source.name or f"attachment-{source.index}"
        return out.add_attachment(name, source.mimetype or "application/octet-stream", source.data)
    if carry.how == "attach":
        return out.add_attachment(*COVERS[carry.track.codec], bytes(next(source.container.demux(source))))
    if carry.how == "copy":
        stream: Any = out.add_stream_from_template(source, opaque=True)
        if isinstance(carry.track, AudioTrack) and source.codec_context.layout.name != carry.track.layout:
            stream.codec_context.layout = carry.track.layout
        return stream
    assert carry.codec
    if isinstance(carry.track, AudioTrack):
        return _add_sound(out, carry.codec, carry.track, source.codec_context.format)
    if isinstance(carry.track, VideoTrack):
        assert spec
        return _add_picture(out, spec)
    stream = out.add_stream(carry.codec)
    source.codec_context.open(strict=False)  # what styles its cues may name is known from then on
    stream.codec_context.subtitle_header = source.codec_context.subtitle_header
    stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
    return stream


def _add_sound(out: OutputContainer, codec: str, track: AudioTrack, format: Any) -> Any:
    """A stream for the sound of `track`, whose decoder gives samples of `format`, with as little lost as can be."""
    encoder = av.Codec(codec, "w")
    rates = [48_000] if codec == "libopus" else encoder.audio_rates or [track.sample_rate]
    rate = min(rates, key=lambda offered: (offered < track.sample_rate, abs(offered - track.sample_rate)))
    stream: Any = out.add_stream(codec, rate=rate)
    layout = _OPUS_LAYOUTS[min(track.channels, 8) - 1] if codec == "libopus" else track.layout
    stream.codec_context.layout = "stereo" if codec == "libmp3lame" and track.channels > 2 else layout
    stream.codec_context.time_base = stream.time_base = Fraction(1, rate)
    deep = format is not None and format.bits > 16 and keeps_samples(track.codec)
    integers = (f.name for f in encoder.audio_formats or [] if f.name.rstrip("p") == ("s32" if deep else "s16"))
    stream.codec_context.format = next(integers, stream.codec_context.format.name)
    if codec in ("aac", "libopus"):
        stream.codec_context.bit_rate = _SOUND_BIT_RATE * max(1, track.channels)
    return stream


def _describe(stream: Any, source: Any, carry: Carry) -> None:
    """Give `stream` the names, language and flags of its source."""
    titled = {"title": carry.track.title} if carry.track.title and carry.how != "attach" else {}
    stream.metadata.update({k: v for k, v in source.metadata.items() if not _is_stale(k, carry)} | titled)
    stream.disposition = source.disposition


def _is_stale(key: str, carry: Carry) -> bool:
    """Counts of a track that is made anew, and what the muxer writes itself."""
    counts = key.startswith("_STATISTICS") or key.split("-")[0] in _STALE_TAGS
    return key in ("encoder", "ENCODER", "rotate", "name") or (counts and carry.how == "convert")


def _facts(source: InputContainer, info: MediaInfo, spec: VideoSpec | None, plan: dict[int, Carry]) -> dict[int, Facts]:
    """What Matroska should say of each track beyond what PyAV tells the muxer."""
    facts: dict[int, Facts] = {}
    for index, carry in plan.items():
        stream: Any = source.streams[index]
        title = carry.track.title or ""
        if isinstance(carry.track, VideoTrack) and carry.how == "convert" and spec:
            dar = spec.sar * spec.width / spec.height if spec.sar != 1 else None
            told = spec.encoder in CARRIES_HDR or spec.transfer != carry.track.colour.transfer
            facts[index] = Facts(title, dar, None if told else carry.track.hdr)
        elif isinstance(carry.track, VideoTrack) and (sar := stream.sample_aspect_ratio or 1) != 1:
            facts[index] = Facts(title, sar * stream.width / stream.height)
        elif isinstance(carry.track, AudioTrack) and carry.how == "copy" and "mp4" in info.format:
            facts[index] = Facts(title, delay=_lead_in(info, stream))
    return {index: fact for index, fact in facts.items() if fact}


def _lead_in(info: MediaInfo, stream: Any) -> Fraction:
    """Seconds of sound before zero that only warm the decoder up. Opus says so itself."""
    if stream.codec_context.name == "opus":
        return Fraction(0)
    with opened(info.path) as container:
        first: Any = next(iter(container.demux(container.streams[stream.index])))
        return max(Fraction(0), -(first.pts or 0) * first.time_base)


def _tag(out: OutputContainer, info: MediaInfo, source: Any) -> None:
    out.metadata.update({key: value for key, value in info.metadata.items() if key not in _STALE_TAGS})
    if info.chapters:
        out.set_chapters(source.chapters())


# A flow is one stream's packets in time order: (seconds of its dts, packet).
Flow = Iterator[tuple[float, Any]]


def _pictures(pieces: Sequence[Path], spec: VideoSpec | None, stream: Any) -> Flow:
    """The pictures of all parts, decoded in one order on one clock: an encoder's dts hold only within its part."""
    assert spec
    due = _due([parts.times(piece) for piece in pieces], max(1, round(1 / (spec.rate * spec.time_base))))
    for picture, dts in zip(chain.from_iterable(map(parts.packets, pieces)), due):
        packet = av.Packet(picture.data)
        packet.stream, packet.time_base = stream, spec.time_base
        packet.pts, packet.dts, packet.duration = picture.pts, dts, picture.duration
        packet.is_keyframe = picture.keyframe
        yield float(dts * spec.time_base), packet


def _copied_pictures(info: MediaInfo, track: Track, stream: Any, shifts: Sequence[Fraction]) -> Flow:
    """The packets of a video track with dts of their own: Matroska stores none, and what is guessed may be missing."""
    coded = [packet.pts for packet in packets(info, track, shifts)]
    step = track.step if isinstance(track, VideoTrack) else 1
    for packet, dts in zip(packets(info, track, shifts), _due([coded], step)):
        packet.stream, packet.dts = stream, dts
        yield float(dts * packet.time_base), packet


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


def _flows(
    info: MediaInfo,
    plan: dict[int, Carry],
    streams: dict[int, Any],
    pieces: Sequence[Path],
    spec: VideoSpec | None,
    facts: dict[int, Facts],
) -> list[Flow]:
    """A flow for each track made anew, and one for all that are copied."""
    shifts = clock_shifts(info)
    flows: list[Flow] = []
    for index, carry in plan.items():
        if carry.how != "convert":
            continue
        if isinstance(carry.track, VideoTrack):
            flows.append(_pictures(pieces, spec, streams[index]))
        elif isinstance(carry.track, AudioTrack):
            flows.append(_sound(info, carry.track, streams[index], shifts))
        else:
            flows.append(_text(info, carry.track, streams[index], shifts))
    copies = {index: carry.track for index, carry in plan.items() if carry.how == "copy"}
    films = {index for index, track in copies.items() if track.kind == "video" and not is_cover(track)}
    flows += [_copied_pictures(info, copies[index], streams[index], shifts) for index in films]
    copied = {index: streams[index] for index in copies if index not in films}
    delays = {index: fact.delay for index, fact in facts.items() if fact.delay}
    return [*flows, _copied(info, copied, shifts, delays)] if copied else flows


def _copied(info: MediaInfo, streams: dict[int, Any], shifts: Sequence[Fraction], delays: dict[int, Fraction]) -> Flow:
    """Packets of the copied tracks as the file interleaves them; a read error ends them."""
    last: dict[int, int] = {}
    with opened(info.path) as container:
        evens = {index: _evened(container.streams[index]) for index in streams}
        try:
            for packet in jumps.followed(container.demux([container.streams[i] for i in streams]), shifts):
                if packet.stream.disposition & Disposition.attached_pic:
                    packet.pts = packet.dts = 0  # a cover has no time
                if not packet.size or packet.dts is None or packet.pts is None:
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


def _from_zero(flow: Flow) -> Flow:
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


def _sound(info: MediaInfo, track: AudioTrack, stream: Any, shifts: Sequence[Fraction]) -> Flow:
    context = stream.codec_context
    natives = audio_natives(info, track, context.format.name, context.layout.name, context.sample_rate, shifts=shifts)
    framer = av.AudioResampler(context.format, context.layout, context.sample_rate, context.frame_size or None)
    framed = chain.from_iterable(map(framer.resample, chain(natives, [None])))
    last: int | None = None
    for packet in chain.from_iterable(map(stream.encode, chain(framed, [None]))):
        dts: int = packet.dts or 0
        last = dts if last is None else max(dts, last + 1)  # damaged sound may overlap itself
        packet.pts, packet.dts = max(packet.pts, last), last
        yield float(last * packet.time_base), packet


def _text(info: MediaInfo, track: Track, stream: Any, shifts: Sequence[Fraction]) -> Flow:
    with opened(info.path) as container:
        source: Any = container.streams[track.index]
        for packet in jumps.followed(container.demux(source), shifts):
            cue = source.codec_context.decode2(packet) if packet.size else None
            if cue is None or packet.pts is None:
                continue
            coded = stream.codec_context.encode_subtitle(cue)
            coded.stream, coded.time_base = stream, packet.time_base
            coded.pts = coded.dts = packet.pts
            coded.duration = packet.duration
            yield float(packet.pts * packet.time_base), coded


def _interleave(out: OutputContainer, flows: Iterable[Flow]) -> Generator[float, None, None]:
    """Mux by time, so that the muxer holds little; gives back about every second of programme."""
    said = 0.0
    for time, packet in heapq.merge(*flows, key=lambda item: item[0]):
        out.mux(packet)
        if time >= said + 1:
            said = time
            yield time
