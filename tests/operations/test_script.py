"""Texts become utterances: cut where people breathe, said as people say it, marks obeyed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cinemill.errors import InvalidParams
from cinemill.operations import saying, script


def cut(text: str, language: str = "en", longest: int = 280, shortest: int = 0) -> list[script.Utterance]:
    return script.utterances(text, language, longest, shortest, 0.7)


def texts(text: str, **rest: object) -> list[str]:
    return [one.text for one in cut(text, **rest)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("language", "written", "said"),
    [
        ("en", "In 1984, 3 men", "In nineteen eighty four, three men"),
        ("en", "the 1990s", "the nineteen nineties"),
        (
            "en",
            "1,234,567.5",
            "one million two hundred and thirty four thousand five hundred and sixty seven point five",
        ),
        ("en", "$5.50 and £1", "five dollars and fifty cents and one pound"),
        ("en", "$5 million.", "five million dollars."),
        ("en", "at 10:30am", "at ten thirty a m"),
        ("en", "the 3rd of 21st", "the third of twenty first"),
        ("en", "-5°C", "minus five degrees Celsius"),
        ("en", "60 km/h", "sixty kilometers per hour"),
        ("en", "10–20 people", "ten to twenty people"),
        ("en", "Dr. Smith, e.g. No. 5", "doctor Smith, for example number five"),
        ("en", "No. Yes.", "No. Yes."),
        ("en", "see https://www.example.com/a.", "see example dot com slash a."),
        ("en", "bob@x.org", "bob at x dot org"),
        ("en", "007", "zero zero seven"),
        ("en", "5 % – yes", "five percent , yes"),
        (
            "de",
            "1.234 Leute, 3,5 % z.B.",
            "eintausendzweihundertvierunddreißig Leute, drei Komma fünf Prozent zum Beispiel",
        ),
        ("fr", "71 € en 1984", "soixante et onze euros en mille neuf cent quatre-vingt-quatre"),
        ("es", "el 25%", "el veinticinco por ciento"),
        ("ru", "25 лет", "двадцать пять лет"),
        ("xx", "25 things", "25 things"),
        ("ja", "123円です。", "123 円です。"),
    ],
)
def test_what_is_written_is_said_as_people_say_it(language: str, written: str, said: str) -> None:
    assert " ".join(word for word in saying.said(written.split(), language) if word) == said


def test_sentences_end_where_they_end() -> None:
    text = 'Dr. J. R. Smith came at 5 p.m. today. "Who?" he asked. It cost $3.50! E.g. this. Über uns… Ende'
    assert texts(text) == [
        "Dr. J. R. Smith came at 5 p.m. today.",
        '"Who?" he asked.',
        "It cost $3.50!",
        "E.g. this.",
        "Über uns…",
        "Ende",
    ]
    assert texts("これは本です。次の文！終わり", language="ja") == ["これは本です。", "次の文！", "終わり"]


def test_a_long_sentence_is_cut_at_clauses_and_never_in_a_name_or_number() -> None:
    clause = "and the long road went ever on through fields of barley, "
    pieces = texts(clause * 10, longest=200)
    assert all(piece.endswith("barley,") for piece in pieces)
    names = texts("he met " + "Anna Maria Lopez " * 40, longest=100)
    assert all(len(piece) <= 100 for piece in names)
    assert sum(len(piece.split()) for piece in names) == 122


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=600), st.integers(20, 300))
def test_no_piece_is_too_long_and_no_letter_is_lost(text: str, longest: int) -> None:
    try:
        found = cut(text.replace("[", "("), longest=longest)
    except InvalidParams:
        assert text.lstrip().startswith("<speak")
        return
    letters = "".join(char for char in saying.plain(text) if char.isalpha())
    kept = "".join(char for one in found for char in one.text if char.isalpha())
    assert kept == letters
    for one in found:
        assert len(" ".join(one.saying("en"))) <= longest or len(one.words) == 1


def test_marks_change_the_voice_the_pace_and_pause() -> None:
    found = cut("One. [pause:1.5s] Two. [voice:en-gb][rate:1.5] Three. [language:de] Vier.\n\nFive.")
    assert [one.text for one in found] == ["One.", "Two.", "Three.", "Vier.", "Five."]
    assert [one.pause for one in found] == [1.5, None, None, 0.7, 0.7]
    assert [one.manner.voice for one in found] == [None, None, "en-gb", "en-gb", "en-gb"]
    assert found[2].manner.speed == 1.5
    assert found[3].manner.language == "de"
    assert texts("Brackets [sic] stay, and [1] too.") == ["Brackets [sic] stay, and [1] too."]


def test_ssml_is_read() -> None:
    found = cut(
        '<speak xml:lang="en-US"><p><s>Hello <break time="500ms"/> <sub alias="World Wide Web">WWW</sub>.</s><s>Two</s>'
        '</p><voice name="en-gb"><prosody rate="slow">Slow <emphasis>one</emphasis>.</prosody></voice>'
        '<lang xml:lang="de">Guten Tag</lang><say-as interpret-as="characters">abc</say-as></speak>'
    )
    assert [one.text for one in found] == ["Hello", "WWW.", "Two", "Slow one.", "Guten Tag", "abc"]
    assert found[0].pause == 0.5
    assert found[1].saying("en") == ["World Wide Web."]
    assert found[2].pause == 0.7
    assert (found[3].manner.voice, found[3].manner.speed) == ("en-gb", 0.75)
    assert found[4].manner.language == "de"
    assert found[5].saying("en") == ["a b c"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<speak><p>open", "is none"),
        ('<speak><!DOCTYPE x [<!ENTITY a "b">]></speak>', "document type"),
        ("[pause:soon] x", "no time"),
        ("[rate:99] x", "is none"),
    ],
)
def test_marks_that_cannot_be_read_are_named(text: str, why: str) -> None:
    with pytest.raises(InvalidParams, match=why):
        cut(text)


def test_markdown_and_emoji_are_not_said() -> None:
    text = "# Title\n\nThis is **bold** and *thin* 😀, a [link](http://x.org/a_(b)) and `code`.\n- one\n- two\n\n```x\n"
    assert texts(text) == ["Title", "This is bold and thin , a link and code.", "one", "two"]


def test_short_sentences_are_put_together_for_voices_that_need_it() -> None:
    assert texts("Yes. No. Perhaps. That is what he said to her.", shortest=20) == [
        "Yes. No. Perhaps. That is what he said to her.",
    ]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Der Hund ist nicht auf dem Haus und das ist gut", "de"),
        ("Le chat est dans la maison et il dort", "fr"),
        ("hello world", "en"),
        ("Привет, мир", "ru"),
        ("日本語です", "ja"),
        ("这是中文", "zh"),
        ("", "en"),
    ],
)
def test_the_language_is_guessed(text: str, language: str) -> None:
    assert saying.language_of(text) == language
