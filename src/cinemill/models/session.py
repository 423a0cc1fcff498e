"""A model's file -> a function from pictures to pictures, on the best of what this machine has, and why there.

Sessions are kept for the life of the process and shared by all filters that use the same model in the same way.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from cinemill.errors import InvalidParams, MissingModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

Floats: TypeAlias = "NDArray[Any]"
"""float32"""
Backend = Literal["auto", "onnx", "torch", "compiled"]
Precision = Literal["auto", "fp32", "fp16", "bf16"]
WEIGHTS = (".safetensors", ".pth", ".pt", ".ckpt", ".bin", ".th")
"""Suffixes of files that torch reads."""


@dataclass(frozen=True)
class Contract:
    """What pictures a network takes and gives.

    Height and width must be at least `minimum` and a multiple of `multiple_of`, or just `size` where that is set.
    Tiles have to begin at multiples of `align`, from where windows and strides are counted, and to see `overlap`
    pixels beyond what they answer for. `inputs` and `outputs` are channels.
    """

    scale: int = 1
    inputs: int = 3
    outputs: int = 3
    multiple_of: int = 1
    minimum: int = 1
    align: int = 1
    overlap: int = 32
    size: tuple[int, int] | None = None


class Session(Protocol):
    """A network that is ready to run."""

    @property
    def contract(self) -> Contract: ...
    @property
    def runs_on(self) -> str:
        """Library, device and precision, for people: `torch on cuda:0 in fp16`."""
        ...

    @property
    def why(self) -> str:
        """Half a sentence: why there and not elsewhere."""
        ...

    def run(self, pictures: Floats) -> Floats:
        """(N, inputs, H, W) float32, nominally 0 to 1, to (N, outputs, scale H, scale W). Raises OutOfMemory."""
        ...

    def room(self) -> int:
        """How many pixels of input, over all pictures of a run, the free memory of the device has room for."""
        ...

    def batches(self) -> bool:
        """Whether several pictures at once are faster than one after another."""
        ...


@dataclass(frozen=True)
class Wanted:
    """A model and how it is to run. `partner`: weights to mix in, and the share of the model's own."""

    path: Path
    backend: Backend = "auto"
    device: str = "auto"
    precision: Precision = "auto"
    partner: tuple[Path, float] | None = None


_sessions: dict[tuple[Any, ...], Session] = {}
_lock = threading.Lock()


def session(wanted: Wanted) -> Session:
    """The session for what is wanted, opened once a process. Raises RequestError, MissingResource, MediaError."""
    files = [wanted.path, *([wanted.partner[0]] if wanted.partner else [])]
    # A file that was replaced is another model.
    key = (wanted, *((status.st_mtime_ns, status.st_size) for status in (file.stat() for file in files)))
    with _lock:
        if key not in _sessions:
            _sessions[key] = made = _opened(wanted)
            log.info("%s runs by %s: %s.", wanted.path.name, made.runs_on, made.why)
        return _sessions[key]


def forget() -> None:
    """Give back the memory of all sessions; those in use live on with whoever uses them."""
    with _lock:
        _sessions.clear()


def _opened(wanted: Wanted) -> Session:
    backend, path, why = chosen(wanted)
    if backend == "onnx":
        from cinemill.models import onnx_backend

        return onnx_backend.open(path, wanted, why)
    from cinemill.models import torch_backend

    return torch_backend.open(path, wanted, why, compile=backend == "compiled")


def chosen(wanted: Wanted) -> tuple[Literal["onnx", "torch", "compiled"], Path, str]:
    """The backend, the file that it opens, and why. Raises InvalidParams when the file is not for it."""
    path = wanted.path
    is_onnx = path.suffix == ".onnx"
    beside = path.with_suffix(".onnx")
    if wanted.backend == "auto":
        if is_onnx:
            return "onnx", path, "the model is an ONNX file"
        if beside.is_file() and wanted.device in ("auto", "cpu") and wanted.partner is None and not _has_gpu():
            return "onnx", beside, f"{beside.name} lies beside it, and there is no GPU for torch"
        return "torch", path, "the model is a file for torch"
    if wanted.backend == "onnx":
        if is_onnx or beside.is_file():
            return "onnx", path if is_onnx else beside, "asked for"
        raise InvalidParams(
            f"backend=onnx: {path.name} is a file for torch; `cinemill models convert {path.name} -o {beside.name}` "
            "makes an ONNX file of it."
        )
    if is_onnx:
        raise InvalidParams(f"backend={wanted.backend}: {path.name} is an ONNX file, which only backend=onnx runs.")
    return wanted.backend, path, "asked for"


def _has_gpu() -> bool:
    from cinemill.hardware import gpus

    return any(gpu.vendor == "nvidia" for gpu in gpus())


def located(model: str) -> Path:
    """The file of a model: a path as it is, a name by the store. Raises MissingModel, UnknownName."""
    path = Path(model)
    if path.suffix.lower() in (*WEIGHTS, ".onnx") or path.is_file():
        if not path.is_file():
            raise MissingModel(f"model {model} is not there; give a file that is, or a name of `cinemill models list`.")
        return path
    from cinemill.models import store

    return store.path(model)
