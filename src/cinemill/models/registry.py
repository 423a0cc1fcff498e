"""Which models there are: ours from registry.yaml, and those that the user has imported, in the same form.

A file's digest is what makes it the file that is meant. Where no digest was published, the first download is trusted,
the user is told so, and from then on the digest of that download is what counts.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Final, Literal, get_args
from urllib.parse import unquote, urljoin, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from cinemill.errors import InvalidParams, UnknownName
from cinemill.settings import settings

Task = Literal[
    "upscale",
    "denoise",
    "deblur",
    "deblock",
    "faces",
    "face-detection",
    "face-parsing",
    "scratch-mask",
    "colorize",
    "inpaint",
    "flow",
    "interpolate",
    "deinterlace",
    "style",
    "transcribe",
    "align",
    "diarize",
    "speaker",
    "separate",
    "speech-denoise",
    "speak",
]
TASKS: Final[tuple[str, ...]] = get_args(Task)
"""What models do, in the order in which people see it: pictures first, then sound and words."""
Loader = Literal["spandrel", "onnx", "torch", "engine"]
NAME = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")
"""What a model may be called; it is the name of its folder too."""


def _https(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.netloc:
        raise ValueError(f"{url} must begin with https://")
    return url


def _inside(name: str) -> str:
    """A file's place below its model's folder, on any system."""
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or re.search(r'[\\:*?"<>|\x00-\x1f]', name):
        raise ValueError(f"{name!r} must be a relative path without '..', backslashes or colons")
    return str(path)


def _answer(value: Any) -> Any:
    return {True: "yes", False: "no"}.get(value, value)  # YAML takes yes and no for booleans


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class Licence(_Entry):
    """Under which terms weights may be used."""

    name: str = Field(min_length=2)
    """SPDX identifier where there is one."""
    commercial: Annotated[Literal["yes", "no", "unclear"], BeforeValidator(_answer)]
    """Whether work for money may use it; `no` has to be accepted before the first download."""
    note: str = ""
    """What else there is to know."""


class Tensor(_Entry):
    """What the network takes and gives, NCHW float32."""

    channels: tuple[int, int] = (3, 3)
    """In each picture that goes in, and in what comes out. Three are R, G, B."""
    range: tuple[float, float] = (0, 1)
    """Black and white."""
    pictures: int = Field(default=1, ge=1)
    """How many are seen at once."""
    scale: int = Field(default=1, ge=1)
    """Sides of the output, in sides of the input."""
    multiple_of: int = Field(default=1, ge=1)
    """Sides must be a multiple of this, in pixels."""
    minimum: int = Field(default=1, ge=1)
    """Sides must be at least this, in pixels."""
    side: int | None = None
    """Both sides must be this, in pixels; None where any will do."""
    half: bool = False
    """Whether 16-bit floating point is enough."""
    tiling: Literal["supported", "discouraged", "never"] = "supported"
    """Whether a picture may be worked on in pieces."""


class File(_Entry):
    """One file of a model."""

    url: Annotated[str, AfterValidator(_https)] | None = None
    """Where it comes from; None for an imported one."""
    name: Annotated[str, AfterValidator(_inside)]
    """Where it lies below the model's folder."""
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """Its digest."""
    sha256_prefix: str | None = Field(default=None, pattern=r"^[0-9a-f]{8,63}$")
    """How its digest begins, where only that was published."""
    bytes: int | None = Field(default=None, gt=0)
    """Its size, where that was published."""
    optional: bool = False
    """Not every publisher has it; its absence is not an error."""


