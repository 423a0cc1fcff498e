"""Weights that spandrel knows, run by torch: on NVIDIA and AMD (cuda), Apple (mps), or the processor.

spandrel recognises the architecture by the names and shapes of the weights. Pickles are read by torch's own
`weights_only` reader, which builds tensors and nothing else.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from math import lcm
from pathlib import Path
from typing import Any

import numpy as np

from cinemill.errors import InvalidParams, MissingResource, OpenFailed, OutOfMemory
from cinemill.models import memory
from cinemill.models.session import Contract, Floats, Wanted
from cinemill.notices import tell

_ALIGN = {"SCUNet": 64, "DAT": 32, "SRFormer": 48}
"""Where tiles may begin, where 16 will not do: windows of attention, and strides, are counted from the corner."""
_OVERLAP = {"SCUNet": 64, "NAFNet": 64, "DRUNet": 64}
"""Pixels that a tile must see beyond its own, where 32 are too few: nets that look at the picture at an eighth."""
_PROBE = 64
"""Side of the picture that memory is measured on."""
_SHARE = 0.6
"""Part of the free memory that is counted on; allocators waste some, and others take some."""


def torch() -> Any:
    """The torch module. Raises MissingResource when it is not installed."""
    # Its threads wait for one another by turning in circles, which on cores that are shared takes ten times as long as
    # the work. Read when the library is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        import torch
    except ImportError as error:
        raise MissingResource(
            f"this model needs torch, which cannot be loaded ({error}); `pip install 'cinemill[torch]'` installs it."
        ) from None
    return torch


@lru_cache(maxsize=1)
def spandrel() -> Any:
    """The spandrel module, with the architectures of spandrel_extra_arches where that is installed."""
    torch()
    _make_torchvision_load()
    try:
        import spandrel
    except ImportError as error:
        raise MissingResource(
            f"this model needs spandrel, which cannot be loaded ({error}); `pip install 'cinemill[torch]'` installs it."
        ) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch, about how architectures are written
            import spandrel_extra_arches  # pyright: ignore[reportMissingTypeStubs]

            spandrel_extra_arches.install(ignore_duplicates=True)
    except ImportError:
        pass
    return spandrel


_declared: list[Any] = []


def _make_torchvision_load() -> None:
    """torchvision built for CUDA does not load beside torch for processors: two operations that it describes are
    missing. Once they are declared it loads, and spandrel uses neither."""
    try:
        importlib.import_module("torchvision")
    except ImportError:
        return
    except RuntimeError:
        library = torch().library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _declared.append(library)  # what it declares goes with it


def weights(path: Path) -> dict[str, Any]:
    """The tensors of a file by name, on the processor. Raises OpenFailed."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        return torch().load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise OpenFailed(f"{path} cannot be read: {error}.") from None
    except Exception as error:
        said = next(iter(str(error).splitlines()), type(error).__name__)
        raise OpenFailed(f"{path} is not a file of weights, or holds more than weights: {said}") from None


def load(path: Path, partner: tuple[Path, float] | None = None) -> Any:
    """spandrel's descriptor of the model in a file, on the processor, ready to run.

    `partner`: another file of the same architecture and the share of the first in their mixture (deep network
    interpolation, X. Wang et al., 2019). Raises OpenFailed, MissingResource.
    """
    known = spandrel()
    values = known.canonicalize_state_dict(weights(path))
    if partner is not None:
        other = known.canonicalize_state_dict(weights(partner[0]))
        values = _mixed(values, other, partner[1], partner[0])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch, about how architectures are written
            descriptor = known.ModelLoader().load_from_state_dict(values)
    except Exception as error:
        said = next(iter(str(error).splitlines()), type(error).__name__)
        raise OpenFailed(f"{path} holds weights of no architecture that spandrel knows: {said}{_more()}") from None
    descriptor.model.eval().requires_grad_(False)
    return descriptor


def _more() -> str:
    """What would let spandrel know more, where that is not here."""
    if importlib.util.find_spec("spandrel_extra_arches"):
        return ""
    return (
        " CodeFormer, DDColor and some others, of which several are for research only, need "
        "`pip install spandrel_extra_arches`."
    )


