"""Files from http:// and https://, only where they lead out of this machine and its network.

A name is resolved once and connected to as it was resolved, so that it cannot mean something else a moment later;
every redirect is looked at anew.
"""

from __future__ import annotations

import http.client
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

from cinemill.errors import DownloadFailed, NotAllowed, OpenFailed, RequestError
from cinemill.settings import settings
from cinemill.storage.landing import Landing, Version, seconds

_REDIRECTS: Final = 5
_CONNECT_SECONDS: Final = 15.0
_STALL_SECONDS: Final = 60.0
_PIECE: Final = 1 << 20
_TRIES: Final = 5
"""In a row that brought nothing new."""
_PAUSE: Final = 0.5
"""Seconds before the second of them; it doubles."""


def check(url: str) -> tuple[SplitResult, str]:
    """The parts of an address and the IP address to connect to. Raises RequestError, NotAllowed and DownloadFailed."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:
        raise RequestError(f"{url} is not an address.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise RequestError(f"{url} is not an address that begins with http:// or https://.")
    if parts.username or parts.password:
        raise RequestError("an address with a name and a password in it is not taken.")
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise DownloadFailed(f"{parts.hostname} is not known.") from None
    addresses = [str(entry[4][0]) for entry in found]
    if not settings().allow_private_urls and not all(map(is_public, addresses)):
        raise NotAllowed(
            f"{parts.hostname} leads into this machine or its network, which is not gone to for others; "
            "CINEMILL_ALLOW_PRIVATE_URLS=1 allows it."
        )
    return parts, addresses[0]


def is_public(address: str) -> bool:
    """Whether an IP address belongs to no machine of one's own, however it is written."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    inner = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None)
    if isinstance(ip, ipaddress.IPv6Address) and ip in ipaddress.ip_network("64:ff9b::/96"):
        inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.is_global and not ip.is_multicast and (inner is None or inner.is_global)


def target(parts: SplitResult) -> str:
    """What is asked for of a server."""
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def connection(parts: SplitResult, address: str, seconds: float = _CONNECT_SECONDS) -> http.client.HTTPConnection:
    """A connection to the address that was checked, which calls the server by its name. Raises DownloadFailed."""
    assert parts.hostname
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    opened = http.client.HTTPConnection(parts.hostname, port, timeout=seconds)
    try:
        plain = socket.create_connection((address, port), timeout=seconds)
        context = ssl.create_default_context() if secure else None
        opened.sock = context.wrap_socket(plain, server_hostname=parts.hostname) if context else plain
    except OSError as error:
        raise DownloadFailed(f"{parts.hostname} does not answer: {error}.") from None
    return opened


def fetch(url: str, place: Path, progress: object = None) -> None:
    """As `storage.fetch`. A connection that breaks is made again, and goes on where the last one ended."""
    landing = Landing(place)
    in_vain = 0
    while True:
        before = landing.part.stat().st_size if landing.part.exists() else 0
        try:
            _attempt(url, landing, progress)
            return
        except _Broken as broken:
            have = landing.part.stat().st_size if landing.part.exists() else 0
            in_vain = 1 if have > before else in_vain + 1
            if in_vain >= _TRIES:
                raise DownloadFailed(f"{_bare(url)} cannot be fetched: {broken}, {in_vain} times in a row.") from None
            time.sleep(_PAUSE * 2 ** (in_vain - 1))


class _Broken(Exception):
    """It may go better next time."""


def _attempt(url: str, landing: Landing, progress: object) -> None:
    noted = landing.word.read_text("utf-8") if landing.word.exists() else ""
    have = landing.part.stat().st_size if landing.part.exists() else 0
    asked = {"Range": f"bytes={have}-", "If-Range": noted} if noted and have else {}
    if noted and landing.target.is_file():
        asked = {"If-None-Match": noted} if noted.startswith('"') else {"If-Modified-Since": noted}
    with _answer(url, asked) as answer:
        if answer.status == 304:
            return
        version = _version(answer)
        start = landing.begin(version)
        if answer.status == 200 and start:
            landing.part.unlink()
            start = 0
        if answer.length is None and "chunked" not in (answer.headers["Transfer-Encoding"] or "").lower():
            raise DownloadFailed(f"{_bare(url)}: the server does not say how long it is.")
        try:
            while block := answer.read1(_PIECE):
                start += len(block)
                landing.refuse(start)
                landing.write(block)
                if callable(progress):
                    progress(start, version.size)
        except (OSError, http.client.HTTPException) as error:
            raise _Broken(f"the connection broke ({error or type(error).__name__})") from None
        if answer.length:
            raise _Broken(f"the connection ended {answer.length} bytes early")
        if not start:
            raise OpenFailed(f"{_bare(url)} is empty.")
        landing.end(version)


@contextmanager
def _answer(url: str, headers: Mapping[str, str]) -> Generator[http.client.HTTPResponse, None, None]:
    """The answer at the end of all redirects. Raises OpenFailed, DownloadFailed, NotAllowed."""
    for _ in range(_REDIRECTS + 1):
        parts, address = check(url)
        opened = connection(parts, address, _STALL_SECONDS)
        try:
            try:
                opened.request("GET", target(parts), headers={**_POLITE, **headers})
                answer = opened.getresponse()
            except (OSError, http.client.HTTPException) as error:
                raise _Broken(f"{parts.hostname} could not be read ({error or type(error).__name__})") from None
            if answer.status in (301, 302, 303, 307, 308):
                url = _next(url, answer.headers["Location"] or "")
                continue
            _refuse(answer, url)
            yield answer
            return
        finally:
            opened.close()
    raise DownloadFailed(f"{_bare(url)} was redirected more than {_REDIRECTS} times.")


_POLITE: Final = {"User-Agent": "cinemill", "Accept-Encoding": "identity"}


def _next(url: str, location: str) -> str:
    further = urljoin(url, location)
    if url.startswith("https:") and not further.startswith("https:"):
        raise DownloadFailed(f"{_bare(url)} leads to an address that is not secure, which is not followed.")
    return further


def _refuse(answer: http.client.HTTPResponse, url: str) -> None:
    status = answer.status
    if status in (200, 206, 304):
        return
    if status == 416:
        raise _Broken("the server has nothing from there on")
    if status in (408, 425, 429) or status >= 500:
        raise _Broken(f"{urlsplit(url).hostname} answers {status}")
    if status in (404, 410):
        raise OpenFailed(f"{_bare(url)} is not there ({status}).", status=status)
    raise DownloadFailed(f"{_bare(url)} is refused ({status} {answer.reason}).", status=status)


def _version(answer: http.client.HTTPResponse) -> Version:
    tag = answer.headers["ETag"] or ""
    modified = answer.headers["Last-Modified"]
    whole = re.fullmatch(r"bytes \d+-\d+/(\d+)", answer.headers["Content-Range"] or "")
    size = int(whole[1]) if whole else answer.length
    return Version(tag if tag.startswith('"') else modified or "", size, seconds(modified))


def _bare(url: str) -> str:
    """Without what may be a secret."""
    return url.partition("?")[0]
