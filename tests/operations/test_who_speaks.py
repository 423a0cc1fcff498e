"""Speakers are told apart and known again, without a token: the engine resemblyzer, installed for real."""

from __future__ import annotations

import functools
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from cinemill import settings
from cinemill.engines import espeak
from cinemill.errors import InvalidParams, MissingEngine, OpenFailed
from cinemill.jobs import run as jobs
from cinemill.media.cues import files
from cinemill.operations import who_speaks
from cinemill.operations.who_speaks import Sample
from cinemill.surfaces import forms
from installed import engine

HE, SHE = "en-us+m3", "en-us+f2"
LINES = [
    "The committee will meet again on Thursday afternoon at four.",
    "I am not sure that this is what we agreed upon last week.",
    "Let us look at the numbers before we decide anything else.",
    "Every harbour on this coast was built by hand a century ago.",
    "Nobody could have known how cold the winter would be.",
    "There are seven reasons why I cannot agree with you.",
]


@functools.cache
def said(text: str, voice: str) -> np.ndarray:
    """Samples at 16 kHz, without silence at the ends."""
    spoken = espeak.speak(text, voice)
    rate, samples = spoken.rate, np.asarray(spoken.samples, np.float32)
    samples = samples / max(1.0, np.abs(samples).max()) * 12000
    places = np.arange(int(len(samples) * 16000 / rate)) * rate / 16000
    loud = np.interp(places, np.arange(len(samples)), samples)
    heard = np.flatnonzero(np.abs(loud) > 100)
    return loud[heard[0] : heard[-1]].astype(np.int16)


