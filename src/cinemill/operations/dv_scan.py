"""One pass over a tape of DV, written down: a line a picture, and at the end what is to be told of all of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cinemill.media.dv.blocks import Standard
    from cinemill.media.dv.tape import Picture, Piece


@dataclass
class Recording:
    """Pictures from `start` to `stop`, which is the first one no more, that were recorded in one go."""

    start: int
    stop: int
    timecode: str | None = None
    recorded: str | None = None
    """ISO 8601 by the camera's clock, without a zone."""
    last_recorded: str | None = None
    wide: bool | None = None
    hurt: int = 0
    """Pictures with a block that is not whole."""


@dataclass
class Found:
    """What a tape holds. `runs` are stretches of timecode that runs on: picture, first code, pictures."""

    standard: str
    rate: str
    pictures: int = 0
    recordings: list[Recording] = field(default_factory=list[Recording])
    runs: list[list[Any]] = field(default_factory=list[list[Any]])
    sounds: list[str] = field(default_factory=list[str])
    concealed: int = 0
    silenced: int = 0
    unread: int = 0
    skipped: int = 0
    hurt: int = 0

    def note(self, picture: Picture, begins: bool) -> None:
        """Take one picture more into account."""
        said = picture.said
        if begins or not self.recordings:
            self.recordings.append(Recording(picture.number, picture.number))
        last = self.recordings[-1]
        moment = said.recorded.isoformat() if said.recorded else None
        last.stop = picture.number + 1
        last.timecode = last.timecode or _text(said.timecode)
        last.recorded, last.last_recorded = last.recorded or moment, moment or last.last_recorded
        last.wide = said.wide if last.wide is None else last.wide
        last.hurt += picture.hurt
        if said.sound:
            bits = f"{said.sound.rate / 1000:g} kHz, {said.sound.channels} channels, {said.sound.bits} bits"
            if bits not in self.sounds:
                self.sounds.append(bits)
        self.pictures += 1
        self.hurt += picture.hurt
        for kind in ("concealed", "silenced", "unread", "skipped"):
            setattr(self, kind, getattr(self, kind) + getattr(picture, kind))

    def run_on(self, picture: Picture, breaks: bool) -> None:
        """Count a picture to the timecode that runs, or begin another stretch with it."""
        code = _text(picture.said.timecode)
        if code and (breaks or not self.runs):
            self.runs.append([picture.number, code, 0])
        if self.runs:
            self.runs[-1][2] = picture.number + 1 - self.runs[-1][0]


def length(path: Path) -> int:
    """About how many pictures a file of DV has, for progress. Raises UnsupportedMedia, OpenFailed."""
    from cinemill.media.dv import tape

    return max(1, path.stat().st_size // tape.standard_of(path).size)


def scan(source: Path, path: Path, total: int) -> Iterator[int]:
    """Read all of `source` and write what it says to `path`, JSON lines; gives back pictures done."""
    from cinemill.media.dv import tape

    standard = tape.standard_of(source)
    found = Found(standard.name, str(standard.rate))
    with path.open("w", encoding="utf-8") as file:
        for picture, begins in followed(source, standard, found):
            _write(file, picture, begins)
            yield min(total, found.pictures)
        file.write(json.dumps(asdict(found)) + "\n")


def followed(source: Path, standard: Standard, found: Found) -> Iterator[tuple[Picture, bool]]:
    """Each picture and whether a recording begins with it; `found` grows meanwhile."""
    from cinemill.media.dv import tape

    return noted(tape.pieces(source, standard), standard, found)


def noted(pieces: Iterable[Piece], standard: Standard, found: Found) -> Iterator[tuple[Picture, bool]]:
    """As `followed`, of pictures from anywhere."""
    from cinemill.media.dv import tape

    cutter, runs = tape.Cutter(standard), tape.Runs(standard)
    for picture in tape.examined(pieces, standard):
        begins = cutter.begins(picture)
        found.note(picture, begins)
        found.run_on(picture, runs.jump(picture) != 0)
        yield picture, begins


def _write(file: IO[str], picture: Picture, begins: bool) -> None:
    said = picture.said
    record: dict[str, Any] = {
        "picture": picture.number,
        "timecode": _text(said.timecode),
        "recorded": said.recorded.isoformat() if said.recorded else None,
        "begins": begins,
        "wide": said.wide,
        "sound": asdict(said.sound) if said.sound else None,
        "captions": [pair.hex() for pair in said.captions] if said.captions else None,
        "concealed": picture.concealed,
        "silenced": picture.silenced,
        "unread": picture.unread,
        "skipped": picture.skipped,
    }
    file.write(json.dumps(record) + "\n")


def pictures(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a scan, but for the last."""
    with path.open(encoding="utf-8") as file:
        yield from (json.loads(line) for line in file if line.startswith('{"picture"'))


def read(path: Path) -> Found:
    """What a scan found in all."""
    with path.open(encoding="utf-8") as file:
        *_, last = file
    found = Found(**json.loads(last))
    found.recordings = [Recording(**one) for one in found.recordings]  # type: ignore[arg-type]
    return found


def _text(value: object) -> str | None:
    return None if value is None else str(value)
