"""Pieces of films that are kept for the next time, by what decided their pictures. The oldest go when there is much."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

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


def taken(digest: str, path: Path, shift: int) -> Iterator[int]:
    """Write the piece as the part `path`, its times later by `shift`; gives back how many pictures are done.

    Raises JobError for a piece that is damaged, which is then kept no longer.
    """
    source = place(digest)
    os.utime(source)
    writer = parts.PartWriter(path)
    done = 0
    try:
        for packet in parts.packets(source):
            writer.add(parts.Coded(packet.pts + shift, packet.duration, packet.keyframe, packet.data))
            done += 1
            yield done
        writer.close(parts.notes(source))
    except Exception:
        source.unlink(missing_ok=True)
        raise
    finally:
        writer.abandon()


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
