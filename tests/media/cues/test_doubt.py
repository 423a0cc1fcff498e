"""What recognisers make up is taken out, what people say is kept."""

from __future__ import annotations

from cinemill.media.cues.doubt import without_doubtful
from cinemill.media.cues.types import Cue, Transcript, Word

SPEECH = [(0, 4000), (10_000, 14_000)]


def cue(text: str, start: int, end: int, confidence: float | None = None) -> Cue:
    words = text.split()
    step = (end - start) // len(words)
    spoken = tuple(Word(word, start + i * step, start + (i + 1) * step, confidence) for i, word in enumerate(words))
    return Cue(start, end, (text,), None, spoken)


def kept(*cues: Cue, speech: list[tuple[int, int]] | None = None) -> str:
    done, _ = without_doubtful(Transcript(tuple(cues)), speech)
    return " / ".join(one.text for one in done.cues)


def test_credits_go_even_over_speech() -> None:
    assert kept(cue("Subtitles by the Amara.org community", 1000, 3000), speech=SPEECH) == ""


def test_thanks_go_over_silence_and_stay_where_somebody_speaks() -> None:
    assert kept(cue("Thank you.", 5000, 7000), speech=SPEECH) == ""
    assert kept(cue("Thank you.", 1000, 3000, 0.9), speech=SPEECH) == "Thank you."
    assert kept(cue("Thank you.", 1000, 3000, 0.2), speech=SPEECH) == ""


def test_unsure_words_over_silence_go() -> None:
    done, dropped = without_doubtful(Transcript((cue("we waited and waited", 3000, 7000, 0.3),)), SPEECH)
    assert [word.text for word in done.words()] == ["we"]
    assert {one.why for one in dropped} == {"silence"}


def test_sure_words_stay_where_no_voice_was_found() -> None:
    assert kept(cue("we whispered", 5000, 7000, 0.95), speech=SPEECH) == "we whispered"


def test_a_loop_is_said_once() -> None:
    looped = [cue("I will be back.", 1000 * i, 1000 * i + 900) for i in range(9)]
    assert kept(*looped) == "I will be back."


def test_what_people_repeat_stays() -> None:
    assert kept(cue("No, no, no, no!", 0, 2000)) == "No, no, no, no!"
    assert kept(cue("Ask not, ask not, ask not.", 0, 2000)) == "Ask not, ask not, ask not."
