"""What the machine can do is found by letting it."""

from __future__ import annotations

import json

import pytest

from cinemill.hardware import Gpu, cores
from cinemill.jobs import executors
from cinemill.surfaces import machine
from command import Cinemill


def test_encoders_and_networks_are_timed(cinemill: Cinemill) -> None:
    said = json.loads(cinemill("hardware", "--json").out)
    assert said["cores"] == cores()
    speeds = {score["name"]: score["value"] for score in said["encoding"]}
    assert {"libx264", "ffv1"} <= speeds.keys()
    assert all(speed > 1 for speed in speeds.values())
    assert said["networks"][0]["value"] > 0.1


def test_heat_and_several_devices_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [Gpu("nvidia", "RTX 4090", 0, 24564, 20000, 86.0, 0.9), Gpu("nvidia", "RTX 3060", 1, 12288)]
    for module in (machine, executors):
        monkeypatch.setattr(module, "gpus", lambda: found)
    monkeypatch.setattr(machine, "_encoders", lambda: iter([machine.Score("h264_nvenc", 412.3, "frames/s of 720p")]))
    monkeypatch.setattr(
        machine, "_networks", lambda: iter([machine.Score("torch", None, "", "torch is not installed.")])
    )
    said = machine.report()
    assert said["notes"] == [
        "RTX 4090 has 86 °C; above 80 it slows down.",
        "--on processes gives each of 2 GPUs chunks of a file of its own.",
    ]
    shown = [" ".join(row) for row in machine.rows(said)]
    assert "GPU RTX 4090 24564 MiB, 20000 free, 86 °C, 90% busy " in shown
    assert "encoding h264_nvenc 412 frames/s of 720p" in shown
    assert "networks torch torch is not installed." in shown
