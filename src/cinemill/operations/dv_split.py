"""A tape of DV into its recordings, byte for byte, each in a file that is called by its date."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from cinemill.catalogue import Field, Params
from cinemill.operations import Chunk, Operation, Request, dv_scan, operation
from cinemill.operations.dv_info import DvDecided, summary
from cinemill.operations.dv_scan import Found, Recording


class DvSplit(Params):
    shortest: float = Field(0.0, ge=0, unit="s")
    """Recordings that are shorter stay with the one before."""


@operation
class DvSplitOperation(Operation[DvSplit, DvDecided]):
    """Split a DV tape into its recordings, byte for byte, in a folder, each called by its date and time.

    A recording begins where the camera marked it, or where its clock leaps; without dates, where the timecode breaks.
    """

    name = "dv-split"
    topic = "Checks and archives"
    params = DvSplit
    decided = DvDecided
    output = "folder"
    unit = "pictures"
    example = "cinemill dv split tape.dv -o recordings"

    def suffix(self, request: Request[DvSplit]) -> str:
        return ""

    def decide(self, request: Request[DvSplit]) -> DvDecided:
        return DvDecided(pictures=dv_scan.length(request.inputs[0]))

    def cut(self, request: Request[DvSplit], decided: DvDecided, seconds: float) -> list[Chunk]:
        return [Chunk(index=0, size=decided.pictures)]

    def whole(self, path: Path) -> bool:
        return path.is_dir()

    def part(self, request: Request[DvSplit], decided: DvDecided, chunk: Chunk, path: Path) -> Iterator[int]:
        from cinemill.media.dv import tape

        source = request.inputs[0]
        standard = tape.standard_of(source)
        fewest = round(request.params.shortest * standard.rate)
        found = Found(standard.name, str(standard.rate))
        cutter, runs = tape.Cutter(standard), tape.Runs(standard)
        path.mkdir()
        file: IO[bytes] | None = None
        pieces = tape.pieces(source, standard)
        for piece, picture in tape.with_pictures(pieces, standard):
            long = bool(found.recordings) and picture.number - found.recordings[-1].start >= fewest
            begins = cutter.begins(picture) and long
            found.note(picture, begins)
            found.run_on(picture, runs.jump(picture) != 0)
            if file is None or begins:
                if file:
                    file.close()
                file = (path / f"{len(found.recordings):04d}").open("wb")
            file.write(piece.blocks.data)
            yield min(chunk.size, found.pictures)
        if file:
            file.close()
        (path / "found.json").write_text(json.dumps(asdict(found)), "utf-8")

    def join(
        self, request: Request[DvSplit], decided: DvDecided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        assert output
        found = dv_scan.read(parts[0] / "found.json")
        output.mkdir()
        for number, name in enumerate(_names(found.recordings), 1):
            # A second name for the same bytes: a tape may fill half of the disk.
            (output / name).hardlink_to(parts[0] / f"{number:04d}")
            yield number / len(found.recordings)

    def result(self, request: Request[DvSplit], decided: DvDecided, parts: Sequence[Path]) -> dict[str, Any]:
        found = dv_scan.read(parts[0] / "found.json")
        count = len(found.recordings)
        rows = [[name, str(one.stop - one.start), one.timecode or ""] for name, one in _named(found)]
        table = [["file", "pictures", "timecode"], *rows]
        return {"summary": summary(found), "notes": [f"{count} recording{'s' * (count != 1)}."], "table": table}


def _named(found: Found) -> Iterator[tuple[str, Recording]]:
    yield from zip(_names(found.recordings), found.recordings)


def _names(recordings: Sequence[Recording]) -> list[str]:
    """By date and time where they are known, else by number; those of one second are numbered on."""
    names: list[str] = []
    for number, one in enumerate(recordings, 1):
        stem = re.sub("[^0-9]+", "-", one.recorded) if one.recorded else f"recording-{number:04d}"
        same = sum(name == f"{stem}.dv" or name.startswith(f"{stem}_") for name in names)
        names.append(f"{stem}_{same + 1}.dv" if same else f"{stem}.dv")
    return names
