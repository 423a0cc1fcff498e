"""Environments of engines: made by uv from pinned names, under the data directory, keyed by their pins and interpreter.

An environment whose pins have changed is another environment; the old one is removed when the new one is ready.
uv is 38 MB and of no use without a network: where it is not, it is fetched with the first engine.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from packaging.specifiers import SpecifierSet

from cinemill.engines import Engine, engines
from cinemill.engines.host import Host
from cinemill.errors import CinemillError, DiskFull, MissingEngine
from cinemill.settings import settings


def environment(engine: Engine) -> Path:
    """Where the engine's environment is or would be."""
    pins = engine.requirements.read_bytes() + (engine.overrides.read_bytes() if engine.overrides.is_file() else b"")
    key = hashlib.blake2b(pins + engine.python.encode(), digest_size=4).hexdigest()
    return settings().data_dir / "engines" / f"{engine.name}-{key}"


def interpreter(engine: Engine) -> Path:
    """The Python inside the environment."""
    folder = environment(engine)
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def is_installed(engine: Engine) -> bool:
    """An environment counts when it was finished."""
    return (environment(engine) / "ready").is_file()


def is_sound(engine: Engine) -> bool:
    """Whether the environment's Python runs: it is lost with the one that it was made with."""
    try:
        done = subprocess.run([interpreter(engine), "-I", "-c", ""], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def command(engine: Engine) -> list[str]:
    """What starts the engine. Raises MissingEngine with how to get it."""
    if not is_installed(engine):
        raise MissingEngine(
            f"engine {engine.name} is not installed; `cinemill engines install {engine.name}` does it "
            f"(about {engine.size_mb} MB).",
            engine=engine.name,
        )
    return [str(interpreter(engine)), str(engine.serve)]


def install(engine: Engine) -> Iterator[str]:
    """Build the environment, saying what is done. Does nothing when it is there.

    Raises MissingEngine when there is no fitting interpreter or a package cannot be had, DiskFull.
    """
    if is_installed(engine):
        yield f"{engine.name} is installed in {environment(engine)}"
        return
    python = find_python(engine)
    folder = environment(engine)
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    if uv_program() is None:
        yield "fetching uv, which makes environments"
        _fetch_uv(engine)
    yield f"making an environment for {engine.name} with {python}"
    _uv(engine, "venv", "--python", str(python), str(folder))
    yield f"installing packages, about {engine.size_mb} MB"
    instead = ["--override", str(engine.overrides)] if engine.overrides.is_file() else []
    _uv(engine, "pip", "install", "--python", str(interpreter(engine)), "-r", str(engine.requirements), *instead)
    (folder / "ready").touch()
    for old in folder.parent.glob(f"{engine.name}-*"):
        if old != folder:
            shutil.rmtree(old, ignore_errors=True)
    yield f"{engine.name} is ready in {folder}"


def remove(engine: Engine) -> int:
    """Delete every environment of the engine; how many bytes that gave back."""
    freed = 0
    for folder in (settings().data_dir / "engines").glob(f"{engine.name}-*"):
        freed += sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
        shutil.rmtree(folder, ignore_errors=True)
    return freed


def find_python(engine: Engine) -> Path:
    """The oldest interpreter here that satisfies `engine.python`. Raises MissingEngine saying how to get one.

    pyenv's shims answer for versions that are not active, so its versions are looked at themselves.
    """
    wanted = SpecifierSet(engine.python)
    fitting = {version: path for path in _pythons() if (version := _version(path)) and version in wanted}
    if not fitting:
        raise MissingEngine(
            f"engine {engine.name} needs Python {engine.python}, and none is on this machine. Install one, with "
            "`uv python install 3.12`, `pyenv install 3.12` or your system's packages, and try again.",
            engine=engine.name,
        )
    return fitting[min(fitting, key=lambda text: tuple(map(int, text.split("."))))]


def _pythons() -> Iterator[Path]:
    folders = [Path(part) for part in os.environ.get("PATH", "").split(os.pathsep) if part]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    managed = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or Path.home() / ".local/share/uv/python")
    folders += [*sorted(pyenv.glob("versions/*/bin")), *sorted(managed.glob("*/bin")), Path("/usr/bin")]
    for folder in folders:
        if folder.name != "shims":
            yield from sorted(folder.glob("python3.[0-9]*"))


def _version(python: Path) -> str | None:
    if not python.name.removeprefix("python3.").isdigit():
        return None
    ask = "import sys; print('.'.join(map(str, sys.version_info[:3])))"
    try:
        done = subprocess.run([python, "-I", "-c", ask], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


_UV: Final = "uv>=0.8"


def _uv(engine: Engine, *arguments: str) -> None:
    # uv does not read pip's settings; where these name a mirror or a certificate it needs them too.
    told_to_pip = {"UV_FIND_LINKS": "PIP_FIND_LINKS", "UV_DEFAULT_INDEX": "PIP_INDEX_URL", "SSL_CERT_FILE": "PIP_CERT"}
    environ = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    for ours, pips in told_to_pip.items():
        if pips in os.environ:
            environ.setdefault(ours, os.environ[pips])
    program = uv_program()
    if program is None:
        raise MissingEngine(f"engine {engine.name} cannot be installed without uv: `pip install uv`, and try again.")
    _run(engine, [program, *arguments], environ)


def _run(engine: Engine, command: list[str], environ: dict[str, str]) -> None:
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join(done.stderr.split())[-600:]
        if "No space left" in said:
            raise DiskFull(f"no room for engine {engine.name} in {settings().data_dir}.")
        raise MissingEngine(f"engine {engine.name} cannot be installed: {said}", engine=engine.name)


def uv_program() -> str | None:
    """uv as it comes with this environment, is on the path, or was fetched; None where it is nowhere."""
    try:
        import uv
    except ImportError:
        path = os.pathsep.join([os.environ.get("PATH", ""), str(_fetched() / "bin"), str(_fetched() / "Scripts")])
        return shutil.which("uv", path=path)
    return uv.find_uv_bin()


def _fetched() -> Path:
    return settings().data_dir / "engines" / "uv"


def _fetch_uv(engine: Engine) -> None:
    """By the pip of this environment; where it has none, people are asked to."""
    if find_spec("pip") is None:
        return
    shutil.rmtree(_fetched(), ignore_errors=True)  # what was cut off
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    _run(engine, [*pip, "--target", str(_fetched()), _UV], dict(os.environ))


def examine(engine: Engine) -> dict[str, Any]:
    """Start the engine and ask it what it is: `works` (None when it is not installed) and `detail`."""
    if not is_installed(engine):
        return {"works": None, "detail": f"not installed; `cinemill engines install {engine.name}`"}
    host = Host(engine.name, command(engine))
    try:
        said = host.describe()
    except CinemillError as error:
        return {"works": False, "detail": error.sentence}
    finally:
        host.stop()
    return {"works": True, "detail": ", ".join(f"{key} {value}" for key, value in said.items())}


def warm(name: str) -> Host:
    """The host of an installed engine, one per process, so that what it loaded stays loaded."""
    return _hosts.setdefault(name, Host(name, command(engines.get(name))))


_hosts: dict[str, Host] = {}
