"""Clips with a known truth, each made by the FFmpeg program in a fraction of a second.

`MAKERS` names them: a suffix and what to tell FFmpeg, or a function for those that take several steps. Pictures are
small (96x64 unless the name says otherwise) and few, so that a test may read every one of them.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np

from cinemill.media import encoders, read, tracks, write
from cinemill.media.output import VideoOutput
from cinemill.media.program import ffmpeg
from cinemill.media.read import Damage
from cinemill.media.types import Frame, MediaInfo


def run(*arguments: object, folder: Path | None = None) -> str:
    """Run the FFmpeg program; its standard output."""
    command = [ffmpeg(), "-nostdin", "-v", "error", "-y", *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr.decode()}"
    return done.stdout.decode()


@dataclass(frozen=True)
class Truth:
    """One picture as the FFmpeg program decodes it: `pts` and `duration` in `time_base`, MD5 of its tight planes."""

    pts: int
    duration: int
    md5: str


def truth(path: Path, *options: str) -> tuple[list[Truth], Fraction]:
    """Every picture of `path` upright, and the clock they are counted on. `options` go before the input."""
    passed = ["-map", "0:V:0", "-copyts", "-fps_mode", "passthrough", "-enc_time_base", "demux"]
    lines = run(*options, "-i", path, *passed, "-f", "framemd5", "-").splitlines()
    clock = next(line.split()[-1] for line in lines if line.startswith("#tb 0:"))
    rows = [[field.strip() for field in line.split(",")] for line in lines if line[0] != "#"]
    return [Truth(int(row[2]), int(row[3]), row[5]) for row in rows], Fraction(clock)


Maker = Callable[[Path], object]


def _source(frames: int = 40, rate: str = "25", size: str = "96x64") -> list[str]:
    return ["-f", "lavfi", "-i", f"testsrc2=s={size}:r={rate},trim=end_frame={frames}"]


def _tone(seconds: float, frequency: int = 440) -> list[str]:
    return ["-f", "lavfi", "-i", f"sine=f={frequency}:r=48000:d={seconds}"]


def _encoded(*arguments: object, frames: int = 40, rate: str = "25", size: str = "96x64") -> Maker:
    return lambda path: run(*_source(frames, rate, size), *arguments, path)


def _x264(params: str = "", crf: int = 20) -> list[str]:
    joined = ":".join(filter(None, ["scenecut=0:bframes=3:b-pyramid=normal", params]))
    return ["-c:v", "libx264", "-preset", "veryfast", "-crf", str(crf), "-x264-params", joined, "-threads", "1"]


_B = _x264("keyint=12:min-keyint=12")
_OPEN = _x264("keyint=10:min-keyint=10:open-gop=1")
_VFR = "settb=1/90000,setpts='(N*40+5*mod(N*N\\,7)+if(gt(N\\,20)\\,700\\,0))/1000/TB'"
_PASS = ["-fps_mode", "passthrough"]


def _interlaced(order: str, *codec: str) -> Maker:
    weave = "interleave_top" if order == "tff" else "interleave_bottom"
    graph = f"tinterlace={weave},setfield={order}"
    return lambda path: run(*_source(40, "50"), "-vf", graph, *codec, "-flags", "+ildct+ilme", "-threads", "1", path)


def _mixed(path: Path) -> None:
    """Film, then bottom-field-first video, in one MPEG-2 stream."""
    pieces = [path.with_name(f"{number}-{path.name}") for number in range(2)]
    codec = ["-c:v", "mpeg2video", "-q:v", "3", "-threads", "1"]
    run(*_source(20), *codec, pieces[0])
    weave = "tinterlace=interleave_bottom,setfield=bff"
    run(*_source(40, "50"), "-vf", weave, *codec, "-flags", "+ildct+ilme", "-output_ts_offset", 0.8, pieces[1])
    path.write_bytes(b"".join(piece.read_bytes() for piece in pieces))


def _oriented(rotation: int, *flips: str) -> Maker:
    """A quarter turn and flips in the display matrix; testsrc2 has no symmetry, so all eight look different."""

    def make(path: Path) -> None:
        plain = path.with_name(f"plain-{path.name}")
        run(*_source(6), *_B, plain)
        flags = [f"-display_{flip}" for flip in flips]
        run("-display_rotation", rotation, *flags, "-i", plain, "-c", "copy", path)

    return make


def _covered(path: Path) -> None:
    cover = path.with_suffix(".png")
    run("-f", "lavfi", "-i", "color=red:s=300x300", "-frames:v", 1, cover)
    inputs = ["-i", cover, *_source(12)]
    if path.suffix == ".mkv":
        run(*_source(12), *_B, "-attach", cover, "-metadata:s:t", "mimetype=image/png", path)
    else:
        run(
            *inputs,
            "-map",
            0,
            "-map",
            1,
            "-c:v:0",
            "png",
            "-disposition:v:0",
            "attached_pic",
            "-c:v:1",
            "libx264",
            path,
        )


def _headless(*muxer: str) -> Maker:
    """Written to a pipe, so that the muxer cannot go back and put the duration into the header."""

    def make(path: Path) -> None:
        command = [ffmpeg(), "-v", "error", *_source(), *_B, *muxer, "-"]
        path.write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)

    return make


def _trimmed(path: Path) -> None:
    """Cut inside a group of pictures without coding it anew: an edit list hides what comes before the cut."""
    whole = path.with_name(f"whole-{path.name}")
    run(*_source(), *_tone(1.6), *_B, "-c:a", "aac", whole)
    run("-ss", 0.6, "-i", whole, "-c", "copy", path)


HDR_PARAMS = (
    "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:range=limited:hdr10=1:repeat-headers=1:"
    "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50):max-cll=1000,400"
)


def _pq(path: Path) -> None:
    """Every limited-range code value of 10 bits in luma, and ramps in chroma, coded without loss in HEVC."""
    ramp = "geq=lum='64+mod(X+Y*128+N*37\\,877)':cb='64+mod(X*7+N\\,897)':cr='64+mod(Y*13+N\\,897)'"
    tags = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc:range=tv"
    picture = f"color=black:s=128x64:r=25,format=yuv420p10le,{ramp},{tags},trim=end_frame=5"
    params = f"lossless=1:log-level=error:{HDR_PARAMS}"
    run("-f", "lavfi", "-i", picture, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", params, path)


_ASS = """[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Loud,Arial,40,&H00FFFFFF,&H000000FF,&H00000000,&H00000000,-1,0,0,0,100,100,0,0,1,2,0,2,10,10,10,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:00.20,0:00:00.80,Loud,,0,0,0,,{\\i1}Hello{\\i0} there
Dialogue: 0,0:00:01.00,0:00:01.40,Loud,,0,0,0,,Good bye
"""
_SRT = "1\n00:00:00,200 --> 00:00:00,800\nBonjour\n\n2\n00:00:01,000 --> 00:00:01,400\nAu <i>revoir</i>\n"
_CHAPTERS = ";FFMETADATA1\ntitle=All tracks\n" + "".join(
    f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND={end}\ntitle={title}\n"
    for start, end, title in ((0, 700, "Opening"), (700, 1600, "The rest"))
)


def _tracks(path: Path) -> None:
    """Three audio tracks (the second is the default), ASS and SRT subtitles, chapters and a font."""
    folder = path.parent
    (folder / "a.ass").write_text(_ASS)
    (folder / "b.srt").write_text(_SRT)
    (folder / "chapters.txt").write_text(_CHAPTERS)
    (folder / "Loud.ttf").write_bytes(bytes(range(256)) * 8)
    inputs = [*_source(), *_tone(1.6, 300), *_tone(1.6, 500), *_tone(1.6, 700)]
    inputs += ["-i", "a.ass", "-i", "b.srt", "-i", "chapters.txt"]
    maps = [argument for place in range(6) for argument in ("-map", f"{place}:0")]
    tags = {
        "v:0": {"title": "Picture", "language": "und"},
        "a:0": {"language": "eng", "title": "English"},
        "a:1": {"language": "fra", "title": "Français"},
        "a:2": {"language": "eng", "title": "Commentary"},
        "s:0": {"language": "eng", "title": "Styled"},
        "s:1": {"language": "fra", "title": "Plain"},
    }
    named = [a for place, pairs in tags.items() for key, value in pairs.items()
             for a in (f"-metadata:s:{place}", f"{key}={value}")]  # fmt: skip
    flags = {"v:0": "default", "a:0": "0", "a:1": "default", "a:2": "comment", "s:0": "0", "s:1": "default+forced"}
    disposed = [a for place, flag in flags.items() for a in (f"-disposition:{place}", flag)]
    run(
        *inputs, *maps, "-map_metadata", "6", *_B, "-c:a:0", "aac", "-c:a:1", "flac", "-c:a:2", "libmp3lame",
        "-c:s:0", "ass", "-c:s:1", "subrip", *named, *disposed,
        "-attach", "Loud.ttf", "-metadata:s:t", "mimetype=application/x-truetype-font", path, folder=folder,
    )  # fmt: skip


def synced(*arguments: object, seconds: int = 3, size: str = "96x64") -> Maker:
    """White and a beep for the first fifth of every second, to hear and see whether they stay together."""
    flash = f"color=black:s={size}:r=25:d={seconds},geq=lum='if(lt(mod(T\\,1)\\,0.2)\\,235\\,16)':cb=128:cr=128"
    beep = f"aevalsrc='if(lt(mod(t\\,1)\\,0.2)\\,sin(6283*t)\\,0)':s=48000:d={seconds}"
    codecs = ["-c:v", "libx264", "-bf", 2, "-g", 25, "-c:a", "aac"]
    return lambda path: run("-f", "lavfi", "-i", flash, "-f", "lavfi", "-i", beep, *codecs, *arguments, path)


def _joined(*makers: Maker) -> Maker:
    """Transport streams written one after another into one file."""

    def make(path: Path) -> None:
        pieces = [path.with_name(f"{number}-{path.name}") for number in range(len(makers))]
        for piece, maker in zip(pieces, makers):
            maker(piece)
        path.write_bytes(b"".join(piece.read_bytes() for piece in pieces))

    return make


def _at(seconds: float) -> list[object]:
    return ["-output_ts_offset", seconds]


# Broadcasts whose clock does not simply run; they are read differently from what FFmpeg's program makes of them.
JUMPY: dict[str, Maker] = {
    "restart.ts": _joined(synced(*_at(50)), synced(*_at(0))),
    "restart_low.ts": _joined(synced(*_at(100)), synced(*_at(0))),
    "leap.ts": _joined(synced(*_at(50)), synced(*_at(0)), synced(*_at(100)), synced(*_at(0))),
    "wrap.ts": synced(*_at(2**33 / 90_000 - 4.4), "-muxdelay", 0, seconds=6),
    "resized.ts": _joined(synced(*_at(10)), synced(*_at(13), size="128x96")),
}

# Too odd for the laws that hold for all of `MAKERS`.
OTHERS: dict[str, Maker] = {"mixed.ts": _mixed}

MAKERS: dict[str, Maker] = {
    "h264_b.mp4": _encoded(*_B),
    "h264_b.mkv": _encoded(*_B),
    "h264_b.ts": _encoded(*_B),
    "open_gop.mp4": _encoded(*_OPEN),
    "open_gop.mkv": _encoded(*_OPEN),
    "open_gop.ts": _encoded(*_OPEN),
    "open_gop_hevc.mkv": _encoded(
        "-c:v", "libx265", "-x265-params", "keyint=10:min-keyint=10:open-gop=1:scenecut=0:log-level=error:pools=1"
    ),
    "open_gop_mpeg2.ts": _encoded("-c:v", "mpeg2video", "-bf", "2", "-g", "8", "-q:v", "3"),
    "intra_refresh.mkv": _encoded(*_x264("intra-refresh=1:keyint=10:bframes=0")),
    "one.mp4": _encoded(*_B, frames=1),
    "one.mkv": _encoded(*_B, frames=1),
    "two.mp4": _encoded(*_B, frames=2),
    "late.mp4": _encoded(*_B, "-output_ts_offset", "7.3"),
    "late.mkv": _encoded(*_B, "-output_ts_offset", "7.3"),
    "b.avi": _encoded("-c:v", "mpeg4", "-bf", "2", "-q:v", "3"),
    "h264.avi": _encoded(*_B),
    "mjpeg.avi": _encoded("-c:v", "mjpeg", "-q:v", "2", "-pix_fmt", "yuvj420p"),
    "vfr.mp4": _encoded("-vf", _VFR, *_PASS, "-enc_time_base", "1/90000", "-video_track_timescale", "90000", *_B),
    "vfr.mkv": _encoded("-vf", _VFR, *_PASS, "-enc_time_base", "1/1000", *_B),
    "film.mp4": _encoded(*_B, rate="24000/1001"),
    "film.mkv": _encoded(*_B, rate="24000/1001"),
    "ntsc.mp4": _encoded(*_B, rate="30000/1001"),
    "ntsc.mkv": _encoded(*_B, rate="30000/1001"),
    "422_10.mov": _encoded(*_B, "-pix_fmt", "yuv422p10le"),
    "422_10.mkv": _encoded("-c:v", "ffv1", "-pix_fmt", "yuv422p10le"),
    "odd.mkv": _encoded("-c:v", "ffv1", "-pix_fmt", "yuv420p", size="97x51"),
    "odd_444.mp4": _encoded(*_B, "-pix_fmt", "yuv444p", size="97x51"),
    "odd_vp9.webm": _encoded("-c:v", "libvpx-vp9", "-crf", "20", "-b:v", "0", frames=12, size="97x51"),
    "cover.mp4": _covered,
    "cover.mkv": _covered,
    "live.mkv": _headless("-f", "matroska", "-live", "1"),
    "fragmented.mp4": _headless("-f", "mp4", "-movflags", "frag_keyframe+empty_moov+default_base_moof"),
    "h264.264": _encoded(*_B),
    "sound.mp4": lambda path: run(*_source(), *_tone(1.6), *_B, "-c:a", "aac", path),
    "sound.mkv": lambda path: run(*_source(), *_tone(1.6), *_B, "-c:a", "aac", path),
    "trimmed.mp4": _trimmed,
    "tff.mp4": _interlaced("tff", *_B),
    "bff.mp4": _interlaced("bff", *_B),
    "tff.ts": _interlaced("tff", "-c:v", "mpeg2video", "-q:v", "3"),
    "bff.ts": _interlaced("bff", "-c:v", "mpeg2video", "-q:v", "3"),
    "sar_pal.mp4": _encoded(*_B, "-vf", "setsar=16/15"),
    "sar_wide.mkv": _encoded(*_B, "-vf", "setsar=64/45"),
    "pq.mp4": _pq,
    "pq.mkv": _pq,
    "tracks.mkv": _tracks,
    **{
        f"turned{turn}{'h' * ('hflip' in flips)}{'v' * ('vflip' in flips)}.mp4": _oriented(turn, *flips)
        for turn in (0, 90, 180, 270)
        for flips in ((), ("hflip",), ("vflip",), ("hflip", "vflip"))
    },
}


def names(*suffixes: str, without: Sequence[str] = ()) -> list[str]:
    """Names of clips with one of `suffixes`, for parametrised tests."""
    return [name for name in MAKERS if name.endswith(suffixes) and name not in without]


def onsets(info: MediaInfo) -> list[tuple[float, float]]:
    """(when the flash is seen, when the beep is heard) of a `synced` clip, in seconds."""
    seen_at = [f.time for f in read.frames(info) if f.planes[0].mean() > 120]
    heard_at = [
        (block.pts + place) / block.sample_rate
        for block in read.audio(info, read.sound_of(info))
        for place in range(0, block.samples.shape[1], 64)
        if np.abs(block.samples[0, place : place + 64]).max(initial=0) > 0.3
    ]
    return list(zip(_starts(seen_at), _starts(heard_at)))


def _starts(times: Sequence[float]) -> list[float]:
    return [time for last, time in pairwise([-9.0, *times]) if time - last > 0.5]


def md5(frame: Frame) -> str:
    """MD5 of a frame's planes, tight, one after another: what FFmpeg's framemd5 says of it."""
    return hashlib.md5(b"".join(np.ascontiguousarray(plane).tobytes() for plane in frame.planes)).hexdigest()


def seen(frames: Iterable[Frame]) -> list[tuple[Fraction, str]]:
    """(seconds, MD5) of each frame."""
    return [(frame.pts * frame.time_base, md5(frame)) for frame in frames]


def remake(
    source: Path, output: Path, *, cuts: Sequence[int] = (), damage: Damage | None = None, **wanted: object
) -> MediaInfo:
    """`source` decoded and encoded again as `output`, as a job would: a part per span between `cuts`, all tracks kept.

    `wanted` are fields of VideoOutput; the codec is FFV1, which loses nothing, unless they say otherwise.
    """
    info = read.probe(source)
    video = read.picture_of(info)
    index = read.index(info)
    params = VideoOutput.model_validate({"codec": "ffv1", "encoder": "auto", "threads": 1, **wanted})
    first = next(iter(read.frames(info)))
    spec, _ = encoders.spec_for(params, first, video.frame_rate, video.hdr, cores=1)
    format = tracks.container_of(output)
    damage = damage if damage is not None else Damage()
    edges = [None, *cuts, None]
    pieces: list[Path] = []
    for start, stop in pairwise(edges):
        pieces.append(output.with_name(f"{output.name}.{len(pieces)}.part"))
        frames = read.frames(info, start=start, stop=stop, index=index, damage=damage)
        deque(write.encode(frames, spec, pieces[-1], damage), maxlen=0)
    deque(write.assemble(pieces, spec, info, tracks.carries(info, format), output, format), maxlen=0)
    return read.probe(output)
