"""Addresses that strangers name: fetched, or called, only where they lead out of this machine and its network.

A name is resolved once and connected to as it was resolved, so that it cannot mean something else a moment later;
every redirect is looked at anew.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from cinemill.errors import DownloadFailed, NotAllowed, RequestError
from cinemill.jobs.shelf import Shelf, Stored
from cinemill.settings import settings

_REDIRECTS: Final = 5
_CONNECT_SECONDS: Final = 15.0
_FETCH_SECONDS: Final = 900.0
_PIECE: Final = 1 << 18


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
    if not settings().allow_private_urls and not all(map(_is_public, addresses)):
        raise NotAllowed(
            f"{parts.hostname} leads into this machine or its network, which the server does not go to for others; "
            "CINEMILL_ALLOW_PRIVATE_URLS=1 lets it."
        )
    return parts, addresses[0]


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    inner = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None)
    if isinstance(ip, ipaddress.IPv6Address) and ip in ipaddress.ip_network("64:ff9b::/96"):
        inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.is_global and not ip.is_multicast and (inner is None or inner.is_global)


def kept(shelf: Shelf, url: str) -> Stored:
    """Fetch an address and put it on the shelf. Raises CinemillError."""
    most = int(settings().upload_gb * 1e9)
    until = time.monotonic() + _FETCH_SECONDS
    for _ in range(_REDIRECTS + 1):
        parts, address = check(url)
        connection = _connection(parts, address)
        try:
            connection.request("GET", _target(parts), headers={"User-Agent": "cinemill", "Accept-Encoding": "identity"})
            answer = connection.getresponse()
            if answer.status in (301, 302, 303, 307, 308):
                url = urljoin(url, answer.headers.get("Location", ""))
                continue
            if answer.status != 200:
                raise DownloadFailed(f"{parts.hostname} answered {answer.status} {answer.reason} for {parts.path}.")
            name = unquote(parts.path.rsplit("/", 1)[-1]) or parts.hostname or "file"
            return shelf.write(_pieces(answer, until, url), name, most)
        except (OSError, http.client.HTTPException) as error:
            raise DownloadFailed(f"{parts.hostname} could not be read: {error or type(error).__name__}.") from None
        finally:
            connection.close()
    raise DownloadFailed(f"{url} was redirected more than {_REDIRECTS} times.")


def call(url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> int:
    """POST to a webhook; the status it answers with. Redirects are not followed. Raises CinemillError and OSError."""
    parts, address = check(url)
    connection = _connection(parts, address, seconds)
    try:
        connection.request("POST", _target(parts), body, dict(headers))
        answer = connection.getresponse()
        answer.read(_PIECE)
        return answer.status
    except http.client.HTTPException as error:
        raise OSError(str(error)) from error
    finally:
        connection.close()


def _pieces(answer: http.client.HTTPResponse, until: float, url: str) -> Iterator[bytes]:
    while piece := answer.read1(_PIECE):
        yield piece
        if time.monotonic() > until:
            raise DownloadFailed(f"{url} took longer than {_FETCH_SECONDS / 60:g} min.")
    if answer.length:
        raise DownloadFailed(f"{url} ended {answer.length} bytes early.")


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _connection(parts: SplitResult, address: str, seconds: float = _CONNECT_SECONDS) -> http.client.HTTPConnection:
    """A connection to the address that was checked, which calls the server by its name."""
    assert parts.hostname
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    connection = http.client.HTTPConnection(parts.hostname, port, timeout=seconds)
    try:
        plain = socket.create_connection((address, port), timeout=seconds)
        context = ssl.create_default_context() if secure else None
        connection.sock = context.wrap_socket(plain, server_hostname=parts.hostname) if context else plain
    except OSError as error:
        raise DownloadFailed(f"{parts.hostname} does not answer: {error}.") from None
    return connection
