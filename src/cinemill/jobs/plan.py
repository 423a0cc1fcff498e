"""What a job will do, as data: operation + parameters + a look at the inputs -> chunks and a signature. Pure.

The signature covers what decides the output's bits (operation, parameters, inputs, chunking, version) and nothing
else: no paths, no worker counts. Thread counts that change an encoder's output are settled in `decided`.
"""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from cinemill.catalogue import preset as named_preset
from cinemill.errors import PlanMismatch
from cinemill.media.identity import Identity, identify
from cinemill.operations import Chunk, Decided, Operation, Request, get
from cinemill.version import __version__

CHUNK_SECONDS = 30.0
"""Programme per chunk: what a kill costs at most, against what starting an encoder anew costs in size."""


def chunk_seconds(name: str, preset: str | None = None) -> float:
    """Programme per chunk where nobody says it: as the preset of an operation has it, or the default."""
    found = named_preset(preset, name).chunk_seconds if preset else None
    return found or CHUNK_SECONDS


class Signature(BaseModel):
    model_config = ConfigDict(frozen=True, defer_build=True)

    version: str
    operation: str
    params: dict[str, Any]
    chunk_seconds: float
    inputs: tuple[Identity, ...]
    files: tuple[Identity, ...] = ()
    """What the parameters name: subtitles, lookup tables."""


class Plan(BaseModel):
    """A job on paper; `plan.json` in its folder."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    signature: Signature
    inputs: tuple[Path, ...]
    output: Path | None
    folder: Path
    """Where it was asked for: relative names in the parameters begin there."""
    overwrite: bool = False
    """Whether the user allowed an output that exists to be replaced; resuming asks nothing again."""
    metrics: bool = False
    """Whether the output is to be measured against what it was made from."""
    origins: tuple[tuple[Path, str], ...] = ()
    """Files that were brought here, and the addresses they came from."""
    destination: str | None = None
    """The address that the output is sent to."""
    shared: str | None = None
    """Where its parts are kept for other machines."""
    models: dict[str, str] = {}
    """SHA-256 of the weights of each model that the work needs, by how the model was named."""
    decided: dict[str, Any]
    chunks: tuple[Chunk, ...]

    @property
    def operation(self) -> Operation[Any, Any]:
        return get(self.signature.operation)

    @property
    def request(self) -> Request[Any]:
        params = self.operation.params.of(self.signature.params, self.signature.operation)
        return Request(self.signature.operation, params, self.inputs, self.output, self.origins, self.destination)

    @property
    def settled(self) -> Decided:
        return self.operation.decided.model_validate(self.decided)

    @property
    def total(self) -> int:
        """Units of work in all chunks."""
        return sum(chunk.size for chunk in self.chunks)

    def check(self, other: Signature) -> None:
        """Raises PlanMismatch, naming the first difference, when parts of this plan would not fit `other`."""
        for field, was, now in _differences(self.signature, other):
            raise _mismatch(field, was, now)

    def check_models(self) -> None:
        """Raises PlanMismatch when a model's weights are others than when this was planned; MissingModel."""
        for model, now in _digests(self.operation.models(self.settled)).items():
            if self.models.get(model) != now:
                raise _mismatch(f"model {model}", _short(self.models.get(model)), _short(now))


def _mismatch(field: str, was: Any, now: Any) -> PlanMismatch:
    return PlanMismatch(
        f"unfinished work of this output was planned with {field} {_said(was)}, now it is {_said(now)}. Ask as "
        "before to go on with it, or add --restart to throw it away and begin anew.",
        field=field,
        was=was,
        now=now,
    )


def _digests(models: tuple[str, ...]) -> dict[str, str]:
    if not models:
        return {}
    from cinemill.models import sessions

    return {model: sessions.digest(model) for model in models}


def _short(digest: str | None) -> str | None:
    """As much of a digest as people compare."""
    return " ".join(part[:12] for part in digest.split()) if digest else None


def sign(request: Request[Any], chunk_seconds: float) -> Signature:
    """The signature of a request. Reads a little of each input. Raises OpenFailed."""
    return Signature(
        version=__version__,
        operation=request.operation,
        params=request.params.model_dump(mode="json"),
        chunk_seconds=chunk_seconds,
        inputs=tuple(identify(path) for path in request.inputs),
        files=tuple(identify(path) for path in get(request.operation).files(request)),
    )


def plan(request: Request[Any], signature: Signature) -> Plan:
    """Look, decide and cut. Writes nothing."""
    operation = get(request.operation)
    decided = operation.decide(request)
    return Plan(
        signature=signature,
        inputs=tuple(path.resolve() for path in request.inputs),
        output=request.output.resolve() if request.output else None,
        folder=Path.cwd(),
        origins=request.origins,
        destination=request.destination,
        models=_digests(operation.models(decided)),
        decided=decided.model_dump(mode="json"),
        chunks=tuple(operation.cut(request, decided, signature.chunk_seconds)),
    )


def _differences(was: Signature, now: Signature) -> list[tuple[str, Any, Any]]:
    pairs: list[tuple[str, Any, Any]] = [
        ("version", was.version, now.version),
        ("operation", was.operation, now.operation),
        *((name, was.params.get(name), now.params.get(name)) for name in {**was.params, **now.params}),
        ("chunk_seconds", was.chunk_seconds, now.chunk_seconds),
        *(("input", one, other) for one, other in zip_longest(was.inputs, now.inputs)),
        *(("file", one, other) for one, other in zip_longest(was.files, now.files)),
    ]
    return [pair for pair in pairs if pair[1] != pair[2]]


def _said(value: Any) -> str:
    return "unset" if value is None else str(value)
