"""Each rule finds what breaks it, in files as people write them."""

from __future__ import annotations

from fractions import Fraction

import pytest

from cinemill.errors import UnknownName
from cinemill.media.cues.lint import RULES, lint
from cinemill.media.cues.rules import PRESETS, rules
from cinemill.media.cues.types import Cue, Mark, Transcript, Word

GOOD = Cue(1000, 3000, ("Nobody knew.",))


def broken(*cues: Cue, preset: str = "netflix", language: str = "en", **more: object) -> set[str]:
    return {one.rule for one in lint(Transcript(tuple(cues), language), rules(preset, language), **more)}  # type: ignore[arg-type]


CASES = {
    "empty": [Cue(0, 1000, ("",))],
    "negative": [Cue(-40, 1000, ("No.",))],
    "backwards": [Cue(3000, 2000, ("No.",))],
    "order": [Cue(5000, 6000, ("No.",)), Cue(1000, 2000, ("Yes.",))],
    "overlap": [Cue(0, 2000, ("No.",)), Cue(1990, 3000, ("Yes.",))],
    "gap": [Cue(0, 2000, ("No.",)), Cue(2040, 3000, ("Yes.",))],
    "flicker": [Cue(0, 2000, ("No.",)), Cue(2300, 3300, ("Yes.",))],
    "short": [Cue(0, 500, ("No.",))],
    "long": [Cue(0, 8000, ("No.",))],
    "speed": [Cue(0, 1000, ("Nobody knew what had happened.",))],
    "columns": [Cue(0, 5000, ("Nobody knew what had happened to the people",))],
    "lines": [Cue(0, 5000, ("Nobody knew", "what had happened", "to the people of this town so long ago."))],
    "one-line": [Cue(0, 3000, ("Nobody", "knew."))],
    "break": [Cue(0, 5000, ("Nobody in this town could remember the", "people who had once lived here."))],
    "late": [Cue(2000, 3000, ("No.",), None, (Word("No.", 1000, 1200),))],
    "speakers": [
        Cue(0, 2000, ("No.", "Yes."), None, (Word("No.", 0, 900, None, "A"), Word("Yes.", 900, 2000, None, "B")))
    ],
    "blanks": [Cue(0, 2000, ("No,  no.",))],
    "characters": [Cue(0, 2000, ("Caf\ufffd.",))],
    "repeat": [Cue(0, 2000, ("No.",)), Cue(2084, 4000, ("No.",))],
    "labels": [Cue(0, 2000, ("(whispers) No.",))],
}


@pytest.mark.parametrize("rule", CASES)
def test_a_breach_is_found(rule: str) -> None:
    assert rule in broken(*CASES[rule])


def test_what_keeps_every_rule_has_no_findings() -> None:
    assert broken(GOOD, Cue(3084, 5000, ("So we waited for them",))) == set()


def test_cuts_are_asked_for_only_where_a_cue_can_meet_them() -> None:
    assert "cut" in broken(Cue(1200, 3000, ("No.",)), cuts=[1000], frame_rate=Fraction(25))
    assert broken(Cue(1000, 2920, ("No.",)), cuts=[1000, 3000], frame_rate=Fraction(25)) == set()
    crowded = [Cue(120, 960, ("No.",)), Cue(1040, 2000, ("Yes.",))]
    assert "cut" not in broken(*crowded, cuts=[920], frame_rate=Fraction(25))


def test_italics_are_refused_where_the_script_has_none() -> None:
    cue = Cue(0, 3000, ("그리고",), None, (), (Mark("i", 0, 3),))
    assert "italics" in broken(cue, language="ko")
    assert "italics" not in broken(cue, language="en")


def test_markup_left_over_is_a_finding() -> None:
    for text in ("{\\an8}No.", "<font color=red>No.", "you &amp; me"):
        assert "characters" in broken(Cue(0, 2000, (text,)))


def test_every_rule_has_a_case() -> None:
    assert set(RULES) - set(CASES) == {"cut", "italics"}


def test_numbers_are_those_of_the_guides() -> None:
    """Netflix: 42 columns, 20 cps for English, 4 for Japanese, 5/6 to 7 s, 2 frames. DCMP: 32. BBC: 37, 180 wpm."""
    english, japanese, korean = (rules("netflix", code) for code in ("en-GB", "jpn", "ko"))
    assert (english.columns, english.cps, english.longest, english.gap_frames) == (42, 20, 7000, 2)
    assert (japanese.columns, japanese.cps, korean.columns, korean.cps) == (23, 4, 16, 12)
    assert rules("netflix", "fr").cps == 17
    assert rules("netflix", "ar", "children").cps == 17
    assert rules("netflix", "ar", "sdh").cps == 23
    assert (rules("dcmp", "en").columns, rules("dcmp", "en").wpm, rules("bbc", "en").columns) == (32, 160, 37)
    assert (rules("bbc", "en").wpm, rules("bbc", "zh").wpm, rules("bbc", "zh").cps) == (180, None, 9)


def test_unknown_preset_names_those_there_are() -> None:
    with pytest.raises(UnknownName, match="netflix"):
        rules("netflicks")
    assert [rules(name).preset for name in PRESETS] == [*PRESETS]
