"""Sound -> what an acoustic model hears at each step: an emission matrix, by any CTC model as ONNX.

wav2vec2 and its kin as they are exported: samples at 16 kHz in, (1, samples) float32; logits out, (1, steps, tokens).
Beside the model lies `vocab.json`, and perhaps the `config.json` and `preprocessor_config.json` it came with.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cinemill.errors import MissingModel, ModelRefused
from cinemill.media.mono import RATE, Samples

_WINDOW, _CONTEXT = 20 * RATE, 2 * RATE
"""Samples that are taken from a run of the model, and those around that it hears as well."""


@dataclass(frozen=True, slots=True)
class Heard:
    """`emissions`: (steps, tokens) float32, natural logarithms of probabilities; a step lasts `step_ms`."""

    emissions: NDArray[Any]
    step_ms: float
    vocabulary: dict[str, int]
    blank: int


def heard(samples: Samples, model: Path) -> Heard:
    """What `model` hears. Long sound is heard in windows that overlap. Raises MissingModel, ModelRefused."""
    vocabulary = _record(model.with_name("vocab.json"), needed=True)
    if not all(isinstance(token, int) for token in vocabulary.values()):
        raise ModelRefused(f"{model.with_name('vocab.json')} does not give each token a number.")
    opened = session(model)
    even = _record(model.with_name("preprocessor_config.json")).get("do_normalize", True)
    pieces: list[NDArray[Any]] = []
    hop = 0
    for start in range(0, max(1, len(samples)), _WINDOW):
        before = min(start, _CONTEXT)
        run = samples[start - before : start + _WINDOW + _CONTEXT].astype(np.float32) / 32768
        if even and len(run):
            run = (run - run.mean()) / np.sqrt(run.var() + 1e-7)
        found = _run(opened, run, model)
        hop = hop or round(len(run) / max(1, len(found)))
        pieces.append(found[before // hop :][: -(-min(_WINDOW, len(samples) - start) // hop)])
    logits = np.concatenate(pieces)
    logits -= logits.max(axis=1, keepdims=True)
    emissions = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    blank = _record(model.with_name("config.json")).get("pad_token_id", vocabulary.get("<pad>", 0))
    return Heard(emissions, hop * 1000 / RATE, vocabulary, int(blank))


def _record(path: Path, needed: bool = False) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if needed:
            raise MissingModel(f"{path} is not there; a CTC model comes with its vocabulary.") from None
        return {}
    except (OSError, ValueError) as error:
        raise ModelRefused(f"{path} cannot be read: {error}.") from None
    if not isinstance(record, dict):
        raise ModelRefused(f"{path} is no record.")
    return record


def session(model: Path) -> Any:
    """The model, ready to run. Raises MissingModel, ModelRefused."""
    import onnxruntime

    if not model.is_file():
        raise MissingModel(f"{model} is not there.")
    try:
        return onnxruntime.InferenceSession(str(model), providers=onnxruntime.get_available_providers())
    except Exception as error:  # onnxruntime's errors have no common base
        raise ModelRefused(f"{model} is no ONNX model: {str(error).splitlines()[0]}") from None


def _run(session: Any, samples: NDArray[Any], model: Path) -> NDArray[Any]:
    """Logits, (steps, tokens)."""
    try:
        (logits, *_) = session.run(None, {session.get_inputs()[0].name: samples[None].astype(np.float32)})
    except Exception as error:
        raise ModelRefused(f"{model} does not take samples as (1, n): {str(error).splitlines()[0]}") from None
    if np.ndim(logits) != 3 or len(logits) != 1:
        raise ModelRefused(f"{model} gives {np.shape(logits)} and not (1, steps, tokens).")
    return np.asarray(logits[0], np.float32)
