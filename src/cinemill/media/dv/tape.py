"""A tape of DV from end to end: its pictures as blocks, what each says, and where recordings begin and end.

Raw streams (.dv, .dif) are read as they are, and a stretch that is none is passed over; from AVI, MOV, MKV and MXF the
packets of the picture are taken, which hold the same blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import IO, Final

import numpy as np

from cinemill.errors import UnsupportedMedia
from cinemill.media import demux, probe
from cinemill.media.dv import blocks, packs
from cinemill.media.dv.blocks import SEQUENCE, Blocks, Marks, Standard
from cinemill.media.dv.packs import Said

_HEADS: Final = (bytes.fromhex("1f07003f"), bytes.fromhex("1f0700bf"))
"""How the first block of a picture begins, of 525 and of 625 lines."""
_LOOK: Final = 1 << 20
"""Bytes read at once where the beginning of a picture is looked for."""
_LEAP: Final = timedelta(seconds=1.5)
"""How far the camera's clock may be from where it should be before another recording is supposed: it counts seconds."""
_IN_PLACE: Final = 0.5
"""Share of blocks that stand where they say, of a picture's first sequence; with fewer, what was read is none."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A picture: its blocks, which of them are in their place, and how many bytes of no sense lay before it."""

    blocks: Blocks
    placed: Marks
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """What is known of a picture: its number, what it says, and how many blocks of each kind are not whole."""

    number: int
    said: Said
    concealed: int
    """Blocks of picture that the deck made up (STA), or that are lost."""
    silenced: int
    """Blocks of sound that hold samples which the deck gave up, or that are lost."""
    unread: int
    """Blocks of subcode and VAUX that are lost."""
    skipped: int = 0

    @property
    def hurt(self) -> bool:
        return bool(self.concealed or self.silenced or self.unread or self.skipped)


def standard_of(path: Path) -> Standard:
    """What a file of DV is. Raises UnsupportedMedia where it holds none, OpenFailed."""
    head = b""
    if is_raw(path):
        with path.open("rb") as file:
            if _seek(file) is not None:
                head = file.read(SEQUENCE)
    else:
        head = next(_packets(path), b"")[:SEQUENCE]
    if len(head) < SEQUENCE or head[:3] != _HEADS[0][:3]:
        raise UnsupportedMedia(f"{path.name} holds no DV; the picture has to be DV as it came from the tape.")
    return blocks.standard(head)


def pieces(path: Path, standard: Standard) -> Iterator[Piece]:
    """The pictures of a file, one after another, whatever state they are in; a last one that breaks off is left out."""
    if is_raw(path):
        yield from _raw(path, standard)
        return
    for data in _packets(path):
        if len(data) == standard.size:
            picture = blocks_of(data, standard)
            yield Piece(picture, blocks.placed(picture))


def with_pictures(pieces: Iterable[Piece], standard: Standard) -> Iterator[tuple[Piece, Picture]]:
    """Each picture and what is known of it."""
    for number, piece in enumerate(pieces):
        yield piece, _known(piece, standard, number)


def examine(data: bytes, standard: Standard, number: int) -> Picture:
    """What is known of a picture that came alone, as the one of that number."""
    picture = blocks_of(data, standard)
    return _known(Piece(picture, blocks.placed(picture)), standard, number)


def _known(piece: Piece, standard: Standard, number: int) -> Picture:
    good = blocks.whole(piece.blocks, piece.placed)
    return Picture(
        number,
        packs.said(piece.blocks, piece.placed, standard.pal),
        concealed=int((~good[:, blocks.PICTURES]).sum()),
        silenced=int((~good[:, blocks.SOUNDS]).sum()),
        unread=int((~good[:, 1:6]).sum()),
        skipped=piece.skipped,
    )


def examined(pieces: Iterable[Piece], standard: Standard) -> Iterator[Picture]:
    """What is known of each picture."""
    return (picture for _, picture in with_pictures(pieces, standard))


