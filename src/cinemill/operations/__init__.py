"""What an operation is: something a user asks for, with typed parameters, that can be cut, made and joined.

An operation looks first and decides everything (`decide`), says how its work may be cut (`cut`), makes one part
(`part`) and joins the parts (`join`). It knows no job and no surface: the same code runs whole in a test, in chunks on
one machine, or on many.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from cinemill.catalogue import FileKind, Params, file_kinds, operations
from cinemill.catalogue import preset as named_preset
from cinemill.catalogue import sessions as known_sessions
from cinemill.storage import elsewhere

if TYPE_CHECKING:
    from cinemill.media.types import Frame

P = TypeVar("P", bound=Params)
Device = Literal["gpu", "nvenc"]
Topic = Literal["Pictures", "Films", "Subtitles", "Speech and sound", "Checks and archives", "More"]
"""What an operation is about, in the order in which people are shown them."""


@dataclass(frozen=True)
class Request(Generic[P]):
    """What was asked for: checked parameters, files in, and the file out (None when only a result is wanted)."""

    operation: str
    params: P
    inputs: tuple[Path, ...]
    output: Path | None
    origins: tuple[tuple[Path, str], ...] = ()
    """Files that are to be brought here first, and the addresses they come from."""
    destination: str | None = None
    """The address that the output is sent to when it is whole."""


class Decided(BaseModel):
    """All that was decided before the first part: enough to make any part anywhere, as JSON in the plan.

    `notes` are sentences for the user: what was found, what was chosen and why, what cannot be kept.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    notes: tuple[str, ...] = ()


D = TypeVar("D", bound=Decided)


class Chunk(BaseModel):
    """A piece of the work. `start` and `stop` are in the operation's own units, None for open; `size` in its `unit`."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    index: int
    start: int | None = None
    stop: int | None = None
    size: int = 1


@dataclass(frozen=True)
class Offer:
    """Something that could be installed first. `take` does it and tells how it goes; by its `name` it is remembered
    that nobody wants it."""

    name: str
    sentence: str
    take: Callable[[], Iterator[str]]


class Operation(ABC, Generic[P, D]):
    """Declared by subclassing and `@operation`. The class docstring is what people read about it."""

    name: ClassVar[str]
    params: type[P]
    decided: type[D]
    inputs: ClassVar[tuple[FileKind, ...]] = ("video",)
    """What it reads, in order. One entry means that several files are a batch."""
    together: ClassVar[bool] = False
    """Whether all files that are named make one job, however many; `inputs` says what each of them is."""
    stand_in: ClassVar[str | None] = None
    """The parameter whose file is the input where none is named."""
    output: ClassVar[Literal["file", "optional", "folder"]] = "file"
    """A folder appears under its name when all in it is whole, as a file does, and never takes another's place."""
    called: ClassVar[str] = "{input}.{operation}"
    """What an output that nobody names is called, but for its suffix."""
    makes_video: ClassVar[bool] = False
    """Whether the output's pictures can be measured against others, which `source` gives."""
    unit: ClassVar[str] = "frames"
    topic: ClassVar[Topic] = "More"
    example: ClassVar[str] = ""
    ends_when_asked: ClassVar[bool] = False
    """Whether whoever wants no more of it says so by a file `stop` in the folder that it is told, and has what there
    is; it neither rests nor is begun again."""
    elsewhere: ClassVar[Mapping[str, str]] = {}
    """Options that other tools have and this one refuses, without their hyphens: why, and what does it instead."""

    @abstractmethod
    def suffix(self, request: Request[P]) -> str:
        """Suffix of the output when the user names none."""

    def reads(self, params: P) -> tuple[Path, ...]:
        """Files that the parameters name. What is in them decides the result as much as the inputs do."""
        return named_files(params)

    def files(self, request: Request[P]) -> tuple[Path, ...]:
        """Every file beside the inputs that decides the result: those that the parameters or the inputs name."""
        return self.reads(request.params)

    @abstractmethod
    def decide(self, request: Request[P]) -> D:
        """Look at the inputs and settle everything. Writes nothing. Raises whatever makes the work impossible."""

    def writes(self, params: P) -> tuple[Path, ...]:
        """Folders beside that of the output that it writes into."""
        return ()

    def models(self, decided: D) -> tuple[str, ...]:
        """The models, by name or file, that the work needs. Their weights decide the result too."""
        return ()

    def devices(self, decided: D) -> tuple[Device, ...]:
        """What parts are made with beside the processor, where a machine has it: a farm sends them there."""
        return ("gpu",) if self.models(decided) else ()

    def offers(self, request: Request[P]) -> Iterator[Offer]:
        """What could be installed for the request to go well, or better. Cheap where there is nothing."""
        yield from ()

    def steps(self, decided: D) -> tuple[str, ...]:
        """What will be done to the material, one short line each, for people."""
        return ()

    def sketch(self, request: Request[P], decided: D) -> Path | None:
        """Draw what will be done beside the output, for those who only ask; the picture, None where there is none."""
        return None

    def cut(self, request: Request[P], decided: D, seconds: float) -> list[Chunk]:
        """Chunks of about `seconds` of programme each; one chunk where it cannot be cut."""
        return [Chunk(index=0)]

    @abstractmethod
    def part(self, request: Request[P], decided: D, chunk: Chunk, path: Path) -> Iterator[int]:
        """Write the part `path`, giving back how many units are done as it goes. Closing it cancels."""

    def whole(self, path: Path) -> bool:
        """Whether a part that exists is in order; a part is renamed into place, so being there is usually enough."""
        return path.is_file()

    @abstractmethod
    def join(self, request: Request[P], decided: D, parts: Sequence[Path], output: Path | None) -> Iterator[float]:
        """Make `output` of all parts, giving back how much is done, from 0 to 1."""

    def beside(self, request: Request[P]) -> tuple[Path, ...]:
        """Further files that the operation makes, under their final names. `join` writes each as `passing` says."""
        return ()

    def source(self, request: Request[P], decided: D) -> Generator[Frame, None, None]:
        """The pictures that those of the output were made from, at the same times; nothing where it makes no video."""
        yield from ()

    def result(self, request: Request[P], decided: D, parts: Sequence[Path]) -> dict[str, Any]:
        """JSON-safe findings for the last event. Sentences under `notes`, a table under `table`."""
        return {}


