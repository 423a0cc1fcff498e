"""ONNX files that were published for pictures of one size, with the size left open.

Only what the file says of the shapes of its input and output is changed, and what it says of shapes in between is left
out; the network is the same. Whether it bears other sizes is for the trial to tell. The file is read as Protocol
Buffers lay it down, fields by number (onnx/onnx.proto of the ONNX project), so that no library is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from cinemill.errors import OpenFailed
from cinemill.settings import settings

_GRAPH, _INITIALIZER, _INPUT, _OUTPUT, _BETWEEN = 7, 5, 11, 12, 13
"""Numbers of fields: of the model, and of its graph."""
_TENSOR_NAME, _VALUE_NAME = 8, 1
_SHAPE = (2, 1, 2)
"""From a value to its shape: type, tensor, shape."""


def opened(path: Path) -> Path:
    """A copy of a model whose height and width are open, made once and kept; `path` where they are open already.

    Raises OpenFailed for what is no ONNX file.
    """
    data = path.read_bytes()
    try:
        freed = _fields_changed(data, _GRAPH, _freed)
    except (IndexError, ValueError):
        raise OpenFailed(f"{path} is no ONNX file.") from None
    if freed == data:
        return path
    status = path.stat()
    copy = settings().cache_dir / "onnx" / f"{path.stem}-{status.st_size}-{status.st_mtime_ns}.onnx"
    if not copy.is_file():
        copy.parent.mkdir(parents=True, exist_ok=True)
        passing = copy.with_suffix(".tmp")
        passing.write_bytes(freed)
        passing.replace(copy)
    return copy


def _freed(graph: bytes) -> bytes:
    # Old files list their weights among the inputs.
    weights = {_name(part, _TENSOR_NAME) for number, part, _ in _fields(graph) if number == _INITIALIZER}

    def open_sides(value: bytes) -> bytes:
        return value if _name(value, _VALUE_NAME) in weights else _within(value, _SHAPE, _shape_freed)

    for number in (_INPUT, _OUTPUT):
        changed = _fields_changed(graph, number, open_sides)
        if changed != graph:
            graph = b"".join(raw for field, _, raw in _fields(changed) if field != _BETWEEN)
    return graph


def _shape_freed(shape: bytes) -> bytes:
    """A shape of four sides with names for the last two, where they were numbers."""
    sides = [raw for _, _, raw in _fields(shape)]
    fixed = [any(number == 1 for number, _, _ in _fields(side)) for _, side, _ in _fields(shape)]
    if len(sides) != 4 or not all(fixed[2:]):
        return shape
    return b"".join([*sides[:2], *(_field(1, _field(2, name)) for name in (b"height", b"width"))])


def _name(message: bytes, number: int) -> bytes:
    return next((part for field, part, _ in _fields(message) if field == number), b"")


def _within(message: bytes, way: tuple[int, ...], change: Callable[[bytes], bytes]) -> bytes:
    """A message with what lies at the end of a way of field numbers changed."""
    if not way:
        return change(message)
    return _fields_changed(message, way[0], lambda part: _within(part, way[1:], change))


def _fields_changed(message: bytes, number: int, change: Callable[[bytes], bytes]) -> bytes:
    made: list[bytes] = []
    for field, part, raw in _fields(message):
        new = change(part) if field == number else part
        made.append(raw if new == part else _field(number, new))
    return b"".join(made)


def _fields(message: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """(number, content, the whole field as it stands); the content of numbers is empty."""
    at = 0
    while at < len(message):
        start = at
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        length = 0
        if kind == 0:
            _, at = _varint(message, at)
        elif kind == 2:
            length, at = _varint(message, at)
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise ValueError("no such kind of field")
        if at + length > len(message):
            raise ValueError("a field is longer than its message")
        content = message[at : at + length]
        at += length
        yield number, content, message[start:at]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number in groups of seven bits, the lowest first, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _field(number: int, content: bytes) -> bytes:
    return _number(number << 3 | 2) + _number(len(content)) + content


def _number(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
