"""A way to a storage on which things go wrong: refused, broken off, said by a clock that is wrong."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import urlsplit

Mishap = int | Literal["cut", "short"] | None
"""A status to answer with, or to break off before, or in the middle of, an answer."""


class Flaky(ThreadingHTTPServer):
    """Hands on what is asked of the storage at `to`, unless `mishap` says otherwise of a method and an address."""

    daemon_threads = True

    def __init__(self, to: str) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.to = urlsplit(to).netloc
        self.mishap: Callable[[str, str], Mishap] = lambda method, path: None
        self.clock = 0.0
        """Seconds since 1970 that it says it is; 0 is the truth."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Flaky

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        mishap = self.server.mishap(self.command, self.path)
        if mishap == "cut":
            self.close_connection = True
            return
        if isinstance(mishap, int):
            self._say(mishap, [], b"")
            return
        onwards = http.client.HTTPConnection(self.server.to)
        try:
            onwards.request(self.command, self.path, body, dict(self.headers.items()))
            answer = onwards.getresponse()
            self._say(answer.status, answer.getheaders(), answer.read(), short=mishap == "short")
        finally:
            onwards.close()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass

    def _say(self, status: int, headers: list[tuple[str, str]], body: bytes, short: bool = False) -> None:
        given = {name.lower(): value for name, value in headers}
        for name in ("date", "server", "connection", "transfer-encoding"):
            given.pop(name, None)
        length = given.pop("content-length", str(len(body)))
        self.send_response_only(status)
        self.send_header("date", formatdate(self.server.clock or None, usegmt=True))
        self.send_header("content-length", length if self.command == "HEAD" else str(len(body)))
        for name, value in given.items():
            self.send_header(name, value)
        self.end_headers()
        if short:
            self.close_connection = True
            body = body[: len(body) // 2]
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass
