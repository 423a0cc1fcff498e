"""Laws of the layout over random speech, for every preset; and what a reader would notice."""

from __future__ import annotations

import time
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams import speech

from cinemill.media.cues.emphasis import placed
from cinemill.media.cues.layout import lay_out
from cinemill.media.cues.lint import lint
from cinemill.media.cues.packed import Packed, packed
from cinemill.media.cues.rules import PRESETS, Rules, rules
from cinemill.media.cues.timing import Grid, Limits, Span, streamed, times
from cinemill.media.cues.types import Character, Cue, Mark, Transcript, Word, spread
from cinemill.media.cues.width import columns

RATES = [None, Fraction(24000, 1001), Fraction(25), Fraction(30)]
presets = st.sampled_from(PRESETS)
rates = st.sampled_from(RATES)
cuts = st.lists(st.integers(0, 60_000), max_size=30)


def said(text: str, language: str = "en", pace: int = 75, start: int = 0, speaker: str | None = None) -> list[Word]:
    """Words spoken one after another, with pauses after sentences."""
    words: list[Word] = []
    clock = start
    for word in text.split():
        length = pace * len(word) + 60
        words.append(Word(word, clock, clock + length, speaker=speaker))
        clock += length + (400 if word[-1] in ".?!" else 30)
    return words


def transcript(*runs: list[Word], language: str = "en") -> Transcript:
    words = [word for run in runs for word in run]
    return Transcript((Cue(words[0].start, words[-1].end, (), None, tuple(words)),), language)


def bare(cue: Cue, rules: Rules) -> str:
    lines = (
        cue.lines if len({word.speaker for word in cue.words}) < 2 else (x.removeprefix(rules.dash) for x in cue.lines)
    )
    return "".join(lines).replace(" ", "")


@settings(max_examples=60, deadline=None)
@given(speech(), presets, rates, cuts)
def test_no_rule_that_can_always_be_kept_is_broken(
    spoken: Transcript, preset: str, rate: Fraction | None, cuts: list[int]
) -> None:
    asked = rules(preset, spoken.language)
    done = lay_out(spoken, asked, frame_rate=rate, cuts=cuts)
    grid = Grid(rate)
    limits = Limits.of(asked, grid)
    for cue in done.cues:
        assert len(cue.lines) <= asked.lines
        assert all(0 < columns(line, asked.half_width) <= asked.columns for line in cue.lines)
        assert limits.shortest <= grid.at(cue.end) - grid.at(cue.start) <= limits.longest
        assert cue.start >= 0
    for cue, ahead in pairwise(done.cues):
        assert grid.at(ahead.start) - grid.at(cue.end) >= limits.gap
    assert "".join(bare(cue, asked) for cue in done.cues) == "".join(word.text for word in spoken.words())
    broken = {one.rule for one in lint(done, asked, frame_rate=rate, cuts=cuts)}
    assert broken <= {"speed", "late", "repeat"}, broken


@settings(max_examples=60, deadline=None)
@given(speech(), presets, rates)
def test_words_stay_in_order_and_are_shown_inside_their_cue(
    spoken: Transcript, preset: str, rate: Fraction | None
) -> None:
    for cue in lay_out(spoken, rules(preset, spoken.language), frame_rate=rate).cues:
        times = [time for word in cue.words for time in (word.start, word.end)]
        assert times == sorted(times)
        assert times[-1] <= cue.end
        shown = [time for word, _, _ in placed(cue) for time in (word.start, word.end)]
        assert shown == sorted(shown)
        assert all(cue.start <= time <= cue.end for time in shown)


@settings(max_examples=40, deadline=None)
@given(speech("en", slow=True), st.sampled_from(["netflix", "social"]), rates, cuts)
def test_unhurried_speech_has_nothing_to_find(
    spoken: Transcript, preset: str, rate: Fraction | None, cuts: list[int]
) -> None:
    asked = rules(preset, "en")
    done = lay_out(spoken, asked, frame_rate=rate, cuts=cuts)
    assert [str(one) for one in lint(done, asked, frame_rate=rate, cuts=cuts) if one.rule != "repeat"] == []


@settings(max_examples=40, deadline=None)
@given(speech(speakers=4), presets)
def test_labels_are_counted_and_speakers_never_share_a_line(spoken: Transcript, preset: str) -> None:
    asked = rules(preset, spoken.language)
    done = lay_out(spoken, asked, labels=True)
    for cue in done.cues:
        assert all(columns(line, asked.half_width) <= asked.columns for line in cue.lines)
        speakers = list(dict.fromkeys(word.speaker for word in cue.words))
        assert len(speakers) <= (2 if asked.dialogue else 1)
        if len(speakers) == 2:
            assert len(cue.lines) == 2
            assert all(line.startswith(asked.dash) for line in cue.lines)


