"""What workflows that were made for other tools' servers send, as they send it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from server import Answer, Server

import clips
from command import Cinemill, wait_until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    server = Server(folder / "studio", Cinemill(folder, folder / "home").environment)
    yield server
    server.end()


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("voice") / "voice.wav"
    clips.run("-f", "lavfi", "-i", "sine=d=1", path)
    return path.read_bytes()


MEDIA = "/api/v1/media"


def keep(server: Server, name: str, data: bytes, kind: str) -> str:
    answer = server.form(f"{MEDIA}/storage", [("file", (name, data)), ("media_type", kind)])
    assert answer.status == 200, answer.body
    return answer.json["file_id"]


def made(server: Server, answer: Answer) -> bytes:
    """The file of an id, polled for as their workflows do."""
    assert answer.status == 200, answer.body
    id = answer.json["file_id"]
    wait_until(lambda: server.ask("GET", f"{MEDIA}/storage/{id}/status").json["status"] != "processing")
    told = server.ask("GET", f"{MEDIA}/storage/{id}/status").json
    assert told["status"] == "ready", told
    return server.ask("GET", f"{MEDIA}/storage/{id}").body


def test_no_code_tools_make_a_captioned_film(server: Server, shelf: Path, voice: bytes) -> None:
    picture = keep(server, "back.png", (shelf / "still.png").read_bytes(), "image")
    sound = keep(server, "voice.wav", voice, "audio")
    fields = [("background_id", picture), ("audio_id", sound), ("text", "Hello."), ("width", 96), ("height", 160)]
    film = made(server, server.form(f"{MEDIA}/video-tools/generate/tts-captioned-video", fields))
    assert film[4:8] == b"ftyp"


def test_no_code_tools_speak_and_merge(server: Server, shelf: Path) -> None:
    spoken = server.form(f"{MEDIA}/audio-tools/tts/kokoro", [("text", "Good morning."), ("voice", "af_heart")])
    assert made(server, spoken)[:4] == b"RIFF"
    film = keep(server, "a.mp4", (shelf / "good.mp4").read_bytes(), "video")
    fields = [("video_ids", f"{film},{film}"), ("background_music_id", spoken.json["file_id"])]
    assert made(server, server.form(f"{MEDIA}/video-tools/merge", fields))[4:8] == b"ftyp"
    assert server.ask("DELETE", f"{MEDIA}/storage/{film}").json == {"status": "success"}


def test_no_code_tools_are_told_of_failures(server: Server, shelf: Path) -> None:
    bad = keep(server, "bad.txt", (shelf / "text.mp4").read_bytes(), "video")
    id = server.form(f"{MEDIA}/video-tools/merge", [("video_ids", bad)]).json["file_id"]
    wait_until(lambda: server.ask("GET", f"{MEDIA}/storage/{id}/status").json["status"] != "processing")
    told = server.ask("GET", f"{MEDIA}/storage/{id}/status").json
    assert told["status"] == "failed"
    assert told["error"]
    assert server.ask("GET", f"{MEDIA}/storage/none/status").json == {"status": "not_found"}
    missing = server.form(f"{MEDIA}/video-tools/merge", [("video_ids", "none")])
    assert (missing.status, missing.json["error"]) == (404, "File with ID none not found.")
    wrong = server.form(f"{MEDIA}/audio-tools/tts/kokoro", [("text", "a"), ("voice", "nobody")])
    assert wrong.status == 422
    assert wrong.json["error"].startswith("Invalid voice: nobody.")
    assert "af_heart" in server.ask("GET", f"{MEDIA}/audio-tools/tts/kokoro/voices").json["voices"]
    assert server.ask("GET", f"{MEDIA}/fonts").json["fonts"] is not None


def test_a_short_film_is_made_of_scenes(server: Server, shelf: Path) -> None:
    server.form("/api/files", [("file", ("sunny beach.mp4", (shelf / "good.mp4").read_bytes()))])
    asked = {
        "scenes": [{"text": "The sea.", "searchTerms": ["beach", "waves"]}, {"text": "The end.", "searchTerms": []}],
        "config": {"paddingBack": 200, "music": "chill", "orientation": "portrait", "voice": "am_adam"},
    }
    answer = server.ask("POST", "/api/short-video", asked)
    assert answer.status == 201, answer.body
    id = answer.json["videoId"]
    assert server.ask("GET", f"/api/short-video/{id}").status == 404
    assert server.ask("GET", "/api/short-videos").json["videos"][0]["id"] == id
    server.ask("DELETE", f"/api/short-video/{id}")
    server.until(id, "cancelled")
    told = server.ask("GET", f"/api/short-video/{id}/status").json
    assert told["status"] == "failed"
    assert server.ask("GET", "/api/short-video/none/status").status == 404


@pytest.mark.slow
def test_a_short_film_is_finished(server: Server) -> None:
    asked = {"scenes": [{"text": "The end.", "searchTerms": []}], "config": {"captionPosition": "center"}}
    id = server.ask("POST", "/api/short-video", asked).json["videoId"]
    job = server.until(id, "done", "failed")
    assert job["state"] == "done", job["error"]
    assert server.ask("GET", f"/api/short-video/{id}").body[4:8] == b"ftyp"


def test_a_short_film_that_cannot_be_says_what_is_missing(server: Server) -> None:
    answer = server.ask("POST", "/api/short-video", {"scenes": [{"searchTerms": ["x"]}]})
    assert (answer.status, answer.json["error"]) == (400, "Validation failed")
    assert "scenes.0.text" in answer.json["missingFields"]
    assert server.ask("POST", "/api/short-video", b"{").status == 400
    assert "happy" in server.ask("GET", "/api/music-tags").json
    assert "af_heart" in server.ask("GET", "/api/voices").json
