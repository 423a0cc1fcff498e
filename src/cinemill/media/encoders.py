"""Which encoder makes a codec here, chosen by trying it and not by its being listed.

NVENC is listed by every FFmpeg build and works on few machines; only a trial tells. Quality is one number, `crf`,
whose scale is the encoder's own: lower is better, and the defaults are close to visually lossless.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from threading import get_native_id
from typing import Any, Final, Literal

import av
from av import error as averror
from av.codec.context import Flags

from cinemill.errors import UnsupportedMedia
from cinemill.media import lavfi
from cinemill.media.formats import as_frames, is_rgb, nearest
from cinemill.media.native import SAME_VALUES
from cinemill.media.output import SPEEDS, Codec, VideoOutput, VideoSpec
from cinemill.media.types import Frame, Hdr
from cinemill.media.words import said

log = logging.getLogger(__name__)
# SVT-AV1 describes itself on stderr at length unless told not to; 1 leaves errors.
os.environ.setdefault("SVT_LOG", "1")

Options = Callable[[VideoOutput, Hdr | None, str], dict[str, str]]


@dataclass(frozen=True)
class Encoder:
    """An encoder by FFmpeg's name. `options` turns quality, speed and HDR metadata into its own words."""

    name: str
    codec: Codec
    vendor: Literal["nvidia", "intel", "amd", "apple", "software"]
    options: Options


def _x264(output: VideoOutput, hdr: Hdr | None, pix_fmt: str) -> dict[str, str]:
    private = "" if hdr is None else ":".join(_x26x_hdr(hdr, "mastering-display", "cll"))
    options = {"preset": output.speed} | ({"qp": "0"} if output.crf == 0 else {"crf": str(_crf(output, 18))})
    return options | ({"x264-params": private} if private else {})


def _x265(output: VideoOutput, hdr: Hdr | None, pix_fmt: str) -> dict[str, str]:
    private = ["log-level=error", *([] if hdr is None else _x26x_hdr(hdr, "master-display", "max-cll"))]
    private += ["lossless=1"] if output.crf == 0 else []
    return {"preset": output.speed, "crf": str(_crf(output, 20)), "x265-params": ":".join(private)}


def _x26x_hdr(hdr: Hdr, display: str, light: str) -> list[str]:
    parts: list[str] = []
    if hdr.display:
        # Both count chromaticities in 1/50000 and luminances in 1/10000 cd/m², in the order G, B, R, white.
        red, green, blue, white = [(round(x * 50_000), round(y * 50_000)) for x, y in hdr.display]
        points = zip("GBR", (green, blue, red))
        levels = (round(hdr.max_luminance * 10_000), round(hdr.min_luminance * 10_000))
        text = "".join(f"{name}({x},{y})" for name, (x, y) in points)
        parts.append(f"{display}={text}WP({white[0]},{white[1]})L({levels[0]},{levels[1]})")
    if hdr.max_cll is not None:
        parts.append(f"{light}={hdr.max_cll},{hdr.max_fall or 0}")
    return parts


def _svtav1(output: VideoOutput, hdr: Hdr | None, pix_fmt: str) -> dict[str, str]:
    preset = 12 - SPEEDS.index(output.speed)
    private: list[str] = []
    if hdr and hdr.display:
        red, green, blue, white = [f"({float(x):.4f},{float(y):.4f})" for x, y in hdr.display]
        levels = f"({float(hdr.max_luminance):.4f},{float(hdr.min_luminance):.4f})"
        private.append(f"mastering-display=G{green}B{blue}R{red}WP{white}L{levels}")
    if hdr and hdr.max_cll is not None:
        private.append(f"content-light={hdr.max_cll},{hdr.max_fall or 0}")
    options = {"preset": str(preset), "crf": str(_crf(output, 24))}
    return options | ({"svtav1-params": ":".join(private)} if private else {})


def _vp9(output: VideoOutput, hdr: Hdr | None, pix_fmt: str) -> dict[str, str]:
    effort = max(0, 6 - SPEEDS.index(output.speed))
    return {"crf": str(_crf(output, 24)), "cpu-used": str(effort), "deadline": "good", "row-mt": "1"}


def _ffv1(output: VideoOutput, hdr: Hdr | None, pix_fmt: str) -> dict[str, str]:
    # Version 3, intra only, a checksum per slice: what archives ask for (RFC 9043).
    return {"level": "3", "slices": "16", "slicecrc": "1", "g": "1"}


def _prores(output: VideoOutput, hdr: Hdr | None, pix_fmt: str) -> dict[str, str]:
    return {"profile": "4444" if "444" in pix_fmt else "hq", "vendor": "apl0"}


def _nvenc(output: VideoOutput, hdr: Hdr | None, pix_fmt: str) -> dict[str, str]:
    preset = 1 + SPEEDS.index(output.speed) * 6 // (len(SPEEDS) - 1)
    return {"preset": f"p{preset}", "rc": "vbr", "cq": str(_crf(output, 20)), "b": "0"}


