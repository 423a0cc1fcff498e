"""Pages say what is: paths they name exist, examples run, generated pages are fresh."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from cinemill.catalogue import operations
from cinemill.surfaces import perform, studio

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
PATH = re.compile(r"(?<![\w/.-])((?:src|docs|tests|bench)/[\w./-]*\w/?)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_named_in_pages_exist(page: Path) -> None:
    named = PATH.findall(page.read_text("utf-8"))
    named += re.findall(r"\]\(([\w./-]+)\)", page.read_text("utf-8")) if page.parent == ROOT else []
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_figures_of_the_comparison_are_those_that_were_measured() -> None:
    compared, measured = ((ROOT / "docs" / name).read_text("utf-8") for name in ("peers.md", "bench.md"))
    wanted = {"1.03"}  # what was aimed at
    assert set(re.findall(r"\d+\.\d+", compared)) - wanted <= set(re.findall(r"\d+\.\d+", measured))


def test_reference_page_is_fresh() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cinemill.surfaces.reference", "--check", "docs/reference.md"], cwd=ROOT, check=False
    )
    assert done.returncode == 0


def commands(page: Path) -> list[list[str]]:
    """What a page tells people to type: lines of its fenced blocks that begin with cinemill."""
    blocks = re.findall(r"```\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    lines = [
        line for block in blocks for line in block.splitlines() if re.match(r"(CINEMILL_\w+=\S+ )?cinemill ", line)
    ]
    return [shlex.split(line, comments=True) for line in lines]


def options(words: list[str]) -> set[str]:
    """The options that a command has, in this process: a start takes longer than all of them together."""
    by_name = {f"{path.replace('-', ' ', 1) if path.startswith('dv-') else path}": path for path in operations}
    name = next((name for name in (" ".join(words[:2]), words[0]) if name in by_name), None)
    if name:
        run, _ = perform.command(by_name[name])
        app = typer.Typer()
        app.command()(run)
        command: Any = typer.main.get_command(app)
    else:
        app = typer.Typer()
        studio.add_to(app)
        command = typer.main.get_command(app).commands[words[0]]  # type: ignore[attr-defined]
        command = command.commands[words[1]] if hasattr(command, "commands") else command
    return {word for param in command.params for word in (*param.opts, *param.secondary_opts)}


TOLD = [(page, words) for page in PAGES for words in commands(page)]


@pytest.mark.parametrize(("page", "words"), TOLD, ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_every_command_that_a_page_tells_exists(page: Path, words: list[str]) -> None:
    words = words[words.index("cinemill") + 1 :]
    asked = {word for word in words if re.match("--?[a-z]", word)}
    assert asked <= options(words)


def leaves(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The commands of a group and of those below it, by what people type."""
    for name, below in getattr(command, "commands", {}).items():
        yield from leaves(below, f"{path} {name}") if hasattr(below, "commands") else [(f"{path} {name}", below)]


def test_every_command_has_an_example_that_it_takes() -> None:
    app = typer.Typer()
    studio.add_to(app)
    for path, command in leaves(typer.main.get_command(app), "cinemill"):
        example = (command.help or "").partition("Example: ")[2]
        assert example.startswith(path), path
        words = shlex.split(example)[1:]
        assert {word for word in words if word.startswith("-")} <= options(words), path


def test_the_storyboard_of_the_pages_is_one(tmp_path: Path) -> None:
    from cinemill.film import board

    page = (ROOT / "docs/start/videos.md").read_text("utf-8")
    for name in ("beach.jpg", "waves.mp4", "song.mp3"):
        (tmp_path / name).touch()
    story = board.parsed(page.split("```yaml\n")[1].split("```")[0], tmp_path / "story.yaml")
    assert [scene.duration for scene in story.scenes] == [None, 4]


def test_the_pages_become_a_site_without_a_dead_link(tmp_path: Path) -> None:
    site = tmp_path / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]  # quiet, it counts none
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    page = (site / "start/tapes/index.html").read_text("utf-8")
    assert "cinemill restore" in page
    assert re.findall(r'(?:src|href)="(https?://(?!squidfunk)[^"]+)"', page) == []


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
