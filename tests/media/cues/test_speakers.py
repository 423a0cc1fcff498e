"""Words get their speakers from turns, and a word at a turn's border goes with its sentence."""

from __future__ import annotations

from cinemill.media.cues.speakers import Turn, assigned
from cinemill.media.cues.types import Cue, Transcript, Word


def spoken(text: str, step: int = 300) -> Transcript:
    words = tuple(Word(word, n * step, n * step + step - 20) for n, word in enumerate(text.split()))
    return Transcript((Cue(0, words[-1].end, (text,), None, words),))


def who(transcript: Transcript) -> str:
    return "".join(word.speaker or "-" for word in transcript.words())


def test_each_word_has_the_speaker_of_its_turn() -> None:
    done = assigned(spoken("we waited for you. I could not come."), [Turn(0, 1190, "A"), Turn(1190, 2400, "B")])
    assert who(done) == "AAAABBBB"
    assert done.cues[0].speaker is None


def test_a_border_that_is_off_by_a_word_goes_to_the_end_of_the_sentence() -> None:
    text = "we waited for you. I could not come."
    assert who(assigned(spoken(text), [Turn(0, 880, "A"), Turn(880, 2400, "B")])) == "AAAABBBB"
    assert who(assigned(spoken(text), [Turn(0, 1480, "A"), Turn(1480, 2400, "B")])) == "AAAABBBB"


def test_a_stray_word_inside_a_sentence_is_its_speakers() -> None:
    turns = [Turn(0, 590, "A"), Turn(600, 880, "B"), Turn(890, 2400, "A")]
    assert who(assigned(spoken("we waited for you on the bridge"), turns)) == "AAAAAAA"


def test_words_far_from_all_turns_are_nobodys() -> None:
    done = assigned(spoken("we waited for you on the old bridge"), [Turn(0, 300, "A")])
    assert who(done) == "AAA-----"


def test_overlapping_turns_give_the_word_to_who_speaks_longer_in_it() -> None:
    done = assigned(spoken("yes no"), [Turn(0, 5000, "A"), Turn(200, 250, "B")])
    assert who(done) == "AA"


def test_cues_without_words_are_shared_out() -> None:
    done = assigned(
        Transcript((Cue(0, 2400, ("we waited for you.", "I could not come.")),)),
        [Turn(0, 1200, "A"), Turn(1200, 2400, "B")],
    )
    assert [cue.speaker for cue in done.cues] == [None]
    assert who(done)[0] == "A"
    assert who(done)[-1] == "B"
