"""Pieces and sounds of films, kept for the next time by what decided them. The oldest go when there is much."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from cinemill.errors import JobError
from cinemill.media import parts
from cinemill.settings import settings

_MOST_BYTES = 8 << 30


def place(digest: str) -> Path:
    """Where the piece of that digest is kept."""
    return settings().cache_dir / "film" / digest[:2] / digest


def has(digest: str) -> bool:
    """Whether the piece is there. One that is there is whole: it was renamed into place."""
    return place(digest).is_file()


def passing(digest: str) -> Path:
    """A name to write a piece under before it gets its own."""
    path = place(digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f"{path.name}.{os.getpid()}.tmp")


def take(digest: str, path: Path) -> None:
    """Give what is kept the name `path` too, or copy it where that is on another disk.

    Raises JobError for a piece that is damaged, which is then kept no longer.
    """
    source = place(digest)
    os.utime(source)
    if parts.is_part(source) and not parts.is_complete(source):
        source.unlink(missing_ok=True)
        raise JobError(f"{source} is damaged; it will be made again.")
    path.unlink(missing_ok=True)
    try:
        os.link(source, path)
    except OSError:
        shutil.copyfile(source, path)


def tidy() -> None:
    """Let the pieces go that nobody asked for in the longest time, and what was left half done, beyond a bound."""
    root = settings().cache_dir / "film"
    found: list[tuple[float, int, Path]] = []
    for path in root.glob("*/*"):
        with suppress(OSError):
            status = path.stat()
            found.append((status.st_mtime, status.st_size, path))
    left = sum(size for _, size, _ in found) - _MOST_BYTES
    for _, size, path in sorted(found):
        if left <= 0:
            return
        with suppress(OSError):
            path.unlink()
            left -= size
