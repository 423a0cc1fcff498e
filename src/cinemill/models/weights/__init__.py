"""Our own small networks, in the wheel: each made by a recipe of `learn/`, Apache-2.0, below 1 MB."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from cinemill.errors import InvalidParams, MissingModel, OpenFailed
from cinemill.kept import kept

_AT_ONCE = 1 << 22
"""Samples of a picture that a network sees at a time. All of 8K would take several GB for each core."""
_BEYOND = 32
"""Lines around a band that what is made of it depends on: the deepest of our networks reaches 30 far."""


def network(name: str, own: str | None = None) -> Callable[[Any], Any]:
    """A network by its name, as a function of one array; made to be called from several threads at once.

    `own` is one of the user's instead, a name of the store or a file. Each call stays in its thread: pictures side by
    side are faster than one picture by all cores. Raises MissingModel, UnknownName, OpenFailed.
    """
    if own is None:
        return partial(_in_bands, _opened(located(name)))
    from cinemill.models import sessions

    return _opened(sessions.located(own))


def _in_bands(network: Callable[[Any], Any], given: Any) -> Any:
    """What a network makes of (n, channels, lines, columns), of a large picture band by band: the same numbers."""
    import numpy as np

    lines, columns = given.shape[2:]
    high = max(4, _AT_ONCE // columns // 4 * 4)
    if lines <= high:
        return network(given)
    bands: list[Any] = []
    for top in range(0, lines, high):
        first, end = max(0, top - _BEYOND), min(lines, top + high + _BEYOND)
        made = network(given[:, :, first:end])
        scale = made.shape[2] // (end - first)
        bands.append(made[:, :, scale * (top - first) : scale * (min(top + high, lines) - first)])
    return np.concatenate(bands, 2)


def located(name: str) -> Path:
    """The file of one of ours. Raises MissingModel."""
    path = Path(__file__).with_name(f"{name}.onnx")
    if not path.is_file():
        raise MissingModel(f"network {name} is not part of this installation; install cinemill anew.")
    return path


@kept(16)
def _opened(path: Path) -> Callable[[Any], Any]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own kinds
        raise OpenFailed(f"{path} cannot be run by onnxruntime: {error}") from None
    given = session.get_inputs()[0].name
    return lambda array: session.run(None, {given: array})[0]


def refuse_others(network: Callable[[Any], Any], given: Any, made: tuple[int, ...], what: str) -> None:
    """Refuse a network that does not turn an array like `given` into one of shape `made`. Raises InvalidParams."""
    try:
        shape = tuple(network(given).shape)
    except Exception as error:  # onnxruntime's own kinds
        raise InvalidParams(f"{what} is not a network for this: {' '.join(str(error).split())}") from None
    if shape != made:
        raise InvalidParams(f"{what} is not a network for this: of {given.shape} it makes {shape} and not {made}.")
