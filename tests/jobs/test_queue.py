"""The server's list of jobs: kept whatever dies, obeyed, told about, and no job ever lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pieces import attempts, whole

from cinemill.errors import InvalidParams, JobError, JobRunning, NotHere, QueueFull, UnknownName
from cinemill.jobs import processes
from cinemill.jobs.keeper import Keeper, Rules, sweep
from cinemill.jobs.queue import Job, Queue
from cinemill.operations import Request
from command import wait_until

Trouble = Callable[..., Request[Any]]
RULES = Rules(cpu_lanes=2, stall=0, free=0)


@pytest.fixture
def queue(folder: Path, plugins: Path, trouble: Trouble, monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    """A queue in which `trouble` can be asked for; its processes end with the test."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(plugins), os.environ.get("PYTHONPATH", "")]))
    trouble()
    queue = Queue(folder / "queue", most=4)
    yield queue
    for job in queue.held():
        processes.end(job.id)
    queue.close()


@pytest.fixture
def keeper(queue: Queue) -> Iterator[Keeper]:
    keeper = Keeper(queue, RULES)
    keeper.start()
    yield keeper
    keeper.stop()


def ask(queue: Queue, **params: Any) -> Job:
    return queue.submit("trouble", [queue.folder.parent / "in"], params)


def until(queue: Queue, id: str, *states: str) -> Job:
    wait_until(lambda: queue.get(id).state in states)
    return queue.get(id)


def pid(queue: Queue, id: str) -> int:
    """The process of a job, once there is one."""
    wait_until(lambda: any(job.id == id and job.process for job in queue.held()))
    return next(job.process["pid"] for job in queue.held() if job.id == id and job.process)


def test_a_job_is_done_and_tells_what_happened(queue: Queue, keeper: Keeper) -> None:
    job = ask(queue, chunks=2)
    assert (job.state, job.params) == ("queued", {"chunks": 2})
    job = until(queue, job.id, "done")
    assert job.output == queue.place(job.id) / "in.trouble.out"
    assert job.outputs == (job.output,)
    assert job.output.read_text() == whole(2)
    assert job.result == {"parts": 2}
    assert (job.progress.done, job.progress.total, job.progress.unit, job.progress.share) == (6, 6, "steps", 1.0)
    told = queue.events(job.id)
    words = [event["event"] for event in told]
    assert words[:3] == ["state", "state", "planned"]
    assert words[-2:] == ["done", "state"]
    assert words.count("progress") <= 1, "only the last progress is kept"
    assert queue.events(job.id, after=told[-2]["seq"]) == told[-1:]
    wait_until(lambda: not queue.held())
    assert sorted(path.name for path in queue.place(job.id).iterdir()) == ["in.trouble.out", "log.txt"]


def test_what_cannot_be_is_refused_at_once_and_leaves_nothing(queue: Queue) -> None:
    for operation, params, error in (
        ("troubel", {}, UnknownName),
        ("trouble", {"chunks": -1}, InvalidParams),
        ("trouble", {"chunk": 1}, InvalidParams),
    ):
        with pytest.raises(error):
            queue.submit(operation, [queue.folder], params)
    assert queue.jobs() == []
    for act in (queue.get, queue.cancel, queue.pause, queue.resume, queue.retry, queue.remove, queue.events, queue.log):
        with pytest.raises(NotHere, match="no job 'x'"):
            act("x")


def test_no_more_wait_than_may(queue: Queue) -> None:
    for _ in range(queue.most):
        ask(queue)
    with pytest.raises(QueueFull, match="4 jobs are waiting already"):
        ask(queue)
    assert queue.counts()["queued"] == queue.most


def test_the_same_id_makes_one_job(queue: Queue) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: queue.submit("trouble", [queue.folder], {}, id="mine"), range(16)))
    assert [job.id for job in queue.jobs()] == ["mine"]


def test_higher_priorities_come_first_and_others_in_turn(queue: Queue) -> None:
    low = queue.submit("trouble", [queue.folder.parent / "in"], {}, priority=-1)
    first, second = ask(queue), ask(queue)
    order = []
    while job := queue.next("cpu"):
        order.append(job.id)
        queue.cancel(job.id)
    assert order == [first.id, second.id, low.id]


def test_a_failure_is_said_and_can_be_tried_again(queue: Queue, keeper: Keeper) -> None:
    source = queue.folder.parent / "in"
    job = until(queue, ask(queue, fault="decode", times=1).id, "failed")
    assert job.failure
    assert job.failure["type"] == "ChunkFailed"
    assert job.error
    assert job.error.startswith("1 of 4 chunks failed")
    assert queue.events(job.id)[-2]["event"] == "failed"
    job = until(queue, queue.retry(job.id).id, "done", "failed")
    assert job.state == "done"
    assert job.outputs[0].read_text() == whole()
    assert sorted(attempts(source)) == [0, 1, 1, 2, 3], "what was finished was used"
    with pytest.raises(JobError, match="only a failed or cancelled one"):
        queue.retry(job.id)


