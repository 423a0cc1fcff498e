"""The package that strangers copy: installed as they would install it, and seen everywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from command import COMMAND

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "cinemill-negative"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the path with the example in it, built and installed without a network."""
    built, target = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)]
    subprocess.run(build, cwd=EXAMPLE, check=True, capture_output=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([*pip, *map(str, built.glob("*.whl"))], check=True)
    return target


def test_the_example_is_what_the_page_tells() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    code = (EXAMPLE / "cinemill_negative.py").read_text("utf-8")
    assert code == page.split("```python\n")[1].split("```")[0]
    declared = code.split("\n\n\n", 1)[1]
    assert len(declared.splitlines()) < 20


def test_the_example_is_seen_on_the_command_line_in_python_in_the_api_and_in_the_reference(
    installed: Path, clip: Callable[[str], Path], tmp_path: Path
) -> None:
    here = {**os.environ, "PYTHONPATH": str(installed)}

    def said(*words: str) -> str:
        done = subprocess.run(words, env=here, cwd=tmp_path, check=True, capture_output=True, text=True)
        return done.stdout

    source = str(clip("film.mp4"))
    told = json.loads(said(*COMMAND, "filters", "negative", "--json"))
    assert told[0]["summary"] == "Turn light into dark."
    said(*COMMAND, "process", source, "-o", "dark.mp4", "--chain", "negative=strength:1")
    script = f"""
import cinemill
from cinemill.surfaces import reference
from cinemill.surfaces.api import catalogue
bright = next(cinemill.open({source!r}).frames()).planes[0]
dark = next(cinemill.open({source!r}).filter("negative").frames()).planes[0]
assert (dark == 255 - bright).all()
coded = next(cinemill.open("dark.mp4").frames()).planes[0]
assert abs(coded.astype(int) - dark).mean() < 4
found = next(one for one in catalogue.whole()["filters"] if one["name"] == "negative")
assert found["params"][0]["name"] == "strength"
assert "### negative" in reference.page()
from cinemill.surfaces.web import fields
assert ("negative: Turn light into dark.", "negative=strength:1") in fields.steps()
"""
    said(sys.executable, "-c", script)
