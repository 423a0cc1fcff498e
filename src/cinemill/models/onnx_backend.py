"""ONNX files, run by onnxruntime on the first of its providers that passes a trial.

Being listed says little: a provider may lack its libraries, its driver or an operator, and onnxruntime then goes on
without it in silence. So each runs a tiny picture first, and why it was passed over is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from cinemill.errors import InvalidParams, OpenFailed, OutOfMemory
from cinemill.models import memory
from cinemill.models.session import Contract, Floats, Wanted
from cinemill.notices import tell
from cinemill.settings import settings

PROVIDERS = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "rocm": "MIGraphXExecutionProvider",
    "directml": "DmlExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
"""By the word for `device`, the fastest first."""
_TRIAL = 64
"""Side of the picture of a trial."""
_BYTES = 64 * 4 * 4
"""Guess at what a pixel takes: 64 channels of float32, four times over, and as much again for each pixel made of it."""
_SHARE = 0.6
_MULTIPLES = (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True)
class Trial:
    """What came of trying a provider; `refusal` is empty when it works."""

    device: str
    refusal: str


def available() -> list[str]:
    """The words of providers that this build of onnxruntime has."""
    import onnxruntime

    there = set(onnxruntime.get_available_providers())
    return [word for word, provider in PROVIDERS.items() if provider in there]


def open(path: Path, wanted: Wanted, why: str) -> OnnxSession:
    """A session over a network with one picture in and one out. Raises InvalidParams, OpenFailed, OutOfMemory."""
    if wanted.partner is not None:
        raise InvalidParams(f"{path.name} cannot be mixed with another model; that takes the files for torch.")
    if wanted.precision != "auto":
        raise InvalidParams(f"precision={wanted.precision}: an ONNX file has the precision it was written with.")
    return tried(path, wanted.device, lambda session, device: OnnxSession(session, device, path), why)


T = TypeVar("T")


def tried(path: Path, asked: str, use: Callable[[Any, str], T], why: str = "") -> T:
    """What `use` makes of onnxruntime's session on the first device on which it starts and `use` succeeds.

    `use` raises OpenFailed when its trial fails. Raises InvalidParams, OpenFailed with all reasons.
    """
    trials: list[Trial] = []
    for device in _candidates(asked):
        session = _started(path, device)
        if isinstance(session, str):
            trials.append(Trial(device, session))
            continue
        try:
            made = use(session, device)
        except OpenFailed as error:
            trials.append(Trial(device, error.sentence))
            continue
        if isinstance(made, OnnxSession):
            made.why = _reason(why, trials)
        else:
            tell(f"{path.name} runs by onnxruntime on {device}: {_reason('the model is an ONNX file', trials)}.")
        return made
    raise OpenFailed(f"{path} does not run: {'; '.join(f'{t.device}: {t.refusal}' for t in trials)}.")


def _candidates(asked: str) -> list[str]:
    there = available()
    if asked == "auto":
        return there
    kind = asked.partition(":")[0]
    fitting = ["tensorrt", "cuda"] if kind == "cuda" else [kind]
    if found := [word for word in fitting if word in there]:
        return found
    raise InvalidParams(f"device={asked}: this onnxruntime has {', '.join(there)}; choose one of them, or auto.")


def _reason(why: str, trials: list[Trial]) -> str:
    absent = [word for word in PROVIDERS if word not in available()]
    passed = [f"{trial.device} is not used: {trial.refusal}" for trial in trials]
    return "; ".join([why, *passed, f"this onnxruntime is built without {', '.join(absent)}" if absent else ""]).strip(
        "; "
    )


def _started(path: Path, device: str) -> Any:
    """onnxruntime's session, or why there is none."""
    import onnxruntime

    from cinemill.hardware import cores

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what matters comes as an exception
    options.intra_op_num_threads = cores()
    # Decoders and encoders share the cores; threads that wait in circles would take them from these.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if device == "directml":
        options.enable_mem_pattern = False
    provider = (PROVIDERS[device], _settings(device))
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=[provider])
    except Exception as error:
        return _first_line(error)
    if PROVIDERS[device] not in session.get_providers():
        return "onnxruntime went on without it; its libraries or driver are missing"
    return session


