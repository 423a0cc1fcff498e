"""Bytes -> text, whatever wrote them: byte order marks, UTF-8, UTF-16, and the encodings of the world before these."""

from __future__ import annotations

import codecs
from pathlib import Path

from cinemill.errors import InvalidParams, OpenFailed

MOST_BYTES = 64 << 20
"""Subtitles of ten hours with the time of every word take a tenth of it."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OLD = [
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "cp1257",
    "cp874",
    "shift_jis",
    "euc_jp",
    "gb18030",
    "big5",
    "euc_kr",
    "koi8_r",
]
_GUESSED = 1 << 16
"""Bytes that a guess looks at."""


def decoded(path: Path, encoding: str | None = None) -> tuple[str, str]:
    """The text of a file with `\\n` as line ends, and the name of its encoding. Raises OpenFailed, InvalidParams."""
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise OpenFailed(f"{path} has {size >> 20} MB; subtitles have {MOST_BYTES >> 20} at most.")
        raw = path.read_bytes()
    except OSError as error:
        raise OpenFailed(f"{path} cannot be read: {(error.strerror or str(error)).lower()}.") from None
    if not raw.strip():
        raise OpenFailed(f"{path} is empty.")
    text, took = _as_told(raw, path, encoding) if encoding else _as_found(raw, path)
    return text.replace("\r\n", "\n").replace("\r", "\n"), took


def _as_told(raw: bytes, path: Path, encoding: str) -> tuple[str, str]:
    try:
        return raw.decode(encoding).removeprefix("\ufeff"), encoding
    except LookupError:
        raise InvalidParams(f"no encoding is called {encoding!r}; try utf-8, cp1252, shift_jis or gb18030.") from None
    except ValueError:
        raise OpenFailed(f"{path} is not {encoding}; leave the encoding out to have it found.") from None


def _as_found(raw: bytes, path: Path) -> tuple[str, str]:
    for mark, name in _MARKS:
        if raw.startswith(mark):
            return raw.decode(name, "replace"), name
    half = len(raw[:_GUESSED]) // 2
    for name, zeros in (("utf-16-le", raw[1:_GUESSED:2]), ("utf-16-be", raw[0:_GUESSED:2])):
        if half and zeros.count(0) > half // 2:
            return raw.decode(name, "replace"), name
    if b"\0" in raw:
        raise OpenFailed(f"{path} is not text.")
    try:
        return raw.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return _guessed(raw)


def _guessed(raw: bytes) -> tuple[str, str]:
    from charset_normalizer import from_bytes

    best = from_bytes(raw[:_GUESSED], cp_isolation=_OLD, threshold=0.4).best()
    name = best.encoding if best else "cp1252"
    return raw.decode(name, "replace"), name
