"""Our own small networks, in the wheel: each made by a recipe of `learn/`, Apache-2.0, below 1 MB."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from cinemill.errors import MissingModel


@lru_cache
def network(name: str) -> Callable[[Any], Any]:
    """A network by its name, as a function of one array; made to be called from several threads at once.

    Each call stays in its thread: pictures side by side are faster than one picture by all cores. Raises MissingModel.
    """
    import onnxruntime

    path = Path(__file__).with_name(f"{name}.onnx")
    if not path.is_file():
        raise MissingModel(f"network {name} is not part of this installation; install cinemill anew.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0].name
    return lambda array: session.run(None, {given: array})[0]
