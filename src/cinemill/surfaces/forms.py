"""Text <-> parameters, for every surface alike: flags, form fields, JSON bodies and presets meet here.

Precedence is one line: explicit > preset > default.
"""

from __future__ import annotations

import types
from collections.abc import Iterable
from dataclasses import dataclass
from inspect import get_annotations
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from cinemill.catalogue import Params, bounds, extra
from cinemill.catalogue import preset as named_preset
from cinemill.errors import OpenFailed, RequestError
from cinemill.operations import Operation, Request, get

_SUFFIXES = "3gp avi dv flv m2t m2ts m2v m4v mkv mov mp4 mpeg mpg mts mxf nut ogv ts vob webm wmv"
MEDIA_SUFFIXES = frozenset(f".{name}" for name in _SUFFIXES.split())
"""What counts as a video when a folder is named."""


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
            return choices if len(choices) < 32 else "NAME"
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
    """Parameters that a class inherits stand together, under the first words of the class that declares them."""
    owner = next(cls for cls in params.__mro__ if name in get_annotations(cls))
    return "Parameters" if owner is params else (owner.__doc__ or owner.__name__).partition(".")[0]


def _entry(name: str, field: FieldInfo, group: str) -> Entry:
    inner = _without_none(field.annotation)
    choices = tuple(str(value) for value in get_args(inner)) if get_origin(inner) is Literal else ()
    kind: Any = "text"
    if choices:
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
        choices=choices,
        span=bounds(field),
        group=group,
    )


def _names_file(field: FieldInfo) -> bool:
    """Whether a value is a file: said by the field, or, where it may be left out, by its annotation."""
    inner = [note for part in get_args(field.annotation) for note in getattr(part, "__metadata__", ())]
    return any(extra(info, "file") for info in [field, *inner] if isinstance(info, FieldInfo))


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [part for part in get_args(annotation) if part is not type(None)]
        return rest[0] if len(rest) == 1 else str
    return annotation


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def request(
    name: str, inputs: Iterable[Path], output: Path | None, explicit: dict[str, Any], preset: str | None = None
) -> Request[Any]:
    """A checked request. Raises RequestError."""
    operation = get(name)
    values = dict(named_preset(preset, name).params) if preset else {}
    params = operation.params.of(values | explicit, name)
    return Request(name, params, tuple(inputs), output)


def batch(
    name: str, inputs: list[Path], output: Path | None, explicit: dict[str, Any], preset: str | None = None
) -> list[Request[Any]]:
    """One request per job: folders become the videos in them; outputs get names when none are given.

    Several inputs want a folder as output. Raises RequestError, and OpenFailed for a folder without videos.
    """
    operation = get(name)
    if len(operation.inputs) > 1:
        if len(inputs) != len(operation.inputs):
            raise RequestError(f"{name} takes {len(operation.inputs)} files, {len(inputs)} were given.")
        return [request(name, inputs, output, explicit, preset)]
    files = [file for path in inputs for file in _files(path)]
    several = len(files) > 1 or any(path.is_dir() for path in inputs)
    into_folder = output is not None and (output.is_dir() or str(output).endswith(("/", "\\")))
    if several and output is not None and not into_folder and output.suffix:
        raise RequestError(f"{len(files)} inputs cannot all become {output}; name a folder with -o.")
    folder = output if output is not None and (several or into_folder) else None
    asked = [request(name, [file], output, explicit, preset) for file in files]
    if output is not None and folder is None:
        return asked
    return _named(operation, asked, folder or Path())


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix.lower() in MEDIA_SUFFIXES)
    if not found:
        raise OpenFailed(f"{path} holds no videos.")
    return found


def _named(operation: Operation[Any, Any], asked: list[Request[Any]], folder: Path) -> list[Request[Any]]:
    """Outputs called INPUT.OPERATION.SUFFIX in `folder`; inputs of the same stem keep their suffix in the name."""
    stems = [one.inputs[0].stem for one in asked]
    named: list[Request[Any]] = []
    for one in asked:
        source = one.inputs[0]
        stem = source.name if stems.count(source.stem) > 1 else source.stem
        wanted = None
        if operation.output == "file":
            wanted = folder / f"{stem}.{operation.name}{operation.suffix(one)}"
        named.append(Request(one.operation, one.params, one.inputs, wanted))
    return named
