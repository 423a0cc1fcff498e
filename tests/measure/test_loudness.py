"""Loudness against known signals of EBU Tech 3341, and targets that are met."""

from __future__ import annotations

import numpy as np
import pytest

from cinemill.measure import loudness
from cinemill.media.types import Audio

RATE = 48_000


def sine(db: float, seconds: float, channels: int = 2, hz: float = 1000.0, rate: int = RATE) -> list[Audio]:
    wave = 10 ** (db / 20) * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)
    layout = {1: "mono", 2: "stereo", 8: "7.1"}[channels]
    return [Audio(np.tile(wave.astype(np.float32), (channels, 1)), rate, 0, layout)]


def after(*pieces: list[Audio]) -> list[Audio]:
    """One after another."""
    found: list[Audio] = []
    at = 0
    for piece in pieces:
        for block in piece:
            found.append(Audio(block.samples, block.sample_rate, at, block.layout))
            at += block.samples.shape[1]
    return found


@pytest.mark.parametrize("level", [-23.0, -33.0])
def test_the_sines_of_ebu_tech_3341(level):
    assert loudness.measured(sine(level, 20)).lufs == pytest.approx(level, abs=0.1)


def test_what_is_far_softer_than_the_rest_does_not_count():
    gated = after(sine(-72, 10), sine(-36, 10), sine(-23, 20), sine(-36, 10), sine(-72, 10))
    assert loudness.measured(gated).lufs == pytest.approx(-23.0, abs=0.1)


def test_the_range_is_what_lies_between_soft_and_loud():
    assert loudness.measured(after(sine(-20, 20), sine(-30, 20))).range == pytest.approx(10, abs=1)


def test_a_true_peak_lies_between_samples():
    wave = 0.5 * np.sin(2 * np.pi * 0.25 * np.arange(RATE) + np.pi / 4)
    wave *= np.hanning(RATE) ** 0.1
    found = loudness.measured([Audio(wave.astype(np.float32)[None], RATE, 0, "mono")])
    assert np.abs(wave).max() < 0.36
    assert found.peak_db == pytest.approx(-6.0, abs=0.2)


def test_silence_nothing_and_very_short_sound():
    assert loudness.measured(sine(-300, 5)).lufs is None
    assert loudness.measured([]).lufs is None
    assert loudness.measured(sine(-23, 0.1)).lufs == pytest.approx(-23, abs=0.5)
    assert "silence" in loudness.measured([]).describe()


def noise_with_clicks() -> list[Audio]:
    rng = np.random.default_rng(5)
    samples = rng.normal(0, 0.05, (2, 12 * RATE)).astype(np.float32)
    samples[:, ::24_000] = 0.95
    return [Audio(samples[:, at : at + 30_000].copy(), RATE, at, "stereo") for at in range(0, samples.shape[1], 30_000)]


@pytest.mark.parametrize("name", list(loudness.TARGETS))
@pytest.mark.parametrize("make", [noise_with_clicks, lambda: sine(-35, 5, 8), lambda: sine(-3, 4, 1, rate=22_050)])
def test_a_target_is_met_and_its_ceiling_kept(make, name):
    target = loudness.TARGETS[name]
    settled = loudness.settle(make, target)
    found, said = loudness.measured(settled.applied(make())), settled.after
    assert found.lufs == pytest.approx(target.lufs, abs=0.5)
    assert found.peak_db <= target.peak_db
    assert found.lufs == pytest.approx(said.lufs, abs=0.15)


def test_silence_stays_silence():
    blocks = loudness.levelled(lambda: sine(-300, 2), loudness.TARGETS["web"])
    assert max(np.abs(block.samples).max() for block in blocks) < 1e-9


def test_a_peak_in_the_last_moment_counts():
    samples = np.zeros((1, RATE + 1234), np.float32)
    samples[0, :RATE] = 0.01 * np.sin(np.arange(RATE))
    samples[0, -700:-690] = 0.9
    assert loudness.measured([Audio(samples, RATE, 0, "mono")]).peak_db > -2
