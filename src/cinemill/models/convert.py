"""torch's weights -> an ONNX file of free sizes, in 32-bit, 16-bit or 8-bit numbers, compared with the original.

A file appears under its name when it has run, on pictures of several sizes, and gave what torch gives.
"""

from __future__ import annotations

import logging
import tempfile
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from math import lcm, log10
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cinemill.errors import CinemillError, InvalidParams, MissingResource, ModelRefused, OutputRefused
from cinemill.models import onnx_backend, registry, store, torch_backend
from cinemill.models.session import Contract, Floats, Session, Wanted

Numbers = Literal["fp32", "fp16", "int8"]
SUFFIXES: dict[Numbers, str] = {"fp32": ".onnx", "fp16": ".fp16.onnx", "int8": ".int8.onnx"}
"""What is put after the name of the weights."""
OPSET = 17
_LEAST_PSNR: dict[Numbers, float] = {"fp32": 80.0, "fp16": 40.0, "int8": 20.0}
"""dB, of 0 to 1; what is worse is not the same network any more."""
_SIDES = ((64, 96), (80, 64))
"""Height and width of the pictures that are compared, in pixels, before they are made to fit. None is square: a size
that was written into the graph while it was made shows."""
_SMALL = (32, 48)
"""The same where every number of a network is looked at, for all of them are kept: RRDB needs gigabytes at 64x96."""
_RUNS = 5
"""In turns, so that what else the machine does hits both."""
_LONG = 20.0
"""Seconds after which large networks are compared on fewer pictures, and timed less often."""


@dataclass(frozen=True)
class Comparison:
    """How a file does beside the weights it was made of. Times are the best of five, or of what 20 s allow."""

    max_error: float
    """Of samples from 0 to 1, over all pictures."""
    psnr: float
    """dB over all pictures; 150 at most."""
    pictures: int
    size: tuple[int, int]
    """Width and height of the pictures that were timed, in pixels."""
    torch_seconds: float
    onnx_seconds: float


@dataclass(frozen=True)
class Conversion(Comparison):
    """A file that was made."""

    model: str
    output: Path
    numbers: Numbers
    bytes_before: int
    bytes_after: int


def convert(
    source: Path,
    output: Path,
    pictures: Sequence[Floats],
    numbers: Numbers = "fp32",
    calibration: Sequence[Floats] = (),
    overwrite: bool = False,
) -> Conversion:
    """Write `source`, weights that spandrel knows, as the ONNX file `output`, and compare the two on `pictures`.

    Pictures are (3, H, W) float32, 0 to 1; `calibration` are such as the model will see, for int8.
    Raises InvalidParams, OutputRefused, OpenFailed, MissingResource, ModelRefused when the result is not the same.
    """
    _check(output, numbers, pictures, calibration, overwrite)
    with _silence():
        descriptor = torch_backend.load(source)
    contract = _fixed(descriptor)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".convert-") as room:
        made = Path(room) / "plain.onnx"
        compared = _exported(descriptor, contract, made, source, pictures if numbers == "fp32" else pictures[:2])
        if numbers != "fp32":
            if numbers == "fp16":
                _check_reach(made, contract, pictures)
            made = halved(made) if numbers == "fp16" else _quantised(made, contract, calibration)
            _annotate(made, contract, source, numbers)
            compared = _compared(source, made, contract, pictures)
        if not compared.psnr >= _LEAST_PSNR[numbers]:  # also when it is not a number
            raise ModelRefused(
                f"{source.name} in {numbers} gives other pictures than in torch ({compared.psnr:.1f} dB, "
                f"largest error {compared.max_error:.2g}); nothing was written."
            )
        size = made.stat().st_size
        made.replace(output)
    return Conversion(
        **vars(compared),
        model=source.name,
        output=output,
        numbers=numbers,
        bytes_before=source.stat().st_size,
        bytes_after=size,
    )


def convert_all(
    pictures: Sequence[Floats],
    numbers: Numbers = "fp32",
    calibration: Sequence[Floats] = (),
    folder: Path | None = None,
    overwrite: bool = False,
) -> Iterator[Conversion | CinemillError]:
    """Every model that is here and that spandrel knows, one after the other; what cannot be converted says why.

    The results lie beside the weights, where sessions look for them, or in `folder`, under the models' names.
    """
    for model in registry.models().values():
        if model.loader == "spandrel" and store.is_here(model):
            source = store.path(model.name)
            output = folder / f"{model.name}{SUFFIXES[numbers]}" if folder else beside(source, numbers)
            try:
                yield convert(source, output, pictures, numbers, calibration, overwrite)
            except CinemillError as error:
                yield error


def beside(source: Path, numbers: Numbers) -> Path:
    """Where the ONNX file of weights is looked for."""
    return source.with_suffix(SUFFIXES[numbers])


