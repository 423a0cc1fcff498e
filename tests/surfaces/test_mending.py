"""`doctor --fix` takes away what the dead left and what can be made again, and nothing that is anybody's."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cinemill.engines import engines, install
from cinemill.jobs.queue import Queue
from cinemill.jobs.store import JobFolder
from cinemill.settings import settings
from cinemill.surfaces import mending
from command import Cinemill

OLD = time.time() - 7 * 86_400


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Folders of one's own, on a machine where nobody else is at work."""
    for name in ("data", "state", "cache"):
        monkeypatch.setenv(f"CINEMILL_{name.upper()}_DIR", str(tmp_path / name))
        (tmp_path / name).mkdir()
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr(mending, "_others", lambda: False)
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


def old(path: Path, text: str = "x" * 2_000_000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (OLD, OLD))
    return path


def test_nothing_is_mended_where_nothing_is_wrong(here: Path) -> None:
    assert list(mending.mend()) == []


def test_passing_folders_of_the_dead_go_and_others_stay(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left, other = here / "tmp" / "cinemill-abc" / "a.wav", here / "tmp" / "somebody" / "a.wav"
    for path in (left, other):
        old(path)
    assert list(mending.mend()) == ["1 passing folder is removed: 2.0 MB."]
    assert not left.parent.exists()
    assert other.exists()
    (here / "tmp" / "cinemill-new").mkdir()
    monkeypatch.setattr(mending, "_others", lambda: True)
    assert list(mending.mend()) == ["another cinemill runs; the caches are left to it."]
    assert (here / "tmp" / "cinemill-new").exists()


def test_what_a_killed_job_left_half_done_goes_and_what_it_finished_stays(
    cinemill: Cinemill, clip: Callable[[str], Path], here: Path
) -> None:
    running = cinemill.start("process", clip("film.mp4"), "-o", "a.mkv", "--chunk-seconds", "0.2", "--json")
    for event in running.events():
        if event["event"] == "part":
            break
    running.kill()
    folder = JobFolder.of(cinemill.folder / "a.mkv")
    (folder.path / "part-00099.7.tmp").write_bytes(bytes(3_000_000))
    finished = {path.name for path in folder.path.glob("part-0000?")}
    assert finished
    said = json.loads(
        cinemill("doctor", "--fix", "--json", TMPDIR=str(here / "tmp"), CINEMILL_CACHE_DIR=str(here / "cache")).out
    )
    assert "half done parts of unfinished jobs are removed: 3.0 MB." in said["done"]
    assert {path.name for path in folder.path.glob("part-*")} == finished
    assert cinemill("process", clip("film.mp4"), "-o", "a.mkv", "--chunk-seconds", "0.2").code == 0


def test_caches_go_but_for_what_unfinished_jobs_read(here: Path) -> None:
    for name in ("film", "piped"):
        old(here / "cache" / name / "one")
    queue = Queue(here / "data" / "studio")
    source = old(here / "a.mkv")
    job = queue.submit("process", [source], {})
    assert list(mending.mend()) == ["1 cache is removed: 2.0 MB."]
    assert (here / "cache" / "piped" / "one").exists()
    queue.cancel(job.id)
    queue.close()
    assert list(mending.mend()) == ["1 cache is removed: 2.0 MB."]
    assert source.exists()


def test_a_queue_that_cannot_be_read_is_put_aside(here: Path) -> None:
    old(here / "data" / "studio" / "queue.db", "not a database" * 100)
    told = list(mending.mend())
    assert len(told) == 1
    assert "is put aside as" in told[0]
    aside = next((here / "data" / "studio").glob("queue.db.damaged-*"))
    assert aside.read_text().startswith("not a database")
    Queue(here / "data" / "studio").close()


def test_environments_that_are_broken_go(here: Path) -> None:
    engine = engines.get("whisper")
    lost = install.environment(engine)
    old(lost / "ready", "")
    old(lost.with_name("whisper-00000000") / "ready", "")
    unfinished = lost.with_name("kokoro-00000000")
    old(unfinished / "file")
    os.utime(unfinished, (OLD, OLD))
    told = list(mending.mend())
    assert "1 environment of engine whisper, for its Python is gone, is removed: 0.0 MB." in told
    assert "`cinemill engines install whisper` makes it anew." in told
    assert list((here / "data" / "engines").iterdir()) == []
