"""Parts in a bucket: begun by one machine and finished by another, committed once, and fenced."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from bucket import environment, made, serving
from pieces import attempts, whole

from cinemill.errors import JobRunning, OutputRefused, UploadFailed
from cinemill.jobs import shared
from cinemill.jobs.events import Done, Event, Noted, PartDone
from cinemill.jobs.plan import sign
from cinemill.jobs.run import run
from cinemill.jobs.shared import Shared
from cinemill.operations import Request
from cinemill.settings import settings
from cinemill.storage import elsewhere, s3

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
Ask = Callable[..., Request[Any]]
_NUMBERS = count()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture
def bucket(server: str, trouble: Ask, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in environment(server).items():
        monkeypatch.setenv(name, value)
    address = made(f"parts-{next(_NUMBERS)}")
    monkeypatch.setenv("CINEMILL_PARTS", f"{address}/jobs")
    settings.cache_clear()
    yield address
    s3._files.cache_clear()


def on_another_machine(asked: Request[Any], folder: Path) -> Request[Any]:
    """The same request where nothing is known of the first one but its input."""
    folder.mkdir()
    source = folder / "in"
    shutil.copy2(asked.inputs[0], source)
    return replace(asked, inputs=(source,), output=folder / "out")


def until_parts(asked: Request[Any], parts: int) -> list[int]:
    """Run until so many parts are there, then die; which they are."""
    there: list[int] = []
    with closing(run(asked)) as events:
        for event in events:
            there += [event.chunk] if isinstance(event, PartDone) else []
            if len(there) == parts:
                break
    return there


def kept(bucket: str) -> list[str]:
    return [path.rpartition("/")[2] for path in s3._files(s3.account()).find(bucket)]


def test_job_begun_on_one_machine_is_finished_on_another(bucket: str, trouble: Ask, tmp_path: Path) -> None:
    asked = trouble(chunks=6)
    with closing(run(asked)) as events:
        for event in events:
            if isinstance(event, PartDone) and event.chunk == 3:
                break
    there = {int(name[5:]) for name in kept(bucket) if name.startswith("part-")}
    assert there >= {0, 1}
    assert "owner.json" not in kept(bucket)
    other = on_another_machine(asked, tmp_path / "other")
    events: list[Event] = list(run(other))
    assert isinstance(events[-1], Done)
    assert (tmp_path / "other" / "out").read_text() == whole(6)
    assert set(attempts(other.inputs[0])) == set(range(6)) - there
    assert kept(bucket) == [], "what is done is thrown away"


def test_two_machines_do_not_do_the_same(bucket: str, trouble: Ask, tmp_path: Path) -> None:
    asked = trouble()
    with closing(run(asked)) as events:
        next(event for event in events if isinstance(event, PartDone))
        with pytest.raises(JobRunning, match="already doing this very work"):
            list(run(on_another_machine(asked, tmp_path / "other")))
        assert isinstance(list(events)[-1], Done)


def test_machine_that_was_thought_dead_stops_when_it_wakes(
    bucket: str, trouble: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = trouble(chunks=6)
    monkeypatch.setattr(shared, "_BEAT", 3600.0)  # it stands still
    with closing(run(asked)) as events:
        next(event for event in events if isinstance(event, PartDone))
        monkeypatch.setattr(shared, "_DEAD", -1.0)
        list(run(on_another_machine(asked, tmp_path / "other")))
        with pytest.raises(JobRunning, match="has taken the job over"):
            list(events)
    assert not asked.output or not asked.output.exists()
    assert (tmp_path / "other" / "out").read_text() == whole(6)


def test_owner_is_fenced_by_the_storage_and_not_by_a_clock(
    bucket: str, trouble: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = Shared(f"{bucket}/j"), Shared(f"{bucket}/j")
    monkeypatch.setattr(shared, "_BEAT", 0.05)
    one._take()
    with pytest.raises(JobRunning, match="already doing"):
        other._take()
    monkeypatch.setattr(shared, "_DEAD", -1.0)
    other._take()
    assert not one._say(one._tag), "its tag is no more the last"
    with pytest.raises(JobRunning, match="has taken the job over"):
        one.check()
    assert other._say(other._tag)
    other.check()


def test_part_is_committed_once_whoever_comes(bucket: str, trouble: Ask, tmp_path: Path) -> None:
    files = [tmp_path / f"part-{number}" for number in range(8)]
    for number, path in enumerate(files):
        path.write_bytes(bytes([number]) * 1000)
    job = Shared(f"{bucket}/j")
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda path: job.commit(3, path), files))
    assert sum(won) == 1
    job.fetch(3, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == files[won.index(True)].read_bytes()
    assert job.parts() == {3}
    assert not list(tmp_path.glob("*.tmp*"))


def test_who_comes_first_decides(bucket: str, trouble: Ask, tmp_path: Path) -> None:
    from cinemill.jobs.plan import plan

    asked = trouble()
    first = plan(asked, sign(asked, 30.0))
    second = first.model_copy(update={"decided": {**first.decided, "size": 9}, "output": tmp_path / "elsewhere"})
    job = Shared(f"{bucket}/j")
    job.agreed(first)
    agreed = job.agreed(second)
    assert agreed.decided == first.decided
    assert agreed.output == tmp_path / "elsewhere"


def test_part_that_cannot_be_sent_is_said_and_the_job_goes_on(
    bucket: str, trouble: Ask, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise UploadFailed("the line is down.")

    monkeypatch.setattr(elsewhere, "store", broken)
    events = list(run(trouble()))
    notes = [event.note for event in events if isinstance(event, Noted)]
    assert notes
    assert all("this machine alone: the line is down." in note for note in notes)
    assert (folder / "out").read_text() == whole()


def test_restart_throws_away_what_is_shared_too(bucket: str, trouble: Ask, tmp_path: Path) -> None:
    asked = trouble()
    until_parts(asked, 2)
    other = on_another_machine(asked, tmp_path / "other")
    list(run(other, restart=True))
    assert sorted(attempts(other.inputs[0])) == [0, 1, 2, 3]


def test_only_a_bucket_is_taken(trouble: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CINEMILL_PARTS", "/mnt/parts")
    settings.cache_clear()
    with pytest.raises(OutputRefused, match="CINEMILL_PARTS"):
        list(run(trouble()))