def _check(
    output: Path, numbers: Numbers, pictures: Sequence[Floats], calibration: Sequence[Floats], overwrite: bool
) -> None:
    if output.suffix != ".onnx":
        raise InvalidParams(f"the output {output} must end in .onnx.")
    if output.exists() and not overwrite:
        raise OutputRefused(f"{output} exists; --overwrite replaces it.")
    if numbers == "int8" and not calibration:
        raise InvalidParams("8-bit numbers need pictures such as the model will see, to know their range.")
    if not pictures:
        raise InvalidParams("a conversion is compared with its original on at least one picture.")
    if find_spec("onnx") is None:
        raise MissingResource("converting needs onnx; `pip install 'cinemill[torch]'` installs it.")


def _fixed(descriptor: Any) -> Contract:
    """The contract of the graph: padding that a network does by itself is a constant in it, so sizes must need none."""
    contract = torch_backend.contract_of(descriptor)
    step = lcm(contract.multiple_of, contract.align, descriptor.size_requirements.multiple_of)
    least = -(-max(contract.minimum, step) // step) * step
    return Contract(contract.scale, contract.inputs, contract.outputs, step, least, contract.align, contract.overlap)


def _exported(descriptor: Any, contract: Contract, made: Path, source: Path, pictures: Sequence[Floats]) -> Comparison:
    """The network as a graph of 32-bit numbers, by the first of torch's two exporters whose graph is the network.

    Tracing takes a second or two, and keeps numbers that a network computes for itself: of pictures with SwinIR, which
    then takes one at a time. The other exporter knows some networks that tracing does not, and takes ten times as long.
    """
    refusals: list[str] = []
    for export in (_traced, _traced_for_one, _captured):
        try:
            export(descriptor.model, contract, made)
            _annotate(made, contract, source, "fp32")
            _check_batches(made, _cut(pictures[0], contract, *_SIDES[0]))
            compared = _compared(source, made, contract, pictures)
        except Exception as error:  # of torch, onnx or onnxruntime: what they cannot do they say in many classes
            refusals.append((str(error).splitlines() or [type(error).__name__])[0])
            continue
        if compared.psnr >= _LEAST_PSNR["fp32"]:
            return compared
        refusals.append(f"its pictures differ by up to {compared.max_error:.2g}")
    raise ModelRefused(f"{source.name} ({descriptor.architecture.name}) cannot be converted: {'; '.join(refusals)}.")


def _check_batches(made: Path, given: Floats) -> None:
    """Two pictures at once must give what each gives alone: a graph may hold how many there were when it was made."""
    session = onnx_backend.open(made, Wanted(made, device="cpu"), "")
    pair = [given, np.ascontiguousarray(given[..., ::-1])]
    apart = np.concatenate([session.run(one) for one in pair])
    error = float(np.abs(session.run(np.concatenate(pair)) - apart).max())
    if not error < 1e-5:
        raise ModelRefused(f"two pictures at once differ from each alone by up to {error:.2g}")


def _traced(model: Any, contract: Contract, made: Path, free: dict[int, str] | None = None) -> None:
    free = free or {0: "pictures", 2: "height", 3: "width"}
    with _silence():
        torch_backend.torch().onnx.export(
            model,
            (_example(contract, 1),),
            str(made),
            dynamo=False,
            opset_version=OPSET,
            input_names=["input"],
            output_names=["output"],
            dynamic_axes={"input": free, "output": {axis: f"{name}_out" for axis, name in free.items()}},
        )


def _traced_for_one(model: Any, contract: Contract, made: Path) -> None:
    _traced(model, contract, made, {2: "height", 3: "width"})


def _captured(model: Any, contract: Contract, made: Path) -> None:
    free = torch_backend.torch().export.Dim.DYNAMIC
    with _silence():
        torch_backend.torch().onnx.export(
            model,
            (_example(contract, 2),),
            str(made),
            dynamo=True,
            external_data=False,
            verbose=False,
            input_names=["input"],
            output_names=["output"],
            dynamic_shapes=({0: free, 2: free, 3: free},),
        )


@contextmanager
def _silence() -> Generator[None]:
    """Exporters warn of each shape that they look at, and of each other; what matters comes as an exception."""
    with warnings.catch_warnings(action="ignore"):
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)


