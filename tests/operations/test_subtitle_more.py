"""Subtitles inside a copy of the video, several formats at once, folders that are watched, flags of whisperX."""

from __future__ import annotations

import json
import os
import shutil
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import clips
from cinemill import settings
from cinemill.errors import OutputRefused, RequestError
from cinemill.jobs import run as jobs
from cinemill.media import read
from cinemill.media.cues import embedded, files, rules, sentences
from cinemill.media.cues.types import Cue, Transcript, Word
from cinemill.operations import Offer, get, recognise
from cinemill.surfaces import forms, offers, perform, watching
from command import Cinemill

SPEECH = Path(__file__).parents[1] / "speech"
WHISPERX = """
model model_cache_only model_dir device device_index batch_size compute_type output_dir output_format verbose
log-level task language align_model interpolate_method no_align return_char_alignments vad_method vad_onset
vad_offset chunk_size diarize min_speakers max_speakers diarize_model speaker_embeddings temperature best_of
beam_size patience length_penalty suppress_tokens suppress_numerals initial_prompt hotwords
condition_on_previous_text fp16 temperature_increment_on_fallback compression_ratio_threshold
logprob_threshold no_speech_threshold max_line_width max_line_count highlight_words segment_resolution threads
hf_token print_progress
"""
"""The options of whisperx/__main__.py, 3.8."""


