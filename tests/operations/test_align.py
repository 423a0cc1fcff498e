"""A known text is found in its sound: English to hundredths of a second, anything else sanely."""

from __future__ import annotations

import json
from difflib import SequenceMatcher
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from cinemill.errors import InvalidParams, OpenFailed
from cinemill.jobs import run as jobs
from cinemill.media.cues import files, spoken
from cinemill.media.cues.types import Cue, Transcript, Word
from cinemill.surfaces import forms

SPEECH = Path(__file__).parents[1] / "speech"
TRUTH = json.loads((SPEECH / "ten.json").read_text())


def align(text: str, output: Path, sound: Path = SPEECH / "ten.ogg", suffix: str = ".txt", **params: Any) -> Transcript:
    given = output.with_name(f"given{suffix}")
    given.write_text(text)
    request = forms.request("align", [sound], output, {"text": str(given), **params})
    list(jobs.run(request))
    return files.read(output).transcript


def test_english_is_found_within_thirty_milliseconds(tmp_path: Path) -> None:
    done = align(TRUTH["text"], tmp_path / "out.json")
    words = list(done.words())
    assert [word.text for word in words] == TRUTH["text"].split()
    ours = [word.text.lower().strip(".") for word in words]
    theirs = [word for word, _ in TRUTH["words"]]
    pairs = SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
    errors = [abs(words[pair.a + n].start - TRUTH["words"][pair.b + n][1]) for pair in pairs for n in range(pair.size)]
    assert len(errors) > 80
    assert median(errors) <= 30
    assert sum(error > 200 for error in errors) <= 3


def test_names_numbers_and_signs_have_sane_times(tmp_path: Path) -> None:
    text = TRUTH["text"].replace("seven in", "7 — in").replace("boston", "Zorblaxia")
    words = list(align(text, tmp_path / "out.json").words())
    times = [time for word in words for time in (word.start, word.end)]
    assert times == sorted(times)
    seven, dash, following = (words[[word.text for word in words].index("7") + n] for n in range(3))
    told = next(time for word, time in TRUTH["words"] if word == "seven")
    assert abs(seven.start - told) < 120
    assert seven.end <= dash.start <= dash.end <= following.start


def test_subtitles_keep_their_cues_and_get_new_times(tmp_path: Path) -> None:
    sentences = [sentence.strip() + "." for sentence in TRUTH["text"].split(".") if sentence.strip()]
    wrong = Transcript(tuple(Cue(100 * n, 100 * n + 90, (text,)) for n, text in enumerate(sentences)), "en")
    done = align(files.written(wrong, "srt"), tmp_path / "out.srt", suffix=".srt")
    assert [cue.text for cue in done.cues] == sentences
    told = [time for word, time in TRUTH["words"] if word in ("she", "please", "my", "children")]
    ours = [cue.start for cue in done.cues if cue.text.split()[0] in ("She", "Please", "My", "Children")]
    assert all(abs(a - b) < 60 for a, b in zip(ours, told))


def test_other_scripts_are_spread_over_where_a_voice_is(tmp_path: Path) -> None:
    done = align("Быстрая лиса перепрыгивает через ленивую собаку. " * 5, tmp_path / "out.vtt", cues="lines")
    words = list(done.words())
    assert len(words) == 30
    assert words[0].start < 1500
    assert words[-1].end > 25_000


def test_a_text_that_cannot_be_said_in_the_time_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidParams, match="more than fit"):
        align(TRUTH["text"] * 40, tmp_path / "out.srt")
    with pytest.raises(OpenFailed, match="is empty"):
        align("\n \n", tmp_path / "out.srt")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("1984,", "nineteen eighty four"),
        ("2005", "two thousand five"),
        ("1,234,567", "one million two hundred thirty four thousand five hundred sixty seven"),
        ("$3.50", "three point five zero dollars"),
        ("21st", "twenty first"),
        ("50%", "fifty percent"),
        ("R&B", "r and b"),
        ("don’t!", "don't"),
        ("—", ""),
        ("1900", "nineteen hundred"),
    ],
)
def test_numbers_and_signs_are_said(written: str, said: str) -> None:
    assert " ".join(spoken.said(written)) == said


def test_any_word_has_phones() -> None:
    assert spoken.phones("Zorblaxia") == "Z AO R B L AE K S IH AE"
    assert spoken.phones("Žižek") == "Z IH Z EH K"
    assert spoken.phones("日本") == "AH"


def test_words_of_json_are_not_parted_again(tmp_path: Path) -> None:
    words = tuple(Word(text, 0, 0) for text in TRUTH["text"].split())
    done = align(
        files.written(Transcript((Cue(0, 0, ("x",), None, words),), "en"), "json"),
        tmp_path / "o.json",
        suffix=".json",
        cues="rules",
    )
    assert len(list(done.words())) == len(words)
