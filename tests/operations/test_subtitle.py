"""Speech becomes subtitles: words mostly right, times held, jobs that go on after a kill."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clips
from cinemill.engines import pocketsphinx
from cinemill.errors import EngineTimeout, InvalidParams, NoSuchStream, UnsupportedMedia
from cinemill.jobs import run as jobs
from cinemill.jobs.events import PartDone
from cinemill.media.cues import files
from cinemill.operations import recognise, speakers, speaking
from cinemill.operations.speaking import NarrationOptions
from cinemill.surfaces import forms
from command import Cinemill

SPEECH = Path(__file__).parents[1] / "speech"
TRUTH = json.loads((SPEECH / "ten.json").read_text())
JFK = "and so my fellow americans ask not what your country can do for you ask what you can do for your country"


def errors(said: list[str], heard: list[str]) -> float:
    """Word error rate."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        before, row = row, [i]
        for j, other in enumerate(heard, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (word != other)))
    return row[-1] / len(said)


def subtitle(source: Path, output: Path, **params: Any) -> dict[str, Any]:
    request = forms.request("subtitle", [source], output, params)
    return list(jobs.run(request))[-1].result  # type: ignore[attr-defined]


def test_kennedy_is_mostly_understood_out_of_the_box(real: Callable[[str], Path], tmp_path: Path) -> None:
    subtitle(real("jfk.flac"), tmp_path / "jfk.json", engine="pocketsphinx")
    words = list(files.read(tmp_path / "jfk.json").transcript.words())
    assert errors(JFK.split(), [word.text.lower() for word in words]) <= 0.4
    country = next(word for word in words if word.text == "country")
    assert 5500 < country.start < 6300
    for standard in ("netflix", "bbc", "dcmp", "social"):
        for suffix in ("json", "srt"):
            made = tmp_path / f"{standard}.{suffix}"
            asked = {"standard": standard, "lay_out": True}
            list(jobs.run(forms.request("convert-subtitles", [tmp_path / "jfk.json"], made, asked)))
            lint = forms.request("lint-subtitles", [made], None, {"standard": standard})
            assert list(jobs.run(lint))[-1].result["findings"] == []


def test_synthetic_speech_is_heard_and_timed(tmp_path: Path) -> None:
    result = subtitle(SPEECH / "ten.ogg", tmp_path / "ten.json", engine="pocketsphinx")
    words = list(files.read(tmp_path / "ten.json").transcript.words())
    assert errors(TRUTH["text"].lower().replace(".", "").split(), [word.text.lower() for word in words]) < 0.75
    assert result["engine"] == "pocketsphinx"
    assert all(a.start <= b.start for a, b in pairwise(words))


@pytest.mark.parametrize("voice", ["en-us", "en-gb"])
def test_a_voice_without_any_noise_is_heard(voice: str) -> None:
    """Made speech is digitally silent between words, and alone PocketSphinx hears next to nothing of it."""
    speaker = speakers.speaker(NarrationOptions(engine="espeak"))
    text = "Please open the window and close the door."
    spoken = speaker.speak(text, speaker.voice(voice, "en"), "en", 1.0, 1)
    samples = speaking.for_ears(spoken.samples, spoken.rate)
    padded = np.concatenate([np.zeros(8000, np.int16), samples])
    for one in (samples, padded):
        heard = " ".join(word.text for word in pocketsphinx.recognise(one))
        assert speaking.errors(text, heard, "en") <= 0.6, heard
    assert pocketsphinx.recognise(np.zeros(16_000, np.int16)) == []
    assert pocketsphinx.recognise(np.zeros(0, np.int16)) == []