def _mixed(ours: dict[str, Any], theirs: dict[str, Any], share: float, path: Path) -> dict[str, Any]:
    if {k: v.shape for k, v in ours.items()} != {k: v.shape for k, v in theirs.items()}:
        raise OpenFailed(f"{path} is not of the architecture that it is to be mixed with.")
    return {name: share * value + (1 - share) * theirs[name] for name, value in ours.items()}


def device_for(asked: str) -> tuple[str, str]:
    """The device to run on, in torch's words, and why. Raises InvalidParams when the one asked for is not here."""
    module = torch()
    there = {"cuda": module.cuda.is_available(), "mps": module.backends.mps.is_available(), "cpu": True}
    if asked == "auto":
        found = next(name for name, is_there in there.items() if is_there)
        return found, "the fastest device that torch finds here" if found != "cpu" else "torch finds no GPU here"
    kind, _, number = asked.partition(":")
    if kind not in there:
        raise InvalidParams(f"device={asked}: torch knows cpu, cuda, cuda:1 and so on, and mps.")
    count = module.cuda.device_count() if kind == "cuda" else 1
    if not there[kind] or (number and not (number.isdigit() and int(number) < count)):
        usable = ", ".join(name for name, is_there in there.items() if is_there)
        raise InvalidParams(f"device={asked}: torch does not find it here; there is {usable}.")
    return asked, "asked for"


def precision_for(wanted: Wanted, device: str, half: bool, bfloat16: bool) -> Any:
    """torch's type of number. bf16 has 8 bits of precision, fewer than a picture, so it is never chosen by itself."""
    module = torch()
    if wanted.precision == "auto":
        return module.float16 if half and device != "cpu" else module.float32
    if wanted.precision == "fp16" and (device == "cpu" or not half):
        problem = "needs a GPU" if device == "cpu" else "overflows in this architecture"
        raise InvalidParams(f"precision=fp16 {problem}; choose auto or fp32.")
    if wanted.precision == "bf16" and not bfloat16:
        raise InvalidParams("precision=bf16 does not work in this architecture; choose auto or fp32.")
    return {"fp32": module.float32, "fp16": module.float16, "bf16": module.bfloat16}[wanted.precision]


def placed(wanted: Wanted, half: bool, bfloat16: bool, beside: bool = False) -> Place:
    """Where a network that is no session runs, and in what; which is told. Raises InvalidParams."""
    device, why = device_for(wanted.device)
    place = Place(device, precision_for(wanted, device, half, bfloat16), beside)
    tell(f"{wanted.path.name} runs by torch on {place}: {why}.")
    return place


def _names(dtype: Any) -> str:
    return {"torch.float32": "fp32", "torch.float16": "fp16", "torch.bfloat16": "bf16"}[str(dtype)]


def open(path: Path, wanted: Wanted, why: str, compile: bool = False) -> TorchSession:
    """A session over an image-to-image model. Raises RequestError, MissingResource, OpenFailed."""
    descriptor = load(path, wanted.partner)
    if not isinstance(descriptor, spandrel().ImageModelDescriptor):
        raise InvalidParams(
            f"{path.name} ({descriptor.architecture.name}) needs a mask with each picture; use inpaint."
        )
    device, reason = device_for(wanted.device)
    dtype = precision_for(wanted, device, descriptor.supports_half, descriptor.supports_bfloat16)
    contract = contract_of(descriptor)
    return TorchSession(descriptor.model, contract, Place(device, dtype), f"{why}; {reason}", compile=compile)


def contract_of(descriptor: Any) -> Contract:
    """spandrel's facts; for DRUNet the network's own, whose fourth channel is the level of noise."""
    needs, kind = descriptor.size_requirements, descriptor.architecture.id
    inputs = descriptor.input_channels + (1 if kind == "DRUNet" else 0)
    # spandrel's call of DDColor takes and gives other things than the module does.
    inputs, outputs = (3, 2) if kind == "DDColor" else (inputs, descriptor.output_channels)
    return Contract(
        scale=descriptor.scale,
        inputs=inputs,
        outputs=outputs,
        multiple_of=lcm(needs.multiple_of, 8 if kind in ("SwinIR", "Swin2SR") else 1),
        minimum=max(1, needs.minimum),
        align=_ALIGN.get(kind, 16),
        overlap=_OVERLAP.get(kind, 32),
    )


