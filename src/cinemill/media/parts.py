"""Encoded pictures on disk as a list of packets: exact in time, cheap to check, free of any container's rules.

Layout: magic, then per packet a header and its bytes, then a record of notes in JSON, then a footer with the number
of packets and a CRC-32 of all that came before. A file without its footer is not a part.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from cinemill.errors import JobError

MAGIC: Final = b"cinemill part 1\n"
_PACKET: Final = struct.Struct("<qqIB")
"""pts, duration in units of the spec's time_base; size in bytes; 1 for a keyframe, 2 for the notes."""
_FOOTER: Final = struct.Struct("<4sQI")
_END: Final = b"DONE"


@dataclass(frozen=True, slots=True)
class Coded:
    """One encoded picture. Its place in the file is its place in decoding order."""

    pts: int
    duration: int
    keyframe: bool
    data: bytes


class PartWriter:
    """Writes packets as they come; `close` adds the footer and makes the file durable."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._crc = 0
        self._count = 0
        self._put(MAGIC)

    def add(self, packet: Coded) -> None:
        self._put(_PACKET.pack(packet.pts, packet.duration, len(packet.data), packet.keyframe))
        self._put(packet.data)
        self._count += 1

    def close(self, notes: dict[str, Any]) -> None:
        """`notes` is a JSON-safe record that travels with the part, such as damage found in its source."""
        text = json.dumps(notes).encode()
        self._put(_PACKET.pack(0, 0, len(text), 2) + text)
        self._file.write(_FOOTER.pack(_END, self._count, self._crc))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def abandon(self) -> None:
        self._file.close()

    def _put(self, data: bytes) -> None:
        self._crc = zlib.crc32(data, self._crc)
        self._file.write(data)


def is_part(path: Path) -> bool:
    """Whether a file begins as parts do."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def is_complete(path: Path) -> bool:
    """Whether the footer is there and the whole file agrees with its checksum."""
    try:
        for _ in packets(path):
            pass
    except (OSError, JobError):
        return False
    return True


def notes(path: Path) -> dict[str, Any]:
    """The record that was stored when the part was closed, without reading or checking the pictures."""
    return next((json.loads(file.read(length)) for kind, _, length, file in _headers(path) if kind == 2), {})


def packets(path: Path) -> Iterator[Coded]:
    """The packets of a part. Raises JobError at the end when the file is damaged."""
    for _, payload in _records(path):
        if isinstance(payload, Coded):
            yield payload


def times(path: Path) -> list[int]:
    """The pts of every packet in decoding order, without reading or checking the pictures themselves."""
    return [pts for kind, pts, _, _ in _headers(path) if kind != 2]


def _headers(path: Path) -> Iterator[tuple[int, int, int, BinaryIO]]:
    """Kind, pts and size of each record, and the file, which stands where the record begins."""
    with path.open("rb") as file:
        place, end = len(MAGIC), _end_of(path, file)
        while place < end and len(header := file.read(_PACKET.size)) == _PACKET.size:
            pts, _, length, kind = _PACKET.unpack(header)
            place += _PACKET.size + length
            if place > end:  # before memory is taken for it
                return
            yield kind, pts, length, file
            file.seek(place)


def _end_of(path: Path, file: BinaryIO) -> int:
    """Where the records end that begin here, behind the first bytes of a part. Raises JobError where these are none."""
    end = os.fstat(file.fileno()).st_size - _FOOTER.size
    if file.read(len(MAGIC)) != MAGIC or end < len(MAGIC):
        raise JobError(f"{path} is not a part of this version.")
    return end


def _records(path: Path) -> Iterator[tuple[int, Any]]:
    with path.open("rb") as file:
        body = _end_of(path, file)
        crc, count = zlib.crc32(MAGIC), 0
        while file.tell() < body:
            header = file.read(_PACKET.size)
            if len(header) < _PACKET.size:
                break
            pts, duration, length, kind = _PACKET.unpack(header)
            if length > body - file.tell():  # before memory is taken for it
                break
            data = file.read(length)
            crc = zlib.crc32(data, zlib.crc32(header, crc))
            count += kind < 2
            yield kind, data if kind == 2 else Coded(pts, duration, bool(kind), data)
        end, promised, checksum = _FOOTER.unpack(file.read(_FOOTER.size).ljust(_FOOTER.size, b"\0"))
    if (end, promised, checksum) != (_END, count, crc):
        raise JobError(f"{path} is damaged or incomplete; it will be made again.")
