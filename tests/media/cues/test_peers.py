"""What other tools get wrong, by their own examples."""

from __future__ import annotations

import json
import re

from cinemill.media.cues import emphasis, files
from cinemill.media.cues.layout import lay_out
from cinemill.media.cues.rules import rules
from cinemill.media.cues.style import Style
from cinemill.media.cues.types import Cue, Transcript, Word


def words(
    text: str, step: int = 300, start: int = 0, speaker: str | None = None, space: bool = True
) -> tuple[Word, ...]:
    return tuple(
        Word(word, start + n * step, start + n * step + step - 20, 0.9, speaker, space)
        for n, word in enumerate(text.split())
    )


def transcript(*runs: tuple[Word, ...], language: str = "en") -> Transcript:
    return Transcript(tuple(Cue(run[0].start, run[-1].end, ("x",), None, run) for run in runs), language)


def test_42_columns_are_42_with_blanks_and_labels() -> None:
    """whisperX 3.8: `--max_line_width 42 --max_line_count 2` gave lines of 64 and 49, for it counts neither."""
    text = "a bb ccc dd e ff ggg hh i jj kkk ll m nn ooo pp q rr sss tt u vv www xx y zz aaa bb c dd eee ff"
    one, other = words(text, speaker="SPEAKER_00"), words(text, start=40_000, speaker="SPEAKER_01")
    for labels in (False, True):
        done = lay_out(transcript(one, other), rules("netflix", "en"), labels=labels)
        assert max(len(line) for cue in done.cues for line in cue.lines) <= 42
        assert max(len(cue.lines) for cue in done.cues) <= 2


def test_a_speakers_words_are_never_another_s() -> None:
    """whisperX 3.8 merges segments over a change of speakers and labels all with the first."""
    one, other = words("we waited for you", speaker="A"), words("I could not come", start=1200, speaker="B")
    done = lay_out(transcript(one, other), rules("netflix", "en"), labels=True)
    for cue in done.cues:
        for line in cue.lines:
            assert not ("waited" in line and "could" in line)
    assert "[B]" in "".join(cue.text for cue in done.cues)


def test_the_language_is_that_of_the_file_and_japanese_has_no_blanks() -> None:
    """whisperX 3.8 stamps every file `en`, and joins words of Japanese with blanks."""
    done = lay_out(transcript(words("私 は 東京 に 行き ました", space=False), language="ja"), rules("netflix", "ja"))
    assert json.loads(files.written(done, "json"))["language"] == "ja"
    assert "".join(line for cue in done.cues for line in cue.lines) == "私は東京に行きました"
    karaoke = files.written(done, "ass", files.Looks(Style(karaoke="word")))
    assert "私" in re.sub(r"\{[^}]*\}", "", karaoke)
    assert " " not in re.sub(r"\{[^}]*\}", "", karaoke.strip().splitlines()[-1].split(",", 9)[9])


def test_no_cue_is_empty_or_ends_before_it_begins() -> None:
    """ai-agents-no-code-tools: an empty first cue, all 50 ms late, and a word of 40 ms that ends 10 ms early."""
    spoken = (Word("No", 0, 40), Word("one", 450, 490), Word("came", 500, 510))
    for preset in ("netflix", "bbc", "dcmp", "social"):
        done = lay_out(Transcript((Cue(0, 510, (), None, spoken),), "en"), rules(preset, "en"))
        assert all(cue.text and cue.end > cue.start for cue in done.cues)
        assert done.cues[0].start == 0


def test_karaoke_never_shows_two_cues_at_once() -> None:
    """Whisper-WebUI and openai-whisper: a cue per word and the whole one beside them."""
    done = emphasis.highlighted(lay_out(transcript(words("ask not what your country can do")), rules("social", "en")))
    assert all(a.end <= b.start for a, b in zip(done.cues, done.cues[1:]))
    assert "WEBVTT" in files.written(done, "vtt").splitlines()[0]


def test_text_that_means_something_to_ass_stays_text() -> None:
    """Captions with braces and backslashes vanish elsewhere."""
    cue = Cue(0, 1000, ("{\\an8} C:\\new {x}",))
    back = files.FORMATS["ass"].read(files.written(Transcript((cue,)), "ass"))  # type: ignore[misc]
    assert back.cues[0].lines == cue.lines
