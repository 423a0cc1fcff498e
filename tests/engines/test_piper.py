"""Piper: voices are files in a folder; the real package runs one that the test makes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cinemill.engines import engines, install, piper
from cinemill.engines.host import Host
from cinemill.errors import InvalidParams, UnknownName
from cinemill.jobs import run as jobs
from cinemill.media import read
from cinemill.media.cues import files
from cinemill.operations import speakers, voice_list
from cinemill.operations.speakers import SpeechOptions
from cinemill.surfaces import forms
from command import Cinemill
from installed import engine

FAKE = Path(__file__).with_name("fake_voice.py")
RATE, SAMPLES = 16_000, 1600


def facts(code: str, speakers: dict[str, int] | None = None) -> dict[str, Any]:
    letters = {letter: [number] for number, letter in enumerate("_^$ abcdefghijklmnopqrstuvwxyz.,!?")}
    return {
        "audio": {"sample_rate": RATE, "quality": "tiny"},
        "espeak": {"voice": code.partition("_")[0]},
        "language": {"code": code},
        "phoneme_type": "text",
        "phoneme_id_map": letters,
        "num_symbols": len(letters),
        "num_speakers": max(1, len(speakers or {})),
        "speaker_id_map": speakers or {},
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three voices as far as their descriptions go, and two files that are none."""
    place = tmp_path / "voices"
    (place / "more").mkdir(parents=True)
    told = {
        "en_US-amy-low": facts("en_US"),
        "en_GB-alan-low": facts("en_GB"),
        "more/de_DE-many-low": facts("de_DE", {"anna": 0, "bert": 1}),
    }
    for name, record in told.items():
        (place / f"{name}.onnx").write_bytes(b"")
        (place / f"{name}.onnx.json").write_text(json.dumps(record))
    (place / "alone.onnx").write_bytes(b"")
    (place / "odd.onnx").write_bytes(b"")
    (place / "odd.onnx.json").write_text("[]")
    return place


def test_voices_are_those_of_the_folder(folder: Path, tmp_path: Path) -> None:
    voice = speakers.Piper(SpeechOptions(weights=folder)).voice
    assert voice(None, "en-GB") == "en_GB-alan-low"
    assert voice(None, "en") in ("en_GB-alan-low", "en_US-amy-low")
    assert voice("alloy", "de") == "de_DE-many-low"
    assert voice("de_DE-many-low#bert", "de") == "de_DE-many-low#bert"
    with pytest.raises(UnknownName, match="no voice of piper"):
        voice("nobody", "en")
    with pytest.raises(UnknownName, match="speaker of de_DE-many-low"):
        voice("de_DE-many-low#carl", "de")
    with pytest.raises(InvalidParams, match="speaks fr"):
        voice(None, "fr")
    with pytest.raises(InvalidParams, match=r"NAME\.onnx\.json"):
        speakers.Piper(SpeechOptions(weights=tmp_path / "none")).voice(None, "en")


def test_a_text_is_spoken_by_the_fake_in_its_place(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host("piper", [sys.executable, str(FAKE), "none", "1"])
    monkeypatch.setitem(install._hosts, "piper", host)
    monkeypatch.setattr(install, "command", lambda engine: [sys.executable])
    (tmp_path / "text.txt").write_text("Please open the window.")
    asked = {"engine": "piper", "weights": str(folder), "captions": "json", "verify": "none"}
    result = list(jobs.run(forms.request("narrate", [tmp_path / "text.txt"], tmp_path / "out.wav", asked)))[-1].result  # type: ignore[attr-defined]
    host.stop()
    assert result["engine"] == "piper"
    assert next(files.read(tmp_path / "out.json").transcript.words()).text == "Please"


def test_voices_are_listed(folder: Path, tmp_path: Path) -> None:
    listed = voice_list.voices(folder=folder)
    assert {one.engine for one in listed} == {"espeak", "kokoro", "piper", "chatterbox"}
    german = voice_list.voices(language="de", folder=folder)
    assert {"de", "f1", "de_DE-many-low#anna", "default"} <= {one.voice for one in german}
    assert all(one.language in ("", "de", "de-DE") for one in german)
    assert len([one for one in listed if one.engine == "kokoro"]) == 54
    cinemill = Cinemill(tmp_path, tmp_path / "home")
    told = cinemill("voices", "--engine", "piper", "--folder", folder)
    assert "not installed: cinemill engines install piper" in told.out
    assert "en_US-amy-low" in told.out
    rows = json.loads(cinemill("voices", "--language", "pt-BR", "--json").out)
    assert {"pt-br", "pf_dora"} <= {row["voice"] for row in rows}
    assert cinemill("voices", "--engine", "nobody").code == 2


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with engine("piper", tmp_path_factory) as folder:
        yield folder


def hums(path: Path) -> None:
    """A voice as Piper's are exported, that hums a tenth of a second for each sign, as loud as its number."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    wave = np.sin(2 * np.pi * 200 * np.arange(SAMPLES) / RATE).astype(np.float32)[None] / 40
    nodes = [
        helper.make_node("Cast", ["input"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["numbers", "tall"], ["column"]),
        helper.make_node("MatMul", ["column", "wave"], ["rows"]),
        helper.make_node("Reshape", ["rows", "flat"], ["output"]),
    ]
    stored = {"tall": np.array([-1, 1]), "wave": wave, "flat": np.array([1, 1, 1, -1])}
    inputs = [
        helper.make_tensor_value_info("input", TensorProto.INT64, [1, "n"]),
        helper.make_tensor_value_info("input_lengths", TensorProto.INT64, [1]),
        helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
    ]
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, 1, "samples"])
    graph = helper.make_graph(
        nodes, "hums", inputs, [output], [numpy_helper.from_array(value, name) for name, value in stored.items()]
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)


@pytest.mark.slow
@pytest.mark.network
def test_the_real_piper_speaks_with_a_voice_of_a_folder(installed: Path, tmp_path: Path) -> None:
    hums(tmp_path / "hum.onnx")
    (tmp_path / "hum.onnx.json").write_text(json.dumps(facts("en_US")))
    (tmp_path / "text.txt").write_text("abc abc.")
    asked = {"engine": "piper", "weights": str(tmp_path), "captions": "none", "verify": "none", "loudness": "none"}
    request = forms.request("narrate", [tmp_path / "text.txt"], tmp_path / "out.wav", asked)
    list(jobs.run(request))
    seconds = float(read.probe(tmp_path / "out.wav").duration or 0)
    assert 0.3 < seconds < 4
    assert piper.voices(tmp_path)["hum"].rate == RATE
    assert "piper" in install.examine(engines.get("piper"))["detail"]
