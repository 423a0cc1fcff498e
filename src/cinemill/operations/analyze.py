"""What a file is made of and what is wrong with it, in words, numbers and pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cinemill.catalogue import Field, Params
from cinemill.errors import OutputRefused
from cinemill.operations import Chunk, Decided, Operation, Request, operation
from cinemill.operations.video import indexed

if TYPE_CHECKING:
    from cinemill.measure.analysis import Findings


class Analyze(Params):
    windows: int = Field(16, ge=1, le=500)
    """How many stretches of the file are looked at closely, spread over its length."""
    window_frames: int = Field(60, ge=8, le=1000, unit="frames")
    """Length of a stretch. A cadence needs 20 frames that move."""
    scenes: Literal["auto", "all", "none"] = "auto"
    """Whether every frame is decoded to find the scenes. auto does so for files of a few minutes."""


class AnalyzeDecided(Decided):
    frames: int


@operation
class AnalyzeOperation(Operation[Analyze, AnalyzeDecided]):
    """Look for what is wrong with a tape, film or file, and say what would mend it.

    Field order, cadence, noise, bars, head switching, colour shift, dropouts, dirt, flicker, blocks, levels, scenes.
    With -o, a page (.html) or findings (.json).
    """

    name = "analyze"
    topic = "Checks and archives"
    params = Analyze
    decided = AnalyzeDecided
    output = "optional"
    example = "cinemill analyze tape.avi -o tape.html"

    def suffix(self, request: Request[Analyze]) -> str:
        return ".html"

    def decide(self, request: Request[Analyze]) -> AnalyzeDecided:
        from cinemill.measure import analysis
        from cinemill.media import read

        if request.output and request.output.suffix.lower() not in (".html", ".json"):
            raise OutputRefused(f"{request.output}: findings become .html or .json.")
        params, info = request.params, read.probe(request.inputs[0])
        index = indexed(info.path)
        work = analysis.work(info, index, params.windows, params.window_frames, params.scenes)
        return AnalyzeDecided(frames=work)

    def cut(self, request: Request[Analyze], decided: AnalyzeDecided, seconds: float) -> list[Chunk]:
        return [Chunk(index=0, size=decided.frames)]

    def part(self, request: Request[Analyze], decided: AnalyzeDecided, chunk: Chunk, path: Path) -> Iterator[int]:
        from cinemill.measure import analysis
        from cinemill.media import read
        from cinemill.operations import advice, remedies

        params, info = request.params, read.probe(request.inputs[0])
        steps = analysis.analysing(
            info, indexed(info.path), windows=params.windows, window_frames=params.window_frames, scan=params.scenes
        )
        while True:
            try:
                yield int(chunk.size * next(steps))
            except StopIteration as end:
                found: Findings = end.value
                break
        told = [*advice.advice(found, read.picture_of(info)), *advice.scenes(found)]
        record = {
            "findings": found.record(),
            "advice": [asdict(one) for one in told],
            "chain": str(remedies.all_of(told)),
            "table": _table(found),
        }
        path.write_text(json.dumps(record), "utf-8")

    def join(
        self, request: Request[Analyze], decided: AnalyzeDecided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        if output and request.output:
            record = json.loads(parts[0].read_text("utf-8"))
            if request.output.suffix.lower() == ".json":
                output.write_text(json.dumps(record, indent=1), "utf-8")
            else:
                from cinemill.operations import findings_page

                findings_page.write(request.inputs[0], record, output)
            yield 1.0

    def result(self, request: Request[Analyze], decided: AnalyzeDecided, parts: Sequence[Path]) -> dict[str, Any]:
        record = json.loads(parts[0].read_text("utf-8"))
        notes = [" ".join(filter(None, (one["found"], one["do"]))) for one in record["advice"]]
        chain = record["chain"]
        notes += [f"To mend all of it: --chain '{chain}'"] if chain else []
        return {key: record[key] for key in ("table", "findings", "advice", "chain")} | {"notes": notes}


def _table(found: Findings) -> list[list[str]]:
    """Measure, value: of the whole file."""
    whole, light, bars = found.whole, found.whole.levels, found.whole.bars
    rows = [
        ["measure", "value"],
        ["cadence", f"{whole.cadence}, {whole.fields.confidence:.0%} sure"],
        ["field order", whole.fields.field_order],
        ["noise, luma", _number(whole.noise.luma, ".1f")],
        ["noise, colour", _number(whole.noise.chroma, ".1f")],
        ["bars, left top right bottom", f"{bars.left} {bars.top} {bars.right} {bars.bottom}"],
        ["torn rows", str(whole.head_switch)],
        ["colour to the right, px", _shift(whole.chroma_shift)],
        ["colour below, rows", _shift(whole.chroma_drop)],
        ["dropouts per frame", _number(whole.defects and whole.defects.dropouts, ".2f")],
        ["dirt per frame", _number(whole.defects and whole.defects.dirt, ".2f")],
        ["scratches per frame", f"{whole.scratches:.2f}"],
        ["shake, px", _number(whole.shake, ".1f")],
        ["flicker", _number(whole.flicker, ".1%")],
        ["blocks", f"{whole.blocking:.0%}"],
        ["ringing", _number(whole.edges and whole.edges.ringing, ".0%")],
        ["beyond legal range", _number(light and light.below + light.above, ".2%")],
        ["scenes", str(len(found.scenes)) if found.scanned else "not looked for"],
    ]
    return rows


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _shift(value: Any) -> str:
    return "–" if value is None else f"{value.px:+.1f} ± {max(0.1, value.error):.1f}"
