"""Deinterlacers against each other: real clips woven, then taken apart again and compared with themselves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import MEDIA, Table, run_ffmpeg, workplace
from cinemill.engines import engines
from cinemill.engines.install import is_installed
from cinemill.filters import text
from cinemill.measure import quality
from cinemill.media import read
from cinemill.media.types import Frame

# File, start and length in seconds, size.
CLIPS = (
    ("big_buck_bunny_0_30.webm", 10, 5, "720:404"),
    ("big_buck_bunny_0_30.webm", 22, 5, "720:404"),
    ("chaplin.mp4", 1, 4.8, "640:360"),
)
METHODS = ("yadif", "bwdif", "w3fdif", "estdif", "nnedi", "qtgmc")
_EDGE, _BORDER = 4, 8


@dataclass(frozen=True)
class Score:
    psnr: float
    ssim: float
    flicker: float
    fps: float


def table() -> Table:
    methods = [m for m in METHODS if _usable(m)]
    with workplace() as folder:
        clips = [_clip(folder, number, *clip) for number, clip in enumerate(CLIPS) if (MEDIA / clip[0]).exists()]
        scores = {method: [_score(method, *clip) for clip in clips] for method in methods}
        speeds = {method: _speed(method, folder) for method in methods}
    rows = []
    for method, many in scores.items():
        psnr = [f"{score.psnr:.2f}" for score in many]
        mean = sum(score.psnr for score in many) / len(many)
        ssim = sum(score.ssim for score in many) / len(many)
        flicker = sum(score.flicker for score in many) / len(many)
        rows.append([method, *psnr, f"{mean:.2f}", f"{ssim:.4f}", f"{flicker:.2f}", f"{speeds[method]:.1f}"])
    names = [f"{Path(name).stem[:7]} {start}-{start + length:g} s" for name, start, length, _ in CLIPS[: len(clips)]]
    return Table(
        "Deinterlacing",
        "Progressive clips woven to interlaced ones (top field first), deinterlaced at field rate and compared with "
        "themselves: PSNR of luma in dB per clip and in the mean, SSIM, flicker in code values (8 pixels of border and "
        "4 pictures at each end left out), and pictures a second at 720x576 through our chain.",
        [["", *names, "mean dB", "SSIM", "flicker", "fps 720x576"], *rows],
    )


def _usable(method: str) -> bool:
    return method not in ("nnedi", "qtgmc") or is_installed(engines.get("vapoursynth"))


def _chain(method: str) -> str:
    return f"deinterlace.{method}=field_order:tff"


def _clip(folder: Path, number: int, name: str, start: float, length: float, size: str) -> tuple[Path, Path]:
    """(clean, woven), both lossless."""
    clean, woven = folder / f"clean-{number}.mkv", folder / f"woven-{number}.mkv"
    run_ffmpeg("-ss", start, "-t", length, "-i", MEDIA / name, "-vf", f"scale={size}", "-an", "-c:v", "ffv1", clean)
    run_ffmpeg("-i", clean, "-vf", "tinterlace=interleave_top,setfield=tff", "-c:v", "ffv1", woven)
    return clean, woven


def _score(method: str, clean: Path, woven: Path) -> Score:
    started = time.perf_counter()
    made = list(text.chain(_chain(method)).run(read.frames(read.probe(woven)), 2))
    seconds = time.perf_counter() - started
    true = list(read.frames(read.probe(clean)))[: len(made)]
    inner = slice(_EDGE, -_EDGE)
    pairs = quality.compare(_cropped(true[inner]), _cropped(_timed(made, true)[inner]))
    summary = quality.summarise(pairs)
    return Score(summary.psnr_y, summary.ssim, summary.flicker, len(made) / seconds)


def _timed(made: list[Frame], true: list[Frame]) -> list[Frame]:
    """The n-th field is the n-th picture; their clocks may differ by rounding in the container."""
    from dataclasses import replace

    return [replace(frame, pts=other.pts, time_base=other.time_base) for frame, other in zip(made, true)]


def _cropped(frames: list[Frame]) -> Iterator[Frame]:
    return text.chain(f"crop=left:{_BORDER}:right:{_BORDER}:top:{_BORDER}:bottom:{_BORDER}").run(frames)


def _speed(method: str, folder: Path) -> float:
    clip = folder / "speed.mkv"
    if not clip.exists():
        graph = "mandelbrot=s=720x576:r=50,tinterlace=interleave_top,setfield=tff,format=yuv420p"
        run_ffmpeg("-f", "lavfi", "-i", graph, "-t", 6, "-c:v", "ffv1", clip)
    frames = list(read.frames(read.probe(clip)))
    started = time.perf_counter()
    count = sum(1 for _ in text.chain(_chain(method)).run(frames, 2))
    return count / (time.perf_counter() - started)
