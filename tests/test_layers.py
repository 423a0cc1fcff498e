"""What may be imported where, beyond what import-linter says."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "cinemill"
FORBIDDEN_NAMES = {"utils", "common", "helpers", "core", "manager", "base"}


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [path for path in SOURCE.rglob("*.py") if path.stem in FORBIDDEN_NAMES] == []


def test_errors_and_version_load_standard_library_only() -> None:
    for name in ("errors", "version"):
        tree = ast.parse((SOURCE / f"{name}.py").read_text("utf-8"))
        imported = {
            (node.module or "").partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
        }
        assert imported <= sys.stdlib_module_names | {"__future__"}, name


def test_programs_are_started_in_few_places() -> None:
    """FFmpeg in one, engines in one, queued jobs in one; beside them uv, what lists devices, and who keeps the jobs."""
    starters = {path.name for path in SOURCE.rglob("*.py") if "import subprocess" in path.read_text("utf-8")}
    assert starters == {"program.py", "host.py", "install.py", "hardware.py", "processes.py", "keeper.py"}


def test_no_two_files_of_tests_have_one_name() -> None:
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert sorted(names) == sorted(set(names)), "pytest imports only one of each name"
