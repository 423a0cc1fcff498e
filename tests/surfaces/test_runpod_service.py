"""The worker as RunPod runs it: the SDK's own loop against a service of ours, which stops jobs and hears slowly."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from runpod_service import Service, begun

from command import wait_until

WORKER = Path(__file__).parents[2] / ".venv-worker" / "bin" / "cinemill"
SPEECH = Path(__file__).parents[1] / "speech" / "ten.ogg"
Clip = Callable[[str], Path]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not WORKER.exists(), reason="`make worker` makes the environment that this needs"),
]


class Worker:
    """A worker with a folder of its own, and jobs that it can do."""

    def __init__(self, folder: Path, service: Service, *more: str, **environment: str) -> None:
        self.service = service
        self.process = begun(
            WORKER,
            service,
            folder,
            *more,
            JOBS_DIR=str(folder / "jobs"),
            CINEMILL_STATE_DIR=str(folder / "state"),
            CINEMILL_OFFLINE="1",
            **environment,
        )

    def end(self) -> int:
        """As the service does it when it needs a worker no longer."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(180)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def service() -> Iterator[Service]:
    running = Service()
    yield running
    running.shutdown()
    running.server_close()


@contextmanager
def working(folder: Path, service: Service, *more: str, **environment: str) -> Iterator[Worker]:
    worker = Worker(folder, service, *more, **environment)
    try:
        yield worker
        assert worker.end() == 0
        assert "Traceback" not in (folder / "log").read_text()
        assert not service.unwell
    finally:
        if worker.process.poll() is None:
            worker.kill()


def film(clip: Clip, folder: Path) -> str:
    (folder / "jobs").mkdir(exist_ok=True)
    path = folder / "jobs" / "sound.mkv"
    path.write_bytes(clip("sound.mkv").read_bytes())
    return str(path)


def short(film: str) -> dict[str, Any]:
    return {"operation": "process", "inputs": [film], "params": {"codec": "ffv1"}}


def long(film: str) -> dict[str, Any]:
    chain = ",".join(["denoise.nlmeans=search:31"] * 12)
    params = {"codec": "ffv1", "chain": chain}
    return {"operation": "process", "inputs": [film], "params": params, "chunk_seconds": 0.2}


@pytest.mark.parametrize("more", [(), ("--stream",)], ids=["", "stream"])
def test_cancelled_job_makes_room_for_the_next(
    more: tuple[str, ...], service: Service, clip: Clip, tmp_path: Path
) -> None:
    path = film(clip, tmp_path)
    with working(tmp_path, service, *more):
        service.submit("first", long(path))
        service.until(lambda: service.told.get("first") or service.pieces.get("first"))
        service.cancel("first")
        service.cancel("first")
        service.submit("wrong", {"operation": "nothing"})
        service.submit("second", short(path))
        assert service.answer("second")["output"]
        assert isinstance(service.answer("wrong")["error"], str)
    assert all(word.get("status") == "IN_PROGRESS" for word in service.told.get("first", ())), "no answer is sent"
    assert os.listdir(tmp_path / "jobs") == ["sound.mkv"]


def test_answer_is_the_last_word_however_slowly_the_service_hears(service: Service, clip: Clip, tmp_path: Path) -> None:
    path = film(clip, tmp_path)

    def hinder(body: str) -> None:
        if "IN_PROGRESS" in body:  # hear it when the work is done, which the worker does not wait for
            wait_until(lambda: any(path.iterdir() for path in [tmp_path / "jobs"]))
            wait_until(lambda: os.listdir(tmp_path / "jobs") == ["sound.mkv"])

    service.hinder = hinder
    with working(tmp_path, service):
        service.submit("job", short(path))
        service.answer("job")
    first, *_, last = service.told["job"]
    assert first["output"]["event"] == "planned"
    assert last["output"]["outputs"][0]["name"] == "sound.process.mkv"


def test_worker_that_is_killed_leaves_nothing_for_long(service: Service, clip: Clip, tmp_path: Path) -> None:
    path = film(clip, tmp_path)
    killed = Worker(tmp_path, service)
    try:
        service.submit("lost", long(path))
        service.until(lambda: service.told.get("lost"))
    finally:
        killed.kill()
    assert len(os.listdir(tmp_path / "jobs")) == 2
    living = Service()
    try:
        with working(tmp_path, living):
            living.submit("other", long(path))
            living.until(lambda: living.told.get("other"))
            (kept,) = set(os.listdir(tmp_path / "jobs")) - {"sound.mkv"}
            with working(tmp_path, service):
                service.submit("next", short(path))
                assert service.answer("next")["output"]
            assert set(os.listdir(tmp_path / "jobs")) == {"sound.mkv", kept}
            living.cancel("other")
    finally:
        living.shutdown()
        living.server_close()
    assert os.listdir(tmp_path / "jobs") == ["sound.mkv"]


def test_large_results_go_to_storage_or_are_refused(service: Service, clip: Clip, tmp_path: Path) -> None:
    moto = pytest.importorskip("moto.server", reason="moto is not installed")
    running = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    endpoint = f"http://{host}:{port}/results"
    subprocess.run(["curl", "-sf", "-X", "PUT", endpoint], check=True)
    path = film(clip, tmp_path)
    raw = {"operation": "process", "inputs": [path], "params": {"chain": "scale=height:1080", "codec": "ffv1"}}
    bucket = {"BUCKET_ENDPOINT_URL": endpoint, "BUCKET_ACCESS_KEY_ID": "k", "BUCKET_SECRET_ACCESS_KEY": "s"}
    try:
        with working(tmp_path, service):
            service.submit("refused", raw)
            assert "more than an answer may hold" in service.answer("refused")["error"]
        with working(tmp_path, service, **bucket, AWS_DEFAULT_REGION="us-east-1", PRESIGN_TTL="60"):
            service.submit("stored", raw)
            (made,) = service.answer("stored")["output"]["outputs"]
    finally:
        running.stop()
    assert made["size"] > 6_000_000
    assert made["address"] == "s3://results/stored/sound.process.mkv"
    assert "X-Amz-Expires=60" in made["url"] or "Expires=" in made["url"]
