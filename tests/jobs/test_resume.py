"""What is left to do is what is missing or damaged; parts of another plan are never used."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cinemill.errors import OutputRefused, PlanMismatch
from cinemill.jobs.events import Done, Event, PartDone, Planned
from cinemill.jobs.run import preview, run
from cinemill.jobs.store import JobFolder
from cinemill.operations import Request
from command import Cinemill, below, framemd5

Ask = Callable[..., Request[Any]]


def stop_after(parts: int, events: Iterator[Event]) -> None:
    """Leave a job when so many parts are made."""
    with closing(events) as stream:  # type: ignore[type-var]
        for event in stream:
            parts -= isinstance(event, PartDone)
            if not parts:
                return


def made(events: list[Event]) -> list[int]:
    return [event.chunk for event in events if isinstance(event, PartDone)]


def test_job_that_was_left_goes_on_where_it_stopped(trouble: Ask, folder: Path) -> None:
    stop_after(2, run(trouble()))
    events = list(run(trouble()))
    assert made(events) == [2, 3]
    assert isinstance(events[0], Planned)
    assert (events[0].done, events[0].total) == (6, 12)
    assert below(folder) == {"in", "in.attempts", "out"}


def test_missing_and_damaged_parts_are_made_again(source: Path, folder: Path, cinemill: Cinemill) -> None:
    ask = ("process", source, "--chunk-seconds", 1, "--threads", 1, "--json")
    assert cinemill(*ask, "-o", "whole.mkv").code == 0
    running = cinemill.start(*ask, "-o", "out.mkv")
    for _ in range(5):
        running.until("part")
    running.kill()
    parts = sorted((folder / ".out.mkv.cinemill").glob("part-?????"))
    parts[0].unlink()
    os.truncate(parts[1], parts[1].stat().st_size - 100)
    os.truncate(parts[2], 0)
    flip(parts[3], parts[3].stat().st_size // 2)
    said = cinemill(*ask, "-o", "out.mkv")
    intact = {int(part.name[5:]) for part in parts[4:]}
    assert {event["chunk"] for event in said.events if event["event"] == "part"} == set(range(8)) - intact
    assert framemd5(folder / "out.mkv") == framemd5(folder / "whole.mkv")


def flip(path: Path, place: int) -> None:
    """Turn one bit."""
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 4]))


def test_changed_option_is_refused_by_name_and_restart_begins_anew(trouble: Ask, folder: Path) -> None:
    stop_after(2, run(trouble(steps=3)))
    with pytest.raises(PlanMismatch, match=r"steps 3, now it is 5.*--restart") as caught:
        list(run(trouble(steps=5)))
    assert caught.value.facts == {"field": "steps", "was": 3, "now": 5}
    with pytest.raises(PlanMismatch):
        preview(trouble(steps=5))
    events = list(run(trouble(steps=5), restart=True))
    assert made(events) == [0, 1, 2, 3]
    assert isinstance(events[0], Planned)
    assert events[0].done == 0
    assert (folder / "out").read_text().count("\n") == 20


def test_refused_change_leaves_the_unfinished_work_as_it_was(trouble: Ask) -> None:
    stop_after(2, run(trouble()))
    with pytest.raises(PlanMismatch):
        list(run(trouble(steps=5)))
    assert made(list(run(trouble()))) == [2, 3]


def test_changed_chunk_length_is_refused(trouble: Ask) -> None:
    stop_after(2, run(trouble(), chunk_seconds=10))
    with pytest.raises(PlanMismatch, match=r"chunk_seconds 10\.0, now it is 20\.0"):
        list(run(trouble(), chunk_seconds=20))


def touch(path: Path) -> None:
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 10**9))


def change_bytes(path: Path) -> None:
    """Same size, same time of change."""
    times = path.stat()
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() * 2)


@pytest.mark.parametrize("change", [touch, change_bytes, grow])
def test_changed_input_is_refused(change: Callable[[Path], None], trouble: Ask) -> None:
    stop_after(2, run(trouble()))
    change(trouble().inputs[0])
    with pytest.raises(PlanMismatch, match="planned with input 8 bytes of") as caught:
        list(run(trouble()))
    assert caught.value.facts["field"] == "input"
    assert str(caught.value.facts["was"]) != str(caught.value.facts["now"])


@pytest.mark.parametrize("naming", ["burn --file words.srt", "process --chain subtitles=file:words.srt"])
def test_changed_subtitles_are_refused(naming: str, source: Path, folder: Path, cinemill: Cinemill) -> None:
    ask = (*naming.split(), source, "-o", "out.mkv", "--chunk-seconds", 1, "--json")
    (folder / "words.srt").write_text("1\n00:00:00,000 --> 00:00:08,000\nHello\n")
    running = cinemill.start(*ask)
    running.until("part")
    running.kill()
    (folder / "words.srt").write_text("1\n00:00:00,000 --> 00:00:08,000\nWorld\n")
    said = cinemill(*ask)
    assert said.code == 7
    assert "planned with file 38 bytes" in said.events[-1]["error"]["message"]


def test_job_is_resumed_from_any_folder(source: Path, folder: Path, cinemill: Cinemill, home: Path) -> None:
    """Names in its parameters are relative to where it was asked for."""
    (folder / "words.srt").write_text("1\n00:00:00,000 --> 00:00:08,000\nHello\n")
    running = cinemill.start("burn", source, "--file", "words.srt", "-o", "out.mkv", "--chunk-seconds", 1, "--json")
    running.until("part")
    running.kill()
    elsewhere = Cinemill(folder.parent, home)
    said = elsewhere("jobs", "resume", folder / "out.mkv")
    assert said.code == 0, said.err
    assert below(folder) == {"out.mkv", "words.srt"}


def test_input_that_moved_is_the_same_input(trouble: Ask, folder: Path) -> None:
    stop_after(2, run(trouble()))
    asked = trouble()
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    moved = asked.inputs[0].rename(elsewhere / "renamed")
    events = list(run(Request(asked.operation, asked.params, (moved,), asked.output)))
    assert made(events) == [2, 3]


def test_changed_option_ends_the_command_with_7_and_says_what_to_do(cinemill: Cinemill, folder: Path) -> None:
    (folder / "in").write_bytes(b"pictures")
    assert cinemill("trouble", "in", "-o", "out", "--fault", "decode").code == 7
    before = below(folder)
    said = cinemill("trouble", "in", "-o", "out", "--fault", "decode", "--steps", 5)
    assert said.code == 7
    assert "planned with steps 3, now it is 5" in said.err
    assert "--restart" in said.err
    assert below(folder) == before
    assert cinemill("trouble", "in", "-o", "out", "--steps", 5, "--restart").code == 0


def test_unreadable_plan_takes_its_parts_with_it(trouble: Ask) -> None:
    stop_after(2, run(trouble()))
    (JobFolder.of(trouble().output).path / "plan.json").write_text("{ half a plan")  # type: ignore[arg-type]
    assert made(list(run(trouble(steps=5)))) == [0, 1, 2, 3]


def test_kill_between_the_output_and_the_tidying_finds_the_job_done(trouble: Ask, folder: Path) -> None:
    leave_untidied(trouble(), folder)
    events = list(run(trouble()))
    assert [type(event) for event in events] == [Planned, Done]
    assert events[-1].result == {"parts": 4}  # type: ignore[attr-defined]
    assert below(folder) == {"in", "in.attempts", "out"}


def test_output_that_changed_after_such_a_kill_is_not_ours(trouble: Ask, folder: Path) -> None:
    leave_untidied(trouble(), folder)
    (folder / "out").write_text("mine")
    with pytest.raises(OutputRefused, match="exists already"):
        list(run(trouble()))
    assert (folder / "out").read_text() == "mine"


def leave_untidied(request: Request[Any], folder: Path) -> None:
    """As a kill leaves it that comes right after the output got its name."""
    job = JobFolder(folder / ".out.cinemill")
    stop_after(4, run(request))
    plan = job.plan()
    assert plan
    temporary = job.temporary("output")
    temporary.write_text("the film")
    job.finish(plan, temporary, folder / "out", {"parts": 4})


def test_output_that_appears_meanwhile_is_not_replaced(trouble: Ask, folder: Path) -> None:
    events = run(trouble())
    next(event for event in events if isinstance(event, PartDone))
    (folder / "out").write_text("mine")
    with pytest.raises(OutputRefused, match="exists already"):
        list(events)
    assert (folder / "out").read_text() == "mine"
    assert made(list(run(trouble(), overwrite=True))) == []


def test_output_is_absent_until_it_is_whole(trouble: Ask, folder: Path) -> None:
    for event in run(trouble()):
        assert (folder / "out").exists() == isinstance(event, Done)


def test_replaced_output_is_the_old_one_until_the_new_one_is_whole(trouble: Ask, folder: Path) -> None:
    (folder / "out").write_text("old")
    for event in run(trouble(), overwrite=True):
        assert ((folder / "out").read_text() == "old") != isinstance(event, Done)


def test_preview_tells_what_is_done_and_writes_nothing(trouble: Ask, folder: Path, home: Path) -> None:
    asked = trouble()
    assert preview(asked).done == 0
    assert below(folder) == {"in"}
    assert not home.exists()
    stop_after(2, run(asked))
    before = below(folder)
    assert preview(asked).done == 6
    assert below(folder) == before


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="there is no /proc here")
def test_place_where_nothing_can_be_made_is_refused_at_once(source: Path, cinemill: Cinemill) -> None:
    """/proc says of anything new that it is not there, even to root."""
    said = cinemill("process", source, "-o", "/proc/x.mp4")
    assert said.code == 2
    assert "may not be written to" in said.err
