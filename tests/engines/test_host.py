"""Whatever an engine does wrong costs the request and nothing else, within its deadline, and leaves nobody behind."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cinemill.engines import host as hosting
from cinemill.engines.host import Host
from cinemill.errors import EngineCrashed, EngineError, EngineTimeout, ProtocolError

FAKE = str(Path(__file__).with_name("fake_serve.py"))


@pytest.fixture
def engine() -> Iterator[Host]:
    made = Host("fake", [sys.executable, FAKE])
    yield made
    made.stop()


def ask(engine: Host, do: str, deadline: float = 20, **rest: Any) -> list[Any]:
    return [piece for piece, _ in engine.run({"do": do, **rest}, deadline=deadline)]


def gone(pid: int) -> bool:
    """Dead, or a zombie that its new parent has yet to bury."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def until(true: Callable[[], bool], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        os.sched_yield()
    return true()


def test_bytes_come_back_as_they_went(engine: Host) -> None:
    blobs = [b"", b"abc", os.urandom(5_000_000)]
    ((piece, data),) = list(engine.run({"do": "echo"}, blobs, deadline=20))
    assert piece == {"sizes": [len(blob) for blob in blobs]}
    assert [bytes(blob) for blob in data] == blobs


def test_a_stream_larger_than_every_pipe_goes_both_ways_at_once(engine: Host) -> None:
    frames = [os.urandom(400_000) for _ in range(40)]
    sent = (({"number": n}, [data]) for n, data in enumerate(frames))
    got = [(piece["number"], bytes(data[0])) for piece, data in engine.run({"do": "double"}, stream=sent, deadline=20)]
    assert got == [(n, data) for n, data in enumerate(frames) for _ in range(2)]


def test_one_process_answers_many_requests_and_loads_once(engine: Host) -> None:
    engine.load({"model": "a"})
    engine.load({"model": "a"})
    pid = engine.describe()["pid"]
    assert [ask(engine, "chatter") for _ in range(3)] == [[{"fine": True}]] * 3
    assert engine.describe() == {"pid": pid, "loads": 1}


@pytest.mark.parametrize(
    ("do", "error", "words"),
    [
        ("die", EngineCrashed, "killed by SIGKILL.*CUDA error: out of luck"),
        ("leave", EngineCrashed, "exit code 3.*bye"),
        ("lie", ProtocolError, "nonsense"),
        ("babble", ProtocolError, "Loading checkpoint"),
        ("endless_header", ProtocolError, "too long"),
        ("truncate", ProtocolError, "cut off after 5"),
    ],
)
def test_misbehaviour_is_named_and_the_next_request_gets_a_new_process(
    engine: Host, do: str, error: type[EngineError], words: str
) -> None:
    with pytest.raises(error, match=f"(?s){words}"):
        ask(engine, do)
    assert not engine.is_running
    assert ask(engine, "chatter") == [{"fine": True}]


def test_a_stalled_engine_is_stopped_at_its_deadline(engine: Host) -> None:
    pid = engine.describe()["pid"]
    started = time.monotonic()
    with pytest.raises(EngineTimeout, match=r"within 0.5 s"):
        ask(engine, "stall", deadline=0.5)
    assert time.monotonic() - started < 5
    assert gone(pid)


def test_an_engine_that_never_says_hello_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosting, "START_SECONDS", 0.5)
    with pytest.raises(EngineTimeout):
        ask(Host("fake", [sys.executable, FAKE, "silent"]), "echo")


def test_an_engine_of_another_version_is_refused() -> None:
    with pytest.raises(ProtocolError, match="Install it anew"):
        ask(Host("fake", [sys.executable, FAKE, "old"]), "echo")


@pytest.mark.parametrize("do", ["flood", "one_line_flood"])
def test_a_flood_on_stderr_blocks_nothing(engine: Host, do: str) -> None:
    assert ask(engine, do) == [{"survived": True}]


def test_children_of_an_engine_go_with_it(engine: Host) -> None:
    answers = engine.run({"do": "fork"}, deadline=20)
    child = next(answers)[0]["child"]
    assert not gone(child)
    answers.close()
    assert until(lambda: gone(child))
    assert not engine.is_running


def test_an_engine_may_refuse_and_stay(engine: Host) -> None:
    with pytest.raises(EngineError, match="the picture is too small"):
        ask(engine, "refuse")
    with pytest.raises(EngineError, match="cannot be loaded"):
        engine.load({"fail": True})
    assert ask(engine, "chatter") == [{"fine": True}]


def test_an_error_in_what_is_streamed_surfaces_and_stops_the_engine(engine: Host) -> None:
    def broken() -> Iterator[Any]:
        yield {"number": 0}, [b"x"]
        raise ArithmeticError("upstream")

    with pytest.raises(ArithmeticError, match="upstream"):
        list(engine.run({"do": "double"}, stream=broken(), deadline=20))
    assert not engine.is_running


def test_an_idle_engine_gives_its_memory_back() -> None:
    engine = Host("fake", [sys.executable, FAKE], idle_seconds=0.2)
    pid = engine.describe()["pid"]
    assert until(lambda: gone(pid))


def test_stopping_leaves_no_thread(engine: Host) -> None:
    before = threading.active_count()
    ask(engine, "chatter")
    engine.stop()
    assert until(lambda: threading.active_count() <= before)


def test_an_engine_dies_with_the_studio() -> None:
    script = f"""
import os, sys
from cinemill.engines.host import Host
print(Host("fake", [sys.executable, {FAKE!r}]).describe()["pid"], flush=True)
os.kill(os.getpid(), 9)
"""
    import subprocess

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert until(lambda: gone(int(done.stdout)))
