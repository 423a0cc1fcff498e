"""`cinemill hardware`: processors, what each can do, and how fast, by letting them do it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cinemill.errors import CinemillError, UnsupportedMedia
from cinemill.hardware import HOT, cores, gpus
from cinemill.jobs.executors import lanes

_SIZE = (1280, 720)
_PICTURES = 40
_SIDE, _CHANNELS = 256, 64
"""Pixels and channels of the convolution that stands for a network."""
_PATIENCE = 1.0
"""Seconds that a measurement may take, about."""


@dataclass(frozen=True)
class Score:
    """`value` in `unit`, or None and why."""

    name: str
    value: float | None
    unit: str
    why: str = ""


def report() -> dict[str, Any]:
    """JSON-safe: cores, graphics processors, scores of encoders and of networks, and sentences."""
    found = gpus()
    hot = [f"{gpu.name} has {gpu.temperature:.0f} °C; above {HOT} it slows down." for gpu in found if gpu.is_hot]
    count, devices = lanes()
    spread = (
        f"--on processes gives each of {count} GPUs chunks of a file of its own."
        if devices
        else f"--on processes works on {count} chunks of a file at once."
    )
    return {
        "cores": cores(),
        "gpus": [asdict(gpu) for gpu in found],
        "encoding": [asdict(score) for score in _encoders()],
        "networks": [asdict(score) for score in _networks()],
        "notes": [*hot, spread],
    }


def rows(said: dict[str, Any]) -> list[list[str]]:
    """The report as a table."""
    table = [["what", "", "speed"], ["processor", f"{said['cores']} cores", ""]]
    for gpu in said["gpus"]:
        facts = [
            f"{gpu['memory_mib']} MiB" if gpu["memory_mib"] else "",
            f"{gpu['free_mib']} free" if gpu["free_mib"] is not None else "",
            f"{gpu['temperature']:.0f} °C" if gpu["temperature"] is not None else "",
            f"{gpu['busy']:.0%} busy" if gpu["busy"] is not None else "",
        ]
        table.append(["GPU", f"{gpu['name']} {', '.join(filter(None, facts))}".strip(), ""])
    for kind in ("encoding", "networks"):
        for score in said[kind]:
            told = score["why"] if score["value"] is None else f"{score['value']:.0f} {score['unit']}"
            table.append([kind, score["name"], told])
    return table


def _encoders() -> Iterator[Score]:
    """Frames a second of every encoder that works here."""
    from cinemill.media import encoders, read, write
    from cinemill.media.output import VideoOutput

    pictures = _moving()
    for encoder in encoders.ENCODERS:
        output = VideoOutput(codec=encoder.codec, encoder=encoder.name, speed="veryfast")
        try:
            spec, _ = encoders.spec_for(output, pictures[0], Fraction(25), None, cores())
        except UnsupportedMedia:
            continue
        with TemporaryDirectory(prefix="cinemill-") as folder:
            started = time.perf_counter()
            done = sum(1 for _ in write.encode(_while_patient(pictures), spec, Path(folder, "part"), read.Damage()))
            seconds = time.perf_counter() - started
        yield Score(encoder.name, done / seconds, f"frames/s of {_SIZE[1]}p")


def _while_patient(pictures: list[Any]) -> Iterator[Any]:
    started = time.perf_counter()
    for picture in pictures:
        yield picture
        if time.perf_counter() - started > _PATIENCE:
            return


def _moving() -> list[Any]:
    """Pictures that an encoder has to work for."""
    import numpy as np

    from cinemill.media.types import Frame

    width, height = _SIZE
    ground = np.random.default_rng(1).integers(40, 200, (height // 8, width // 8 + _PICTURES), np.uint8)
    ground = ground.repeat(8, 0).repeat(8, 1)
    grey = np.full((height // 2, width // 2), 128, np.uint8)
    shifted = (np.ascontiguousarray(ground[:, n : n + width]) for n in range(_PICTURES))
    return [Frame((luma, grey, grey), "yuv420p", n, Fraction(1, 25), 1) for n, luma in enumerate(shifted)]


def _networks() -> Iterator[Score]:
    """Multiply-adds a second of a convolution, on each device that torch finds."""
    from cinemill.models import torch_backend

    try:
        torch = torch_backend.torch()
    except CinemillError as error:
        yield Score("torch", None, "", error.sentence)
        return
    devices = ["cpu", *(f"cuda:{n}" for n in range(torch.cuda.device_count()))]
    for device in devices + (["mps"] if torch.backends.mps.is_available() else []):
        yield Score(f"torch on {device}", _speed(torch, device) / 1e9, "billion multiply-adds/s")


def _speed(torch: Any, device: str) -> float:
    dtype = torch.float32 if device == "cpu" else torch.float16
    layer = torch.nn.Conv2d(_CHANNELS, _CHANNELS, 3, padding=1).to(device, dtype)
    picture = torch.rand(1, _CHANNELS, _SIDE, _SIDE, device=device, dtype=dtype)
    work = _SIDE**2 * _CHANNELS**2 * 9
    with torch.inference_mode():
        layer(picture)
        _wait(torch, device)
        started, done = time.perf_counter(), 0
        while time.perf_counter() - started < _PATIENCE:
            for _ in range(8):
                layer(picture)
            _wait(torch, device)
            done += 8
    return work * done / (time.perf_counter() - started)


def _wait(torch: Any, device: str) -> None:
    if device != "cpu":
        getattr(torch, device.partition(":")[0]).synchronize()