def written(path: Path, samples: np.ndarray) -> Path:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], "s16", "mono")
        frame.sample_rate = 16000
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[int, int, str]]]:
    """Two people in turn, half a second of silence between; and who spoke when."""
    pieces, truth, at = list[np.ndarray](), list[tuple[int, int, str]](), 0
    for number, line in enumerate(LINES):
        samples = said(line, (HE, SHE)[number % 2])
        truth.append((at // 16, (at + len(samples)) // 16, ("he", "she")[number % 2]))
        pieces += [samples, np.zeros(8000, np.int16)]
        at += len(samples) + 8000
    noise = np.random.default_rng(1).normal(0, 15, at).astype(np.int16)
    return written(tmp_path_factory.mktemp("talk") / "talk.wav", np.concatenate(pieces) + noise), truth


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CINEMILL_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        with engine("resemblyzer", tmp_path_factory) as folder:
            yield folder
    settings.settings.cache_clear()


def run(operation: str, source: Path, output: Path, **params: Any) -> dict[str, Any]:
    return list(jobs.run(forms.request(operation, [source], output, params)))[-1].result  # type: ignore[attr-defined]


def wrong(turns: list[tuple[int, int, str]], truth: list[tuple[int, int, str]], names: dict[str, str]) -> float:
    """Share of speech that is given to nobody or to somebody else."""
    missed = 0
    for start, end, who in truth:
        missed += end - start
        missed -= sum(max(0, min(end, b) - max(start, a)) for a, b, name in turns if names.get(name, name) == who)
    return missed / sum(end - start for start, end, _ in truth)


def turns_of(path: Path) -> list[tuple[int, int, str]]:
    return [(cue.start, cue.end, cue.speaker or "") for cue in files.read(path).transcript.cues]


def test_two_people_are_told_apart(installed: Path, talk: Any, tmp_path: Path) -> None:
    source, truth = talk
    result = run("diarize", source, tmp_path / "talk.rttm")
    assert result["speakers"] == ["speaker 1", "speaker 2"]
    assert wrong(turns_of(tmp_path / "talk.rttm"), truth, {"speaker_1": "he", "speaker_2": "she"}) < 0.1
    run("diarize", source, tmp_path / "one.json", max_speakers=1)
    record = json.loads((tmp_path / "one.json").read_text())
    assert {one["speaker"] for one in record["segments"]} == {"speaker 1"}
    assert len(record["speaker_embeddings"]["speaker 1"]) == 256


def test_who_is_known_is_named_and_strangers_are_unknown(installed: Path, talk: Any, tmp_path: Path) -> None:
    source, truth = talk
    sample = written(tmp_path / "he.wav", np.concatenate([said(line, HE) for line in LINES[1::2]]))
    run("diarize", source, tmp_path / "talk.rttm", speaker_samples=str(sample))
    turns = turns_of(tmp_path / "talk.rttm")
    assert {who for _, _, who in turns} == {"he", "unknown"}
    assert wrong(turns, truth, {"unknown": "she"}) < 0.1
    run("diarize", source, tmp_path / "strict.rttm", speaker_samples=str(sample), speaker_threshold=0.999)
    assert {who for _, _, who in turns_of(tmp_path / "strict.rttm")} == {"unknown_1", "unknown_2"}


def test_a_voice_is_fetched_and_heard_once(installed: Path, talk: Any, tmp_path: Path) -> None:
    written(tmp_path / "voice.wav", said(LINES[0], SHE))
    asked = list[str]()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            super().do_GET()

        def log_message(self, *given: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_address[1]}/voice.wav?name=Anna"
        options = who_speaks.SpeakerOptions.of({"speaker_samples": [{"url": address}]}, "diarize")
        source = who_speaks.voices_of(options)
        first = who_speaks.enrolled(options, source)
        again = who_speaks.enrolled(options, source)
    finally:
        server.shutdown()
        server.server_close()
    assert list(first) == ["Anna"]
    assert len(asked) == 1
    assert np.array_equal(first["Anna"], again["Anna"])


def test_speakers_part_cues(installed: Path, talk: Any, tmp_path: Path) -> None:
    source, _ = talk
    result = run("subtitle", source, tmp_path / "talk.json", engine="pocketsphinx", diarize=True, labels=True)
    assert result["speakers"] == ["speaker 1", "speaker 2"]
    cues = files.read(tmp_path / "talk.json").transcript.cues
    assert "[speaker 1]" in cues[0].text
    assert all(len({word.speaker for word in cue.words}) <= 2 for cue in cues)


def test_without_an_engine_the_way_to_one_is_told(monkeypatch: pytest.MonkeyPatch, talk: Any, tmp_path: Path) -> None:
    monkeypatch.setenv("CINEMILL_DATA_DIR", str(tmp_path / "none"))
    settings.settings.cache_clear()
    try:
        with pytest.raises(MissingEngine, match="engines install resemblyzer"):
            run("diarize", talk[0], tmp_path / "talk.rttm")
        offers = list(who_speaks.offers(who_speaks.SpeakerOptions()))
        assert [offer.name for offer in offers] == ["resemblyzer"]
    finally:
        settings.settings.cache_clear()


@pytest.mark.parametrize(
    ("given", "who", "place"),
    [
        ("voices/anna.wav", "anna", "voices/anna.wav"),
        ("voices/a.wav#Anna B", "Anna B", "voices/a.wav"),
        ("https://x.example/a.wav?name=Anna", "Anna", "https://x.example/a.wav?name=Anna"),
        ("https://x.example/a.wav#Anna", "Anna", "https://x.example/a.wav"),
        ("https://x.example/some/anna.flac?v=2", "anna", "https://x.example/some/anna.flac?v=2"),
        ({"name": "Anna", "url": "https://x.example/1.wav"}, "Anna", "https://x.example/1.wav"),
        ({"name": "Anna", "path": "1.wav"}, "Anna", "1.wav"),
    ],
)
def test_whose_voice_a_sample_is(given: Any, who: str, place: str) -> None:
    sample = Sample.model_validate(given)
    assert (sample.who, sample.place) == (who, place)


def test_samples_are_written_as_people_and_programs_write_them(tmp_path: Path) -> None:
    for name in ("anna.wav", "ben.wav"):
        (tmp_path / name).touch()
    texts = [
        str(tmp_path),
        f"{tmp_path}/anna.wav, {tmp_path}/ben.wav",
        json.dumps([{"url": f"{tmp_path}/anna.wav"}, "ben"]),
    ]
    for text in texts:
        options = who_speaks.SpeakerOptions.of({"speaker_samples": text}, "diarize")
        assert [one.who for one in options.speaker_samples or ()] == ["anna", "ben"]
        again = who_speaks.SpeakerOptions.of(options.model_dump(mode="json"), "diarize")
        assert again == options


def test_bounds_that_cross_and_samples_that_are_not_there_are_refused(talk: Any, tmp_path: Path) -> None:
    with pytest.raises(InvalidParams, match="at least 3 and at most 2"):
        who_speaks.check(who_speaks.SpeakerOptions(min_speakers=3, max_speakers=2))
    with pytest.raises(OpenFailed, match="not there"):
        run("diarize", talk[0], tmp_path / "talk.rttm", speaker_samples="nobody.wav")
