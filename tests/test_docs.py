"""Pages say what is: paths they name exist, examples run, generated pages are fresh."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
PATH = re.compile(r"(?<![\w/.-])((?:src|docs|tests|bench)/[\w./-]*\w/?)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_named_in_pages_exist(page: Path) -> None:
    named = PATH.findall(page.read_text("utf-8"))
    named += re.findall(r"\]\(([\w./-]+)\)", page.read_text("utf-8")) if page.parent == ROOT else []
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_reference_page_is_fresh() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cinemill.surfaces.reference", "--check", "docs/reference.md"], cwd=ROOT, check=False
    )
    assert done.returncode == 0


def test_every_command_of_the_tour_exists() -> None:
    tour = (ROOT / "README.md").read_text("utf-8").partition("## A tour")[2].split("```")[1]
    cinemill = str(Path(sys.executable).with_name("cinemill"))
    for line in tour.strip().splitlines():
        words = shlex.split(line, comments=True)
        assert words[0] == "cinemill"
        shown = subprocess.run([cinemill, words[1], "--help"], capture_output=True, text=True, check=True).stdout
        options = [word for word in words if word.startswith("--")]
        assert [option for option in options if option not in shown] == [], line


def test_the_filter_of_the_contributing_page_works_as_a_plugin(clip: Callable[[str], Path], tmp_path: Path) -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    (tmp_path / "negative.py").write_text(page.split("```python\n")[1].split("```")[0])
    info = tmp_path / "negative-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: negative\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[cinemill.filter]\nnegative = negative\n")
    source = clip("film.mp4")
    script = f"""
import cinemill
bright = next(cinemill.open({str(source)!r}).frames()).planes[0]
dark = next(cinemill.open({str(source)!r}).filter("negative").frames()).planes[0]
assert (dark == 255 - bright).all()
"""
    subprocess.run([sys.executable, "-c", script], env={"PYTHONPATH": str(tmp_path)}, check=True)
