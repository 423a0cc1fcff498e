"""The engine whisper, installed for real, with a tiny model: through the very code that runs a large one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cinemill import settings
from cinemill.engines import engines, install
from cinemill.engines.whisper import guard
from cinemill.errors import InvalidParams, MissingEngine, MissingModel
from cinemill.jobs import run as jobs
from cinemill.media.cues import files
from cinemill.operations import recognise, script, speaking
from cinemill.surfaces import forms
from faulty import Faulty
from installed import engine

ENGINE = engines.get("whisper")
SPEECH = Path(__file__).parents[1] / "speech"
TRUTH = json.loads((SPEECH / "ten.json").read_text())
MODEL = SPEECH / "tiny-whisper"
TINY: dict[str, Any] = {
    "model": str(MODEL),
    "suppress_tokens": "",
    "chunk_size": 4.5,
    "language": "en",
    "threads": 1,
    "compute_type": "float32",
}
"""It has learnt single sentences, letter by letter, and Whisper's own list would take its blanks away."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with engine("whisper", tmp_path_factory) as folder:
        yield folder


def subtitle(output: Path, **params: Any) -> dict[str, Any]:
    request = forms.request("subtitle", [SPEECH / "ten.ogg"], output, {"engine": "whisper", **TINY, **params})
    return list(jobs.run(request))[-1].result  # type: ignore[attr-defined]


def errors(said: list[str], heard: list[str]) -> float:
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        before, row = row, [i]
        for j, other in enumerate(heard, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (word != other)))
    return row[-1] / len(said)


@pytest.mark.skipif(not MODEL.is_dir(), reason="the tiny model is not here")
@pytest.mark.parametrize("batch", [1, 8])
def test_speech_becomes_text_one_by_one_and_in_batches(batch: int, installed: Path, tmp_path: Path) -> None:
    result = subtitle(tmp_path / "ten.json", batch_size=batch)
    words = list(files.read(tmp_path / "ten.json").transcript.words())
    assert errors(TRUTH["text"].split(), [word.text for word in words]) <= 0.1
    assert result["engine"] == "whisper"
    assert result["language"] == "en"
    subtitle(tmp_path / "ten.srt", batch_size=batch)
    lint = forms.request("lint-subtitles", [tmp_path / "ten.srt"], None, {"language": "en"})
    assert list(jobs.run(lint))[-1].result["findings"] == []


@pytest.mark.skipif(not MODEL.is_dir(), reason="the tiny model is not here")
def test_the_language_is_found_and_the_model_stays_loaded(installed: Path, tmp_path: Path) -> None:
    first = subtitle(tmp_path / "one.srt", language=None)
    life = install.warm("whisper")._life
    assert life
    subtitle(tmp_path / "two.srt", language=None)
    assert install.warm("whisper")._life is life
    assert first["language"] == "en"


@pytest.mark.skipif(not MODEL.is_dir(), reason="the tiny model is not here")
@pytest.mark.parametrize("fault", ["garble", "silence"])
def test_a_narration_is_listened_to_and_said_again(fault: str, installed: Path) -> None:
    """A real recogniser listens. It knows its sentences by heart, so that half of one is the whole to it."""
    asked = recognise.WhisperOptions(model=str(MODEL), suppress_tokens="", compute_type="float32", threads=1)
    ear = speaking.Recognised(recognise.Whisper(asked).ready())
    options = speaking.NarrationOptions(tries=2)
    speaker = Faulty(fault, 2)
    try:
        said = script.utterances("Please open the window and close the door.", "en", 280, 0, 0.7)
        (take,) = speaking.takes(said, options, speaker, "en", ear)
    finally:
        speaker.host.stop()
    assert take.tries == 2
    assert take.wer is not None
    assert take.wer <= 0.25
    speaker = Faulty(fault, 99)
    try:
        (take,) = speaking.takes(said, options, speaker, "en", ear)
    finally:
        speaker.host.stop()
    assert take.wer is not None
    assert take.wer > 0.25
    assert "not understood after 2 tries" in speaking.doubts([take], options)[0]


def test_a_model_that_is_not_here_is_not_fetched_unasked(installed: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingModel, match=r"small \(484 MB\) is not here; add --download"):
        subtitle(tmp_path / "ten.srt", model="small")


def test_without_a_model_pocketsphinx_listens_unless_one_is_named(
    installed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(recognise, "auto_model", lambda: "small")
    request = forms.request("subtitle", [SPEECH / "ten.ogg"], tmp_path / "out.srt", {})
    assert "PocketSphinx" in jobs.preview(request).notes[0]
    named = forms.request("subtitle", [SPEECH / "ten.ogg"], tmp_path / "out.srt", {"model": "small"})
    with pytest.raises(MissingModel):
        jobs.preview(named)


def test_without_the_engine_pocketsphinx_listens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CINEMILL_DATA_DIR", str(tmp_path / "none"))
    settings.settings.cache_clear()
    try:
        with pytest.raises(MissingEngine, match="engines install whisper"):
            subtitle(tmp_path / "ten.srt")
        shutil.copy(SPEECH / "ten.ogg", tmp_path)
        request = forms.request("subtitle", [tmp_path / "ten.ogg"], tmp_path / "out.srt", {})
        assert "PocketSphinx" in jobs.preview(request).notes[0]
    finally:
        settings.settings.cache_clear()


def segment(text: str = "x", probability: float = -0.2, ratio: float = 1.2, spoken: float = 5.0) -> dict[str, Any]:
    return {"avg_logprob": probability, "compression_ratio": ratio, "words": [[text, 0.0, spoken, 0.9]]}


@pytest.mark.parametrize(
    ("segments", "why"),
    [
        ([segment()], ""),
        ([], "nothing was heard"),
        ([segment(probability=-1.5)], "it is unlikely"),
        ([segment(), segment(ratio=3.0)], "it repeats itself"),
        ([segment(spoken=1.0)], "words are missing"),
    ],
)
def test_what_a_batch_lost_is_suspected(segments: list[dict[str, Any]], why: str) -> None:
    assert guard.suspect(segments, 10.0) == why


def test_segments_of_whisper_become_cues_with_blanks_where_they_stand() -> None:
    words = [[" Ask", 0.0, 0.5, 0.9], [" not", 0.5, 1.0, 0.8], ["!", 1.0, 1.1, 0.7]]
    (cue,) = recognise._of_segments([{"text": " Ask not!", "words": words}], "en").cues
    assert [(word.text, word.space) for word in cue.words] == [("Ask", True), ("not", True), ("!", False)]


def test_tokens_are_numbers() -> None:
    with pytest.raises(InvalidParams, match="numbers with commas"):
        forms.request("subtitle", [SPEECH / "ten.ogg"], None, {"suppress_tokens": "a"})