class Runs:
    """Tells where the timecode does not run on. Give it every picture in order; those without one are counted over."""

    def __init__(self, standard: Standard) -> None:
        self._fps = 25 if standard.pal else 30
        self._last: tuple[int, int] | None = None

    def jump(self, picture: Picture) -> int:
        """By how many pictures the timecode is off from where it should be; 0 where it runs on."""
        code = picture.said.timecode
        if code is None:
            return 0
        day, last = 24 * 3600 * self._fps, self._last
        self._last = picture.number, code.count(self._fps)
        if last is None:
            return 0
        off = (self._last[1] - last[1] - (picture.number - last[0])) % day
        return off if off <= day // 2 else off - day


@dataclass
class _Clock:
    """The camera's clock as it was last read, and the picture it was read at."""

    number: int
    moment: datetime


class Cutter:
    """Tells where recordings begin. Give it every picture in order.

    A recording begins where the camera marked it, or where its clock leaps; on a tape without dates, where the timecode
    does not run on.
    """

    def __init__(self, standard: Standard) -> None:
        self._rate = float(standard.rate)
        self._clock: _Clock | None = None
        self._runs = Runs(standard)
        self._marked = False

    def begins(self, picture: Picture) -> bool:
        """Whether a recording begins with this picture; the very first one does not count."""
        leaps, jumps = self._leaps(picture), self._runs.jump(picture) != 0
        marked = picture.said.starts and not self._marked
        self._marked = picture.said.starts
        dated = self._clock is not None
        return picture.number > 0 and (marked or leaps or (jumps and not dated))

    def _leaps(self, picture: Picture) -> bool:
        moment = picture.said.recorded
        if moment is None:
            return False
        before, self._clock = self._clock, _Clock(picture.number, moment)
        if before is None:
            return False
        passed = timedelta(seconds=(picture.number - before.number) / self._rate)
        return abs(moment - before.moment - passed) > _LEAP


def is_raw(path: Path) -> bool:
    """Whether a file is the stream itself and no container: its beginning, or a picture in its first megabyte."""
    with demux.opened(path) as container:
        return container.format.name == "dv"


def _packets(path: Path) -> Iterator[bytes]:
    with demux.opened(path) as container:
        video = probe.picture_of(probe.probe(path))
        if video.codec != "dvvideo":
            return
        for packet in demux.packets_of(container, container.streams[video.index], demux.Damage()):
            if packet.size:
                yield bytes(packet)


def _raw(path: Path, standard: Standard) -> Iterator[Piece]:
    with path.open("rb", buffering=0) as file:
        skipped = _seek(file) or 0
        for data in iter(partial(file.read, standard.size), b""):
            if len(data) < standard.size:
                return
            picture = blocks_of(data, standard)
            placed = blocks.placed(picture)
            if not is_picture(data, placed):
                file.seek(1 - len(data), 1)
                found = _seek(file)
                if found is None:
                    return
                skipped += found + 1
                continue
            following = None if placed.all() else _head_in(data)
            if following:  # bytes are lost, and those of the next picture were read already
                file.seek(following - len(data), 1)
                picture = blocks_of(data[:following].ljust(standard.size, b"\0"), standard)
                placed = blocks.placed(picture)
            yield Piece(picture, placed, skipped)
            skipped = 0


def is_picture(data: bytes, placed: Marks) -> bool:
    """Whether so many bytes are a picture, however damaged: they begin as one, or its first blocks are in place."""
    return data[:4] in _HEADS or float(placed[0].mean()) >= _IN_PLACE


def _head_in(data: bytes) -> int | None:
    """Where in the bytes of a picture another one begins."""
    return min((place for head in _HEADS if (place := data.find(head, 1)) > 0), default=None)


def _seek(file: IO[bytes]) -> int | None:
    """Go to the next byte at which a picture begins; how many lay before it, None where there is none."""
    start = file.tell()
    at, tail = start, b""
    while data := file.read(_LOOK):
        places = [place for head in _HEADS if (place := (tail + data).find(head)) >= 0]
        if places:
            found = at - len(tail) + min(places)
            file.seek(found)
            return found - start
        at, tail = at + len(data), data[-3:]
    return None


def blocks_of(data: bytes, standard: Standard) -> Blocks:
    """The bytes of a picture as its blocks."""
    return np.frombuffer(data, np.uint8).reshape(standard.sequences, blocks.BLOCKS, blocks.BLOCK)