def passing(output: Path, file: Path) -> Path:
    """The name under which `join`, which makes `output`, writes a `file` that goes beside it."""
    return output.with_name(f"{file.name}.{output.name}")


def files_in(folder: Path | None) -> tuple[Path, ...]:
    """The files of a folder that a parameter names: what is in them decides the result."""
    return tuple(sorted(path for path in folder.rglob("*") if path.is_file())) if folder else ()


def named_files(params: Params) -> tuple[Path, ...]:
    """The values of `params` that are files."""
    return tuple(value for _, value in params if isinstance(value, Path))


O = TypeVar("O", bound=type[Operation[Any, Any]])  # noqa: E741


def operation(cls: O) -> O:
    """Register an operation class under its `name`."""
    operations.add(cls.name, cls(), f"{cls.__module__}.{cls.__name__}")
    return cls


def session(cls: O) -> O:
    """Register something that only a studio with people at it does, in its queue like any operation: it is watched
    while it goes on, and ended by whoever asked for it. The command line has a command of its own for each."""
    known_sessions.add(cls.name, cls(), f"{cls.__module__}.{cls.__name__}")
    return cls


def get(name: str) -> Operation[Any, Any]:
    """The operation, or the session, called `name`. Raises UnknownName."""
    return known_sessions.get(name) if name not in operations and name in known_sessions else operations.get(name)


def request(
    name: str, inputs: Sequence[Path], output: Path | None, explicit: dict[str, Any], preset: str | None = None
) -> Request[Any]:
    """A checked request. Precedence is one line: explicit > preset > default. Addresses become the files that are
    brought here from them. Raises RequestError.
    """
    values = dict(named_preset(preset, name).params) if preset else {}
    origins: dict[Path, str] = {}
    job = json.dumps([str(Path.cwd()), name, [*map(str, inputs)], {**explicit}], default=str, sort_keys=True)

    def local(value: Any) -> Any:
        place = elsewhere.address(value) if isinstance(value, Path | str) else None
        if place is None:
            return value
        origins[path := elsewhere.here(place, job)] = place
        return path

    known = get(name).params.model_fields
    values |= {key: local(each) if key in known and file_kinds(known[key]) else each for key, each in explicit.items()}
    params = get(name).params.of(values, name)
    found = tuple(map(local, inputs))
    return sent(Request(name, params, found, output, tuple(origins.items())))


def sent(asked: Request[P]) -> Request[P]:
    """With an output on this machine where an address was named, to be sent there later. Raises OutputRefused."""
    place = elsewhere.address(asked.output) if asked.output else None
    if place is None:
        return asked
    elsewhere.refuse(place)
    job = f"{asked.operation} {asked.inputs} {asked.params.model_dump_json()}"
    return replace(asked, output=elsewhere.here(place, job), destination=place)
