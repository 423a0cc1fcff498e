"""A trained network -> an ONNX file in 8 bits that onnxruntime runs on any processor, checked against torch.

Convolutions and what is between them take and give 8-bit numbers, each channel's weights with a scale of its own; those
whose sums are the picture do not: a step of theirs would be seen. The ranges are taken from clips that were not
learned from.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal, cast

import numpy as np
import torch
from torch import nn

from cinemill.errors import InvalidParams
from cinemill.learn import tasks
from cinemill.learn.recipes import Recipe
from cinemill.models import convert

Precision = Literal["auto", "int8", "fp16", "fp32"]
_GIVEN, _MADE = "given", "made"
_OPSET: Final = 18
_UNSEEN: Final = 1_000_000
"""Number of the first clip that no recipe learns from."""
_CALIBRATED: Final = 48
_EXACT: Final = 1e-4
"""Largest difference between torch and ONNX before weights are made coarser."""
_CHEAP: Final = 0.1
"""Decibels that 8 bits may cost."""


def export(net: nn.Module, recipe: Recipe, path: Path) -> float:
    """Write `net` to `path` in 8 bits; gives back by how many decibels that makes it worse on clips it never saw.

    Raises InvalidParams when a weight is no number, or ONNX does not say what torch says.
    """
    return written(net, *unseen(recipe), path, "int8").lost


@dataclass(frozen=True)
class Written:
    """How a network was written: the largest difference between torch and ONNX in full precision, and the decibels that
    coarser weights cost.
    """

    precision: Precision
    apart: float
    lost: float


def written(net: nn.Module, given: Any, wanted: Any, path: Path, precision: Precision) -> Written:
    """Write `net` to `path`, and compare on examples (count, channels, height, width) of what it will see.

    `auto` takes 8 bits where they cost no more than a tenth of a decibel. Raises InvalidParams when a weight is no
    number, or ONNX does not say what torch says.
    """
    if not all(bool(torch.isfinite(value).all()) for value in net.state_dict().values()):
        raise InvalidParams("the network has weights that are not numbers; train it anew, at a lower rate.")
    with TemporaryDirectory(prefix="cinemill-") as folder:
        whole = Path(folder, "whole.onnx")
        _written(net, given, whole)
        apart = _check(net, given, whole)
        if precision in ("auto", "int8"):
            coarse = Path(folder, "coarse.onnx")
            _quantised(whole, given, coarse)
            lost = _decibels(run(whole, given), wanted) - _decibels(run(coarse, given), wanted)
            if precision == "int8" or lost <= _CHEAP:
                shutil.copyfile(coarse, path)
                return Written("int8", apart, lost)
        if precision == "fp16":
            half = convert.halved(whole)
            shutil.copyfile(half, path)
            return Written("fp16", apart, _decibels(run(whole, given), wanted) - _decibels(run(half, given), wanted))
        shutil.copyfile(whole, path)
    return Written("fp32", apart, 0.0)


def _quantised(whole: Path, given: Any, path: Path) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    plain = whole.with_name("plain.onnx")
    quant_pre_process(str(whole), str(plain), skip_symbolic_shape=True)
    quantize_static(
        str(plain),
        str(path),
        cast(CalibrationDataReader, _Examples(given)),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        op_types_to_quantize=["Conv", "Clip", "Add", "DepthToSpace"],
        nodes_to_exclude=_kept(plain),
    )


def _kept(path: Path) -> list[str]:
    """The nodes that stay as they are: convolutions that end in a picture, and what is not between others."""
    import onnx

    graph = onnx.load(path).graph
    held = {node.input[0] for node in graph.node if node.op_type == "Clip"}
    all_ = {node.name: node.output[0] in held for node in graph.node if node.op_type == "Conv"}
    after = _reached(graph.node, set(all_), lambda node: (node.input, node.output))
    before = _reached(reversed(graph.node), set(all_), lambda node: (node.output, node.input))
    inner = {name for name, is_held in all_.items() if is_held}
    return [node.name for node in graph.node if node.name not in inner | (after & before - set(all_))]


def _reached(nodes: Iterable[Any], starts: set[str], ends: Callable[[Any], tuple[Any, Any]]) -> set[str]:
    """The nodes that something of `starts` flows into; `ends` gives what flows in and what flows on."""
    values: set[str] = set()
    reached: set[str] = set()
    for node in nodes:
        given, onward = ends(node)
        if values.intersection(given):
            reached.add(node.name)
        if node.name in starts or node.name in reached:
            values.update(onward)
    return reached


def unseen(recipe: Recipe) -> tuple[Any, Any]:
    """Examples from clips that no recipe learns from: what is given, and what should come out."""
    task = tasks.TASKS[recipe.task](recipe)
    rng = np.random.default_rng(_UNSEEN)
    clips = (tasks.clip(recipe, _UNSEEN + number) for number in range(_CALIBRATED))
    given, wanted = zip(*(task.example(rng, clip) for clip in clips))
    return np.stack(given), np.stack(wanted)


def run(path: Path, given: Any) -> Any:
    """What the network in an ONNX file makes of an array."""
    import onnxruntime

    session: Any = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: given})[0]


def _written(net: nn.Module, given: Any, path: Path) -> None:
    # Lines and columns come in fours, as networks of this kind halve them twice.
    free = {0: torch.export.Dim("pictures"), 2: 4 * torch.export.Dim("lines"), 3: 4 * torch.export.Dim("columns")}
    with warnings.catch_warnings(action="ignore"):  # torch's, about torch
        torch.onnx.export(
            net.eval(),
            # Of one example torch would take it that there is never another.
            (torch.from_numpy(np.resize(given, (2, *given.shape[1:]))),),
            str(path),
            input_names=[_GIVEN],
            output_names=[_MADE],
            dynamic_shapes=(free,),
            opset_version=_OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )


@torch.inference_mode()
def _check(net: nn.Module, given: Any, path: Path) -> float:
    apart = float(np.abs(net(torch.from_numpy(given)).numpy() - run(path, given)).max())
    if not apart < _EXACT:
        raise InvalidParams(f"ONNX differs from torch by up to {apart:.2g}; {_EXACT:g} is allowed.")
    return apart


def _decibels(made: Any, wanted: Any) -> float:
    errors = np.square(made - wanted).mean((1, 2, 3))
    return float(-10 * np.log10(errors + 1e-6).mean())


class _Examples:
    """Hands examples to the calibrator, a few at a time."""

    def __init__(self, given: Any) -> None:
        self._rest: Iterator[Any] = iter(np.array_split(given, 6))

    def get_next(self) -> dict[str, Any] | None:
        part = next(self._rest, None)
        return None if part is None else {_GIVEN: part}