def _example(contract: Contract, pictures: int) -> Any:
    """Not square: for a size that a network was trained on it may take another branch, which a trace would keep."""
    side = -(-64 // contract.minimum) * contract.minimum
    return torch_backend.torch().full((pictures, contract.inputs, side, side + contract.minimum), 0.5)


def _annotate(made: Path, contract: Contract, source: Path, numbers: Numbers) -> None:
    """Write into the file what sizes it takes, which `onnx_backend` reads, and what it was made of."""
    import onnx

    graph = onnx.load(str(made))
    facts = {
        "multiple_of": contract.multiple_of,
        "minimum": contract.minimum,
        "align": contract.align,
        "overlap": contract.overlap,
        "made_of": source.name,
        "numbers": numbers,
    }
    onnx.helper.set_model_props(graph, {key: str(value) for key, value in facts.items()})
    onnx.save(graph, str(made))


def _check_reach(plain: Path, contract: Contract, pictures: Sequence[Floats]) -> None:
    """Refuses a network whose numbers 16 bits cannot hold.

    The comparison would not show it: processors compute in 32 bits between 16-bit weights, and GPUs do not.
    """
    from onnxruntime.quantization.calibrate import create_calibrator

    largest = float(np.finfo(np.float16).max)
    with _silence():
        calibrator = create_calibrator(str(plain), augmented_model_path=str(plain.with_name("reach.onnx")))
        calibrator.collect_data(_reader(contract, pictures[:2], _SMALL))
        ranges: Any = calibrator.compute_data()
    for name, found in ranges.items():
        reach = max(float(np.abs(end).max()) for end in found.range_value)
        if not reach <= largest:
            raise ModelRefused(
                f"numbers in this network reach {reach:.3g} (at {name}), and 16 bits end at {largest:g}."
            )


def halved(plain: Path) -> Path:
    """16-bit numbers inside, 32-bit ones at both ends."""
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    made = plain.with_name("half.onnx")
    with _silence():
        onnx.save(convert_float_to_float16(onnx.load(str(plain)), keep_io_types=True), str(made))
    return made


def _quantised(plain: Path, contract: Contract, calibration: Sequence[Floats]) -> Path:
    """8-bit convolutions and matrix products, with ranges from the calibration pictures.

    The first and the last convolution keep 32 bits: they are small, and every error in them is seen.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_static

    convolutions = [node.name for node in onnx.load(str(plain)).graph.node if node.op_type == "Conv"]
    made = plain.with_name("integers.onnx")
    with _silence():
        quantize_static(
            str(plain),
            str(made),
            _reader(contract, calibration, _SIDES[0]),
            op_types_to_quantize=["Conv", "MatMul", "Gemm"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=[*convolutions[:1], *convolutions[-1:]],
        )
    return made


def _reader(contract: Contract, pictures: Sequence[Floats], sides: tuple[int, int]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Pictures(CalibrationDataReader):
        def __init__(self) -> None:
            self.left = iter([_cut(picture, contract, *sides) for picture in pictures])

        def get_next(self) -> Any:
            picture = next(self.left, None)
            return None if picture is None else {"input": picture}

    return Pictures()


def _compared(source: Path, made: Path, contract: Contract, pictures: Sequence[Floats]) -> Comparison:
    with _silence():
        ours = torch_backend.open(source, Wanted(source, device="cpu", precision="fp32"), "")
    theirs = onnx_backend.open(made, Wanted(made, device="cpu"), "")
    begun, errors = time.monotonic(), list[Floats]()
    for number, picture in enumerate(pictures):
        given = _cut(picture, contract, *_SIDES[number % len(_SIDES)])
        errors.append(_clipped(ours, given) - _clipped(theirs, given))
        if number and time.monotonic() - begun > _LONG:
            break
    begun, times = time.monotonic(), list[tuple[float, float]]()
    given = _cut(pictures[0], contract, *_SIDES[0])
    while len(times) < _RUNS and (not times or time.monotonic() - begun < _LONG):
        times.append((_timed(lambda: ours.run(given)), _timed(lambda: theirs.run(given))))
    square = sum(float((error.astype(np.float64) ** 2).sum()) for error in errors) / sum(e.size for e in errors)
    return Comparison(
        max(float(np.abs(error).max()) for error in errors),
        min(150.0, -10 * log10(max(square, 1e-15))) if np.isfinite(square) else float("nan"),
        len(errors),
        (given.shape[3], given.shape[2]),
        min(torch_seconds for torch_seconds, _ in times),
        min(onnx_seconds for _, onnx_seconds in times),
    )


def _clipped(session: Session, given: Floats) -> Floats:
    return np.clip(session.run(given), 0, 1)  # what is beyond black and white is clipped in every use


def _cut(picture: Floats, contract: Contract, height: int, width: int) -> Floats:
    """The middle of a picture, (1, inputs, H, W), of this size at most where the graph takes so little.

    Fourth channels, where a network has one, are a level of noise.
    """
    wanted = (min(most, have) for most, have in zip((height, width), picture.shape[1:]))
    sides = [max(contract.minimum, side // contract.multiple_of * contract.multiple_of) for side in wanted]
    grown = [max(0, side - have) for side, have in zip(sides, picture.shape[1:])]
    whole = np.pad(picture, ((0, 0), (0, grown[0]), (0, grown[1])), mode="reflect") if any(grown) else picture
    top, left = ((have - side) // 2 for side, have in zip(sides, whole.shape[1:]))
    middle = whole[:, top : top + sides[0], left : left + sides[1]]
    if contract.inputs == 1:
        middle = middle.mean(axis=0, keepdims=True)
    elif contract.inputs > len(middle):
        middle = np.concatenate([middle, np.full((1, *middle.shape[1:]), 15 / 255, np.float32)])
    return np.ascontiguousarray(middle[None], np.float32)


def _timed(run: Callable[[], object]) -> float:
    """Seconds."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
