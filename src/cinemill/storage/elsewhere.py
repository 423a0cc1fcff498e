"""Files that lie elsewhere: `s3://bucket/key` and `http(s)://…` brought here, results sent to `s3://`.

A path that begins with a scheme is an address, however many slashes are left of it: `Path` makes one of two. What is
brought here lies in a folder that only the job which asked for it uses, so that going on finds it again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from cinemill.errors import OutputRefused, RequestError
from cinemill.settings import settings

Progress = Callable[[int, int | None], None]
"""Told bytes done and bytes in all, where these are known."""
_ADDRESS: Final = re.compile(r"(s3|https?):/{1,2}(?=[^/])(.+)", re.DOTALL)
_SIGNED: Final = re.compile(r"X-Amz-|(Expires|Signature|AWSAccessKeyId|Key-Pair-Id)$")
"""Of a presigned address, what is another each time it is signed."""


def address(path: Path | str) -> str | None:
    """The address that is meant; None for a file of this machine."""
    found = _ADDRESS.fullmatch(path.as_posix() if isinstance(path, Path) else path)
    return f"{found[1]}://{found[2]}" if found else None


def name(address: str) -> str:
    """What the file at an address is called."""
    parts = urlsplit(address)
    last = (parts.path if parts.scheme != "s3" else address).rstrip("/").rpartition("/")[2]
    plain = re.sub(r"[^\w. ()+@-]", "_", last if parts.scheme == "s3" else unquote(last)).lstrip(".")
    return plain[-120:] or "file"


def here(address: str, job: str) -> Path:
    """Where a file lies, or will lie, that `job` brings here from an address or sends there. Makes nothing."""
    parts = urlsplit(address)
    if parts.query and parts.scheme != "s3":
        kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not _SIGNED.match(pair[0])]
        address = urlunsplit(parts._replace(query=urlencode(kept)))
    key = hashlib.blake2b(f"{job}\0{address}".encode(), digest_size=10).hexdigest()
    return settings().cache_dir / "brought" / key / name(address)


def fetch(address: str, target: Path, progress: Progress | None = None) -> None:
    """Bring the file at an address here as `target`, going on where an earlier attempt stopped.

    What is here already and is still the same is not fetched again. Its time of change becomes that of the original.
    Raises OpenFailed, NotAllowed, TooLarge, DownloadFailed, MissingResource, DiskFull.
    """
    _module(address).fetch(address, target, progress)


def store(source: Path, address: str, overwrite: bool, progress: Progress | None = None) -> None:
    """Send a file to an address, whole or not at all. Raises OutputRefused, UploadFailed, MissingResource."""
    refuse(address)
    _module(address).store(source, address, overwrite, progress)


def exists(address: str) -> bool:
    """Whether there is something at an address that may be written to. Raises OutputRefused, MissingResource."""
    refuse(address)
    return _module(address).exists(address)


def check(address: str) -> None:
    """Look whether something could be put at an address, as far as that shows: what is known before long work is done.

    Raises OutputRefused, MissingResource, NotAllowed, UploadFailed.
    """
    refuse(address)
    _module(address).check(address)


def refuse(address: str) -> None:
    """Raises OutputRefused for an address that nothing can be written to."""
    if not address.startswith("s3://"):
        raise OutputRefused(f"{address} cannot be written to: outputs go to files and to s3://BUCKET/KEY.")
    if not urlsplit(address).netloc or not urlsplit(address).path.strip("/"):
        raise OutputRefused(f"{address} names no file: write s3://BUCKET/KEY.")


def presigned(address: str, seconds: int | None = None) -> str:
    """An address at which anybody may fetch a file for some time: `seconds`, or the setting PRESIGN_TTL."""
    if not address.startswith("s3://"):
        return address
    from cinemill.storage import s3

    return s3.presigned(address, seconds)


def _module(address: str) -> Any:
    scheme = urlsplit(address).scheme
    if scheme == "s3":
        from cinemill.storage import s3

        return s3
    if scheme in ("http", "https"):
        from cinemill.storage import web

        return web
    raise RequestError(f"{address}: {scheme}:// is not known; there are s3://, https:// and http://.")
