"""What strangers may try on the server, and what becomes of it."""

from __future__ import annotations

import io
import json
import os
import socket
import struct
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from server import Server

from cinemill.errors import NotAllowed, TooMany
from cinemill.jobs.shelf import clean_name
from cinemill.settings import settings
from cinemill.storage import web
from cinemill.surfaces.api import fetch
from cinemill.surfaces.api.guard import Pace
from command import Cinemill


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("safety")


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    """A server that takes 1 MB at most and lets a job have half a gigabyte."""
    limits = {"CINEMILL_UPLOAD_GB": "0.001", "CINEMILL_JOB_MEMORY_GB": "0.5"}
    server = Server(home / "studio", Cinemill(home, home / "home", **limits).environment, silence=3)
    yield server
    server.end()


@pytest.fixture(scope="module")
def guarded(home: Path) -> Iterator[Server]:
    """A server that believes it is on the network, and has a token."""
    environment = Cinemill(home, home / "guarded-home").environment
    server = Server(home / "guarded", environment, token="s3cret", host="0.0.0.0")
    yield server
    server.end()


@pytest.fixture(scope="module")
def film(server: Server, shelf: Path) -> str:
    return server.form("/api/files", [("file", ("good.mp4", (shelf / "good.mp4").read_bytes()))]).json["id"]


def test_other_addresses_than_this_machines_want_a_token(cinemill: Cinemill) -> None:
    said = cinemill("serve", "--host", "0.0.0.0", "--no-check")
    assert said.code == 2
    assert "give a token" in said.err


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": ""}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": "Bearer s3cret"}, 200),
        ({"authorization": "bearer  s3cret "}, 200),
        ({"authorization": "", "x_api_key": "s3cret"}, 200),
        ({"authorization": "", "x_api_key": "s3cret\u00e9"}, 401),
        ({"authorization": "", "cookie": "cinemill=s3cret"}, 401),
        ({"authorization": "", "cookie": "=;;;"}, 401),
    ],
)
def test_the_token_is_asked_for_everywhere(guarded: Server, headers: dict[str, str], status: int) -> None:
    encoded = {key: value.encode("utf-8").decode("latin-1") for key, value in headers.items()}
    for path in ("/api/jobs", "/api/catalogue", "/metrics", "/api/openapi.json", "/v1/models"):
        assert guarded.ask("GET", path, **encoded).status == status
    assert guarded.ask("GET", "/health", authorization="").status == 200


def test_people_log_in_and_get_a_cookie(guarded: Server) -> None:
    turned = guarded.ask("GET", "/api/jobs", authorization="", accept="text/html")
    assert (turned.status, turned.headers["location"]) == (303, "/login?next=/api/jobs")
    assert b"Token of this server" in guarded.ask("GET", "/login", authorization="").body
    form = {"content_type": "application/x-www-form-urlencoded", "authorization": ""}
    assert guarded.ask("POST", "/login", b"token=wrong", **form).status == 401
    good = guarded.ask("POST", "/login?next=/api/jobs", b"token=s3cret", **form)
    cookie = good.headers["set-cookie"]
    assert (good.status, good.headers["location"]) == (303, "/api/jobs")
    assert {"HttpOnly", "SameSite=strict"} <= set(cookie.split("; "))
    assert "s3cret" not in cookie
    jar = cookie.split(";")[0]
    assert guarded.ask("GET", "/api/jobs", authorization="", cookie=jar).status == 200
    elsewhere = guarded.ask("POST", "/login?next=//evil.example", b"token=s3cret", **form)
    assert elsewhere.headers["location"] == "/"
    host = f"127.0.0.1:{guarded.port}"
    own = guarded.ask("DELETE", "/api/jobs/x", authorization="", cookie=jar, origin=f"http://{host}")
    foreign = guarded.ask("DELETE", "/api/jobs/x", authorization="", cookie=jar, origin="http://evil.example")
    assert (own.status, foreign.status) == (404, 403)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site"},
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example:7860"},
    ],
)
def test_pages_of_other_sites_change_nothing(server: Server, headers: dict[str, str]) -> None:
    answer = server.ask("POST", "/api/files?name=x", b"x", **headers)
    assert answer.status == 403
    assert answer.json["error"]["type"] == "NotAllowed"


