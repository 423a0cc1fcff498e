"""Teaching a network as a job of the studio: curves and pictures are seen as it learns; stopped, it can go on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from cinemill.catalogue import Field
from cinemill.errors import InvalidParams
from cinemill.learn.lesson import Lesson
from cinemill.operations import Chunk, Decided, Operation, Request, session
from cinemill.operations.sessions import live
from cinemill.settings import settings

if TYPE_CHECKING:
    from cinemill.learn.lessons import Outcome, Studies
    from cinemill.learn.train import Progress

CURVE: Final = "curve.json"
HELD: Final = "held"
"""The folder of what was not learned from: NUMBER-given, -before, -after and -wanted.jpg."""
SAMPLE: Final = "sample.jpg"
_OUTCOME: Final = "outcome.json"
_POINTS: Final = 240
"""Places of a curve, about."""


class Teaching(Lesson):
    """What is learned, from what, what it will be called, and where it can be seen meanwhile."""

    folder: Path
    """Where curves and pictures are put as it goes on."""
    name: str = Field(min_length=1)
    """What the model will be called in filters."""
    precision: Literal["auto", "int8", "fp16", "fp32"] = "auto"
    """Numbers of the file; auto is int8 where that costs little."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where it learns."""
    replace: bool = False
    """Whether what was begun or made here under that name is replaced."""

    @property
    def lesson(self) -> Lesson:
        return Lesson.model_validate({name: getattr(self, name) for name in Lesson.model_fields})


@session
class TrainSession(Operation[Teaching, Decided]):
    """Teach a small network from films or pairs of pictures, for use in filters by name."""

    name = "train"
    params = Teaching
    decided = Decided
    inputs = ()
    output = "optional"
    unit = "steps"

    def suffix(self, request: Request[Teaching]) -> str:
        return ".json"

    def files(self, request: Request[Teaching]) -> tuple[Path, ...]:
        params = request.params
        below = [path for folder in params.pairs for path in sorted(folder.rglob("*")) if path.is_file()]
        return (*params.good, *below)

    def reads(self, params: Teaching) -> tuple[Path, ...]:
        return ()

    def writes(self, params: Teaching) -> tuple[Path, ...]:
        return (settings().data_dir,)

    def decide(self, request: Request[Teaching]) -> Decided:
        from cinemill.models import store, torch_backend

        torch_backend.torch()
        if not (request.params.folder / _OUTCOME).exists():
            store.refuse_taken(request.params.name, request.params.replace)
        return Decided()

    def cut(self, request: Request[Teaching], decided: Decided, seconds: float) -> list[Chunk]:
        return [Chunk(index=0, size=request.params.steps)]

    def part(self, request: Request[Teaching], decided: Decided, chunk: Chunk, path: Path) -> Iterator[int]:
        from cinemill.learn import lessons, train

        params = request.params
        kept = params.folder / _OUTCOME
        params.folder.mkdir(parents=True, exist_ok=True)
        if not kept.exists():
            studies, place = lessons.begin(params.lesson), lessons.folder(params.name)
            begun = params.folder / "begun"
            if params.replace and not begun.exists():
                shutil.rmtree(place, ignore_errors=True)
            begun.touch()
            place.mkdir(parents=True, exist_ok=True)
            curve = _Curve(params, place)
            for event in train.learn(studies, place, train.device_of(params.device)):
                curve.add(event)
                yield event.done
            yield from _finished(params, studies, place, kept)
        shutil.copyfile(kept, path)

    def join(
        self, request: Request[Teaching], decided: Decided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        if output:
            shutil.copyfile(parts[0], output)
        yield 1.0

    def result(self, request: Request[Teaching], decided: Decided, parts: Sequence[Path]) -> dict[str, Any]:
        return json.loads(parts[0].read_text("utf-8"))


class _Curve:
    """What has been learned so far, as points of curves, and the latest picture."""

    def __init__(self, params: Teaching, place: Path) -> None:
        self.params, self.place = params, place
        self.every = max(1, params.steps // _POINTS)
        self.points: list[tuple[int, float, float | None]] = []
        self.held: float | None = None
        path = params.folder / CURVE
        if path.exists():  # of before it was stopped
            self.points = [tuple(one) for one in json.loads(path.read_bytes())]

    def add(self, event: Progress) -> None:
        fresh = event.held if event.held != self.held else None
        self.held = event.held
        if fresh is None and event.done % self.every and event.done != event.total:
            return
        kept = [point for point in self.points if point[0] < event.done]
        self.points = [*kept, (event.done, round(event.psnr, 3), None if fresh is None else round(fresh, 3))]
        live.put(self.params.folder / CURVE, json.dumps(self.points).encode())
        samples = sorted((self.place / "samples").glob("*.jpg")) if fresh is not None else []
        if samples:
            live.put(self.params.folder / SAMPLE, samples[-1].read_bytes())


def _finished(params: Teaching, studies: Studies, place: Path, kept: Path) -> Iterator[int]:
    """Compare, write and register what was learned; what is known of it in the file `kept`."""
    from cinemill.learn import lessons, train

    file = place / f"{params.name}.onnx"
    try:
        outcome = lessons.finish(studies, place, file, params.precision)
    except InvalidParams:
        shutil.rmtree(place)  # it would end like this again
        raise
    nets = {"after": train.learned(studies, place)}
    if outcome.before is not None:
        nets = {"before": studies.network(), **nets}
    count = train.compared(nets, studies.held, params.folder / HELD)
    yield params.steps
    outcome = lessons.register(outcome, studies, params.name, params.replace)
    told = {"model": params.name, "use": outcome.use, "held": count, "before": "before" in nets}
    live.put(kept, json.dumps(told | {"notes": [*studies.material.remarks, *_sentences(outcome)]}).encode())
    shutil.rmtree(place)


def _sentences(outcome: Outcome) -> list[str]:
    rows = {"as given": outcome.given, "by the network it began with": outcome.before, "by the new one": outcome.after}
    told = "; ".join(f"{what} {value:.2f} dB" for what, value in rows.items() if value is not None)
    size = outcome.path.stat().st_size / 1e3
    return [
        f"Pictures that were not learned from are {told} near to what they should be.",
        f"The model has {size:.0f} kB, {outcome.written.precision}. In chains it is called {outcome.use}.",
    ]
