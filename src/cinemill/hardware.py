"""What this machine offers: cores that this process may really use, graphics processors and how busy and hot they are.

Nothing here loads a model or starts an encoder; what they make of a device only a trial tells.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from cinemill.settings import settings

HOT: Final = 80
"""Degrees Celsius above which a graphics processor slows down to cool, or soon will."""
_DRM: Final = Path("/sys/class/drm")
_VENDORS: Final = {"0x10de": "nvidia", "0x1002": "amd", "0x8086": "intel"}
_VISIBLE: Final = {"nvidia": "CUDA_VISIBLE_DEVICES", "amd": "HIP_VISIBLE_DEVICES", "intel": "ZE_AFFINITY_MASK"}


@lru_cache
def cores() -> int:
    """Cores for this process: affinity, the control group's quota and the `threads` setting, whichever is least."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limits = [affinity, _cgroup_quota(), settings().threads or None]
    return max(1, min(limit for limit in limits if limit))


def _cgroup_quota() -> int | None:
    """Whole cores of CPU time per period that the control group (version 2 or 1) allows; None for no limit."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            folder = Path("/sys/fs/cgroup/cpu")
            quota = (folder / "cpu.cfs_quota_us").read_text().strip()
            period = (folder / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    if quota in ("max", "-1"):
        return None
    return max(1, int(quota) // int(period))


@dataclass(frozen=True)
class Gpu:
    """A graphics processor as the system lists it; None for what it does not tell.

    `index` counts the devices of one vendor, as its own libraries do. Memory is in MiB, `temperature` in degrees
    Celsius, `busy` a share from 0 to 1.
    """

    vendor: str
    name: str
    index: int = 0
    memory_mib: int | None = None
    free_mib: int | None = None
    temperature: float | None = None
    busy: float | None = None

    @property
    def is_hot(self) -> bool:
        return self.temperature is not None and self.temperature > HOT

    @property
    def alone(self) -> dict[str, str]:
        """The environment in which a process sees this device of its vendor and no other."""
        return {_VISIBLE[self.vendor]: str(self.index)} if self.vendor in _VISIBLE else {}


def gpus(drm: Path = _DRM) -> list[Gpu]:
    """Graphics processors: NVIDIA's by its library, AMD's and Intel's by Linux's sysfs, others by the system's own
    list of displays. The most capable come first.
    """
    found = [*_nvidia(), *_sysfs(drm)]
    if sys.platform == "darwin":
        found += displays(_said("system_profiler", "SPDisplaysDataType", "-json"))
    elif sys.platform == "win32":
        asked = "Get-CimInstance Win32_VideoController | Select-Object Name,AdapterRAM | ConvertTo-Json"
        found += controllers(_said("powershell", "-NoProfile", "-Command", asked))
    return sorted(found, key=_weight, reverse=True)


def _weight(gpu: Gpu) -> tuple[bool, int]:
    return gpu.vendor == "nvidia", gpu.memory_mib or 0


def _said(*command: str) -> str:
    """What a program prints; "" where it is missing or fails."""
    program = shutil.which(command[0])
    if program is None:
        return ""
    try:
        return subprocess.run([program, *command[1:]], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def _nvidia() -> Iterator[Gpu]:
    import pynvml

    nvml: Any = pynvml
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:  # no driver
        return
    try:
        for index in range(nvml.nvmlDeviceGetCount()):
            device = nvml.nvmlDeviceGetHandleByIndex(index)
            memory = nvml.nvmlDeviceGetMemoryInfo(device)
            plain = Gpu("nvidia", str(nvml.nvmlDeviceGetName(device)), index, memory.total >> 20, memory.free >> 20)
            try:
                temperature = float(nvml.nvmlDeviceGetTemperature(device, nvml.NVML_TEMPERATURE_GPU))
                busy = nvml.nvmlDeviceGetUtilizationRates(device).gpu / 100
                yield replace(plain, temperature=temperature, busy=busy)
            except nvml.NVMLError:  # slices of a shared device do not tell
                yield plain
    finally:
        nvml.nvmlShutdown()


def _sysfs(drm: Path) -> Iterator[Gpu]:
    """AMD's and Intel's, as their drivers describe them: amdgpu, i915 and xe."""
    counted: Counter[str] = Counter()
    names = rocm_names(_said("rocm-smi", "--showproductname", "--json"))
    for card in sorted(drm.glob("card[0-9]*"), key=lambda card: (len(card.name), card.name)):
        device = card / "device"
        code = _read(device / "vendor")
        vendor = _VENDORS.get(code, code)
        if "-" in card.name or not code or vendor == "nvidia":
            continue
        index = counted[vendor]
        counted[vendor] += 1
        name = names[index] if vendor == "amd" and index < len(names) else _read(device / "product_name")
        total, used = _number(device / "mem_info_vram_total"), _number(device / "mem_info_vram_used")
        total = total if total is not None else _number(device / "lmem_total_bytes")
        milli = next(map(_number, sorted(device.glob("hwmon/hwmon*/temp1_input"))), None)
        percent = _number(device / "gpu_busy_percent")
        yield Gpu(
            vendor=vendor,
            name=name or f"{vendor} {_read(device / 'device') or card.name}",
            index=index,
            memory_mib=None if total is None else total >> 20,
            free_mib=None if total is None or used is None else (total - used) >> 20,
            temperature=None if milli is None else milli / 1000,
            busy=None if percent is None else percent / 100,
        )


def rocm_names(said: str) -> Sequence[str]:
    """Names of AMD's devices, in order, from `rocm-smi --showproductname --json`."""
    cards: dict[str, Any] = _json(said) or {}
    ordered = sorted((name for name in cards if name.startswith("card")), key=lambda name: int(name[4:]))
    return [str(cards[name].get("Card Series") or cards[name].get("Card series") or name) for name in ordered]


def displays(said: str) -> list[Gpu]:
    """Apple's, from `system_profiler SPDisplaysDataType -json`. Their memory is the machine's."""
    found: list[dict[str, Any]] = (_json(said) or {}).get("SPDisplaysDataType", [])
    return [Gpu("apple", str(one.get("sppci_model", "GPU")), index) for index, one in enumerate(found)]


def controllers(said: str) -> list[Gpu]:
    """AMD's and Intel's under Windows, from Win32_VideoController; its memory stops counting at 4 GiB."""
    read = _json(said) or []
    found: list[dict[str, Any]] = read if isinstance(read, list) else [read]
    vendors = {"amd": "amd", "radeon": "amd", "intel": "intel"}
    gpus: list[Gpu] = []
    for one in found:
        name = str(one.get("Name", ""))
        vendor = next((vendor for word, vendor in vendors.items() if word in name.lower()), None)
        if vendor:
            memory = one.get("AdapterRAM")
            index = sum(gpu.vendor == vendor for gpu in gpus)
            gpus.append(Gpu(vendor, name, index, int(memory) >> 20 if memory else None))
    return gpus


def _json(text: str) -> Any:
    try:
        return json.loads(text) if text.strip() else None
    except ValueError:
        return None


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    text = _read(path)
    return int(text) if text.lstrip("-").isdigit() else None
