"""The server over HTTP, as programs use it: a real process, real requests."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from server import Server
from websockets.sync.client import connect

from cinemill.catalogue import operations
from command import Cinemill, framemd5, wait_until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, plugins: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    path = os.pathsep.join([str(plugins), os.environ.get("PYTHONPATH", "")])
    server = Server(folder / "studio", Cinemill(folder, folder / "home", PYTHONPATH=path).environment)
    yield server
    server.end()


@pytest.fixture(scope="module")
def film(server: Server, shelf: Path) -> str:
    """The id of an uploaded film."""
    answer = server.form("/api/files", [("file", ("Fïlm 1.mp4", (shelf / "good.mp4").read_bytes()))])
    assert answer.status == 201
    assert answer.json["name"] == "Fïlm 1.mp4"
    return answer.json["id"]


def test_a_film_goes_in_and_comes_out(server: Server, film: str, shelf: Path, tmp_path: Path) -> None:
    asked = {"inputs": [film], "params": {"codec": "ffv1"}, "output": "../../out.mkv"}
    answer = server.ask("POST", "/api/jobs/convert", asked)
    assert answer.json["state"] in ("queued", "running")
    assert answer.json["params"] == {"codec": "ffv1"}
    told = list(server.events(f"/api/jobs/{answer.json['id']}/events"))
    assert [event["event"] for event in told][-2:] == ["done", "state"]
    assert str(server.folder) not in json.dumps(told), "no path of the server's is told"
    (made,) = server.done(answer)["outputs"]
    assert made["name"] == "out.mkv"
    got = server.ask("GET", made["url"])
    (tmp_path / "out.mkv").write_bytes(got.body)
    assert len(got.body) == made["size"]
    assert framemd5(tmp_path / "out.mkv").count("\n0,") == framemd5(shelf / "good.mp4").count("\n0,")
    part = server.ask("GET", made["url"], range="bytes=10-19")
    assert (part.status, part.body) == (206, got.body[10:20])
    assert "attachment" in got.headers["content-disposition"]


def test_a_form_with_a_file_is_enough(server: Server, shelf: Path) -> None:
    fields = [("file", ("a.mp4", (shelf / "good.mp4").read_bytes())), ("codec", "h264"), ("crf", "30"), ("priority", 3)]
    job = server.done(server.form("/api/jobs/convert", fields))
    assert job["state"] == "done", job["error"]
    assert (job["params"], job["priority"]) == ({"codec": "h264", "crf": 30}, 3)
    again = {"inputs": [f"{job['id']}/{job['outputs'][0]['name']}"], "params": {"windows": 1}}
    report = server.done(server.ask("POST", "/api/jobs/analyze", again))
    assert [one["name"] for one in report["outputs"]] == ["a.convert.analyze.html"]


def test_parameters_that_name_files_take_uploads(server: Server, film: str) -> None:
    subtitles = ("words.srt", b"1\n00:00:00,000 --> 00:00:02,000\nHello\n")
    job = server.done(server.form("/api/jobs/burn", [("input", film), ("file", subtitles)]))
    assert job["state"] == "done", job["error"]


def test_every_operation_of_the_catalogue_is_there(server: Server) -> None:
    told = server.ask("GET", "/api/catalogue").json
    assert {one["name"] for one in told["operations"]} == {*operations, "trouble"}
    document = server.ask("GET", "/api/openapi.json").json
    assert {f"/api/jobs/{name}" for name in operations} <= document["paths"].keys()
    body = document["paths"]["/api/jobs/convert"]["post"]["requestBody"]["content"]
    assert body["application/json"]["schema"]["properties"]["params"]["properties"]["crf"]["description"]


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/api/jobs/convret", {}, 404, "did you mean convert"),
        ("/api/jobs/convert", {}, 422, "convert takes 1 file, 0 were given."),
        ("/api/jobs/convert", {"inputs": ["0" * 32]}, 404, "there is no file"),
        ("/api/jobs/convert", {"inputs": ["nojob/x.mp4"]}, 404, "there is no job 'nojob'"),
        ("/api/jobs/convert", {"inputs": [7]}, 422, "7 names no file"),
        ("/api/jobs/convert", {"inputs": ["FILM"], "crf": 99}, 422, "crf=99 is refused: it must lie in 0 … 63."),
        ("/api/jobs/convert", {"inputs": ["FILM"], "params": []}, 422, "params must be an object"),
        ("/api/jobs/convert", {"inputs": ["FILM"], "preset": "dvd"}, 422, "no convert preset is called 'dvd'"),
        ("/api/jobs/convert", {"inputs": ["FILM"], "priority": "high"}, 422, "priority must be a number."),
        ("/api/jobs/convert", {"inputs": ["FILM"], "id": "../x"}, 422, "id must be 1 to 64"),
        ("/api/jobs/convert", b"{", 422, "the body is not JSON"),
        ("/api/jobs/convert", b"[]", 422, "the body must be a JSON object"),
        ("/api/files", {"url": 3}, 422, "url must be text."),
    ],
)
def test_refusals_are_sentences(server: Server, film: str, path: str, body: object, status: int, said: str) -> None:
    if isinstance(body, dict) and body.get("inputs") == ["FILM"]:
        body = {**body, "inputs": [film]}
    answer = server.ask("POST", path, body)
    assert (answer.status, said in answer.error) == (status, True), answer.error


def test_what_is_not_there_is_not_found_and_not_failed(server: Server) -> None:
    for method, path in (("GET", "/api/jobs/x"), ("DELETE", "/api/jobs/x"), ("GET", "/api/jobs/x/events")):
        answer = server.ask(method, path)
        assert (answer.status, answer.error) == (404, "there is no job 'x'.")
    assert server.ask("GET", "/nowhere").status == 404
    assert server.ask("PUT", "/api/jobs").status == 405


def test_an_upload_that_was_broken_off_goes_on(server: Server, shelf: Path) -> None:
    data = (shelf / "good.mp4").read_bytes()
    name = base64.b64encode("tûs.mp4".encode()).decode()
    begun = server.ask("POST", "/api/uploads", None, upload_length=str(len(data)), upload_metadata=f"filename {name}")
    where = begun.headers["location"]
    first = server.ask("PATCH", where, data[:100], upload_offset="0", content_type="application/offset+octet-stream")
    assert first.headers["upload-offset"] == "100"
    wrong = server.ask("PATCH", where, data[50:], upload_offset="50", content_type="application/offset+octet-stream")
    assert (wrong.status, wrong.error) == (409, "the upload is at byte 100; go on from there.")
    assert server.ask("HEAD", where).headers["upload-offset"] == "100"
    much = server.ask("PATCH", where, data, upload_offset="100", content_type="application/offset+octet-stream")
    assert much.status == 413
    offset = server.ask("GET", where).json["offset"]
    last = server.ask(
        "PATCH", f"{where}?offset={offset}", data[offset:], content_type="application/offset+octet-stream"
    )
    file = last.json["file"]
    assert (file["name"], file["size"]) == ("tûs.mp4", len(data))
    assert file["sha256"] == hashlib.sha256(data).hexdigest()
    found = server.ask("GET", f"/api/files?sha256={file['sha256']}").json["files"]
    assert file["id"] in [one["id"] for one in found]
    assert server.ask("GET", where).status == 404


def test_the_same_file_twice_is_one(server: Server, film: str, shelf: Path) -> None:
    data = (shelf / "good.mp4").read_bytes()
    again = server.ask("POST", "/api/files?name=F%C3%AFlm%201.mp4", data, content_type="application/octet-stream")
    assert again.json["id"] == film
    assert server.ask("GET", f"/api/files/{film}/content").body == data


def test_a_file_that_a_job_needs_stays(server: Server, tmp_path: Path) -> None:
    file = server.ask("POST", "/api/files?name=in", b"bytes").json["id"]
    job = server.ask("POST", "/api/jobs/trouble", {"inputs": [file], "gate": str(tmp_path / "gate")}).json["id"]
    refused = server.ask("DELETE", f"/api/files/{file}")
    assert (refused.status, refused.error) == (409, f"job {job} needs this file.")
    assert server.ask("DELETE", f"/api/jobs/{job}").status == 200
    assert server.until(job, "cancelled")
    assert server.ask("DELETE", f"/api/jobs/{job}").status == 200
    assert server.ask("GET", f"/api/jobs/{job}").status == 404
    assert server.ask("DELETE", f"/api/files/{file}").status == 204


def test_jobs_are_paused_resumed_and_tried_again(server: Server, tmp_path: Path) -> None:
    file = server.ask("POST", "/api/files?name=in2", b"bytes").json["id"]
    gate = tmp_path / "gate"
    job = server.ask("POST", "/api/jobs/trouble", {"inputs": [file], "gate": str(gate), "id": "mine"}).json["id"]
    assert job == "mine"
    wait_until(lambda: server.ask("GET", f"/api/jobs/{job}").json["progress"]["done"] > 0)
    server.ask("POST", f"/api/jobs/{job}/pause")
    server.until(job, "paused")
    server.ask("POST", f"/api/jobs/{job}/cancel")
    server.until(job, "cancelled")
    gate.touch()
    server.ask("POST", f"/api/jobs/{job}/retry")
    assert server.until(job, "done", "failed")["state"] == "done"
    assert server.ask("POST", f"/api/jobs/{job}/pause").status == 409
    assert server.ask("GET", "/api/jobs?state=done&limit=1").json["jobs"]
    assert server.ask("GET", f"/api/jobs/{job}/log").status == 200


def test_events_come_by_websocket_too(server: Server) -> None:
    file = server.ask("POST", "/api/files?name=in3", b"bytes").json["id"]
    job = server.ask("POST", "/api/jobs/trouble", {"inputs": [file]}).json["id"]
    with connect(f"ws://127.0.0.1:{server.port}/api/jobs/{job}/events") as socket:
        told = [json.loads(message) for message in socket]
    assert [event["event"] for event in told][-2:] == ["done", "state"]
    with connect(f"ws://127.0.0.1:{server.port}/api/jobs/none/events") as socket:
        assert json.loads(socket.recv())["error"]["type"] == "NotHere"


def test_a_failed_job_says_why(server: Server, shelf: Path) -> None:
    job = server.done(server.form("/api/jobs/convert", [("file", ("a.txt", (shelf / "text.mp4").read_bytes()))]))
    assert job["state"] == "failed"
    assert job["error"]["type"] == "OpenFailed"
    assert str(server.folder) not in json.dumps(job)
    (event,) = [one for one in server.events(f"/api/jobs/{job['id']}/events") if one["event"] == "failed"]
    assert event["error"]["message"] == job["error"]["message"]


def test_a_storyboard_names_uploads_by_their_ids(server: Server, film: str) -> None:
    board = {"size": "96x64", "rate": 10, "scenes": [{"video": film, "end": 1, "volume": 0}]}
    job = server.done(server.ask("POST", "/api/jobs/compose", {"inputs": [board], "output": "story.mp4"}))
    assert job["state"] == "done", job["error"]
    assert job["outputs"][0]["name"] == "story.mp4"
    wrong = {"size": "96x64", "scenes": [{"picture": "/etc/hostname"}]}
    job = server.done(server.ask("POST", "/api/jobs/compose", {"inputs": [wrong]}))
    assert (job["state"], job["error"]["type"]) == ("failed", "NotAllowed")


class Hook(BaseHTTPRequestHandler):
    """Hears words."""

    heard: ClassVar[list[tuple[dict[str, str], bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.heard.append(({key.lower(): value for key, value in self.headers.items()}, body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_webhooks_hear_signed_words(tmp_path: Path, plugins: Path) -> None:
    listener = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    given = {"CINEMILL_ALLOW_PRIVATE_URLS": "1", "CINEMILL_WEBHOOK_SECRET": "key", "PYTHONPATH": str(plugins)}
    server = Server(tmp_path / "studio", Cinemill(tmp_path, tmp_path / "home", **given).environment)
    file = server.ask("POST", "/api/files?name=in", b"bytes").json["id"]
    url = f"http://127.0.0.1:{listener.server_port}/done"
    job = server.ask("POST", "/api/jobs/trouble", {"inputs": [file], "webhook_url": url}).json
    assert job["webhook_url"] == url
    wait_until(lambda: bool(Hook.heard))
    server.end()
    listener.shutdown()
    thread.join()
    listener.server_close()
    headers, body = Hook.heard[0]
    signed = b".".join((headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body))
    digest = hmac.new(b"key", signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    told = json.loads(body)
    assert (told["type"], told["data"]["id"]) == ("job.done", job["id"])


def test_health_and_figures(server: Server) -> None:
    assert server.ask("GET", "/health").json["status"] == "ok"
    lines = server.ask("GET", "/metrics").body.decode().splitlines()
    assert any(line.startswith('cinemill_jobs{state="done"} ') for line in lines)
    for line in lines:
        assert line.startswith("# ") or float(line.rpartition(" ")[2]) >= 0
