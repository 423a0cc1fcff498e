"""What a file is recognised by without reading all of it."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from cinemill.errors import OpenFailed

_SAMPLE = 1 << 16
"""Bytes hashed at the head, the middle and the tail of an input."""


class Identity(BaseModel):
    """What an input is recognised by: size in bytes, time of change in ns, a hash of three samples."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    size: int
    mtime_ns: int
    sample: str

    def __str__(self) -> str:
        changed = datetime.fromtimestamp(self.mtime_ns / 1e9).isoformat(" ", "milliseconds")
        return f"{self.size} bytes of {changed} ({self.sample[:6]})"


def identify(path: Path) -> Identity:
    """Size, time of change and a sampled BLAKE2 hash. Raises OpenFailed."""
    try:
        str(path).encode()
        status = path.stat()
        if not path.is_file():
            raise OpenFailed(f"{path} is not a file.")
        with path.open("rb") as file:
            digest = hashlib.blake2b(digest_size=16)
            for offset in (0, max(0, status.st_size // 2), max(0, status.st_size - _SAMPLE)):
                file.seek(offset)
                digest.update(file.read(_SAMPLE))
    except FileNotFoundError:
        raise OpenFailed(f"{path} is not there.") from None
    except UnicodeEncodeError:
        raise OpenFailed(f"the name of {os.fsencode(path)!r} is not UTF-8; rename it.") from None
    except OSError as error:
        raise OpenFailed(f"{path} cannot be read: {error.strerror}.") from None
    return Identity(size=status.st_size, mtime_ns=status.st_mtime_ns, sample=digest.hexdigest())
