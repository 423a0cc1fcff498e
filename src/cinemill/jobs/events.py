"""Progress as small frozen values, the same from a worker's pipe to the browser."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from cinemill.storage import elsewhere


@dataclass(frozen=True, slots=True)
class Event:
    """Anything that happens to a job. `kind` is the word in JSON."""

    kind: ClassVar[str] = ""

    def as_dict(self) -> dict[str, Any]:
        return {"event": self.kind, **{k: _plain(v) for k, v in asdict(self).items()}}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return elsewhere.address(value) or str(value)
    return value


@dataclass(frozen=True, slots=True)
class Fetching(Event):
    """An input is brought here from `address`; `total` bytes, None while that is not known."""

    kind: ClassVar[str] = "fetching"
    address: str
    done: int
    total: int | None


@dataclass(frozen=True, slots=True)
class Sending(Event):
    """The output, which is whole, is sent to `address`."""

    kind: ClassVar[str] = "sending"
    address: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Planned(Event):
    """The job is settled. `total` is in `unit`; `done` of it was there from an earlier run."""

    kind: ClassVar[str] = "planned"
    operation: str
    inputs: tuple[Path, ...]
    output: Path | None
    chunks: int
    total: int
    done: int
    unit: str
    notes: tuple[str, ...]
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress(Event):
    """`done` of `total` units. `rate` in units a second and `eta` in seconds, None while they are not known."""

    kind: ClassVar[str] = "progress"
    done: int
    total: int
    unit: str
    rate: float | None = None
    eta: float | None = None


@dataclass(frozen=True, slots=True)
class PartDone(Event):
    kind: ClassVar[str] = "part"
    chunk: int
    chunks: int


@dataclass(frozen=True, slots=True)
class Retried(Event):
    """A chunk failed in a way that may pass, and is tried again."""

    kind: ClassVar[str] = "retry"
    chunk: int
    reason: str


@dataclass(frozen=True, slots=True)
class Noted(Event):
    """Something that people should know came up while a chunk was made: memory ran short, a network runs elsewhere."""

    kind: ClassVar[str] = "note"
    chunk: int
    note: str


@dataclass(frozen=True, slots=True)
class NodeAtWork:
    """A machine of a cluster: chunks in hand and finished, `rate` in units a second, whether it gets no more."""

    name: str
    running: int
    finished: int
    rate: float | None
    shunned: bool


@dataclass(frozen=True, slots=True)
class AtWork(Event):
    """What each machine of a cluster is doing."""

    kind: ClassVar[str] = "nodes"
    nodes: tuple[NodeAtWork, ...]


@dataclass(frozen=True, slots=True)
class Paused(Event):
    kind: ClassVar[str] = "paused"


@dataclass(frozen=True, slots=True)
class Joining(Event):
    """Parts become the output; `share` runs from 0 to 1."""

    kind: ClassVar[str] = "joining"
    share: float


@dataclass(frozen=True, slots=True)
class Measuring(Event):
    """The output is measured against its source; `share` runs from 0 to 1."""

    kind: ClassVar[str] = "measuring"
    share: float


@dataclass(frozen=True, slots=True)
class Moved(Event):
    """A job of the queue is in another state; `why` is a sentence or empty."""

    kind: ClassVar[str] = "state"
    state: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Done(Event):
    """Always the last event of a job that succeeded."""

    kind: ClassVar[str] = "done"
    outputs: tuple[Path, ...]
    seconds: float
    result: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Failed(Event):
    """Always the last event of a job that did not; `error` is CinemillError.as_dict(), or of type Cancelled."""

    kind: ClassVar[str] = "failed"
    error: dict[str, Any]
    inputs: tuple[Path, ...] = ()
