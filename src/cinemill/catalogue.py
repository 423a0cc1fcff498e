"""The only registry: what filters, operations and presets there are, and what their parameters mean.

A declaration is a `Params` class whose attribute docstrings are the help text, form label, API description
and reference page at once. Everything that users see is computed from it. Importing this module, and
discovering what there is, loads no media or model library.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
import tomllib
from collections.abc import Iterator
from difflib import get_close_matches
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from threading import RLock
from typing import Annotated, Any, Generic, Literal, Self, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic import Field as _Field
from pydantic.fields import FieldInfo

from cinemill.errors import InvalidParams, OutputRefused, UnknownName

FileKind = Literal["video", "audio", "image", "subtitle", "weights", "lut", "text", "any"]


class Params(BaseModel):
    """Parameters of a filter or an operation: frozen, checked once, nothing extra allowed."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, defer_build=True, allow_inf_nan=False
    )

    @classmethod
    def of(cls, values: dict[str, Any], owner: str) -> Self:
        """Parameters from untrusted values. Raises InvalidParams naming `owner`, the range and the unit."""
        try:
            return cls.model_validate({key: _chosen(cls.model_fields.get(key), value) for key, value in values.items()})
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


def file_kinds(field: FieldInfo) -> set[str]:
    """What kinds of file a field names: said by the field, or, where it may be left out, by its annotation."""
    inner = [note for part in get_args(field.annotation) for note in getattr(part, "__metadata__", ())]
    return {kind for info in [field, *inner] if isinstance(info, FieldInfo) and (kind := extra(info, "file"))}


def _file(kind: FileKind) -> Any:
    return _Field(json_schema_extra={"file": kind})


VideoFile = Annotated[Path, _file("video")]
SubtitleFile = Annotated[Path, _file("subtitle")]
Weights = Annotated[str, _file("weights")]
"""A model: a name of `cinemill models list`, or a file."""
LutFile = Annotated[Path, _file("lut")]


def bounds(field: FieldInfo) -> str:
    """The allowed span with its unit for people's eyes, such as `0 … 51` or `at least 1 px`; may be empty."""
    low: Any = next((m.ge for m in field.metadata if hasattr(m, "ge")), None)
    above: Any = next((m.gt for m in field.metadata if hasattr(m, "gt")), None)
    high: Any = next((m.le for m in field.metadata if hasattr(m, "le")), None)
    below: Any = next((m.lt for m in field.metadata if hasattr(m, "lt")), None)
    unit = extra(field, "unit")
    if low is not None and high is not None:
        return " ".join(filter(None, [f"{low} … {high}", unit]))
    limits = {"at least": low, "more than": above, "at most": high, "less than": below}
    words = ", ".join(f"{how} {limit}" for how, limit in limits.items() if limit is not None)
    return " ".join(filter(None, [words, unit]))


def span(field: FieldInfo) -> tuple[float, float] | None:
    """The lowest and the highest value that are allowed; None where a side is open."""
    low: Any = next((m.ge for m in field.metadata if hasattr(m, "ge")), None)
    high: Any = next((m.le for m in field.metadata if hasattr(m, "le")), None)
    return None if low is None or high is None else (float(low), float(high))


_NOUNS = {
    "int": "a whole number",
    "float": "a number",
    "finite": "a number",
    "fraction": "a number or a fraction such as 30000/1001",
    "bool": "true or false",
    "path": "the path of a file",
    "string": "text",
}
"""What is called for, in people's words, by the kind of mistake that pydantic names."""


def _sentence(cls: type[Params], error: ValidationError, owner: str) -> str:
    first = error.errors(include_url=False)[0]
    return f"{owner}: {complaint(cls, first, str(first['loc'][0]) if first['loc'] else '')}"


def complaint(cls: type[Params], mistake: Any, name: str, noun: str = "parameter") -> str:
    """A sentence about one of pydantic's mistakes, which concerns the field `name` of `cls`; "" for all of it."""
    if mistake["type"] == "extra_forbidden":
        return UnknownName(noun, name, cls.model_fields).sentence
    if mistake["type"] == "too_short":
        return f"it must hold at least {mistake['ctx']['min_length']}."
    if mistake["type"] == "missing":
        return f"{name} must be given: {cls.model_fields[name].description or 'it has no default.'}"
    problem = re.sub(r"^(Input|String|Value) should", "it must", str(mistake["msg"]).removeprefix("Value error, "))
    problem = problem.removesuffix(".")
    value = mistake["input"]
    if name not in cls.model_fields or isinstance(value, dict | list):
        return f"{problem}."
    given = value if isinstance(value, str) and value.strip() else repr(value)
    demand = _demand(mistake["type"], str(given), cls.model_fields[name]) or problem
    return f"{name}={given} is refused: {demand}" + ("" if demand.endswith("?") else ".")


