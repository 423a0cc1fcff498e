"""Subtitles out of teletext, in a stream written byte by byte as a broadcaster's multiplexer would."""

from __future__ import annotations

from pathlib import Path

import pytest

import cinemill
from cinemill.errors import UnsupportedMedia

PMT, PCR, TEXT = 0x100, 0x101, 0x102
HAMMING = [0x15, 0x02, 0x49, 0x5E, 0x64, 0x73, 0x38, 0x2F, 0xD0, 0xC7, 0x8C, 0x9B, 0xA1, 0xB6, 0xFD, 0xEA]
"""Of each four bits, ETS 300 706 table 9."""


def crc(data: bytes) -> bytes:
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)) & 0xFFFFFFFF
    return value.to_bytes(4, "big")


def section(table: int, id: int, body: bytes) -> bytes:
    """A table of program information, with its pointer."""
    head = bytes([table]) + (0xB000 | (len(body) + 9)).to_bytes(2, "big") + id.to_bytes(2, "big") + bytes([0xC1, 0, 0])
    return b"\0" + head + body + crc(head + body)


class Multiplex:
    """Packets of 188 bytes."""

    def __init__(self) -> None:
        self.data = b""
        self.counts: dict[int, int] = {}

    def add(self, pid: int, payload: bytes) -> None:
        first = True
        while payload:
            piece, payload = payload[:184], payload[184:]
            count = self.counts[pid] = (self.counts.get(pid, -1) + 1) % 16
            stuffing = 184 - len(piece)
            field = bytes([stuffing - 1, *([0] if stuffing > 1 else []), *[0xFF] * (stuffing - 2)]) if stuffing else b""
            flags = (0x30 if stuffing else 0x10) | count
            self.data += bytes([0x47, (0x40 if first else 0) | pid >> 8, pid & 0xFF, flags]) + field + piece
            first = False

    def clock(self, seconds: float) -> None:
        """The time by which all others go, in a packet of its own."""
        base = round(seconds * 90000)
        field = bytes([183, 0x10]) + (base << 15 | 0x7E00).to_bytes(6, "big") + b"\xff" * 176
        self.data += bytes([0x47, PCR >> 8, PCR & 0xFF, 0x20]) + field


def odd(text: str) -> list[int]:
    """Seven bits and the one that makes their number odd."""
    return [byte | (0x80 if byte.bit_count() % 2 == 0 else 0) for byte in text.encode("ascii")]


def line(row: int, data: list[int]) -> bytes:
    """A row of magazine 8 as a data unit; on the air bits go the other way round."""
    plain = [HAMMING[(row & 1) << 3], HAMMING[row >> 1], *data]
    assert len(plain) == 42
    return bytes([0x03, 0x2C, 0xE0 | 7, 0xE4, *(int(f"{byte:08b}"[::-1], 2) for byte in plain)])


def header(page: int) -> bytes:
    """A page begins; it erases what was there, and is subtitles."""
    told = [page & 0xF, page >> 4, 0, 0x8, 0, 0x8, 0, 0x0]
    return line(0, [*(HAMMING[nibble] for nibble in told), *odd(" " * 32)])


def pes(seconds: float, units: list[bytes]) -> bytes:
    pts = round(seconds * 90000)
    stamp = [0x21 | pts >> 29 & 0xE, pts >> 22 & 0xFF, pts >> 14 & 0xFE | 1, pts >> 7 & 0xFF, pts << 1 & 0xFE | 1]
    filler = bytes([0xFF, 0x2C]) + b"\xff" * 44
    body = b"\x10" + b"".join(units) + filler * (-(len(units) + 1) % 4)
    head = bytes([0x84, 0x80, 0x24, *stamp]) + b"\xff" * 31
    return b"\0\0\1\xbd" + (len(head) + len(body)).to_bytes(2, "big") + head + body


def broadcast(path: Path, said: list[tuple[float, str]]) -> Path:
    stream = Multiplex()
    descriptor = b"\x56\x05eng" + bytes([2 << 3, 0x88])
    text = b"\x06" + (0xE000 | TEXT).to_bytes(2, "big") + (0xF000 | len(descriptor)).to_bytes(2, "big") + descriptor
    body = (0xE000 | PCR).to_bytes(2, "big") + b"\xf0\0" + text
    for seconds, words in said:
        stream.add(0, section(0, 1, b"\0\1" + (0xE000 | PMT).to_bytes(2, "big")))
        stream.add(PMT, section(2, 1, body))
        stream.clock(seconds - 0.05)
        shown = [line(22, odd(f"\x0b\x0b{words}\x0a\x0a".ljust(40)))] if words else []
        stream.add(TEXT, pes(seconds, [header(0x88), *shown, header(0xFF)]))
    path.write_bytes(stream.data)
    return path


def test_subtitles_are_read_from_teletext(tmp_path: Path) -> None:
    said = [(1.0, "Good evening."), (3.0, "Here is the news."), (5.0, ""), (6.0, "Good night."), (8.0, "")]
    film = broadcast(tmp_path / "in.ts", said)
    done = cinemill.run("timecode", film, tmp_path / "out.srt", page="888")
    text = (tmp_path / "out.srt").read_text()
    assert [words for _, words in said if words] == [
        block.split("\n")[2].strip() for block in text.strip().split("\n\n")
    ]
    assert done.result["cues"] == 3
    assert "00:00:02,000 --> 00:00:04,000" in text
    other = cinemill.run("timecode", film, tmp_path / "none.srt", page="100")
    assert other.result["notes"] == ["page 100 says nothing."]


def test_a_film_without_it_says_so(clip, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedMedia, match="no track of teletext"):
        cinemill.run("timecode", clip("one.mp4"), tmp_path / "out.srt")
