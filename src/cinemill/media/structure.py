"""What a file's outermost structure says of it: where it should end, and what it lacks."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from cinemill.media import matroska


def lacks_moov(path: Path) -> bool:
    """Whether it is an MP4 or MOV without the box that says where the pictures are."""
    kinds = [kind for kind, _ in _boxes(path)]
    return kinds[:1] == [b"ftyp"] and b"moov" not in kinds


def promised_size(path: Path, format: str) -> int:
    """How many bytes a file of `format` (FFmpeg's name) says it has; 0 where it does not say."""
    if "matroska" in format:
        return matroska.promised_size(path)
    pieces = _riff(path) if format == "avi" else _boxes(path) if "mp4" in format else iter(())
    return max((end for _, end in pieces), default=0)


def _boxes(path: Path) -> Iterator[tuple[bytes, int]]:
    """Kind and promised end of the outermost boxes of an MP4 or MOV (ISO 14496-12), as far as they make sense."""
    end = 0
    with path.open("rb") as file:
        while len(head := file.read(16)) >= 8:
            size, kind = struct.unpack(">I4s", head[:8])
            size = int.from_bytes(head[8:]) if size == 1 else size
            if size < 8:  # 0 is for a last box of any length
                return
            end += size
            yield kind, end
            file.seek(end)


def _riff(path: Path) -> Iterator[tuple[bytes, int]]:
    """Kind and promised end of the outermost chunks of an AVI; a large one has several."""
    end = 0
    with path.open("rb") as file:
        while len(head := file.read(8)) == 8 and head.startswith(b"RIFF"):
            end += 8 + int.from_bytes(head[4:], "little")
            yield head[:4], end
            file.seek(end)
