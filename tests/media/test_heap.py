"""Large buffers that are freed go back to the system when that was asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import numpy as np
from cinemill.media import heap
heap.return_large_buffers(False)
if {asked}:
    heap.return_large_buffers(True)

def megabytes():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6

np.ones(6_000_000, np.uint8)  # its end raises glibc's limit, unless that was fixed
before = megabytes()
large = [np.ones(5_000_000, np.uint8) for _ in range(20)]
small = np.ones(1000, np.uint8)  # on top of them, so that the heap cannot shrink
del large
print(megabytes() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's heap")
def test_what_is_freed_is_returned() -> None:
    command = [sys.executable, "-c", PROGRAM.format(asked=True)]
    kept = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert kept < 5
