"""Files that the page may show and use: those on the queue's shelf, outputs of its jobs, and pictures to look at."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import quote

from cinemill.errors import OpenFailed
from cinemill.jobs.queue import Queue
from cinemill.jobs.shelf import clean_name

_MOST_TEXT = 8 << 20
"""Bytes of what somebody types."""
_MOST_PICTURES = 400
"""Pictures that are kept to look at; the oldest go first."""


class Workspace:
    """The folders of a queue, and one beside them for pictures."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.pictures = queue.folder / "pictures"
        self.labs = queue.folder / "labs"
        for folder in (self.pictures, self.labs):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def folders(self) -> tuple[Path, ...]:
        """Whatever lies in these may be shown to whoever may see the page."""
        found = (self.queue.shelf.folder, self.queue.folder / "jobs", self.pictures, self.labs)
        return tuple(path.resolve() for path in found)

    def owned(self, path: str | Path | None) -> Path:
        """The file, if it is one of the studio's. Raises OpenFailed for any other, whatever it is."""
        if not path:
            raise OpenFailed("choose a file first.")
        found = Path(path).resolve()
        if not any(found.is_relative_to(folder) for folder in self.folders):
            raise OpenFailed(f"{found.name} is not a file of this studio; upload it.")
        if not found.is_file():
            raise OpenFailed(f"{found.name} is no longer here; upload it again.")
        return found

    def take(self, uploaded: str | Path, arrivals: Path) -> Path:
        """Move a file that arrived in the folder `arrivals` to the shelf. Raises OpenFailed for others."""
        path = Path(uploaded).resolve()
        if not path.is_relative_to(arrivals.resolve()) or not path.is_file():
            raise OpenFailed("this file did not arrive whole; upload it again.")
        return self.queue.shelf.keep(path, path.name, move=True).path

    def copied(self, path: str | Path) -> Path:
        """A file that arrived in a field of a form, at a lasting place."""
        return self.queue.shelf.keep(Path(path), Path(path).name).path

    def written(self, text: str, name: str) -> Path:
        """Text that was typed, as a file."""
        return self.queue.shelf.write([text.encode()], name, _MOST_TEXT).path

    def named(self, name: str, job: str) -> Path:
        """Where something made of a job's output is written; it goes with the job."""
        folder = self.queue.place(job) / "page"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / clean_name(name)

    def recent(self, most: int = 30) -> list[Path]:
        """Files that were uploaded or made, the newest first."""
        found = [(one.used, one.path) for one in self.queue.shelf]
        for job in self.queue.jobs(["done"], limit=most):
            found += [(job.finished or job.created, path) for path in job.outputs if path.is_file()]
        return list(dict.fromkeys(path for _, path in sorted(found, reverse=True)))[:most]

    def tidy(self) -> None:
        """Let go of the oldest pictures."""
        shown = sorted(self.pictures.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in shown[_MOST_PICTURES:]:
            path.unlink(missing_ok=True)


def address(path: Path) -> str:
    """Where the browser finds a file of the workspace, seen from the page."""
    return f"gradio_api/file={quote(str(path))}"


def since(path: Path) -> str:
    """How long ago a file was written, for people."""
    seconds = max(0.0, time.time() - path.stat().st_mtime)
    for length, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {word}{'s' if count > 1 else ''} ago"
    return "just now"
