"""The window's server process, without a window: it offers, does, tells, stops when it is let go, and goes on."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cinemill.surfaces.desktop import backend, command
from command import PATIENCE, Cinemill


class Backend:
    """A running one, as the window sees it."""

    def __init__(self, folder: Path, environment: dict[str, str], port: int = 0) -> None:
        words = [sys.executable, "-m", "cinemill.surfaces.desktop.backend", str(folder), str(port), "no-page"]
        environment = {**environment, "CINEMILL_TOKEN": "secret"}
        self.process = subprocess.Popen(
            words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._watchdog = threading.Timer(4 * PATIENCE, self.process.kill)
        self._watchdog.start()

    def ask(self, **message: Any) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def until(self, *words: str) -> dict[str, Any]:
        """The next line that says one of these."""
        assert self.process.stdout
        for line in self.process.stdout:
            said = json.loads(line)
            if set(words) & said.keys():
                return said
        raise AssertionError(f"it ended with {self.process.wait()}")

    def standing(self, fits: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        while True:
            found = self.until("jobs")["jobs"]
            if fits(found):
                return found

    def let_go(self) -> int:
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()
        code = self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        self._watchdog.cancel()
        return code


@pytest.fixture
def start(cinemill: Cinemill, tmp_path: Path) -> Iterator[Callable[[], Backend]]:
    begun: list[Backend] = []

    def start() -> Backend:
        begun.append(Backend(tmp_path / "studio", cinemill.environment))
        return begun[-1]

    yield start
    for one in begun:
        one.let_go()


def status(port: int, cookie: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", "/api/jobs", headers={"cookie": cookie} if cookie else {})
        return connection.getresponse().status
    finally:
        connection.close()


def test_it_serves_only_its_window_and_stops_when_let_go(start: Callable[[], Backend]) -> None:
    server = start()
    ready = server.until("ready")
    assert status(ready["ready"], ready["cookie"]) == 200
    assert status(ready["ready"], "") == 401
    assert server.let_go() == 0


def test_a_second_one_on_the_same_studio_says_why_not(start: Callable[[], Backend]) -> None:
    start().until("ready")
    assert "another server works on the queue" in start().until("failed")["failed"]


def test_a_file_is_offered_done_beside_itself_and_told(
    start: Callable[[], Backend], clip: Callable[[str], Path], tmp_path: Path
) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(clip("film.mp4").read_bytes())
    server = start()
    server.ask(offer=[str(film)])
    offer = server.until("offer")["offer"]
    names = [one["name"] for one in offer["choices"]]
    assert {"restore", "subtitle", "convert"} <= set(names)
    assert "compare" not in names
    asked = {"operation": "process", "paths": [str(film)], "output": None, "preset": None}
    server.ask(submit=asked)
    assert server.until("submitted")["submitted"] == 1
    done = server.standing(lambda found: found["ended"])["ended"][0]
    assert (done["state"], done["made"]) == ("done", [str(tmp_path / "film.process.mp4")])
    server.ask(submit=asked)
    again = server.standing(lambda found: len(found["ended"]) == 2)["ended"][1]
    assert again["made"] == [str(tmp_path / "film.process 2.mp4")]


def test_what_cannot_be_done_is_refused_in_a_sentence(start: Callable[[], Backend], tmp_path: Path) -> None:
    (tmp_path / "a.exe").touch()
    server = start()
    server.ask(offer=[str(tmp_path / "a.exe")])
    assert server.until("refused")["refused"] == "nothing here works on a.exe."
    server.ask(submit={"operation": "process", "paths": ["/nowhere/a.mp4"], "output": None, "preset": None})
    assert "is not there any more" in server.until("refused")["refused"]


def test_a_job_that_ran_when_it_was_let_go_goes_on_with_the_next(
    start: Callable[[], Backend], clip: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "films").mkdir()
    for name in ("one.mp4", "two.mp4"):
        (tmp_path / "films" / name).write_bytes(clip("film.mp4").read_bytes())
    first = start()
    first.ask(submit={"operation": "process", "paths": [str(tmp_path / "films")], "output": None, "preset": None})
    assert first.until("submitted")["submitted"] == 2
    assert first.let_go() == 0
    second = start()
    made: set[str] = set()
    while len(made) < 2:
        for job in second.standing(lambda found: found["ended"])["ended"]:
            assert job["state"] == "done"
            made.update(Path(path).name for path in job["made"])
    assert made == {"one.process.mp4", "two.process.mp4"}


def test_kinds_of_files_decide_what_is_offered(tmp_path: Path) -> None:
    def offered(*names: str) -> set[str]:
        return {one["name"] for one in backend.offer([tmp_path / name for name in names])["choices"]}

    assert "convert-subtitles" in offered("a.srt")
    assert "restore" not in offered("a.srt")
    assert "clean" in offered("a.mka")
    assert "merge" in offered("a.mp4", "b.mov")
    assert "merge" not in offered("a.mp4")
    assert "narrate" in offered("a.txt")
    assert "compose" in offered("story.yaml")


def test_file_managers_learn_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    text = command.associated().read_text("utf-8")
    assert "video/x-matroska" in text
    assert "desktop %F" in text
    assert (tmp_path / "icons/hicolor/scalable/apps/cinemill.svg").is_file()


def test_without_its_packages_the_command_says_how_to_get_them(cinemill: Cinemill) -> None:
    pytest.importorskip("fastapi")
    try:
        import PySide6  # noqa: F401  # pyright: ignore
    except ImportError:
        said = cinemill("desktop")
        assert said.code != 0
        assert "pip install 'cinemill[desktop]'" in said.err
    else:
        said = cinemill("desktop", DISPLAY="", WAYLAND_DISPLAY="")
        assert "no display" in said.err
