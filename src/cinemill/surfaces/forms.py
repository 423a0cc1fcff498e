"""Text <-> parameters, for every surface alike: flags, form fields, JSON bodies and presets meet here."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
import types
from collections.abc import Sequence
from dataclasses import dataclass, replace
from inspect import get_annotations
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from cinemill.catalogue import Params, Preset, bounds, choices, file_kinds
from cinemill.catalogue import preset as named_preset
from cinemill.catalogue import save_preset as keep
from cinemill.errors import OpenFailed, OutputRefused, RequestError
from cinemill.jobs.plan import chunk_seconds as chunk_seconds
from cinemill.media import suffixes
from cinemill.operations import Operation, Request, get, sent
from cinemill.operations import request as request
from cinemill.settings import settings


@dataclass(frozen=True)
class Entry:
    """One parameter as people meet it. `kind` decides flag or value; `span` holds range and unit, may be empty."""

    name: str
    kind: Literal["flag", "choice", "number", "file", "text"]
    help: str
    default: Any
    required: bool
    choices: tuple[str, ...] = ()
    span: str = ""
    group: str = "Parameters"

    @property
    def option(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def metavar(self) -> str:
        choices = "|".join(self.choices)
        if self.kind == "choice":
            return choices if len(choices) < 20 else "NAME"
        return "" if self.kind == "flag" else self.kind.upper()

    @property
    def facts(self) -> str:
        """`default 18; 0 … 63`, what is known of it."""
        choices = "" if self.metavar != "NAME" else f"one of {', '.join(self.choices)}"
        told = "" if self.required or self.default in (None, "") else f"default {_shown(self.default)}"
        return "; ".join(filter(None, ["required" if self.required else "", told, choices, self.span]))


def entries(params: type[Params]) -> list[Entry]:
    """The parameters of a class in the order of their declaration."""
    return [_entry(name, field, _group(params, name)) for name, field in params.model_fields.items()]


def _group(params: type[Params], name: str) -> str:
    """Parameters that a class inherits stand together under its first words, if it has any of its own."""
    owner = next(cls for cls in params.__mro__ if name in get_annotations(cls))
    return "Parameters" if owner is params else (vars(owner).get("__doc__") or "Parameters").partition(".")[0]


def _entry(name: str, field: FieldInfo, group: str) -> Entry:
    inner = _without_none(field.annotation)
    named = choices(field)
    kind: Any = "text"
    if named:
        kind = "choice"
    elif inner is bool:
        kind = "flag"
    elif _names_file(field):
        kind = "file"
    elif (isinstance(inner, type) and issubclass(inner, int | float)) or getattr(inner, "__name__", "") == "Fraction":
        kind = "number"
    return Entry(
        name=name,
        kind=kind,
        help=" ".join((field.description or "").split()),
        default=None if field.is_required() else field.default,
        required=field.is_required(),
        choices=named,
        span=bounds(field),
        group=group,
    )


def _names_file(field: FieldInfo) -> bool:
    """Whether a value is a file; a model has a name more often."""
    return bool(file_kinds(field) - {"weights"})


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [part for part in get_args(annotation) if part is not type(None)]
        return rest[0] if len(rest) == 1 else str
    return annotation


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def piped(text: bytes) -> Path:
    """A file of what came through a pipe: the same for the same text, so that its job can go on another time.

    Raises RequestError for nothing at all.
    """
    if not text.strip():
        raise RequestError("nothing came through the pipe.")
    folder = settings().cache_dir / "piped"
    for old in folder.glob("*"):
        if time.time() - old.stat().st_mtime > _KEPT_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
    path = folder / hashlib.blake2b(text, digest_size=8).hexdigest() / "stdin.txt"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    return path


_KEPT_SECONDS = 30 * 86_400


def save_preset(name: str, called: str, explicit: dict[str, Any], preset: str | None = None) -> Path:
    """Keep the values that a request of an operation would have beside the defaults. Raises RequestError."""
    params = request(name, [], None, explicit, preset).params.model_dump(mode="json", exclude_unset=True)
    given = {key: value for key, value in params.items() if value is not None}
    found = named_preset(preset, name).chunk_seconds if preset else None
    told = f"Values of {name}, saved."
    return keep(Preset(name=called, operation=name, description=told, params=given, chunk_seconds=found))


@dataclass(frozen=True)
class Task:
    """One job of a batch, which becomes a request in its turn: naming an output may need a look at the input."""

    asked: Request[Any]
    stem: Path | None = None
    """The output but for its suffix, when nobody named it."""
    taken: tuple[Path, ...] = ()
    """What no output may replace: all inputs of the batch."""

    def request(self) -> Request[Any]:
        """Raises OutputRefused, and MediaError when the input cannot tell which suffix suits it."""
        asked = self.asked
        if self.stem:
            suffix = get(asked.operation).suffix(asked)
            asked = replace(asked, output=self.stem.with_name(self.stem.name + suffix))
        if asked.output and any(_same(asked.output, path) for path in self.taken):
            raise OutputRefused(f"{asked.output} is an input; an input is never written to. Choose another output.")
        return sent(asked)


def batch(
    name: str, inputs: Sequence[Path], output: Path | str | None, explicit: dict[str, Any], preset: str | None = None
) -> list[Task]:
    """One task per job: folders become the videos in them; outputs get names when none are given.

    Several inputs want a folder as output. Raises RequestError, and OpenFailed for a folder without videos.
    """
    operation = get(name)
    if not inputs:
        inputs = _instead(operation, explicit)
    asked = [request(name, group, None, explicit, preset) for group in _groups(operation, inputs)]
    taken = tuple(path for one in asked for path in one.inputs)
    several = len(asked) > 1 or any(path.is_dir() for path in inputs)
    folder = _folder(output, several)
    if operation.output == "folder" and not several and not str(output or "/").endswith(("/", os.sep)):
        folder = None  # the one to make, even if it is there already, which is refused later
    if output and folder is None:
        return [Task(replace(asked[0], output=Path(output)), taken=taken)]
    if operation.output == "optional" and not output:
        return [Task(one) for one in asked]
    stems = _stems([one.inputs[0] for one in asked], folder or Path(), operation)
    return [Task(one, stem, taken) for one, stem in zip(asked, stems)]


def _instead(operation: Operation[Any, Any], explicit: dict[str, Any]) -> list[Path]:
    """The input where none is named: the file of the parameter that stands in for it. Raises RequestError."""
    given = explicit.get(operation.stand_in) if operation.stand_in else None
    if not given:
        other = f", or give --{operation.stand_in.replace('_', '-')}" if operation.stand_in else ""
        raise RequestError(f"{operation.name} has nothing to work on: name a file{other}.")
    return [Path(given)]


def _groups(operation: Operation[Any, Any], inputs: Sequence[Path]) -> list[tuple[Path, ...]]:
    """The inputs of each job."""
    wanted = len(operation.inputs)
    if operation.together:
        return [tuple(dict.fromkeys(file for path in inputs for file in _files(path, operation.name)))]
    if wanted == 1:
        return [(file,) for file in dict.fromkeys(file for path in inputs for file in _files(path, operation.name))]
    if len(inputs) != wanted:
        raise RequestError(f"{operation.name} takes {wanted} files, {len(inputs)} were given.")
    return [tuple(inputs)]


def _folder(output: Path | str | None, several: bool) -> Path | None:
    """Where outputs go that get their names from us; None when `output` is itself the one to make."""
    path = Path(output or "")
    if path.is_dir() or str(output).endswith(("/", os.sep)):
        return path
    if several and path.suffix:
        raise RequestError(f"several inputs cannot all become {output}; name a folder with -o.")
    return path if several else None


def _files(path: Path, operation: str) -> list[Path]:
    """The file, or the videos in a folder: not hidden ones, and none that this operation made there before."""
    if not path.is_dir():
        return [path]
    kinds = suffixes.VIDEO | (suffixes.SOUND if get(operation).inputs == ("audio",) else frozenset())
    found = [file for file in sorted(path.iterdir()) if file.suffix.lower() in kinds and file.is_file()]
    found = [file for file in found if not file.name.startswith(".") and not file.stem.endswith(f".{operation}")]
    if not found:
        raise OpenFailed(f"{path} holds no {'videos' if kinds == suffixes.VIDEO else 'videos or sound'}.")
    return found


def _stems(sources: Sequence[Path], folder: Path, operation: Operation[Any, Any]) -> list[Path]:
    """Names in `folder`; inputs that differ in their suffix alone keep it. Raises RequestError for others alike."""
    names = [source.stem for source in sources]
    stems: dict[Path, Path] = {}
    for source in sources:
        name = source.name if names.count(source.stem) > 1 else source.stem
        stem = folder / operation.called.format(input=name, operation=operation.name)
        if stem in stems:
            raise RequestError(f"{stems[stem]} and {source} would both become {stem}; give each its own output.")
        stems[stem] = source
    return list(stems)


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)
