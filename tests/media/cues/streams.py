"""Random speech: words with times and speakers, in languages with blanks and without."""

from __future__ import annotations

from hypothesis import strategies as st

from cinemill.media.cues.types import Cue, Transcript, Word

LATIN = [
    "I",
    "a",
    "the",
    "of",
    "and",
    "to",
    "went",
    "John",
    "Kennedy",
    "country",
    "because",
    "3",
    "Mr.",
    "extraordinary",
]
ENDS = ["", "", "", "", ",", ".", "?", "…"]
SCRIPTS = {
    "en": LATIN,
    "de": ["der", "und", "Straße", "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen", "nicht", "im"],
    "ja": ["東京", "は", "私", "の", "ﾃﾚﾋﾞ", "見", "ました", "、", "TV", "々"],
    "zh": ["我", "们", "不", "知道", "。", "「", "你", "」", "OK"],
    "ko": ["나는", "학교에", "갔다", "그리고"],
    "ar": ["ذهب", "إلى", "المدرسة", "و"],
    "th": ["ฉัน", "ไป", "โรงเรียน", "ที่", "นี่"],
}
GLUED = {"ja", "zh", "th"}


@st.composite
def speech(draw: st.DrawFn, language: str | None = None, speakers: int = 3, slow: bool = False) -> Transcript:
    """Up to 30 words, in one cue. `slow`: no faster than people speak."""
    language = language or draw(st.sampled_from(sorted(SCRIPTS)))
    clock = draw(st.integers(0, 5000))
    names = [None] if speakers < 2 else ["ANNA", "BERT", "Dr. C. Long-Name of Somewhere", None][:speakers]
    speaker = draw(st.sampled_from(names))
    words: list[Word] = []
    for _ in range(draw(st.integers(1, 30))):
        text = draw(st.sampled_from(SCRIPTS[language]))
        text += draw(st.sampled_from(ENDS)) if language not in GLUED else ""
        length = draw(st.integers(0, 2500) if not slow else st.just(80 * len(text) + 120))
        if draw(st.integers(0, 7)) == 0:
            speaker = draw(st.sampled_from(names))
            clock += 900 * slow
        confidence = draw(st.none() | st.floats(0, 1))
        words.append(Word(text, clock, clock + length, confidence, speaker, space=language not in GLUED))
        clock += length + draw(st.sampled_from([0, 20, 40] if slow else [-30, 0, 0, 20, 300, 1200, 9000]))
        clock = max(0, clock + (700 if slow and text[-1] in ".?…" else 0))
    return Transcript((Cue(words[0].start, clock, (), None, tuple(words)),), language)
