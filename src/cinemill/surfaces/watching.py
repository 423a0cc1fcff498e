"""Folders that are watched: files that have come to rest, each once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from cinemill.errors import OpenFailed, RequestError
from cinemill.surfaces import forms

PAUSE = 2.0
"""Seconds between looks. A file that has not changed since the last one has arrived."""

Shape = tuple[int, int]


class Watched:
    """What was seen of each file: its size and time of change, and which of these were worked on."""

    def __init__(self) -> None:
        self._seen: dict[Path, Shape] = {}
        self._done: set[tuple[Path, Shape]] = set()

    def arrived(self, file: Path) -> bool:
        """Whether a file has come to rest since the last look, and is new. Each is told once."""
        try:
            status = file.stat()
        except OSError:
            return False
        shape = status.st_size, status.st_mtime_ns
        rests, self._seen[file] = self._seen.get(file) == shape, shape
        if not rests or not shape[0] or (file, shape) in self._done:
            return False
        self._done.add((file, shape))
        return True


def arrivals(
    name: str,
    inputs: list[Path],
    output: str | None,
    explicit: dict[str, object],
    preset: str | None,
    pause: float = PAUSE,
) -> Iterator[forms.Task]:
    """Tasks for files that arrive in folders, without end; those whose output exists are passed over.

    Raises RequestError where nothing that is watched is a folder.
    """
    if not any(path.is_dir() for path in inputs):
        raise RequestError("--watch looks into folders; name one.")
    watched = Watched()
    while True:
        for task in _tasks(name, inputs, output, explicit, preset):
            if watched.arrived(task.asked.inputs[0]):
                yield task
        time.sleep(pause)


def _tasks(
    name: str, inputs: list[Path], output: str | None, explicit: dict[str, object], preset: str | None
) -> list[forms.Task]:
    try:
        return forms.batch(name, inputs, output, explicit, preset)
    except OpenFailed:  # nothing is there yet
        return []
