"""An operation whose chunks fail as they are told to: copies a file in pieces."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from cinemill.catalogue import Field, Params
from cinemill.errors import DecodeFailed, DiskFull, EngineTimeout
from cinemill.operations import Chunk, Decided, Operation, Request, operation

Fault = Literal["none", "timeout", "decode", "disk", "bug", "death", "silence", "sleep"]


class Trouble(Params):
    chunks: int = Field(4, ge=0)
    """How many chunks there are."""
    steps: int = Field(3, ge=1)
    """Units in each."""
    at: int = 1
    """The chunk that fails."""
    fault: Fault = "none"
    """How it fails. silence says nothing for a minute; sleep is a process that is stopped and may be woken."""
    times: int = 99
    """How many attempts fail."""
    gate: str = ""
    """Every chunk but the first waits in its middle until this file is there."""
    join_gate: str = ""
    """The join waits for this one."""
    pause: float = 0.0
    """Seconds that a step takes."""
    plan_gate: str = ""
    """So does planning, which notes an attempt at chunk -1."""


class TroubleDecided(Decided):
    size: int


@operation
class TroubleOperation(Operation[Trouble, TroubleDecided]):
    """Make trouble, for tests."""

    name = "trouble"
    params = Trouble
    decided = TroubleDecided
    inputs = ("any",)
    unit = "steps"

    def suffix(self, request: Request[Trouble]) -> str:
        return ".out"

    def decide(self, request: Request[Trouble]) -> TroubleDecided:
        if request.params.plan_gate:
            log(request.inputs[0], -1)
            wait_for(request.params.plan_gate)
        return TroubleDecided(notes=("trouble ahead.",), size=request.inputs[0].stat().st_size)

    def cut(self, request: Request[Trouble], decided: TroubleDecided, seconds: float) -> list[Chunk]:
        return [Chunk(index=index, size=request.params.steps) for index in range(request.params.chunks)]

    def part(self, request: Request[Trouble], decided: TroubleDecided, chunk: Chunk, path: Path) -> Iterator[int]:
        params = request.params
        attempt = log(request.inputs[0], chunk.index)
        with path.open("wb") as file:
            for step in range(params.steps):
                if step == params.steps // 2 and chunk.index == params.at and attempt <= params.times:
                    fail(params.fault)
                if params.gate and chunk.index and step == params.steps // 2:
                    wait_for(params.gate)
                if os.environ.get("TROUBLE_MACHINE"):
                    fail("timeout")
                time.sleep(params.pause)
                file.write(f"{chunk.index}.{step}\n".encode())
                yield step + 1

    def join(
        self, request: Request[Trouble], decided: TroubleDecided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        assert output
        with output.open("wb") as file:
            yield 0.0
            for part in parts:
                file.write(part.read_bytes())
            if request.params.join_gate:
                wait_for(request.params.join_gate)
            yield 1.0

    def result(self, request: Request[Trouble], decided: TroubleDecided, parts: Sequence[Path]) -> dict[str, Any]:
        return {"parts": len(parts)}


def log(source: Path, chunk: int) -> int:
    """Note an attempt beside the input; its number."""
    path = source.with_name(f"{source.name}.attempts")
    with path.open("a") as file:
        file.write(f"{chunk} {os.getpid()} {os.environ.get('TROUBLE_DEVICE', '')}\n")
    return sum(line.split()[0] == str(chunk) for line in path.read_text().splitlines())


def wait_for(gate: str) -> None:
    while not Path(gate).exists():
        time.sleep(0.005)


def fail(fault: Fault) -> None:
    if fault == "timeout":
        raise EngineTimeout("the engine did not answer.")
    if fault == "decode":
        raise DecodeFailed("nothing could be decoded.")
    if fault == "disk":
        raise DiskFull("no room left.")
    if fault == "bug":
        raise ZeroDivisionError("seven by nothing")
    if fault == "death":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "silence":
        time.sleep(60)
    if fault == "sleep":
        os.kill(os.getpid(), signal.SIGSTOP)