def test_a_fault_of_ours_fails_its_job_and_stands_in_its_log(queue: Queue, keeper: Keeper) -> None:
    job = until(queue, ask(queue, fault="bug").id, "failed")
    assert job.error
    assert "ZeroDivisionError" in job.error
    assert "Traceback" in queue.log(job.id)


def test_killing_a_job_fails_it_with_its_reason_and_harms_no_other(queue: Queue, keeper: Keeper) -> None:
    gate = queue.folder / "gate"
    victim, other = ask(queue, gate=str(gate)), ask(queue, gate=str(gate), steps=4)
    for job in (victim, other):
        wait_until(lambda job=job: queue.get(job.id).progress.done > 0)
    os.kill(pid(queue, victim.id), signal.SIGKILL)
    job = until(queue, victim.id, "failed")
    assert job.failure
    assert (job.failure["type"], job.failure["signal"]) == ("JobDied", "SIGKILL")
    gate.touch()
    assert until(queue, other.id, "done", "failed").state == "done"
    assert until(queue, queue.retry(victim.id).id, "done").outputs[0].read_text() == whole()


def test_cancelling_ends_all_processes_and_leaves_nothing(queue: Queue, keeper: Keeper) -> None:
    job = ask(queue, gate=str(queue.folder / "never"))
    process = {"pid": pid(queue, job.id), "born": ""}
    wait_until(lambda: queue.get(job.id).progress.done > 0)
    queue.cancel(job.id)
    assert until(queue, job.id, "cancelled").finished
    assert not processes.is_alive(process)
    assert [path.name for path in queue.place(job.id).iterdir()] == ["log.txt"]
    assert queue.cancel(job.id).state == "cancelled"
    queue.remove(job.id)
    assert not queue.place(job.id).exists()
    assert queue.jobs() == []


def test_what_a_job_started_dies_with_it_wherever_it_went(queue: Queue) -> None:
    code = "import subprocess, sys; subprocess.Popen(['sleep', '60'], start_new_session=True)"
    environment = {processes.MARK: "abc", "PATH": os.environ["PATH"]}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    wait_until(lambda: processes.use("abc")[1] > 0)
    processes.end("abc")
    wait_until(lambda: processes.use("abc")[1] == 0)


def test_a_paused_job_does_nothing_until_it_may_go_on(queue: Queue, keeper: Keeper) -> None:
    gate = queue.folder / "gate"
    job = ask(queue, gate=str(gate))
    wait_until(lambda: queue.get(job.id).progress.done > 0)
    queue.pause(job.id)
    until(queue, job.id, "paused")
    number = pid(queue, job.id)
    wait_until(lambda: Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] == "T")
    gate.touch()
    again = ask(queue, chunks=1)
    assert until(queue, again.id, "done")
    assert queue.get(job.id).state == "paused"
    queue.resume(job.id)
    assert until(queue, job.id, "done").outputs[0].read_text() == whole()
    wait_until(lambda: pid_is_gone(number))
    assert len(attempts(queue.folder.parent / "in")) == 5, "it went on where it was"


def pid_is_gone(number: int) -> bool:
    return not processes.is_alive({"pid": number, "born": ""})


def test_a_waiting_job_can_be_paused_and_cancelled(queue: Queue) -> None:
    job = ask(queue)
    assert queue.pause(job.id).state == "paused"
    assert queue.next("cpu") is None
    assert queue.resume(job.id).state == "queued"
    assert queue.cancel(job.id).state == "cancelled"
    for act in (queue.pause, queue.resume):
        with pytest.raises(JobError, match="is cancelled and cannot be"):
            act(job.id)
    with pytest.raises(JobRunning, match="cancel it first"):
        queue.remove(ask(queue).id)


