"""Subtitles checked, converted and moved, as jobs."""

from __future__ import annotations

import json
import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clips
from cinemill.errors import OutputRefused, UnknownName, UnsupportedMedia
from cinemill.jobs import run as jobs
from cinemill.media.cues import files, sdh
from cinemill.media.cues.types import Cue, Transcript, Word, shifted
from cinemill.operations import get
from cinemill.surfaces import forms
from command import Cinemill

FILM = """1
00:00:01,000 --> 00:00:03,000
Nobody knew.

2
00:00:03,500 --> 00:00:04,000
(door closes) Nobody in this whole town ever knew where they had gone that night.

3
00:00:06,000 --> 00:00:08,000
<i>We waited.</i>
"""


def do(name: str, source: Path, output: Path | None, **params: Any) -> dict[str, Any]:
    """Run an operation; its result."""
    request = forms.request(name, [source], output, params)
    return list(jobs.run(request))[-1].result  # type: ignore[attr-defined]


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.srt"
    path.write_text(FILM)
    return path


def test_lint_tells_what_is_broken_and_by_how_much(film: Path, tmp_path: Path) -> None:
    result = do("lint-subtitles", film, tmp_path / "found.json", language="en")
    assert not result["passed"]
    rules = {one["rule"] for one in result["findings"]}
    assert {"short", "speed", "columns", "labels"} <= rules
    assert any("42 is the most" in note for note in result["notes"])
    stored = json.loads((tmp_path / "found.json").read_text())
    assert stored["findings"] == result["findings"]


def test_lint_passes_what_was_laid_out(film: Path, tmp_path: Path) -> None:
    film.write_text(FILM.replace("00:00:04,000", "00:00:05,900"))
    for standard in ("netflix", "bbc", "dcmp", "social"):
        slow = tmp_path / "slow.srt"
        transcript = shifted(files.read(film).transcript, 0, 4)
        slow.write_text(files.written(sdh.stripped(transcript), "srt"))
        made = tmp_path / f"{standard}.ttml"
        do("convert-subtitles", slow, made, lay_out=True, standard=standard, language="en", frame_rate="25")
        result = do("lint-subtitles", made, None, standard=standard)
        assert result["findings"] == [], result["notes"]
        assert result["passed"]


@pytest.mark.parametrize(
    ("text", "language", "speed"),
    [
        ("Nobody in the town knew where they had gone.", "en", "20"),
        ("Personne dans la ville ne savait où ils étaient partis.", "fr", "17"),
        ("昨日は東京に行って、友達とラーメンを食べました。", "ja", "4"),
        ("Xyzzy plugh.", "", "17"),
    ],
)
def test_a_file_that_names_no_language_is_judged_by_what_its_text_looks_like(
    text: str, language: str, speed: str, tmp_path: Path
) -> None:
    (tmp_path / "film.srt").write_text(f"1\n00:00:01,000 --> 00:00:07,000\n{text}\n", "utf-8")
    request = forms.request("lint-subtitles", [tmp_path / "film.srt"], None, {})
    decided = get("lint-subtitles").decide(request)
    assert f"{speed} characters a second" in decided.notes[0]
    assert any(f"looks like {language}" in note for note in decided.notes) == bool(language)
    assert list(jobs.run(request))[-1].result["language"] == language


def test_own_numbers_win_over_the_standards(film: Path) -> None:
    result = do("lint-subtitles", film, None, max_line_width=100, max_line_count=1)
    assert not any(one["rule"] == "columns" for one in result["findings"])


@pytest.mark.parametrize("name", ["vtt", "ass", "ttml", "tsv", "json", "lrc", "txt"])
def test_every_format_is_reached_by_its_suffix(name: str, film: Path, tmp_path: Path) -> None:
    made = tmp_path / f"film.{name}"
    do("convert-subtitles", film, made)
    assert "Nobody knew." in made.read_text()
    if name != "txt":
        back = files.read(made).transcript
        assert [cue.text for cue in back.cues][2].strip() == "We waited."


def test_labels_are_stripped_and_words_highlighted(film: Path, tmp_path: Path) -> None:
    do("convert-subtitles", film, tmp_path / "bare.srt", strip_sdh=True)
    assert "(door closes)" not in (tmp_path / "bare.srt").read_text()
    words = tmp_path / "words.json"
    spoken = (Word("Nobody", 1000, 1800), Word("knew.", 1900, 3000))
    words.write_text(files.written(Transcript((Cue(1000, 3000, ("Nobody knew.",), None, spoken),)), "json"))
    do("convert-subtitles", words, tmp_path / "lit.vtt", highlight_words=True)
    assert "<u>Nobody</u>" in (tmp_path / "lit.vtt").read_text()


def test_strange_outputs_are_refused_before_work(film: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="srt"):
        do("convert-subtitles", film, tmp_path / "film.doc")
    with pytest.raises(OutputRefused, match="json"):
        do("lint-subtitles", film, tmp_path / "film.html")


