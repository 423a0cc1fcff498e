"""`python -m bench [NAME...]`: run the named benchmarks, or all, and put their tables into docs/bench.md."""

from __future__ import annotations

import importlib
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench import PAGE, Table
from cinemill.hardware import cores, gpus

NAMES = ("transcode", "journal", "memory", "startup", "deinterlace", "upscale", "denoise", "pngs")
NAMES += ("stylize", "steadiness", "compose", "ken_burns", "whisper")


def main(names: list[str]) -> None:
    """Tables that are not asked for stay as they are on the page."""
    kept = _sections(PAGE.read_text("utf-8")) if PAGE.exists() else {}
    for name in names or NAMES:
        print(f"{name} ...", flush=True)
        table = importlib.import_module(f"bench.{name}").table()
        kept[table.title] = _section(table)
        print(kept[table.title])
    PAGE.write_text(_head() + "".join(kept.values()), "utf-8")


def _head() -> str:
    return "# Measured\n\nWritten by `make bench`; the targets are promises, the figures are what one machine gave.\n"


def _section(table: Table) -> str:
    head, *body = ["| " + " | ".join(row) + " |" for row in table.rows]
    rule = "|---" + "|---:" * (len(table.rows[0]) - 1) + "|"
    return "\n".join(["", f"## {table.title}", "", table.about, "", head, rule, *body, "", f"{_circumstances()}", ""])


def _sections(page: str) -> dict[str, str]:
    parts = page.split("\n## ")[1:]
    return {part.partition("\n")[0]: f"\n## {part}" for part in parts}


def _circumstances() -> str:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    packages = " ".join(f"{name} {version(name)}" for name in ("cinemill", "av", "imageio-ffmpeg", "numpy"))
    gpu = ", ".join(gpu.name for gpu in gpus()) or "no GPU"
    today = datetime.now(UTC).date()
    return (
        f"_{_processor()}, {cores()} cores, {gpu}; Python {platform.python_version()}, {packages}; {commit}, {today}_"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main(sys.argv[1:])
