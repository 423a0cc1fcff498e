"""An ONNX file of one of our networks -> the network in torch again, to go on learning from where it is.

What it is for and how large it is are seen from its weights. Those that were written in 8 bits come back as what these
bits mean.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from cinemill.errors import ModelRefused, OpenFailed
from cinemill.learn import nets

_BY_INPUTS: Final[dict[int, tuple[str, type[Any]]]] = {
    1: ("upscaling", nets.Upscaler),
    3: ("pictures in colour", nets.Painter),
    4: ("denoising", nets.Denoiser),
    5: ("deinterlacing at once", nets.Deinterlacer),
    8: ("deinterlacing at a second look", nets.Refiner),
    12: ("deinterlacing along the motion", nets.Follower),
}
"""What a network is for, as people are told, by the channels that it takes."""


def purpose(kind: type[nn.Module]) -> str:
    """What a kind of network is for."""
    return next(told for told, one in _BY_INPUTS.values() if one is kind)


def network_of(path: Path) -> nn.Module:
    """The network in a file. Raises OpenFailed, and ModelRefused for one that is none of ours."""
    values = _values(path)
    try:
        width, inputs = values["body.head.0.weight"].shape[:2]
        deep = values["body.down.0.weight"].shape[0]
        depth = sum(name.startswith("body.inner.") and name.endswith(".weight") for name in values)
        _, kind = _BY_INPUTS[inputs]
        net = kind(width, deep, depth)
        # Ones that no step changes are not written.
        net.load_state_dict({name: torch.tensor(values[name]) for name in net.state_dict()})
    except (KeyError, RuntimeError) as error:
        raise ModelRefused(
            f"{path} is no network that cinemill made ({error}); only such can go on learning."
        ) from None
    return net


def _values(path: Path) -> dict[str, Any]:
    """Every weight by its name, as float32."""
    import onnx
    from onnx import numpy_helper

    try:
        tensors = onnx.load(str(path)).graph.initializer
    except Exception as error:  # of protobuf, whose kinds are its own affair
        raise OpenFailed(f"{path} is not an ONNX file: {error}") from None
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in tensors}
    values = {name: value for name, value in found.items() if value.dtype == np.float32}
    values |= {name: value.astype(np.float32) for name, value in found.items() if value.dtype == np.float16}
    for name, coarse in found.items():
        plain = name.removesuffix("_quantized")
        if plain != name:
            scale = found.get(f"{name}_scale", found.get(f"{plain}_scale"))
            assert scale is not None
            steps = scale.reshape(-1, *[1] * (coarse.ndim - 1))
            values[plain] = coarse.astype(np.float32) * steps
    return values
