"""Upscaling by a network against what other tools do: pictures dumped as PNG, enlarged one by one, encoded."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from bench import CINEMILL, Run, Table, measure, run_ffmpeg, workplace

_FRAMES, _SIZE, _ROUNDS = 72, "256x144", 2
_WIDTH, _LAYERS = 24, 8
"""Of the network: Real-ESRGAN's Compact, narrow enough for a processor."""


def table() -> Table:
    with workplace() as folder:
        source, weights = folder / "source.mp4", _weights(folder / "compact.safetensors")
        lavfi = ["-f", "lavfi", "-i", f"mandelbrot=s={_SIZE}:r=24", "-frames:v", _FRAMES]
        run_ffmpeg(*lavfi, "-vf", "format=yuv420p", "-c:v", "libx264", "-g", 24, source)
        common = ["--codec", "h264", "--encoder", "libx264", "--speed", "veryfast", "--crf", 20, "--overwrite"]
        rivals: dict[str, Sequence[object]] = {
            "cinemill": [
                *(CINEMILL, "process", source, "-o", folder / "a" / "out.mp4", "--chunk-seconds", 1, *common),
                *("--chain", f"upscale.model=model:{weights}:backend:torch"),
            ],
            "a folder of PNGs": [sys.executable, "-m", "bench.pngs", source, weights, folder / "b"],
        }
        runs: dict[str, list[tuple[Run, int]]] = {name: [] for name in rivals}
        for _ in range(_ROUNDS):
            for name, place in zip(rivals, (folder / "a", folder / "b")):
                place.mkdir(exist_ok=True)
                runs[name].append(_watched(rivals[name], place))
        size = (folder / "a" / "out.mp4").stat().st_size
    peer = min(run.seconds for run, _ in runs["a folder of PNGs"])
    rows = []
    for name, many in runs.items():
        seconds, disk = min(run.seconds for run, _ in many), max(disk for _, disk in many)
        rows.append([name, f"{_FRAMES / seconds:.2f}", f"{peer / seconds:.2f}", f"{disk / 1e6:.1f}"])
    return Table(
        "Upscaling",
        f"{_FRAMES} pictures of {_SIZE} enlarged four times by Real-ESRGAN's Compact network ({_WIDTH} features, "
        f"{_LAYERS} layers, weights by chance) on torch, with H.264 at veryfast: from the command to the finished "
        f"film, loading torch included, and the most disk that was used (the film itself: {size / 1e6:.1f} MB).",
        [["", "pictures/s", "speed, PNGs = 1", "disk MB"], *rows],
    )


def _weights(path: Path) -> Path:
    from safetensors.torch import save_file

    from cinemill.models import torch_backend

    torch_backend.spandrel()
    from spandrel.architectures.Compact.__arch.SRVGG import SRVGGNetCompact

    torch_backend.torch().manual_seed(0)
    module = SRVGGNetCompact(num_feat=_WIDTH, num_conv=_LAYERS, upscale=4, act_type="prelu")
    save_file(module.state_dict(), path)
    return path


def _watched(command: Sequence[object], folder: Path) -> tuple[Run, int]:
    """A run, and the most bytes that lay in `folder` meanwhile."""
    most, done = 0, threading.Event()

    def look() -> None:
        nonlocal most
        while not done.wait(0.05):
            most = max(most, _bytes(folder))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        return measure(command), max(most, _bytes(folder))
    finally:
        done.set()
        watcher.join()


def _bytes(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue  # gone since it was listed
    return total


def _by_pngs(source: str, weights: str, folder: str) -> None:
    """What the scripts around Real-ESRGAN do, with the same network on the same torch."""
    import cv2
    import numpy as np

    from cinemill.hardware import cores
    from cinemill.models import torch_backend

    place = Path(folder)
    for name in ("in", "out"):
        (place / name).mkdir(parents=True, exist_ok=True)
    run_ffmpeg("-i", source, place / "in" / "%08d.png")
    descriptor = torch_backend.load(Path(weights))
    torch = torch_backend.torch()
    torch.set_num_threads(cores())
    for path in sorted((place / "in").iterdir()):
        picture = cv2.imread(str(path))[:, :, ::-1].astype(np.float32) / 255
        with torch.inference_mode():
            made = descriptor(torch.from_numpy(picture.transpose(2, 0, 1)[None].copy()))[0].numpy()
        cv2.imwrite(str(place / "out" / path.name), np.rint(255 * made.transpose(1, 2, 0)[:, :, ::-1]).astype(np.uint8))
    encode = ["-c:v", "libx264", "-preset", "veryfast", "-crf", 20, "-pix_fmt", "yuv420p"]
    run_ffmpeg("-framerate", 24, "-i", place / "out" / "%08d.png", *encode, place / "out.mp4")


if __name__ == "__main__":
    _by_pngs(*sys.argv[1:])