def test_who_asks_too_often_has_to_wait() -> None:
    pace = Pace(burst=3, rate=0.001)
    for _ in range(3):
        pace.count("192.0.2.1")
    with pytest.raises(TooMany, match="slow down"):
        pace.count("192.0.2.1")
    pace.count("192.0.2.2")
    for _ in range(10):
        pace.count("127.0.0.1")


def test_names_that_lead_here_by_a_trick_are_refused(server: Server) -> None:
    assert server.ask("GET", "/api/jobs", host="rebound.example").status == 403
    assert server.ask("GET", "/api/jobs", host=f"localhost:{server.port}").status == 200


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../../../../etc/passwd", "/proc/self/environ", "~/x", "\0", "a" * 5000]
)
def test_files_outside_the_studio_are_not_read(server: Server, path: str) -> None:
    for body in ({"inputs": [path]}, {"inputs": [{"id": path}]}):
        assert server.ask("POST", "/api/jobs/convert", body).status in (403, 404)


def test_parameters_name_no_file_outside_either(server: Server, film: str) -> None:
    answer = server.ask("POST", "/api/jobs/burn", {"inputs": [film], "params": {"file": "/etc/passwd"}})
    assert answer.status == 403


def test_links_lead_nowhere(server: Server, film: str, home: Path) -> None:
    secret = home / "secret.mp4"
    secret.write_bytes(b"secret")
    link = server.folder / "files" / film / "link.mp4"
    link.symlink_to(secret)
    assert server.ask("POST", "/api/jobs/convert", {"inputs": [str(link)]}).status == 403


@pytest.mark.parametrize("path", ["/api/jobs/x/files/..%2f..%2fqueue.db", "/api/files/..%2f..%2fqueue.db/content"])
def test_downloads_stay_in_their_folder(server: Server, film: str, path: str) -> None:
    job = server.done(server.ask("POST", "/api/jobs/convert", {"inputs": [film], "codec": "ffv1", "output": "a.mkv"}))
    for one in (path, f"/api/jobs/{job['id']}/files/../queue.db", f"/api/jobs/{job['id']}/files/log.txt"):
        assert server.ask("GET", one).status == 404


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/cron.d/x", "x"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("/abs/film.mp4", "film.mp4"),
        ("<img src=x onerror=alert(1)>.mp4", "img src=x onerror=alert(1).mp4"),
        ("a\r\nSet-Cookie: x=1.mp4", "aSet-Cookie x=1.mp4"),
        ("\u202e4pm.exe", "4pm.exe"),
        (".htaccess", "htaccess"),
        ("....", "file"),
        ("about.json", "file"),
        ("", "file"),
        ("Größe 日本 🎬.mp4", "Größe 日本 🎬.mp4"),
    ],
)
def test_names_lose_what_is_dangerous(name: str, kept: str) -> None:
    assert clean_name(name) == kept


def test_long_names_are_shortened_and_keep_their_suffix() -> None:
    name = clean_name("ä" * 500 + ".mp4")
    assert name.endswith("ä.mp4")
    assert len(name.encode()) <= 180


def test_html_in_names_is_never_served_as_html(server: Server) -> None:
    page = b"<script>alert(1)</script>"
    answer = server.form("/api/files", [("file", ("x<b>.html", page))])
    got = server.ask("GET", answer.json["url"])
    assert got.headers["content-disposition"].startswith("attachment")
    assert got.headers["x-content-type-options"] == "nosniff"


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("film.mp4", b"not here")
    return file.getvalue()


