"""Fetches one file over HTTP, whatever the server does: resumed, retried, watched for stalls, checked for length.

What is fetched grows in a part file, which is worth something to the next attempt and nothing to anyone else. Whether
it is the right file is for the caller to say, by its digest.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import ssl
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO, Any, NoReturn
from urllib.error import HTTPError
from urllib.parse import urljoin, urlsplit

from cinemill.errors import DiskFull, DownloadFailed, InvalidParams
from cinemill.settings import settings
from cinemill.version import __version__

Progress = Callable[[str, int, int | None], None]
"""Told the file's name, bytes here and bytes in all, where these are known."""


@dataclass(frozen=True)
class Patience:
    """How long a server is waited for."""

    stall: float = 30.0
    """Seconds in which `least` bytes must come."""
    least: int = 4096
    """Bytes."""
    tries: int = 5
    """In a row that brought nothing new."""
    pause: float = 1.0
    """Seconds before the second of them; it doubles."""


class _Interrupted(Exception):
    """It may go better next time, after `wait` seconds if the server asks for that."""

    def __init__(self, reason: str, wait: float = 0) -> None:
        super().__init__(reason)
        self.wait = wait


def fetch(
    url: str,
    part: Path,
    size: int | None = None,
    is_checked: bool = True,
    patience: Patience = Patience(),
    progress: Progress | None = None,
) -> None:
    """Fetch `url` into `part`, going on where an earlier attempt stopped.

    `size` is how many bytes it must be, where that is known. `is_checked` says that the caller knows the digest: then
    a part is worth resuming without the server's word that the file is still the same, and the end of a stream of
    unannounced length is believed. Raises DownloadFailed (with `status`,
    where it was the server's answer), DiskFull.
    """
    in_vain = 0
    while True:
        before = _length(part)
        try:
            _attempt(url, part, size, is_checked, patience, progress)
            return
        except _Interrupted as trouble:
            in_vain = 1 if _length(part) > before else in_vain + 1
            if in_vain >= patience.tries:
                kept = _length(part)
                rest = f"; {kept} bytes are kept and the next attempt goes on from there" if kept else ""
                raise DownloadFailed(
                    f"{url} cannot be fetched: {trouble}, {in_vain} times in a row{rest}.", url=url
                ) from None
            time.sleep(trouble.wait or patience.pause * 2 ** (in_vain - 1))


def address(url: str) -> str:
    """Where `url` is really fetched from: HF_ENDPOINT stands for huggingface.co, and the `mirror` setting for all.

    A mirror without placeholders takes the place of scheme and host; `{url}`, `{host}` and `{path}` say otherwise.
    Raises InvalidParams for a mirror that is no address.
    """
    if urlsplit(url).netloc == _HUB:
        url = _endpoint() + url.removeprefix(f"https://{_HUB}")
    mirror = settings().mirror.rstrip("/")
    if not mirror:
        return url
    parts = urlsplit(url)
    path = parts.path.lstrip("/") + (f"?{parts.query}" if parts.query else "")
    whole = mirror if "{" in mirror else mirror + "/{path}"
    for word, value in (("{url}", url), ("{host}", parts.netloc), ("{path}", path)):
        whole = whole.replace(word, value)
    if urlsplit(whole).scheme not in ("http", "https"):
        raise InvalidParams(f"setting mirror: {mirror} must begin with https:// or http://.")
    return whole


def is_offline() -> bool:
    """Whether nothing may be fetched: the `offline` setting, or Hugging Face's HF_HUB_OFFLINE."""
    return settings().offline or os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def _attempt(
    url: str, part: Path, size: int | None, is_checked: bool, patience: Patience, progress: Progress | None
) -> None:
    offset = _resumable(part, is_checked)
    if size and offset > size:
        part.unlink()
        offset = 0
    if size and offset == size:
        return
    response = _open(url, _wish(part, offset), patience)
    if response is None:  # 416: what is here is as long as the file, or longer than it has become
        part.unlink(missing_ok=True)
        raise _Interrupted("the server has nothing from there on")
    with response:
        start, total = _extent(response, offset, url)
        _refuse_other_things(response, url, total, size, is_checked)
        if start != offset:
            part.unlink(missing_ok=True)
        _make_room(part, (total or size or start) - start)
        _note_version(part, response)
        with part.open("ab") as file:
            _copy(response, file, start, total or size, patience, progress, part)
            file.flush()
            os.fsync(file.fileno())
    have = _length(part)
    if have != (total or size or have):
        raise _Interrupted(f"the connection ended after {have} of {total or size} bytes")
    if have == 0:
        raise _Interrupted("the server sent nothing")


def _resumable(part: Path, is_checked: bool) -> int:
    """Where to go on. Without a digest, a part of a file that may have changed since is worth nothing."""
    if not is_checked and not _version_of(part):
        part.unlink(missing_ok=True)
    return _length(part)