class Knowing:
    """A recogniser that hears the same in every window."""

    name = "pocketsphinx"
    longest = 8000
    most = 1
    note = "knowing"

    def language(self, samples: Any) -> str:
        return "en"

    def hear(self, samples: Any, language: str | None) -> list[recognise.Heard]:
        return [self._heard(len(one) // 16) for one in samples]

    def _heard(self, end: int) -> recognise.Heard:
        texts = ["Somebody", "said", "nothing.", "Nobody", "&", "more."]
        step = (end - 400) // len(texts)
        words = tuple(Word(text, 200 + n * step, 200 + (n + 1) * step, 0.9) for n, text in enumerate(texts))
        return recognise.Heard((Cue(200, end - 200, (" ".join(texts),), None, words),), "en")


@pytest.fixture
def knowing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognise, "PocketSphinx", Knowing)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds of speech, with a picture that begins late, two sounds, a chapter and an older subtitle."""
    folder = tmp_path_factory.mktemp("film")
    (folder / "old.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nOld\n")
    clips.run(
        *("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=10"),
        *("-t", 10, "-i", SPEECH / "ten.ogg", "-i", folder / "old.srt"),
        *("-map", "0:v", "-map", "1:a", "-map", "1:a", "-map", "2:s", "-metadata:s:s:0", "language=fre"),
        *("-c:v", "libx264", "-g", 25, "-bf", 2, "-c:a", "aac", "-c:s", "srt", folder / "film.mkv"),
    )
    return folder / "film.mkv"


def run(source: Path, output: Path, **params: Any) -> Any:
    return list(jobs.run(forms.request("subtitle", [source], output, {"engine": "pocketsphinx", **params})))[-1]


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_subtitles_go_into_a_copy_of_the_video(suffix: str, knowing: None, film: Path, tmp_path: Path) -> None:
    run(film, tmp_path / "alone.srt")
    run(film, tmp_path / f"with{suffix}")
    info = read.probe(tmp_path / f"with{suffix}")
    assert [track.kind for track in info.tracks] == ["video", "audio", "audio", "subtitle", "subtitle"]
    assert info.of_kind("subtitle")[1].language == "eng"
    alone = files.read(tmp_path / "alone.srt").transcript.cues
    inside = embedded.read_track(tmp_path / f"with{suffix}", 1).transcript.cues
    assert [cue.text for cue in inside] == [cue.text for cue in alone]
    assert all(abs(a.start - b.start) <= 1 and abs(a.end - b.end) <= 1 for a, b in zip(alone, inside))
    assert embedded.read_track(tmp_path / f"with{suffix}", 0).transcript.cues[0].text == "Old"
    assert pictures(film) == pictures(tmp_path / f"with{suffix}")


def pictures(path: Path) -> list[tuple[float, str]]:
    """The time of each picture from the first, and its digest."""
    info = read.probe(path)
    begins = read.picture_of(info).start_pts * read.picture_of(info).time_base
    return [(round(float(f.pts * f.time_base - begins), 3), clips.md5(f)) for f in read.frames(info)]


def test_a_container_without_subtitles_is_refused(knowing: None, film: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputRefused, match="holds no subtitles"):
        run(film, tmp_path / "film.nut")


def test_all_formats_are_written_at_once(knowing: None, film: Path, tmp_path: Path) -> None:
    done = run(film, tmp_path / "film.srt", output_format="all")
    assert sorted(path.name for path in done.outputs) == ["film.json", "film.srt", "film.tsv", "film.txt", "film.vtt"]
    assert all(path.stat().st_size for path in done.outputs)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in done.outputs)
    words = json.loads((tmp_path / "film.json").read_text())["word_segments"]
    assert len(words) == done.result["words"]
    assert abs(done.result["duration"] - 10) < 0.1


def test_programs_get_a_segment_for_each_sentence(knowing: None, film: Path, tmp_path: Path) -> None:
    run(film, tmp_path / "film.json", output_format="verbose_json", segment_resolution="sentence")
    record = json.loads((tmp_path / "film.json").read_text())
    assert {one["text"] for one in record["segments"]} == {"Somebody said nothing.", "Nobody & more."}
    assert record["words"]
    assert record["language"] == "english"
    run(film, tmp_path / "chunk.json", segment_resolution="chunk")
    texts = {one["text"] for one in json.loads((tmp_path / "chunk.json").read_text())["segments"]}
    assert texts == {"Somebody said nothing. Nobody & more."}


def test_sentences_end_with_signs_speakers_and_pauses() -> None:
    words = [
        Word("One.", 0, 100, speaker="a"),
        Word("two", 100, 200, speaker="a"),
        Word("three", 200, 300, speaker="b"),
    ]
    words.append(Word("four", 9000, 9100, speaker="b"))
    parted = sentences.parted(Transcript((Cue(0, 9100, ("x",), None, tuple(words)),), "en"))
    assert [cue.text for cue in parted.cues] == ["One.", "two", "three", "four"]
    assert parted.cues[2].speaker == "b"


def test_labels_of_audacity_are_read_back(tmp_path: Path) -> None:
    cues = (Cue(0, 1500, ("one",)), Cue(2000, 2500, ("two",)))
    (tmp_path / "x.aud").write_text(files.written(Transcript(cues), "aud"))
    assert files.read(tmp_path / "x.aud", "aud").transcript.cues == cues


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        (["--fp16", "True"], "--compute-type float16"),
        (["--print_progress", "True"], "--json"),
        (["--speaker_embeddings"], "diarize"),
        (["--return_char_alignments"], "which hear letters"),
        (["--condition_on_previous_text", "True"], "False"),
        (["--vad_method", "silero"], "engine whisper"),
        (["--vad_onset", "0.4"], "silero or pyannote"),
        (["--best_of", "3"], "whisper"),
    ],
)
def test_what_would_be_ignored_is_refused_with_a_reason(flag: list[str], said: str, tmp_path: Path) -> None:
    cinemill = Cinemill(tmp_path, tmp_path / "home")
    refused = cinemill("subtitle", SPEECH / "ten.ogg", "--engine", "pocketsphinx", *flag)
    assert refused.code == 2
    assert said in " ".join(refused.err.split())


def test_every_flag_of_whisperx_is_taken_or_refused() -> None:
    flags = WHISPERX.split()
    operation = get("subtitle")
    taken = {*operation.params.model_fields, *perform.Common.__dataclass_fields__, "no_align"}
    refused = {name.replace("-", "_") for name in operation.elsewhere}
    assert [flag for flag in flags if flag.replace("-", "_") not in taken | refused] == []
    assert not taken & refused


def test_a_folder_for_the_output_is_made(tmp_path: Path) -> None:
    cinemill = Cinemill(tmp_path, tmp_path / "home")
    asked = ("subtitle", SPEECH / "ten.ogg", "--engine", "pocketsphinx", "--output_dir", "said")
    assert cinemill(*asked, "--output_format", "vtt").code == 0
    assert [path.name for path in (tmp_path / "said").iterdir()] == ["ten.vtt"]
    refused = cinemill(*asked, "-o", "other.srt")
    assert refused.code == 2
    assert "two places" in refused.err


def test_a_token_is_kept_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "")
    request = forms.request("subtitle", [SPEECH / "ten.ogg"], None, {"hf_token": "hf_secret"})
    assert os.environ["HF_TOKEN"] == "hf_secret"
    assert "hf_secret" not in request.params.model_dump_json()
    again = get("subtitle").params.of(request.params.model_dump(mode="json"), "subtitle")
    assert os.environ["HF_TOKEN"] == "hf_secret"
    assert again == request.params


def test_temperatures_go_up_as_whispers_do() -> None:
    def asked(**given: Any) -> list[float]:
        return recognise.Whisper(recognise.WhisperOptions.of({"model": "tiny", **given}, "x"))._temperatures()

    assert asked() == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert asked(temperature=0.5, temperature_increment_on_fallback=0.25) == [0.5, 0.75, 1.0]
    assert asked(temperature_increment_on_fallback="None") == [0.0]


def test_a_folder_of_sound_is_a_batch_and_a_folder_that_is_watched_gets_what_arrives(tmp_path: Path) -> None:
    inbox = tmp_path / "in"
    inbox.mkdir()
    with pytest.raises(RequestError, match="name one"):
        next(watching.arrivals("subtitle", [SPEECH / "ten.ogg"], None, {}, None))
    shutil.copy(SPEECH / "ten.ogg", inbox / "a.ogg")
    assert [task.asked.inputs[0].name for task in forms.batch("subtitle", [inbox], f"{tmp_path}/", {})] == ["a.ogg"]
    coming = watching.arrivals("subtitle", [inbox], f"{tmp_path}/", {}, None, pause=0)
    assert next(coming).request().output == tmp_path / "a.srt"
    watched = watching.Watched()
    growing = inbox / "b.ogg"
    growing.write_bytes(b"half")
    assert not watched.arrived(growing)
    growing.write_bytes(b"half and more")
    assert not watched.arrived(growing)
    assert watched.arrived(growing)
    assert not watched.arrived(growing)
    assert next(coming).asked.inputs[0].name == "b.ogg"


def test_what_would_go_better_is_offered_and_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CINEMILL_DATA_DIR", str(tmp_path / "none"))
    settings.settings.cache_clear()
    try:
        request = forms.request("subtitle", [SPEECH / "ten.ogg"], tmp_path / "x.srt", {"diarize": True})
        offered = list(get("subtitle").offers(request))
        assert [one.name for one in offered] == ["whisper", "resemblyzer"]
        assert "420 MB" in offered[0].sentence
        taken = list[str]()
        stand_in = [Offer(one.name, one.sentence, lambda name=one.name: iter([f"got {name}"])) for one in offered]
        monkeypatch.setattr(type(get("subtitle")), "offers", lambda self, request: iter(stand_in))
        offers.taken(request, yes=True, quiet=False, say=taken.append)
        assert taken == ["got whisper", "got resemblyzer"]
        offers.taken(request, yes=False, quiet=False, say=taken.append)
        assert len(taken) == 2
        plain = forms.request("subtitle", [SPEECH / "ten.ogg"], tmp_path / "x.srt", {"engine": "pocketsphinx"})
        monkeypatch.undo()
        assert list(get("subtitle").offers(plain)) == []
    finally:
        settings.settings.cache_clear()


def test_three_letters_name_languages() -> None:
    assert [rules.three_letters(code) for code in ("en", "de-AT", "jpn", "xx", None)] == ["eng", "ger", "jpn", "", ""]
    assert len(set(islice(map(rules.three_letters, ("en", "fr", "zh", "nl")), 4))) == 4


@pytest.mark.parametrize("standard", ["netflix", "bbc", "dcmp", "social"])
@pytest.mark.parametrize("audience", ["adult", "children", "sdh"])
@pytest.mark.parametrize("rate", [None, "24000/1001"])
def test_what_is_made_has_no_findings(standard: str, audience: str, rate: str | None, tmp_path: Path) -> None:
    """Ten sentences as they were said, unhurried enough for every audience."""
    truth = json.loads((SPEECH / "ten.json").read_text())
    words, clock = list[Word](), 0
    for text in truth["text"].split():
        words.append(Word(text, clock, clock + 55 * len(text) + 120, 0.9))
        clock += 110 * len(text) + (1500 if text.endswith(".") else 180)
    heard = Transcript((Cue(0, clock, (truth["text"],), None, tuple(words)),), "en")
    (tmp_path / "heard.json").write_text(files.written(heard, "json"))
    ours = {"standard": standard, "audience": audience, "frame_rate": rate}
    for suffix in (".srt", ".ttml", ".json"):
        made = tmp_path / f"made{suffix}"
        list(jobs.run(forms.request("convert-subtitles", [tmp_path / "heard.json"], made, {**ours, "lay_out": True})))
        lint = forms.request("lint-subtitles", [made], None, {**ours, "language": "en"})
        assert list(jobs.run(lint))[-1].result["findings"] == [], suffix
