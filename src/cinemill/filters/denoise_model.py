"""Noise out of single pictures by a network: SCUNet for noise of all kinds, DRUNet for a level that is given, NAFNet.

Each frame by itself, so that what is left of the noise moves; `denoise.mc` looks at neighbours and is the better choice
where the picture moves little. Sources: SCUNet, K. Zhang et al., 2022; DRUNet, K. Zhang et al., 2021; NAFNet,
L. Chen et al., 2022.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cinemill.catalogue import Field, Weights
from cinemill.errors import InvalidParams
from cinemill.filters import stream_filter
from cinemill.filters.model import PICTURES, Runs, changed, check_progressive, pictured, session_for, through, values

if TYPE_CHECKING:
    from cinemill.media.types import Frame
    from cinemill.models.session import Floats
    from cinemill.models.tiles import Tiler

_LEVEL = 15.0


class DenoiseModel(Runs):
    model: Weights = "scunet-psnr"
    """A name of `cinemill models list`, or a file: .safetensors, .pth or .onnx."""
    strength: float = Field(1.0, ge=0, le=1)
    """How far the network's picture replaces the frame. 0 leaves it as it is."""
    level: float | None = Field(None, ge=0, le=100)
    """Standard deviation of the noise in code values of 255, for models that are told it (DRUNet; 15 if left out)."""


def _check(p: DenoiseModel, frame: Frame) -> None:
    check_progressive(p, frame)
    _tiler(p)


@stream_filter("denoise.model", halo=(0, 0), accepts=PICTURES, check=_check)
def denoise(frames: Iterator[Frame], p: DenoiseModel) -> Iterator[Frame]:
    """Take noise out of each picture with a neural network."""
    import numpy as np

    tiler = _tiler(p)
    is_told = tiler.session.contract.inputs == 4
    level = np.float32((_LEVEL if p.level is None else p.level) / 255)

    def given(frame: Frame) -> Floats:
        picture = values(frame)
        return np.concatenate([picture, np.full_like(picture[:1], level)]) if is_told else picture

    for frame, made in through(frames, tiler, given):
        if p.strength == 1:
            yield pictured(frame, made)
        else:
            own = values(frame)
            yield changed(frame, own, own * np.float32(1 - p.strength) + made * np.float32(p.strength))


def _tiler(p: DenoiseModel) -> Tiler:
    from cinemill.models.tiles import Tiler

    session = session_for(p.model, p)
    contract = session.contract
    if contract.scale != 1 or contract.inputs not in (3, 4) or contract.outputs != 3:
        raise InvalidParams(f"{p.model} does not give a picture of the size that it takes; it is no denoiser.")
    if p.level is not None and contract.inputs != 4:
        raise InvalidParams(f"level={p.level:g}: {p.model} finds the level of the noise itself; leave it out.")
    return Tiler(session, p.tile, p.batch)
