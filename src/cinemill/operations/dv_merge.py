"""Several captures of one DV tape into one, which has every block that any of them has whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cinemill.catalogue import Params
from cinemill.errors import InvalidParams, OutputRefused, UnsupportedMedia
from cinemill.operations import Chunk, Operation, Request, dv_scan, operation
from cinemill.operations.dv_info import DvDecided

_SUFFIXES = (".dv", ".dif")


class DvMerge(Params):
    """The takes are all there is to say."""


@operation
class DvMergeOperation(Operation[DvMerge, DvDecided]):
    """Merge captures of the same DV tape: every block comes from a take that has it whole.

    Takes are laid side by side by what is in their pictures, so that they may begin, end and drop pictures anywhere.
    """

    name = "dv-merge"
    topic = "Checks and archives"
    params = DvMerge
    decided = DvDecided
    together = True
    unit = "pictures"
    example = "cinemill dv merge first.dv second.dv third.dv -o best.dv"

    def suffix(self, request: Request[DvMerge]) -> str:
        return _SUFFIXES[0]

    def decide(self, request: Request[DvMerge]) -> DvDecided:
        from cinemill.media.dv import tape

        assert request.output
        if len(request.inputs) < 2:
            raise InvalidParams("dv-merge: one take is nothing to merge; name two or more.")
        if request.output.suffix.lower() not in _SUFFIXES:
            raise OutputRefused(f"{request.output}: DV that is merged becomes {' or '.join(_SUFFIXES)}.")
        first, *others = (tape.standard_of(path) for path in request.inputs)
        for path, other in zip(request.inputs[1:], others):
            if other != first:
                told = f"{path.name} is {other.name}, {request.inputs[0].name} is {first.name}"
                raise UnsupportedMedia(f"{told}; takes of one tape are of one kind.")
        return DvDecided(pictures=max(map(dv_scan.length, request.inputs)))

    def cut(self, request: Request[DvMerge], decided: DvDecided, seconds: float) -> list[Chunk]:
        return [Chunk(index=0, size=decided.pictures)]

    def whole(self, path: Path) -> bool:
        return path.is_dir()

    def part(self, request: Request[DvMerge], decided: DvDecided, chunk: Chunk, path: Path) -> Iterator[int]:
        from cinemill.media.dv import merge, tape

        standard = tape.standard_of(request.inputs[0])
        record = merge.Merged(len(request.inputs))
        takes = [tape.pieces(take, standard) for take in request.inputs]
        path.mkdir()
        with (path / "merged").open("wb") as file:
            for blocks in merge.merged(takes, standard, record):
                file.write(blocks.data)
                yield min(chunk.size, record.pictures)
        (path / "record.json").write_text(json.dumps(asdict(record)), "utf-8")

    def join(
        self, request: Request[DvMerge], decided: DvDecided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        assert output
        output.hardlink_to(parts[0] / "merged")
        yield 1.0

    def result(self, request: Request[DvMerge], decided: DvDecided, parts: Sequence[Path]) -> dict[str, Any]:
        record = json.loads((parts[0] / "record.json").read_text("utf-8"))
        left = f"{record['hurt']} are whole in no take." if record["hurt"] else "All blocks are whole now."
        rows = zip((path.name for path in request.inputs), record["present"], record["taken"])
        return {
            "merged": record,
            "notes": [f"{record['pictures']} pictures; {record['mended']} blocks of the first take mended. {left}"],
            "table": [["take", "pictures", "blocks taken"], *([name, str(a), str(b)] for name, a, b in rows)],
        }