def _wish(part: Path, offset: int) -> dict[str, str]:
    headers = {"User-Agent": f"cinemill/{__version__}", "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if version := _version_of(part):
            headers["If-Range"] = version
    return headers


_REDIRECTS = 10


def _open(url: str, headers: dict[str, str], patience: Patience) -> HTTPResponse | None:
    """The answer at the end of all redirects; None when it does not reach as far as the range that was asked for."""
    opener = urllib.request.build_opener(_Stay)
    for _ in range(_REDIRECTS):
        try:
            return opener.open(urllib.request.Request(url, headers=headers | _token(url)), timeout=patience.stall)
        except HTTPError as answer:
            with answer:
                if answer.code == 416:
                    return None
                if answer.code not in (301, 302, 303, 307, 308) or not answer.headers["Location"]:
                    _explain(answer, url)
                url = _next(url, answer.headers["Location"])
        except (OSError, HTTPException) as error:
            _cannot_connect(error, url)
    raise DownloadFailed(f"{url} cannot be fetched: it leads in circles.", url=url)


class _Stay(urllib.request.HTTPRedirectHandler):
    """Redirects are looked at before they are followed."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> None:
        return None


def _next(url: str, location: str) -> str:
    target = urljoin(url, location)
    allowed = ("https",) if urlsplit(url).scheme == "https" else ("http", "https")
    if urlsplit(target).scheme not in allowed:
        raise DownloadFailed(
            f"{url} leads to {target}, which is not followed: only {' and '.join(allowed)} is.", url=url
        )
    return target


def _explain(answer: HTTPError, url: str) -> NoReturn:
    host = urlsplit(url).netloc
    if answer.code in (408, 425, 429, 500, 502, 503, 504):
        asked = answer.headers["Retry-After"] or ""
        raise _Interrupted(f"{host} answers {answer.code}", min(60.0, float(asked)) if asked.isdigit() else 0)
    if answer.code in (404, 410):
        raise DownloadFailed(f"{url} is not there any more ({answer.code}).", url=url, status=answer.code)
    hint = ""
    if answer.code in (401, 403) and _is_hub(url):
        page = url.partition("/resolve/")[0]
        hint = f" If it must be asked for, accept the terms on {page} and put a token into HF_TOKEN."
    raise DownloadFailed(
        f"{url} is refused by {host} ({answer.code} {answer.reason}).{hint}", url=url, status=answer.code
    )


def _cannot_connect(error: Exception, url: str) -> NoReturn:
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        raise DownloadFailed(f"{url} cannot be trusted: {reason.verify_message}.", url=url) from None
    raise _Interrupted(f"{urlsplit(url).netloc} cannot be reached ({reason})") from None


_HUB = "huggingface.co"


def _endpoint() -> str:
    return (os.environ.get("HF_ENDPOINT") or f"https://{_HUB}").rstrip("/")


def _is_hub(url: str) -> bool:
    return urlsplit(url).netloc == urlsplit(_endpoint()).netloc


def _token(url: str) -> dict[str, str]:
    """HF_TOKEN for the hub itself, never for where it leads to, and never in clear over a network."""
    token, parts = os.environ.get("HF_TOKEN"), urlsplit(url)
    is_private = parts.scheme == "https" or parts.hostname in ("127.0.0.1", "localhost", "::1")
    return {"Authorization": f"Bearer {token}"} if token and is_private and _is_hub(url) else {}


def _extent(response: HTTPResponse, offset: int, url: str) -> tuple[int, int | None]:
    """Where what comes begins, and how long the whole is."""
    if response.status == 206:
        told = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", response.headers["Content-Range"] or "")
        if told and int(told[1]) == offset:
            return offset, int(told[3])
        raise DownloadFailed(f"{url}: the server sent another piece of the file than was asked for.", url=url)
    length = response.headers["Content-Length"] or ""
    return 0, int(length) if length.isdigit() else None


def _refuse_other_things(
    response: HTTPResponse, url: str, total: int | None, size: int | None, is_checked: bool
) -> None:
    if response.headers.get_content_type() == "text/html":
        raise DownloadFailed(f"{url} gives a web page and not a file; a login or a proxy may be in the way.", url=url)
    if total is not None and size is not None and total != size:
        raise DownloadFailed(f"{url} is {total} bytes long, and the file that is meant has {size}.", url=url)
    is_framed = total is not None or "chunked" in (response.headers["Transfer-Encoding"] or "").lower()
    if not (is_framed or size or is_checked):
        raise DownloadFailed(f"{url}: the server does not say how long it is, so nothing would show that it is whole.")


def _copy(
    response: HTTPResponse,
    file: IO[bytes],
    start: int,
    total: int | None,
    patience: Patience,
    progress: Progress | None,
    part: Path,
) -> None:
    here, since, then = start, time.monotonic(), start
    while block := _block(response):
        here += len(block)
        if total is not None and here > total:
            raise DownloadFailed(f"{response.url} sends more than the {total} bytes it should have.")
        _write(file, block, part)
        if progress:
            progress(part.name, here, total)
        if time.monotonic() - since > patience.stall:
            if here - then < patience.least:
                raise _Interrupted(f"hardly anything came for {patience.stall:g} s")
            since, then = time.monotonic(), here


def _block(response: HTTPResponse) -> bytes:
    try:
        return response.read1(1 << 17)  # what is there; `read` would wait for all of it
    except TimeoutError:
        raise _Interrupted("nothing came any more") from None
    except (OSError, HTTPException) as error:
        raise _Interrupted(f"the connection broke ({error})") from None


def _write(file: IO[bytes], block: bytes, part: Path) -> None:
    try:
        file.write(block)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"no room in {part.parent} for the download; what came is kept.") from None
        raise


def _make_room(part: Path, missing: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if missing > free:
        raise DiskFull(
            f"{part.parent} has {free / 1e6:.0f} MB free, and the download needs {missing / 1e6:.0f} MB.",
            need=missing,
            have=free,
        )


def _length(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _version_file(part: Path) -> Path:
    return part.with_name(part.name + ".version")


def _version_of(part: Path) -> str:
    with suppress(OSError):
        return _version_file(part).read_text("utf-8")
    return ""


def _note_version(part: Path, response: HTTPResponse) -> None:
    """Remember what the server calls this version of the file: its ETag, or when it was changed."""
    tag = response.headers["ETag"] or ""
    version = tag if tag.startswith('"') else response.headers["Last-Modified"] or ""
    _version_file(part).write_text(version, "utf-8")


def forget(part: Path) -> None:
    """Throw a part away."""
    part.unlink(missing_ok=True)
    _version_file(part).unlink(missing_ok=True)
