"""A real Ray cluster on this machine: each of its machines is a raylet with an address and workers of its own."""

from __future__ import annotations

import os
import random
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from bucket import environment, serving
from bucket import made as made_bucket
from pieces import attempts, whole

import clips
import command
from cinemill.errors import ChunkFailed, CinemillError, DecodeFailed, DiskFull, EngineCrashed, MissingResource
from cinemill.jobs import cluster, farm
from cinemill.jobs.events import AtWork, Done, Event, Noted, PartDone, Retried
from cinemill.jobs.executors import executor
from cinemill.jobs.run import run
from cinemill.operations import Request
from cinemill.settings import settings
from command import Cinemill, framemd5, wait_until

ray = pytest.importorskip("ray", reason="the extra `cluster` is not installed")
Ask = Callable[..., Request[Any]]
ASK = ("--chunk-seconds", 1, "--threads", 1, "--speed", "veryfast", "--json")
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


class Machines:
    """The cluster, and the nodes of it that may be lost."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        class Patient(Cluster):  # type: ignore[misc]
            """On a loaded machine a node takes longer than half a minute to come up."""

            def _wait_for_node(self, node: Any, timeout: float = 300) -> None:
                super()._wait_for_node(node, timeout)

        self.made = 2
        with socket.socket() as free:
            free.bind(("127.0.0.2", 0))
            self.port = free.getsockname()[1]
        self.cluster = Patient(
            initialize_head=True, head_node_args=self._how(1) | {"ray_client_server_port": self.port}
        )

    def _how(self, cpus: int) -> dict[str, Any]:
        address = f"127.0.0.{self.made}"
        self.made += 1
        return {
            "num_cpus": cpus,
            "object_store_memory": 80 << 20,
            "include_dashboard": False,
            "node_ip_address": address,
        }

    def add(self, cpus: int = 1, **environment: str) -> Any:
        how = self._how(cpus)
        how.pop("include_dashboard")
        return self.cluster.add_node(**how, env_vars=environment or None)

    @property
    def address(self) -> str:
        return self.cluster.address


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """An S3 that all machines know."""
    with serving() as address:
        yield address


@pytest.fixture(scope="module")
def machines(plugins: Path, bucket: str) -> Iterator[Machines]:
    """Two of them, with a core each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(plugins), os.environ.get("PYTHONPATH", "")]))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_MODE", "disabled")
        patch.setenv("GRPC_ENABLE_FORK_SUPPORT", "0")  # see docs/farm.md
        for name, value in environment(bucket).items():
            patch.setenv(name, value)
        patch.setenv("RAY_health_check_timeout_ms", "2000")
        patch.setenv("RAY_health_check_period_ms", "500")
        patch.setenv("RAY_health_check_failure_threshold", "3")
        machines = Machines()
        machines.add()
        patch.setenv("RAY_ADDRESS", machines.address)
        yield machines
        machines.cluster.shutdown()


@pytest.fixture(autouse=True)
def connected(machines: Machines) -> Iterator[None]:
    """This process talks to the cluster, as a program would that uses Ray for other things too."""
    ray.init(machines.address, logging_level="ERROR", log_to_driver=False)
    yield
    ray.shutdown()


def gather(request: Request[Any]) -> tuple[list[Event], CinemillError | None]:
    """All events, and the error they ended with."""
    events: list[Event] = []
    try:
        for event in run(request, executor=executor("ray")):
            events.append(event)
    except CinemillError as error:
        return events, error
    return events, None


def made(events: list[Event]) -> set[int]:
    return {event.chunk for event in events if isinstance(event, PartDone)}


def pids(folder: Path) -> set[int]:
    return {int(line.split()[1]) for line in (folder / "in.attempts").read_text().splitlines()}


def test_chunks_are_made_once_on_all_machines(trouble: Ask, folder: Path) -> None:
    events, error = gather(trouble(chunks=8, pause=0.1))
    assert error is None
    assert (folder / "out").read_text() == whole(8)
    assert sorted(attempts(folder / "in")) == [*range(8)]
    assert isinstance(events[-1], Done)
    views = [event for event in events if isinstance(event, AtWork)]
    assert {node.name for view in views for node in view.nodes} == {"127.0.0.2", "127.0.0.3"}
    assert not list(folder.glob(".out.cinemill*"))


