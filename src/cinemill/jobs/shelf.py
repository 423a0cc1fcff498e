"""Files that people hand to a server, found again by what is in them: the same file twice takes the room of one.

FOLDER/ID/NAME           the file, read-only; ID is made of its SHA-256 and its name
FOLDER/ID/about.json     size, digest, and, by its time of change, when it was last used
FOLDER/partial/ID        an upload that goes on, and `ID.json` about it
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Final

from cinemill.errors import NotHere, RequestError, TooLarge

_ID: Final = re.compile(r"[0-9a-f]{32}")
_LONGEST_NAME: Final = 180
"""Bytes of a name, which leave room for what is put around that of an output."""
_PIECE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Stored:
    """A file on the shelf. `size` in bytes; `created` and `used` in seconds since 1970."""

    id: str
    name: str
    path: Path
    size: int
    sha256: str
    created: float
    used: float


@dataclass(frozen=True, slots=True)
class Partial:
    """An upload that is not whole yet: `offset` of `size` bytes are here."""

    id: str
    name: str
    size: int
    sha256: str
    offset: int
    created: float


class Shelf:
    """The files in a folder. Any process may use one on the same folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._partial = folder / "partial"
        self.judge: Callable[[Path], None] = lambda path: None
        """Looks at a file that has arrived whole, under its own suffix, before it is given a place. Raises what speaks
        against it, and nothing is kept then."""

    def keep(self, source: Path, name: str, *, move: bool = False) -> Stored:
        """Put a copy of a file on the shelf, or the file itself. Raises RequestError for one that cannot be read."""
        try:
            with source.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            passing = self._passing()
            if move:
                os.replace(source, passing)
            else:
                shutil.copyfile(source, passing)
        except OSError as error:
            raise RequestError(f"{source.name} cannot be taken: {error.strerror}.") from None
        return self._place(passing, clean_name(name), digest)

    def write(self, pieces: Iterable[bytes], name: str, most: int) -> Stored:
        """Put what comes in pieces on the shelf. Raises TooLarge beyond `most` bytes, and keeps nothing then."""
        passing, digest, size = self._passing(), hashlib.sha256(), 0
        try:
            with passing.open("wb") as file:
                for piece in pieces:
                    size += len(piece)
                    if size > most:
                        raise TooLarge(f"{name} is larger than {most} bytes, the most that is taken.")
                    digest.update(piece)
                    file.write(piece)
            return self._place(passing, clean_name(name), digest.hexdigest())
        finally:
            passing.unlink(missing_ok=True)

    def get(self, id: str) -> Stored:
        """Raises NotHere."""
        found = self._read(id) if _ID.fullmatch(id) else None
        if found is None:
            raise NotHere(f"there is no file {id!r}.", id=id)
        return found

    def touch(self, id: str) -> None:
        """Remember that a file was used just now."""
        with suppress(OSError):
            os.utime(self.folder / id / "about.json")

    def same(self, sha256: str) -> list[Stored]:
        """Files with this content, under whatever names."""
        if not re.fullmatch("[0-9a-f]{64}", sha256):
            return []
        found = (self._read(path.name) for path in self.folder.glob(f"{sha256[:24]}*"))
        return [one for one in found if one and one.sha256 == sha256]

    def __iter__(self) -> Iterator[Stored]:
        """The newest first."""
        found = [one for path in self.folder.glob("*") if _ID.fullmatch(path.name) and (one := self._read(path.name))]
        yield from sorted(found, key=lambda one: one.created, reverse=True)

    def remove(self, id: str) -> None:
        """Raises NotHere."""
        self.get(id)
        shutil.rmtree(self.folder / id, ignore_errors=True)

    def begin(self, name: str, size: int, sha256: str = "") -> Partial:
        """Begin an upload that may be broken off and gone on with."""
        self._partial.mkdir(parents=True, exist_ok=True)
        partial = Partial(secrets.token_hex(16), clean_name(name), size, sha256.lower(), 0, time.time())
        (self._partial / partial.id).touch()
        (self._partial / f"{partial.id}.json").write_text(json.dumps(asdict(partial)), "utf-8")
        return partial

    def partial(self, id: str) -> Partial:
        """How far an upload is. Raises NotHere."""
        try:
            if not _ID.fullmatch(id):
                raise ValueError
            told = Partial(**json.loads((self._partial / f"{id}.json").read_text("utf-8")))
            return replace(told, offset=(self._partial / id).stat().st_size)
        except (OSError, ValueError):
            raise NotHere(f"there is no upload {id!r}.", id=id) from None

    def opened(self, partial: Partial) -> IO[bytes]:
        """The end of an upload, to write on."""
        return (self._partial / partial.id).open("ab")

    def finish(self, partial: Partial) -> Stored:
        """Put a whole upload on the shelf. Raises RequestError when it is not what was announced."""
        path = self._partial / partial.id
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if partial.sha256 and digest != partial.sha256:
            self.abandon(partial.id)
            raise RequestError(f"{partial.name} has arrived damaged: its SHA-256 is not the announced one.")
        try:
            return self._place(path, partial.name, digest)
        finally:
            for left in (path, path.with_name(f"{partial.id}.json")):
                left.unlink(missing_ok=True)

    def abandon(self, id: str) -> None:
        """Throw an upload away. Raises NotHere."""
        self.partial(id) if (self._partial / id).exists() else None
        for path in (self._partial / id, self._partial / f"{id}.json"):
            path.unlink(missing_ok=True)

    def sweep(self, needed: set[Path], older: float, most: int) -> int:
        """Remove what nobody needs: files last used before `older`, the oldest while all take more than `most` bytes,
        and uploads that stopped a day ago. The bytes that were freed."""
        freed = 0
        for path in self._partial.glob("*"):
            with suppress(OSError):
                if path.stat().st_mtime < time.time() - 86400:
                    freed += path.stat().st_size
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
        stored = sorted(self, key=lambda one: one.used)
        total = sum(one.size for one in stored)
        for one in stored:
            if one.path not in needed and (one.used < older or total > most):
                shutil.rmtree(self.folder / one.id, ignore_errors=True)
                total -= one.size
                freed += one.size
        return freed

    def _passing(self) -> Path:
        self._partial.mkdir(parents=True, exist_ok=True)
        return self._partial / secrets.token_hex(16)

    def _place(self, passing: Path, name: str, digest: str) -> Stored:
        """Give a whole file its name. One that was here before stays, with its time of change."""
        id = digest[:24] + hashlib.sha256(name.encode()).hexdigest()[:8]
        if found := self._read(id):
            passing.unlink(missing_ok=True)
            self.touch(id)
            return found
        self._judge(passing, name)
        folder = self.folder / id
        folder.mkdir(parents=True, exist_ok=True)
        if others := self.same(digest):
            passing.unlink(missing_ok=True)
            with suppress(FileExistsError):
                os.link(others[0].path, folder / name)
        else:
            passing.chmod(0o444)
            os.replace(passing, folder / name)
        about = {"name": name, "size": (folder / name).stat().st_size, "sha256": digest, "created": time.time()}
        unfinished = folder / f".{secrets.token_hex(4)}"
        unfinished.write_text(json.dumps(about), "utf-8")
        unfinished.replace(folder / "about.json")
        return self.get(id)

    def _judge(self, passing: Path, name: str) -> None:
        """Under the name that it is to have: some formats are known by that too."""
        folder = passing.with_name(f"{passing.name}.seen")
        folder.mkdir()
        try:
            passing.replace(folder / name)
            self.judge(folder / name)
            (folder / name).replace(passing)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _read(self, id: str) -> Stored | None:
        about = self.folder / id / "about.json"
        try:
            told = json.loads(about.read_text("utf-8"))
            return Stored(id, path=self.folder / id / told["name"], used=about.stat().st_mtime, **told)
        except (OSError, ValueError):
            return None


def clean_name(name: str) -> str:
    """What is left of a stranger's file name: no folders, no control characters, not hidden, not too long."""
    plain = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode("utf-8"))
    plain = plain.replace("\\", "/").rsplit("/", 1)[-1]
    plain = "".join(letter for letter in plain if unicodedata.category(letter)[0] != "C" and letter not in '<>:"|?*')
    plain = plain.strip().lstrip(".").rstrip(". ")
    stem, dot, suffix = plain.rpartition(".")
    while len(plain.encode()) > _LONGEST_NAME and stem:
        stem = stem[:-1]
        plain = f"{stem}{dot}{suffix}"
    plain = plain if len(plain.encode()) <= _LONGEST_NAME else plain.encode()[:_LONGEST_NAME].decode("utf-8", "ignore")
    return "file" if plain in ("", "about.json") else plain