STRANGERS = {
    "film.mp4": (archive(), "a ZIP archive"),
    "song.mp3": (b"\x7fELF\2\1\1" + bytes(200), "a program"),
    "still.png": (b"MZ\x90\0" + bytes(300), "a program"),
    "weights.pth": (archive(), "a ZIP archive"),
    "a.mkv": (b"#!/bin/sh\nrm -rf /\n", "a program"),
    "diary.mp4": (b"Dear diary\n" * 100, "no film, sound, picture or text"),
    "noise.webm": (bytes(range(256)) * 16, "no film, sound, picture or text"),
    "nothing.mp4": (b"", "no film, sound, picture or text"),
    "unknown": (bytes(range(256)) * 16, "no film, sound, picture or text"),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_what_is_no_media_is_refused_at_once_whatever_it_is_called(server: Server, name: str) -> None:
    data, told = STRANGERS[name]
    before = server.ask("GET", "/api/files").json["files"]
    begun = server.ask("POST", f"/api/uploads?name={name}&size={len(data)}") if data else None
    answers = [
        server.form("/api/files", [("file", (name, data))]),
        server.ask("POST", f"/api/files?name={name}", data, content_type="application/octet-stream"),
        server.form("/api/jobs/convert", [("file", (name, data))]),
        *([server.ask("PATCH", f"/api/uploads/{begun.json['id']}?offset=0", data)] if begun else []),
    ]
    for answer in answers:
        assert answer.status == 415, answer.body
        assert answer.error.startswith(f"{name} is {told}")
    assert server.ask("GET", "/api/files").json["files"] == before
    assert not [path for path in (server.folder / "files" / "partial").glob("*") if path.is_dir()]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("said.srt", "1\n00:00:01,000 --> 00:00:02,000\nGrüße\n".encode("cp1252")),
        ("board.json", b'{"scenes": []}'),
        ("look.cube", b"LUT_3D_SIZE 2\n" + b"0 0 0\n" * 8),
        ("text", "naïve 日本".encode()),
        ("picture.gif", b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff\x2c"
         + struct.pack("<HHHHB", 0, 0, 4, 4, 0) + b"\x02\x02\x44\x01\0;"),
    ],
)  # fmt: skip
def test_what_the_studio_works_with_is_taken(server: Server, name: str, data: bytes) -> None:
    assert server.form("/api/files", [("file", (name, data))]).status == 201


def test_too_much_is_refused_and_not_kept(server: Server) -> None:
    much = bytes(1_100_000)
    assert server.ask("POST", "/api/files", much).status == 413
    assert server.form("/api/files", [("file", ("a", much))]).status == 413
    assert server.ask("POST", "/api/uploads", None, upload_length="2000000").status == 413
    text = b'"' + b"x" * (9 << 20) + b'"'
    assert server.ask("POST", "/api/jobs/convert", text, content_type="application/json").status == 413
    assert not [path for path in (server.folder / "files" / "partial").glob("*") if path.stat().st_size > 0]


