"""The only registry: what filters, operations and presets there are, and what their parameters mean.

A declaration is a `Params` class whose attribute docstrings are the help text, form label, API description
and reference page at once. Everything that users see is computed from it. Importing this module, and
discovering what there is, loads no media or model library.
"""

from __future__ import annotations

import importlib
import pkgutil
import tomllib
from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic import Field as _Field
from pydantic.fields import FieldInfo

from cinemill.errors import InvalidParams, UnknownName

FileKind = Literal["video", "audio", "image", "subtitle", "weights", "lut", "any"]


class Params(BaseModel):
    """Parameters of a filter or an operation: frozen, checked once, nothing extra allowed."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, defer_build=True)

    @classmethod
    def of(cls, values: dict[str, Any], owner: str) -> Self:
        """Parameters from untrusted values. Raises InvalidParams naming `owner`, the range and the unit."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise InvalidParams(_sentence(cls, error, owner), owner=owner) from None


def Field(default: Any = ..., *, unit: str | None = None, file: FileKind | None = None, **rest: Any) -> Any:
    """pydantic's Field with the two facts surfaces need: the value's unit, and what kind of file a path names."""
    facts: dict[str, Any] = {key: value for key, value in {"unit": unit, "file": file}.items() if value}
    return _Field(default, json_schema_extra=facts or None, **rest)


def extra(field: FieldInfo, key: str) -> str | None:
    """`unit` or `file` of a field, or None."""
    stored = field.json_schema_extra
    return str(stored[key]) if isinstance(stored, dict) and key in stored else None


def _file(kind: FileKind) -> Any:
    return _Field(json_schema_extra={"file": kind})


VideoFile = Annotated[Path, _file("video")]
ImageFile = Annotated[Path, _file("image")]
SubtitleFile = Annotated[Path, _file("subtitle")]
LutFile = Annotated[Path, _file("lut")]


def bounds(field: FieldInfo) -> str:
    """The allowed span with its unit for people's eyes, such as `0 … 51` or `at least 1 px`; may be empty."""
    low: Any = next((m.ge for m in field.metadata if hasattr(m, "ge")), None)
    above: Any = next((m.gt for m in field.metadata if hasattr(m, "gt")), None)
    high: Any = next((m.le for m in field.metadata if hasattr(m, "le")), None)
    below: Any = next((m.lt for m in field.metadata if hasattr(m, "lt")), None)
    unit = extra(field, "unit")
    words = {
        (True, True): f"{low if low is not None else above} … {high if high is not None else below}",
        (True, False): f"at least {low}" if low is not None else f"more than {above}",
        (False, True): f"at most {high}" if high is not None else f"less than {below}",
        (False, False): "",
    }[low is not None or above is not None, high is not None or below is not None]
    return " ".join(filter(None, [words, unit]))


def _sentence(cls: type[Params], error: ValidationError, owner: str) -> str:
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "extra_forbidden":
        return f"{owner}: {UnknownName('parameter', name, cls.model_fields).sentence}"
    if first["type"] == "missing":
        return f"{owner}: {name} must be given: {cls.model_fields[name].description or 'it has no default.'}"
    problem = str(first["msg"]).removeprefix("Value error, ")
    if name not in cls.model_fields:
        return f"{owner}: {problem}"
    span = bounds(cls.model_fields[name])
    allowed = f" ({span})" if span else ""
    return f"{owner}: {name}={first['input']!r} is refused: {problem}{allowed}."


T = TypeVar("T")


class Registry(Generic[T]):
    """Things of one kind by unique name, found in a package of ours and in strangers' entry points alike.

    `kind` is the word people see; modules of `package` and of the entry-point group `cinemill.KIND`
    are imported on first use, and register by calling `add`.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self.package = package
        self._items: dict[str, tuple[T, str]] = {}
        self._discovered = False

    def add(self, name: str, item: T, module: str) -> None:
        """Register `item`. A name that is taken is refused, naming both modules, and nothing changes."""
        if name in self._items and self._items[name][1] != module:
            taken = self._items[name][1]
            raise ValueError(f"{self.kind} {name!r} is declared in {taken} and again in {module}")
        self._items[name] = (item, module)

    def get(self, name: str) -> T:
        """The item called `name`. Raises UnknownName with what is near."""
        self.discover()
        if name not in self._items:
            raise UnknownName(self.kind, name, self._items)
        return self._items[name][0]

    def __iter__(self) -> Iterator[str]:
        self.discover()
        return iter(sorted(self._items))

    def __contains__(self, name: object) -> bool:
        self.discover()
        return name in self._items

    def items(self) -> list[tuple[str, T]]:
        return [(name, self.get(name)) for name in self]

    def discover(self) -> None:
        """Import every module of the package and of the entry points, once."""
        if self._discovered:
            return
        self._discovered = True
        folder = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(folder.__path__):
            importlib.import_module(f"{self.package}.{module.name}")
        for point in entry_points(group=f"cinemill.{self.kind}"):
            point.load()


# Declared where the items are, typed there too; the registries live here so that there is one place to look.
filters: Registry[Any] = Registry("filter", "cinemill.filters")
operations: Registry[Any] = Registry("operation", "cinemill.operations")


class Preset(BaseModel):
    """An operation and parameter values under a name people know; a TOML file."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    name: str
    operation: str
    description: str
    params: dict[str, Any] = {}


@lru_cache
def _presets(folders: tuple[Path, ...]) -> dict[str, Preset]:
    found: dict[str, Preset] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.toml")):
            try:
                values = {"name": path.stem, **tomllib.loads(path.read_text("utf-8"))}
                found[path.stem] = Preset.model_validate(values)
            except (tomllib.TOMLDecodeError, ValidationError) as error:
                raise InvalidParams(f"preset {path} cannot be read: {error}") from None
    return found


def presets() -> dict[str, Preset]:
    """Presets by name: ours, then the user's, which win."""
    from cinemill.settings import settings

    ours = Path(__file__).parent / "presets"
    return _presets((ours, settings().data_dir / "presets"))


def preset(name: str, operation: str) -> Preset:
    """The preset called `name`, made for `operation`. Raises UnknownName."""
    fitting = {key: value for key, value in presets().items() if value.operation == operation}
    if name not in fitting:
        raise UnknownName(f"{operation} preset", name, fitting)
    return fitting[name]