@settings(max_examples=30, deadline=None)
@given(speech(), presets, rates)
def test_laying_out_what_is_laid_out_changes_no_text(spoken: Transcript, preset: str, rate: Fraction | None) -> None:
    asked = rules(preset, spoken.language)
    once = lay_out(spoken, asked, frame_rate=rate)
    again = lay_out(once, asked, frame_rate=rate)
    assert "".join(word.text for word in again.words()) == "".join(word.text for word in once.words())


def test_lines_break_where_the_sentence_allows_it() -> None:
    """Not between article and noun, and the lower line is the longer one."""
    (cue,) = lay_out(
        transcript(said("We waited all night on the old bridge until the sun rose.")), rules("netflix", "en")
    ).cues
    assert cue.lines == ("We waited all night on the old bridge", "until the sun rose.") or cue.lines == (
        "We waited all night",
        "on the old bridge until the sun rose.",
    )


def test_a_name_stays_together() -> None:
    done = lay_out(
        transcript(said("Nobody in town knew that it was John Kennedy who wrote the letter.")), rules("dcmp", "en")
    )
    assert any("John Kennedy" in line for cue in done.cues for line in cue.lines)


def test_a_new_speaker_begins_a_new_cue() -> None:
    one = said("I told you yesterday that I would not come to the party.", speaker="A")
    other = said("But you promised me that you would be there all the same.", start=one[-1].end + 100, speaker="B")
    done = lay_out(transcript(one, other), rules("netflix", "en"))
    assert all(len({word.speaker for word in cue.words}) == 1 for cue in done.cues)
    assert {cue.speaker for cue in done.cues} == {"A", "B"}


def test_short_replies_share_a_cue_with_dashes() -> None:
    one = said("Ready?", speaker="A")
    other = said("Yes.", start=one[-1].end + 50, speaker="B")
    (cue,) = lay_out(transcript(one, other), rules("netflix", "en")).cues
    assert cue.lines == ("-Ready?", "-Yes.")
    assert cue.speaker is None


def test_labels_come_where_the_speaker_changes() -> None:
    one = said("I told you yesterday that I would not come to the party.", speaker="Anna")
    other = said("But you promised me that you would be there all the same.", start=one[-1].end + 900, speaker="Bert")
    done = lay_out(transcript(one, other), rules("bbc", "en"), labels=True)
    labelled = [cue.lines[0].split("]")[0] for cue in done.cues if cue.lines[0].startswith("[")]
    assert labelled == ["[ANNA", "[BERT"]


def test_cues_come_with_the_cuts() -> None:
    """In the words' place 5 frames after a cut, and out 2 frames before the next."""
    rate = Fraction(24)
    words = said("Nobody knew where they had gone.", start=round(1000 * 29 / 24))
    done = lay_out(transcript(words), rules("netflix", "en"), frame_rate=rate, cuts=[1000])
    assert done.cues[0].start == 1000
    gone = round(words[-1].end / 1000 * 24) + 4
    done = lay_out(transcript(words), rules("netflix", "en"), frame_rate=rate, cuts=[round(gone * 1000 / 24)])
    assert round(done.cues[0].end * 24 / 1000) == gone - 2


def test_japanese_has_no_blanks_and_no_line_begins_with_a_full_stop() -> None:
    text = "昨日は東京に行って、友達と一緒にとても美味しいラーメンを食べました。それから映画を見て家に帰りました。"
    words = spread(text, 0, 12_000)
    done = lay_out(Transcript((Cue(0, 12_000, (), None, tuple(words)),), "ja"), rules("netflix", "ja"))
    lines = [line for cue in done.cues for line in cue.lines]
    assert "".join(lines) == text
    assert not any(line[0] in "、。ーょっ" or " " in line for line in lines)


def test_three_hours_are_laid_out_in_seconds() -> None:
    words = said("We waited all night on the old bridge until the sun rose. " * 800)
    begun = time.process_time()
    done = lay_out(transcript(words), rules("netflix", "en"))
    assert time.process_time() - begun < 20
    assert len(done.cues) >= 800


@pytest.mark.parametrize("preset", PRESETS)
def test_nothing_gives_nothing(preset: str) -> None:
    assert lay_out(Transcript(), rules(preset)).cues == ()


@st.composite
def talk(draw: st.DrawFn) -> Transcript:
    """Several streams of one language one after another, a cue each: some hundred words, speakers coming and going."""
    language = draw(st.sampled_from(["en", "de", "ja"]))
    cues: list[Cue] = []
    clock = 0
    for part in draw(st.lists(speech(language), min_size=1, max_size=12)):
        later = [replace(word, start=word.start + clock, end=word.end + clock) for word in part.words()]
        cues.append(Cue(later[0].start, later[-1].end, (), None, tuple(later)))
        clock = max(word.end for word in later) + draw(st.sampled_from([0, 200, 12_000]))
    return Transcript(tuple(cues), language)


