"""What a server takes: films, sound, pictures, subtitles and other text, tables of colours, weights, fonts.

A file is judged by what is in it, whatever it is called, before it has a place. What only has to be read as text or by
its first bytes is judged here; what a decoder has to open is opened in the process that looks at files.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cinemill.errors import CinemillError, NotTaken
from cinemill.media import suffixes

if TYPE_CHECKING:
    from cinemill.surfaces.web.eye import Eye

_HEAD: Final = 4096
"""Bytes that are looked at first."""
_OTHERS: Final = (
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "a ZIP archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"\xca\xfe\xba\xbe", "a program"),
    (b"\xcf\xfa\xed\xfe", "a program"),
    (b"\xce\xfa\xed\xfe", "a program"),
    (b"\xfe\xed\xfa", "a program"),
    (b"\x00asm", "a program"),
    (b"#!", "a program"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"%PDF", "a PDF document"),
    (b"\xd0\xcf\x11\xe0", "an Office document"),
    (b"SQLite format 3", "a database"),
)
"""First bytes of what people try, and what they are."""
_PLAIN: Final = (b"#!", b"%PDF")
"""Those that may be text all the same."""
_MEDIA: Final = suffixes.VIDEO | suffixes.SOUND | suffixes.PICTURE
"""Suffixes that promise something to see or to hear."""
_WEIGHTS: Final = frozenset([".pth", ".pt", ".th", ".ckpt", ".bin", ".onnx", ".safetensors", ".npz", ".npy", ".yaml"])
_FONTS: Final = {b"\0\1\0\0", b"OTTO", b"ttcf", b"true", b"wOFF", b"wOF2"}
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")


def judge(eye: Eye, path: Path) -> None:
    """Raises NotTaken for what the studio does not work with, with what it is instead."""
    suffix = path.suffix.lower()
    promises = suffix in _MEDIA
    with path.open("rb") as file:
        head = file.read(_HEAD)
    what = _other(head)
    if not promises:
        if what is None and _is_text(head):
            return
        if suffix in _WEIGHTS and (what is None or _holds_weights(path)):
            return
        if head[:4] in _FONTS:
            return
    if what:
        raise NotTaken(f"{path.name} is {what}, and nothing that the studio works with.")
    try:
        kinds = eye.see(kinds_of, path)
    except CinemillError:
        kinds = set[str]()
    if not kinds & {"video", "audio", *(() if promises else ("subtitle",))}:
        raise NotTaken(f"{path.name} is no film, sound, picture or text that can be read, so it is not taken.")


def _other(head: bytes) -> str | None:
    if head[257:262] == b"ustar":
        return "a tar archive"
    magic, what = next((one for one in _OTHERS if head.startswith(one[0])), (b"", None))
    return None if _is_text(head) and magic not in _PLAIN else what


def _is_text(head: bytes) -> bool:
    """Whether people could have written it, in whatever letters."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    return not _CONTROLS.search(head)


def _holds_weights(path: Path) -> bool:
    """Whether a ZIP archive is one of torch's or numpy's."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, ValueError, zipfile.BadZipFile):
        return False
    return all(name.endswith(".npy") for name in names) or any(name.endswith("data.pkl") for name in names)


def kinds_of(path: Path) -> set[str]:
    """What kinds of tracks a file has. Raises CinemillError."""
    from cinemill.media import read

    return {track.kind for track in read.probe(path).tracks}
