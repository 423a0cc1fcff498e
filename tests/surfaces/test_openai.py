"""The real `openai` client against a running server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from server import Server

import clips
from cinemill.catalogue import operations
from command import Cinemill

TEN = Path(__file__).parents[1] / "speech" / "ten.ogg"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    server = Server(folder / "studio", Cinemill(folder, folder / "home").environment, token="secret")
    yield server
    server.end()


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody speaks of a fox and a dog, for four seconds."""
    path = tmp_path_factory.mktemp("words") / "words.flac"
    clips.run("-t", "4", "-i", TEN, path)
    return path


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.address}/v1", api_key="secret", max_retries=0) as client:
        yield client


def test_a_wrong_key_is_refused(server: Server) -> None:
    with (
        openai.OpenAI(base_url=f"{server.address}/v1", api_key="wrong", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError, match="a token is needed"),
    ):
        client.models.list()


def test_models_are_listed(client: openai.OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert {"whisper-1", "gpt-4o-transcribe", "pocketsphinx"} <= set(names)
    assert client.models.retrieve("whisper-1").owned_by == "cinemill"
    with pytest.raises(openai.NotFoundError, match="there is no model 'none'"):
        client.models.retrieve("none")


@pytest.mark.parametrize("format", ["json", "text", "srt", "vtt", "verbose_json", "diarized_json"])
def test_speech_is_written_down_in_every_format(client: openai.OpenAI, words: Path, format: str) -> None:
    options = {"timestamp_granularities": ["word", "segment"]} if format == "verbose_json" else {}
    with words.open("rb") as file:
        said = client.audio.transcriptions.create(
            file=file, model="whisper-1", language="en", response_format=format, prompt="Animals.", **options
        )
    if format in ("text", "srt", "vtt"):
        assert "the lazy dog" in str(said)
        assert {"text": "", "srt": "00:00:0", "vtt": "WEBVTT"}[format] in str(said)
        return
    assert "the lazy dog" in said.text
    if format == "verbose_json":
        assert (said.language, said.segments[0].start >= 0) == ("english", True)
        assert 5 < len(said.words) < 20
        assert 2 < said.duration < 60
    if format == "diarized_json":
        assert said.segments[0].speaker


def test_text_comes_as_a_stream(client: openai.OpenAI, words: Path) -> None:
    with words.open("rb") as file:
        stream = client.audio.transcriptions.create(file=file, model="gpt-4o-transcribe", language="en", stream=True)
        events = list(stream)
    assert events[-1].type == "transcript.text.done"
    assert "".join(event.delta for event in events[:-1]) == events[-1].text


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # what it says of translations
def test_what_cannot_be_says_why(client: openai.OpenAI, words: Path) -> None:
    with pytest.raises(openai.APIStatusError, match="is no film, sound") as refused:
        client.audio.transcriptions.create(file=("a.mp3", b"no sound"), model="whisper-1")
    assert refused.value.status_code == 415
    with pytest.raises(openai.APIStatusError) as caught, words.open("rb") as file:
        client.audio.translations.create(file=file, model="whisper-1")
    assert caught.value.status_code in (422, 424)
    with pytest.raises(openai.APIStatusError, match=r"input must be|nothing here speaks"):
        client.audio.speech.create(model="tts-1", voice="alloy", input=" ")


def test_known_speakers_are_refused_where_nobody_tells_voices_apart(client: openai.OpenAI, words: Path) -> None:
    """With an engine that does, they are samples of `subtitle`; without one, silence about it would be a lie."""
    known = {"known_speaker_names": ["Anna"], "known_speaker_references": ["data:audio/wav;base64,UklGRg=="]}
    for format, more, told in (
        ("json", known, "diarized_json only"),
        ("diarized_json", {"known_speaker_names": ["Anna"]}, "beside 0"),
        ("diarized_json", known, "resemblyzer"),
    ):
        with pytest.raises(openai.APIStatusError, match=told), words.open("rb") as file:
            client.audio.transcriptions.create(
                file=file, model="gpt-4o-transcribe-diarize", response_format=format, extra_body=more
            )


@pytest.mark.skipif("narrate" not in operations, reason="nothing speaks here yet")
@pytest.mark.parametrize(("format", "magic"), [("wav", b"RIFF"), ("mp3", b""), ("flac", b"fLaC"), ("opus", b"OggS")])
def test_text_is_spoken(client: openai.OpenAI, format: str, magic: bytes) -> None:
    sound = client.audio.speech.create(model="tts-1", voice="alloy", input="Good morning.", response_format=format)
    assert sound.content.startswith(magic)
    assert len(sound.content) > 2000


@pytest.mark.skipif("narrate" not in operations, reason="nothing speaks here yet")
def test_samples_alone_are_had(client: openai.OpenAI) -> None:
    sound = client.audio.speech.create(model="tts-1", voice="nova", input="Good morning.", response_format="pcm")
    assert 0.3 < len(sound.content) / 2 / 24_000 < 5


def test_requests_stand_in_the_history(client: openai.OpenAI, server: Server) -> None:
    jobs = server.ask("GET", "/api/jobs").json["jobs"]
    assert {job["operation"] for job in jobs} >= {"subtitle"}
    assert "secret" not in json.dumps(jobs)
