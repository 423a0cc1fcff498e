"""How long until the command line answers, and what the catalogue drags in."""

from __future__ import annotations

import statistics
import subprocess
import sys

from bench import CINEMILL, Table, measure

_HEAVY = ("cv2", "av", "onnxruntime", "torch", "ray", "gradio")
_DISCOVER = f"""
import sys
from cinemill.catalogue import filters, operations
list(filters), list(operations)
print([name for name in {_HEAVY} if name in sys.modules])
"""


def table() -> Table:
    commands: dict[str, list[object]] = {
        "cinemill --help": [CINEMILL, "--help"],
        "cinemill process --help": [CINEMILL, "process", "--help"],
        "import and discover the catalogue": [sys.executable, "-c", _DISCOVER],
        "python -c pass": [sys.executable, "-c", "pass"],
    }
    rows = []
    for name, command in commands.items():
        measure(command)
        rows.append([name, f"{statistics.median(measure(command).seconds for _ in range(11)):.3f}"])
    loaded = subprocess.run(
        [sys.executable, "-c", _DISCOVER], capture_output=True, text=True, check=True
    ).stdout.strip()
    return Table(
        "Start-up",
        f"Median of 11 warm starts; target for --help: 0.25 s. Of {', '.join(_HEAVY)} the catalogue loads: {loaded}.",
        [["", "s"], *rows],
    )