@settings(max_examples=60, deadline=None)
@given(talk(), presets, rates, cuts, st.booleans(), st.integers(1, 40))
def test_a_run_at_a_time_gives_what_all_at_once_gives(
    spoken: Transcript, preset: str, rate: Fraction | None, cuts: list[int], labels: bool, run: int
) -> None:
    asked = rules(preset, spoken.language)
    whole = lay_out(spoken, asked, frame_rate=rate, cuts=cuts, labels=labels, run=1_000_000)
    assert lay_out(spoken, asked, frame_rate=rate, cuts=cuts, labels=labels, run=run) == whole


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-10, 900), st.integers(0, 260), st.integers(0, 300)), max_size=60),
    presets,
    rates,
    cuts,
)
def test_times_come_one_after_another_as_they_come_together(
    told: list[tuple[int, int, int]], preset: str, rate: Fraction | None, cuts: list[int]
) -> None:
    grid = Grid(rate)
    limits = Limits.of(rules(preset, "en"), grid)
    spans: list[Span] = []
    clock = 0
    for pause, length, need in told:
        scale = 1 if rate else 40
        spans.append(Span(clock + pause * scale, clock + (pause + length) * scale, need * scale))
        clock += (pause + length) * scale
    places = sorted(map(grid.at, cuts))
    assert list(streamed(spans, limits, places)) == times(spans, limits, places)


def readable(found: list[tuple[int, int]], spans: list[Span], limits: Limits) -> list[bool]:
    return [end - start >= limits.need(span) for (start, end), span in zip(found, spans)]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3000), st.integers(400, 5000), st.integers(0, 8000)), min_size=1, max_size=60),
    st.sampled_from(["bbc", "dcmp"]),
)
def test_borrowed_time_costs_nobody_what_they_had(told: list[tuple[int, int, int]], preset: str) -> None:
    """As many cues can be read as without it and more, and none is further from its words than the rules let it be."""
    limits = Limits.of(rules(preset, "en"), Grid())
    spans: list[Span] = []
    clock = 2000
    for pause, length, need in told:
        length = max(length, limits.shortest + limits.gap)
        spans.append(Span(clock + pause, clock + pause + length, need))
        clock += pause + length
    strict = readable(times(spans, replace(limits, drift=0)), spans, limits)
    found = times(spans, limits)
    lent = readable(found, spans, limits)
    assert sum(lent) >= sum(strict)
    assert all(abs(start - span.start) <= limits.drift + 1 for (start, _), span in zip(found, spans))


def test_a_cue_stays_half_a_second_after_its_words_but_not_into_another_shot() -> None:
    limits = Limits.of(rules("netflix", "en"), Grid(Fraction(24)))
    span = Span(0, 48, 30)
    assert times([span], limits) == [(0, 60)]
    assert times([span], limits, [54]) == [(0, 52)]
    assert times([span, Span(56, 100, 30)], limits) == [(0, 54), (56, 112)]
    assert times([Span(0, 168, 30)], limits) == [(0, 168)], "seven seconds are the most"


def test_text_that_is_long_for_its_time_borrows_from_what_is_before_and_after() -> None:
    limits = Limits.of(rules("bbc", "en"), Grid())
    spoken = Span(5000, 6000, 2500), Span(6000, 10_000, 3000)
    assert times([Span(0, 1000, 900), *spoken], limits) == [(0, 1500), (3500, 6000), (6000, 10_500)]
    assert times([Span(0, 4500, 900), *spoken], limits) == [(0, 4500), (4500, 7000), (7000, 10_500)]
    assert times([Span(0, 5000, 5000), *spoken], limits) == [(0, 5000), (5000, 7500), (7500, 10_500)]


def test_a_finding_of_reading_speed_says_what_stands_in_its_way() -> None:
    words = said("Nobody knew what had happened to any of them on that day so long ago.", pace=20)
    done = lay_out(transcript(words, said("No.", start=words[-1].end + 9)), rules("dcmp", "en"))
    told = [str(one) for one in lint(done, rules("dcmp", "en")) if one.rule == "speed"]
    assert told
    assert any("it is spoken that fast, and the next one leaves no room" in one for one in told), told
    cue = Cue(0, 1000, ("Nobody knew what had happened.",))
    (alone,) = lint(Transcript((cue, Cue(2000, 4000, ("No.",)))), rules("bbc", "en"))[:1]
    assert "it could stay" in str(alone)


def test_cues_that_are_packed_come_out_equal() -> None:
    words = said("We waited all night on the old bridge, until the sun rose. " * 200, speaker="Anna")
    letters = (Character("W", 0, 20, 0.5), Character("e", 20, 55, 0.25))
    words[0] = replace(words[0], letters=letters, confidence=0.5, space=False)
    cues = [Cue(word.start, word.end, (word.text, "x"), "Anna", (word,), (Mark("i", 0, 1),)) for word in words]
    many = packed(cues)
    assert isinstance(many, Packed)
    assert (list(many), len(many)) == (cues, len(cues))
    assert (many[0], many[-1], many[5:9]) == (cues[0], cues[-1], tuple(cues[5:9]))
    assert many == cues
    assert many != cues[1:]
    with pytest.raises(IndexError):
        many[len(cues)]
    assert packed(cues[:3]) == tuple(cues[:3])
    assert sum(map(len, many._blocks)) < 40 * len(words)
