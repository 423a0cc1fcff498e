"""The cinemill command as a real process, and what it says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cinemill.media.program import ffmpeg

COMMAND = [sys.executable, "-m", "cinemill.surfaces.cli"]
PATIENCE = 60.0
"""Seconds after which a test gives up on a process."""

Event = dict[str, Any]


@dataclass(frozen=True)
class Said:
    """How a run ended: exit code, standard output and standard error."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[Event]:
        return parse(self.out.splitlines(keepends=True))


def parse(lines: list[str]) -> list[Event]:
    """Events of --json; a line that a kill cut short is none."""
    return [json.loads(line) for line in lines if line.endswith("\n")]


class Cinemill:
    """Runs the command with state and configuration of its own, in a folder of its own."""

    def __init__(self, folder: Path, home: Path, **environment: str) -> None:
        self.folder = folder
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("CINEMILL_", "FORCE_COLOR"))},
            "CINEMILL_STATE_DIR": str(home / "state"),
            "CINEMILL_DATA_DIR": str(home / "data"),
            "CINEMILL_CONFIG": str(home / "settings.toml"),
            **environment,
        }

    def __call__(
        self,
        *arguments: object,
        before: Callable[[], None] | None = None,
        patience: float | None = None,
        **environment: str,
    ) -> Said:
        """Run to the end within `patience` seconds, else PATIENCE. `before` is called in the child, before that."""
        done = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            cwd=self.folder,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE if patience is None else patience,
            preexec_fn=before,
            check=False,
        )
        return Said(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *arguments: object) -> Running:
        """Begin, in a process group of its own."""
        return Running([*COMMAND, *map(str, arguments)], self.folder, self.environment)


class Running:
    """A run that is watched and interfered with. It is killed when it takes too long."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `end`
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._overdue = False
        self._watchdog = threading.Timer(PATIENCE, self._give_up)
        self._watchdog.start()

    def _give_up(self) -> None:
        self._overdue = True
        self.signal(signal.SIGKILL, group=True)

    def events(self) -> Iterator[Event]:
        """Events as they come."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line)
            yield from parse([line])

    def until(self, kind: str) -> Event:
        """The next event of this kind."""
        event = next((event for event in self.events() if event["event"] == kind), None)
        assert event, f"no {kind!r} among {self.lines}; {self.end().err}"
        return event

    def lives(self, seconds: float) -> bool:
        """Whether it still runs after that time at most."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def signal(self, number: int, group: bool = False) -> None:
        if group:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)

    def end(self) -> Said:
        """Wait for the end; all that was said."""
        assert self.process.stdout
        self.lines += self.process.stdout
        self.process.wait()
        self._watchdog.cancel()
        assert not self._overdue, f"took too long: {self.lines}"
        self._complaints.seek(0)
        with self.process.stdout, self._complaints:
            return Said(self.process.returncode, "".join(self.lines), self._complaints.read().decode())

    def kill(self) -> Said:
        """kill -9 of the whole process group."""
        self.signal(signal.SIGKILL, group=True)
        return self.end()


def framemd5(path: Path) -> str:
    """What the FFmpeg program makes of every stream of a file."""
    command = [ffmpeg(), "-v", "error", "-i", path, "-map", "0", "-f", "framemd5", "-"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def below(folder: Path) -> set[str]:
    """Everything in a folder, hidden or not."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def wait_until(happens: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Look again and again, until it is so or too late."""
    deadline = time.monotonic() + patience
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.01)
