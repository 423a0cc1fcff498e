"""The command as such: help, version, completion, speed, faults of our own."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cinemill import __version__
from cinemill.catalogue import operations, presets
from cinemill.surfaces import forms, glance
from command import COMMAND, Cinemill

Take = Callable[..., Path]
HEAVY = {"av", "cv2", "numpy", "pydantic", "onnxruntime", "torch", "ray", "gradio"}


def test_version(cinemill: Cinemill) -> None:
    assert cinemill("--version").out == f"cinemill {__version__}\n"


def spent() -> float:
    """Seconds of cores that commands took so far, however busy the machine is with other things."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_help_is_quick_and_loads_nothing_heavy(cinemill: Cinemill) -> None:
    cinemill("--help")
    times: list[float] = []
    for _ in range(3):
        begun = spent()
        assert cinemill("--help").code == 0
        times.append(spent() - begun)
    print(f"cinemill --help: {min(times):.3f} s of one core")
    assert min(times) < 1
    look = subprocess.run(
        [sys.executable, "-X", "importtime", *COMMAND[1:], "--help"], capture_output=True, text=True, check=True
    )
    loaded = {line.split("|")[-1].strip().split(".")[0] for line in look.stderr.splitlines()}
    assert "typer" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize("arguments", [["--help"], []])
def test_help_lists_every_operation_with_a_sentence(arguments: list[str], cinemill: Cinemill) -> None:
    said = cinemill(*arguments, COLUMNS="200")
    assert said.code == 0
    assert said.err == ""
    for name, operation in operations.items():
        if name.startswith("dv-"):
            continue  # `cinemill dv` lists them
        assert re.search(rf"^  {name} +{re.escape(operation.__doc__.splitlines()[0])}", said.out, re.MULTILINE), name


def test_what_is_read_at_a_glance_is_what_is_declared() -> None:
    glanced = glance.operations()
    assert {name: tuple(told) for name, told in glanced.items() if not told.summary.startswith("From ")} == {
        name: (operation.topic, operation.__doc__.splitlines()[0])
        for name, operation in operations.items()
        if type(operation).__module__.startswith("cinemill.")
    }


@pytest.mark.parametrize(
    ("name", "columns"), [("restore", 60), ("restore", 80), ("process", 120), ("extract-audio", 80)]
)
def test_help_of_an_operation_shows_its_own_options_first(name: str, columns: int, cinemill: Cinemill) -> None:
    said = cinemill(name, "--help", COLUMNS=str(columns))
    assert said.code == 0
    lines = [line for line in said.out.splitlines() if not line.startswith("Example: ")]
    assert max(map(len, lines)) <= columns
    assert said.out.startswith(f"Usage: cinemill {name} INPUT")
    entries = forms.entries(operations.get(name).params)
    own = [said.out.index(f"  {entry.option}") for entry in entries if entry.group == "Parameters"]
    inherited = [said.out.index(f"  {entry.option}") for entry in entries if entry.group != "Parameters"]
    common = [
        said.out.index(option, said.out.index("For every operation"))
        for option in ("--output", "--preset", "--overwrite", "--dry-run", "--json", "--chunk-seconds", "--on")
    ]
    assert own + inherited + common == sorted(own + inherited + common)
    assert "<" not in said.out, "types of Python are no help"


def complete(cinemill: Cinemill, words: str) -> list[str]:
    said = cinemill(_CINEMILL_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(words.count(" ")))
    return said.out.split()


def test_completion_knows_commands_options_and_choices(cinemill: Cinemill) -> None:
    assert complete(cinemill, "cinemill resto") == ["restore"]
    assert "--denoise" in complete(cinemill, "cinemill restore --de")
    assert "--chain" not in complete(cinemill, "cinemill restore --de")
    assert complete(cinemill, "cinemill process --codec h") == ["h264", "hevc"]
    fitting = [name for name, preset in presets().items() if preset.operation == "restore"]
    assert complete(cinemill, "cinemill restore --preset ") == fitting
    assert "pause" in complete(cinemill, "cinemill jobs ")
    assert "denoise.hqdn3d" in complete(cinemill, "cinemill filters de")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_is_produced(shell: str, cinemill: Cinemill) -> None:
    said = cinemill("--show-completion", shell)
    assert said.code == 0
    assert "_CINEMILL_COMPLETE" in said.out


def test_fault_of_our_own_is_one_sentence_until_asked_for_more(take: Take, cinemill: Cinemill, tmp_path: Path) -> None:
    """A plugin with a bug in its planning."""
    take("good.mp4")
    plugins = tmp_path / "plugins"
    about = plugins / "cinemill_broken-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: cinemill-broken\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[cinemill.operation]\nbroken = cinemill_broken\n")
    (plugins / "cinemill_broken.py").write_text(BROKEN)
    path = f"{plugins}:{cinemill.environment.get('PYTHONPATH', '')}"
    said = cinemill("broken", "good.mp4", PYTHONPATH=path)
    assert said.code == 1
    assert re.fullmatch(r"error: .*ZeroDivisionError: .* by zero.*CINEMILL_DEBUG=1.*\n", said.err)
    said = cinemill("broken", "good.mp4", PYTHONPATH=path, CINEMILL_DEBUG="1")
    assert 'File "' in said.err
    assert "in decide" in said.err
    said = cinemill("broken", "good.mp4", "--json", PYTHONPATH=path)
    assert said.events[-1]["event"] == "failed"
    assert said.err == ""
    assert "From cinemill_broken." in cinemill("--help", PYTHONPATH=path).out


BROKEN = '''
from cinemill.catalogue import Params
from cinemill.operations import Decided, Operation, operation

class Broken(Params):
    pass

@operation
class BrokenOperation(Operation):
    """Break."""
    name, params, decided = "broken", Broken, Decided
    def suffix(self, request): return ".out"
    def decide(self, request): return 1 // 0
    def part(self, request, decided, chunk, path): yield 1
    def join(self, request, decided, parts, output): yield 1.0
'''


def test_user_mistake_shows_its_origin_only_when_asked(cinemill: Cinemill) -> None:
    assert "Traceback" not in cinemill("process", "missing.mp4").err
    assert "Traceback" in cinemill("process", "missing.mp4", CINEMILL_DEBUG="1").err
