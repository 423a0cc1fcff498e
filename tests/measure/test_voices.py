"""Vectors of voices become turns: as many speakers as there are, in order; models of all kinds are asked right."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cinemill.errors import MissingModel, ModelRefused
from cinemill.measure import segmentation, voiceprints, voices
from cinemill.measure.voices import Stretch

ALIKE = 0.69


def crowd(speakers: int, seed: int, noise: float = 0.35) -> tuple[list[Stretch], np.ndarray, list[int]]:
    """Stretches of people who speak in turn, with vectors that scatter around each one's own."""
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(speakers, 64))
    own /= np.linalg.norm(own, axis=1, keepdims=True)
    regions, said, clock = list[tuple[int, int]](), list[int](), 500
    for turn in range(6 * speakers):
        length = int(rng.integers(3000, 8000))
        regions.append((clock, clock + length))
        said += [turn % speakers] * max(1, round(length / voices.STEP_MS))
        clock += length + 500
    parts = voices.stretches(regions)
    vectors = own[said] + noise * rng.normal(size=(len(said), 64)) / 8
    return parts, (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), said


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.integers(0, 1000))
def test_as_many_speakers_are_found_as_there_are(speakers: int, seed: int) -> None:
    parts, vectors, _ = crowd(speakers, seed)
    turns, known = voices.turns(parts, vectors, ALIKE)
    assert len(known) == speakers
    assert len(turns) == 6 * speakers
    assert [turn.speaker for turn in turns] == [f"speaker {n % speakers + 1}" for n in range(6 * speakers)]
    assert all(a.end <= b.start for a, b in pairwise(turns))


def test_bounds_hold_whatever_the_voices_say() -> None:
    parts, vectors, _ = crowd(4, 1)
    assert len(voices.turns(parts, vectors, ALIKE, most=2)[1]) == 2
    assert len(voices.turns(*crowd(1, 1)[:2], ALIKE, least=3)[1]) >= 1
    assert len(voices.turns(parts, vectors, ALIKE, least=4, most=4)[1]) == 4


def test_a_cough_is_nobody_new() -> None:
    parts, vectors, _ = crowd(2, 3)
    vectors[10] = np.eye(64)[0]
    turns, known = voices.turns(parts, vectors, ALIKE)
    assert len(known) == 2
    assert len(turns) == 12


def test_stretches_cover_speech_and_hear_only_it() -> None:
    parts = voices.stretches([(100, 250), (1000, 5000)])
    assert parts[0] == Stretch((100, 250), (100, 250))
    assert [part.own[0] for part in parts[1:]] == list(range(1000, 5000, 400))
    assert all(1000 <= part.heard[0] < part.heard[1] <= 5000 for part in parts[1:])


def test_many_vectors_are_joined_in_blocks() -> None:
    rng = np.random.default_rng(5)
    own = np.eye(3, 32)
    said = rng.integers(0, 3, 4000)
    vectors = own[said] + rng.normal(size=(4000, 32)) / 20
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    groups = voices.grouped(vectors, 0.6)
    assert groups.max() == 2
    assert all(len(set(groups[said == number])) == 1 for number in range(3))


def test_nobody_speaks_in_nothing() -> None:
    assert voices.turns([], np.zeros((0, 4), np.float32), ALIKE) == ([], {})


def test_a_voice_is_known_or_a_stranger() -> None:
    known = {"anna": np.array([1.0, 0.0]), "ben": np.array([0.0, 1.0])}
    assert voices.matched(np.array([0.8, 0.6]), known, 0.7) == ("anna", 0.8)
    assert voices.matched(np.array([0.8, 0.6]), known, 0.9)[0] is None
    assert voices.matched(np.array([1.0, 0.0]), {}, 0.5) == (None, 0.0)


