"""Sound made anew under a picture that stays: loudness, cleaning, and sound that ran away from its picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cinemill.errors import InvalidParams, OutputRefused, UnsupportedMedia
from cinemill.jobs import run as jobs
from cinemill.measure import drift, hum, loudness
from cinemill.media import audio, read, sound, write
from cinemill.media.types import Audio
from cinemill.operations import clean, sync
from cinemill.surfaces import forms

SPEECH = Path(__file__).parents[1] / "speech" / "ten.ogg"
RATE = 48_000


def do(name: str, source: Path, output: Path, **params: Any) -> dict[str, Any]:
    return list(jobs.run(forms.request(name, [source], output, params)))[-1].result  # type: ignore[attr-defined]


def samples_of(path: Path) -> np.ndarray:
    info = read.probe(path)
    return np.concatenate([block.samples for block in audio.audio(info, read.sound_of(info, 0))], axis=1)


def blocks_of(samples: np.ndarray, rate: int = RATE) -> Iterator[Audio]:
    layout = {1: "mono", 2: "stereo", 8: "7.1"}[len(samples)]
    for at in range(0, samples.shape[1], 50_000):
        yield Audio(samples[:, at : at + 50_000].astype(np.float32), rate, at, layout)


def wav(samples: np.ndarray, path: Path, rate: int = RATE) -> Path:
    list(write.encode_sound(blocks_of(samples, rate), path, "wav", bits=24))
    return path


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return samples_of(SPEECH)[:1, : 20 * RATE]


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def test_loudness_of_a_film_changes_and_nothing_else_does(tmp_path: Path) -> None:
    source = _film(tmp_path)
    result = do("loudness", source, tmp_path / "out.mkv", loudness="podcast")
    info = read.probe(tmp_path / "out.mkv")
    found = loudness.measured(audio.audio(info, read.sound_of(info, 0)))
    assert found.lufs == pytest.approx(-16, abs=0.5)
    assert found.peak_db <= -1
    assert result["loudness"]["after"]["lufs"] == pytest.approx(-16, abs=0.2)
    before = read.probe(source)
    assert [frame.pts for frame in read.frames(info)] == [frame.pts for frame in read.frames(before)]
    assert info.metadata.get("title") == before.metadata.get("title")


def _film(folder: Path) -> Path:
    from clips import run

    path = folder / "film.mkv"
    picture = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=6", "-i", str(SPEECH), "-t", "6"]
    run(*picture, "-c:v", "ffv1", "-c:a", "flac", "-metadata", "title=A film", path)
    return path


def test_loudness_wants_a_target_and_a_fitting_container(tmp_path: Path) -> None:
    with pytest.raises(InvalidParams, match="target"):
        do("loudness", SPEECH, tmp_path / "out.wav", loudness="none")
    with pytest.raises(OutputRefused):
        do("loudness", SPEECH, tmp_path / "out.txt")


@pytest.mark.parametrize("base", [50.0, 60.0])
def test_hum_and_whistle_are_found_and_taken_out(base: float, speech: np.ndarray, tmp_path: Path) -> None:
    time = np.arange(speech.shape[1]) / RATE
    line = 15_625.0 if base == 50 else 15_734.27
    tones = sum(0.02 / n * np.sin(2 * np.pi * (base + 0.05) * n * time) for n in range(1, 7))
    tones = tones + 0.01 * np.sin(2 * np.pi * line * time)
    result = do("clean", wav(speech + tones, tmp_path / "in.wav"), tmp_path / "out.wav", method="none")
    assert result["tones"]["mains"] == pytest.approx(base + 0.05, abs=0.05)
    assert result["tones"]["whistle"] == line
    cleaned = samples_of(tmp_path / "out.wav")
    left = cleaned[0, RATE:] - speech[0, RATE : cleaned.shape[1]]
    assert rms(left) < 0.5 * rms(tones)
    assert hum.tones(blocks_of(cleaned)).whistle is None


def test_speech_and_music_do_not_hum(speech: np.ndarray) -> None:
    assert hum.tones(blocks_of(speech)) == hum.Tones(None, (), None)
    time = np.arange(10 * RATE) / RATE
    chord = sum(0.1 * np.sin(2 * np.pi * note * time) for note in (110.0, 138.6, 164.8, 220.0))
    assert hum.tones(blocks_of(chord[None])).mains is None
    assert hum.tones(iter(())).mains is None


def test_noise_and_clicks_become_less(speech: np.ndarray, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.01, speech.shape)
    dirty = speech + noise
    dirty[0, ::7_001] = 0.9
    do("clean", wav(dirty, tmp_path / "in.wav"), tmp_path / "out.wav", method="afftdn", strength=0.8)
    cleaned = samples_of(tmp_path / "out.wav")[:, : speech.shape[1]]
    quiet = np.abs(speech[0]) < 1e-4
    assert rms(cleaned[:, quiet]) < 0.5 * rms(noise[:, quiet])
    assert np.abs(cleaned[0, 7_001 * 3 - 2 : 7_001 * 3 + 3]).max() < 0.3


@pytest.mark.parametrize("kind", ["clipped", "eight", "short", "silent", "nan"])
def test_bad_sound_goes_through(kind: str, speech: np.ndarray, tmp_path: Path) -> None:
    made = {
        "clipped": np.clip(speech[:, : 3 * RATE] * 20, -1, 1),
        "eight": np.tile(speech[:, : 2 * RATE], (8, 1)),
        "short": speech[:, RATE : RATE + 4800],
        "silent": np.zeros((2, RATE)),
        "nan": np.where(np.arange(RATE) % 999 == 0, np.nan, speech[:, :RATE]),
    }[kind]
    source = wav(made, tmp_path / "in.wav")
    result = do("clean", source, tmp_path / "out.wav", method="afftdn", declip=True, loudness="web")
    cleaned = samples_of(tmp_path / "out.wav")
    assert cleaned.shape == made.shape
    assert np.isfinite(cleaned).all()
    assert result["notes"]


def off(made: np.ndarray, speech: np.ndarray, at: float) -> float:
    """Seconds by which what is heard at `at` is away from its place."""
    start, length = round(at * RATE), RATE
    window = speech[0, start : start + length]
    piece = made[0, max(0, start - length) : start + 2 * length]
    size = 1 << 19
    crossed = np.fft.irfft(np.fft.rfft(piece, size) * np.conj(np.fft.rfft(window, size)), size)[: len(piece)]
    return (int(np.argmax(crossed)) - min(start, length)) / RATE


def compared(changed: np.ndarray, speech: np.ndarray, folder: Path) -> tuple[dict[str, Any], np.ndarray]:
    source, truth = wav(changed, folder / "in.wav"), wav(speech, folder / "truth.wav")
    result = do("sync", source, folder / "out.wav", reference=str(truth))
    return result, samples_of(folder / "out.wav")


@pytest.fixture(scope="module")
def long() -> np.ndarray:
    return samples_of(SPEECH)[:1]


@pytest.mark.parametrize("factor", [1.001, 0.999, 1.0002])
def test_a_clock_that_runs_wrong_is_found_and_put_right(factor: float, long: np.ndarray, tmp_path: Path) -> None:
    changed = np.concatenate([block.samples for block in sound.stretched(blocks_of(long), factor)], axis=1)
    result, made = compared(changed, long, tmp_path)
    assert result["drift_ppm"] * 1e-6 == pytest.approx(1 / factor - 1, abs=2e-5)
    assert result["steps"] == []
    assert all(abs(off(made, long, at)) < 0.01 for at in (1, 10, 20, 30))


@pytest.mark.parametrize("step", [0.04, 0.15, 0.4, -0.04, -0.25, -0.4])
def test_what_was_lost_or_put_in_is_found_and_mended(step: float, long: np.ndarray, tmp_path: Path) -> None:
    place, size = round(14.3 * RATE), round(abs(step) * RATE)
    between, rest = (np.zeros((1, size)), long[:, place:]) if step > 0 else (long[:, :0], long[:, place + size :])
    result, made = compared(np.concatenate([long[:, :place], between, rest], axis=1), long, tmp_path)
    (found,) = result["steps"]
    assert found["seconds"] == pytest.approx(-step, abs=0.01)
    assert all(abs(off(made, long, at)) < 0.04 for at in (1, 8, 12, 18, 25, 30))


def test_drift_and_jumps_together(long: np.ndarray, tmp_path: Path) -> None:
    place = round(12 * RATE)
    jumped = np.concatenate([long[:, :place], np.zeros((1, 12_000)), long[:, place:]], axis=1)
    changed = np.concatenate([block.samples for block in sound.stretched(blocks_of(jumped), 1.001)], axis=1)
    result, made = compared(changed, long, tmp_path)
    assert result["drift_ppm"] == pytest.approx(-999, abs=25)
    assert [one["seconds"] for one in result["steps"]] == pytest.approx([-0.25], abs=0.01)
    assert all(abs(off(made, long, at)) < 0.04 for at in (1, 8, 18, 30))


def test_sound_that_begins_late_and_sound_of_something_else(long: np.ndarray, tmp_path: Path) -> None:
    late = np.concatenate([np.zeros((1, 5 * RATE)), long], axis=1)
    result, made = compared(late, long, tmp_path)
    assert result["offset"] == pytest.approx(-5, abs=0.01)
    assert abs(off(made, long, 10)) < 0.01
    (tmp_path / "early").mkdir()
    result, made = compared(long[:, 3 * RATE :], long, tmp_path / "early")
    assert result["offset"] == pytest.approx(3, abs=0.01)
    assert abs(off(made, long, 10)) < 0.01
    assert made.shape[1] == long.shape[1]
    rng = np.random.default_rng(2)
    assert drift.drift(blocks_of(rng.normal(0, 0.1, (1, 20 * RATE))), blocks_of(long)) is None
    with pytest.raises(UnsupportedMedia, match="alike"):
        compared(rng.normal(0, 0.1, (1, 20 * RATE)), long, tmp_path / "..")


def test_without_a_reference_sound_ends_with_the_picture(tmp_path: Path) -> None:
    from clips import run

    path = tmp_path / "film.mkv"
    sine = ["-f", "lavfi", "-i", "sine=440:r=48000:d=20.1"]
    run("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=20", *sine, "-c:v", "ffv1", "-c:a", "flac", path)
    result = do("sync", path, tmp_path / "out.mkv")
    assert result["drift_ppm"] == pytest.approx((20 / 20.1 - 1) * 1e6, abs=100)
    assert samples_of(tmp_path / "out.mkv").shape[1] / RATE == pytest.approx(20, abs=0.01)
    with pytest.raises(UnsupportedMedia, match="no picture"):
        do("sync", SPEECH, tmp_path / "out.wav")


def test_mending_with_nothing_to_mend_changes_nothing(speech: np.ndarray) -> None:
    made = np.concatenate([one.samples for one in sync.mended(lambda: blocks_of(speech), [[0.0, 0.0, 0.0]])], axis=1)
    assert np.array_equal(made, speech.astype(np.float32))


def test_jumps_that_lie_close_together_are_told_apart(long: np.ndarray, tmp_path: Path) -> None:
    """Three within eleven seconds; and between them what is said is where it was."""
    speech, cuts = long[:, : 12 * RATE], {3.0: 0.04, 5.6: -0.12, 8.4: 0.4}
    pieces: list[np.ndarray] = []
    at = 0
    for second, step in cuts.items():
        pieces += [speech[:, at : round(second * RATE)], np.zeros((1, round(max(0, step) * RATE)))]
        at = round((second + max(0, -step)) * RATE)
    jumped = np.concatenate([*pieces, speech[:, at:]], axis=1)
    changed = np.concatenate([block.samples for block in sound.stretched(blocks_of(jumped), 0.999)], axis=1)
    result, made = compared(changed, speech, tmp_path)
    assert [one["seconds"] for one in result["steps"]] == pytest.approx([-0.04, 0.12, -0.4], abs=0.002)
    assert result["drift_ppm"] == pytest.approx(1001, abs=60)
    assert all(abs(off(made, speech, at)) < 0.002 for at in (0.5, 1.5, 3.5, 4.3, 6.5, 7.2, 9.0, 10.0))


def test_a_reference_that_is_upside_down_and_noisy_will_do(long: np.ndarray) -> None:
    """Eight seconds were lost: what follows is found again, though that is farther than one window looks."""
    lost = np.concatenate([long[:, : 8 * RATE], long[:, 16 * RATE :]], axis=1)
    noise = np.random.default_rng(5).normal(0, float(long.std()), long.shape)
    found = drift.drift(blocks_of(lost), blocks_of(noise - long))
    assert found
    assert [size for _, size in found.steps] == pytest.approx([8], abs=0.002)
    assert found.steps[0][0] == pytest.approx(8, abs=0.5)


def test_much_that_was_cut_off_takes_no_hours(speech: np.ndarray) -> None:
    for factor, words in ((1.0, "adeclip"), (40.0, "adeclip=w=1")):
        share = clean.clipped(blocks_of(np.clip(speech * factor, -1, 1)))
        assert next(clean.before(clean.Clean(declip=True), hum.Tones(None, (), None), RATE, share)).startswith(words)
    assert clean.clipped(blocks_of(speech)) < 0.05
    assert clean.clipped(iter(())) == 0