def test_worker_that_dies_costs_its_chunk_one_attempt(
    trouble: Ask, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a loaded machine Ray takes seconds to notice a death; the chunk would be begun elsewhere as a slow one by then,
    # and the death would cost nothing that is worth a word.
    monkeypatch.setattr(farm, "_PATIENCE", 60.0)
    events, error = gather(trouble(fault="death", times=1))
    assert error is None
    assert (folder / "out").read_text() == whole()
    assert sorted(attempts(folder / "in")) == [0, 1, 1, 2, 3]
    assert sum(isinstance(event, Retried) for event in events) == 1


@pytest.mark.slow
def test_chunk_that_kills_its_workers_is_set_aside_and_the_others_are_finished(trouble: Ask, folder: Path) -> None:
    events, error = gather(trouble(chunks=6, fault="death"))
    assert type(error) is ChunkFailed
    assert isinstance(error.__cause__, EngineCrashed)
    assert made(events) == {0, 2, 3, 4, 5}
    assert attempts(folder / "in").count(1) == 3
    assert not list((folder / ".out.cinemill").glob("*.tmp*"))
    assert not list((folder / ".out.cinemill").glob("hand-*"))


@pytest.mark.slow
def test_failure_that_will_not_pass_is_tried_on_one_more_machine(trouble: Ask, folder: Path) -> None:
    _, error = gather(trouble(fault="decode"))
    assert type(error) is ChunkFailed
    assert isinstance(error.__cause__, DecodeFailed)
    assert attempts(folder / "in").count(1) == 2


@pytest.mark.slow
def test_full_disk_stops_everything(trouble: Ask, folder: Path) -> None:
    _, error = gather(trouble(chunks=100, at=0, fault="disk", pause=0.05))
    assert isinstance(error, DiskFull)
    assert len(attempts(folder / "in")) < 100


@pytest.mark.slow
def test_closing_early_ends_all_work_and_keeps_what_is_finished(trouble: Ask, folder: Path) -> None:
    with closing(run(trouble(gate=str(folder / "never")), executor=executor("ray"))) as events:
        for event in events:
            if isinstance(event, PartDone):
                break
    job = folder / ".out.cinemill"
    assert {path.name for path in job.iterdir()} - {"lock"} == {"plan.json", "part-00000"}


def test_worker_that_stands_still_is_overtaken_and_cannot_spoil_what_was_made_instead(
    trouble: Ask, folder: Path
) -> None:
    events, error = gather(trouble(fault="sleep", times=1, pause=0.02))
    assert error is None
    assert (folder / "out").read_text() == whole()
    assert sorted(attempts(folder / "in")) == [0, 1, 1, 2, 3]
    assert not any(isinstance(event, Retried) for event in events)
    for pid in pids(folder):
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            continue
    wait_until(lambda: not list(folder.glob(".out.cinemill*")))
    assert (folder / "out").read_text() == whole()


def test_part_comes_through_the_object_store_where_the_folder_is_not_seen(
    trouble: Ask, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Far(cluster._Run):
        def _submit(self, attempt: Any) -> None:
            near, self.hand = self.hand, Path("/nowhere/at/all")
            super()._submit(attempt)
            self.hand = near

    monkeypatch.setattr(cluster, "_Run", Far)
    monkeypatch.setattr(cluster, "_PIECE", 5)
    _, error = gather(trouble())
    assert error is None
    assert (folder / "out").read_text() == whole()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_part_comes_through_the_bucket_that_parts_are_shared_in(
    trouble: Ask, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    class Far(cluster._Run):
        def _submit(self, attempt: Any) -> None:
            near, self.hand = self.hand, Path("/nowhere/at/all")
            super()._submit(attempt)
            self.hand = near

        def _received(self, handed: Any, index: int) -> Path:
            seen.append(handed.in_bucket)
            return super()._received(handed, index)

    monkeypatch.setenv("CINEMILL_PARTS", made_bucket("parts"))
    settings.cache_clear()
    monkeypatch.setattr(cluster, "_Run", Far)
    monkeypatch.setattr(farm, "_PATIENCE", 60.0)  # a slow machine is no reason to begin a chunk twice
    _, error = gather(trouble())
    assert error is None
    assert (folder / "out").read_text() == whole()
    assert seen == [True] * 4


def test_job_that_began_here_is_finished_there(source: Path, folder: Path, cinemill: Cinemill) -> None:
    assert cinemill("process", source, "-o", "whole.mkv", *ASK).code == 0
    begun = cinemill.start("process", source, "-o", "out.mkv", *ASK)
    begun.until("part")
    begun.kill()
    there = {int(path.name[5:]) for path in (folder / ".out.mkv.cinemill").glob("part-?????")}
    run = cinemill.start("process", source, "-o", "out.mkv", "--on", "ray", *ASK)
    run.until("part")
    killed = run.kill().events
    last = cinemill("jobs", "resume", "out.mkv", "--on", "ray", "--json")
    assert last.code == 0, last.err
    done = [event["chunk"] for event in (*killed, *last.events) if event["event"] == "part"]
    assert there
    assert not there & set(done)
    assert len(done) == len(set(done))
    assert framemd5(folder / "out.mkv") == framemd5(folder / "whole.mkv")


def test_cluster_without_a_machine_that_could_is_said(
    trouble: Ask, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CINEMILL_RAY_CPUS", "64")
    settings.cache_clear()
    try:
        with closing(run(trouble(chunks=2), executor=executor("ray"))) as events:
            said = next(event for event in events if isinstance(event, Noted))
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    assert "no machine of the cluster has 64 CPU" in said.note


def test_missing_ray_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingResource, match=r"cinemill\[cluster\]"):
        executor("ray")


def test_cluster_that_is_not_there_is_said_at_once(cinemill: Cinemill, source: Path) -> None:
    said = cinemill("process", source, "-o", "out.mkv", "--on", "ray://127.0.0.1:1", *ASK)
    assert said.code == 5
    assert "127.0.0.1:1 cannot be reached: nothing listens there" in said.events[-1]["error"]["message"]


@pytest.mark.slow
def test_client_from_elsewhere_gets_the_same(
    source: Path, folder: Path, cinemill: Cinemill, machines: Machines
) -> None:
    assert cinemill("process", source, "-o", "whole.mkv", *ASK).code == 0
    said = cinemill("process", source, "-o", "out.mkv", "--on", f"ray://127.0.0.2:{machines.port}", *ASK)
    assert said.code == 0, said.out + said.err
    assert framemd5(folder / "out.mkv") == framemd5(folder / "whole.mkv")


@pytest.mark.slow
def test_ray_costs_little_beside_processes(
    folder: Path, cinemill: Cinemill, machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job of about a minute on two workers, by turns."""
    monkeypatch.setattr(command, "PATIENCE", 900.0)
    pictures = ["-f", "lavfi", "-i", "testsrc2=s=640x360:r=24:d=60"]
    clips.run(*pictures, "-c:v", "libx264", "-preset", "ultrafast", "-g", 24, folder / "long.mkv")
    ask = ("--chain", "denoise.nlmeans", "--chunk-seconds", 3, "--threads", 1, "--speed", "veryfast", "--json")
    taken: dict[str, list[float]] = {"processes": [], "ray": []}
    for number in range(3):
        for where, seconds in taken.items():
            said = cinemill("process", "long.mkv", "-o", f"{where}{number}.mkv", "--on", where, *ask)
            assert said.code == 0, said.err
            seconds.append(said.events[-1]["seconds"])
    best = {where: min(seconds) for where, seconds in taken.items()}
    print(f"{taken}: Ray takes {best['ray'] / best['processes']:.3f} of the time")
    assert framemd5(folder / "ray0.mkv") == framemd5(folder / "processes0.mkv")
    assert best["ray"] <= 1.1 * best["processes"]


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_machine_that_is_lost_costs_no_chunk(how: int, trouble: Ask, folder: Path, machines: Machines) -> None:
    lost = machines.add(cpus=2)
    raylet = lost.all_processes["raylet"][0].process.pid
    hit = False
    events: list[Event] = []
    for event in run(trouble(chunks=12, steps=10, pause=0.2), executor=executor("ray")):
        events.append(event)
        busy = isinstance(event, AtWork) and any(
            node.running and node.name == lost.node_ip_address for node in event.nodes
        )
        if busy and not hit:
            hit = True
            os.kill(raylet, how)
    assert hit
    assert (folder / "out").read_text() == whole(12, 10)
    if how == signal.SIGSTOP:
        os.kill(raylet, signal.SIGKILL)


@pytest.mark.slow
def test_bad_machine_stops_no_other(trouble: Ask, folder: Path, machines: Machines) -> None:
    bad = machines.add(TROUBLE_MACHINE="bad")
    try:
        events, error = gather(trouble(chunks=12, steps=10, pause=0.05))
        assert error is None
        assert (folder / "out").read_text() == whole(12, 10)
        views = [event for event in events if isinstance(event, AtWork)]
        assert any(node.shunned and node.name == bad.node_ip_address for view in views for node in view.nodes)
    finally:
        machines.cluster.remove_node(bad, allow_graceful=False)


@pytest.mark.slow
def test_four_machines_lose_workers_at_random_and_make_nothing_twice_but_what_was_in_hand(
    trouble: Ask, folder: Path, machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(farm, "_PATIENCE", 60.0)  # a slow machine is no reason to begin a chunk twice
    more = [machines.add(), machines.add()]
    chance, killed, names = random.Random(5), 0, set[str]()
    try:
        for event in run(trouble(chunks=24, steps=10, pause=0.1), executor=executor("ray")):
            names |= {node.name for node in event.nodes if node.running} if isinstance(event, AtWork) else set()
            if isinstance(event, PartDone) and killed < 5:
                with suppress(ProcessLookupError):
                    os.kill(chance.choice(sorted(pids(folder))), signal.SIGKILL)
                    killed += 1
        assert len(names) == 4
        assert killed
        assert (folder / "out").read_text() == whole(24, 10)
        assert len(attempts(folder / "in")) <= 24 + killed
    finally:
        for one in more:
            machines.cluster.remove_node(one, allow_graceful=False)
