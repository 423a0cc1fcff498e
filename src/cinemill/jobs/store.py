"""A job's folder: `plan.json` and parts, beside the output so that finishing is a rename.

    .NAME.cinemill/plan.json         what is done
    .NAME.cinemill/part-00000        a complete part; anything with .tmp is not
    .NAME.cinemill/hand-TOKEN        what the workers of a cluster hand in, in a run that the token names
    .NAME.cinemill/finished.json     the output is in place, only this folder is still to go
    .NAME.cinemill/lock              held by the process that works on it
    .NAME.cinemill/control           `pause` or `cancel`, for that process to see

A list of such folders is kept under the state directory for `cinemill jobs`; the folder itself is the truth.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from cinemill.errors import Cancelled, JobError, JobRunning, OpenFailed, OutputRefused, UnknownName
from cinemill.jobs.plan import Plan, Signature
from cinemill.media.identity import Identity, identify
from cinemill.settings import settings

Order = Literal["pause", "cancel"]
_GLANCE = 0.1
"""Seconds after which a lock that is held is taken for that of a running job."""
_PATIENCE = 0.5
"""Seconds to wait for a lock before giving up: more than those who only look hold it, less than people notice."""
_LONGEST_NAME = 240
"""Bytes of an output's name that leave room for what is put around it."""


