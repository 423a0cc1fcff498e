"""Pictures of sound show what is in it, whatever its length, and take no more memory for hours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from cinemill.errors import NoSuchStream, OutputRefused
from cinemill.jobs import run as jobs
from cinemill.measure import soundscape
from cinemill.media import write
from cinemill.media.types import Audio
from cinemill.surfaces import forms

RATE = 16_000


def blocks(samples: np.ndarray, size: int = 5000) -> Iterator[Audio]:
    layout = {1: "mono", 2: "stereo", 8: "7.1"}[len(samples)]
    for at in range(0, samples.shape[1], size):
        yield Audio(samples[:, at : at + size].astype(np.float32), RATE, at, layout)


def tone(hz: float, seconds: float, amplitude: float = 0.5) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)[None]


@pytest.mark.parametrize("size", [37, 5000])
@pytest.mark.parametrize("seconds", [0.003, 0.7, 61.0])
def test_levels_are_those_of_each_stretch(seconds: float, size: int) -> None:
    samples = tone(200, seconds) * np.linspace(0, 1, round(seconds * RATE))
    found = soundscape.levels(blocks(samples, size), 50)
    assert found
    assert found.seconds == pytest.approx(seconds, abs=1e-3)
    assert found.low.shape == found.high.shape == found.power.shape == (1, 50)
    assert found.peak == pytest.approx(np.abs(samples).max(), rel=1e-5)
    if seconds > 1:
        due = 0.5 * (np.arange(50) + 1) / 50
        assert found.high[0] == pytest.approx(due, abs=0.02)
        assert np.sqrt(2 * found.power[0]) == pytest.approx(due - 0.005, abs=0.02)


def test_a_tone_stands_at_its_place() -> None:
    found = soundscape.tones(blocks(np.concatenate([tone(1000, 3), tone(4000, 3)], axis=1)), 60)
    assert found
    power = found.power[0]
    step = RATE / 2 / (len(power) - 1)
    assert [round(at * step / 100) for at in power[:, [10, 50]].argmax(axis=0)] == [10, 40]
    assert 10 * np.log10(power[:, 10].max()) == pytest.approx(20 * np.log10(0.5), abs=1.5)
    for scale, hz in (("log", 1000), ("mel", 1000), ("linear", 1000)):
        picture = soundscape.spectrogram(found, 400, scale)  # type: ignore[arg-type]
        lines = 400 - 18 - 34
        bright = picture[18 : 18 + lines, 64 + 10].sum(axis=1).argmax()
        share = soundscape._share(hz, RATE / 2, scale)  # type: ignore[arg-type]
        assert 1 - bright / lines == pytest.approx(share, abs=0.02)


def test_what_clips_is_red_and_channels_stand_above_one_another() -> None:
    samples = np.concatenate([np.clip(tone(100, 2, 3.0), -1, 1), tone(100, 2, 0.1)])
    found = soundscape.levels(blocks(samples), 80)
    assert found
    picture = soundscape.waveform(found, 300)
    red = (picture == soundscape._CLIPPED).all(axis=2).any(axis=1)
    assert red[:150].any()
    assert not red[170:].any()


def test_hours_keep_as_many_columns_as_minutes() -> None:
    second = tone(440, 1)

    def hours() -> Iterator[Audio]:
        for at in range(3600):
            yield Audio(second.astype(np.float32), RATE, at * RATE, "mono")

    columns = soundscape._Columns((1,), 100, np.max)
    for _ in range(3600):
        columns.take(second[:, ::160])
    assert columns.kept.shape == (1, 200)
    assert columns.held.shape[-1] < columns.per
    found = soundscape.levels(hours(), 100)
    assert found
    assert found.seconds == 3600
    assert found.high == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("name", ["waveform", "spectrogram"])
def test_pictures_are_made_of_files(name: str, tmp_path: Path) -> None:
    list(write.encode_sound(blocks(np.tile(tone(440, 3), (2, 1))), tmp_path / "tone.wav", "wav"))
    for suffix, asked in ((".png", {"width": 300}), (".jpg", {"width": 300, "mix": True, "height": 200})):
        output = tmp_path / f"{name}{suffix}"
        list(jobs.run(forms.request(name, [tmp_path / "tone.wav"], output, asked)))
        picture = cv2.imread(str(output))
        assert picture.shape[1] == 300 + 64 + 20
    with pytest.raises(OutputRefused, match=r"\.png"):
        list(jobs.run(forms.request(name, [tmp_path / "tone.wav"], tmp_path / "tone.txt", {})))
    with pytest.raises(NoSuchStream):
        list(jobs.run(forms.request(name, [tmp_path / "tone.wav"], tmp_path / "x.png", {"track": 2})))


@pytest.mark.parametrize("samples", [np.zeros((1, RATE)), np.full((8, 100), np.nan), np.ones((2, 1))])
def test_sound_that_is_hardly_any_is_drawn(samples: np.ndarray) -> None:
    levels, tones = soundscape.levels(blocks(samples), 64), soundscape.tones(blocks(samples), 64)
    assert levels
    assert tones
    assert soundscape.waveform(levels, 64).any()
    assert soundscape.spectrogram(tones, 64).any()
    assert soundscape.levels(iter(()), 64) is None
    assert soundscape.tones(iter(()), 64) is None
