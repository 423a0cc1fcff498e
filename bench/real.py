"""Real clips, and one that is drawn, for methods to be judged by; how near each method comes, and how fast it is."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bench import MEDIA, run_ffmpeg
from cinemill.filters import text
from cinemill.hardware import cores
from cinemill.measure import quality
from cinemill.media import read
from cinemill.media.types import Frame

EDGE, BORDER = 4, 8
"""Pictures at each end, and pixels at each side, that do not count."""


@dataclass(frozen=True)
class Clip:
    """A part of a file, in seconds, at a size; `file` may be the text of a libavfilter source instead."""

    name: str
    file: str
    start: float
    length: float
    size: str

    @property
    def exists(self) -> bool:
        return (MEDIA / self.file).exists() or "=" in self.file

    @property
    def frame_size(self) -> tuple[int, int]:
        width, height = self.size.split(":")
        return int(width), int(height)

    def frames(self, folder: Path) -> list[Frame]:
        """Its pictures in 4:2:0, whole, upright."""
        path = folder / f"{self.name}.mkv"
        if not path.exists():
            source = ["-f", "lavfi", "-i", self.file] if "=" in self.file else ["-i", MEDIA / self.file]
            graph = f"scale={self.size}:flags=bicubic+accurate_rnd,format=yuv420p,setsar=1"
            run_ffmpeg("-ss", self.start, "-t", self.length, *source, "-vf", graph, "-an", "-c:v", "ffv1", path)
        return list(read.frames(read.probe(path)))


CLIPS = tuple(
    clip
    for clip in (
        Clip("bunny 10 s", "big_buck_bunny_0_30.webm", 10, 5, "720:404"),
        Clip("bunny 22 s", "big_buck_bunny_0_30.webm", 22, 5, "720:404"),
        Clip("chaplin", "chaplin.mp4", 1, 4.8, "640:360"),
        Clip("fire", "fire2.mp4", 0, 2.4, "1280:720"),
        Clip("graphics", "testsrc2=s=640x480:r=50", 0, 1.2, "640:480"),
    )
    if clip.exists
)


@dataclass(frozen=True)
class Score:
    """PSNR of luma in dB, a mean over pictures; SSIM; flicker in code values; of what was made of a clip."""

    psnr: float
    ssim: float
    flicker: float


def score(true: Sequence[Frame], made: Sequence[Frame]) -> Score:
    """The n-th picture against the n-th."""
    inner = slice(EDGE, -EDGE)
    timed = [replace(frame, pts=other.pts, time_base=other.time_base) for frame, other in zip(made, true)]
    pairs = quality.compare(_cropped(true[: len(timed)][inner]), _cropped(timed[inner]))
    summary = quality.summarise(pairs)
    return Score(summary.psnr_y_mean, summary.ssim, summary.flicker)


def _cropped(frames: Iterable[Frame]) -> Any:
    return text.chain(f"crop=left:{BORDER}:right:{BORDER}:top:{BORDER}:bottom:{BORDER}").run(frames)


def rows(scores: dict[str, list[Score]], speeds: dict[str, float]) -> list[list[str]]:
    """A row for each method: PSNR by clip and in the mean, SSIM and flicker in the mean, speed."""
    made = []
    for method, many in scores.items():
        psnr = [one.psnr for one in many]
        means = [f"{mean(one.ssim for one in many):.4f}", f"{mean(one.flicker for one in many):.2f}"]
        made.append([method, *(f"{each:.2f}" for each in (*psnr, mean(psnr))), *means, f"{speeds[method]:.1f}"])
    return made


def head(speed: str) -> list[str]:
    return ["", *(clip.name for clip in CLIPS), "mean dB", "SSIM", "flicker", speed]


def speed(chain: str, frames: Sequence[Frame]) -> float:
    """Pictures a second that come out of a chain, the best of two runs; setting up does not count."""
    return max(_once(chain, frames) for _ in range(2))


def _once(chain: str, frames: Sequence[Frame]) -> float:
    made = text.chain(chain).run(frames, cores())
    next(made)
    started = time.perf_counter()
    return sum(1 for _ in made) / (time.perf_counter() - started)


def pal(folder: Path, interlaced: bool) -> list[Frame]:
    """Three seconds of 720x576 that is drawn, at 25 frames a second."""
    path = folder / f"pal-{interlaced}.mkv"
    weave = ",tinterlace=interleave_top,setfield=tff" if interlaced else ""
    graph = f"mandelbrot=s=720x576:r={50 if interlaced else 25}{weave},format=yuv420p"
    if not path.exists():
        run_ffmpeg("-f", "lavfi", "-i", graph, "-t", 3, "-c:v", "ffv1", path)
    return list(read.frames(read.probe(path)))


def differences(path: Path, pictures: dict[str, Frame], box: tuple[int, int, int, int]) -> None:
    """A sheet of the same part of a picture as each method made it, luma at three times its size, with names: lossless
    WebP, which is a tenth of PNG where each value stands nine times."""
    left, top, width, height = box
    parts = [_named(name, f.planes[0][top : top + height, left : left + width]) for name, f in pictures.items()]
    columns = min(4, len(parts))
    parts += [np.zeros_like(parts[0])] * (-len(parts) % columns)
    lines = [np.hstack(parts[i : i + columns]) for i in range(0, len(parts), columns)]
    grey = np.vstack(lines)
    path.write_bytes(cv2.imencode(".webp", cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), _LOSSLESS)[1].tobytes())


_LOSSLESS = [cv2.IMWRITE_WEBP_QUALITY, 101]
"""What OpenCV has above 100."""


def _named(name: str, luma: NDArray[Any]) -> NDArray[Any]:
    large = cv2.resize(luma, None, fx=3, fy=3, interpolation=cv2.INTER_NEAREST)
    large = cv2.copyMakeBorder(large, 24, 4, 4, 4, cv2.BORDER_CONSTANT, value=0)
    return np.asarray(cv2.putText(large, name, (8, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 255, 1, cv2.LINE_AA))
