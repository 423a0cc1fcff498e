"""Where a file grows while it is brought here: beside its place, with a word on which version of it that is."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

from cinemill.errors import DiskFull, TooLarge
from cinemill.settings import settings


@dataclass(frozen=True)
class Version:
    """What the other side says of a file. `tag` is empty where it says nothing that tells versions apart."""

    tag: str
    size: int | None
    modified: float
    """Seconds since 1970; 0 where it is not known."""


class Landing:
    """A file on its way to `target`."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.part = target.with_name(target.name + ".part")
        self.word = target.with_name(target.name + ".version")

    def has(self, version: Version) -> bool:
        """Whether this version is here, whole."""
        return bool(version.tag) and self._noted() == version.tag and self.target.is_file()

    def begin(self, version: Version) -> int:
        """Make room; the byte to go on from. Raises TooLarge, DiskFull."""
        self.target.parent.mkdir(parents=True, exist_ok=True)
        self.target.unlink(missing_ok=True)
        if not version.tag or self._noted() != version.tag:
            self.part.unlink(missing_ok=True)
            self.word.write_text(version.tag, "utf-8")
        have = self.part.stat().st_size if self.part.exists() else 0
        self.refuse(version.size or 0)
        free = shutil.disk_usage(self.target.parent).free
        if version.size and version.size - have > free:
            raise DiskFull(
                f"{self.target.parent} has {free / 1e6:.0f} MB free, and {self.target.name} needs "
                f"{(version.size - have) / 1e6:.0f} MB."
            )
        return have

    def refuse(self, size: int) -> None:
        """Raises TooLarge."""
        most = settings().upload_gb
        if size > most * 1e9:
            raise TooLarge(
                f"{self.target.name} has {size / 1e9:.1f} GB; CINEMILL_UPLOAD_GB allows {most:g} GB.", size=size
            )

    def write(self, block: bytes) -> None:
        """Raises DiskFull."""
        try:
            with self.part.open("ab") as file:
                file.write(block)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull(f"no room in {self.target.parent} for {self.target.name}; what came is kept.") from None
            raise

    def end(self, version: Version) -> None:
        """It is whole: give it its name, and its time of change that of the original."""
        with self.part.open("ab") as file:
            os.fsync(file.fileno())
        os.utime(self.part, (version.modified, version.modified))
        self.part.replace(self.target)

    def _noted(self) -> str:
        with suppress(OSError):
            return self.word.read_text("utf-8")
        return ""


def seconds(date: str | None) -> float:
    """Seconds since 1970 of a date as HTTP writes it; 0 for none."""
    try:
        return parsedate_to_datetime(date).timestamp() if date else 0.0
    except ValueError:
        return 0.0
