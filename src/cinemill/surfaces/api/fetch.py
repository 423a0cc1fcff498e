"""Addresses that strangers name: fetched, or called, only where they lead out of this machine and its network.

A name is resolved once and connected to as it was resolved, so that it cannot mean something else a moment later;
every redirect is looked at anew.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import unquote, urljoin

from cinemill.errors import DownloadFailed
from cinemill.jobs.shelf import Shelf, Stored
from cinemill.settings import settings
from cinemill.storage.web import check, connection, target

__all__ = ["call", "check", "kept"]

_REDIRECTS: Final = 5
_CONNECT_SECONDS: Final = 15.0
_FETCH_SECONDS: Final = 900.0
_PIECE: Final = 1 << 18


def kept(shelf: Shelf, url: str) -> Stored:
    """Fetch an address and put it on the shelf. Raises CinemillError."""
    most = int(settings().upload_gb * 1e9)
    until = time.monotonic() + _FETCH_SECONDS
    for _ in range(_REDIRECTS + 1):
        parts, address = check(url)
        opened = connection(parts, address)
        try:
            opened.request("GET", target(parts), headers={"User-Agent": "cinemill", "Accept-Encoding": "identity"})
            answer = opened.getresponse()
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
            opened.close()
    raise DownloadFailed(f"{url} was redirected more than {_REDIRECTS} times.")


def call(url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> int:
    """POST to a webhook; the status it answers with. Redirects are not followed. Raises CinemillError and OSError."""
    parts, address = check(url)
    opened = connection(parts, address, seconds)
    try:
        opened.request("POST", target(parts), body, dict(headers))
        answer = opened.getresponse()
        answer.read(_PIECE)
        return answer.status
    except http.client.HTTPException as error:
        raise OSError(str(error)) from error
    finally:
        opened.close()


def _pieces(answer: http.client.HTTPResponse, until: float, url: str) -> Iterator[bytes]:
    while piece := answer.read1(_PIECE):
        yield piece
        if time.monotonic() > until:
            raise DownloadFailed(f"{url} took longer than {_FETCH_SECONDS / 60:g} min.")
    if answer.length:
        raise DownloadFailed(f"{url} ended {answer.length} bytes early.")
