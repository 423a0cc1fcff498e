"""What goes through the pipes between the studio and an engine: one JSON line with lengths, then raw bytes.

    {"kind": "run", "blobs": [12, 7], ...}\n<12 bytes><7 bytes>

Standard library only and Python 3.9, because engines run in interpreters of their own. The engine's half is `serve`;
the studio's is `host.py`. The first message of an engine says which version of this it speaks.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

VERSION = 1
MOST_HEADER = 1 << 20
"""Bytes of a header; a longer line is not ours."""
MOST_BLOB = 1 << 31
"""Bytes of a blob."""

Message = tuple[dict[str, Any], list[bytearray]]


class WireError(Exception):
    """What came is not what this page says."""


class Closed(WireError):
    """The other side closed its end between two messages: an orderly goodbye."""


def send(stream: IO[bytes], header: dict[str, Any], blobs: Sequence[Any] = ()) -> None:
    """Write one message. `blobs` are bytes-like and contiguous."""
    views = [memoryview(blob).cast("B") for blob in blobs]
    line = json.dumps({**header, "blobs": [view.nbytes for view in views]}).encode()
    if len(line) >= MOST_HEADER:
        raise WireError(f"a header of {len(line)} bytes is too long")
    stream.write(line + b"\n")
    for view in views:
        stream.write(view)
    stream.flush()


def receive(stream: IO[bytes]) -> Message:
    """Read one message. Raises Closed at the end, WireError for anything malformed or cut off."""
    line = stream.readline(MOST_HEADER)
    if not line:
        raise Closed("the stream has ended")
    if not line.endswith(b"\n"):
        raise WireError(f"a header is cut off or too long: {line[:60]!r}")
    try:
        header = json.loads(line)
        sizes = header["blobs"]
        right = isinstance(header, dict) and all(isinstance(n, int) and 0 <= n <= MOST_BLOB for n in sizes)
    except (ValueError, KeyError, TypeError):
        right = False
        header, sizes = {}, []
    if not right:
        raise WireError(f"not a header: {line[:60]!r}")
    return header, [_read(stream, size) for size in sizes]


def _read(stream: IO[bytes], size: int) -> bytearray:
    blob = bytearray(size)
    view = memoryview(blob)
    filled = 0
    while filled < size:
        count = stream.readinto(view[filled:])  # type: ignore[attr-defined]
        if not count:
            raise WireError(f"a blob of {size} bytes was cut off after {filled}")
        filled += count
    return blob


class Service:
    """An engine's half, to be subclassed in its serve.py. Methods run one after another, in the engine's process.

    `run` may be a generator: everything it yields is sent at once as progress or as pieces of the result.
    """

    name = ""

    def describe(self) -> dict[str, Any]:
        """JSON-safe facts: versions, devices, voices."""
        return {}

    def load(self, params: dict[str, Any]) -> None:
        """Make ready what `run` needs; called again when the parameters change."""

    def run(self, params: dict[str, Any], blobs: list[bytearray], more: Iterator[Message]) -> Iterable[Message]:
        """Answer one request. `more` are the further messages that the request streams in, if it does."""
        raise NotImplementedError


def serve(service: Service) -> None:
    """Answer messages on stdin until it closes. What libraries print goes to stderr and not between our messages."""
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    os.close(0)
    send(sink, {"kind": "hello", "version": VERSION, "name": service.name, "python": sys.version.split()[0]})
    while True:
        try:
            header, blobs = receive(source)
        except Closed:
            return
        _answer(service, header, blobs, source, sink)


def _answer(
    service: Service, header: dict[str, Any], blobs: list[bytearray], source: IO[bytes], sink: IO[bytes]
) -> None:
    params = header.get("params", {})
    more = _streamed(source) if header.get("streams") else iter(())
    try:
        if header["kind"] == "describe":
            send(sink, {"kind": "done", "result": service.describe()})
        elif header["kind"] == "load":
            service.load(params)
            send(sink, {"kind": "done"})
        else:
            for piece, data in service.run(params, blobs, more):
                send(sink, {"kind": "piece", "result": piece}, data)
            send(sink, {"kind": "done"})
    except Exception as error:
        said = "".join(traceback.format_exception_only(type(error), error)).strip()
        traceback.print_exc(file=sys.stderr)
        send(sink, {"kind": "failed", "error": said})
    finally:
        for _ in more:  # what was streamed for a request that is over
            pass


def _streamed(source: IO[bytes]) -> Iterator[Message]:
    while True:
        header, blobs = receive(source)
        if header["kind"] == "end":
            return
        yield header, blobs


def main_of(service: Service) -> None:
    """What serve.py ends with. An engine must not outlive the studio, however that ended."""
    _die_with_parent()
    serve(service)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        import ctypes
        import signal

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
