"""More pixels by a network: Real-ESRGAN and its family, SwinIR, and whatever else spandrel knows or ONNX holds.

Networks enlarge by a whole number that they were trained for; another factor is reached from there, by averaging down
or Lanczos' kernel up. Frame by frame, so that what a network invents may shimmer; the Compact ones do it least.
Compact of 64 channels and 16 layers, 320x240 to 1280x960: 2 frames/s on two cores by onnxruntime.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cinemill.catalogue import Field, Weights
from cinemill.errors import InvalidParams
from cinemill.filters import stream_filter
from cinemill.filters.model import PICTURES, Runs, check_progressive, pictured, session_for, through

if TYPE_CHECKING:
    from cinemill.media.types import Frame
    from cinemill.models.session import Floats
    from cinemill.models.tiles import Tiler

_PAIRED, _PARTNER = "realesr-general-x4v3", "realesr-general-wdn-x4v3"
"""The network that keeps noise low, and the one of the same build that leaves it in."""


class Upscale(Runs):
    model: Weights = _PAIRED
    """A name of `cinemill models list`, or a file: .safetensors, .pth or .onnx."""
    scale: float | None = Field(None, gt=0, le=16)
    """How many times as wide and high the picture gets. Left out, what the model was made for."""
    denoise_strength: float | None = Field(None, ge=0, le=1)
    """For realesr-general-x4v3: 1 takes out all noise and 0 leaves it, by mixing in its wdn sibling's weights."""

    @property
    def models(self) -> tuple[str, ...]:
        """The model, and the one that is mixed in."""
        partner = _partner(self)
        return (self.model, partner[0]) if partner else (self.model,)


def _check(p: Upscale, frame: Frame) -> None:
    check_progressive(p, frame)
    _tiler(p)


@stream_filter("upscale.model", halo=(0, 0), accepts=PICTURES, check=_check, default=True)
def upscale(frames: Iterator[Frame], p: Upscale) -> Iterator[Frame]:
    """Enlarge the picture with a neural network."""
    tiler = _tiler(p)
    for frame, made in through(frames, tiler):
        yield pictured(frame, made if p.scale is None else _resized(made, frame, p.scale))


def _tiler(p: Upscale) -> Tiler:
    from cinemill.models.tiles import Tiler

    session = session_for(p.model, p, _partner(p))
    if (session.contract.inputs, session.contract.outputs) != (3, 3):
        raise InvalidParams(f"{p.model} does not take and give red, green and blue; it is no upscaler.")
    return Tiler(session, p.tile, p.batch)


def _partner(p: Upscale) -> tuple[str, float] | None:
    if p.denoise_strength is None or p.denoise_strength == 1:
        return None
    path = Path(p.model)
    if path.stem != _PAIRED:
        raise InvalidParams(f"denoise_strength is for {_PAIRED}, which has a sibling to mix with; {p.model} has none.")
    return (_PARTNER if p.model == _PAIRED else str(path.with_stem(_PARTNER))), p.denoise_strength


def _resized(made: Floats, frame: Frame, scale: float) -> Floats:
    """(3, h, w) resized to `scale` times the frame, in even numbers where the frame's are."""
    import cv2
    import numpy as np

    width, height = (_even(length, scale) for length in (frame.width, frame.height))
    if made.shape[1:] == (height, width):
        return made
    smaller = height <= made.shape[1] and width <= made.shape[2]
    kernel = cv2.INTER_AREA if smaller else cv2.INTER_LANCZOS4
    return np.stack([cv2.resize(plane, (width, height), interpolation=kernel) for plane in made])


def _even(length: int, scale: float) -> int:
    return max(1, round(length * scale)) if length % 2 else max(2, 2 * round(length * scale / 2))
