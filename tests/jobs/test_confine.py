"""What a confined process may still do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import subprocess, sys
from cinemill.jobs.confine import confine
if not confine([], []):
    sys.exit(77)
sys.exit(subprocess.run([sys.argv[1]], check=False).returncode)
"""


def test_engines_start_with_a_python_that_lies_elsewhere(tmp_path: Path) -> None:
    python = tmp_path / "elsewhere" / "bin" / "python3.12"
    python.parent.mkdir(parents=True)
    shutil.copy(shutil.which("true") or "/bin/true", python)
    link = tmp_path / "data" / "engines" / "whisper-1" / "bin" / "python"
    link.parent.mkdir(parents=True)
    link.symlink_to(python)
    here = {**os.environ, "CINEMILL_DATA_DIR": str(tmp_path / "data")}
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(link)], env=here, capture_output=True, check=False)
    if done.returncode == 77:
        pytest.skip("this system cannot confine")
    assert done.returncode == 0, done.stderr.decode()
