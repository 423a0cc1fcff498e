"""Where somebody speaks is found over noise, to a few hundredths of a second."""

from __future__ import annotations

import numpy as np
import pytest

from cinemill.measure import voice
from cinemill.media.mono import RATE


def talk(spans: list[tuple[int, int]], seconds: int, noise: float, loud: float = 6000) -> np.ndarray:
    """Noise in the voice's band in `spans` (ms) over a faint hiss."""
    rng = np.random.default_rng(3)
    sound = rng.normal(0, noise, seconds * RATE)
    for start, end in spans:
        sound[start * 16 : end * 16] += np.convolve(rng.normal(0, loud, (end - start) * 16), np.ones(6) / 6, "same")
    return sound.clip(-32768, 32767).astype(np.int16)


@pytest.mark.parametrize("noise", [0, 20, 300])
def test_speech_is_found_over_steady_noise(noise: float) -> None:
    spans = [(2000, 4500), (6000, 6300), (9000, 15_000)]
    found = voice.regions(voice.levels([talk(spans, 20, noise)]))
    assert len(found) == len(spans)
    for (start, end), (begin, stop) in zip(spans, found):
        assert abs(start - begin) <= 120
        assert abs(end - stop) <= 120


def test_silence_holds_no_speech() -> None:
    assert voice.regions(voice.levels([np.zeros(5 * RATE, np.int16)])) == []
    assert voice.regions(voice.levels([talk([], 10, 100)])) == []
    assert voice.regions(voice.levels([])) == []


def test_blocks_of_any_size_give_the_same_levels() -> None:
    sound = talk([(500, 2500)], 5, 30)
    whole = voice.levels([sound])
    pieces = voice.levels(iter(np.array_split(sound, 37)))
    assert len(whole) == len(pieces) == 500
    assert np.array_equal(whole, pieces)


def test_the_quietest_place_is_in_the_pause() -> None:
    levels = voice.levels([talk([(0, 2000), (2600, 5000)], 5, 30)])
    assert 205 <= voice.quietest(levels, 50, 450) <= 255