def _qsv(output: VideoOutput, hdr: Hdr | None, pix_fmt: str) -> dict[str, str]:
    return {
        "preset": "veryfast" if output.speed.endswith("fast") else output.speed,
        "global_quality": str(_crf(output, 20)),
    }


def _amf(output: VideoOutput, hdr: Hdr | None, pix_fmt: str) -> dict[str, str]:
    quality = str(_crf(output, 20))
    return {"rc": "cqp", "qp_i": quality, "qp_p": quality, "quality": "quality"}


def _videotoolbox(output: VideoOutput, hdr: Hdr | None, pix_fmt: str) -> dict[str, str]:
    return {"q": str(max(1, 100 - 2 * _crf(output, 18)))}


def _crf(output: VideoOutput, otherwise: int) -> int:
    return otherwise if output.crf is None else output.crf


ENCODERS: Final = (
    *(Encoder(f"{codec}_nvenc", codec, "nvidia", _nvenc) for codec in ("h264", "hevc", "av1")),
    *(Encoder(f"{codec}_qsv", codec, "intel", _qsv) for codec in ("h264", "hevc", "av1", "vp9")),
    *(Encoder(f"{codec}_amf", codec, "amd", _amf) for codec in ("h264", "hevc", "av1")),
    *(Encoder(f"{codec}_videotoolbox", codec, "apple", _videotoolbox) for codec in ("h264", "hevc", "prores")),
    Encoder("libx264", "h264", "software", _x264),
    Encoder("libx265", "hevc", "software", _x265),
    Encoder("libsvtav1", "av1", "software", _svtav1),
    Encoder("libvpx-vp9", "vp9", "software", _vp9),
    Encoder("ffv1", "ffv1", "software", _ffv1),
    Encoder("prores_ks", "prores", "software", _prores),
)

_SOFTWARE: Final = {encoder.name for encoder in ENCODERS if encoder.vendor == "software"}
# Encoders that write into the bitstream how bright the mastering display was.
CARRIES_HDR: Final = {"libx264", "libx265", "libsvtav1"}
# OpenCV's number for AVX-512 F, CD, BW, DQ and VL, what x264 asks for; cv2 5 has no name for it.
_AVX512_SKX: Final = 256
_HDR_TRANSFERS: Final = {"smpte2084", "arib-std-b67", "unspecified"}
# Codecs whose pictures can say which field is earlier in time.
_CARRIES_FIELDS: Final = {"h264", "ffv1", "prores"}


def spec_for(
    output: VideoOutput, picture: Frame, rate: Fraction, hdr: Hdr | None, cores: int
) -> tuple[VideoSpec, list[str]]:
    """The encoding of pictures like `picture`, and notes for the user. Raises UnsupportedMedia if none works.

    `rate` is the expected frame rate (a hint for rate control), `cores` what automatic threads are taken from.
    """
    notes: list[str] = []
    refusals: list[str] = []
    threads = output.threads or _automatic_threads(cores)
    for encoder in _candidates(output):
        pix_fmt = storable(encoder.name, picture.format) if output.pix_fmt == "keep" else output.pix_fmt
        if pix_fmt is None:
            lacking = "cannot store " + picture.format if _taken(encoder.name) else "is not in this build of FFmpeg"
            refusals.append(f"{encoder.name} {lacking}")
            continue
        stored = next(lavfi.converted([picture], pix_fmt))
        light = hdr if stored.colour.transfer in _HDR_TRANSFERS else None
        options = encoder.options(output, light, pix_fmt)
        spec = VideoSpec(
            encoder=encoder.name,
            codec=encoder.codec,
            options=options,
            pix_fmt=pix_fmt,
            width=picture.width,
            height=picture.height,
            sar=picture.sar,
            time_base=picture.time_base,
            rate=rate,
            matrix=stored.colour.matrix,
            primaries=stored.colour.primaries,
            transfer=stored.colour.transfer,
            range=stored.colour.range,
            field_order=picture.field_order,
            threads=threads,
        )
        refusal = trial(spec)
        if refusal is None:
            if light and encoder.name not in CARRIES_HDR:
                notes.append(f"{encoder.name} writes no mastering-display and light-level data; only .mkv keeps them.")
            if picture.field_order != "progressive" and encoder.codec not in _CARRIES_FIELDS:
                notes.append(f"{encoder.codec} does not say that pictures are interlaced; players will show combing.")
            return spec, notes
        log.info("%s is not used: %s", encoder.name, refusal)
        refusals.append(f"{encoder.name}: {refusal}")
    raise UnsupportedMedia(
        f"{output.codec} cannot store {picture.width}x{picture.height} {picture.format} here: "
        f"{'; '.join(refusals)}. Choose another --codec, or name a --pix-fmt to accept the loss.",
        reason="; ".join(refusals),
    )


def _candidates(output: VideoOutput) -> list[Encoder]:
    if output.encoder == "auto":
        return [encoder for encoder in ENCODERS if encoder.codec == output.codec]
    named = next((encoder for encoder in ENCODERS if encoder.name == output.encoder), None)
    if named is None or named.codec != output.codec:
        fitting = ", ".join(encoder.name for encoder in ENCODERS if encoder.codec == output.codec)
        raise UnsupportedMedia(f"{output.encoder!r} does not make {output.codec}; these do: {fitting}.")
    return [named]


