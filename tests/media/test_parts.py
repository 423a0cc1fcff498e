"""A part is whole or it is no part: nothing else may ever pass for one."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cinemill.errors import JobError
from cinemill.media import parts
from cinemill.media.parts import Coded, PartWriter

COUNT = st.integers(-(2**62), 2**62)
PACKET = st.builds(Coded, pts=COUNT, duration=COUNT, keyframe=st.booleans(), data=st.binary(max_size=60))


def written(path: Path, packets: list[Coded], notes: dict[str, object] | None = None) -> Path:
    writer = PartWriter(path)
    for packet in packets:
        writer.add(packet)
    writer.close(notes or {})
    return path


SOME = [Coded(n * 512, 512, n == 0, bytes(range(n, n + 40))) for n in range(6)]


@settings(max_examples=50, deadline=None)
@given(st.lists(PACKET, max_size=8), st.dictionaries(st.text(max_size=5), st.floats(allow_nan=False), max_size=3))
def test_packets_and_notes_come_back_as_they_went(
    tmp_path_factory: pytest.TempPathFactory, packets: list[Coded], notes: dict[str, object]
) -> None:
    path = written(tmp_path_factory.mktemp("part") / "part", packets, notes)
    assert list(parts.packets(path)) == packets
    assert parts.times(path) == [packet.pts for packet in packets]
    assert parts.notes(path) == notes
    assert parts.is_complete(path)


def test_a_part_without_pictures_is_complete(tmp_path: Path) -> None:
    path = written(tmp_path / "part", [])
    assert parts.is_complete(path)
    assert list(parts.packets(path)) == []


@pytest.mark.parametrize("place", range(0, 400, 7))
def test_a_part_cut_anywhere_is_refused(tmp_path: Path, place: int) -> None:
    path = written(tmp_path / "part", SOME, {"corrupt": [1.5]})
    data = path.read_bytes()
    path.write_bytes(data[: place % len(data)])
    assert not parts.is_complete(path)
    with pytest.raises(JobError, match=r"not a part|damaged or incomplete"):
        list(parts.packets(path))


def test_any_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path / "part", SOME, {"corrupt": [1.5]})
    data = path.read_bytes()
    for place in range(len(data)):
        for bit in (1, 128):
            broken = bytearray(data)
            broken[place] ^= bit
            path.write_bytes(broken)
            assert not parts.is_complete(path), (place, bit)


def test_bytes_after_the_end_are_noticed(tmp_path: Path) -> None:
    path = written(tmp_path / "part", SOME)
    path.write_bytes(path.read_bytes() + b"\0")
    assert not parts.is_complete(path)


@pytest.mark.parametrize("data", [b"", b"cinemill", parts.MAGIC, b"\0" * 500, random.Random(1).randbytes(5000)])
def test_what_is_no_part_is_refused_as_such(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "part"
    path.write_bytes(data)
    assert not parts.is_complete(path)
    with pytest.raises(JobError):
        list(parts.packets(path))


def test_a_length_that_cannot_be_is_refused_without_taking_memory(tmp_path: Path) -> None:
    path = tmp_path / "part"
    path.write_bytes(parts.MAGIC + struct.pack("<qqIB", 0, 0, 2**32 - 1, 1) + b"\0" * 100)
    assert not parts.is_complete(path)


def test_an_abandoned_part_is_not_complete(tmp_path: Path) -> None:
    writer = PartWriter(tmp_path / "part")
    writer.add(SOME[0])
    writer.abandon()
    assert not parts.is_complete(tmp_path / "part")


def test_a_missing_part_is_not_complete(tmp_path: Path) -> None:
    assert not parts.is_complete(tmp_path / "none")
    assert not parts.is_complete(tmp_path)
