"""A file of unknown origin: whether it is safe to read, and what it is.

Taken are safetensors, ONNX graphs, and pickles that torch's `weights_only` reader can read, which builds tensors and
nothing else. TorchScript and everything else that carries a program is not.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from cinemill.errors import MissingResource, ModelRefused, OpenFailed
from cinemill.models import torch_backend
from cinemill.models.registry import Loader, Tensor
from cinemill.models.session import WEIGHTS


@dataclass(frozen=True)
class Found:
    """What a file is; `files` are it and what belongs to it, relative to its folder."""

    loader: Loader
    tensor: Tensor | None
    files: tuple[str, ...]
    description: str


def examine(path: Path) -> Found:
    """Look into a file without running anything of it. Raises ModelRefused, MissingResource."""
    if path.suffix == ".onnx":
        return _graph(path)
    if path.suffix not in WEIGHTS:
        raise ModelRefused(f"{path} is none of {', '.join(['.onnx', *WEIGHTS])}, which are what can be imported.")
    if zipfile.is_zipfile(path):
        _check_archive(path)
    try:
        descriptor = torch_backend.load(path)
    except OpenFailed as error:
        raise ModelRefused(f"{error.sentence.removesuffix('.')}. It is not imported.") from None
    return _described(path, descriptor)


_MOST_PACKED = 20
"""How many times larger than its file an archive may unfold; torch itself does not compress at all."""


def _check_archive(path: Path) -> None:
    """Refuses zip files that unfold to much more than they are, reach out of their folder, or hold a program."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    unfolded = sum(member.file_size for member in members)
    if unfolded > _MOST_PACKED * path.stat().st_size:
        raise ModelRefused(f"{path} would unfold to {unfolded / 1e6:.0f} MB, far more than weights do.")
    for member in members:
        inside = PurePosixPath(member.filename.replace("\\", "/"))
        if inside.is_absolute() or ".." in inside.parts:
            raise ModelRefused(f"{path} has a member that reaches out of its folder: {member.filename}.")
        if "code" in inside.parts[:-1]:
            raise ModelRefused(f"{path} is TorchScript, which carries a program; weights alone are what is imported.")


_TILING: dict[str, Literal["supported", "discouraged"]] = {"SUPPORTED": "supported", "DISCOURAGED": "discouraged"}


def _described(path: Path, descriptor: Any) -> Found:
    contract = torch_backend.contract_of(descriptor)
    tensor = Tensor(
        channels=(contract.inputs, contract.outputs),
        scale=contract.scale,
        multiple_of=contract.multiple_of,
        minimum=contract.minimum,
        half=descriptor.supports_half,
        tiling=_TILING.get(descriptor.tiling.name, "never"),
    )
    scale = f", {contract.scale} times larger" if contract.scale > 1 else ""
    return Found("spandrel", tensor, (path.name,), f"{descriptor.architecture.name}{scale}")


def _graph(path: Path) -> Found:
    """An ONNX graph with the files that hold its weights, run once on grey."""
    try:
        import onnx
    except ImportError as error:
        raise MissingResource(
            f"looking into {path} needs onnx, and it cannot be loaded ({error}); `pip install 'cinemill[torch]'` "
            "installs it."
        ) from None
    try:
        graph = onnx.load(str(path), load_external_data=False)
    except Exception as error:
        raise ModelRefused(f"{path} is not an ONNX graph: {error}.") from None
    beside = sorted({_beside(path, tensor) for tensor in _tensors(graph.graph) if tensor.data_location == 1})
    tensor = _tried(path)
    scale = f", {tensor.scale} times larger" if tensor and tensor.scale > 1 else ""
    return Found("onnx", tensor, (path.name, *beside), f"An ONNX graph{scale}")


def _tensors(graph: Any) -> Iterator[Any]:
    """Every tensor of a graph and of the graphs within it."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _tensors(inner)


def _beside(path: Path, tensor: Any) -> str:
    """The file that holds a tensor's values, which must lie in the folder of the graph."""
    location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
    inside = PurePosixPath(location.replace("\\", "/"))
    folder = path.parent.resolve()
    target = folder / inside
    if not location or inside.is_absolute() or ".." in inside.parts or folder not in target.resolve().parents:
        raise ModelRefused(f"{path} wants its weights from {location!r}, which is not in its folder.")
    if not target.is_file():
        raise ModelRefused(f"{path} wants its weights from {location}, which is not beside it.")
    return str(inside)


_TRIAL = 64
"""Sides of the picture that a graph is tried on, where it leaves them free, in pixels."""


def _tried(path: Path) -> Tensor | None:
    """What a graph takes and gives, by running it; None when it is not from one picture to one picture."""
    import numpy as np
    import onnxruntime as ort

    quiet = ort.SessionOptions()
    quiet.log_severity_level = 3
    try:
        session = ort.InferenceSession(str(path), quiet, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelRefused(f"{path} cannot be run by onnxruntime: {error}") from None
    inputs = session.get_inputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[1] not in (1, 3, 4):
        return None
    shape = [size if isinstance(size, int) else free for size, free in zip(inputs[0].shape, (1, 3, _TRIAL, _TRIAL))]
    grey = np.full(shape, 0.5, np.float16 if "float16" in inputs[0].type else np.float32)
    try:
        made: Any = session.run(None, {inputs[0].name: grey})[0]
    except Exception as error:
        raise ModelRefused(f"{path} fails on a picture of {shape[3]}x{shape[2]}: {error}") from None
    if made.ndim != 4 or made.shape[2] % shape[2]:
        return None
    return Tensor(
        channels=(shape[1], made.shape[1]),
        scale=made.shape[2] // shape[2],
        side=inputs[0].shape[2] if isinstance(inputs[0].shape[2], int) else None,
    )
