"""A capture as it goes on, for a browser: the picture as MJPEG, with its waveform and vectorscope beside it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Self

from cinemill.operations.sessions.live import Watched, jpeg, scoped

if TYPE_CHECKING:
    from cinemill.media.decks import Deck
    from cinemill.media.types import Frame

_INTERVAL: Final = 0.1
"""Seconds between pictures that are shown: looking must not cost what is stored."""
_BORDER: Final = b"cinemill"
_PAGE: Final = (
    b"<!doctype html><meta charset=utf-8><title>cinemill capture</title>"
    b"<style>body{margin:0;background:#111;display:flex;flex-wrap:wrap;gap:8px}img{max-width:100%}</style>"
    b'<img src="/live" alt="The picture"><img src="/scopes" alt="Its waveform and vectorscope">'
)


class Preview:
    """A small server on this machine only. Port 0 takes a free one. Use it as a context."""

    def __init__(self, port: int = 0) -> None:
        self._frame: Frame | None = None
        self._fresh = threading.Condition()
        self._over = False
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        with self._fresh:
            self._over = True
            self._fresh.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def watched(self, deck: Deck) -> Deck:
        """The same deck, whose pictures are shown."""
        return Watched(deck, self._show)

    def _show(self, frame: Frame) -> None:
        with self._fresh:
            self._frame = frame
            self._fresh.notify_all()

    def pictures(self, scopes: bool = False) -> Iterator[bytes]:
        """JPEGs of what is there, at most ten a second, until it is over."""
        last: Frame | None = None
        while True:
            with self._fresh:
                self._fresh.wait_for(lambda: self._over or self._frame is not last)  # noqa: B023
                if self._over:
                    return
                last = self._frame
            assert last
            yield jpeg(scoped(last) if scopes else last)
            time.sleep(_INTERVAL)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        preview = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path not in ("/", "/live", "/scopes"):
                    self.send_error(404)
                    return
                self.send_response(200)
                if self.path == "/":
                    self.send_header("Content-Type", "text/html")
                    self.end_headers()
                    self.wfile.write(_PAGE)
                    return
                self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BORDER.decode()}")
                self.end_headers()
                try:
                    for data in preview.pictures(self.path == "/scopes"):
                        self.wfile.write(b"--" + _BORDER + b"\r\nContent-Type: image/jpeg\r\n\r\n" + data + b"\r\n")
                except OSError:
                    return  # whoever looked has gone

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler
