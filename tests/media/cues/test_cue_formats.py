"""What is written is read back equal, as far as the format can hold it; files that others wrote are read as meant."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams import speech

from cinemill.errors import OpenFailed, UnknownName
from cinemill.media.cues import emphasis, files
from cinemill.media.cues.layout import lay_out
from cinemill.media.cues.rules import rules
from cinemill.media.cues.style import Style
from cinemill.media.cues.types import Cue, Mark, Transcript, Word

TOKENS = [
    "a<b",
    "&amp;",
    "x>y",
    "-->",
    "{brace}",
    "back\\slash",
    "C:\\new",
    "naïve",
    "日本",
    "1984",
    "[door]",
    "'tis",
    "♪",
    "<3",
]


@st.composite
def cue_lists(draw: st.DrawFn) -> Transcript:
    """Cues apart or touching, with text that means something to parsers, emphasis, speakers, words on the clock."""
    clock, cues = draw(st.integers(0, 10**7)), list[Cue]()
    for _ in range(draw(st.integers(1, 6))):
        speaker = draw(st.sampled_from([None, "Anna", "Dr. <B> & Sons"]))
        words: list[Word] = []
        start = clock
        for number in range(draw(st.integers(1, 5))):
            length = draw(st.integers(20, 900))
            words.append(Word(draw(st.sampled_from(TOKENS)), clock, clock + length, None, speaker))
            clock += length + draw(st.sampled_from([0, 0, 10, 333])) * (number >= 0)
        split = draw(st.integers(0, len(words)))
        lines = tuple(" ".join(word.text for word in run) for run in (words[:split], words[split:]) if run)
        text = "\n".join(lines)
        ends = sorted(draw(st.lists(st.integers(0, len(text)), min_size=2, max_size=2)))
        marks = emphasis.merged([(draw(st.sampled_from("ibu")), *ends)] if draw(st.booleans()) else [])
        timed = tuple(words) if draw(st.booleans()) else ()
        cues.append(Cue(start, clock, lines, speaker, timed, marks))
        clock += draw(st.sampled_from([0, 0, 84, 5000]))
    return Transcript(tuple(cues), draw(st.sampled_from([None, "en", "pt-BR"])))


def shaped(cues: Callable[[Cue], Cue], language: bool = True) -> Callable[[Transcript], Transcript]:
    return lambda one: Transcript(tuple(map(cues, one.cues)), one.language if language else None)


def _starts_only(cue: Cue) -> Cue:
    """A stamp ends the word before it; a cue of one word has no stamp."""
    ends = [*(word.start for word in cue.words[1:]), cue.end]
    words = tuple(replace(word, start=max(word.start, cue.start), end=end) for word, end in zip(cue.words, ends))
    return replace(cue, words=words if len(words) > 1 else ())


def _one_line(cue: Cue) -> Cue:
    return replace(cue, lines=(" ".join(cue.lines),), speaker=None, words=(), marks=())


HOLDS: dict[str, Callable[[Transcript], Transcript]] = {
    "srt": shaped(lambda cue: replace(cue, speaker=None, words=()), language=False),
    "vtt": shaped(_starts_only),
    "ttml": shaped(lambda cue: replace(cue, words=())),
    "tsv": shaped(_one_line, language=False),
    "json": lambda one: one,
}


@pytest.mark.parametrize("name", HOLDS)
@settings(max_examples=80, deadline=None)
@given(cue_lists())
def test_what_is_written_is_read_back_equal(name: str, cues: Transcript) -> None:
    text = files.written(cues, name)
    assert files.recognised(text, Path("x")) == name
    reader = files.FORMATS[name].read
    assert reader
    assert reader(text) == HOLDS[name](cues)


@settings(max_examples=80, deadline=None)
@given(cue_lists(), st.sampled_from(["none", "word", "fill"]))
def test_ass_is_read_back_to_the_hundredth_and_its_karaoke_fills_each_cue(cues: Transcript, karaoke: str) -> None:
    looks = files.Looks(Style(karaoke=karaoke))  # type: ignore[arg-type]
    text = files.written(cues, "ass", looks)
    back = files.FORMATS["ass"].read(text)  # type: ignore[misc]
    assert [(cue.lines, cue.marks, cue.speaker) for cue in back.cues] == [
        (cue.lines, cue.marks, cue.speaker) for cue in cues.cues
    ]
    for was, now in zip(cues.cues, back.cues):
        assert abs(was.start - now.start) < 10
        assert abs(was.end - now.end) < 10
        if karaoke != "none" and was.words:
            assert [word.text for word in now.words] == [word.text for word in was.words]
            assert all(abs(a.start - b.start) <= 10 for a, b in zip(was.words, now.words))
    assert all(a.end <= b.start for a, b in zip(back.cues, back.cues[1:]))
    for event in re.findall(r"^Dialogue: 0,([^,]*),([^,]*),.*$", text, re.MULTILINE) if karaoke != "none" else []:
        start, end = (sum(float(x) * 60**i for i, x in enumerate(reversed(part.split(":")))) for part in event)
        line = next(line for line in text.splitlines() if line.startswith(f"Dialogue: 0,{event[0]},{event[1]}"))
        assert sum(map(int, re.findall(r"\\kf?(\d+)", line))) == round((end - start) * 100)


@settings(max_examples=40, deadline=None)
@given(cue_lists())
def test_openai_json_holds_times_and_text(cues: Transcript) -> None:
    back = files.FORMATS["verbose_json"].read(files.written(cues, "verbose_json"))  # type: ignore[misc]
    assert [(cue.start, cue.end, cue.text) for cue in back.cues] == [
        (cue.start, cue.end, " ".join(cue.lines)) for cue in cues.cues
    ]
    assert [word.text for word in back.words() if word] == [
        word.text for cue in back.cues for word in cue.words or ()
    ] or any(not cue.words for cue in cues.cues)


@settings(max_examples=40, deadline=None)
@given(cue_lists())
def test_lrc_holds_lines_and_times_to_the_hundredth(cues: Transcript) -> None:
    plain = Transcript(tuple(replace(cue, words=(), marks=(), lines=("la la",)) for cue in cues.cues), cues.language)
    back = files.FORMATS["lrc"].read(files.written(plain, "lrc"))  # type: ignore[misc]
    assert [(round(cue.start / 10), round(cue.end / 10)) for cue in plain.cues] == [
        (cue.start // 10, cue.end // 10) for cue in back.cues
    ]
    assert back.language == cues.language


@settings(max_examples=30, deadline=None)
@given(speech(speakers=3))
def test_rttm_holds_who_speaks_when(spoken: Transcript) -> None:
    done = lay_out(spoken, rules("netflix", spoken.language))
    back = files.FORMATS["rttm"].read(files.written(done, "rttm"))  # type: ignore[misc]
    assert files.written(back, "rttm") == files.written(done, "rttm")


@settings(max_examples=30, deadline=None)
@given(speech())
def test_karaoke_of_random_speech_fills_its_cues(spoken: Transcript) -> None:
    done = lay_out(spoken, rules("social", spoken.language))
    text = files.written(done, "ass", files.Looks(Style(karaoke="word")))
    for line in re.findall(r"^Dialogue: .*$", text, re.MULTILINE):
        times = [
            sum(float(x) * 60**i for i, x in enumerate(reversed(part.split(":")))) for part in line.split(",")[1:3]
        ]
        assert sum(map(int, re.findall(r"\\k(\d+)", line))) == round((times[1] - times[0]) * 100)


def test_highlighted_words_follow_one_another_without_overlap() -> None:
    """A cue for each word and no whole one beside them, as in openai-whisper's `--highlight_words`."""
    cue = Cue(
        0, 3000, ("ask not", "what"), None, (Word("ask", 100, 800), Word("not", 900, 1500), Word("what", 1600, 2900))
    )
    done = emphasis.highlighted(Transcript((cue,)))
    assert [(one.start, one.end) for one in done.cues] == [(0, 900), (900, 1600), (1600, 3000)]
    assert "<u>not</u>" in files.written(done, "srt").split("\n\n")[1]


FOREIGN = {
    "crlf and points.srt": "1\r\n00:00:01.500 --> 00:00:02.000\r\nNo.\r\n\r\n\r\n2\r\n"
    "0:00:03,0 --> 0:00:04,25 X1:20\r\nYes.\r\n",
    "no numbers.srt": "00:00:01,500 --> 00:00:02,000\nNo.\n00:00:03,000 --> 00:00:04,250\nYes.",
    "old tags.srt": '1\n00:00:01,500 --> 00:00:02,000\n{\\an8}<font color="red">No.</font>\n\n'
    "2\n00:00:03,000 --> 00:00:04,250\nYes.\n",
    "bom.srt": "\ufeff1\n00:00:01,500 --> 00:00:02,000\nNo.\n\n2\n00:00:03,000 --> 00:00:04,250\nYes.\n",
    "short clock.vtt": "WEBVTT - title\n\nNOTE\nhidden --> text\n\nSTYLE\n::cue {}\n\n"
    "id\n00:01.500 --> 00:02.000 line:0\n"
    "<c.x>No.</c>\n\n00:03.000 --> 00:04.250\nYes.",
    "ssa.ass": "[Script Info]\n[V4+ Styles]\n[Events]\nFormat: Start, End, Text\nComment: x\n"
    "Dialogue: 0:00:03.00,0:00:04.25,{\\pos(1,2)}Yes.\nDialogue: 0:00:01.50,0:00:02.00,No.\n"
    "Dialogue: 0:00:01.50,0:00:02.00,{\\p1}m 0 0 l 1 1",
    "frames.ttml": '<?xml version="1.0"?><tt xmlns="http://www.w3.org/ns/ttml" '
    'xmlns:ttp="http://www.w3.org/ns/ttml#parameter" ttp:frameRate="24" ttp:frameRateMultiplier="1 1" '
    'ttp:tickRate="1000"><body><div begin="1s"><p begin="00:00:00:12" dur="500t">No.</p>'
    '<p begin="2s" end="78f">\n  Yes.\n</p></div></body></tt>',
    "smpte.dfxp": '<tt xmlns="http://www.w3.org/2006/10/ttaf1"><body><div><p><span begin="1.5s" end="2s">No.</span>'
    '<span begin="3s" end="4.25s">Yes.</span></p></div></body></tt>',
    "twice.lrc": "[ti:x]\n[offset:+500]\n[00:02.00]No.\n[00:02.50]\n[00:03.5]Yes.\n[00:04.75]",
    "whisper.tsv": "start\tend\ttext\n1500\t2000\tNo.\n3000\t4250\tYes.\n",
    "whisper.json": '{"text":"x","segments":[{"start":1.5,"end":2.0,"text":" No."},'
    '{"start":3,"end":4.25,"text":" Yes."}]}',
    "cpp.json": '{"transcription":[{"offsets":{"from":1500,"to":2000},"text":" No."},'
    '{"offsets":{"from":3000,"to":4250},"text":" Yes."}]}',
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("name", FOREIGN)
def test_files_that_others_wrote_are_read_as_meant(name: str, encoding: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(FOREIGN[name].encode(encoding))
    found = files.read(path).transcript
    assert [(cue.start, cue.end, cue.text) for cue in found.cues] == [(1500, 2000, "No."), (3000, 4250, "Yes.")]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1251", "Никто не знал, куда они ушли вечером того дня."),
        ("cp1252", "Personne ne savait où ils étaient passés. C’était la fête à l’école."),
        ("shift_jis", "昨日は東京に行って、友達と一緒にラーメンを食べました。"),
        ("gb18030", "我们昨天去了北京，在那里吃了很好吃的东西。"),
    ],
)
def test_old_encodings_are_found(encoding: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "old.srt"
    blocks = (f"{n}\n00:00:{n:02d},000 --> 00:00:{n:02d},900\n{text}\n" for n in range(1, 9))
    path.write_bytes("\n".join(blocks).encode(encoding))
    assert files.read(path).transcript.cues[0].text == text


BOMB = '<!DOCTYPE tt [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;">]><tt><body>&b;</body></tt>'
HOSTILE = {
    "empty.srt": b" \n",
    "picture.srt": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "prose.srt": b"Dear diary, nothing happened today.\n",
    "bomb.ttml": BOMB.encode(),
    "bomb16.ttml": BOMB.encode("utf-16"),
    "cut.ttml": b"<tt><body><div><p begin='1s'",
    "page.xml": b"<html><body>No.</body></html>",
    "late.srt": b"9999:00:00,000 --> 9999:00:01,000\nNo.\n",
    "rate.ttml": b'<tt xmlns:p="x" p:frameRate="0"><body><p begin="1f" end="2f">No.</p></body></tt>',
    "huge.ttml": b'<tt xmlns:p="x" p:frameRate="x"><body/></tt>',
    "list.json": b"[1, 2]",
    "nan.json": b'{"segments":[{"start":NaN,"end":1,"text":"No."}]}',
    "deep.json": b"[" * 100_000,
    "deep.ttml": b"<tt><body>" + b"<div>" * 20_000 + b"</div>" * 20_000 + b"</body></tt>",
    "infinite.tsv": b"start\tend\ttext\ninf\t2\tNo.\n",
    "prose.txt": b"Ask not what your country can do for you.\n",
    "unknown.xyz": b"something\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_get_one_clear_sentence(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(HOSTILE[name])
    with pytest.raises(OpenFailed) as failed:
        files.read(path)
    assert failed.value.sentence.startswith(str(path))
    assert failed.value.sentence.endswith(".")
    assert "Traceback" not in failed.value.sentence
    assert len(failed.value.sentence) < 250 + len(str(path))


def test_a_file_that_is_far_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.srt"
    with path.open("wb") as file:
        file.truncate(1 << 31)
    with pytest.raises(OpenFailed, match="2048 MB"):
        files.read(path)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=300), st.sampled_from(sorted(files.FORMATS)))
def test_any_text_is_read_or_refused(text: str, name: str) -> None:
    reader = files.FORMATS[name].read
    with suppress(ValueError):
        assert reader is None or isinstance(reader(text), Transcript)


def test_overlapping_and_backward_cues_are_kept_for_lint(tmp_path: Path) -> None:
    path = tmp_path / "bad.srt"
    path.write_text("00:00:05,000 --> 00:00:02,000\nNo.\n\n-00:00:01,000 --> 00:00:03,000\nYes.\n")
    assert [(cue.start, cue.end) for cue in files.read(path).transcript.cues] == [(5000, 2000), (-1000, 3000)]


def test_an_unknown_suffix_names_the_formats() -> None:
    with pytest.raises(UnknownName, match="srt"):
        files.of_path(Path("film.sub"))


def test_ttml_carries_rate_language_and_speakers() -> None:
    cue = Cue(1000, 2000, ("No.",), "Anna & Co", marks=(Mark("i", 0, 2),))
    done = Transcript((cue,), "en", Fraction(24000, 1001))
    text = files.written(done, "ttml")
    assert 'ttp:frameRate="24" ttp:frameRateMultiplier="1000 1001"' in text
    assert files.FORMATS["ttml"].read(text) == done  # type: ignore[misc]


def test_json_has_the_names_that_whisperx_users_know() -> None:
    words = (Word("No.", 1000, 1500, 0.9, "A"),)
    record = json.loads(files.written(Transcript((Cue(1000, 2000, ("No.",), "A", words),), "ja"), "json"))
    assert record["language"] == "ja"
    assert record["segments"][0]["words"] == [{"word": "No.", "start": 1.0, "end": 1.5, "score": 0.9, "speaker": "A"}]
    assert record["word_segments"] == record["segments"][0]["words"]


def test_words_that_nobody_could_align_get_times_between_their_neighbours() -> None:
    words = [
        {"word": "costs", "start": 1, "end": 2},
        {"word": "$3"},
        {"word": "or"},
        {"word": "more", "start": 4, "end": 5},
    ]
    record = {"segments": [{"start": 1, "end": 5, "text": "costs $3 or more", "words": words}]}
    (cue,) = files.FORMATS["json"].read(json.dumps(record)).cues  # type: ignore[misc]
    assert [(word.start, word.end) for word in cue.words] == [(1000, 2000), (2000, 3000), (3000, 4000), (4000, 5000)]
