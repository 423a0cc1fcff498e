"""A Ray cluster whose machines have networks of their own, where the system lets root make some."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import clips
from command import COMMAND, Cinemill, framemd5, parse, wait_until

pytest.importorskip("ray", reason="the extra `cluster` is not installed")
pytestmark = pytest.mark.slow
RAY = Path(sys.executable).with_name("ray")
ASK = ("--codec", "ffv1", "--threads", "1", "--chunk-seconds", "1", "--chain", "denoise.nlmeans", "--json")


def _ip(*words: str, check: bool = True) -> str:
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True).stdout


class Network:
    """Machines on a bridge: `head` at 10.213.77.2, and the others after it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.mark = folder, secrets.token_hex(2)
        self.bridge = f"cm{self.mark}b"
        self.names: list[str] = []
        self.started: list[subprocess.Popen[bytes]] = []
        self.environment = {
            **os.environ,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
            "GRPC_ENABLE_FORK_SUPPORT": "0",
            "RAY_health_check_timeout_ms": "2000",
            "RAY_health_check_period_ms": "1000",
            "RAY_health_check_failure_threshold": "3",
            "RAY_ADDRESS": "10.213.77.2:6379",
            "CINEMILL_STATE_DIR": str(folder / "state"),
        }

    def add(self) -> str:
        """A machine; its name."""
        if not self.names:
            _ip("link", "add", self.bridge, "type", "bridge")
            _ip("link", "set", self.bridge, "up")
        name, link = f"cm{self.mark}{len(self.names)}", f"cm{self.mark}v{len(self.names)}"
        self.names.append(name)
        _ip("netns", "add", name)
        _ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("link", "set", link, "master", self.bridge, "up")
        _ip("-n", name, "addr", "add", f"{self.address(name)}/24", "dev", "eth0")
        _ip("-n", name, "link", "set", "eth0", "up")
        _ip("-n", name, "link", "set", "lo", "up")
        return name

    def address(self, name: str) -> str:
        return f"10.213.77.{self.names.index(name) + 2}"

    def ray(self, name: str, *words: str) -> None:
        """Start Ray on a machine, with a /tmp/ray of its own, and wait until it is up."""
        own, log = self.folder / f"ray-{name}", self.folder / f"{name}.log"
        own.mkdir()
        script = 'mkdir -p /tmp/ray && mount --bind "$0" /tmp/ray && exec "$@"'
        start = [RAY, "start", "--block", *words, f"--node-ip-address={self.address(name)}"]
        start += ["--object-store-memory=100000000"]
        command = ["unshare", "-m", "--propagation", "private", "bash", "-c", script, own, *start]
        environment = {key: value for key, value in self.environment.items() if key != "RAY_ADDRESS"}
        with log.open("wb") as file:
            self.started.append(
                subprocess.Popen(["ip", "netns", "exec", name, *command], env=environment, stdout=file, stderr=file)
            )
        wait_until(lambda: "Ray runtime started" in log.read_text(), 180)

    def off(self, name: str) -> None:
        """As when a machine loses its power."""
        for pid in _ip("netns", "pids", name, check=False).split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)

    def end(self) -> None:
        for name in self.names:
            self.off(name)
        for process in self.started:
            process.wait()
        for name in self.names:
            _ip("netns", "del", name, check=False)
        _ip("link", "del", self.bridge, check=False)


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    running = Network(tmp_path)
    try:
        if not shutil.which("ip"):
            pytest.skip("there is no `ip`")
        try:
            head = running.add()
        except subprocess.CalledProcessError as error:
            pytest.skip(f"networks of their own cannot be made here: {error.stderr.strip()}")
        start = ("--port=6379", "--ray-client-server-port=10001", "--num-cpus=0", "--include-dashboard=false")
        running.ray(head, "--head", *start)
        for _ in range(2):
            running.ray(running.add(), "--address=10.213.77.2:6379", "--num-cpus=1")
        yield running
    finally:
        running.end()


def test_machine_that_loses_its_power_and_a_driver_that_dies_change_nothing(
    network: Network, cinemill: Cinemill, folder: Path
) -> None:
    head, _, lost = network.names
    film = folder / "film.mp4"
    picture = "testsrc2=s=320x180:r=25:d=24,noise=alls=12:allf=t"
    clips.run("-f", "lavfi", "-i", picture, "-c:v", "libx264", "-preset", "veryfast", "-g", 25, film)
    assert cinemill("process", film, "-o", "here.mkv", *ASK, patience=600).code == 0

    def begun() -> subprocess.Popen[str]:
        own = network.folder / f"ray-{head}"
        script = 'mkdir -p /tmp/ray && mount --bind "$0" /tmp/ray && exec "$@"'
        inside = ["unshare", "-m", "--propagation", "private", "bash", "-c", script, own, *COMMAND]
        command = ["ip", "netns", "exec", head, *inside, "process", film, "-o", "there.mkv", *ASK, "--on", "ray"]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=folder, env=network.environment, stdout=pipe, text=True)

    made: list[int] = []
    with begun() as driver:
        assert driver.stdout
        for line in driver.stdout:
            (event,) = parse([line])
            made += [event["chunk"]] if event["event"] == "part" else []
            if len(made) == 2:
                network.off(lost)
            if len(made) == 5:
                driver.kill()
                break
    with begun() as driver:
        said, _ = driver.communicate(timeout=600)
    assert driver.returncode == 0, said
    events = parse(said.splitlines(keepends=True))
    again = [event["chunk"] for event in events if event["event"] == "part"]
    assert not set(made) & set(again), "what was taken in is not made again"
    assert framemd5(folder / "there.mkv") == framemd5(folder / "here.mkv")
