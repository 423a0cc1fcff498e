"""Demucs and DeepFilterNet from the command to the sound: with fakes at the other end of the pipe, and for real."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clips
from cinemill import settings
from cinemill.engines import deepfilter, engines, install
from cinemill.engines.host import Host
from cinemill.errors import InvalidParams, MissingEngine, ProtocolError
from cinemill.jobs import run as jobs
from cinemill.media import audio, read, write
from cinemill.media.types import Audio
from cinemill.surfaces import forms
from installed import engine

SPEECH = Path(__file__).parents[1] / "speech" / "ten.ogg"
HERE = Path(__file__).parent
TINY_DEMUCS = """
import sys
from pathlib import Path
import torch
from demucs.htdemucs import HTDemucs

torch.manual_seed(1)
small = dict(channels=8, growth=2, depth=4, t_layers=1, t_heads=2, bottom_channels=32, segment=2, samplerate=16000)
model = HTDemucs(["drums", "bass", "other", "vocals"], **small).eval()
folder = Path(sys.argv[1])
package = {"klass": HTDemucs, "args": (["drums", "bass", "other", "vocals"],), "kwargs": small}
torch.save({**package, "state": model.state_dict(), "training_args": {}}, folder / "tiny.th")
"""

SEPARATE = """
import json
import sys
from pathlib import Path

from cinemill.engines import install
from cinemill.jobs import run as jobs
from cinemill.surfaces import forms

source, output = map(Path, sys.argv[1:3])
for event in jobs.run(forms.request("separate", [source], output, json.loads(sys.argv[3])), chunk_seconds=30):
    pass
