"""What a Matroska header has to say and PyAV cannot tell the muxer, written into the finished file.

Room for it comes from a track title longer than it will be, so that nothing in the file moves.
Sources: RFC 8794 (EBML), RFC 9559 (Matroska); the names are the RFC's.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import IO, Final

from cinemill.errors import MediaError
from cinemill.media.types import Hdr

FORMATS: Final = ("matroska", "webm")
_SEGMENT: Final = bytes.fromhex("18538067")
_TRACKS: Final = bytes.fromhex("1654AE6B")
_TRACK_ENTRY: Final = bytes.fromhex("AE")
_NAME: Final = bytes.fromhex("536E")
_CODEC_DELAY: Final = bytes.fromhex("56AA")
_VIDEO: Final = bytes.fromhex("E0")
_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT = (bytes.fromhex(x) for x in ("54B0", "54BA", "54B2"))
_COLOUR: Final = bytes.fromhex("55B0")
_MAX_CLL, _MAX_FALL = bytes.fromhex("55BC"), bytes.fromhex("55BD")
_MASTERING: Final = bytes.fromhex("55D0")
_MASTERING_VALUES: Final = [bytes([0x55, x]) for x in range(0xD1, 0xDB)]
"""PrimaryR, G, B and WhitePoint chromaticities as x and y, then LuminanceMax and LuminanceMin."""
_CRC, _VOID = b"\xbf", b"\xec"
_UNKNOWN: Final = (1 << 56) - 1
"""A size of nothing but ones: until the end of the file."""
_RATIO_ONLY: Final = 3
"""DisplayUnit: width and height are a ratio, not pixels."""


@dataclass(frozen=True)
class Facts:
    """What to say of one track. `dar` is the shape of the whole picture, `delay` seconds of sound never presented."""

    title: str = ""
    dar: Fraction | None = None
    hdr: Hdr | None = None
    delay: Fraction = Fraction(0)

    def __bool__(self) -> bool:
        return bool(self.dar or self.hdr or self.delay)

    @property
    def placeholder(self) -> str:
        """The title to give the muxer; all facts take less room than this."""
        return self.title + " " * 200


def promised_size(path: Path) -> int:
    """How many bytes the header says the file has; 0 where it does not say, as of a live recording."""
    with path.open("rb") as file:
        _, size, header = _head(file.read(12), 0)
        start = header + size
        file.seek(start)
        head = file.read(12)
        if len(head) < 12 or not head.startswith(_SEGMENT):
            return 0
        _, size, header = _head(head, 0)
        return 0 if size == _UNKNOWN else start + header + size


def complete(path: Path, facts: Mapping[int, Facts]) -> None:
    """Put `facts` into the header of `path`, by the place of the track among those that are no attachments."""
    with path.open("r+b") as file:
        start, size = _find_tracks(file)
        file.seek(start)
        entries = [(key, value) for key, value in _children(file.read(size)) if key != _CRC]
        places = (place for place, (key, _) in enumerate(entries) if key == _TRACK_ENTRY)
        for number, place in enumerate(list(places)):
            if number in facts:
                entries[place] = (_TRACK_ENTRY, _rewritten(entries[place][1], facts[number]))
        body = b"".join(_element(key, value) for key, value in entries)
        checksum = _element(_CRC, struct.pack("<I", zlib.crc32(body)))
        file.seek(start)
        file.write(_padded(checksum + body, size))


def _rewritten(entry: bytes, facts: Facts) -> bytes:
    """A track entry of the same size that says `facts`."""
    kept = [(key, value) for key, value in _children(entry) if key != _NAME]
    if facts.title:
        kept.append((_NAME, facts.title.encode()))
    if facts.delay:
        kept.append((_CODEC_DELAY, _unsigned(round(facts.delay * 10**9))))
    body = b"".join(_element(key, _picture(value, facts) if key == _VIDEO else value) for key, value in kept)
    return _padded(body, len(entry))


def _picture(video: bytes, facts: Facts) -> bytes:
    kept = dict(_children(video))
    if facts.dar:
        kept[_DISPLAY_WIDTH] = _unsigned(facts.dar.numerator)
        kept[_DISPLAY_HEIGHT] = _unsigned(facts.dar.denominator)
        kept[_DISPLAY_UNIT] = _unsigned(_RATIO_ONLY)
    if facts.hdr:
        kept[_COLOUR] = kept.get(_COLOUR, b"") + _light(facts.hdr)
    return b"".join(_element(key, value) for key, value in kept.items())


def _light(hdr: Hdr) -> bytes:
    body = b""
    if hdr.max_cll is not None:
        body += _element(_MAX_CLL, _unsigned(hdr.max_cll)) + _element(_MAX_FALL, _unsigned(hdr.max_fall or 0))
    if hdr.display:
        values = [*chain.from_iterable(hdr.display), hdr.max_luminance, hdr.min_luminance]
        floats = (struct.pack(">d", value) for value in values)
        body += _element(_MASTERING, b"".join(map(_element, _MASTERING_VALUES, floats)))
    return body


def _find_tracks(file: IO[bytes]) -> tuple[int, int]:
    """Where the contents of Tracks begin, and how long they are."""
    at = 0
    while head := (file.seek(at), file.read(12))[1]:
        key, size, header = _head(head, 0)
        if key == _TRACKS:
            return at + header, size
        at += header if key == _SEGMENT else header + size
    raise MediaError("the Matroska file that was written has no tracks.")


def _children(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(data):
        key, size, header = _head(data, at)
        yield key, data[at + header : at + header + size]
        at += header + size


def _head(data: bytes, at: int) -> tuple[bytes, int, int]:
    """ID and size of the element at `at`, and how long those two are; leading zero bits count the bytes of each."""
    id_length = 9 - data[at].bit_length()
    size_at = at + id_length
    size_length = 9 - data[size_at].bit_length()
    mask = (1 << 7 * size_length) - 1
    size = int.from_bytes(data[size_at : size_at + size_length]) & mask
    size = _UNKNOWN if size == mask else size
    return data[at:size_at], size, id_length + size_length


def _element(key: bytes, payload: bytes, size_length: int = 0) -> bytes:
    length = size_length or next(n for n in range(1, 9) if len(payload) < (1 << 7 * n) - 1)
    return key + (len(payload) | 1 << 7 * length).to_bytes(length) + payload


def _unsigned(value: int) -> bytes:
    return value.to_bytes(max(1, -(-value.bit_length() // 8)))


def _padded(body: bytes, size: int) -> bytes:
    """`body` made `size` bytes long by a Void element, which takes two bytes at least."""
    room = size - len(body)
    if room == 0:
        return body
    if room < 2:
        raise MediaError("the Matroska header that was written has no room for what it should say.")
    long = room > 128
    return body + _element(_VOID, bytes(room - (9 if long else 2)), 8 if long else 1)