class Finished(BaseModel):
    """Written before the output gets its name, so that a kill before the folder is gone finds the job done."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    signature: Signature
    output: Identity
    result: dict[str, Any]


class JobFolder:
    """The files of one job. Making one writes nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, output: Path) -> JobFolder:
        """The folder of the job that makes `output`."""
        output = output.resolve()
        raw = os.fsencode(output.name)
        name = output.name if len(raw) <= _LONGEST_NAME else hashlib.blake2b(raw, digest_size=16).hexdigest()
        return cls(output.parent / f".{name}.cinemill")

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
            _write(self.path / "plan.json", plan.model_dump_json(indent=1))
        if plan.output is None:
            return  # its folder is a passing one
        with suppress(OSError):  # the list is a convenience; a read-only home does not stop the job
            _registry().mkdir(parents=True, exist_ok=True)
            (_registry() / self.id).write_bytes(os.fsencode(self.path))

    def part(self, index: int) -> Path:
        return self.path / f"part-{index:05d}"

    def temporary(self, name: str) -> Path:
        return self.path / f"{name}.{os.getpid()}.tmp"

    def finish(self, plan: Plan, temporary: Path, output: Path, result: dict[str, Any]) -> None:
        """Give the output its name. Only for the holder of the lock."""
        from cinemill.media.write import durable, said_plainly

        word = Finished(signature=plan.signature, output=_identity(temporary), result=result)
        with said_plainly(output):
            _write(self.path / "finished.json", word.model_dump_json())
            durable(temporary, output)

    def finished(self, signature: Signature, output: Path | None) -> dict[str, Any] | None:
        """The result of this very job, if `output` is what it made and only the tidying was cut short."""
        if output is None:
            return None
        try:
            word = Finished.model_validate_json((self.path / "finished.json").read_bytes())
            same = word.signature == signature and word.output == _identity(output)
        except (OSError, ValidationError, OpenFailed):
            return None
        return word.result if same else None

    def sweep(self) -> None:
        """Remove what was left half done. Only for the holder of the lock."""
        for leftover in self.path.glob("*.tmp*"):
            removed(leftover)
        for hand in self.path.glob("hand-*"):
            removed(hand)

    def tidied(self) -> int:
        """Remove what was left half done by one that died; the bytes that frees. One that runs is left alone."""
        if not self.path.is_dir():
            return 0
        try:
            with FileLock(self.path / "lock").acquire(timeout=_GLANCE):
                before = size(self.path)
                self.sweep()
                return before - size(self.path)
        except (Timeout, OSError):
            return 0

    def discard_parts(self) -> None:
        """Throw finished parts away. Only for the holder of the lock."""
        for part in self.path.glob("part-*"):
            removed(part)

    @contextmanager
    def held(self) -> Generator[None, None, None]:
        """Make the folder and hold it against other processes; the system lets go when this one dies.

        Leaving without an error means that the job is done, and the folder goes. After an error or an interrupt it
        stays if it has a finished part to keep. Raises JobRunning, OutputRefused, DiskFull, and JobError when somebody
        removed the folder meanwhile.
        """
        lock = self._locked()
        kept = False
        try:
            self.sweep()
            self.order(None)
            yield
        except BaseException as error:
            kept = any(self.path.glob("part-*")) and not isinstance(error, Cancelled)
            if isinstance(error, Exception) and not self.path.is_dir():
                raise JobError(
                    f"{self.path} was removed while the job was running; run the same command again to begin anew."
                ) from error
            raise
        finally:
            if kept:
                self.sweep()
            else:
                self._clear()
            lock.release()

    def _locked(self) -> FileLock:
        from cinemill.media.write import said_plainly

        lock = FileLock(self.path / "lock")
        while True:
            with said_plainly(self.path):
                try:
                    self.path.mkdir(parents=True, exist_ok=True)
                    lock.acquire(timeout=_PATIENCE)
                    return lock
                except FileNotFoundError:
                    if not self.path.parent.is_dir() or not self._can_be_made():
                        raise OutputRefused(f"{self.path.parent} may not be written to.") from None
                    # else the last holder has just removed the folder
                except Timeout:
                    raise self._busy() from None

    def _can_be_made(self) -> bool:
        """Some places, /proc for one, say of anything new that it is not there."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError:
            return False
        return True

    def _busy(self) -> JobRunning:
        return JobRunning(f"another process is already making this output (job {self.id}).")

    def _clear(self) -> None:
        """Empty and remove the folder. Whoever finds no lock may enter: only the word of success goes after it."""
        last = ("lock", "finished.json")
        for path in [*(p for p in self.path.glob("*") if p.name not in last), *(self.path / name for name in last)]:
            with suppress(OSError):
                removed(path)
        with suppress(OSError):
            self.path.rmdir()
        with suppress(OSError):
            (_registry() / self.id).unlink()

    def remove(self) -> None:
        """Forget the job and its parts. Raises JobRunning."""
        with self.held():
            pass

    def refuse_running(self) -> None:
        """Raises JobRunning while another process works on it."""
        if self.is_running():
            raise self._busy()

    def is_running(self) -> bool:
        """Whether another process works on it. Tries the lock for a moment, so that two looks do not see each other."""
        if not self.path.is_dir():
            return False
        try:
            with FileLock(self.path / "lock").acquire(timeout=_GLANCE):
                if {path.name for path in self.path.iterdir()} == {"lock"}:
                    self._clear()  # the look itself made it, just when the job ended
                return False
        except Timeout:
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


def removed(path: Path) -> None:
    """Take away a file, or a folder with all that is in it, if it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    total = 0
    for each in (path, *path.rglob("*")):
        with suppress(OSError):
            total += each.lstat().st_size if not each.is_dir() else 0
    return total


def _identity(output: Path) -> Identity:
    """As of any file; of a folder, its time of change, which a new name leaves as it is."""
    if not output.is_dir():
        return identify(output)
    return Identity(size=0, mtime_ns=output.stat().st_mtime_ns, sample="folder")


def listed() -> list[JobFolder]:
    """Unfinished jobs on this machine, oldest first; entries whose folder is gone are dropped."""
    found: list[JobFolder] = []
    for entry in sorted(_registry().glob("*"), key=_age):
        with suppress(OSError):
            folder = JobFolder(Path(os.fsdecode(entry.read_bytes())))
            if folder.exists():
                found.append(folder)
            else:
                entry.unlink(missing_ok=True)
    return found


def _age(entry: Path) -> float:
    try:
        return entry.stat().st_mtime
    except OSError:
        return 0.0


def find(id: str) -> JobFolder:
    """The listed job whose id begins with `id`, or the one that makes the output of that name. Raises UnknownName."""
    here = JobFolder.of(Path(id))
    if here.exists():
        return here
    folders = listed()
    matching = [folder for folder in folders if folder.id.startswith(id)]
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
