"""Another frame rate with pictures in between that a network makes: RIFE.

Better than `interpolate.flow` where things move far, turn or uncover ground, and slower. At cuts and over long gaps
frames are shown again; frames that lie on a tick of the new rate keep their bits. The clock is that of `fps`.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from cinemill.catalogue import Weights
from cinemill.errors import InvalidParams
from cinemill.filters import stream_filter
from cinemill.filters.fps import Fps
from cinemill.filters.interpolate import Between, resampled
from cinemill.filters.model import PICTURES, Device, check_progressive, pictured, values
from cinemill.models.session import Precision

if TYPE_CHECKING:
    from cinemill.measure.motion import Motion
    from cinemill.media.types import Frame
    from cinemill.models.rife import Rife
    from cinemill.models.session import Floats


class RifeParams(Fps):
    model: Weights = "rife-4.26"
    """A name of `cinemill models list`, or a file: .safetensors or .pkl of RIFE 4.25 or 4.26."""
    shrink: Literal[1, 2, 4] = 1
    """By how much the picture is made smaller to look for motion: 2 for 4K, where things move further."""
    device: Device = "auto"
    precision: Precision = "auto"
    """fp32, fp16 or bf16. auto is fp16 on GPUs."""


def _rate(p: RifeParams, rate: Fraction) -> Fraction:
    return p.rate


def _check(p: RifeParams, frame: Frame) -> None:
    check_progressive(p, frame)
    _network(p)


@stream_filter("interpolate.rife", halo=(1, 1), accepts=PICTURES, rate=_rate, check=_check)
def rife(frames: Iterator[Frame], p: RifeParams) -> Iterator[Frame]:
    """Change the frame rate, with new pictures made by the RIFE network."""
    from cinemill.measure.motion import Motion

    motion, network = Motion(), _network(p)
    last: list[Floats] = []

    def between(first: Frame, second: Frame) -> _Between:
        # The very same array lets the network keep what it saw of it.
        ours = last.pop() if last else values(first)
        last.append(values(second))
        return _Between(first, second, motion, network, (ours, last[0]))

    return resampled(frames, p.rate, between)


class _Between(Between):
    def __init__(
        self, first: Frame, second: Frame, motion: Motion, network: Rife, pictures: tuple[Floats, Floats]
    ) -> None:
        super().__init__(first, second, motion)
        self._network = network
        self._pictures = pictures

    def made(self, share: float) -> Frame:
        (picture,) = self._network.between(*self._pictures, [share])
        return pictured(self.first, picture)


def _network(p: RifeParams) -> Rife:
    from cinemill.models import torch_backend
    from cinemill.models.session import Wanted
    from cinemill.models.sessions import located

    path = located(p.model)
    if path.suffix == ".onnx":
        raise InvalidParams(f"model={p.model}: RIFE runs from its torch files here; give the .safetensors file.")
    torch_backend.torch()
    from cinemill.models.rife import Rife

    wanted = Wanted(path, device=p.device, precision=p.precision)
    return Rife(path, torch_backend.placed(wanted, half=True, bfloat16=True, beside=True), 1 / p.shrink)
