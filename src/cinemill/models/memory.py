"""How much memory a computation may still take."""

from __future__ import annotations

import os
from pathlib import Path

_UNKNOWN = 2 << 30
"""Bytes to go on with where the system does not say."""


def free(meminfo: Path = Path("/proc/meminfo"), group: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes of main memory that are free or can be freed, within the control group's limit."""
    return min(_system(meminfo), _group(group))


def _system(meminfo: Path) -> int:
    try:
        lines = meminfo.read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, OSError, ValueError):
        return _UNKNOWN


def _group(folder: Path) -> int:
    """What control group version 2 leaves; file caches count as used there, and are given back when needed."""
    try:
        limit = int((folder / "memory.max").read_text())
        used = int((folder / "memory.current").read_text())
        facts = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return max(0, limit - used + int(facts.get("inactive_file", 0)))
    except (OSError, ValueError):
        return 1 << 62