def _automatic_threads(cores: int) -> int:
    # x264's own rule; more than 16 costs quality in rate control and gains little.
    return max(1, min(16, cores * 3 // 2))


def storable(encoder: str, format: str) -> str | None:
    """A pixel format that holds every value of `format` and that `encoder` takes, in this or another memory layout.

    The same one if possible; None if there is none.
    """
    taken = _taken(encoder)
    # RGB in another layout is left out: hardware makes subsampled YUV of it.
    others = [SAME_VALUES[name] for name in taken if name in SAME_VALUES and not is_rgb(SAME_VALUES[name])]
    return nearest(format, as_frames([*taken, *others]))


def _taken(encoder: str) -> list[str]:
    try:
        return [format.name for format in av.Codec(encoder, "w").video_formats or []]
    except ValueError:
        return []


@lru_cache(maxsize=64)
def _trial(spec_json: str) -> str | None:
    spec = VideoSpec.model_validate_json(spec_json)
    tried = open_encoder if spec.encoder in _SOFTWARE else _two_pictures
    try:
        coded = tried(spec)
    except (averror.FFmpegError, ValueError, OSError) as error:
        return said(lambda: tried(spec), error)
    return None if coded else "it gave no picture back"


def _two_pictures(spec: VideoSpec) -> list[Any]:
    context = open_encoder(spec)
    coded: list[Any] = []
    for pts in range(2):
        native = av.VideoFrame(spec.width, spec.height, spec.pix_fmt)
        for plane in native.planes:
            plane.update(bytes(plane.buffer_size))
        native.pts, native.time_base = pts, spec.time_base
        coded += context.encode(native)
    return coded + context.encode(None)


def trial(spec: VideoSpec) -> str | None:
    """Encode two black pictures; one that needs no hardware is opened only. None when that works, else why not."""
    return _trial(spec.model_dump_json())


def open_encoder(spec: VideoSpec) -> Any:
    """A VideoCodecContext that takes pictures as `spec` says. Raises what PyAV raises where the encoder will not."""
    context: Any = av.CodecContext.create(spec.encoder, "w")
    configure(context, spec)
    with usual_priority():
        context.open(strict=False)
    return context


@contextmanager
def usual_priority() -> Generator[None]:
    """Keep an encoder that is opened within from raising itself above everything else on the machine.

    SVT-AV1, when run by root, makes its threads and the one that opens it real-time, and so all that they start.
    """
    before = _policies()
    mine = before.get(get_native_id())
    try:
        yield
    finally:
        for thread, policy in _policies().items():
            usual = before.get(thread, mine)
            if usual is not None and policy != usual:
                with suppress(ProcessLookupError):
                    os.sched_setscheduler(thread, usual, os.sched_param(0))


def _policies() -> dict[int, int]:
    """How each thread of this process is scheduled, where the system tells."""
    found: dict[int, int] = {}
    for path in Path("/proc/self/task").glob("*"):
        with suppress(ProcessLookupError):
            found[int(path.name)] = os.sched_getscheduler(int(path.name))
    return found


def _repeatable(spec: VideoSpec) -> dict[str, str]:
    """What makes an encoder give the same bits each time, on this machine; not in `spec`, which another may read.

    Where a row is not whole eights of macroblocks, x264's macroblock tree in AVX-512 reads past what was written.
    """
    if spec.encoder != "libx264" or -(-spec.width // 16) % 8 == 0:
        return {}
    import cv2

    private = [spec.options["x264-params"]] if "x264-params" in spec.options else []
    return {"x264-params": ":".join([*private, "asm=AVX2"])} if cv2.checkHardwareSupport(_AVX512_SKX) else {}


def configure(context: Any, spec: VideoSpec) -> None:
    """Put `spec` into an encoder's context, be it free-standing or a stream's. The only place that does."""
    # PyAV rearranges what a hardware encoder takes in another layout only: yuv420p as nv12.
    taken = _taken(spec.encoder)
    others = (name for name in taken if SAME_VALUES.get(name) == spec.pix_fmt)
    context.pix_fmt = next(others, spec.pix_fmt) if taken and spec.pix_fmt not in taken else spec.pix_fmt
    context.width, context.height = spec.width, spec.height
    context.time_base, context.framerate = spec.time_base, spec.rate
    context.sample_aspect_ratio = spec.sar
    context.colorspace, context.color_primaries, context.color_trc, context.color_range = spec.colour.codes()
    context.thread_count = spec.threads
    # PyAV's default, threads within a picture, makes x264 cut pictures into slices, which are slower and larger.
    context.thread_type = "AUTO"
    context.options = dict(spec.options) | _repeatable(spec)
    flags = int(Flags.frame_duration | Flags.global_header)
    if spec.field_order != "progressive":
        flags |= Flags.interlaced_dct | Flags.interlaced_me
        context.field_order = 2 if spec.field_order == "tff" else 3
    context.flags |= flags