def test_a_body_in_pieces_is_counted(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as wire:
        wire.sendall(b"POST /api/files HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        piece = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        try:
            for _ in range(40):
                wire.sendall(piece)
            wire.sendall(b"0\r\n\r\n")
        except OSError:  # it has heard enough
            pass
        assert b" 413 " in wire.recv(100)


def test_who_sends_nothing_is_not_waited_for(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as wire:
        wire.sendall(b"POST /api/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nbegun")
        assert b" 422 " in wire.recv(100)
    assert not [path for path in (server.folder / "files" / "partial").glob("*") if path.stat().st_size > 0]


def bomb() -> bytes:
    """A moving GIF of 16000 x 16000 pixels in 200 bytes: a gigabyte for each picture that is decoded."""
    head = b"GIF89a" + struct.pack("<HHBBB", 16000, 16000, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    picture = b"\x21\xf9\x04\0\x0a\0\0\0" + b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    return head + 6 * picture + b";"


def test_a_film_that_swells_fails_its_job_and_not_the_server(server: Server, film: str) -> None:
    asked = [("file", ("bomb.gif", bomb())), ("codec", "ffv1"), ("output", "a.mkv")]
    job = server.done(server.form("/api/jobs/convert", asked))
    assert job["state"] == "failed"
    assert server.ask("GET", "/health").status == 200
    again = server.ask("POST", "/api/jobs/convert", {"inputs": [film], "codec": "ffv1", "output": "a.mkv"})
    assert server.done(again)["state"] == "done", "others have their memory"


def test_a_playlist_reads_no_other_file(server: Server, home: Path, shelf: Path) -> None:
    """Decoders follow what a playlist names; the job's process may not."""
    private = home / "private.ts"
    private.write_bytes((shelf / "good.mp4").read_bytes())
    lists = {
        "list.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:4,\nfile://{private}\n#EXT-X-ENDLIST\n",
        "list.ffconcat": f"ffconcat version 1.0\nfile {private}\n",
    }
    for name, text in lists.items():
        job = server.done(server.form("/api/jobs/convert", [("file", (name, text.encode())), ("output", "a.mkv")]))
        assert job["state"] == "failed", name


class Internal(BaseHTTPRequestHandler):
    """Something in the network that is not for strangers."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"internal")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def internal() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Internal)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/x"
    server.shutdown()
    thread.join()
    server.server_close()


def test_nothing_is_fetched_from_this_machine_or_its_network(server: Server, internal: str) -> None:
    port = internal.rpartition(":")[2]
    for url in (
        internal,
        f"http://localhost:{port}",
        f"http://[::1]:{port}",
        "http://169.254.169.254/latest/meta-data",
    ):
        answer = server.ask("POST", "/api/files", {"url": url})
        assert answer.status in (403, 424), url
        job = server.ask("POST", "/api/jobs/convert", {"inputs": [url]})
        assert job.status in (403, 424)
    hook = server.ask("POST", "/api/jobs/trouble", {"inputs": [], "webhook_url": internal})
    assert hook.status in (403, 404)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://0.0.0.0/",
        "http://10.0.0.1/",
        "http://192.168.1.1/",
        "http://172.16.0.1/",
        "http://100.64.0.1/",
        "http://169.254.169.254/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[fd00::1]/",
        "http://[fe80::1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://224.0.0.1/",
    ],
)
def test_private_addresses_are_known_however_they_are_written(url: str) -> None:
    with pytest.raises(NotAllowed, match="leads into this machine"):
        fetch.check(url)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://x/y", "http://", "http://user:pass@example.org/", "gopher:x"]
)
def test_other_kinds_of_addresses_are_refused(url: str) -> None:
    from cinemill.errors import RequestError

    with pytest.raises(RequestError):
        fetch.check(url)


class Redirecting(Internal):
    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", self.path[1:])
        self.end_headers()


def test_redirects_are_looked_at_anew(internal: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A public server sends us to a private one: the first hop is let through as if it were public."""
    from cinemill.jobs.shelf import Shelf

    server = HTTPServer(("127.0.0.1", 0), Redirecting)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    allowed = iter([True])
    monkeypatch.setattr(web, "is_public", lambda address: next(allowed, False))
    try:
        with pytest.raises(NotAllowed, match="leads into this machine"):
            fetch.kept(Shelf(tmp_path), f"http://127.0.0.1:{server.server_port}/{internal}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_what_is_public_is_fetched(internal: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cinemill.jobs.shelf import Shelf

    monkeypatch.setenv("CINEMILL_ALLOW_PRIVATE_URLS", "1")
    settings.cache_clear()
    try:
        stored = fetch.kept(Shelf(tmp_path), internal)
        assert (stored.name, stored.path.read_bytes()) == ("x", b"internal")
    finally:
        monkeypatch.undo()
        settings.cache_clear()


def test_nobody_is_told_of_the_machine(server: Server, film: str) -> None:
    told = json.dumps(server.ask("GET", "/api/jobs").json) + json.dumps(server.ask("GET", "/api/files").json)
    assert str(server.folder) not in told
    assert os.environ["HOME"] not in told
