"""A network that is ready to run, as a function from pictures to pictures; and how one is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from numpy.typing import NDArray

Floats: TypeAlias = "NDArray[Any]"
"""float32"""
Backend = Literal["auto", "onnx", "torch", "compiled"]
Precision = Literal["auto", "fp32", "fp16", "bf16"]
WEIGHTS = (".safetensors", ".pth", ".pt", ".ckpt", ".bin", ".th")
"""Suffixes of files that torch reads."""


@dataclass(frozen=True)
class Contract:
    """What pictures a network takes and gives.

    Height and width must be at least `minimum` and a multiple of `multiple_of`, or just `size` where that is set.
    Tiles have to begin at multiples of `align`, from where windows and strides are counted, and to see `overlap`
    pixels beyond what they answer for. `inputs` and `outputs` are channels.
    """

    scale: int = 1
    inputs: int = 3
    outputs: int = 3
    multiple_of: int = 1
    minimum: int = 1
    align: int = 1
    overlap: int = 32
    size: tuple[int, int] | None = None


class Session(Protocol):
    """A network that is ready to run."""

    @property
    def contract(self) -> Contract: ...
    @property
    def runs_on(self) -> str:
        """Library, device and precision, for people: `torch on cuda:0 in fp16`."""
        ...

    @property
    def why(self) -> str:
        """Half a sentence: why there and not elsewhere."""
        ...

    def run(self, pictures: Floats) -> Floats:
        """(N, inputs, H, W) float32, nominally 0 to 1, to (N, outputs, scale H, scale W). Raises OutOfMemory."""
        ...

    def room(self) -> int:
        """How many pixels of input, over all pictures of a run, the free memory of the device has room for."""
        ...

    def batches(self) -> bool:
        """Whether several pictures at once are faster than one after another."""
        ...


@dataclass(frozen=True)
class Wanted:
    """A model and how it is to run. `partner`: weights to mix in, and the share of the model's own."""

    path: Path
    backend: Backend = "auto"
    device: str = "auto"
    precision: Precision = "auto"
    partner: tuple[Path, float] | None = None
