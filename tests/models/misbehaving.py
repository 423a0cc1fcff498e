"""A web server on this machine that does to downloads what web servers do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

Answer = Callable[["Request"], None]
FOREVER = 60.0
"""Seconds; nobody waits that long."""


class Request(BaseHTTPRequestHandler):
    """One request; answers write to it."""

    protocol_version = "HTTP/1.1"
    timeout = FOREVER

    def do_GET(self) -> None:
        server: Any = self.server
        server.owner.requests.append((self.path, dict(self.headers)))
        server.owner.answers[self.path](self)

    def log_message(self, *arguments: Any) -> None:
        pass

    def begin(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def asked_from(self) -> int:
        """Where the range that is asked for begins; 0 without one."""
        return int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))

    def hang_up(self) -> None:
        self.close_connection = True


class Host:
    """A server; `answers` says what is at which path, `requests` what was asked for with which headers."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.over = threading.Event()
        self._server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Request)
        self._server.owner = self
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # clients that hang up are what this is about

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def netloc(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.netloc}"


def whole(body: bytes, tag: str = '"1"') -> Answer:
    """A good server: ranges, an ETag, and If-Range honoured."""

    def answer(request: Request) -> None:
        start = request.asked_from()
        if request.headers.get("If-Range", tag) != tag:
            start = 0
        if start > len(body):
            request.begin(416, Content_Range=f"bytes */{len(body)}", Content_Length=0)
            return
        there = {"Content_Range": f"bytes {start}-{len(body) - 1}/{len(body)}"} if start else {}
        request.begin(206 if start else 200, Content_Length=len(body) - start, ETag=tag, **there)
        request.wfile.write(body[start:])

    return answer


def cut_short(body: bytes, piece: int, tag: str = '"1"') -> Answer:
    """Announces all of it, sends a piece and hangs up."""

    def answer(request: Request) -> None:
        start = request.asked_from()
        there = {"Content_Range": f"bytes {start}-{len(body) - 1}/{len(body)}"} if start else {}
        request.begin(206 if start else 200, Content_Length=len(body) - start, ETag=tag, **there)
        request.wfile.write(body[start : start + piece])
        request.hang_up()

    return answer


def without_ranges(body: bytes, piece: int | None = None) -> Answer:
    """Sends the beginning, whatever is asked for."""

    def answer(request: Request) -> None:
        request.begin(200, Content_Length=len(body))
        request.wfile.write(body[:piece])
        request.hang_up()

    return answer


def another_piece(body: bytes) -> Answer:
    """Sends a range that was not asked for."""

    def answer(request: Request) -> None:
        start = request.asked_from() // 2
        request.begin(206, Content_Length=len(body) - start, Content_Range=f"bytes {start}-{len(body) - 1}/{len(body)}")
        request.wfile.write(body[start:])

    return answer


def stalling(host: Host, body: bytes, piece: int) -> Answer:
    """Sends a piece and then nothing, and does not hang up."""

    def answer(request: Request) -> None:
        start = request.asked_from()
        there = {"Content_Range": f"bytes {start}-{len(body) - 1}/{len(body)}"} if start else {}
        request.begin(206 if start else 200, Content_Length=len(body) - start, ETag='"1"', **there)
        request.wfile.write(body[start : start + piece])
        request.wfile.flush()
        host.over.wait(FOREVER)

    return answer


def dripping(host: Host, body: bytes) -> Answer:
    """Sends a byte now and then, so that no read ever times out."""

    def answer(request: Request) -> None:
        request.begin(200, Content_Length=len(body))
        for byte in body:
            request.wfile.write(bytes([byte]))
            request.wfile.flush()
            if host.over.wait(0.01):
                return

    return answer


def chunked(pieces: list[bytes], is_ended: bool = True) -> Answer:
    """Of unannounced length, with or without the mark of its end."""

    def answer(request: Request) -> None:
        request.begin(200, Transfer_Encoding="chunked")
        for piece in pieces:
            request.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        request.wfile.write(b"0\r\n\r\n" if is_ended else b"")
        request.hang_up()

    return answer


def until_it_hangs_up(body: bytes) -> Answer:
    """Of unannounced length, as HTTP/1.0 does it."""

    def answer(request: Request) -> None:
        request.begin(200, Connection="close")
        request.wfile.write(body)
        request.hang_up()

    return answer


def redirect(target: str) -> Answer:
    return lambda request: request.begin(302, Location=target, Content_Length=0)


def refusal(status: int, **headers: object) -> Answer:
    return lambda request: request.begin(status, Content_Length=0, **headers)


def page(text: str) -> Answer:
    def answer(request: Request) -> None:
        request.begin(200, Content_Type="text/html; charset=utf-8", Content_Length=len(text))
        request.wfile.write(text.encode())

    return answer


def in_turn(*answers: Answer) -> Answer:
    """One after the other; the last one stays."""
    left = list(answers)
    return lambda request: (left.pop(0) if len(left) > 1 else left[0])(request)