def _settings(device: str) -> dict[str, str]:
    if device != "tensorrt":
        return {}
    folder = settings().cache_dir / "tensorrt"
    folder.mkdir(parents=True, exist_ok=True)
    return {"trt_engine_cache_enable": "1", "trt_engine_cache_path": str(folder), "trt_fp16_enable": "1"}


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__).removesuffix(".")


class OnnxSession:
    """An onnxruntime session as a Session."""

    def __init__(self, session: Any, device: str, path: Path) -> None:
        self._session = session
        self._device = device
        self.why = ""
        first, *others = session.get_inputs()
        if len(first.shape) != 4 or others:
            told = ", ".join(f"{i.name} {i.shape}" for i in session.get_inputs())
            raise InvalidParams(f"{path.name} takes {told}, not one batch of pictures (N, C, H, W).")
        self._name = first.name
        self._dtype = np.float16 if first.type == "tensor(float16)" else np.float32
        self._one_by_one = isinstance(first.shape[0], int)
        self.contract = _contract(self._computed, first.shape, session.get_modelmeta().custom_metadata_map)

    @property
    def runs_on(self) -> str:
        return f"onnxruntime on {self._device}" + (" in fp16" if self._dtype == np.float16 else "")

    def run(self, pictures: Floats) -> Floats:
        if not self._one_by_one:
            return self._computed(pictures)
        return np.concatenate([self._computed(picture[None]) for picture in pictures])

    def batches(self) -> bool:
        return self._device != "cpu" and not self._one_by_one

    def room(self) -> int:
        return int(_SHARE * self._free() / (_BYTES * (1 + self.contract.scale**2)))

    def _free(self) -> int:
        from cinemill.hardware import gpus

        # onnxruntime does not tell; half of the device's memory is a start that halving corrects.
        sizes = [gpu.memory_mib for gpu in gpus() if gpu.memory_mib] if self._device != "cpu" else []
        return (max(sizes) << 19) if sizes else memory.free()

    def _computed(self, pictures: Floats) -> Floats:
        try:
            (made, *_) = self._session.run(None, {self._name: pictures.astype(self._dtype, copy=False)})
        except Exception as error:
            # onnxruntime has no class for it.
            if "alloc" in str(error).lower() and "memory" in str(error).lower():
                raise OutOfMemory(f"{self._device} has not enough memory.", device=self._device) from None
            raise
        return np.asarray(made, np.float32)


def _contract(run: Callable[[Floats], Floats], shape: list[Any], notes: dict[str, str]) -> Contract:
    """What the network takes: from its notes (`multiple_of`, `minimum`, `align`, `overlap`), and found by trial where
    these are silent."""
    channels, *sides = (side if isinstance(side, int) and side > 0 else None for side in shape[1:])
    inputs = channels or 3
    told = {key: int(notes[key]) for key in ("multiple_of", "minimum", "align", "overlap") if key in notes}
    if sides[0] and sides[1]:
        made = _tried(run, inputs, sides[0], sides[1])
        return Contract(made.shape[2] // sides[0], inputs, made.shape[1], size=(sides[0], sides[1]))
    side = max(_TRIAL, told.get("minimum", 1))
    side = -(-side // told.get("multiple_of", 1)) * told.get("multiple_of", 1)
    made = _tried(run, inputs, side, side)
    scale = made.shape[2] // side
    if "multiple_of" not in told:
        told["multiple_of"] = _multiple(run, inputs, side, scale)
    return replace(Contract(scale, inputs, made.shape[1]), **told)


def _tried(run: Callable[[Floats], Floats], channels: int, height: int, width: int) -> Floats:
    try:
        return run(np.full((1, channels, height, width), 0.5, np.float32))
    except OutOfMemory:
        raise
    except Exception as error:
        raise OpenFailed(f"a trial picture fails: {_first_line(error)}") from None


def _multiple(run: Callable[[Floats], Floats], channels: int, side: int, scale: int) -> int:
    """The smallest step of sizes that the network takes."""
    for step in _MULTIPLES:
        wide = side + step
        try:
            made = run(np.full((1, channels, wide, wide), 0.5, np.float32))
        except OutOfMemory:
            raise
        except Exception:
            continue
        if made.shape[2:] == (scale * wide, scale * wide):
            return step
    return _MULTIPLES[-1]
