"""eSpeak, which is installed with the studio: it speaks, says when each word comes, and says it the same way again."""

from __future__ import annotations

import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from cinemill.engines import espeak, speech, wire
from cinemill.errors import EngineRefused, ProtocolError

TEXT = 'In the house of the king, there was a dog. "Don\'t stop," she said: now!'


def test_every_word_has_a_time_and_they_follow_one_another() -> None:
    spoken = espeak.speak(TEXT, "en-us")
    assert spoken.words
    assert [TEXT[first:stop] for first, stop, _, _ in spoken.words] == [word.lstrip('"') for word in TEXT.split()]
    assert all(start < end for _, _, start, end in spoken.words)
    assert all(a[3] <= b[2] for a, b in pairwise(spoken.words))
    assert spoken.words[-1][3] <= spoken.seconds
    assert 3 < spoken.seconds < 7


def test_the_same_text_is_the_same_sound_whatever_was_said_before() -> None:
    once = espeak.speak(TEXT, "en-us")
    espeak.speak("Etwas ganz anderes.", "de")
    espeak.stop()
    assert np.array_equal(espeak.speak(TEXT, "en-us").samples, once.samples)


def test_speed_is_a_factor() -> None:
    slow, fast = (espeak.speak(TEXT, "en-us", speed).seconds for speed in (0.75, 1.5))
    assert slow > 1.6 * fast


@pytest.mark.parametrize("text", ["", "   ", "😀", "x\0y", "日本語のテキスト。", "Привет, мир", "a" * 3000, "e\u0301́́"])
def test_any_text_comes_back(text: str) -> None:
    spoken = espeak.speak(text, "en-us")
    assert np.isfinite(spoken.samples).all()


def test_many_languages_are_there_and_a_voice_that_is_not_is_named() -> None:
    assert len(espeak.voices()) > 100
    assert {"en-us", "en-gb", "de", "fr-fr", "es", "ru", "ja"} <= set(espeak.voices())
    with pytest.raises(EngineRefused, match="no-such"):
        espeak.speak("hi", "no-such")


class Says:
    """A host that answers what it was made with."""

    name = "says"

    def __init__(self, *pieces: object) -> None:
        self._pieces = pieces

    def run(self, *_: object, **__: object) -> object:
        return iter(self._pieces)


@pytest.mark.parametrize(
    "piece",
    [
        ({"rate": 0}, [b""]),
        ({"words": None}, [b"\0\0"]),
        ({"rate": 22050, "words": [[0, 99, 0, 10]]}, [b"\0\0"]),
        ({"rate": 22050, "words": None}, [b"\0"]),
        ({"rate": 4000, "words": None}, [bytes(2 * 4000 * 601)]),
        ({"rate": 22050, "words": None}, []),
    ],
)
def test_what_is_no_sound_is_refused(piece: tuple[object, list[bytes]]) -> None:
    with pytest.raises(ProtocolError, match="says gave"):
        speech.speak(Says(piece), {"text": "hi"}, deadline=1)  # type: ignore[arg-type]


def test_samples_that_are_no_numbers_become_silence() -> None:
    blob = np.array([0.5, np.nan, np.inf, -0.5], np.float32).tobytes()
    said = ({"rate": 24_000, "format": "float32", "words": None}, [blob])
    spoken = speech.speak(Says(said), {"text": "hi"}, deadline=1)  # type: ignore[arg-type]
    assert spoken.samples.tolist() == [0.5, 0, 0, -0.5]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are looked for in /proc")
def test_nothing_stays_behind_an_engine_that_is_killed_while_it_speaks() -> None:
    engine = [sys.executable, str(Path(espeak.__file__).with_name("serve.py"))]
    process = subprocess.Popen(engine, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdin
    assert process.stdout
    wire.receive(process.stdout)
    wire.send(process.stdin, {"kind": "run", "params": {"text": "The quick brown fox. " * 2000, "voice": "en-us"}})
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + 60
    while not (born := children.read_text().split()) and time.monotonic() < deadline:
        time.sleep(0.002)
    process.kill()
    process.communicate()
    assert born
    while Path(f"/proc/{born[0]}").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not Path(f"/proc/{born[0]}").exists()
