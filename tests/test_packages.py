"""What people install is whole: wheel and source package, an empty environment, and the frozen program."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import uv

import clips

ROOT = Path(__file__).parents[1]
SPEECH = ROOT / "tests" / "speech" / "ten.ogg"
TOLD_TO_PIP = {"UV_FIND_LINKS": "PIP_FIND_LINKS", "UV_DEFAULT_INDEX": "PIP_INDEX_URL", "SSL_CERT_FILE": "PIP_CERT"}
LIMIT_MB = 680
"""What the core may take with all that it needs; the README tells how much it is."""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source package."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


def wheel_of(packages: Path) -> Path:
    return next(packages.glob("*.whl"))


def tracked(*folders: str) -> set[str]:
    """Files that belong to the project."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("only a checkout knows which files belong to it")
    done = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, check=True, capture_output=True, text=True)
    return {name for name in done.stdout.splitlines() if (ROOT / name).is_file()}


def untracked() -> set[str]:
    command = ["git", "ls-files", "--others", "--exclude-standard"]
    return set(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines())


def test_the_wheel_holds_the_package_and_nothing_else(packages: Path) -> None:
    with zipfile.ZipFile(wheel_of(packages)) as archive:
        names = archive.namelist()
        about = next(name for name in names if name.endswith("METADATA"))
        needs = archive.read(about).decode()
    files = {f"src/{name}" for name in names if ".dist-info/" not in name} - untracked()
    assert files == tracked("src/cinemill")
    assert {Path(name).suffix for name in files} >= {".onnx", ".cube", ".toml", ".yaml", ".css", ".js", ".svg", ".txt"}
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not re.search(r"^Requires-Dist: (torch|gradio|ray|PySide6)\b(?!.*extra ==)", needs, re.MULTILINE)


def test_the_source_package_holds_what_builds_and_proves_it(packages: Path) -> None:
    with tarfile.open(next(packages.glob("*.tar.gz"))) as archive:
        files = {name.partition("/")[2] for name in archive.getnames()} - {"PKG-INFO"} - untracked()
    wanted = tracked("src", "tests", "docs", "examples", "README.md", "LICENSE", "pyproject.toml", "constraints.txt")
    assert wanted - files == set()
    assert files - tracked() == set()


def tool(folder: Path, *arguments: str) -> None:
    """uv with an empty home of its own beside its cache."""
    own = {"UV_TOOL_DIR": str(folder / "tools"), "UV_TOOL_BIN_DIR": str(folder / "bin")}
    indexes = {ours: os.environ[pips] for ours, pips in TOLD_TO_PIP.items() if pips in os.environ}
    environment = {**indexes, **os.environ, **own}
    subprocess.run([uv.find_uv_bin(), *arguments], env=environment, check=True)


def bare(folder: Path, path: str = "/nowhere") -> dict[str, str]:
    """The environment of somebody who has nothing."""
    return {"PATH": path, "HOME": str(folder / "home"), "LANG": "C.UTF-8"}


def degraded(command: list[str], folder: Path, environment: dict[str, str]) -> Path:
    """A small worn tape, made by the program itself of a picture that moves."""
    clean, worn = folder / "clean.mp4", folder / "tape.mkv"
    source = ["-f", "lavfi", "-i", "testsrc2=s=320x240:r=25", "-f", "lavfi", "-i", "sine", "-t", 2]
    clips.run(*source, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", clean)
    asked = [*command, "degrade", str(clean), "-o", str(worn), "--preset", "vhs-pal"]
    subprocess.run(asked, cwd=folder, env=environment, check=True, capture_output=True)
    return worn


def works(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    """What a stranger tries first, from a folder of their own."""
    here = folder / "elsewhere"
    here.mkdir()

    def said(*words: object) -> str:
        asked = [*command, *map(str, words)]
        done = subprocess.run(asked, cwd=here, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{asked}: {done.stdout}{done.stderr}"
        return done.stdout

    assert "restore" in said("--help")
    assert "libx264" in said("doctor")
    worn = degraded(command, folder, environment)
    said("restore", worn, "-o", "restored.mp4")
    assert "h264" in said("probe", "restored.mp4")
    said("subtitle", SPEECH, "-o", "said.srt")
    assert " --> " in (here / "said.srt").read_text("utf-8")
    (here / "text.txt").write_text("It began with a photograph.")
    said("narrate", "text.txt", "-o", "voice.wav")
    assert (here / "voice.wav").stat().st_size > 10_000
    said("stylize", "restored.mp4", "-o", "drawn.mp4", "--style", "pencil")


def size_mb(folder: Path) -> float:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files if path.suffix != ".pyc") / 1e6


@pytest.mark.slow
def test_the_wheel_alone_works_in_an_empty_environment(packages: Path, tmp_path: Path) -> None:
    asked = ["--python", sys.executable, "-c", str(ROOT / "constraints.txt"), str(wheel_of(packages))]
    tool(tmp_path, "tool", "install", *asked)
    size = size_mb(tmp_path / "tools")
    print(f"the core takes {size:.0f} MB")
    assert size < LIMIT_MB
    told = re.search(r"(\d+) MB installed", (ROOT / "README.md").read_text("utf-8"))
    assert told
    assert abs(int(told[1]) - size) < 0.1 * size
    works([str(tmp_path / "bin" / "cinemill")], tmp_path, bare(tmp_path))


@pytest.mark.slow
def test_the_source_package_builds_the_same_wheel(packages: Path, tmp_path: Path) -> None:
    with tarfile.open(next(packages.glob("*.tar.gz"))) as archive:
        archive.extractall(tmp_path, filter="data")
    source = next(tmp_path.iterdir())
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as one, zipfile.ZipFile(wheel_of(packages)) as other:
        assert sorted(one.namelist()) == sorted(other.namelist())


def test_what_the_frozen_program_takes_along_is_there() -> None:
    """Its build takes minutes; a module that is called otherwise now is seen at once."""
    spec = (ROOT / "bundle" / "cinemill.spec").read_text("utf-8")
    packages = re.findall(r'collect_\w+\("(\w+)"', spec)
    for listed in re.findall(r"(?:package in \(|hidden \+= .*?\[)(.*?)[)\]]", spec):
        packages += re.findall(r'"([\w.]+)"', listed)
    assert {"cinemill", "av", "pocketsphinx", "onnxruntime", "numpy"} <= set(packages)
    assert [name for name in packages if importlib.util.find_spec(name) is None] == []
    compile(spec, "cinemill.spec", "exec")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="built on Linux; the same spec is for Windows and macOS")
def test_the_frozen_program_works_without_python(packages: Path, tmp_path: Path) -> None:
    tool(tmp_path, "venv", "--python", sys.executable, str(tmp_path / "env"))
    python = tmp_path / "env" / "bin" / "python"
    pins = ["--python", str(python), "-c", str(ROOT / "constraints.txt")]
    tool(tmp_path, "pip", "install", *pins, str(wheel_of(packages)), "pyinstaller>=6.10", "uv")
    where = ["--distpath", str(tmp_path / "dist"), "--workpath", str(tmp_path / "work")]
    build = [str(python), "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN", *where]
    subprocess.run([*build, str(ROOT / "bundle" / "cinemill.spec")], cwd=tmp_path, check=True)
    shutil.rmtree(tmp_path / "env")  # nothing of it may be needed
    frozen = tmp_path / "dist" / "cinemill"
    print(f"the frozen program takes {size_mb(frozen):.0f} MB")
    works([str(frozen / "cinemill")], tmp_path, bare(tmp_path))
