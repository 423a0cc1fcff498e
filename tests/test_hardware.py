"""Graphics processors, read from what real systems say of theirs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from cinemill import hardware
from cinemill.hardware import Gpu

RADEON = {
    "device/vendor": "0x1002\n",
    "device/device": "0x73bf\n",
    "device/mem_info_vram_total": "17163091968\n",
    "device/mem_info_vram_used": "1073741824\n",
    "device/gpu_busy_percent": "37\n",
    "device/hwmon/hwmon4/temp1_input": "81000\n",
}
IRIS = {"device/vendor": "0x8086\n", "device/device": "0x9a49\n"}
ARC = {
    "device/vendor": "0x8086\n",
    "device/device": "0x56a0\n",
    "device/lmem_total_bytes": "17079205888\n",
    "device/hwmon/hwmon2/temp1_input": "44000\n",
}
GEFORCE = {"device/vendor": "0x10de\n", "device/device": "0x2684\n"}
Tree = Callable[[dict[str, dict[str, str]]], Path]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    def planted(cards: dict[str, dict[str, str]]) -> Path:
        for card, files in cards.items():
            for name, text in files.items():
                path = tmp_path / card / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        return tmp_path

    return planted


@pytest.fixture(autouse=True)
def no_other_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The programs and the driver of the machine that runs the tests stay out of it."""
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))

    def no_driver() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", no_driver)


def test_a_radeon_tells_memory_heat_and_load(tree: Tree) -> None:
    (gpu,) = hardware.gpus(tree({"card0": RADEON}))
    assert gpu == Gpu("amd", "amd 0x73bf", 0, 16368, 15344, 81.0, 0.37)
    assert gpu.is_hot
    assert gpu.alone == {"HIP_VISIBLE_DEVICES": "0"}


def test_a_laptops_graphics_tell_little_and_are_listed(tree: Tree) -> None:
    (gpu,) = hardware.gpus(tree({"card1": IRIS}))
    assert gpu == Gpu("intel", "intel 0x9a49")
    assert not gpu.is_hot


def test_the_most_capable_comes_first_and_each_vendor_counts_its_own(tree: Tree) -> None:
    cards = {"card0": IRIS, "card1": ARC, "card2": RADEON, "card10": RADEON, "card2-DP-1": RADEON, "card3": GEFORCE}
    found = hardware.gpus(tree(cards))
    assert [(gpu.vendor, gpu.index) for gpu in found] == [("amd", 0), ("amd", 1), ("intel", 1), ("intel", 0)]


def test_names_come_from_rocm_where_it_is_there(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"card0": {"Card Series": "Radeon RX 6800 XT", "Card Vendor": "AMD"}, "system": {"Driver version": "6.7"}}
    program = tmp_path / "bin" / "rocm-smi"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nprintf '%s' '{json.dumps(said)}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=None)
    (gpu,) = hardware.gpus(tree({"card0": RADEON}))
    assert gpu.name == "Radeon RX 6800 XT"


@pytest.mark.parametrize("said", ["", "not json", "exit 1", "{}"])
def test_a_program_that_talks_nonsense_changes_nothing(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    program = tmp_path / "bin" / "rocm-smi"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{said if said.startswith('exit') else f'echo {said!r}'}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent) + os.pathsep + "/bin")
    assert [gpu.name for gpu in hardware.gpus(tree({"card0": RADEON}))] == ["amd 0x73bf"]


def recorded(monkeypatch: pytest.MonkeyPatch, tells_heat: bool) -> None:
    """What the library says of a machine with one H200, whole or in a slice that hides its sensors."""

    def heat(device: Any, sensor: int) -> int:
        if not tells_heat:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return 36

    answers: dict[str, Callable[..., Any]] = {
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlDeviceGetCount": lambda: 1,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetName": lambda device: "NVIDIA H200",
        "nvmlDeviceGetMemoryInfo": lambda device: SimpleNamespace(total=150754820096, free=150000000000),
        "nvmlDeviceGetTemperature": heat,
        "nvmlDeviceGetUtilizationRates": lambda device: SimpleNamespace(gpu=3),
    }
    for name, answer in answers.items():
        monkeypatch.setattr(pynvml, name, answer)


@pytest.mark.parametrize("tells_heat", [True, False])
def test_nvidias_library_is_asked(monkeypatch: pytest.MonkeyPatch, tree: Tree, tells_heat: bool) -> None:
    recorded(monkeypatch, tells_heat)
    first, second = hardware.gpus(tree({"card0": GEFORCE, "card1": RADEON}))
    assert (first.vendor, first.name, first.memory_mib, first.free_mib) == ("nvidia", "NVIDIA H200", 143771, 143051)
    assert first.temperature == (36 if tells_heat else None)
    assert first.busy == (0.03 if tells_heat else None)
    assert first.alone == {"CUDA_VISIBLE_DEVICES": "0"}
    assert second.vendor == "amd"


def test_apples_displays_are_read() -> None:
    said = {"SPDisplaysDataType": [{"_name": "Apple M2 Pro", "sppci_model": "Apple M2 Pro", "sppci_cores": "19"}]}
    assert hardware.displays(json.dumps(said)) == [Gpu("apple", "Apple M2 Pro")]
    assert hardware.displays("") == []


def test_windows_controllers_are_read() -> None:
    said = [
        {"Name": "Intel(R) UHD Graphics 770", "AdapterRAM": 1073741824},
        {"Name": "AMD Radeon RX 7900 XTX", "AdapterRAM": 4293918720},
        {"Name": "NVIDIA GeForce RTX 4090", "AdapterRAM": 4293918720},
        {"Name": "Microsoft Basic Display Adapter", "AdapterRAM": None},
    ]
    found = hardware.controllers(json.dumps(said))
    assert [(gpu.vendor, gpu.memory_mib) for gpu in found] == [("intel", 1024), ("amd", 4095)]
    assert hardware.controllers(json.dumps(said[0]))[0].name == "Intel(R) UHD Graphics 770"


def test_cores_are_no_more_than_the_process_may_use() -> None:
    assert 1 <= hardware.cores() <= (os.cpu_count() or 1)