def test_a_job_that_does_nothing_is_ended(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    from cinemill.jobs import keeper as module

    monkeypatch.setattr(module, "_LOOK", 0.1)
    keeper = Keeper(queue, Rules(cpu_lanes=1, stall=0.5, free=0))
    keeper.start()
    job = until(queue, ask(queue, fault="silence").id, "failed")
    keeper.stop()
    assert job.failure
    assert job.failure["type"] == "JobStalled"


def test_jobs_wait_for_room_on_the_disk(queue: Queue) -> None:
    keeper = Keeper(queue, Rules(cpu_lanes=1, free=1 << 60))
    job = ask(queue)
    keeper.step()
    assert queue.get(job.id).state == "queued"
    assert "are free on the disk" in queue.get(job.id).why


def test_two_keepers_never_have_one_queue(queue: Queue, keeper: Keeper) -> None:
    with pytest.raises(JobRunning, match="another server"):
        Keeper(queue, RULES).start()


def test_stopping_keeps_what_is_finished_and_the_next_start_goes_on(queue: Queue) -> None:
    gate = queue.folder / "gate"
    keeper = Keeper(queue, RULES)
    keeper.start()
    job = ask(queue, gate=str(gate))
    wait_until(lambda: queue.get(job.id).progress.done >= 3)
    keeper.stop()
    assert queue.get(job.id).state == "queued"
    gate.touch()
    keeper = Keeper(queue, RULES)
    keeper.start()
    done = until(queue, job.id, "done", "failed")
    keeper.stop()
    assert done.outputs[0].read_text() == whole()
    assert attempts(queue.folder.parent / "in").count(0) == 1, "what was finished was used"


SERVER = """
import sys
from pathlib import Path
from cinemill.jobs.keeper import Keeper, Rules
from cinemill.jobs.queue import Queue
keeper = Keeper(Queue(Path(sys.argv[1])), Rules(cpu_lanes=3, free=0))
keeper.start()
print("up", flush=True)
keeper._thread.join()
"""


def test_a_server_that_is_killed_loses_no_job(queue: Queue, folder: Path) -> None:
    """Three run: one goes on by itself, one dies with the server, one is cancelled meanwhile; a fourth waits."""
    gate = folder / "gate"
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(queue.folder)], stdout=subprocess.PIPE)
    assert server.stdout
    with server.stdout:
        assert server.stdout.readline() == b"up\n"
        jobs = [ask(queue, gate=str(gate)) for _ in range(3)]
        for job in jobs:
            wait_until(lambda job=job: queue.get(job.id).progress.done > 0)
        waiting = ask(queue, chunks=1)
        server.kill()
        server.wait()
    victim = pid(queue, jobs[1].id)
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: processes.use(jobs[1].id)[1] == 0)
    queue.cancel(jobs[2].id)
    keeper = Keeper(queue, RULES)
    keeper.start()
    gate.touch()
    assert until(queue, jobs[2].id, "cancelled")
    for job in (jobs[0], jobs[1]):
        done = until(queue, job.id, "done", "failed")
        assert done.state == "done", done.error
        assert done.outputs[0].read_text() == whole()
    assert queue.get(jobs[0].id).attempt == 1
    assert queue.get(jobs[1].id).attempt == 2
    assert until(queue, waiting.id, "done")
    keeper.stop()


def test_old_results_go_and_those_in_need_stay(queue: Queue) -> None:
    ended, waiting = ask(queue), ask(queue)
    queue.cancel(ended.id)
    stored = queue.shelf.keep(queue.folder.parent / "in", "in")
    sweep(queue, Rules(), now=lambda: time.time() + 86400)
    assert queue.get(ended.id)
    later = time.time() + 365 * 86400
    needed = queue.submit("trouble", [stored.path], {})
    sweep(queue, Rules(), now=lambda: later)
    with pytest.raises(NotHere):
        queue.get(ended.id)
    assert queue.get(waiting.id)
    assert queue.shelf.get(stored.id)
    queue.cancel(needed.id)
    sweep(queue, Rules(), now=lambda: later)
    with pytest.raises(NotHere):
        queue.shelf.get(stored.id)


def test_webhooks_are_due_when_a_job_has_ended(queue: Queue) -> None:
    job = queue.submit("trouble", [queue.folder], {}, webhook="https://example.org/done")
    assert queue.calls(time.time()) == []
    queue.cancel(job.id)
    (call,) = queue.calls(time.time())
    assert (call.job, call.url, call.tries) == (job.id, "https://example.org/done", 0)
    queue.called(call, again=time.time() + 60)
    assert queue.calls(time.time()) == []
    assert queue.calls(time.time() + 61)[0].tries == 1
    queue.called(call, again=None)
    assert queue.calls(time.time() + 61) == []


def test_a_queue_that_is_damaged_says_so(folder: Path) -> None:
    (folder / "queue").mkdir()
    (folder / "queue" / "queue.db").write_text("no database " * 100)
    with pytest.raises(JobError, match="cannot be used"):
        Queue(folder / "queue")


def test_events_are_json(queue: Queue, keeper: Keeper) -> None:
    job = until(queue, ask(queue, chunks=1).id, "done")
    assert json.loads(json.dumps(queue.events(job.id)))
