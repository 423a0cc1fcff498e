"""kill -9 at any instant, start again: the result is that of an uninterrupted run, and nothing is made twice."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from command import Cinemill, Event, below, framemd5

CHUNKS = 8
ASK = ("--chunk-seconds", 1, "--threads", 1, "--speed", "veryfast", "--json")


@pytest.fixture(scope="module")
def uninterrupted(source: Path, tmp_path_factory: pytest.TempPathFactory, plugins: Path) -> str:
    """framemd5 of the result of a run that nobody disturbs."""
    folder = tmp_path_factory.mktemp("whole")
    said = Cinemill(folder, folder / "home")("process", source, "-o", "out.mkv", *ASK)
    assert said.code == 0, said.err
    assert len(made(said.events)) == CHUNKS
    return framemd5(folder / "out.mkv")


@pytest.mark.parametrize("where", ["serial", "processes"])
@pytest.mark.parametrize("kills", [5, pytest.param(30, marks=pytest.mark.slow)])
def test_killed_jobs_go_on_and_end_as_if_nothing_had_happened(
    kills: int, where: str, source: Path, folder: Path, cinemill: Cinemill, uninterrupted: str
) -> None:
    chance = random.Random(f"{where} {kills}")
    job = folder / ".out.mkv.cinemill"
    done = 0
    on_disk: set[int] = set()
    while done < kills:
        run = cinemill.start("process", source, "-o", "out.mkv", "--on", where, *ASK)
        fuse, delay = chance.randrange(0, 3 * CHUNKS), chance.uniform(0, 0.1)
        if fuse < 4:
            delay = chance.uniform(0, 1.0)  # before the first event: while it starts and plans
        else:
            for place, _ in enumerate(run.events(), 4):
                if place >= fuse:
                    break
        finished = not run.lives(delay)
        said = run.end() if finished else run.kill()
        assert not on_disk & made(said.events), "a part that was there was made again"
        on_disk = {int(path.name[5:]) for path in job.glob("part-?????")}
        done += not finished
        if finished or (folder / "out.mkv").exists():
            check(cinemill, source, where, folder, uninterrupted, said.events)
            on_disk = set()
    if job.exists():
        said = cinemill("process", source, "-o", "out.mkv", "--on", where, *ASK)
        assert said.code == 0, said.err
        assert made(said.events) == set(range(CHUNKS)) - on_disk
        check(cinemill, source, where, folder, uninterrupted, said.events)


def check(cinemill: Cinemill, source: Path, where: str, folder: Path, uninterrupted: str, events: list[Event]) -> None:
    """The output is right and alone; then make room for another."""
    assert framemd5(folder / "out.mkv") == uninterrupted
    if not events or events[-1]["event"] != "done":  # the kill came after the output had its name
        said = cinemill("process", source, "-o", "out.mkv", "--on", where, *ASK)
        assert said.code in (0, 2), said.err
    assert below(folder) == {"out.mkv"}
    (folder / "out.mkv").unlink()


def made(events: list[Event]) -> set[int]:
    """The chunks that were finished, none of them twice."""
    chunks = [event["chunk"] for event in events if event["event"] == "part"]
    assert len(chunks) == len(set(chunks))
    return set(chunks)
