"""Another container or codec, a smaller picture, a stretch, a size in megabytes: encoding anew only what must be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import model_validator

from cinemill.catalogue import Field
from cinemill.errors import InvalidParams, UnsupportedMedia
from cinemill.filters import Chain
from cinemill.media.output import VideoOutput
from cinemill.operations import Chunk, Request, operation
from cinemill.operations.video import VideoDecided, VideoOperation, probed

if TYPE_CHECKING:
    from cinemill.media.types import MediaInfo

ANIMATIONS = {".gif": "gif", ".webp": "webp", ".avif": "avif"}
"""Pictures that move, by suffix, with FFmpeg's name."""
_SOUND_BITS = 128_000
"""A second, of the sound of a file of a given size."""
_OVERHEAD = 0.98
"""Share of a file that is not the container's."""


class Convert(VideoOutput):
    picture: Literal["auto", "copy", "encode"] = "auto"
    """copy keeps the picture bit for bit; encode makes it anew; auto copies unless the container cannot hold it, or
    something about the encoding was asked for."""
    height: int | None = Field(None, ge=16, le=8192, unit="px")
    """At most so many lines; a lower picture stays as it is."""
    start: float | None = Field(None, ge=0, unit="s")
    """Where to begin. With picture=copy the cut falls on the keyframe before, else it is exact."""
    end: float | None = Field(None, gt=0, unit="s")
    """Where to stop."""
    size_mb: float | None = Field(None, gt=0, le=1_000_000, unit="MB")
    """How large the file may be; the picture gets what the sound leaves, in two passes, as H.264."""
    fps: float = Field(15.0, gt=0, le=60)
    """Pictures a second at most, of GIF, WebP and AVIF."""

    @model_validator(mode="after")
    def _ordered(self) -> Convert:
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise ValueError("end must come after start")
        return self


class ConvertDecided(VideoDecided):
    """What FFmpeg is told, in order of passes, where it does the work; without input and output."""

    passes: tuple[tuple[str, ...], ...] = ()