def test_shifting_keeps_what_is_inside_the_programme(film: Path, tmp_path: Path) -> None:
    do("shift-subtitles", film, tmp_path / "early.srt", by=-3.2)
    cues = files.read(tmp_path / "early.srt").transcript.cues
    assert [(cue.start, cue.end) for cue in cues] == [(300, 800), (2800, 4800)]
    do("shift-subtitles", film, tmp_path / "pal.srt", from_rate="24", to_rate="25")
    assert files.read(tmp_path / "pal.srt").transcript.cues[0].start == 960


def test_subtitles_are_read_out_of_a_video(film: Path, tmp_path: Path) -> None:
    video = tmp_path / "film.mkv"
    picture = ["-f", "lavfi", "-i", "testsrc2=s=96x64:r=24:d=1"]
    clips.run(*picture, "-i", film, "-c:v", "ffv1", "-c:s", "srt", "-metadata:s:s:0", "language=eng", video)
    do("convert-subtitles", video, tmp_path / "out.ttml")
    done = files.read(tmp_path / "out.ttml").transcript
    assert [cue.start for cue in done.cues] == [1000, 3500, 6000]
    assert done.cues[2].marks


def speechlike(cues: list[Cue], path: Path, seconds: int) -> None:
    """Noise in the voice's band where cues are, over a faint one."""
    rng = np.random.default_rng(1)
    sound = rng.normal(0, 60, seconds * 16_000)
    for cue in cues:
        span = slice(cue.start * 16, cue.end * 16)
        sound[span] += np.convolve(rng.normal(0, 6000, cue.end * 16 - cue.start * 16), np.ones(6) / 6, "same")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(sound.clip(-32768, 32767).astype("<i2").tobytes())


@pytest.mark.parametrize(("offset", "scale"), [(0, 1), (-3700, 1), (12_340, 1), (2000, Fraction(25, 24))])
def test_resync_finds_offset_and_speed(offset: int, scale: Fraction | int, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    clock, cues = 15_000, []
    while clock < 280_000:
        length = int(rng.integers(900, 4000))
        cues.append(Cue(clock, clock + length, ("No.",)))
        clock += length + int(rng.integers(400, 5000))
    speechlike(cues, tmp_path / "sound.wav", 300)
    inverse = 1 / Fraction(scale)
    wrong = tmp_path / "wrong.srt"
    wrong.write_text(files.written(shifted(Transcript(tuple(cues)), -offset * inverse, inverse), "srt"))
    result = do("resync-subtitles", wrong, tmp_path / "right.srt", sound=str(tmp_path / "sound.wav"))
    assert Fraction(result["scale"]) == scale
    done = files.read(tmp_path / "right.srt").transcript.cues
    assert max(abs(cue.start - was.start) for cue, was in zip(done, cues)) <= 60


def test_subtitles_of_another_film_are_refused(tmp_path: Path) -> None:
    speechlike([Cue(5000, 9000)], tmp_path / "sound.wav", 60)
    wrong = tmp_path / "wrong.srt"
    cues = tuple(Cue(1000 * n, 1000 * n + 400, ("No.",)) for n in range(1, 50))
    wrong.write_text(files.written(Transcript(cues), "srt"))
    with pytest.raises(UnsupportedMedia, match="fits"):
        do("resync-subtitles", wrong, tmp_path / "right.srt", sound=str(tmp_path / "sound.wav"))


def test_the_command_exits_with_1_when_a_rule_is_broken(film: Path, tmp_path: Path) -> None:
    cinemill = Cinemill(tmp_path, tmp_path / "home")
    said = cinemill("lint-subtitles", film, "--json")
    assert said.code == 1, said.err
    assert said.events[-1]["event"] == "done"
    assert said.events[-1]["result"]["findings"]
    assert cinemill("lint-subtitles", film, "--fail-on", "never").code == 0


def test_turns_part_cues_between_speakers(tmp_path: Path) -> None:
    source, turns = tmp_path / "talk.srt", tmp_path / "talk.rttm"
    source.write_text(
        "1\n00:00:00,000 --> 00:00:08,000\nWe waited for you all night long.\nI could not come to the bridge.\n"
    )
    turns.write_text("SPEAKER x 1 0.0 4.2 <NA> <NA> Anna <NA> <NA>\nSPEAKER x 1 4.2 3.8 <NA> <NA> Bert <NA> <NA>\n")
    do("convert-subtitles", source, tmp_path / "talk.vtt", lay_out=True, turns=str(turns), labels=True)
    cues = files.read(tmp_path / "talk.vtt").transcript.cues
    assert [(cue.speaker, cue.lines[0].split()[0]) for cue in cues] == [("Anna", "[Anna]"), ("Bert", "[Bert]")]
    assert not any(cue.words for cue in cues)
