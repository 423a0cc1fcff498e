"""Sessions in the queue: seen as they go on, ended when asked, and what is left of one that was killed is kept."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from cinemill.errors import InvalidParams
from cinemill.jobs import processes
from cinemill.jobs.keeper import Keeper, Rules
from cinemill.jobs.queue import Job, Queue
from cinemill.media import read
from cinemill.operations.sessions import live, train
from cinemill.settings import settings
from command import wait_until

RULES = Rules(cpu_lanes=1, stall=0, free=0)


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    """A queue that is worked on, with a home of its own; its processes end with the test."""
    for name in ("STATE_DIR", "DATA_DIR", "CACHE_DIR"):
        monkeypatch.setenv(f"CINEMILL_{name}", str(tmp_path / name.lower()))
    monkeypatch.setenv("CINEMILL_CONFIG", str(tmp_path / "settings.toml"))
    settings.cache_clear()
    queue = Queue(tmp_path / "queue")
    keeper = Keeper(queue, RULES)
    keeper.start()
    yield queue
    keeper.stop()
    for job in queue.held():
        processes.end(job.id)
    queue.close()
    settings.cache_clear()


def ask(queue: Queue, operation: str, params: dict[str, Any], **options: Any) -> Job:
    id = secrets.token_hex(8)
    folder = str(queue.place(id) / "live")
    return queue.submit(operation, [], {**params, "folder": folder}, options={"on": "serial", **options}, id=id)


def capture(queue: Queue, device: str, name: str = "tape.mkv", **params: Any) -> Job:
    return ask(queue, "capture", {"device": device, "keep_free": 0, **params}, lane="deck", name=name)


def until(queue: Queue, id: str, *states: str) -> Job:
    wait_until(lambda: queue.get(id).state in states)
    return queue.get(id)


def known(queue: Queue, job: Job) -> dict[str, Any]:
    return live.figures(Path(job.params["folder"]))


def kill(queue: Queue, job: Job) -> None:
    for held in queue.held():
        if held.id == job.id and held.process:
            os.killpg(held.process["pid"], signal.SIGKILL)


def test_a_tape_is_recorded_until_somebody_stops_it(queue: Queue) -> None:
    job = capture(queue, "mock:seconds=3600,drops=0,pace=4")
    wait_until(lambda: known(queue, job).get("pictures", 0) > 40)
    folder = Path(job.params["folder"])
    wait_until(lambda: (folder / live.SCOPES).exists())
    assert (folder / live.PICTURE).read_bytes()[:2] == b"\xff\xd8"
    live.stop(folder)
    job = until(queue, job.id, "done", "failed")
    assert job.error is None
    assert sorted(path.name for path in job.outputs) == ["tape.capture.json", "tape.framemd5", "tape.mkv"]
    info = read.probe(queue.place(job.id) / "tape.mkv")
    assert len(read.index(info).pts) == job.result["figures"]["pictures"]
    assert job.result["figures"]["stopped"] == "asked"


def test_what_is_only_looked_at_is_not_stored(queue: Queue) -> None:
    job = ask(queue, "capture", {"device": "mock-dv:seconds=2,pace=0", "store": False}, lane="deck", file=False)
    job = until(queue, job.id, "done", "failed")
    assert (job.error, job.outputs) == (None, ())
    assert job.result["figures"]["pictures"] == 50
    assert not list(queue.place(job.id).rglob("*.dv"))


def test_dv_is_stored_as_it_comes(queue: Queue) -> None:
    job = until(queue, capture(queue, "mock-dv:seconds=2,pace=0,drops=2", "tape.dv").id, "done", "failed")
    assert job.error is None
    assert (queue.place(job.id) / "tape.dv").stat().st_size == 48 * 144000
    assert job.result["figures"]["dropped"] == 2


def test_a_capture_that_is_killed_is_not_done_twice_and_not_lost(queue: Queue) -> None:
    job = capture(queue, "mock:seconds=3600,pace=4")
    wait_until(lambda: known(queue, job).get("seconds", 0) > 4)
    kill(queue, job)
    assert "SIGKILL" in str(until(queue, job.id, "failed").error)
    queue.retry(job.id)
    job = until(queue, job.id, "done", "failed")
    assert job.error is None
    assert "cut off" in " ".join(job.result["notes"])
    assert len(read.index(read.probe(queue.place(job.id) / "tape.mkv")).pts) > 50


def test_a_plug_that_is_pulled_leaves_what_there_was(queue: Queue) -> None:
    job = until(queue, capture(queue, "mock:seconds=60,unplugged=1,pace=0").id, "done", "failed")
    assert job.error is None
    assert job.result["figures"]["stopped"] == "device"
    assert "stopped sending" in " ".join(job.result["notes"])


def test_no_file_is_a_device(queue: Queue, tmp_path: Path) -> None:
    (tmp_path / "secret.mkv").write_bytes(b"secret")
    job = until(queue, capture(queue, str(tmp_path / "secret.mkv")).id, "done", "failed")
    assert "device" in str(job.error)
    with pytest.raises(InvalidParams):
        capture(queue, "mock", standard="mesecam")


def test_a_lesson_that_is_killed_goes_on_and_gives_a_model(queue: Queue) -> None:
    pytest.importorskip("torch")
    from cinemill.filters import text
    from cinemill.learn import films, procedural
    from cinemill.measure import sheet
    from cinemill.models import registry

    pairs = queue.folder / "labs" / "mine" / "pairs"
    frames = list(procedural.scenes(160, 128, Fraction(10), 9, 3))[::6]
    for name, given in ((films.INPUT, text.chain("denoise.hqdn3d=strength:1").run(frames)), (films.TARGET, frames)):
        (pairs / name).mkdir(parents=True)
        for number, frame in enumerate(given):
            (pairs / name / f"{number:03d}.png").write_bytes(sheet.png(sheet.picture(frame)))
    asked = {"task": "restore", "pairs": [str(pairs)], "name": "mine", "steps": 90, "check": 10, "crop": 64, "batch": 4}
    job = ask(queue, "train", asked, confined=True, file=False)
    checkpoint = settings().data_dir / "lessons" / "mine" / "checkpoint.pt"
    wait_until(checkpoint.exists)
    kill(queue, job)
    assert until(queue, job.id, "failed", "done").state == "failed"
    queue.retry(job.id)
    job = until(queue, job.id, "done", "failed")
    assert job.error is None
    assert job.result["use"] == "denoise.model=model:mine"
    assert registry.find("mine").provenance is not None
    place = Path(job.params["folder"])
    assert len(list((place / train.HELD).glob("*-after.jpg"))) == job.result["held"] > 0
    assert (place / train.SAMPLE).exists()
