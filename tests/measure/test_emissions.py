"""An acoustic model as ONNX tells what is heard, however long the sound is, and an alignment comes of it."""

from __future__ import annotations

import json
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cinemill.errors import MissingModel, ModelRefused
from cinemill.jobs import run as jobs
from cinemill.measure import emissions
from cinemill.media.cues import files
from cinemill.media.cues.types import Cue, Word
from cinemill.operations import recognise
from cinemill.surfaces import forms

STEP = 320
LETTERS = "абвгд"
VOCABULARY = {"<pad>": 0, "|": 1, **{letter: 2 + n for n, letter in enumerate(LETTERS)}}


def tone(token: int, steps: int) -> np.ndarray:
    """A token as a tone of its own; the pad is silence."""
    return np.sin(2 * np.pi * 50 * (4 + 3 * token) * np.arange(steps * STEP) / 16_000) * (token > 0)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A net that hears tones: as many samples a step as wav2vec2, a logit for each token by its tone's energy."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    at = np.arange(STEP) / 16_000
    waves = [f(2 * np.pi * 50 * (4 + 3 * t) * at) * (t > 0) for f in (np.sin, np.cos) for t in range(len(VOCABULARY))]
    kernels = (np.array(waves)[:, None] / STEP).astype(np.float32)
    tokens = len(VOCABULARY)
    nodes = [
        helper.make_node("Unsqueeze", ["samples", "one"], ["wide"]),
        helper.make_node("Conv", ["wide", "kernels"], ["both"], strides=[STEP]),
        helper.make_node("Mul", ["both", "both"], ["squares"]),
        helper.make_node("Split", ["squares"], ["a", "b"], axis=1, num_outputs=2),
        helper.make_node("Add", ["a", "b"], ["energy"]),
        helper.make_node("Mul", ["energy", "loud"], ["scaled"]),
        helper.make_node("Add", ["scaled", "bias"], ["shifted"]),
        helper.make_node("Transpose", ["shifted"], ["logits"], perm=[0, 2, 1]),
    ]
    bias = np.zeros((1, tokens, 1), np.float32)
    bias[0, 0] = 2.0
    stored = {"one": np.array([1]), "kernels": kernels, "loud": np.array(40.0, np.float32), "bias": bias}
    graph = helper.make_graph(
        nodes,
        "tones",
        [helper.make_tensor_value_info("samples", TensorProto.FLOAT, [1, "n"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, "steps", tokens])],
        [numpy_helper.from_array(value, name) for name, value in stored.items()],
    )
    folder = tmp_path_factory.mktemp("ctc")
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(made, folder / "tones.onnx")
    (folder / "vocab.json").write_text(json.dumps(VOCABULARY))
    return folder / "tones.onnx"


def said(words: list[str], gap: int = 20) -> tuple[np.ndarray, list[int]]:
    """The words as tones, 5 steps a letter, and when each begins in ms."""
    runs, starts, clock = list[np.ndarray](), list[int](), 0
    for word in words:
        runs.append(tone(0, gap))
        clock += gap
        starts.append(clock * 20)
        for letter in word:
            runs += [tone(VOCABULARY[letter], 5), tone(0, 1)]
            clock += 6
    return (np.concatenate([*runs, tone(0, gap)]) * 12_000).astype(np.int16), starts


def test_windows_join_without_a_seam(model: Path) -> None:
    samples, _ = said(["абв", "гд"] * 45)
    assert len(samples) > 45 * 16_000
    found = emissions.heard(samples, model)
    assert found.step_ms == 20
    assert found.emissions.shape == (len(samples) // STEP, len(VOCABULARY))
    heard = found.emissions.argmax(axis=1)
    runs = [int(one) for n, one in enumerate(heard) if one and (n == 0 or heard[n - 1] != one)]
    assert runs == [VOCABULARY[letter] for letter in "абвгд" * 45]


def test_another_language_is_aligned_by_its_model(model: Path, tmp_path: Path) -> None:
    words = ["абв", "гд", "дабг"] * 20
    samples, starts = said(words)
    with wave.open(str(tmp_path / "said.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(samples.tobytes())
    (tmp_path / "said.txt").write_text("Абв, гд — дабг.\n" * 20)
    asked = {"text": str(tmp_path / "said.txt"), "model": str(model), "language": "ru", "cues": "lines"}
    list(jobs.run(forms.request("align", [tmp_path / "said.wav"], tmp_path / "said.json", asked)))
    done = [word for word in files.read(tmp_path / "said.json").transcript.words() if word.text != "—"]
    assert len(done) == len(words)
    assert max(abs(word.start - start) for word, start in zip(done, starts)) <= 40


def test_letters_come_with_their_times(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["абв", "гд", "дабг"]
    samples, starts = said(words)

    class Knowing(recognise.PocketSphinx):
        def hear(self, samples: Any, language: str | None) -> list[recognise.Heard]:
            heard = (Word("Абв,", 0, 300), Word("гд", 300, 600), Word("дабг.", 600, 900))
            return [recognise.Heard((Cue(0, 900, ("Абв, гд дабг.",), None, heard),), "ru") for _ in samples]

    monkeypatch.setattr(recognise, "PocketSphinx", Knowing)
    with wave.open(str(tmp_path / "said.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(samples.tobytes())
    asked = {"engine": "pocketsphinx", "align_model": str(model), "return_char_alignments": True, "vad_method": "none"}
    list(jobs.run(forms.request("subtitle", [tmp_path / "said.wav"], tmp_path / "said.json", asked)))
    (segment,) = json.loads((tmp_path / "said.json").read_text("utf-8"))["segments"]
    assert "".join(char["char"] for char in segment["chars"]) == "Абв, гд дабг."
    timed = [char for char in segment["chars"] if "start" in char]
    due = [start + 120 * n for word, start in zip(words, starts) for n in range(len(word))]
    assert [round(1000 * char["start"]) for char in timed] == pytest.approx(due, abs=40)
    assert all(char["end"] > char["start"] and char["score"] > 0 for char in timed)
    back = [letter.text for word in files.read(tmp_path / "said.json").transcript.words() for letter in word.letters]
    assert back == list("Абвгддабг")


def test_models_that_are_none_are_refused(model: Path, tmp_path: Path) -> None:
    samples = np.zeros(16_000, np.int16)
    with pytest.raises(MissingModel, match="vocabulary"):
        emissions.heard(samples, tmp_path / "no.onnx")
    (tmp_path / "vocab.json").write_text(json.dumps(VOCABULARY))
    with pytest.raises(MissingModel, match="not there"):
        emissions.heard(samples, tmp_path / "no.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelRefused, match="no ONNX model"):
        emissions.heard(samples, tmp_path / "bad.onnx")
