"""Interrupts and orders from outside: what is finished is kept, and people are told how to go on."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from pieces import whole

from command import Cinemill, below, framemd5, wait_until

WHERE = pytest.mark.parametrize("where", ["serial", "processes"])


@pytest.fixture
def gates(folder: Path) -> tuple[Path, Path]:
    """Files that parts and join wait for."""
    (folder / "in").write_bytes(b"pictures")
    return folder / "gate", folder / "join"


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize(
    ("where", "number", "group"),
    [("serial", signal.SIGINT, False), ("processes", signal.SIGINT, True), ("processes", signal.SIGTERM, False)],
)
def test_interrupt_among_parts_keeps_them_and_says_how_to_go_on(
    number: int, group: bool, where: str, gates: tuple[Path, Path], folder: Path, cinemill: Cinemill
) -> None:
    ask = ("trouble", "in", "-o", "out", "--gate", gates[0])
    running = cinemill.start(*ask, "--on", where, "--json")
    running.until("part")
    running.signal(number, group)
    said = running.end()
    assert said.code == 130
    last = said.events[-1]
    assert last["event"] == "failed"
    assert last["error"]["type"] == "Cancelled"
    assert "cinemill jobs resume" in last["error"]["message"]
    assert [event["event"] for event in said.events].count("failed") == 1
    assert said.err == ""
    job = folder / ".out.cinemill"
    assert {path.name for path in job.iterdir()} - {"lock"} == {"plan.json", "part-00000"}
    gates[0].touch()
    again = cinemill(*ask, "--json")
    assert [event["chunk"] for event in again.events if event["event"] == "part"] == [1, 2, 3]
    assert (folder / "out").read_text() == whole()


def test_interrupt_of_the_join_keeps_all_parts(gates: tuple[Path, Path], folder: Path, cinemill: Cinemill) -> None:
    ask = ("trouble", "in", "-o", "out", "--join-gate", gates[1], "--json")
    running = cinemill.start(*ask)
    running.until("joining")
    running.signal(signal.SIGINT)
    said = running.end()
    assert said.code == 130
    assert not (folder / "out").exists()
    assert not list(folder.glob(".out.cinemill/*.tmp*"))
    gates[1].touch()
    again = cinemill(*ask)
    assert "part" not in {event["event"] for event in again.events}
    assert (folder / "out").read_text() == whole()


def test_interrupt_before_anything_is_finished_leaves_nothing(
    gates: tuple[Path, Path], folder: Path, cinemill: Cinemill
) -> None:
    running = cinemill.start("trouble", "in", "-o", "out", "--at", 0, "--fault", "silence", "--json")
    running.until("planned")
    running.signal(signal.SIGTERM)
    said = running.end()
    assert said.code == 130
    assert "nothing is left behind" in said.events[-1]["error"]["message"]
    assert below(folder) <= {"in", "in.attempts"}


def test_interrupt_of_planning_leaves_nothing(gates: tuple[Path, Path], folder: Path, cinemill: Cinemill) -> None:
    running = cinemill.start("trouble", "in", "-o", "out", "--plan-gate", gates[0], "--json")
    wait_until((folder / "in.attempts").exists)
    running.signal(signal.SIGINT)
    said = running.end()
    assert said.code == 130
    assert [event["event"] for event in said.events] == ["failed"]
    assert below(folder) == {"in", "in.attempts"}


def test_people_are_told_on_the_error_stream(gates: tuple[Path, Path], folder: Path, cinemill: Cinemill) -> None:
    running = cinemill.start("trouble", "in", "-o", "out", "--gate", gates[0])
    wait_until((folder / ".out.cinemill" / "part-00000").exists)
    running.signal(signal.SIGINT)
    said = running.end()
    assert said.code == 130
    assert said.err.startswith("stopped; what is finished is kept. Run the same command or `cinemill jobs resume ")


@WHERE
def test_impatience_does_no_harm(where: str, gates: tuple[Path, Path], folder: Path, cinemill: Cinemill) -> None:
    """Ctrl-C pressed several times, or handed on by a wrapper as well."""
    running = cinemill.start("trouble", "in", "-o", "out", "--gate", gates[0], "--on", where, "--json")
    running.until("part")
    for _ in range(3):
        running.signal(signal.SIGINT, group=True)
    said = running.end()
    assert said.code in (130, -signal.SIGINT)
    assert [event["event"] for event in said.events].count("failed") == 1
    assert said.err == ""
    gates[0].touch()
    assert cinemill("trouble", "in", "-o", "out", "--gate", gates[0]).code == 0
    assert (folder / "out").read_text() == whole()


def test_real_job_goes_on_after_ctrl_c(source: Path, folder: Path, cinemill: Cinemill) -> None:
    ask = ("process", source, "--chunk-seconds", 1, "--threads", 1, "--chain", "subtitles=file:words.srt", "--json")
    (folder / "words.srt").write_text("1\n00:00:00,000 --> 00:00:08,000\nHello\n")
    assert cinemill(*ask, "-o", "whole.mkv").code == 0
    running = cinemill.start(*ask, "-o", "out.mkv")
    running.until("part")
    running.signal(signal.SIGINT, group=True)
    said = running.end()
    assert said.code == 130
    assert "retry" not in {event["event"] for event in said.events}
    assert cinemill(*ask, "-o", "out.mkv").code == 0
    assert framemd5(folder / "out.mkv") == framemd5(folder / "whole.mkv")


def test_no_lane_outlives_its_parent(gates: tuple[Path, Path], folder: Path, cinemill: Cinemill) -> None:
    running = cinemill.start("trouble", "in", "-o", "out", "--gate", gates[0], "--on", "processes", "--json")
    running.until("part")
    lanes = {int(line.split()[1]) for line in (folder / "in.attempts").read_text().splitlines()}
    assert running.process.pid not in lanes
    running.signal(signal.SIGKILL)
    running.end()  # the pipe of standard output ends with the last process that holds it
    wait_until(lambda: all(map(is_gone, lanes)))
    gates[0].touch()
    assert cinemill("trouble", "in", "-o", "out", "--gate", gates[0]).code == 0
    assert (folder / "out").read_text() == whole()
    assert below(folder) == {"in", "in.attempts", "gate", "out"}