for number in (install._hosts["demucs"]._life.process.pid, "self"):
    status = Path(f"/proc/{number}/status").read_text()
    print(next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmHWM")))
"""
"""Separates, and says the most MB that the engine and we ourselves took."""


def do(name: str, source: Path, output: Path, **params: Any) -> dict[str, Any]:
    return list(jobs.run(forms.request(name, [source], output, params), chunk_seconds=30))[-1].result  # type: ignore[attr-defined]


def samples_of(path: Path) -> np.ndarray:
    info = read.probe(path)
    return np.concatenate([block.samples for block in audio.audio(info, read.sound_of(info, 0))], axis=1)


def noise(path: Path, seconds: float, rate: int = 16_000, channels: int = 2) -> np.ndarray:
    samples = np.random.default_rng(0).normal(0, 0.1, (channels, round(seconds * rate))).astype(np.float32)
    blocks = (Audio(samples[:, at : at + rate], rate, at, "stereo") for at in range(0, samples.shape[1], rate))
    list(write.encode_sound(blocks, path, "wav", bits=24))
    return samples


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Puts a fake in an engine's place."""
    hosts: list[Host] = []

    def put(name: str, *arguments: str) -> None:
        host = Host(name, [sys.executable, str(HERE / f"fake_{name}.py"), *arguments])
        hosts.append(host)
        monkeypatch.setitem(install._hosts, name, host)
        monkeypatch.setattr(install, "command", lambda engine: [sys.executable])
        monkeypatch.setattr(install, "is_installed", lambda engine: True)

    yield put
    for host in hosts:
        host.stop()


def test_a_recording_is_taken_apart_by_windows_that_join(fake: Any, tmp_path: Path) -> None:
    fake("demucs")
    whole = noise(tmp_path / "song.wav", 70.3)
    result = do("separate", tmp_path / "song.wav", tmp_path / "voice.wav")
    assert result["stems"] == ["vocals", "rest"]
    assert samples_of(tmp_path / "voice.wav") == pytest.approx(0.75 * whole, abs=1e-5)
    assert samples_of(tmp_path / "voice.rest.wav") == pytest.approx(0.25 * whole, abs=1e-5)
    result = do("separate", tmp_path / "song.wav", tmp_path / "drums.wav", stem="drums", stems="all")
    assert result["stems"] == ["drums", "bass", "other", "vocals"]
    assert not samples_of(tmp_path / "drums.bass.wav").any()
    with pytest.raises(InvalidParams, match="no stem guitar"):
        do("separate", tmp_path / "song.wav", tmp_path / "x.wav", stem="guitar")


def test_too_little_from_demucs_is_an_error(fake: Any, tmp_path: Path) -> None:
    fake("demucs", "short")
    noise(tmp_path / "song.wav", 2)
    with pytest.raises(ProtocolError, match="bytes"):
        do("separate", tmp_path / "song.wav", tmp_path / "voice.wav")


def test_deepfilter_cleans_in_time_at_any_rate(fake: Any, tmp_path: Path) -> None:
    fake("deepfilter")
    do("clean", SPEECH, tmp_path / "out.wav", hum="none", whistle="none", declick=False)
    before, after = samples_of(SPEECH), samples_of(tmp_path / "out.wav")
    length = min(before.shape[1], after.shape[1])
    assert before.shape[1] - length < 50
    assert after[:, :length] == pytest.approx(before[:, :length] / 2, abs=2e-3)


def test_bytes_that_are_no_samples_are_an_error(fake: Any, tmp_path: Path) -> None:
    fake("deepfilter", "odd")
    with pytest.raises(ProtocolError, match="deepfilter gave"):
        do("clean", SPEECH, tmp_path / "out.wav")


def test_without_the_engine_it_is_said_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CINEMILL_DATA_DIR", str(tmp_path / "none"))
    settings.settings.cache_clear()
    try:
        for name, asked in (("separate", {}), ("clean", {"method": "deepfilter"})):
            engine = "demucs" if name == "separate" else "deepfilter"
            with pytest.raises(MissingEngine, match=f"engines install {engine}"):
                do(name, SPEECH, tmp_path / "out.wav", **asked)
    finally:
        settings.settings.cache_clear()


@pytest.fixture
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The engine of the test's parameter, for real; skips where it cannot be had."""
    with engine(request.param, tmp_path_factory):
        yield request.param


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize("installed", ["deepfilter"], indirect=True)
def test_the_real_deepfilter_takes_noise_from_a_voice(installed: str, tmp_path: Path) -> None:
    speech = samples_of(SPEECH)[:1, : 15 * 48_000]
    dirty = speech + np.random.default_rng(1).normal(0, 0.02, speech.shape)

    def blocks(size: int) -> Iterator[Audio]:
        for at in range(0, dirty.shape[1], size):
            yield Audio(dirty[:, at : at + size].astype(np.float32), 48_000, at, "mono")

    once, again = (
        np.concatenate([one.samples for one in deepfilter.cleaned(blocks(size))], axis=1) for size in (48_000, 7_001)
    )
    assert np.array_equal(once, again)
    quiet = np.abs(speech[0]) < 1e-4
    assert np.square(once[0, quiet]).mean() < 0.01 * np.square(dirty[0, quiet]).mean()


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize("installed", ["demucs"], indirect=True)
def test_the_real_demucs_joins_windows_without_a_seam(installed: str, tmp_path: Path) -> None:
    """A tiny random model: whatever it does to sound, windows do as the whole does, to -60 dB of it."""
    (tmp_path / "models").mkdir()
    subprocess.run(
        [install.interpreter(engines.get("demucs")), "-c", TINY_DEMUCS, tmp_path / "models"], check=True, timeout=600
    )
    noise(tmp_path / "song.wav", 95)
    asked = {"model": "tiny", "repo": str(tmp_path / "models"), "device": "cpu"}
    do("separate", tmp_path / "song.wav", tmp_path / "parts.wav", **asked)
    request = forms.request("separate", [tmp_path / "song.wav"], tmp_path / "whole.wav", asked)
    list(jobs.run(request, chunk_seconds=600))
    parts, whole = samples_of(tmp_path / "parts.wav"), samples_of(tmp_path / "whole.wav")
    assert parts.shape == whole.shape
    assert np.square(whole).mean() > 0
    assert 10 * np.log10(np.square(parts - whole).mean() / np.square(whole).mean() + 1e-20) <= -60


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
@pytest.mark.parametrize("installed", ["demucs"], indirect=True)
def test_an_hour_takes_demucs_as_much_memory_as_ten_minutes(installed: str, tmp_path: Path) -> None:
    """Of the engine's process, which holds a window at a time; and of ours."""
    (tmp_path / "models").mkdir()
    python = install.interpreter(engines.get("demucs"))
    subprocess.run([python, "-c", TINY_DEMUCS, tmp_path / "models"], check=True, timeout=600)
    asked = {"model": "tiny", "repo": str(tmp_path / "models"), "device": "cpu"}
    engine, ours = {}, {}
    for minutes in (10, 60):
        song = tmp_path / f"{minutes}.flac"
        clips.run("-f", "lavfi", "-i", f"anoisesrc=r=16000:c=pink:a=0.1:d={60 * minutes}", "-ac", 2, song)
        command = [sys.executable, "-c", SEPARATE, song, tmp_path / f"{minutes}.wav", json.dumps(asked)]
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=True, timeout=3000)
        engine[minutes], ours[minutes] = map(int, done.stdout.split()[-2:])
    print(f"MB for ten minutes and an hour: engine {engine[10]} and {engine[60]}, ours {ours[10]} and {ours[60]}")
    assert engine[60] <= 1.1 * engine[10]
    assert ours[60] <= 1.1 * ours[10]
