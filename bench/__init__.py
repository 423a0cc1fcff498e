"""Measurements against named peers, each a script that gives a table; `make bench` writes docs/bench.md.

Every ratio comes from one run on one machine: the rivals take turns, so that a slow minute hits them alike.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cinemill.media.program import ffmpeg

CINEMILL = str(Path(sys.executable).with_name("cinemill"))
PAGE = Path(__file__).parents[1] / "docs" / "bench.md"
MEDIA = Path(os.environ.get("CINEMILL_TEST_MEDIA") or Path(__file__).parents[2] / "shared" / "media")


@dataclass(frozen=True)
class Table:
    """What is measured, in words; the head and the rows; what it should be."""

    title: str
    about: str
    rows: list[list[str]] = field(default_factory=list)


@dataclass(frozen=True)
class Run:
    """Wall seconds and peak resident memory in MiB of one process and its children."""

    seconds: float
    mib: float


def measure(command: Sequence[object]) -> Run:
    """Run a command to its end, compiled modules at hand as after an installation; a failure stops the benchmark."""
    started = time.perf_counter()
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    return Run(time.perf_counter() - started, usage.ru_maxrss / 1024)


def in_turns(rivals: dict[str, Sequence[object]], rounds: int) -> dict[str, Run]:
    """The best time and the highest memory of each rival over `rounds`, taking turns: what disturbs only slows."""
    runs: dict[str, list[Run]] = {name: [] for name in rivals}
    names = list(rivals)
    for turn in range(rounds):
        for place in range(len(names)):  # another one begins each time
            name = names[(turn + place) % len(names)]
            runs[name].append(measure(rivals[name]))
    return {name: Run(min(run.seconds for run in many), max(run.mib for run in many)) for name, many in runs.items()}


def run_ffmpeg(*arguments: object) -> None:
    subprocess.run([ffmpeg(), "-nostdin", "-v", "error", "-y", *map(str, arguments)], check=True)


def clip(folder: Path, seconds: int, height: int = 1080) -> Path:
    """A 16:9 clip of moving pictures with sound: the real one where it is present, else FFmpeg's mandelbrot zoom."""
    real = MEDIA / "big_buck_bunny_0_30.webm"
    path = folder / f"clip-{seconds}-{height}.mp4"
    width = height * 16 // 9
    source = ["-stream_loop", "-1", "-i", real] if real.exists() else _drawn(width, height)
    encode = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-g", "48", "-c:a", "aac"]
    run_ffmpeg(*source, "-t", seconds, "-vf", f"scale={width}:{height}", *encode, path)
    return path


def _drawn(width: int, height: int) -> list[object]:
    graph = f"mandelbrot=s={width}x{height}:r=24"
    return ["-f", "lavfi", "-i", graph, "-f", "lavfi", "-i", "sine=r=48000"]


@contextmanager
def workplace() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cinemill-bench-") as folder:
        yield Path(folder)
