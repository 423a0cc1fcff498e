"""What fonts this machine has, and which characters they can draw: so that nobody sees boxes for letters.

Reads the `name` and `cmap` tables of TrueType and OpenType files (OpenType 1.9: `cmap` formats 4 and 12), nothing else.
"""

from __future__ import annotations

import os
import struct
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_SUFFIXES = frozenset({".ttf", ".otf", ".ttc", ".otc"})
_FIRST = ("Liberation Sans", "Arial", "Helvetica", "Noto Sans", "DejaVu Sans", "Segoe UI")
"""Families without serifs that read well over pictures."""
_MOST_BYTES = 1 << 26
_UNDRAWN = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp", "Mn", "Me", "Cn"})


@dataclass(frozen=True, slots=True)
class Face:
    """One face of a font file."""

    family: str
    style: str
    path: Path
    offset: int


@dataclass(frozen=True, slots=True)
class Choice:
    """The family to draw with, and the characters that it lacks."""

    family: str
    missing: str


def folders() -> list[Path]:
    """Where fonts are kept here."""
    home = Path.home()
    if sys.platform == "darwin":
        return [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts"]
    if os.name == "nt":
        local = Path(os.environ.get("LOCALAPPDATA", home)) / "Microsoft/Windows/Fonts"
        return [Path(os.environ.get("WINDIR", "C:/Windows")) / "Fonts", local]
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")
    return [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), data / "fonts", home / ".fonts"]


@lru_cache
def faces() -> tuple[Face, ...]:
    """Every face in `folders`; files that cannot be read are left out."""
    files = (path for folder in folders() if folder.is_dir() for path in sorted(folder.rglob("*")))
    return tuple(face for path in files if path.suffix.lower() in _SUFFIXES for face in faces_of(path))


def faces_of(path: Path) -> list[Face]:
    """The faces in a file; none where it is no font."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            return []
        data = path.read_bytes()
        return [Face(*_names(data, offset), path, offset) for offset in _offsets(data)]
    except (OSError, struct.error, IndexError, KeyError, ValueError):
        return []


def families() -> list[str]:
    """Names of the families there are."""
    return sorted({face.family for face in faces()})


def choose(text: str, family: str | None = None) -> Choice | None:
    """The family asked for if it is here and has every character of `text`, else the one that lacks fewest.

    None on a machine without fonts.
    """
    wanted = {ord(char) for char in text if unicodedata.category(char) not in _UNDRAWN}
    order = [*([family] if family else []), *_FIRST]
    ranked: dict[str, set[int]] = {}
    for face in sorted(faces(), key=lambda face: _rank(face, order)):
        known = ranked.setdefault(face.family, set(wanted))
        if known:
            known -= covered(face)
        if not known and (face.family.lower() in (name.lower() for name in order) or not wanted):
            break
    if not ranked:
        return None
    best = min(ranked, key=lambda name: (len(ranked[name]), _place(name, order)))
    return Choice(best, "".join(map(chr, sorted(ranked[best]))))


def undrawn(missing: str) -> str:
    """Those of the letters that a family lacks which no other font here has either: libass takes others from there."""
    here = {code for face in faces() for code in covered(face)} if missing else set[int]()
    return "".join(char for char in missing if ord(char) not in here)


_HOLDERS = (
    (0x0E00, 0x0E7F, "Noto Sans Thai"),
    (0x0900, 0x097F, "Noto Sans Devanagari"),
    (0x0590, 0x05FF, "Noto Sans Hebrew"),
    (0x0600, 0x06FF, "Noto Sans Arabic"),
    (0x1100, 0x11FF, "Noto Sans CJK"),
    (0x2E80, 0xD7FF, "Noto Sans CJK"),
    (0xF900, 0xFAFF, "Noto Sans CJK"),
    (0xFF00, 0xFFEF, "Noto Sans CJK"),
    (0x20000, 0x3FFFF, "Noto Sans CJK"),
    (0x2600, 0x27BF, "Noto Emoji"),
    (0x1F000, 0x1FAFF, "Noto Emoji"),
)
"""Code points from, to, and a free font that has them."""


def holders(missing: str) -> str:
    """Free fonts that have letters which no font here has, for people."""
    found = (name for char in missing for low, high, name in _HOLDERS if low <= ord(char) <= high)
    return " and ".join(dict.fromkeys(found)) or "Noto Sans"


def _rank(face: Face, order: list[str]) -> tuple[int, bool, str]:
    return _place(face.family, order), face.style.lower() not in ("regular", "book", "normal", "roman"), face.family


def _place(family: str, order: list[str]) -> int:
    names = [name.lower() for name in order]
    return names.index(family.lower()) if family.lower() in names else len(names)


@lru_cache(maxsize=256)
def covered(face: Face) -> frozenset[int]:
    """The characters that a face can draw."""
    try:
        data = face.path.read_bytes()
        start = _tables(data, face.offset)["cmap"]
        count = struct.unpack_from(">H", data, start + 2)[0]
        subtables = [struct.unpack_from(">HHI", data, start + 4 + 8 * n) for n in range(count)]
        unicode = [
            start + offset
            for platform, kind, offset in subtables
            if platform == 0 or (platform == 3 and kind in (1, 10))
        ]
        return frozenset(code for at in unicode for code in _mapped(data, at))
    except (OSError, struct.error, IndexError, KeyError, ValueError):
        return frozenset()


def _offsets(data: bytes) -> Iterable[int]:
    if data[:4] != b"ttcf":
        return [0]
    count = struct.unpack_from(">I", data, 8)[0]
    return struct.unpack_from(f">{min(count, 64)}I", data, 12)


def _tables(data: bytes, offset: int) -> dict[str, int]:
    count = struct.unpack_from(">H", data, offset + 4)[0]
    records = [struct.unpack_from(">4sIII", data, offset + 12 + 16 * n) for n in range(count)]
    return {tag.decode("latin-1"): start for tag, _, start, _ in records}


def _names(data: bytes, offset: int) -> tuple[str, str]:
    """Family and style; names that typographers gave win over those for old programs."""
    start = _tables(data, offset)["name"]
    count, strings = struct.unpack_from(">HH", data, start + 2)
    found: dict[int, str] = {}
    for n in range(count):
        platform, _, language, name, length, at = struct.unpack_from(">6H", data, start + 6 + 12 * n)
        if name in (1, 2) and (name not in found or language in (0, 0x409)):
            raw = data[start + strings + at : start + strings + at + length]
            found[name] = raw.decode("utf-16-be" if platform in (0, 3) else "latin-1", "replace")
    return found[1], found.get(2, "Regular")


def _mapped(data: bytes, at: int) -> Iterator[int]:
    format = struct.unpack_from(">H", data, at)[0]
    if format == 4:
        pairs = struct.unpack_from(">H", data, at + 6)[0] // 2
        ends = struct.unpack_from(f">{pairs}H", data, at + 14)
        starts = struct.unpack_from(f">{pairs}H", data, at + 16 + 2 * pairs)
        for start, end in zip(starts, ends):
            yield from range(start, min(end, 0xFFFE) + 1)
    elif format == 12:
        groups = struct.unpack_from(">I", data, at + 12)[0]
        for n in range(min(groups, 100_000)):
            start, end, _ = struct.unpack_from(">III", data, at + 16 + 12 * n)
            yield from range(start, min(end, 0x10FFFF) + 1)
