"""Several processes and one job: one works, others look on and give orders through `cinemill jobs`."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pieces import attempts, whole

from cinemill.jobs.run import run
from cinemill.jobs.store import JobFolder
from cinemill.operations import Request
from command import Cinemill, Running, below

WHERE = pytest.mark.parametrize("where", ["serial", "processes"])
JOB = Path(".out.cinemill")


@pytest.fixture
def begin(folder: Path, cinemill: Cinemill) -> Callable[..., Running]:
    """Starts a job that waits after its first part for the file `gate`."""
    (folder / "in").write_bytes(b"pictures")

    def begin(*more: object) -> Running:
        running = cinemill.start("trouble", "in", "-o", "out", "--gate", folder / "gate", "--json", *more)
        running.until("part")
        return running

    return begin


def jobs(cinemill: Cinemill) -> list[dict[str, Any]]:
    said = cinemill("jobs", "list", "--json")
    assert said.code == 0, said.err
    return json.loads(said.out)


def test_second_process_on_the_same_output_is_refused_and_harms_nothing(
    begin: Callable[..., Running], folder: Path, cinemill: Cinemill
) -> None:
    running = begin()
    for more in ([], ["--restart"], ["--overwrite"], ["--steps", 5]):
        said = cinemill("trouble", "in", "-o", "out", "--gate", folder / "gate", "--json", *more)
        assert said.code == 7
        assert said.events[-1]["error"]["type"] == "JobRunning"
    (folder / "gate").touch()
    assert running.end().code == 0
    assert (folder / "out").read_text() == whole()
    assert sorted(attempts(folder / "in")) == [0, 1, 2, 3]


def test_looking_on_never_gets_in_the_way(trouble: Callable[..., Request[Any]], folder: Path) -> None:
    """A look tries the lock; a job that begins or ends at that moment must neither take it for a rival nor leave it."""
    job, over = JobFolder(folder / JOB), threading.Event()

    def look() -> None:
        while not over.is_set():
            job.is_running()

    lookers = [threading.Thread(target=look) for _ in range(2)]
    for looker in lookers:
        looker.start()
    try:
        for _ in range(20):
            list(run(trouble(chunks=1), overwrite=True))
    finally:
        over.set()
        for looker in lookers:
            looker.join()
    assert not job.is_running()
    assert below(folder) == {"in", "in.attempts", "out"}


def test_list_and_show_tell_of_a_running_job(begin: Callable[..., Running], folder: Path, cinemill: Cinemill) -> None:
    running = begin()
    (state,) = jobs(cinemill)
    assert state["state"] == "running"
    assert (state["done"], state["total"], state["unit"]) == (3, 12, "steps")
    assert state["output"] == str(folder / "out")
    assert state["operation"] == "trouble"
    for name in (state["id"][:4], "out"):
        assert json.loads(cinemill("jobs", "show", name, "--json").out) == state
    assert "trouble ahead." in cinemill("jobs", "show", "out").out
    running.kill()
    assert jobs(cinemill)[0]["state"] == "stopped"


@WHERE
def test_paused_job_rests_until_it_is_resumed(
    where: str, begin: Callable[..., Running], folder: Path, cinemill: Cinemill
) -> None:
    running = begin("--on", where)
    assert cinemill("jobs", "pause", "out").code == 0
    (folder / "gate").touch()
    running.until("paused")
    assert jobs(cinemill)[0]["state"] == "paused"
    assert running.lives(0.5)
    said = cinemill("jobs", "resume", "out")
    assert said.code == 0
    said = running.end()
    assert said.code == 0
    assert [event["event"] for event in said.events].count("paused") == 1
    assert (folder / "out").read_text() == whole()
    assert below(folder) == {"in", "in.attempts", "gate", "out"}


@pytest.mark.parametrize(("where", "paused"), [("serial", True), ("processes", False)])
def test_cancelled_job_leaves_nothing(
    where: str, paused: bool, begin: Callable[..., Running], folder: Path, cinemill: Cinemill
) -> None:
    running = begin("--on", where)
    if paused:
        cinemill("jobs", "pause", "out")
        (folder / "gate").touch()
        running.until("paused")
    assert cinemill("jobs", "cancel", "out").code == 0
    (folder / "gate").touch()
    said = running.end()
    assert said.code == 130
    assert said.events[-1]["error"]["message"] == "cancelled; its unfinished work was thrown away."
    assert below(folder) == {"in", "in.attempts", "gate"}
    assert jobs(cinemill) == []


def test_join_can_be_cancelled(folder: Path, cinemill: Cinemill) -> None:
    (folder / "in").write_bytes(b"pictures")
    running = cinemill.start("trouble", "in", "-o", "out", "--join-gate", folder / "gate", "--json")
    running.until("joining")
    cinemill("jobs", "cancel", "out")
    (folder / "gate").touch()
    assert running.end().code == 130
    assert below(folder) == {"in", "in.attempts", "gate"}


def test_stopped_job_is_resumed_by_name(begin: Callable[..., Running], folder: Path, cinemill: Cinemill) -> None:
    begin().kill()
    (folder / "gate").touch()
    (state,) = jobs(cinemill)
    said = cinemill("jobs", "resume", state["id"], "--json")
    assert said.code == 0
    assert [event["chunk"] for event in said.events if event["event"] == "part"] == [1, 2, 3]
    assert said.events[-1]["event"] == "done"
    assert (folder / "out").read_text() == whole()


@pytest.mark.parametrize("word", ["pause", "cancel"])
def test_order_left_by_an_earlier_run_is_forgotten(
    word: str, begin: Callable[..., Running], folder: Path, cinemill: Cinemill
) -> None:
    begin().kill()
    (folder / JOB / "control").write_text(word)
    (folder / "gate").touch()
    assert cinemill("trouble", "in", "-o", "out", "--gate", folder / "gate").code == 0


def test_stopped_job_cannot_be_paused_and_can_be_cancelled(
    begin: Callable[..., Running], folder: Path, cinemill: Cinemill
) -> None:
    begin().kill()
    said = cinemill("jobs", "pause", "out")
    assert said.code == 7
    assert "not running" in said.err
    assert cinemill("jobs", "cancel", "out").code == 0
    assert below(folder) == {"in", "in.attempts"}


def test_clean_removes_what_is_stopped_and_leaves_what_runs(
    begin: Callable[..., Running], folder: Path, cinemill: Cinemill
) -> None:
    begin().kill()
    other = cinemill.start("trouble", "in", "-o", "other", "--gate", folder / "gate", "--json")
    other.until("part")
    assert cinemill("jobs", "clean").out == "1 unfinished job removed.\n"
    assert not (folder / JOB).exists()
    (folder / "gate").touch()
    assert other.end().code == 0
    assert (folder / "other").read_text() == whole()


def test_job_whose_folder_vanished_is_dropped_from_the_list(
    begin: Callable[..., Running], folder: Path, cinemill: Cinemill, home: Path
) -> None:
    begin().kill()
    assert len(jobs(cinemill)) == 1
    shutil.rmtree(folder / JOB)
    assert jobs(cinemill) == []
    assert not list((home / "state" / "jobs").iterdir())
    assert cinemill("jobs", "list").out == "no unfinished jobs.\n"


def test_damaged_plan_is_listed_as_such_and_can_be_cancelled(
    begin: Callable[..., Running], folder: Path, cinemill: Cinemill
) -> None:
    begin().kill()
    (folder / JOB / "plan.json").write_text("{")
    assert jobs(cinemill)[0]["state"] == "damaged"
    said = cinemill("jobs", "resume", "out")
    assert said.code == 7
    assert "cannot be read" in said.err
    assert cinemill("jobs", "cancel", "out").code == 0
    assert jobs(cinemill) == []


def test_result_of_two_at_once_is_one_result(folder: Path, cinemill: Cinemill) -> None:
    """Started together and again and again: at any time one works, and none spoils the other's work."""
    (folder / "in").write_bytes(b"pictures")
    runs = [cinemill.start("trouble", "in", "-o", "out", "--steps", 20, "--json") for _ in range(4)]
    codes = sorted(run.end().code for run in runs)
    assert codes[0] == 0
    assert set(codes) <= {0, 2, 7}
    assert codes.count(0) == 1
    assert (folder / "out").read_text() == whole(steps=20)
    assert below(folder) == {"in", "in.attempts", "out"}
