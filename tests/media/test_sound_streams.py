"""Streams of sound: what goes in comes out at its time, and what is done to it can be reckoned."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from cinemill.errors import InvalidParams
from cinemill.media import limiter, sound, soundgraph
from cinemill.media.types import Audio

RATE = 48_000


def tone(hz: float, seconds: float, amplitude: float = 0.5, rate: int = RATE, size: int = 4801, at: int = 0):
    """Blocks of odd length of a sine, mono."""
    wave = (amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)[None]
    for start in range(0, wave.shape[1], size):
        yield Audio(wave[:, start : start + size].copy(), rate, at + start, "mono")


def whole(blocks) -> np.ndarray:
    """All samples; blocks must follow one another."""
    found = list(blocks)
    for one, next_one in pairwise(found):
        assert one.pts + one.samples.shape[1] == next_one.pts
    return np.concatenate([block.samples for block in found], axis=1)


def db(samples: np.ndarray) -> float:
    return 20 * np.log10(np.sqrt(np.mean(np.square(samples, dtype=np.float64))) + 1e-12)


def test_resampling_is_exact_where_hearing_is_and_silent_where_it_would_fold_back():
    clean = whole(sound.resampled(tone(997, 2, rate=44_100), RATE))
    truth = 0.5 * np.sin(2 * np.pi * 997 * np.arange(clean.shape[1]) / RATE)
    assert clean.shape[1] == 2 * RATE
    assert db(clean[0, 2000:-2000] - truth[2000:-2000]) < -100
    above = whole(sound.resampled(tone(23_500, 1), 44_100))
    assert db(above[0, 2000:-2000]) < -90
    edge = whole(sound.resampled(tone(20_000, 1, rate=44_100), RATE))
    assert abs(db(edge[0, 2000:-2000]) - db(np.array([0.5 / 2**0.5]))) < 0.05


def test_what_begins_later_still_begins_then_at_another_rate():
    first = next(sound.resampled(tone(440, 1, rate=44_100, at=44_100), RATE))
    assert first.pts == RATE


def test_gaps_become_silence_overlaps_are_cut_and_no_number_is_silence():
    ones = np.ones((1, 100), np.float32)
    broken = ones.copy()
    broken[0, 5:7] = np.nan, np.inf
    blocks = [Audio(ones, RATE, 50, "mono"), Audio(broken, RATE, 300, "mono"), Audio(ones, RATE, 350, "mono")]
    samples = whole(sound.even(blocks, start=0))[0]
    assert len(samples) == 450
    assert samples[:50].sum() == 0
    assert samples[150:300].sum() == 0
    assert samples[305] == samples[306] == 0
    assert samples.sum() == 100 + 98 + 50


def test_blocks_of_a_size_lose_nothing():
    sized = list(sound.even(tone(100, 1.1), size=7000))
    assert {block.samples.shape[1] for block in sized[:-1]} == {7000}
    assert np.array_equal(whole(sized), whole(tone(100, 1.1)))


def test_a_fade_begins_and_ends_in_silence_and_leaves_the_middle():
    before, after = whole(tone(1000, 3)), whole(sound.faded(tone(1000, 3), 0.5, 1.0))
    assert after.shape == before.shape
    middle = slice(RATE // 2, 2 * RATE)
    assert np.array_equal(after[:, middle], before[:, middle])
    assert db(after[:, :480]) < -30 > db(after[:, -480:])


def test_fades_that_cross_keep_their_power():
    rng = np.random.default_rng(1)
    noise = [Audio(rng.normal(0, 0.1, (1, RATE)).astype(np.float32), RATE, 0, "mono") for _ in range(2)]
    out, up = whole(sound.faded([noise[0]], 0, 1.0)), whole(sound.faded([noise[1]], 1.0, 0))
    assert abs(db(out + up) - db(noise[0].samples)) < 0.3


def test_a_loop_is_as_long_as_is_wanted_and_has_no_hole():
    looped = whole(sound.looped(lambda: tone(440, 1.0), round(3.3 * RATE), 0.1))
    assert looped.shape[1] == round(3.3 * RATE)
    levels = [db(part) for part in np.array_split(looped[0], 33)]
    assert min(levels) > db(whole(tone(440, 1.0))) - 6
    assert list(sound.looped(lambda: iter(()), 100)) == []


def test_a_mix_is_the_sum_at_each_ones_time():
    mixed = whole(sound.mixed([tone(440, 2), tone(880, 1, rate=44_100, at=44_100)], RATE, "mono"))
    assert mixed.shape[1] == 2 * RATE
    assert np.allclose(mixed[:, : RATE - 100], whole(tone(440, 2))[:, : RATE - 100], atol=1e-3)
    assert db(mixed[:, RATE + 100 :]) > db(mixed[:, :RATE]) + 2.5
    assert whole(sound.mixed([tone(440, 2)], RATE, "stereo", stop=RATE * 3)).shape == (2, 3 * RATE)
    assert list(sound.mixed([], RATE, "stereo")) == []
    assert whole(sound.mixed([], RATE, "stereo", stop=10)).shape == (2, 10)


@pytest.mark.parametrize("rate", [RATE, 22_050])
def test_music_goes_down_before_the_voice_and_comes_back_after_it(rate):
    voice = list(tone(200, 2, rate=rate, at=3 * rate))
    music = whole(tone(1000, 9))
    ducked = whole(sound.ducked(tone(1000, 9), voice, depth_db=12, attack=0.2, hold=0.3, release=0.5))

    def gain(second: float) -> float:
        part = slice(round(second * RATE), round((second + 0.05) * RATE))
        return db(ducked[:, part]) - db(music[:, part])

    assert abs(gain(2.5)) < 0.1
    assert gain(3.0) == pytest.approx(-12, abs=0.7)
    assert gain(5.2) == pytest.approx(-12, abs=0.2)
    assert -12 < gain(5.5) < -1
    assert abs(gain(6.2)) < 0.1
    assert np.array_equal(ducked[:, : 2 * RATE], music[:, : 2 * RATE])


def test_ducking_by_nothing_changes_nothing():
    assert np.array_equal(whole(sound.ducked(tone(1000, 1), [])), whole(tone(1000, 1)))


def test_no_true_peak_passes_the_limiter_and_what_is_below_is_left_alone():
    rng = np.random.default_rng(3)
    samples = rng.normal(0, 0.2, (2, 4 * RATE)).astype(np.float32)
    samples[:, RATE] = 1.9
    samples[0, 3 * RATE : 3 * RATE + 400] = 1.5 * np.sin(2 * np.pi * 0.251 * np.arange(400) + 0.8)

    def blocks() -> Iterator[Audio]:
        for at in range(0, samples.shape[1], 9000):
            yield Audio(samples[:, at : at + 9000].copy(), RATE, at, "stereo")

    out = whole(limiter.limited(blocks(), -1.0))
    assert limiter.peaks(out).max() <= sound.amplitude(-0.98)
    quiet = limiter.peaks(samples) < 0.1
    far = [n for n in np.flatnonzero(quiet) if limiter.peaks(samples[:, max(0, n - 3000) : n + 3000]).max() < 0.88]
    assert np.array_equal(out[:, far], samples[:, far])
    assert np.array_equal(whole(limiter.limited(tone(300, 1, 0.4), -1.0)), whole(tone(300, 1, 0.4)))


def test_a_graph_that_ffmpeg_refuses_is_named():
    with pytest.raises(InvalidParams, match="afftdn"):
        list(soundgraph.run(tone(100, 0.1), "afftdn=nr=nonsense"))
    with pytest.raises(InvalidParams, match="labels"):
        list(soundgraph.run(tone(100, 0.1), "[a]volume=1[b]"))


def test_eight_channels_are_read_and_go_through_graphs():
    rng = np.random.default_rng(4)
    block = Audio(rng.normal(0, 0.1, (8, 4000)).astype(np.float32), RATE, 0, "7.1")
    assert np.allclose(whole(soundgraph.run([block], "volume=0.5")), block.samples / 2, atol=1e-6)
