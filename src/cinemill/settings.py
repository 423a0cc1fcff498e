"""Where things are kept and how many cores to use: environment (`CINEMILL_*`), then TOML, then defaults.

The TOML file is `$XDG_CONFIG_HOME/cinemill/settings.toml`; `CINEMILL_CONFIG` names another.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from cinemill.errors import InvalidParams


def _xdg(variable: str, fallback: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / fallback) / "cinemill"


class Settings(BaseModel):
    """Settings of this user on this machine. Each may be set as `CINEMILL_NAME` or in settings.toml."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    state_dir: Path = _xdg("XDG_STATE_HOME", ".local/state")
    """Where the list of unfinished jobs is kept."""
    data_dir: Path = _xdg("XDG_DATA_HOME", ".local/share")
    """Where engines, models and user presets are installed."""
    cache_dir: Path = _xdg("XDG_CACHE_HOME", ".cache")
    """Where what can be made again is kept: models compiled for this machine."""
    threads: int = 0
    """Cores to use at most. 0 takes all that this process may use."""
    offline: bool = False
    """Fetch nothing from the network, and say what is missing instead."""
    mirror: str = ""
    """Where models are fetched from instead, such as https://mirror.example. `{url}`, `{host}` and `{path}` stand for
    the address and its parts; without them the mirror takes the place of scheme and host."""
    token: str = ""
    """What whoever asks the server has to show, from another machine. Needed for any address but this machine's."""
    job_lanes: int = 0
    """Jobs of the server that run at once on the cores. 0 takes a quarter of the cores, two at least; each graphics
    processor has one job beside that."""
    job_memory_gb: float = 0.0
    """Memory that a job of the server may take. 0 takes nine tenths of what there is."""
    job_cpu_hours: float = 0.0
    """Processor time that a process of a job may use. 0 is no limit."""
    stall_minutes: float = 15.0
    """Minutes after which a job of the server that says and does nothing is ended. 0 waits for ever."""
    keep_free_gb: float = 1.0
    """Room on the disk below which the server's jobs wait."""
    keep_days: float = 30.0
    """Days after which uploads and ended jobs of the server are removed."""
    keep_gb: float = 200.0
    """Room that uploads, and that ended jobs of the server, may take; the oldest go first."""
    upload_gb: float = 64.0
    """The largest file that the server takes."""
    shared_dirs: str = ""
    """Folders whose files may be named by their path in the server's API, parted by a colon (Windows: a semicolon)."""
    shared_buckets: str = ""
    """Addresses such as s3://films/in, parted by spaces, below which files may be named in the server's API; they are
    fetched with the server's own credentials."""
    allow_private_urls: bool = False
    """Let the server fetch from, and call, addresses of this machine and of the local network."""
    webhook_secret: str = ""
    """Key of the signatures on what the server sends to webhooks. Empty makes one, kept in the data directory."""

    @property
    def shared_folders(self) -> list[Path]:
        return [Path(text).expanduser() for text in self.shared_dirs.split(os.pathsep) if text]

    parts: str = ""
    """An address such as s3://films/parts where finished parts are kept too, for any machine to go on from. Empty keeps
    them beside the output alone."""
    remote: str = ""
    """Another cinemill server, such as http://studio:7860, that does what cannot be done here."""
    ray_cpus: float = 1
    """Cores that a chunk takes of a machine of a Ray cluster."""
    ray_gpus: float = 1
    """Of a GPU, where a chunk needs one; 0.5 puts two chunks on each."""


def config_file() -> Path:
    """The settings file that is read, whether or not it exists."""
    named = os.environ.get("CINEMILL_CONFIG")
    return Path(named) if named else _xdg("XDG_CONFIG_HOME", ".config") / "settings.toml"


def keep(values: Mapping[str, bool | int | float | str]) -> None:
    """Write settings into the file; what else is in it stays as it is. Raises InvalidParams, and OSError where nothing
    may be written."""
    path = config_file()
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    tables = next((number for number, line in enumerate(lines) if line.lstrip().startswith("[")), len(lines))
    for name, value in values.items():
        line = f"{name} = {json.dumps(value, ensure_ascii=False)}"
        at = next((number for number in range(tables) if re.match(rf"\s*{name}\s*=", lines[number])), None)
        if at is None:
            lines.insert(tables, line)
            tables += 1
        else:
            lines[at] = line
    text = "\n".join([*lines, ""])
    try:
        read = tomllib.loads(text)
        Settings.model_validate({key: value for key, value in read.items() if key in Settings.model_fields})
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        told = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise InvalidParams(f"{path} could not be read any more: {told}.") from None
    path.parent.mkdir(parents=True, exist_ok=True)
    passing = path.with_suffix(".tmp")
    passing.write_text(text, "utf-8")
    passing.replace(path)
    settings.cache_clear()


@lru_cache
def settings() -> Settings:
    """The settings, read once per process. Raises InvalidParams."""
    try:
        return Settings.model_validate(_in_file() | _in_environment())
    except tomllib.TOMLDecodeError as error:
        raise InvalidParams(f"{config_file()} is not TOML: {error}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        where = f"CINEMILL_{name.upper()} or {config_file()}"
        raise InvalidParams(f"setting {name}: {first['msg']}; it comes from {where}.") from None


def _in_file() -> dict[str, Any]:
    path = config_file()
    return tomllib.loads(path.read_text("utf-8")) if path.is_file() else {}


def _in_environment() -> dict[str, str]:
    """What `CINEMILL_NAME` says, in letters of either kind, by name."""
    named = ((key.lower(), text) for key, text in os.environ.items())
    return {key.removeprefix("cinemill_"): text for key, text in named if key.startswith("cinemill_")}
