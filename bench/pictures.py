"""`python -m bench.pictures`: pictures for the documentation's pages on operations, of moving pictures of our own.

Operations that make a picture out of a picture are run, and a sheet of before and after is kept in `docs/pictures`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2

from bench import PAGE
from cinemill.measure import moments, sheet
from cinemill.surfaces import demo

FOLDER = PAGE.parent / "pictures"
_MOMENTS = 2
_RUNS = {
    "restore": ("tape.mkv", ["tape.mkv"]),
    "degrade": ("original.mp4", ["original.mp4", "--preset", "vhs-pal"]),
    "upscale": ("small.mp4", ["small.mp4", "--scale", "2"]),
    "stylize": ("original.mp4", ["original.mp4", "--style", "comic"]),
    "process": ("noisy.mkv", ["noisy.mkv", "--chain", "denoise.learned"]),
    "burn": ("original.mp4", ["original.mp4", "--file", "said.srt"]),
}
"""What is shown as before, and what the operation is given."""
_SAID = "1\n00:00:00,000 --> 00:00:12,000\nWords in the picture, as large as the eye wants them\n"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="cinemill-") as name:
        folder = Path(name)
        _sources(folder)
        for operation, (before, words) in _RUNS.items():
            after = folder / f"{operation}.mp4"
            _cinemill(folder, operation, *words, "-o", after.name, "--crf", "10")
            _show(operation, folder / before, after)


def _sources(folder: Path) -> None:
    """What `cinemill demo` makes, three seconds of it, small, and with noise."""
    demo.make_tape(folder / "whole.mp4", folder / "worn.mkv")
    for source, made in (("whole.mp4", "original.mp4"), ("worn.mkv", "tape.mkv")):
        _cinemill(folder, "convert", source, "-o", made, "--start", "4", "--end", "7", "--crf", "6")
    _cinemill(folder, "process", "original.mp4", "-o", "small.mp4", "--chain", "scale=height:288", "--crf", "6")
    noise = "grain=strength:0.8:size:0.8:colour:0.6"
    _cinemill(folder, "process", "original.mp4", "-o", "noisy.mkv", "--chain", noise, "--crf", "6")
    (folder / "said.srt").write_text(_SAID)


def _cinemill(folder: Path, *words: str) -> None:
    subprocess.run([sys.executable, "-m", "cinemill.surfaces.cli", *words], cwd=folder, check=True)


def _show(operation: str, before: Path, after: Path) -> None:
    times = moments.spread(before, _MOMENTS)
    rows = [(label, moments.frames_at(file, times)) for label, file in (("before", before), ("after", after))]
    drawn = before.with_name("sheet.png")
    sheet.contact_sheet(rows, drawn, height=270, zoom=2)
    path = FOLDER / f"{operation}.jpg"
    cv2.imwrite(str(path), cv2.imread(str(drawn)), [cv2.IMWRITE_JPEG_QUALITY, 84])
    print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