def _demand(mistake: str, given: str, field: FieldInfo) -> str:
    """What a value must be, as half a sentence; empty where pydantic's own words have to do."""
    if mistake == "literal_error":
        near = get_close_matches(given, choices(field), n=1)
        return f"choose {', '.join(choices(field))}" + (f"; did you mean {near[0]}?" if near else "")
    span = bounds(field)
    if mistake == "multiple_of":
        step = next(limit.multiple_of for limit in field.metadata if hasattr(limit, "multiple_of"))
        return f"it must be a multiple of {step}" + (f" in {span}" if span else "")
    if mistake.startswith(("greater_than", "less_than")):
        return f"it must lie in {span}" if " … " in span else f"it must be {span}"
    noun = _NOUNS.get(re.sub("_(parsing|type|from_float|number)$", "", mistake))
    return ", ".join(filter(None, [f"it must be {noun}", span])) if noun else ""


def choices(field: FieldInfo) -> tuple[str, ...]:
    """The values of a Literal, optional or not, as they are written; empty for any other type."""
    return tuple(map(str, _literals(field)))


def _literals(field: FieldInfo) -> tuple[Any, ...]:
    parts = (field.annotation, *get_args(field.annotation))
    return next((get_args(part) for part in parts if get_origin(part) is Literal), ())


def _chosen(field: FieldInfo | None, value: Any) -> Any:
    """The number that text stands for among choices; any other value as it is."""
    if field is None or not isinstance(value, str):
        return value
    return next((choice for choice in _literals(field) if str(choice) == value), value)


T = TypeVar("T")
_NAME = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)?")
"""A name, or a family and a method."""


class Registry(Generic[T]):
    """Things of one kind by unique name, found in a package of ours and in strangers' entry points alike.

    `kind` is the word people see; modules of `package` and of the entry-point group `cinemill.KIND`
    are imported on first use, and register by calling `add`. Who asks for a name loads the module that is called like
    it, if that will do, and not all of them, which takes half a second.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self.package = package
        self._items: dict[str, tuple[T, str]] = {}
        self._discovered = False
        self._lock = RLock()

    def add(self, name: str, item: T, module: str) -> None:
        """Register `item`. A name that is taken or cannot be written in a chain is refused, and nothing changes."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"{self.kind} {name!r} of {module}: a name is lower-case letters, digits and hyphens")
        if name in self._items and self._items[name][1] != module:
            taken = self._items[name][1]
            raise ValueError(f"{self.kind} {name!r} is declared in {taken} and again in {module}")
        self._items[name] = (item, module)

    def get(self, name: str) -> T:
        """The item called `name`. Raises UnknownName with what is near."""
        if name not in self:
            raise UnknownName(self.kind, name, self._items)
        return self._items[name][0]

    def __iter__(self) -> Iterator[str]:
        self.discover()
        return iter(sorted(self._items))

    def __contains__(self, name: object) -> bool:
        with self._lock:
            if name not in self._items and not self._discovered:
                self._import_alone(str(name))
            if name not in self._items:
                self.discover()
            return name in self._items

    def items(self) -> list[tuple[str, T]]:
        return [(name, self.get(name)) for name in self]

    def discover(self) -> None:
        """Import every module of the package and of the entry points, once."""
        with self._lock:
            if self._discovered:
                return
            self._discovered = True  # before the imports: the modules may ask for one another
            try:
                self._import()
            except BaseException:
                self._discovered = False
                raise

    def _import_alone(self, name: str) -> None:
        """Import the module that is called like an item, if there is one."""
        module = f"{self.package}.{re.sub('[-.]', '_', name)}"
        if _NAME.fullmatch(name) and find_spec(module):
            importlib.import_module(module)

    def _import(self) -> None:
        from importlib.metadata import entry_points

        folder = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(folder.__path__):
            importlib.import_module(f"{self.package}.{module.name}")
        for point in entry_points(group=f"cinemill.{self.kind}"):
            try:
                point.load()
            except Exception as error:
                whose = point.dist.name if point.dist else point.value
                error.add_note(f"This is the {self.kind} {point.name!r} of {whose}, which is not part of cinemill.")
                raise


# Declared where the items are, typed there too; the registries live here so that there is one place to look.
filters: Registry[Any] = Registry("filter", "cinemill.filters")
operations: Registry[Any] = Registry("operation", "cinemill.operations")
sessions: Registry[Any] = Registry("session", "cinemill.operations.sessions")


class Preset(Params):
    """An operation and parameter values under a name people know; a TOML or YAML file."""

    name: str
    """What it is called; left out, the name of its file. Operations may have presets of one name."""
    operation: str
    """The operation it is for."""
    description: str
    """What it is good for, in a sentence."""
    params: dict[str, Any] = {}
    """Values of the operation's parameters."""
    chunk_seconds: float | None = Field(None, ge=0.1, unit="s")
    """Programme per chunk, unless it is said."""


