"""Engines that sound human, from the command to the sound, with a fake at the other end of the pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cinemill.engines import install
from cinemill.engines.host import Host
from cinemill.errors import InvalidParams, MissingEngine, UnknownName
from cinemill.jobs import run as jobs
from cinemill.media import read, write
from cinemill.media.cues import files
from cinemill.media.types import Audio
from cinemill.operations import speakers
from cinemill.operations.speakers import SpeechOptions
from cinemill.surfaces import forms

FAKE = Path(__file__).with_name("fake_voice.py")


@pytest.fixture(params=["kokoro", "chatterbox"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An engine's name, with the fake in its place."""
    host = Host(request.param, [sys.executable, str(FAKE), "none", "1"])
    monkeypatch.setitem(install._hosts, request.param, host)
    monkeypatch.setattr(install, "command", lambda engine: [sys.executable])
    yield request.param
    host.stop()


def test_a_text_is_spoken_word_by_word(engine: str, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("Please open the window and close the door.")
    params: dict[str, Any] = {"engine": engine, "captions": "json", "verify": "none"}
    request = forms.request("narrate", [tmp_path / "text.txt"], tmp_path / "out.wav", params)
    result = list(jobs.run(request))[-1].result  # type: ignore[attr-defined]
    assert result["engine"] == engine
    words = list(files.read(tmp_path / "out.json").transcript.words())
    assert [word.text for word in words] == ["Please", "open", "the", "window", "and", "close", "the", "door."]
    info = read.probe(tmp_path / "out.wav")
    assert read.sound_of(info, 0).sample_rate == 24_000


def sample(path: Path, seconds: float, amplitude: float = 0.3) -> Path:
    samples = amplitude * np.sin(np.arange(round(seconds * 16_000)) / 20)
    list(write.encode_sound([Audio(samples.astype(np.float32)[None], 16_000, 0, "mono")], path, "wav"))
    return path


@pytest.mark.parametrize(("seconds", "amplitude", "why"), [(0.1, 0.3, "lasts 0.10 s"), (5, 0.0, "is silent")])
def test_a_sample_that_is_no_voice_is_refused(seconds: float, amplitude: float, why: str, tmp_path: Path) -> None:
    path = sample(tmp_path / "voice.wav", seconds, amplitude)
    with pytest.raises(InvalidParams, match=why):
        speakers.Chatterbox(SpeechOptions(sample=path)).voice(None, "en")


def test_the_quick_variant_wants_a_longer_sample(tmp_path: Path) -> None:
    short = sample(tmp_path / "voice.wav", 4)
    assert speakers.Chatterbox(SpeechOptions(sample=short)).voice(None, "en") == "default"
    with pytest.raises(InvalidParams, match="turbo wants more than 5 s"):
        speakers.Chatterbox(SpeechOptions(sample=short, variant="turbo")).voice(None, "en")


def test_a_sample_is_made_fit_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = speakers.voice_sample(sample(tmp_path / "voice.wav", 40))
    assert read.sound_of(read.probe(kept), 0).sample_rate == 24_000
    assert float(read.probe(kept).duration or 0) == pytest.approx(30, abs=0.1)


def test_voices_and_languages_are_checked_before_anything_is_said() -> None:
    kokoro = speakers.Kokoro(SpeechOptions())
    assert kokoro.voice(None, "en-GB") == "bf_emma"
    assert kokoro.voice("alloy", "en") == "af_alloy"
    assert kokoro.voice("alloy", "fr") == "ff_siwis"
    assert kokoro.voice("af_bella(2)+af_sky", "en") == "af_bella(2)+af_sky"
    with pytest.raises(UnknownName, match="no voice of kokoro"):
        kokoro.voice("nobody", "en")
    with pytest.raises(InvalidParams, match="does not speak sw"):
        kokoro.voice(None, "sw")
    with pytest.raises(InvalidParams, match="--sample"):
        speakers.Chatterbox(SpeechOptions()).voice("bella", "en")
    with pytest.raises(InvalidParams, match="that takes the engine chatterbox"):
        speakers.speaker(SpeechOptions(engine="espeak", sample=Path("voice.wav")))


def test_an_engine_that_is_not_installed_says_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cinemill import settings

    monkeypatch.setenv("CINEMILL_DATA_DIR", str(tmp_path))
    settings.settings.cache_clear()
    try:
        with pytest.raises(MissingEngine, match="engines install kokoro"):
            speakers.speaker(SpeechOptions(engine="kokoro"))
        assert speakers.speaker(SpeechOptions()).name == "espeak"
    finally:
        settings.settings.cache_clear()
