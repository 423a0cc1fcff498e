"""Values -> files: `encode` makes a part, `assemble` joins parts with every other track of their source.

The only code that encodes and muxes. A file appears under its name only when it is whole.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
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
from cinemill.media import lavfi, matroska, parts, program
from cinemill.media.clock import rescale
from cinemill.media.demux import Damage, opened
from cinemill.media.encoders import CARRIES_HDR, configure, open_encoder, usual_priority
from cinemill.media.interleave import Text, flows, from_zero, interleave, made, pictures, sound, texts
from cinemill.media.matroska import Facts
from cinemill.media.native import to_native
from cinemill.media.output import VideoSpec
from cinemill.media.tracks import COVERS, TEXT_CODECS, Carry, is_cover, keeps_samples, sound_encoder
from cinemill.media.types import Audio, AudioTrack, Frame, MediaInfo, VideoTrack

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
    """Make a file, or a folder of files, survive a power cut and give it its final name, replacing a file there."""
    for each in (file for file in path.rglob("*") if file.is_file()) if path.is_dir() else (path,):
        with each.open("rb") as file:
            os.fsync(file.fileno())
    path.replace(target)
    if os.name == "posix":
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def encode(
    frames: Iterable[Frame], spec: VideoSpec, path: Path, damage: Damage, *, remarks: Sequence[str] = ()
) -> Generator[int, None, None]:
    """Encode `frames` into the part `path`, giving back the number of pictures done as it goes.

    `damage` and `remarks`, which may grow meanwhile, are noted in the part. Closing the generator early leaves an
    incomplete file. Raises DiskFull.
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
                native = to_native(frame)
                native.pict_type = 0  # what it was coded as, by a decoder or a pipe, is no wish for what it becomes
                for packet in context.encode(native):
                    writer.add(_coded(packet, lengths))
                done += 1
                yield done
            for packet in context.encode(None) if done else []:
                writer.add(_coded(packet, lengths))
            writer.close({"pictures": done, **damage.record(), "remarks": [*remarks]})
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
    sounds: Mapping[int, Iterable[Audio]] | None = None,
    text: Text | None = None,
    begins: Sequence[int] = (),
) -> Generator[float, None, None]:
    """Write `output`: the pictures of `pieces` and the carried tracks of `info`, in the source's order of tracks.

    Gives back seconds of programme written as it goes. `spec` None means that no picture is encoded; it may still be
    among the carried tracks. `sounds`: what is encoded in place of a converted track's own, by its index. Where `info`
    has no picture, as for sound alone, the new one comes first, the times of each piece later by its number of `begins`
    if given; a `text` comes last. Raises DiskFull, and JobError when a piece turns out to be damaged.
    """
    options = {"avoid_negative_ts": "disabled"}  # pts are kept, not shifted
    if format == "wav":
        options |= _LONG
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
            written = _add_text(out, text, format) if text else None
            _tag(out, info, source)
            with usual_priority():
                out.start_encoding()
            all_tracks = flows(info, plan, streams, pieces, spec, facts, sounds or {})
            all_tracks += [texts(text, written)] if text else []
            all_tracks += [pictures(pieces, spec, alone, begins)] if alone else []
            yield from interleave(out, map(from_zero, all_tracks) if format == "nut" else all_tracks)
        finally:
            out.close()
        if facts:
            numbered = [-1] * (alone is not None) + [index for index in streams if plan[index].how != "attach"]
            matroska.complete(output, {numbered.index(index): fact for index, fact in facts.items()})


_LONG: Final = {"rf64": "auto"}
"""What lets a WAV be longer than 4 GB (EBU Tech 3306); a shorter one is a WAV like all others."""


def encode_sound(
    blocks: Iterable[Audio],
    output: Path,
    format: str,
    *,
    codec: str | None = None,
    bits: int = 16,
    title: str = "",
    language: str = "",
) -> Generator[float, None, None]:
    """Write `output`, a file of nothing but this sound, giving back seconds that are done. All blocks have one layout.

    `codec`: the encoder, instead of the container's own that loses nothing; `bits`: 16 or 24 of a sample where it
    loses nothing. Raises DiskFull.
    """
    stream = iter(blocks)
    first = next(stream, None)
    if first is None:
        return
    codec = codec or sound_encoder("pcm_s24le" if bits > 16 else "pcm_s16le", format)
    codec = {"pcm_s24le": "pcm_s16le"}.get(codec, codec) if bits <= 16 else codec
    kept = "pcm_s24le" if bits > 16 else "pcm_s16le"
    track = AudioTrack(0, "audio", kept, Fraction(1, first.sample_rate), **_kind(first))
    options = _LONG if format == "wav" else {}
    with said_plainly(output), av.open(f"file:{output}", "w", format=format, container_options=options) as out:
        added = _add_sound(out, codec, track, av.AudioFormat("s32" if bits > 16 else "s16"))
        added.metadata.update({"title": title} if title else {})
        added.metadata.update({"language": language} if language else {})
        out.start_encoding()
        yield from interleave(out, [sound(made(chain([first], stream), added.codec_context), added)])


def _kind(block: Audio) -> dict[str, Any]:
    return {"sample_rate": block.sample_rate, "channels": len(block.samples), "layout": block.layout}


def headers(path: Path) -> tuple[bytes, ...]:
    """What decoders must know before the first packet of each track: files that agree in it can be joined."""
    with opened(path) as container:
        return tuple(
            bytes(stream.codec_context.extradata or b"") for stream in container.streams if stream.codec_context
        )


def concatenated(paths: Sequence[Path], output: Path, format: str) -> None:
    """Write the packets of files that are stored alike one after another. Raises EngineCrashed, DiskFull."""
    lines = [f"file 'file:{str(path.resolve()).replace(chr(39), _QUOTE)}'" for path in paths]
    listed = output.with_name(f"{output.name}.list.tmp")
    with said_plainly(output):
        listed.write_text("ffconcat version 1.0\n" + "\n".join(lines) + "\n", "utf-8")
        try:
            copied = ["-map", "0", "-c", "copy", "-movflags", "+faststart", "-f", format]
            program.output_of(["-f", "concat", "-safe", "0", "-i", str(listed), *copied, "-y", f"file:{output}"])
        finally:
            listed.unlink(missing_ok=True)


_QUOTE: Final = "'\\''"


def _add_picture(out: OutputContainer, spec: VideoSpec) -> Any:
    stream: Any = out.add_stream(spec.encoder, rate=spec.rate)
    configure(stream.codec_context, spec)
    stream.time_base = spec.time_base
    return stream


def _add_text(out: OutputContainer, text: Text, format: str) -> Any:
    """A stream for subtitles that no source has."""
    stream: Any = out.add_stream(TEXT_CODECS[format])
    stream.codec_context.subtitle_header = _NO_STYLES
    stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
    stream.metadata.update({key: value for key, value in (("language", text.language), ("title", text.title)) if value})
    stream.disposition = Disposition.default if text.is_default else Disposition(0)
    return stream


_NO_STYLES: Final = (
    b"[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize, PrimaryColour, "
    b"SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, "
    b"BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding\nStyle: Default,Arial,16,&Hffffff,"
    b"&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,0\n\n[Events]\nFormat: Layer, Start, End, Style, Name, "
    b"MarginL, MarginR, MarginV, Effect, Text\n"
)
"""What an encoder of subtitles has to know of styles: FFmpeg's own."""


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