@operation
class ConvertOperation(VideoOperation[Convert]):
    """Put a video into another container or codec; what need not change is copied. Cuts, fits into a size, animates.

    Presets: web, phone, archive, prores. An output in .gif, .webp or .avif is a picture that moves.
    """

    name = "convert"
    topic = "Films"
    params = Convert
    decided = ConvertDecided
    example = "cinemill convert film.mkv -o film.mp4"

    def chain(self, params: Convert, info: MediaInfo) -> tuple[Chain, list[str]]:
        from cinemill.filters import text

        assert info.video
        smaller = params.height is not None and info.video.height > params.height
        return (Chain((text.step("scale", {"height": params.height}),)) if smaller else Chain()), []

    def copies(self, params: Convert, info: MediaInfo, format: str) -> bool:
        if params.picture == "encode":
            return False
        from cinemill.media import tracks

        assert info.video
        fates = {carry.track.index: carry.how for carry in tracks.carries(info, format, picture=True)}
        possible = fates[info.video.index] == "copy"
        if params.picture == "copy" and not possible:
            raise UnsupportedMedia(f"{format} cannot hold {info.video.codec}; use --picture encode, or an .mkv output.")
        default = VideoOutput()
        asked = any(getattr(params, name) != getattr(default, name) for name in VideoOutput.model_fields)
        smaller = params.height is not None and info.video.height > params.height
        return possible and (params.picture == "copy" or not (asked or smaller))

    def decide(self, request: Request[Convert]) -> VideoDecided:
        from cinemill.media import read

        assert request.output
        params = request.params
        animated = request.output.suffix.lower() in ANIMATIONS
        if not animated and params.start is None and params.end is None and params.size_mb is None:
            return super().decide(request)
        info = probed(request.inputs[0])
        read.picture_of(info)
        passes, notes, format = _told(request, info, animated)
        return ConvertDecided(notes=tuple(notes), format=format, passes=tuple(map(tuple, passes)))

    def steps(self, decided: VideoDecided) -> tuple[str, ...]:
        passes = decided.passes if isinstance(decided, ConvertDecided) else ()
        return tuple("ffmpeg " + " ".join(each) for each in passes) or super().steps(decided)

    def join(
        self, request: Request[Convert], decided: VideoDecided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        if not isinstance(decided, ConvertDecided) or not decided.passes:
            yield from super().join(request, decided, parts, output)
            return
        from cinemill.media import program

        assert output
        log = str(output.with_name("passes"))
        source = f"file:{request.inputs[0].resolve()}"
        for number, each in enumerate(decided.passes, 1):
            last = number == len(decided.passes)
            target = ["-f", decided.format, f"file:{output}"] if last else ["-an", "-f", "null", "-"]
            words = [source if word == _SOURCE else log if word == _LOG else word for word in each]
            program.output_of([*words, "-y", *target])
            yield number / len(decided.passes)
        for left in output.parent.glob("passes*"):
            left.unlink(missing_ok=True)

    def cut(self, request: Request[Convert], decided: VideoDecided, seconds: float) -> list[Chunk]:
        made = isinstance(decided, ConvertDecided) and bool(decided.passes)
        return [] if made else super().cut(request, decided, seconds)


_SOURCE, _LOG = "SOURCE", "LOG"


def _told(request: Request[Convert], info: MediaInfo, animated: bool) -> tuple[list[list[str]], list[str], str]:
    """What FFmpeg is told for each pass, notes, and the container. Raises InvalidParams, OutputRefused."""
    from cinemill.media import tracks

    params, output = request.params, request.output
    assert output
    length = float(info.duration or 0)
    start, end = params.start or 0.0, min(params.end or length or 1e9, length or 1e9)
    if start >= end:
        raise InvalidParams(f"{info.path.name} lasts {length:.3f} s; nothing is left of it from {start:g} s on.")
    cut = ["-ss", f"{start:.6f}"] if start else []
    stop = ["-t", f"{end - start:.6f}"] if params.end is not None else []
    if animated:
        return [[*cut, "-i", _SOURCE, *stop, *_animation(params, info, output)]], [], ANIMATIONS[output.suffix.lower()]
    format = tracks.container_of(output)
    faststart = ["-movflags", "+faststart"] if format in ("mp4", "mov") else []
    kept = ["-map", "0:V:0", "-map", "0:a?", "-map_metadata", "0"]
    if params.picture == "copy" and params.size_mb is None:
        note = "cut at the keyframe before, and everything is copied bit for bit."
        copied = ["-c", "copy", "-avoid_negative_ts", "make_zero", *faststart]
        return [[*cut, "-i", _SOURCE, *stop, *kept, *copied]], [note], format
    shape = _shape(params, info)
    sound = ["-c:a", "libopus" if format == "webm" else "aac"]
    common = [*cut, "-i", _SOURCE, *stop, *kept, *shape, "-fps_mode", "passthrough"]
    if params.size_mb is None:
        return [[*common, *_encoding(params, info), *sound, *faststart]], ["cut exactly, and encoded anew."], format
    bits = params.size_mb * 8e6 * _OVERHEAD / (end - start)
    heard = min(_SOUND_BITS, bits / 4) if info.of_kind("audio") else 0
    if bits - heard < 20_000:
        raise InvalidParams(f"{params.size_mb:g} MB are too little for {end - start:.0f} s.")
    rate = ["-c:v", "libx264", "-preset", params.speed, "-pix_fmt", "yuv420p", "-b:v", str(int(bits - heard))]
    passes = [[*common, *rate, "-pass", number, "-passlogfile", _LOG] for number in "12"]
    told = f"{(bits - heard) / 1000:.0f} kbit/s for the picture, {heard / 1000:.0f} for the sound."
    return [passes[0], [*passes[1], *sound, "-b:a", str(int(heard)), *faststart]], [told], format


def _shape(params: Convert, info: MediaInfo) -> list[str]:
    assert info.video
    smaller = params.height is not None and info.video.height > params.height
    return ["-vf", f"scale=-2:{params.height}:flags=lanczos"] if smaller else []


def _encoding(params: Convert, info: MediaInfo) -> list[str]:
    """The encoder that this machine has for the codec, in FFmpeg's words."""
    from itertools import islice

    from cinemill.hardware import cores
    from cinemill.media import encoders, read

    assert info.video
    (picture,) = islice(read.frames(info), 1)
    spec, _ = encoders.spec_for(params, picture, info.video.frame_rate, info.video.hdr, cores())
    options = [word for key, value in spec.options.items() for word in (f"-{key}", value)]
    return ["-c:v", spec.encoder, *options, "-pix_fmt", spec.pix_fmt]


def _animation(params: Convert, info: MediaInfo, output: Path) -> list[str]:
    """A picture that moves: in 256 colours that are chosen for it, or as WebP or AVIF."""
    assert info.video
    rate = min(params.fps, float(info.video.frame_rate))
    lines = min(params.height or 360, info.video.height)
    graph = f"fps={rate:g},scale=-2:{lines // 2 * 2}:flags=lanczos"
    crf = params.crf
    suffix = output.suffix.lower()
    if suffix == ".gif":
        graph += ",split[a][b];[a]palettegen=stats_mode=diff[p];[b][p]paletteuse=dither=bayer:bayer_scale=4"
        return ["-filter_complex", graph, "-an", "-loop", "0"]
    if suffix == ".webp":
        quality = 75 if crf is None else max(1, 100 - round(crf * 100 / 63))
        return ["-vf", graph, "-an", "-c:v", "libwebp_anim", "-quality", str(quality), "-loop", "0"]
    return ["-vf", f"{graph},format=yuv420p", "-an", "-c:v", "libsvtav1", "-crf", str(crf or 35), "-preset", "8"]