class Counting:
    """A recogniser that counts its windows and says how long each was."""

    name = "pocketsphinx"
    longest = 5000
    most = 1
    note = "counting"

    def __init__(self) -> None:
        self.windows = 0

    def language(self, samples: Any) -> str:
        return "en"

    def hear(self, samples: Any, language: str | None) -> list[recognise.Heard]:
        (one,) = samples
        return [self.heard(one)]

    def heard(self, samples: Any) -> recognise.Heard:
        from cinemill.media.cues.types import Cue, Word

        self.windows += 1
        end = len(samples) // 16
        words = tuple(Word(f"word{n}", 200 + n * (end - 400) // 4, 200 + (n + 1) * (end - 400) // 4) for n in range(4))
        return recognise.Heard((Cue(200, end - 200, ("x",), None, words),), "en")


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    counter = Counting()
    monkeypatch.setattr(recognise, "PocketSphinx", lambda: counter)
    return counter


def test_a_job_that_was_stopped_hears_no_window_twice(counting: Counting, tmp_path: Path) -> None:
    request = forms.request("subtitle", [SPEECH / "ten.ogg"], tmp_path / "whole.json", {})
    list(jobs.run(request, chunk_seconds=5))
    whole = counting.windows
    assert whole >= 6
    counting.windows = 0
    request = forms.request("subtitle", [SPEECH / "ten.ogg"], tmp_path / "again.json", {})
    with closing(jobs.run(request, chunk_seconds=5)) as events:
        next(event for event in events if isinstance(event, PartDone) and event.chunk == 2)
    heard = counting.windows
    assert 0 < heard < whole
    list(jobs.run(request, chunk_seconds=5))
    assert counting.windows <= whole + 1
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "whole.json").read_bytes()


def test_chunks_of_any_length_give_the_same_file(counting: Counting, tmp_path: Path) -> None:
    made = set[bytes]()
    for seconds in (1, 7, 30):
        output = tmp_path / f"{seconds}.srt"
        list(jobs.run(forms.request("subtitle", [SPEECH / "ten.ogg"], output, {}), chunk_seconds=seconds))
        made.add(output.read_bytes())
    assert len(made) == 1


def test_a_decode_without_end_costs_its_window_and_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    recognised = pocketsphinx.recognise
    calls = list[int]()

    def stuck(samples: Any) -> Any:
        calls.append(len(samples))
        if len(calls) == 1:
            raise EngineTimeout("engine pocketsphinx did not answer within 9 s and was stopped.")
        return recognised(samples)

    monkeypatch.setattr(pocketsphinx, "recognise", stuck)
    result = subtitle(SPEECH / "ten.ogg", tmp_path / "ten.srt")
    assert len(calls) > 1
    assert any("did not answer" in note for note in result["notes"])
    assert result["words"] > 20


def test_frames_of_a_video_are_the_clock(counting: Counting, tmp_path: Path) -> None:
    video = tmp_path / "talk.mp4"
    picture = ["-f", "lavfi", "-i", "color=s=64x48:r=25:d=10"]
    clips.run(*picture, "-t", 10, "-i", SPEECH / "ten.ogg", "-c:v", "libx264", "-c:a", "aac", video)
    subtitle(video, tmp_path / "talk.srt")
    cues = files.read(tmp_path / "talk.srt").transcript.cues
    assert cues
    assert all(time % 40 == 0 for cue in cues for time in (cue.start, cue.end))


def test_silence_and_pictures_are_refused_in_a_sentence(tmp_path: Path) -> None:
    clips.run("-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono,atrim=end=5", tmp_path / "silent.flac")
    with pytest.raises(UnsupportedMedia, match="nobody speaks"):
        subtitle(tmp_path / "silent.flac", tmp_path / "out.srt")
    clips.run("-f", "lavfi", "-i", "testsrc2=s=64x48:d=1", tmp_path / "mute.mkv")
    with pytest.raises(NoSuchStream, match="0 audio tracks"):
        subtitle(tmp_path / "mute.mkv", tmp_path / "out.srt")


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"language": "de"}, "English only"),
        ({"task": "translate"}, "translate"),
        ({"model": "large-v3"}, "model=large-v3"),
        ({"hotwords": "x"}, "hotwords"),
    ],
)
def test_what_pocketsphinx_cannot_do_is_refused(params: dict[str, str], said: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidParams, match=said):
        subtitle(SPEECH / "ten.ogg", tmp_path / "out.srt", engine="pocketsphinx", **params)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(30, 4000), st.integers(10, 8000)), min_size=1, max_size=30), st.integers(2, 30))
def test_windows_hold_all_speech_and_are_never_too_long(runs: list[tuple[int, int]], seconds: int) -> None:
    regions, clock = list[tuple[int, int]](), 0
    for pause, length in runs:
        regions.append((10 * (clock + pause), 10 * (clock + pause + length)))
        clock += pause + length
    levels = np.random.default_rng(1).normal(size=clock + 50).astype(np.float32)
    found = recognise.windows(regions, levels, seconds * 1000)
    assert all(0 < end - start <= seconds * 1000 for start, end in found)
    assert all(a[1] <= b[0] for a, b in pairwise(found))
    for start, end in regions:
        assert end - start == sum(max(0, min(end, stop) - max(start, begin)) for begin, stop in found)


def test_flags_are_taken_as_whisperx_users_write_them(tmp_path: Path) -> None:
    cinemill = Cinemill(tmp_path, tmp_path / "home")
    flags = ["--max_line_width", 30, "--max_line_count", 1, "--output_format", "vtt", "--highlight_words", "True"]
    said = cinemill("subtitle", SPEECH / "ten.ogg", "-o", "ten.vtt", *flags, "--language", "en", "--chunk_size", 20)
    assert said.code == 0, said.err
    cues = files.read(tmp_path / "ten.vtt").transcript.cues
    assert all(len(cue.lines) == 1 and len(cue.text) <= 30 for cue in cues)
    assert cues[0].marks
    refused = cinemill("subtitle", SPEECH / "ten.ogg", "--fp16", "True")
    assert refused.code == 2
    assert "fp16" in refused.err
