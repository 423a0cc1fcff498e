"""What this machine offers: cores that this process may really use, graphics processors, room on disk."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cinemill.settings import settings


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
    """A graphics processor as the system lists it."""

    vendor: str
    name: str
    memory_mib: int | None = None


_VENDORS = {"0x10de": "nvidia", "0x1002": "amd", "0x8086": "intel"}


def gpus() -> list[Gpu]:
    """Graphics processors: NVIDIA's by nvidia-smi, others by Linux's sysfs."""
    return [*_nvidia(), *(gpu for gpu in _sysfs(Path("/sys/class/drm")) if gpu.vendor != "nvidia")]


def _nvidia() -> list[Gpu]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    query = [program, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    rows = [line.rsplit(",", 1) for line in said.splitlines() if "," in line]
    return [Gpu("nvidia", name.strip(), int(memory)) for name, memory in rows if memory.strip().isdigit()]


def _sysfs(root: Path) -> list[Gpu]:
    found: list[Gpu] = []
    for card in sorted(root.glob("card[0-9]*")):
        vendor_file = card / "device" / "vendor"
        if "-" in card.name or not vendor_file.is_file():
            continue
        code = vendor_file.read_text().strip()
        memory = card / "device" / "mem_info_vram_total"
        mib = int(memory.read_text()) >> 20 if memory.is_file() else None
        found.append(Gpu(_VENDORS.get(code, code), card.name, mib))
    return found