@lru_cache
def _presets(folders: tuple[Path, ...]) -> dict[str, Preset]:
    files = (path for folder in folders for path in sorted(folder.glob("*")))
    return {path.stem: read_preset(path) for path in files if path.suffix in (".toml", ".yaml", ".yml")}


def read_preset(path: Path) -> Preset:
    """The preset in a file. Raises InvalidParams."""
    try:
        text = path.read_text("utf-8")
        values = tomllib.loads(text) if path.suffix == ".toml" else _yaml(text)
    except (ValueError, OSError) as error:
        raise InvalidParams(f"preset {path} cannot be read: {' '.join(str(error).split())}.") from None
    return Preset.of({"name": path.stem, **_of_old(values, path)}, f"preset {path}")


def _yaml(text: str) -> dict[str, Any]:
    import yaml

    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
    if not isinstance(values, dict):
        raise ValueError("it holds no keys and values")
    return {str(key): value for key, value in values.items()}


_OLD_KEYS = ("codec", "crf", "preset", "chunk_duration", "use_temporal", "description", "name")
_FAMILIES = {"libx264": "h264", "libx265": "hevc", "libsvtav1": "av1", "libaom": "av1", "libvpx": "vp9"}


def _of_old(values: dict[str, Any], path: Path) -> dict[str, Any]:
    """What a preset of the tools before this one says, in our words; any other as it is. Raises InvalidParams."""
    if "operation" in values or not values.keys() & set(_OLD_KEYS[:5]):
        return values
    for key in values:
        if key not in _OLD_KEYS:
            raise InvalidParams(f"preset {path}: {UnknownName('key', key, _OLD_KEYS).sentence}")
    encoder = str(values.get("codec", ""))
    family = re.split("[-_]", encoder)[0]
    said = {
        "codec": _FAMILIES.get(family, family) or None,
        "encoder": encoder if encoder != family or family in _FAMILIES else None,
        "crf": values.get("crf"),
        "speed": values.get("preset"),
        "temporal": ("on" if values["use_temporal"] else "off") if "use_temporal" in values else None,
    }
    kept = {key: values[key] for key in ("name", "description") if key in values}
    return {
        "operation": "stylize",
        "description": "A preset of the old form.",
        **kept,
        "chunk_seconds": values.get("chunk_duration"),
        "params": {key: value for key, value in said.items() if value is not None},
    }


def presets() -> dict[str, Preset]:
    """Presets by the name of their file: ours, then the user's, which win."""
    from cinemill.settings import settings

    ours = Path(__file__).parent / "presets"
    return _presets((ours, settings().data_dir / "presets"))


def preset(name: str, operation: str) -> Preset:
    """The preset called `name`, made for `operation`. Raises UnknownName."""
    fitting = {value.name: value for value in presets().values() if value.operation == operation}
    if name not in fitting:
        raise UnknownName(f"{operation} preset", name, fitting)
    return fitting[name]


def preset_file(name: str) -> Path:
    """Where the user's preset of that name is kept. Raises InvalidParams for what is no name."""
    from cinemill.settings import settings

    if not _NAME.fullmatch(name):
        raise InvalidParams(f"a preset cannot be called {name!r}: lower-case letters, digits and hyphens make a name.")
    return settings().data_dir / "presets" / f"{name}.toml"


def save_preset(value: Preset) -> Path:
    """Keep a preset for `--preset` to find, in place of the user's own of that name. Raises OutputRefused."""
    path = preset_file(value.name)
    passing = path.with_suffix(".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        passing.write_text(preset_text(value), "utf-8")
        passing.replace(path)
    except OSError as error:
        raise OutputRefused(f"preset {path} cannot be written: {error.strerror}.") from None
    _presets.cache_clear()
    return path


def remove_preset(name: str) -> None:
    """Forget one of the user's own presets. Raises UnknownName for others."""
    path = preset_file(name)
    there = [file for file in map(path.with_suffix, (".toml", ".yaml", ".yml")) if file.is_file()]
    if not there:
        raise UnknownName("preset of your own", name, [file.stem for file in path.parent.glob("*.*")])
    for file in there:
        file.unlink()
    _presets.cache_clear()


def preset_text(value: Preset) -> str:
    """A preset as TOML, to keep or to hand on."""
    head = value.model_dump(exclude={"params"}, exclude_none=True)
    lines = [f"{key} = {_toml(each)}" for key, each in head.items()]
    return "\n".join([*lines, "", "[params]", *(f"{key} = {_toml(each)}" for key, each in value.params.items()), ""])


def _toml(value: Any) -> str:
    """A text, number or truth value as TOML writes it: as JSON does."""
    return json.dumps(value if isinstance(value, bool | int | float) else str(value), ensure_ascii=False)
