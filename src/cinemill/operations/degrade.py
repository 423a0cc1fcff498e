"""A clean video made into a bad tape, film or stream, and on demand a log of exactly what was done to it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cinemill.catalogue import Field
from cinemill.errors import InvalidParams, UnknownName
from cinemill.filters import Chain, Step, text
from cinemill.media.output import VideoOutput
from cinemill.operations import Request, operation
from cinemill.operations.video import VideoDecided, VideoOperation, indexed

if TYPE_CHECKING:
    from cinemill.media.types import Frame, MediaInfo


class Degrade(VideoOutput):
    chain: str = Field(..., min_length=1)
    """Damage in order, as in simulate.telecine=rate:25,simulate.tape=luma_noise:5:dropouts:2. Presets have it ready."""
    amounts: str = ""
    """Values that replace those of the chain wherever they fit, as in luma_noise:9:dropouts:0."""
    strength: float = Field(1.0, ge=0, le=4)
    """Every amount of damage times this. 0 leaves only what scaling and telecine do."""
    seed: int = Field(0, ge=0)
    """What chance is drawn from. The same seed gives the same pixels."""
    truth: bool = False
    """Write OUTPUT.truth.jsonl too: for every damage and frame a line of JSON that says what lies where."""


@operation
class DegradeOperation(VideoOperation[Degrade]):
    """Damage a video on purpose and with a known truth, as tapes, films, DVDs and the early web did."""

    name = "degrade"
    topic = "Pictures"
    params = Degrade
    example = "cinemill degrade film.mp4 -o tape.mkv --preset vhs-pal"

    def chain(self, params: Degrade, info: MediaInfo) -> tuple[Chain, list[str]]:
        given = _amounts(params.amounts)
        steps = [_turned(step, params, given) for step in text.chain(params.chain).steps]
        _refuse_unknown(given, steps)
        notes = [f"the damage has strength {params.strength:g} and is drawn from seed {params.seed}."]
        if info.video and info.video.field_order != "progressive":
            steps.insert(0, text.step("deinterlace", {}))
            notes.append("the source is interlaced; each of its fields becomes a picture first.")
        return Chain(tuple(steps)), notes

    def join(
        self, request: Request[Degrade], decided: VideoDecided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        from cinemill.media import read

        yield from super().join(request, decided, parts, output)
        if request.output and request.params.truth:
            lines = truths(text.chain([*decided.chain]), read.probe(request.inputs[0]))
            log = request.output.with_name(request.output.name + ".truth.jsonl")
            with log.open("w", encoding="utf-8") as file:
                file.writelines(json.dumps(line) + "\n" for line in lines)


def _amounts(written: str) -> dict[str, Any]:
    pieces = [piece.strip() for piece in written.split(":")] if written.strip() else []
    if len(pieces) % 2:
        raise InvalidParams(f"amounts={written!r} is refused: they come in pairs name:value, joined by colons.")
    return dict(zip(pieces[::2], pieces[1::2]))


def _is_damage(step: Step) -> bool:
    return step.filter.name.startswith("simulate.")


def _turned(step: Step, params: Degrade, given: dict[str, Any]) -> Step:
    """A step with the amounts, the strength and the seed that were asked for."""
    from cinemill.damage.amounts import scaled

    if not _is_damage(step):
        return step
    own = type(step.params).model_fields
    changes = {name: value for name, value in given.items() if name in own}
    changes |= {"seed": params.seed} if "seed" in own else {}
    found = step.params.of(step.params.model_dump() | changes, step.filter.name)
    return Step(step.filter, scaled(found, params.strength))


def _refuse_unknown(given: dict[str, Any], steps: Sequence[Step]) -> None:
    known = {name for step in steps if _is_damage(step) for name in type(step.params).model_fields}
    for name in given:
        if name not in known:
            raise UnknownName("amount", name, known)


def truths(chain: Chain, info: MediaInfo) -> Iterator[dict[str, Any]]:
    """What `chain` does to a file: first its steps, then a record per damage and frame, `time` in seconds."""
    from cinemill.damage import cadence, digital, film, tape
    from cinemill.media import read

    yield {"source": info.path.name, "chain": chain.as_data()}
    kinds: dict[str, Any] = {"simulate.tape": tape, "simulate.film": film, "simulate.digital": digital}
    for place, step in enumerate(chain.steps):
        name, before = step.filter.name, Chain(chain.steps[:place])
        if name == "simulate.telecine":
            params: Any = step.params
            found: Any = cadence.truths(_clocked(before, info), params)
        elif name in kinds:
            first = next(before.run(read.frames(info)))
            size = (first.width, first.height)
            times = (frame.pts * frame.time_base for frame in _clocked(before, info))
            found = (kinds[name].truth(time, *size, step.params) for time in times)
        else:
            continue
        for one in found:
            yield {"filter": name, "time": str(one.time), **one.record()}


def _clocked(chain: Chain, info: MediaInfo) -> Iterator[Frame]:
    """Frames with the times of those that come out of `chain`, and next to no picture."""
    moving = [step for step in chain.steps if step.filter.rate(step.params, _ODD) != _ODD]
    return Chain(tuple(moving)).run(_empty(info))


_ODD = Fraction(997)
"""A frame rate that no filter makes: one that gives it back keeps the clock."""


def _empty(info: MediaInfo) -> Iterator[Frame]:
    import numpy as np

    from cinemill.media.types import Frame

    video = info.video
    assert video
    grey = np.full((16, 16), 128, np.uint8)
    pts = indexed(info.path).pts
    for now, following in pairwise([*pts, pts[-1] + video.step]):
        yield Frame((grey,), "gray", now, video.time_base, following - now, field_order=video.field_order)
