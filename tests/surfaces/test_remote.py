"""`--on http://…`: a real server does the work, is killed meanwhile, and comes back."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import cinemill
from cinemill.errors import MissingResource, NotTaken, RequestError
from cinemill.settings import settings
from cinemill.surfaces import remote
from command import Cinemill, framemd5, wait_until

ASK = ("--codec", "ffv1", "--threads", 1, "--json")


class Served:
    """`cinemill serve` on a port that it keeps over a restart."""

    def __init__(self, home: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.environment = {
            **os.environ,
            "CINEMILL_STATE_DIR": str(home / "state"),
            "CINEMILL_DATA_DIR": str(home / "data"),
            "CINEMILL_CONFIG": str(home / "settings.toml"),
            "CINEMILL_CACHE_DIR": str(home / "cache"),
            "CINEMILL_TOKEN": "secret",
        }
        self.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "cinemill.surfaces.cli", "serve", "--no-check", "--no-page"]
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port)],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def answers(self) -> bool:
        assert self.process.poll() is None
        try:
            remote._Server(self.address).ask("GET", "/health", patience=0)
        except MissingResource:
            return False
        return True

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CINEMILL_TOKEN", "secret")
        settings.cache_clear()
        running = Served(tmp_path_factory.mktemp("there"))
        wait_until(running.answers)
        yield running
        running.end()
    settings.cache_clear()


@pytest.fixture
def here(cinemill: Cinemill) -> Cinemill:
    cinemill.environment["CINEMILL_TOKEN"] = "secret"
    return cinemill


def test_same_command_gives_the_same_there(
    served: Served, here: Cinemill, folder: Path, clip: Callable[[str], Path]
) -> None:
    assert here("process", clip("sound.mkv"), "-o", "here.mkv", *ASK).code == 0
    said = here("process", clip("sound.mkv"), "-o", "there.mkv", "--on", served.address, *ASK)
    assert said.code == 0, said.out + said.err
    kinds = [event["event"] for event in said.events]
    assert kinds.index("planned") < kinds.index("part") < kinds.index("done")
    assert said.events[-1]["outputs"] == [str(folder / "there.mkv")]
    assert framemd5(folder / "there.mkv") == framemd5(folder / "here.mkv")
    assert not list(folder.glob(".*"))
    jobs = remote._Server(served.address).ask("GET", "/api/jobs")["jobs"]
    assert not jobs, "what was fetched is forgotten there"


def test_server_that_is_killed_is_waited_for_and_the_result_is_whole(
    served: Served, here: Cinemill, folder: Path, clip: Callable[[str], Path]
) -> None:
    chain = ("--chain", "denoise.nlmeans")
    run = here.start("process", clip("sound.mkv"), "-o", "out.mkv", "--on", served.address, *chain, *ASK)
    run.until("planned")
    served.kill()
    served.start()
    said = run.end()
    assert said.code == 0, said.out + said.err
    assert here("process", clip("sound.mkv"), "-o", "here.mkv", *chain, *ASK).code == 0
    assert framemd5(folder / "out.mkv") == framemd5(folder / "here.mkv")


def test_errors_of_the_server_are_errors_here(served: Served, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("Dear diary\n" * 100)
    with pytest.raises(NotTaken, match=r"text\.mp4 is no film"):
        cinemill.run("process", tmp_path / "text.mp4", tmp_path / "o.mkv", on=served.address)


def test_what_is_missing_there_is_said_to_be_missing_there(
    served: Served, here: Cinemill, clip: Callable[[str], Path]
) -> None:
    wanted = ("process", clip("sound.mkv"), "-o", "o.mkv", "--chain", "upscale.model=model:realesrgan-x4plus")
    said = here(*wanted)
    assert said.code == 3
    assert "models get realesrgan-x4plus" in said.err
    said = here(*wanted, CINEMILL_REMOTE=served.address)
    assert said.code == 3
    assert f"So {served.address} does it." in " ".join((said.out + said.err).split())
    assert f"{served.address} says: model realesrgan-x4plus is not here" in " ".join(said.err.split())


def test_token_is_wanted(served: Served, here: Cinemill, clip: Callable[[str], Path]) -> None:
    for token, sentence in [("", "wants a token"), ("wrong", "has another token than CINEMILL_TOKEN says")]:
        said = here("process", clip("sound.mkv"), "-o", "o.mkv", "--on", served.address, CINEMILL_TOKEN=token)
        assert said.code == 2
        assert f"{served.address} {sentence}: set CINEMILL_TOKEN" in " ".join(said.err.split())


def test_other_version_is_said(served: Served, clip: Callable[[str], Path], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(remote, "__version__", "0.0.1")
    with pytest.raises(RequestError, match=r"this is 0\.0\.1"):
        cinemill.run("process", clip("sound.mkv"), tmp_path / "o.mkv", on=served.address)


def test_nobody_there_is_said_at_once(clip: Callable[[str], Path], tmp_path: Path) -> None:
    service = cinemill.MediaService(use_local_processing=False, address="http://127.0.0.1:1")
    with pytest.raises(MissingResource, match="cinemill serve"):
        service.run("process", clip("sound.mkv"), tmp_path / "o.mkv")
    with pytest.raises(RequestError, match="CINEMILL_REMOTE"):
        cinemill.MediaService(use_local_processing=False).run("process", clip("sound.mkv"))
    assert cinemill.MediaService().run("process", clip("sound.mkv"), tmp_path / "o.mkv", codec="ffv1").outputs


@pytest.mark.slow
def test_upload_takes_no_memory(served: Served, tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    with large.open("wb") as file:
        file.truncate(4 << 30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in remote._uploaded(remote._Server(served.address), large):
        pass
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10
    status = Path(f"/proc/{served.process.pid}/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    assert peak < 600 << 10
