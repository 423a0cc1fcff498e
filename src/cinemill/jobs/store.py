"""A job's folder: `plan.json` and parts, beside the output so that finishing is a rename.

    .NAME.cinemill/plan.json         what is done
    .NAME.cinemill/part-00000        a complete part; anything with .tmp is not
    .NAME.cinemill/lock              held by the process that works on it
    .NAME.cinemill/control           `pause` or `cancel`, for that process to see

A list of such folders is kept under the state directory for `cinemill jobs`; the folder itself is the truth.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout
from pydantic import ValidationError

from cinemill.errors import JobRunning, UnknownName
from cinemill.jobs.plan import Plan
from cinemill.settings import settings

Order = Literal["pause", "cancel"]


class JobFolder:
    """The files of one job. Making one writes nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, output: Path) -> JobFolder:
        """The folder of the job that makes `output`."""
        output = output.resolve()
        return cls(output.parent / f".{output.name}.cinemill")

    @property
    def id(self) -> str:
        """Eight characters that name the job on the command line."""
        return hashlib.blake2b(str(self.path).encode(), digest_size=4).hexdigest()

    def exists(self) -> bool:
        return (self.path / "plan.json").is_file()

    def plan(self) -> Plan | None:
        """The plan on disk, or None if there is none that can be read."""
        try:
            return Plan.model_validate_json((self.path / "plan.json").read_bytes())
        except (OSError, ValidationError):
            return None

    def begin(self, plan: Plan) -> None:
        """Write the plan and enter the job in the list. Raises OutputRefused where nothing may be written."""
        from cinemill.media.write import said_plainly

        with said_plainly(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            _write(self.path / "plan.json", plan.model_dump_json(indent=1))
        try:
            registry = _registry()
            registry.mkdir(parents=True, exist_ok=True)
            _write(registry / self.id, str(self.path))
        except OSError:
            pass  # the list is a convenience; a read-only home does not stop the job

    def part(self, index: int) -> Path:
        return self.path / f"part-{index:05d}"

    def temporary(self, name: str) -> Path:
        return self.path / f"{name}.{os.getpid()}.tmp"

    def sweep(self) -> None:
        """Remove what a killed run left half done. Only for the holder of the lock."""
        for leftover in self.path.glob("*.tmp*"):
            leftover.unlink(missing_ok=True)

    def discard_parts(self) -> None:
        """Throw finished parts away. Only for the holder of the lock."""
        for part in self.path.glob("part-*"):
            part.unlink(missing_ok=True)

    def remove(self) -> None:
        """Forget the job and its parts."""
        shutil.rmtree(self.path, ignore_errors=True)
        (_registry() / self.id).unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Generator[None, None, None]:
        """Hold the job against other processes; the system lets go when this one dies. Raises JobRunning."""
        lock = FileLock(self.path / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise JobRunning(f"another process is already making this output (job {self.id}).") from None
        try:
            yield
        finally:
            lock.release()

    def is_running(self) -> bool:
        try:
            with self.locked():
                return False
        except JobRunning:
            return True
        except OSError:
            return False

    def order(self, order: Order | None) -> None:
        """Tell the process that works on it to pause or to cancel; None takes a pause back."""
        control = self.path / "control"
        if order is None:
            control.unlink(missing_ok=True)
        else:
            _write(control, order)

    def ordered(self) -> str | None:
        try:
            return (self.path / "control").read_text()
        except OSError:
            return None


def listed() -> list[JobFolder]:
    """Unfinished jobs on this machine, oldest first; entries whose folder is gone are dropped."""
    found: list[JobFolder] = []
    entries = sorted(_registry().glob("*"), key=lambda path: path.stat().st_mtime)
    for entry in entries:
        folder = JobFolder(Path(entry.read_text()))
        if folder.exists():
            found.append(folder)
        else:
            entry.unlink(missing_ok=True)
    return found


def find(id: str) -> JobFolder:
    """The listed job whose id begins with `id`, or the one that makes the output of that name."""
    folders = listed()
    matching = [f for f in folders if f.id.startswith(id) or f.path == JobFolder.of(Path(id)).path]
    if len(matching) != 1:
        raise UnknownName("job", id, [folder.id for folder in folders])
    return matching[0]


def _registry() -> Path:
    return settings().state_dir / "jobs"


def _write(path: Path, text: str) -> None:
    """All or nothing."""
    from cinemill.media.write import durable

    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, "utf-8")
    durable(temporary, path)
