"""Texts are spoken out of the box: understood, in time, as loud as is wanted; what goes wrong is said again."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cinemill.engines import pocketsphinx
from cinemill.errors import EngineCrashed, InvalidParams, OpenFailed, OutputRefused, RequestError, UnknownName
from cinemill.jobs import run as jobs
from cinemill.jobs.events import PartDone
from cinemill.jobs.store import JobFolder
from cinemill.measure import loudness
from cinemill.media import audio, read
from cinemill.media.cues import files
from cinemill.media.cues.types import Word
from cinemill.operations import align, script, speakers, speaking
from cinemill.operations.speaking import NarrationOptions
from cinemill.surfaces import forms
from command import COMMAND, Cinemill
from faulty import Faulty

TEXT = "The quick brown fox jumps over the lazy dog. In 1984, Dr. Smith paid $5 for tea; it was too much."


def narrate(text: str | Path, output: Path, **params: Any) -> dict[str, Any]:
    source = text
    if isinstance(text, str):
        source = output.with_name("text.txt")
        source.write_text(text, "utf-8")
    return list(jobs.run(forms.request("narrate", [Path(source)], output, params)))[-1].result  # type: ignore[attr-defined]


def sound(path: Path) -> tuple[np.ndarray, int]:
    info = read.probe(path)
    blocks = list(audio.audio(info, read.sound_of(info, 0)))
    return np.concatenate([block.samples for block in blocks], axis=1), blocks[0].sample_rate


def words_of(path: Path) -> list[Word]:
    return list(files.read(path).transcript.words())


def test_a_pipe_is_spoken_with_captions(cinemill: Cinemill, folder: Path) -> None:
    command = [*COMMAND, "narrate", "-o", "out.wav", "--json"]
    place: Any = {"cwd": folder, "env": cinemill.environment, "capture_output": True}
    done = subprocess.run(command, input=TEXT.encode(), check=True, **place)
    last = json.loads(done.stdout.splitlines()[-1])
    assert [Path(file).name for file in last["outputs"]] == ["out.wav", "out.srt"]
    assert "$5 for tea" in (folder / "out.srt").read_text("utf-8").replace("\n", " ")
    nothing = subprocess.run(command, input=b" \n", check=False, **place)
    assert nothing.returncode == RequestError.exit_code


@pytest.mark.parametrize("name", ["podcast", "broadcast"])
def test_loudness_and_peaks_are_what_was_asked(name: str, tmp_path: Path) -> None:
    result = narrate(TEXT, tmp_path / "out.wav", loudness=name)
    info = read.probe(tmp_path / "out.wav")
    found = loudness.measured(audio.audio(info, read.sound_of(info, 0)))
    target = loudness.TARGETS[name]
    assert found.lufs == pytest.approx(target.lufs, abs=0.5)
    assert found.peak_db <= target.peak_db
    assert result["loudness"]["after"]["lufs"] == pytest.approx(found.lufs, abs=0.2)


def test_words_are_where_forced_alignment_hears_them(tmp_path: Path) -> None:
    narrate(TEXT, tmp_path / "out.wav", captions="json", voice="en-us+f2", speed=0.85)
    ours = words_of(tmp_path / "out.json")
    assert [word.text for word in ours] == TEXT.split()
    assert all(a.end <= b.start for a, b in pairwise(ours))
    samples, rate = sound(tmp_path / "out.wav")
    heard = align.timed(speaking.for_ears(samples[0], rate), ours, True)
    off = sorted(abs(a.start - b.start) for a, b in zip(ours, heard))
    assert off[len(off) // 2] <= 30
    assert off[int(len(off) * 0.9)] <= 60


def test_it_is_understood(tmp_path: Path) -> None:
    text = "Please open the window and close the door."
    # Variants of voices breathe at random, and PocketSphinx hears another thing each time.
    narrate(text, tmp_path / "out.wav", captions="none", voice="en-us")
    samples, rate = sound(tmp_path / "out.wav")
    heard = " ".join(word.text for word in pocketsphinx.recognise(speaking.for_ears(samples[0], rate)))
    assert speaking.errors(text, heard, "en") <= 0.5


def test_a_job_that_is_killed_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    text = " ".join(f"This is sentence number {number} of many." for number in range(12))
    narrate(text, tmp_path / "whole.wav", captions="none")
    (tmp_path / "again").mkdir()
    request = forms.request("narrate", [tmp_path / "text.txt"], tmp_path / "again" / "out.wav", {"captions": "none"})
    with closing(jobs.run(request, chunk_seconds=5)) as events:
        next(event for event in events if isinstance(event, PartDone))
    done = list(jobs.run(request, chunk_seconds=5))
    assert done[0].done > 0  # type: ignore[attr-defined]
    assert (tmp_path / "again" / "out.wav").read_bytes() == (tmp_path / "whole.wav").read_bytes()


def test_a_process_that_is_killed_speaks_no_part_twice(tmp_path: Path) -> None:
    """`kill -9` once a part is there; the rest is spoken by another process, and the file is the same."""
    (tmp_path / "text.txt").write_text(" ".join(f"This is sentence number {number}." for number in range(30)))
    environ = {**os.environ, "CINEMILL_STATE_DIR": str(tmp_path / "state"), "CINEMILL_DATA_DIR": str(tmp_path / "data")}

    def command(output: Path) -> subprocess.Popen[bytes]:
        asked = ["narrate", tmp_path / "text.txt", "-o", output, "--json", "--chunk-seconds", "10"]
        return subprocess.Popen([*COMMAND, *map(str, asked)], env=environ, stdout=subprocess.PIPE)

    assert command(tmp_path / "whole.wav").communicate()[0]
    killed = tmp_path / "killed.wav"
    process, folder = command(killed), JobFolder.of(killed)
    deadline = time.monotonic() + 120
    while not folder.part(0).exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()
    process.communicate()
    assert not killed.exists()
    kept = {path: path.stat().st_mtime_ns for path in folder.path.glob("part-*") if path.suffix != ".tmp"}
    assert folder.part(0) in kept
    again = command(killed)
    assert again.stdout
    assert b'"done": 0' not in again.stdout.readline()
    assert folder.part(0).stat().st_mtime_ns == kept[folder.part(0)]
    again.communicate()
    assert again.returncode == 0
    assert killed.read_bytes() == (tmp_path / "whole.wav").read_bytes()
    assert killed.with_suffix(".srt").read_text() == (tmp_path / "whole.srt").read_text()


def test_pauses_are_as_long_as_they_are_told(tmp_path: Path) -> None:
    options = {"captions": "json", "loudness": "none"}
    narrate("One. Two. [pause:2s] Three.\n\nFour.", tmp_path / "out.wav", **options)
    words = words_of(tmp_path / "out.json")
    gaps = [b.start - a.end for a, b in pairwise(words)]
    assert [gap / 1000 for gap in gaps] == pytest.approx([0.38, 2.03, 0.73], abs=0.1)
    narrate("One. Two. Three.", tmp_path / "run.wav", crossfade=0.05, **options)
    assert all(b.start - a.end < 60 for a, b in pairwise(words_of(tmp_path / "run.json")))


def test_several_voices_and_languages_in_one_text() -> None:
    text = "Hello. [voice:en-gb] Hello. [voice:f3] Hello. [voice:alloy] Hello. Привет, мир."
    taken = speaking.narrate(text, NarrationOptions(voice="en-us"))
    assert [word.text for word in taken.words] == ["Hello."] * 4 + ["Привет,", "мир."]
    assert taken.language == "en"


def test_wrong_asks_are_refused_before_anything_is_said(tmp_path: Path) -> None:
    for text in ("", "  \n ", "😀 …", "---"):
        with pytest.raises((InvalidParams, OpenFailed)):
            narrate(text, tmp_path / "out.wav")
    with pytest.raises(UnknownName, match="did you mean"):
        narrate("hi", tmp_path / "out.wav", voice="en-uss")
    with pytest.raises(InvalidParams, match="does not speak"):
        narrate("hi", tmp_path / "out.wav", language="tlh-x")
    with pytest.raises(UnknownName):
        narrate("[voice:nobody] hi", tmp_path / "out.wav")
    with pytest.raises(OutputRefused):
        narrate("hi", tmp_path / "out.mp4")
    (tmp_path / "binary.txt").write_bytes(bytes(range(256)) * 9)
    with pytest.raises(OpenFailed):
        narrate(tmp_path / "binary.txt", tmp_path / "out.wav")
    (tmp_path / "out.srt").write_text("mine")
    with pytest.raises(OutputRefused, match=r"out\.srt exists"):
        narrate("hi", tmp_path / "out.wav")
    assert (tmp_path / "out.srt").read_text() == "mine"
    assert not (tmp_path / "out.wav").exists()


def test_a_long_text_is_cut_and_one_that_is_too_long_is_refused() -> None:
    speaker = speakers.Espeak(NarrationOptions())
    text = "The quick brown fox jumps over the lazy dog. " * 4_000
    assert len(speaking.utterances(text, NarrationOptions(), speaker, "en")) == 4_000
    with pytest.raises(InvalidParams, match="too long"):
        speaking.utterances("a" * (speaking.MOST_CHARACTERS + 1), NarrationOptions(), speaker, "en")


class Ear:
    """Hears what eSpeak said by knowing how long each way to say it is."""

    name = "ear"

    def __init__(self, sentences: list[str]) -> None:
        self.known: dict[int, str] = {}
        voice = Faulty("none", 1)
        try:
            for one in sentences:
                half = one.split()[: len(one.split()) // 2]
                backwards = " ".join(word[::-1] for word in one.split())
                for text in (one, " ".join(half), f"{one} {one}", backwards):
                    self.known[len(voice.speak(text, "", "en", 1, 0).samples)] = text
        finally:
            voice.host.stop()

    def hear(self, samples: np.ndarray, language: str) -> list[Word]:
        length = min(self.known, key=lambda known: abs(known / 22_050 - len(samples) / 16_000))
        text = self.known[length]
        return [Word(word, 0, len(samples) // 16) for word in text.split()]


SENTENCES = ["The quick brown fox jumps over the lazy dog.", "Please open the window and close the door."]


@pytest.fixture(scope="module")
def ear() -> Ear:
    return Ear(SENTENCES)


def taken(fault: str, good: int, ear: Ear, **options: Any) -> list[speaking.Take]:
    speaker = Faulty(fault, good)
    try:
        said = script.utterances(" ".join(SENTENCES), "en", 280, 0, 0.7)
        return list(speaking.takes(said, NarrationOptions(**options), speaker, "en", ear))
    finally:
        speaker.host.stop()


@pytest.mark.parametrize("fault", ["drop", "repeat", "garble", "babble", "silence"])
def test_what_goes_wrong_is_said_again_until_it_is_right(fault: str, ear: Ear) -> None:
    found = taken(fault, 3, ear)
    assert [take.tries for take in found] == [3, 3]
    assert [take.wer for take in found] == [0, 0]
    assert speaking.doubts(found, NarrationOptions()) == ["2 sentences were said again until understood."]


@pytest.mark.parametrize("fault", ["drop", "repeat", "garble", "babble", "silence"])
def test_what_never_comes_right_is_reported(fault: str, ear: Ear) -> None:
    found = taken(fault, 99, ear, tries=2)
    assert all(take.wer is not None and take.wer > 0.25 for take in found)
    (note,) = speaking.doubts(found, NarrationOptions(tries=2))
    assert "2 sentences were not understood after 2 tries" in note
    assert "quick brown fox" in note


def test_one_sentence_is_told_as_one(ear: Ear) -> None:
    (bad, _) = taken("drop", 99, ear, tries=1)
    (note,) = speaking.doubts([bad], NarrationOptions(tries=1))
    assert note.startswith("1 sentence was not understood after one try:")


def test_what_was_heard_wrongly_is_told_on_a_terminal(cinemill: Cinemill, folder: Path) -> None:
    (folder / "text.txt").write_text("The quick brown fox jumps over the lazy dog.")
    asked = ("--verify", "pocketsphinx", "--captions", "none")
    done = subprocess.run(
        [*COMMAND, "narrate", "text.txt", "-o", "out.wav", *asked],
        cwd=folder,
        env=cinemill.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "heard wrongly" in done.stdout
    assert "quick brown fox" in done.stdout
    assert "gets about half of espeak's words wrong" in " ".join(done.stdout.split())
    assert "not understood" not in done.stdout


def test_an_engine_that_always_dies_is_named(ear: Ear) -> None:
    def dying() -> Iterator[speaking.Take]:
        speaker = Faulty("die", 2)
        try:
            said = script.utterances(SENTENCES[0], "en", 280, 0, 0.7)
            yield from speaking.takes(said, NarrationOptions(tries=2), speaker, "en", ear)
        finally:
            speaker.host.stop()

    with pytest.raises(EngineCrashed, match="fake voice died"):
        list(dying())


def test_words_without_the_engines_times_are_found_by_listening(ear: Ear) -> None:
    (first, _) = taken("none", 1, ear)
    assert [word.text for word in first.words] == SENTENCES[0].split()
    assert 300 < first.words[2].start < 1100


@pytest.mark.parametrize(
    ("said", "heard", "wrong"),
    [
        ("In 1984.", "in nineteen eighty-four", 0),
        ("It's fine", "its fine", 0),
        ("sea shells", "seashells", 0),
        ("one two three four", "one two four", 0.25),
        ("one two", "one one two two", 1),
        ("日本語です", "日本語でし", 0.2),
        ("word", "", 1),
    ],
)
def test_errors_are_counted_in_words_as_they_are_said(said: str, heard: str, wrong: float) -> None:
    assert speaking.errors(said, heard, "en") == pytest.approx(wrong)
