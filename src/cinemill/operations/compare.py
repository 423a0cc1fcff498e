"""How far one file is from another, frame by frame: PSNR, SSIM, edges, unrest, and VMAF where FFmpeg has it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cinemill.catalogue import Params
from cinemill.errors import OutputRefused
from cinemill.operations import Chunk, Decided, Operation, Request, operation


class Compare(Params):
    vmaf: bool = True
    """Measure VMAF too, which takes longest."""


class CompareDecided(Decided):
    frames: int


@operation
class CompareOperation(Operation[Compare, CompareDecided]):
    """Compare a file with its reference: PSNR, SSIM, VMAF, flicker. With -o, a page (.html) or figures (.json)."""

    name = "compare"
    topic = "Checks and archives"
    params = Compare
    decided = CompareDecided
    inputs = ("video", "video")
    output = "optional"
    example = "cinemill compare original.mkv restored.mp4 -o report.html"

    def suffix(self, request: Request[Compare]) -> str:
        return ".html"

    def decide(self, request: Request[Compare]) -> CompareDecided:
        from cinemill.media import read

        if request.output and request.output.suffix.lower() not in (".html", ".json", ".jsonl"):
            raise OutputRefused(f"{request.output}: a comparison becomes .html, .json, or .jsonl with a line a frame.")
        infos = [read.probe(path) for path in request.inputs]
        for info in infos:
            read.picture_of(info)
        notes = (f"reference: {request.inputs[0].name}", f"measured: {request.inputs[1].name}")
        return CompareDecided(notes=notes, frames=len(read.index(infos[1]).pts))

    def cut(self, request: Request[Compare], decided: CompareDecided, seconds: float) -> list[Chunk]:
        return [Chunk(index=0, size=decided.frames)]

    def part(self, request: Request[Compare], decided: CompareDecided, chunk: Chunk, path: Path) -> Iterator[int]:
        from cinemill.measure import quality, vmaf
        from cinemill.media import read
        from cinemill.media.flow import ahead

        reference, distorted = (ahead(read.frames(read.probe(file))) for file in request.inputs)
        unmatched = quality.Unmatched()
        pairs: list[quality.PairQuality] = []
        for pair in quality.compare(reference, distorted, unmatched, closer=True):
            pairs.append(pair)
            yield min(chunk.size, len(pairs))
        summary = quality.summarise(pairs, unmatched)
        score = vmaf.vmaf(*request.inputs) if request.params.vmaf else None
        path.write_text(json.dumps(_findings(summary, pairs, score)), "utf-8")

    def join(
        self, request: Request[Compare], decided: CompareDecided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        if output and request.output:
            found = json.loads(parts[0].read_text("utf-8"))
            if request.output.suffix.lower() == ".json":
                output.write_text(json.dumps(found, indent=1), "utf-8")
            elif request.output.suffix.lower() == ".jsonl":
                output.write_text("".join(json.dumps(frame) + "\n" for frame in found["frames"]), "utf-8")
            else:
                _write_page(request, found, output)
            yield 1.0

    def result(self, request: Request[Compare], decided: CompareDecided, parts: Sequence[Path]) -> dict[str, Any]:
        found = json.loads(parts[0].read_text("utf-8"))
        return {"summary": found["summary"], "table": _table(found["summary"]), "notes": _notes(found["summary"])}


def _findings(summary: Any, pairs: list[Any], score: float | None) -> dict[str, Any]:
    from cinemill.measure import metrics

    lines = [metrics.line(pair) for pair in pairs]
    found = metrics.statistics(lines)
    closer = {name: found[name].mean if name in found else None for name in _CLOSER}
    facts = {**asdict(summary), "psnr_y": summary.psnr_y, "vmaf": score, **closer}
    return {
        "summary": {key: _finite(value) for key, value in facts.items()},
        "frames": [metrics.record(line) for line in lines],
    }


_CLOSER = ("edges", "sharpness", "sharpness_source", "warping", "warping_source")
"""Figures of which the summary has the mean; the source is the reference."""


def _finite(value: Any) -> Any:
    """JSON knows no infinity; the PSNR of what is identical becomes null."""
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and value in (float("inf"), float("-inf")) else value


def _table(summary: dict[str, Any]) -> list[list[str]]:
    def decibels(value: float | None) -> str:
        return "identical" if value is None else f"{value:.2f} dB"

    rows = [["measure", "value"], ["frames", str(summary["frames"])]]
    rows += [["PSNR Y", decibels(summary["psnr_y"])], ["PSNR all", decibels(summary["psnr"])]]
    rows += [["PSNR Y, worst frame", decibels(summary["psnr_y_min"])]]
    rows += [["SSIM", f"{summary['ssim']:.4f}"], ["edge coherence", f"{summary['edges']:.4f}"]]
    rows += [["sharpness, code values", _beside(summary, "sharpness")]]
    rows += [["flicker, code values", f"{summary['flicker']:.3f}"]]
    rows += [["warping error, code values", _beside(summary, "warping")]] if summary["warping"] is not None else []
    return rows + ([["VMAF", f"{summary['vmaf']:.2f}"]] if summary["vmaf"] is not None else [])


def _beside(summary: dict[str, Any], name: str) -> str:
    """A figure and that of the reference."""
    return f"{summary[name]:.3f}, reference {summary[f'{name}_source']:.3f}"


def _notes(summary: dict[str, Any]) -> list[str]:
    from cinemill.measure.metrics import left_over

    return left_over(summary["unmatched"]) + ([] if summary["vmaf"] is not None else ["VMAF was not measured"])


def _write_page(request: Request[Compare], found: dict[str, Any], output: Path) -> None:
    from cinemill.measure import metrics, moments, page

    reference, distorted = request.inputs
    facts = [(row[0], row[1]) for row in _table(found["summary"])[1:]]
    sections: list[page.Section] = [
        page.Slider(moments.pairs(reference, distorted), before=reference.name, after=distorted.name),
        *metrics.plots([metrics.Line(**line) for line in found["frames"]]),
    ]
    if notes := _notes(found["summary"]):
        sections.append(page.Sentences("Notes", notes))
    page.page(output, f"{distorted.name} against {reference.name}", facts, *sections)