class Provenance(_Entry):
    """How a model of the user's own was made. PSNR in dB, on pictures that it did not learn from."""

    task: str
    """What was learned."""
    recipe: dict[str, Any]
    """Everything that was asked for and is not the default."""
    learned_from: int
    """Pictures."""
    held_back: int
    """Pictures that it was judged by."""
    psnr_given: float | None = None
    """Of the pictures as they are given; None where they are of another size or kind."""
    psnr_before: float | None = None
    """Of what the network that it began with makes; None when it began with nothing."""
    psnr_after: float
    """Of what it makes."""
    precision: str
    """Of its numbers."""
    apart: float
    """Largest difference between ONNX and torch before weights were made coarser, white being 1."""


class Model(_Entry):
    """Weights under a name, from somewhere, for something."""

    name: str = Field(pattern=f"^{NAME.pattern}$")
    """What it is called on the command line and in filters."""
    description: str = Field(min_length=10)
    """What it is good for."""
    task: Task
    """What it does."""
    used_by: str = ""
    """The filter or engine that it is for; empty where nothing of ours runs it yet."""
    loader: Loader
    """What runs it: spandrel recognises the network, onnxruntime, a network of ours in torch, or an engine."""
    licence: Licence
    """Terms of use of the weights."""
    tensor: Tensor | None = None
    """What goes in and out; None where an engine or OpenCV sees to that."""
    files: tuple[File, ...] = Field(min_length=1)
    """The first is the one that is loaded."""
    provenance: Provenance | None = None
    """How it was made, where it was made here or by somebody else with `cinemill train`."""

    @model_validator(mode="after")
    def _names_differ(self) -> Model:
        names = [file.name for file in self.files]
        if len(set(names)) < len(names) or self.files[0].optional:
            raise ValueError("files must have names of their own, and the first cannot be optional")
        return self

    @property
    def size(self) -> int | None:
        """Bytes of all files; None when one of them was not published."""
        sizes = [file.bytes for file in self.files if not file.optional]
        return sum(size for size in sizes if size) if all(sizes) else None

    @property
    def is_imported(self) -> bool:
        return self.files[0].url is None


def models() -> dict[str, Model]:
    """Every model by name: ours, then the user's. Raises InvalidParams for an imported one that cannot be read."""
    return ours() | {path.parent.name: _imported(path) for path in sorted(folder().glob("*/model.yaml"))}


def find(name: str) -> Model:
    """The model called `name`. Raises UnknownName with what is near."""
    known = ours() if name in ours() else models()
    if name not in known:
        raise UnknownName("model", name, known)
    return known[name]


def folder() -> Path:
    """Where models are kept, a folder each."""
    return settings().data_dir / "models"


@lru_cache
def ours() -> dict[str, Model]:
    """The models of registry.yaml."""
    listed = read(Path(__file__).with_name("registry.yaml"))["models"]
    return {name: entry(name, values) for name, values in listed.items()}


def entry(name: str, values: dict[str, Any]) -> Model:
    """A model from what YAML says of it: addresses made whole, and files named after them. Raises ValidationError."""
    facts = {key: value for key, value in values.items() if key != "at"}
    return Model.model_validate(
        {**facts, "name": name, "files": [_file(f, values.get("at", "")) for f in values["files"]]}
    )


def _file(values: dict[str, Any], at: str) -> dict[str, Any]:
    url = values.get("url")
    return {"name": unquote(url), **values, "url": urljoin(at, url)} if url else values


def _imported(path: Path) -> Model:
    try:
        return entry(path.parent.name, read(path))
    except (ValidationError, TypeError, KeyError, AttributeError) as error:
        raise InvalidParams(
            f"imported model {path} cannot be read: {error}; `cinemill models remove` removes it."
        ) from None


def read(path: Path) -> Any:
    """What a YAML file says."""
    import yaml

    try:
        # libyaml's reader where it is: the pure one takes most of a second for the registry
        return yaml.load(path.read_text("utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidParams(f"{path} is not YAML: {error}.") from None


def write(model: Model, path: Path) -> None:
    """`model` as YAML, for `models` to find."""
    import yaml

    values = model.model_dump(mode="json", exclude={"name"}, exclude_none=True)
    path.write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), "utf-8")
