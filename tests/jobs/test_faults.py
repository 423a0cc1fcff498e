"""The machine's faults: no room, no right to write, folders that vanish, faults of ours. What is finished is kept."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cinemill.errors import JobError, OutputRefused
from cinemill.jobs.events import Event, Joining, PartDone
from cinemill.jobs.run import run
from cinemill.operations import Request
from command import Cinemill, below, framemd5

Ask = Callable[..., Request[Any]]
AS_ROOT = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="mounting a file system needs root on Linux"
)
ENCODING = ("--chunk-seconds", 1, "--threads", 1, "--codec", "ffv1", "--json")


def limit(size: int) -> Callable[[], None]:
    """No file of the process to come may grow beyond `size` bytes."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.fixture(scope="module")
def whole(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The result with room enough."""
    folder = tmp_path_factory.mktemp("whole")
    assert Cinemill(folder, folder / "home")("process", source, "-o", "out.mkv", *ENCODING).code == 0
    return folder / "out.mkv"


@pytest.mark.parametrize("where", ["serial", "processes"])
def test_file_that_may_not_grow_is_a_full_disk(
    where: str, source: Path, folder: Path, cinemill: Cinemill, whole: Path
) -> None:
    """A limit between the size of a part and that of the output: every part fits, the join does not."""
    said = cinemill(
        "process", source, "-o", "out.mkv", "--on", where, *ENCODING, before=limit(whole.stat().st_size // 2)
    )
    assert said.code == 6, said
    assert said.events[-1]["error"]["type"] == "DiskFull"
    assert [event["event"] for event in said.events].count("failed") == 1
    job = folder / ".out.mkv.cinemill"
    assert {path.name[:5] for path in job.iterdir()} == {"lock", "plan.", "part-"}
    again = cinemill("process", source, "-o", "out.mkv", *ENCODING)
    assert not [event for event in again.events if event["event"] == "part"], "all parts were kept"
    assert framemd5(folder / "out.mkv") == framemd5(whole)
    assert below(folder) == {"out.mkv"}


def test_no_room_for_the_first_part_leaves_nothing_behind(source: Path, folder: Path, cinemill: Cinemill) -> None:
    said = cinemill("process", source, "-o", "out.mkv", *ENCODING, before=limit(20_000))
    assert said.code == 6
    assert below(folder) == set()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", disk], capture_output=True)
    if mount.returncode:
        pytest.skip(f"cannot mount: {mount.stderr.decode()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


def filled(disk: Path, left: int) -> Path:
    """Something that takes all room but `left` bytes."""
    ballast = disk / "ballast"
    free = shutil.disk_usage(disk).free
    ballast.write_bytes(b"\0" * max(0, free - left))
    return ballast


@pytest.fixture(scope="module")
def parts(source: Path, tmp_path_factory: pytest.TempPathFactory) -> int:
    """Bytes on disk that all parts and the plan take."""
    folder = tmp_path_factory.mktemp("parts")
    running = Cinemill(folder, folder / "home").start("process", source, "-o", "out.mkv", *ENCODING)
    running.until("joining")
    running.kill()
    files = (folder / ".out.mkv.cinemill").iterdir()
    return sum(path.stat().st_blocks * 512 for path in files if ".tmp" not in path.name)


@AS_ROOT
@pytest.mark.parametrize("room", [0.0, 0.5, 1.5, 1.985])
def test_full_disk_keeps_what_is_finished_and_goes_on_when_there_is_room(
    room: float, source: Path, small_disk: Path, home: Path, whole: Path, parts: int
) -> None:
    """Room 1 holds all parts, room 2 the output beside them."""
    cinemill = Cinemill(small_disk, home)
    size = whole.stat().st_size
    ballast = filled(small_disk, int(room * parts if room < 1 else parts + (room - 1) * size))
    said = cinemill("process", source, "-o", "out.mkv", *ENCODING)
    assert said.code == 6, said
    error = said.events[-1]["error"]
    assert error["type"] == "DiskFull"
    assert "Make room" in error["message"]
    made = {event["chunk"] for event in said.events if event["event"] == "part"}
    assert not (small_disk / "out.mkv").exists()
    assert (small_disk / ".out.mkv.cinemill").exists() == bool(made)
    ballast.unlink()
    said = cinemill("process", source, "-o", "out.mkv", *ENCODING)
    assert said.code == 0, said
    assert {event["chunk"] for event in said.events if event["event"] == "part"} == set(range(8)) - made
    assert framemd5(small_disk / "out.mkv") == framemd5(whole)
    assert below(small_disk) == {"out.mkv"}


@AS_ROOT
def test_folder_that_may_not_be_written_to_is_said_so(
    source: Path, small_disk: Path, home: Path, folder: Path, cinemill: Cinemill
) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    said = cinemill("process", source, "-o", small_disk / "out.mkv")
    assert said.code == 2
    assert f"{small_disk} may not be written to" in said.err
    assert said.err.count("\n") == 1


@AS_ROOT
def test_read_only_home_stops_no_job(source: Path, small_disk: Path, folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    cinemill = Cinemill(folder, small_disk)
    assert cinemill("process", source, "-o", "out.mkv").code == 0
    assert cinemill("jobs", "list").code == 0


def test_state_that_cannot_be_a_folder_stops_no_job(source: Path, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    cinemill = Cinemill(folder, tmp_path / "file")
    assert cinemill("process", source, "-o", "out.mkv").code == 0
    assert cinemill("jobs", "list").code == 0


def meddle(events: Iterator[Event], moment: type, act: Callable[[], object]) -> None:
    """Follow a job, and do something at each event of a kind."""
    for event in events:
        if isinstance(event, moment):
            act()


@pytest.mark.parametrize("moment", [PartDone, Joining])
def test_job_folder_that_vanishes_is_said_so(moment: type, trouble: Ask, folder: Path) -> None:
    with pytest.raises(JobError, match="was removed while the job was running"):
        meddle(run(trouble()), moment, lambda: shutil.rmtree(folder / ".out.cinemill", ignore_errors=True))
    assert not (folder / "out").exists()
    assert not (folder / ".out.cinemill").exists()


def test_output_folder_that_vanishes_is_said_so(trouble: Ask, folder: Path) -> None:
    asked = trouble()
    deep = Request(asked.operation, asked.params, asked.inputs, folder / "new" / "deep" / "out")
    with pytest.raises(JobError, match="was removed"):
        meddle(run(deep), PartDone, lambda: shutil.rmtree(folder / "new", ignore_errors=True))


def test_output_may_be_a_link(trouble: Ask, folder: Path) -> None:
    (folder / "elsewhere").mkdir()
    (folder / "out").symlink_to(folder / "elsewhere" / "real")
    list(run(trouble()))
    assert (folder / "out").is_symlink()
    assert (folder / "elsewhere" / "real").read_text().startswith("0.0")
    assert below(folder / "elsewhere") == {"real"}


def test_output_may_not_be_a_link_to_the_input(trouble: Ask, folder: Path) -> None:
    asked = trouble()
    (folder / "out").symlink_to(asked.inputs[0])
    with pytest.raises(OutputRefused, match="also the input"):
        list(run(asked, overwrite=True))
    assert asked.inputs[0].read_bytes() == b"pictures"


def test_link_in_a_circle_is_no_output(trouble: Ask, folder: Path) -> None:
    (folder / "out").symlink_to(folder / "out")
    with pytest.raises(OutputRefused, match="cannot be written"):
        list(run(trouble()))


def test_output_may_have_the_longest_name_there_is(trouble: Ask, folder: Path) -> None:
    asked = trouble()
    output = folder / ("é" * 127)
    list(run(Request(asked.operation, asked.params, asked.inputs, output)))
    assert output.exists()


def test_name_that_is_too_long_is_refused(trouble: Ask, folder: Path) -> None:
    asked = trouble()
    with pytest.raises(OutputRefused, match="name too long"):
        list(run(Request(asked.operation, asked.params, asked.inputs, folder / ("x" * 256))))


def test_folder_on_the_way_that_is_a_file_is_refused(trouble: Ask, folder: Path) -> None:
    asked = trouble()
    with pytest.raises(OutputRefused, match="is a file"):
        list(run(Request(asked.operation, asked.params, asked.inputs, folder / "in" / "new" / "out")))


def test_input_that_is_no_file_is_refused(folder: Path, cinemill: Cinemill) -> None:
    os.mkfifo(folder / "pipe.mkv")
    said = cinemill("process", "pipe.mkv", "-o", "out.mkv")
    assert said.code == 4
    assert "pipe.mkv is not a file" in said.err


def test_bad_input_leaves_no_folder(folder: Path, cinemill: Cinemill) -> None:
    (folder / "bad.mp4").write_bytes(b"text" * 100)
    assert cinemill("process", "bad.mp4", "-o", "new/out.mp4").code == 4
    assert below(folder) == {"bad.mp4"}