def model(path: Path, inputs: list[int | str], node: str) -> Path:
    """A tiny ONNX model: the mean over frames of mel bands, or a set of speakers by how loud the sound is."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, inputs)
    nodes, constants = list[object](), list[object]()
    if node == "mean":
        nodes.append(helper.make_node("ReduceMean", ["x"], ["m"], axes=[1], keepdims=0))
        nodes.append(helper.make_node("Abs", ["x"], ["a"]))
        nodes.append(helper.make_node("ReduceMean", ["a"], ["y"], axes=[1], keepdims=0))
        out = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    else:
        # Frames of 160 samples: |x| pooled, then seven scores of which 0 wins in silence, 1 when soft, 2 when loud.
        nodes.append(helper.make_node("Abs", ["x"], ["a"]))
        nodes.append(helper.make_node("AveragePool", ["a"], ["p"], kernel_shape=[160], strides=[160]))
        nodes.append(helper.make_node("Transpose", ["p"], ["t"], perm=[0, 2, 1]))
        nodes.append(helper.make_node("MatMul", ["t", "w"], ["s"]))
        nodes.append(helper.make_node("Add", ["s", "b"], ["y"]))
        constants.append(helper.make_tensor("w", TensorProto.FLOAT, [1, 7], [0, 10, 30, 0, 0, 0, 0]))
        constants.append(helper.make_tensor("b", TensorProto.FLOAT, [7], [0, -0.1, -4.1, -9, -9, -9, -9]))
        out = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", [given], [out], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9), path)
    return path


def test_a_model_of_voices_gets_mel_bands_and_gives_vectors(tmp_path: Path) -> None:
    path = model(tmp_path / "voice.onnx", [1, "frames", 80], "mean")
    samples = (np.random.default_rng(1).normal(size=32000) * 3000).astype(np.int16)
    vectors = voiceprints.heard(samples, [(0, 16000), (16000, 32000), (0, 10), (5, 5)], path)
    assert vectors.shape == (4, 80)
    assert np.allclose(np.linalg.norm(vectors[:2], axis=1), 1, atol=1e-5)
    with pytest.raises(MissingModel):
        voiceprints.heard(samples, [(0, 16000)], tmp_path / "none.onnx")
    wrong = model(tmp_path / "wrong.onnx", [1, 1, "n"], "segments")
    with pytest.raises(ModelRefused, match="80"):
        voiceprints.heard(samples, [(0, 16000)], wrong)


def test_mel_bands_are_kaldis() -> None:
    """Levels of a tone of 1 kHz, which lies in band 28 of 80 from 20 Hz to 8 kHz on Kaldi's scale."""
    tone = (8000 * np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)).astype(np.int16)
    bands = voiceprints.filterbank(tone)
    assert bands.shape == (98, 80)
    assert set(bands.argmax(axis=1)) == {27}


def test_who_speaks_in_ten_seconds_becomes_who_speaks_at_all(tmp_path: Path) -> None:
    path = model(tmp_path / "segments.onnx", [1, 1, "n"], "segments")
    rng = np.random.default_rng(2)
    loudness = np.repeat([0, 2000, 0, 12000, 0, 2000], [16000, 96000, 16000, 112000, 16000, 80000])
    samples = (rng.choice([-1, 1], len(loudness)) * loudness).astype(np.int16)
    found = list(segmentation.local(np.array_split(samples, 7), path))
    assert [one.start for one in found] == [0, 5000, 10000, 15000]
    assert all(len(one.alone(0)) >= 8000 for one in found if one.speaks[:, 0].sum() > 60)
    sure = segmentation.together(found, [{0: 0, 1: 1, 2: 2} for _ in found], 21000)
    turns = [(turn.start, turn.end, turn.speaker) for turn in segmentation.turns(sure)]
    assert [who for _, _, who in turns] == ["speaker 1", "speaker 2", "speaker 1"]
    for (start, end, _), (begins, ends) in zip(turns, [(1000, 7000), (8000, 15000), (16000, 21000)]):
        assert abs(start - begins) <= 40
        assert abs(end - ends) <= 40
    with pytest.raises(ModelRefused, match="7"):
        list(segmentation.local([samples], model(tmp_path / "voice.onnx", [1, "frames", "n"], "mean")))
