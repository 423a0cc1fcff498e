"""`cinemill doctor --fix`: what dead processes left goes, what can be made again goes, what is broken is mended.

Films, results, presets, models, settings and what unfinished jobs have finished are never touched.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from cinemill.jobs import store
from cinemill.jobs.store import removed, size
from cinemill.settings import settings

_PREFIX: Final = "cinemill-"
"""Of every passing folder that cinemill makes."""
_STALE: Final = 86_400.0
"""Seconds after which nobody comes back to something half done, where the system does not say whether anybody lives."""
_NEEDED: Final = ("brought", "piped", "storyboards")
"""Caches that unfinished jobs read: what they were given by address, by pipe, from Python."""


def mend() -> Iterator[str]:
    """Do it, and say each thing that was done, in a sentence."""
    busy = _others()
    yield from _passing(busy)
    yield from _jobs()
    yield from _studio()
    yield from _halves()
    yield from _engines()
    yield from _caches(busy)


def _others() -> bool | None:
    """Whether another cinemill of this user runs; None where the system does not tell."""
    proc = Path("/proc")
    if not (proc / "self").exists():
        return None
    mine = {os.getpid(), os.getppid()}
    for folder in proc.glob("[0-9]*"):
        with suppress(OSError):
            said = (folder / "cmdline").read_bytes()
            if b"cinemill" in said and folder.stat().st_uid == os.getuid() and int(folder.name) not in mine:
                return True
    return False


def _is_left(path: Path, busy: bool | None) -> bool:
    """Whether nobody uses a passing thing any more."""
    with suppress(OSError):
        status = path.lstat()
        own = not hasattr(os, "getuid") or status.st_uid == os.getuid()
        return own and (busy is False or time.time() - status.st_mtime > _STALE)
    return False


def _passing(busy: bool | None) -> Iterator[str]:
    """Folders that killed processes left where the system keeps what is passing."""
    found = [path for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*") if path.is_dir() and _is_left(path, busy)]
    yield from _gone(found, "passing folder")


def _jobs() -> Iterator[str]:
    """What jobs that died left half done. What they have finished stays, for them to go on."""
    entries = len(list((settings().state_dir / "jobs").glob("*")))
    folders = store.listed()
    if lost := entries - len(folders):
        yield f"{_counted(lost, 'job')} whose folder is gone {'is' if lost == 1 else 'are'} no longer listed."
    freed = sum(folder.tidied() for folder in folders)
    if freed:
        yield f"half done parts of unfinished jobs are removed: {_shown(freed)}."


def _studio() -> Iterator[str]:
    """The server's queue: its database, passing folders of jobs, uploads that stopped. Only while no server runs."""
    folder = settings().data_dir / "studio"
    if not (folder / "queue.db").is_file():
        return
    lock = FileLock(folder / "keeper.lock")
    try:
        lock.acquire(timeout=0.1)
    except Timeout:
        yield "a server runs, and keeps its queue in order itself."
        return
    try:
        yield from _database(folder / "queue.db")
        yield from _gone(list((folder / "jobs").glob("*/tmp")), "passing folder", "of the server's jobs")
        halves = [path for path in (folder / "files" / "partial").glob("*") if _is_left(path, None)]
        yield from _gone(halves, "upload", "that stopped")
    finally:
        lock.release()


def _database(path: Path) -> Iterator[str]:
    """A queue that cannot be read is put aside; the next server begins a new one."""
    try:
        with closing(sqlite3.connect(path)) as db:
            told = db.execute("pragma quick_check").fetchone()[0]
            db.execute("pragma wal_checkpoint(truncate)")
    except sqlite3.DatabaseError as error:
        told = str(error)
    if told == "ok":
        return
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    yield f"the server's queue is damaged ({told}); it is put aside as {aside}, and a new one is begun."


def _halves() -> Iterator[str]:
    """Imports of models that broke off. Downloads that broke off are kept: they go on where they were."""
    from cinemill.models import registry

    found = [path for name in (".import-*", ".convert-*") for path in registry.folder().glob(f"**/{name}")]
    yield from _gone([path for path in found if _is_left(path, None)], "broken import", "of a model")


def _engines() -> Iterator[str]:
    """Environments that were not finished, are of other pins, or whose Python is gone."""
    from cinemill.engines import engines, install

    known = {install.environment(engine): name for name, engine in engines.items()}
    for folder in sorted((settings().data_dir / "engines").glob("*-*")):
        name = known.get(folder, folder.name.rpartition("-")[0])
        if not (folder / "ready").is_file():
            if _is_left(folder, None):
                yield from _gone([folder], "unfinished environment", f"of engine {name}")
        elif folder not in known:
            yield from _gone([folder], "environment", f"of engine {name} with other pins")
        elif not install.is_sound(engines.get(name)):
            yield from _gone([folder], "environment", f"of engine {name}, for its Python is gone,")
            yield f"`cinemill engines install {name}` makes it anew."


def _caches(busy: bool | None) -> Iterator[str]:
    """What can be made again. What unfinished jobs read stays, and everything while somebody may be reading it."""
    folder = settings().cache_dir
    if busy:
        yield "another cinemill runs; the caches are left to it."
        return
    kept = _NEEDED if _is_something_unfinished() else ()
    yield from _gone([path for path in folder.glob("*") if path.name not in kept], "cache")


def _is_something_unfinished() -> bool:
    from cinemill.jobs.queue import Queue

    if store.listed():
        return True
    folder = settings().data_dir / "studio"
    if not (folder / "queue.db").is_file():
        return False
    with closing(Queue(folder)) as queue:
        return any(queue.counts()[state] for state in ("queued", "running", "paused"))


def _gone(paths: list[Path], what: str, whose: str = "") -> Iterator[str]:
    """Remove them, and say so."""
    freed = 0
    for path in paths:
        freed += size(path)
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() and not path.is_symlink() else removed(path)
    if paths:
        told = " ".join(filter(None, [_counted(len(paths), what), whose]))
        yield f"{told} {'is' if len(paths) == 1 else 'are'} removed: {_shown(freed)}."


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _shown(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
