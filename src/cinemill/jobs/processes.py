"""Processes of queued jobs: each in a session of its own, limited, recognised again, ended with all that it began.

A process is known by its number and when it was born, for numbers are given out again. What it starts carries the
job's mark in its environment, wherever it went.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

MARK: Final = "CINEMILL_JOB"
"""The variable that names the job in the environment of all its processes."""
_PROC: Final = Path("/proc")
_EXITING: Final = 4
"""The system's flag of a process that gives back what it has (PF_EXITING)."""


def start(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """A process in a session of its own that says everything into `log` and outlives us."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env={**os.environ, **environment},
            start_new_session=True,
        )


def me() -> dict[str, Any]:
    """This process, as `is_alive` recognises it."""
    return {"pid": os.getpid(), "born": _born(os.getpid())}


def home() -> str:
    """Where a number means the same process as here: this start of this machine, in this container. Empty where the
    system does not tell."""
    try:
        return f"{_boot()} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def is_alive(process: Mapping[str, Any]) -> bool:
    """Whether the very process that was written down still runs, or waits to."""
    pid = int(process["pid"])
    if not process.get("born"):
        return _answers(pid)
    return _born(pid) == process["born"] and not _is_ending(pid)


def limit(*, memory: int = 0, cpu: int = 0, file: int = 0) -> None:
    """Limits of this process and what it starts; 0 is none. `memory` in bytes of its own data, `cpu` in seconds,
    `file` in bytes of one file that it writes."""
    if sys.platform == "win32":
        return
    import resource

    wanted = ((resource.RLIMIT_DATA, memory), (resource.RLIMIT_CPU, cpu), (resource.RLIMIT_FSIZE, file))
    for kind, most in wanted:
        if most:
            _, hard = resource.getrlimit(kind)
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            with suppress(ValueError, OSError):
                resource.setrlimit(kind, (most, hard))
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def send(process: Mapping[str, Any], mark: str, number: int) -> None:
    """A signal to all processes of a job: its group, and those that left it."""
    pid = int(process["pid"])
    if is_alive(process):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, number) if sys.platform != "win32" else os.kill(pid, number)
    for other in _marked(mark):
        if other != pid:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(other, number)


def end(mark: str) -> None:
    """Kill whatever carries the mark."""
    for pid in _marked(mark):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def use(mark: str) -> tuple[float, int]:
    """Seconds of processor time and bytes of memory that the processes of a job have used and use."""
    seconds, memory = 0.0, 0
    for pid in _marked(mark):
        with suppress(OSError, IndexError, ValueError):
            fields = _stat(pid)
            seconds += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            memory += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    return seconds, memory


def _marked(mark: str) -> Iterator[int]:
    wanted = f"{MARK}={mark}".encode()
    for folder in _PROC.glob("[0-9]*"):
        with suppress(OSError):
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _born(pid: int) -> str:
    """When a process was started, since which start of the machine; empty where the system does not tell."""
    try:
        return f"{_boot()}:{_stat(pid)[19]}"
    except (OSError, IndexError):
        return ""


def _boot() -> str:
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()


def _is_ending(pid: int) -> bool:
    """Dead, or so far on the way out that nothing more comes of it."""
    try:
        fields = _stat(pid)
        return fields[0] in ("Z", "X") or bool(int(fields[6]) & _EXITING)
    except (OSError, IndexError, ValueError):
        return True


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on; the second is a name and may hold anything."""
    return (_PROC / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
