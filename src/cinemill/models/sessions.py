"""A model's file -> a session on the best of what this machine has, and why there.

Sessions are kept for the life of the process and shared by all filters that use the same model in the same way.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from cinemill.errors import InvalidParams, MissingModel
from cinemill.kept import kept
from cinemill.models.session import WEIGHTS, Session, Wanted
from cinemill.notices import tell

log = logging.getLogger(__name__)

_sessions: dict[tuple[Any, ...], Session] = {}
_lock = threading.Lock()


def opened(wanted: Wanted) -> Session:
    """The session for what is wanted, opened once a process. Raises RequestError, MissingResource, MediaError."""
    return _kept(wanted, _opened)


def film(wanted: Wanted) -> Session:
    """Like `opened`, for a network whose pictures of a run are one stretch of film."""

    def open(wanted: Wanted) -> Session:
        from cinemill.models import torch_backend

        torch_backend.torch()
        from cinemill.models import basicvsrpp

        return basicvsrpp.open(wanted.path, wanted)

    return _kept(wanted, open)


def _kept(wanted: Wanted, open: Callable[[Wanted], Session]) -> Session:
    files = [wanted.path, *([wanted.partner[0]] if wanted.partner else [])]
    # A file that was replaced is another model.
    key = (wanted, *((status.st_mtime_ns, status.st_size) for status in (file.stat() for file in files)))
    with _lock:
        is_new = key not in _sessions
        made = _sessions[key] if not is_new else _sessions.setdefault(key, open(wanted))
    said = f"{wanted.path.name} runs by {made.runs_on}: {made.why}."
    if is_new:
        log.info(said)
    tell(said)
    return made


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

    if "siggraph17" in path.name:
        torch_backend.torch()
        from cinemill.models import siggraph17

        return siggraph17.open(path, wanted)
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


def digest(model: str) -> str:
    """SHA-256 of the files that a model by path or name may be run from. Raises MissingModel, UnknownName."""
    path = located(model)
    beside = path.with_suffix(".onnx")
    files = dict.fromkeys(file for file in (path, beside) if file.is_file())
    return " ".join(_digest(file) for file in files)


@kept(64)
def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def white(path: Path) -> float:
    """What a network calls white, by the registry: 255 or, as for files that it does not know, 1."""
    from cinemill.models import registry

    named = (model.tensor for model in registry.models().values() if path.name in {file.name for file in model.files})
    return next((tensor.range[1] for tensor in named if tensor is not None), 1.0)
