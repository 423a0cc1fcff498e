"""What `--metrics` adds to a job that makes a video: numbers for each frame, against what it was made from.

Beside OUTPUT.mp4 come OUTPUT.metrics.jsonl, one object a frame, and OUTPUT.metrics.html with plots and statistics.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cinemill.errors import RequestError
from cinemill.jobs.events import Measuring
from cinemill.jobs.plan import Plan
from cinemill.jobs.store import JobFolder
from cinemill.operations import Request, get

if TYPE_CHECKING:
    from cinemill.measure.metrics import Line

_FACTS = ("psnr_y", "ssim", "edges", "warping")
"""Figures at the head of the page."""
_STRIDE = 8
"""Frames between two words on how far it is."""


def files(output: Path) -> tuple[Path, Path]:
    """Where the numbers of an output go, and the page about them."""
    return output.with_suffix(".metrics.jsonl"), output.with_suffix(".metrics.html")


def check(request: Request[Any]) -> None:
    """Raises RequestError for an operation whose output cannot be measured."""
    if not get(request.operation).makes_video or request.output is None:
        raise RequestError(f"--metrics measures a video against its source, and {request.operation} makes no video.")


def measured(job: Plan, made: Path, folder: JobFolder) -> Generator[Measuring, None, dict[str, Any]]:
    """Measure `made`, the output under its passing name, and put the files beside the output. Gives back what belongs
    to the result: `metrics` by name, the table, notes and the names of the files.
    """
    from cinemill.measure import metrics
    from cinemill.media import read
    from cinemill.media.flow import ahead
    from cinemill.media.write import durable, said_plainly

    assert job.output
    info = read.probe(made)
    total = max(1, len(read.index(info).pts))
    told = metrics.Told()
    lines: list[metrics.Line] = []
    with closing(job.operation.source(job.request, job.settled)) as source, closing(ahead(read.frames(info))) as output:
        for line in metrics.lines(source, output, told):
            lines.append(line)
            if len(lines) % _STRIDE == 0:
                yield Measuring(min(1.0, len(lines) / total))
    found, notes = metrics.statistics(lines), told.sentences()
    numbers, page = files(job.output)
    with said_plainly(numbers):
        metrics.write_lines(lines, folder.temporary(numbers.name))
        _write_page(job, lines, notes, folder.temporary(page.name))
        for target in (numbers, page):
            durable(folder.temporary(target.name), target)
    yield Measuring(1.0)
    return {
        "metrics": {name: asdict(one) for name, one in found.items()},
        "table": metrics.table(found),
        "notes": notes,
        "files": [str(numbers), str(page)],
    }


def _write_page(job: Plan, lines: list[Line], notes: list[str], path: Path) -> None:
    from cinemill.measure import metrics, page

    assert job.output
    found = metrics.statistics(lines)
    told = [figure for figure in metrics.FIGURES if figure.name in _FACTS and figure.name in found]
    facts = [(figure.title, f"{metrics.shown(found[figure.name].mean)} {figure.unit}".strip()) for figure in told]
    sections: list[page.Section] = [*metrics.plots(lines), metrics.explained(found)]
    if notes:
        sections.append(page.Sentences("Notes", notes))
    page.page(path, f"{job.output.name} against {job.inputs[0].name}", facts, *sections)
