"""A tape's sound is cleaned while its picture is restored: hum, whistle and hiss, said in words, and left if wished."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cinemill
from cinemill.jobs import run as jobs
from cinemill.jobs.events import Planned
from cinemill.measure import hum
from cinemill.media import audio, read, write
from cinemill.media.types import Audio
from cinemill.surfaces import forms
from clips import run

SPEECH = Path(__file__).parents[1] / "speech" / "ten.ogg"
RATE = 48_000


def samples_of(path: Path) -> np.ndarray:
    info = read.probe(path)
    return np.concatenate([block.samples for block in audio.audio(info, read.sound_of(info, 0))], axis=1)


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """Twenty seconds of speech with hum, whistle and hiss under a small picture; and the speech alone."""
    folder = tmp_path_factory.mktemp("tape")
    speech = samples_of(SPEECH)[:1, : 20 * RATE]
    time = np.arange(speech.shape[1]) / RATE
    hums = sum(0.02 / n * np.sin(2 * np.pi * 50 * n * time) for n in range(1, 7))
    noise = np.random.default_rng(1).normal(0, 0.004, speech.shape)
    dirty = speech + hums + 0.01 * np.sin(2 * np.pi * 15_625 * time) + noise
    list(write.encode_sound([Audio(dirty.astype(np.float32), RATE, 0, "mono")], folder / "sound.wav", "wav"))
    picture = ["-f", "lavfi", "-i", "testsrc2=s=96x72:r=25:d=20", "-i", folder / "sound.wav"]
    run(*picture, "-c:v", "ffv1", "-c:a", "flac", folder / "tape.mkv")
    return folder / "tape.mkv", speech


def restored(source: Path, output: Path, **params: Any) -> tuple[str, np.ndarray]:
    request = forms.request("restore", [source], output, {"chain": "", "codec": "ffv1", **params})
    plan = next(event for event in jobs.run(request) if isinstance(event, Planned))
    for _ in jobs.run(request, overwrite=True):
        pass
    return " ".join(plan.notes), samples_of(output)


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def test_hum_whistle_and_hiss_of_a_tape_are_taken_out_and_told(tape: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    source, speech = tape
    told, made = restored(source, tmp_path / "made.mkv")
    for word in ("mains hum at 50.0 Hz", "PAL television whistle", "steady hiss at -4"):
        assert word in told
    dirty = samples_of(source)
    quiet = np.abs(speech[0]) < 1e-4
    assert made.shape[1] == pytest.approx(dirty.shape[1], abs=RATE // 50)
    length = min(made.shape[1], len(quiet))
    assert rms(made[0, RATE:length][quiet[RATE:length]]) < 0.3 * rms(dirty[0, RATE:length][quiet[RATE:length]])
    assert rms(made[0, RATE:length] - speech[0, RATE:length]) < 0.5 * rms(
        dirty[0, RATE:length] - speech[0, RATE:length]
    )


def test_sound_is_left_where_that_is_wished(tape: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    source, _ = tape
    told, made = restored(source, tmp_path / "kept.mkv", sound="keep")
    assert "Sound" not in told
    assert np.array_equal(made, samples_of(source))


def test_clean_sound_is_carried_as_it_is(tape: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    picture = ["-f", "lavfi", "-i", "testsrc2=s=96x72:r=25:d=8", "-i", SPEECH, "-t", "8"]
    run(*picture, "-c:v", "ffv1", "-c:a", "flac", tmp_path / "clean.mkv")
    told, made = restored(tmp_path / "clean.mkv", tmp_path / "made.mkv")
    assert "Sound" not in told
    assert np.array_equal(made, samples_of(tmp_path / "clean.mkv"))


def test_what_is_no_tape_is_told_and_left(tape: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    source, _ = tape
    large = ["-f", "lavfi", "-i", "color=s=64x640:r=5:d=20", "-i", source, "-map", "0:v", "-map", "1:a"]
    run(*large, "-c:v", "ffv1", "-c:a", "copy", tmp_path / "large.mkv")
    told, made = restored(tmp_path / "large.mkv", tmp_path / "made.mkv")
    assert "--sound clean is for that" in told
    assert np.array_equal(made, samples_of(source))


def test_a_clock_that_ran_wrong_is_put_right_if_that_is_wished(tmp_path: Path) -> None:
    sine = ["-f", "lavfi", "-i", "sine=440:r=48000:d=20.1"]
    run("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=20", *sine, "-c:v", "ffv1", "-c:a", "flac", tmp_path / "in.mkv")
    told, made = restored(tmp_path / "in.mkv", tmp_path / "out.mkv", sync=True)
    assert "Sound: the sound lasts 20.100 s under a picture of 20.000 s" in told
    assert made.shape[1] / RATE == pytest.approx(20, abs=0.01)
    assert samples_of(tmp_path / "in.mkv").shape[1] / RATE == pytest.approx(20.1, abs=0.01)


def test_hiss_is_told_from_music_and_speech() -> None:
    time = np.arange(20 * RATE) / RATE
    chord = sum(0.05 * np.sin(2 * np.pi * note * time) for note in (220.0, 277.2, 1318.5, 2637.0))
    noise = np.random.default_rng(2).normal(0, 0.003, len(time))
    speech = samples_of(SPEECH)[0]

    def found(samples: np.ndarray) -> hum.Hiss:
        told = hum.hiss([Audio(samples[None].astype(np.float32), RATE, 0, "mono")])
        assert told
        return told

    assert found(noise).flatness > 0.9
    assert found(noise).level_db == pytest.approx(20 * np.log10(0.003), abs=1)
    assert found(chord).flatness < 0.1
    assert found(speech[: len(time)] + noise).flatness > 0.6
    assert hum.hiss([Audio(np.zeros((1, RATE), np.float32), RATE, 0, "mono")]) is None


def test_the_call_from_python_takes_the_same_words(tape: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    cinemill.run("restore", tape[0], tmp_path / "x.mkv", chain="", codec="ffv1", sound="clean")
    assert (tmp_path / "x.mkv").exists()