@dataclass(frozen=True)
class Place:
    """A device and a type of number, in torch's words; `beside`: whether the channels of a pixel lie side by side.

    That is faster on all devices, and not every architecture bears it.
    """

    device: str
    dtype: Any
    beside: bool = False

    def __str__(self) -> str:
        return f"{self.device} in {_names(self.dtype)}"

    @property
    def _order(self) -> Any:
        return torch().channels_last if self.beside else torch().contiguous_format

    def move(self, module: Any) -> Any:
        """A module there."""
        for parameter in module.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=self._order)
        return module.to(self.device, self.dtype)

    def put(self, array: Floats) -> Any:
        """Pictures (N, C, H, W) there."""
        return torch().from_numpy(array).to(self.device, self.dtype, memory_format=self._order)

    def free(self) -> int:
        """Bytes of memory that a computation may take there."""
        if not self.device.startswith("cuda"):
            return memory.free()
        cuda = torch().cuda
        kept = cuda.memory_reserved(self.device) - cuda.memory_allocated(self.device)
        return cuda.mem_get_info(self.device)[0] + kept


class TorchSession:
    """A torch module as a Session. `call` is how it is called; left out, with the pictures alone."""

    def __init__(
        self,
        module: Any,
        contract: Contract,
        place: Place,
        why: str,
        call: Callable[[Any, Any], Any] | None = None,
        compile: bool = False,
    ) -> None:
        _use_all_cores()
        self.contract = contract
        self.place = replace(place, beside=True)
        self.why = why
        self.module = self.place.move(module)
        self._call = call or _plainly
        self._fast: Any = None
        if compile:
            from cinemill.models.compiled import Compiled

            self._fast = Compiled(self.module)
        self._bytes: float | None = None

    @property
    def runs_on(self) -> str:
        return f"torch{' (compiled)' if self._fast and not self._fast.refusal else ''} on {self.place}"

    def run(self, pictures: Floats) -> Floats:
        try:
            return self._computed(pictures)
        except RuntimeError:
            if not self.place.beside:
                raise
            self.place = replace(self.place, beside=False)
            self.module = self.place.move(self.module)
            return self._computed(pictures)

    def _computed(self, pictures: Floats) -> Floats:
        with within_memory(self.place):
            made = self._call(self._fast or self.module, self.place.put(pictures))
            return made.float().cpu().contiguous().numpy()

    def batches(self) -> bool:
        return self.place.device != "cpu"

    def room(self) -> int:
        if self._bytes is None:
            self._bytes = self._measured()
        return int(_SHARE * self.place.free() / self._bytes)

    def _measured(self) -> float:
        """Bytes that a pixel of input takes at most, by what the layers give on a small picture."""
        contract = self.contract
        side = -(-max(_PROBE, contract.minimum) // contract.multiple_of) * contract.multiple_of
        largest = contract.outputs * contract.scale**2 * side * side

        def look(_module: Any, given: Any, made: Any) -> None:
            nonlocal largest
            sizes = [x.numel() for x in (*given, made) if hasattr(x, "numel")]
            largest = max(largest, sum(sizes))

        hooks = [layer.register_forward_hook(look) for layer in self.module.modules() if not list(layer.children())]
        try:
            self.run(np.zeros((1, contract.inputs, side, side), np.float32))
        finally:
            for hook in hooks:
                hook.remove()
        # A layer's input and output are there at once, and mostly something that was kept for later.
        return 1.5 * largest * self.place.dtype.itemsize / (side * side)


def _plainly(module: Any, pictures: Any) -> Any:
    return module(pictures)


@contextmanager
def within_memory(place: Place) -> Generator[None]:
    """Inference, with what torch raises for want of memory as OutOfMemory."""
    try:
        with torch().inference_mode():
            yield
    except Exception as error:
        if not _is_memory(error):
            raise
        if place.device.startswith("cuda"):
            torch().cuda.empty_cache()
        raise OutOfMemory(f"{place.device} has not enough memory.", device=place.device) from None


def _is_memory(error: BaseException) -> bool:
    # Only CUDA has a class for it; the allocators of processors and of mps raise RuntimeError.
    if isinstance(error, torch().OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(
        words in str(error) for words in ("DefaultCPUAllocator", "MPS backend out of memory")
    )


@lru_cache(maxsize=1)
def _use_all_cores() -> None:
    from cinemill.hardware import cores

    torch().set_num_threads(cores())
