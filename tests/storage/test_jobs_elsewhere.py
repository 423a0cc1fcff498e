"""Jobs whose files lie elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from breaking_web import Web

import cinemill
from cinemill.errors import NotAllowed, OutputRefused, UploadFailed
from cinemill.jobs.events import Fetching, Planned, Sending
from cinemill.jobs.keeper import Keeper, Rules
from cinemill.jobs.queue import Queue
from cinemill.media import read
from cinemill.settings import settings
from cinemill.storage import elsewhere as storage
from cinemill.surfaces.api import asked
from clips import md5
from command import wait_until

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
HOW = {"codec": "ffv1", "threads": 1}


def pictures(path: Path) -> list[str]:
    return [md5(frame) for frame in read.frames(read.probe(path))]


def test_operation_reads_and_writes_buckets(bucket: str, clip, tmp_path: Path) -> None:
    storage.store(clip("h264_b.mp4"), f"{bucket}/in.mp4", False)
    events = list(cinemill.events("process", f"{bucket}/in.mp4", f"{bucket}/out/made.mkv", **HOW))
    assert [type(event) for event in events].index(Fetching) < [type(event) for event in events].index(Planned)
    assert any(isinstance(event, Sending) for event in events)
    assert events[-1].as_dict()["outputs"] == [f"{bucket}/out/made.mkv"]
    storage.fetch(f"{bucket}/out/made.mkv", tmp_path / "made.mkv")
    assert pictures(tmp_path / "made.mkv") == pictures(clip("h264_b.mp4"))
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()], "nothing stays here"
    with pytest.raises(OutputRefused, match="exists already"):
        cinemill.run("process", f"{bucket}/in.mp4", f"{bucket}/out/made.mkv", **HOW)


def test_bucket_that_is_not_there_is_said_before_the_work(bucket: str, clip, tmp_path: Path) -> None:
    for overwrite in (False, True):
        events = cinemill.events("process", clip("h264_b.mp4"), "s3://nobody/o.mkv", overwrite=overwrite, **HOW)
        with pytest.raises(OutputRefused, match="there is no bucket nobody"):
            next(events)


def test_address_of_the_web_gives_its_name(web: Web, clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    web.body = clip("h264_b.mp4").read_bytes()
    monkeypatch.chdir(tmp_path)
    done = cinemill.run("process", f"{web.url}/film.mp4?X-Amz-Signature=abc", **HOW)
    assert done.outputs == (tmp_path / "film.process.mkv",)


def test_output_that_could_not_be_sent_is_not_made_again(
    bucket: str, clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = storage.store

    def broken(*arguments: object) -> None:
        raise UploadFailed("the line is down.")

    monkeypatch.setattr(storage, "store", broken)
    with pytest.raises(UploadFailed):
        cinemill.run("process", clip("h264_b.mp4"), f"{bucket}/made.mkv", **HOW)
    monkeypatch.setattr(storage, "store", real)
    events = list(cinemill.events("process", clip("h264_b.mp4"), f"{bucket}/made.mkv", **HOW))
    assert not any(event.kind == "part" for event in events)
    assert storage.exists(f"{bucket}/made.mkv")


def test_queue_brings_and_sends(bucket: str, clip, tmp_path: Path) -> None:
    titles = tmp_path / "a.srt"
    titles.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n\n")
    storage.store(titles, f"{bucket}/a.srt", False)
    storage.store(clip("h264_b.mp4"), f"{bucket}/in.mp4", False)
    queue = Queue(tmp_path / "queue")
    keeper = Keeper(queue, Rules(stall=0, free=0))
    keeper.start()
    try:
        there = Path(f"{bucket}/out/made.mkv")
        job = queue.submit("burn", [Path(f"{bucket}/in.mp4")], {"file": f"{bucket}/a.srt", **HOW}, output=there)
        wait_until(lambda: queue.get(job.id).has_ended)
        job = queue.get(job.id)
    finally:
        keeper.stop()
        queue.close()
    assert (job.state, job.error) == ("done", None)
    assert [storage.address(path) for path in job.outputs] == [f"{bucket}/out/made.mkv"]
    assert storage.exists(f"{bucket}/out/made.mkv")


def test_server_names_files_of_the_buckets_that_it_shares(
    bucket: str, clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.store(clip("h264_b.mp4"), f"{bucket}/in/film.mp4", False)
    queue = Queue(tmp_path / "queue")
    with pytest.raises(NotAllowed, match="CINEMILL_SHARED_BUCKETS"):
        asked.place(queue, f"{bucket}/in/film.mp4")
    monkeypatch.setenv("CINEMILL_SHARED_BUCKETS", f"s3://other {bucket}/in/")
    settings.cache_clear()
    path = asked.place(queue, f"{bucket}/in/film.mp4")
    assert path.name == "film.mp4"
    assert path.read_bytes() == clip("h264_b.mp4").read_bytes()
    for address in (f"{bucket}/in/../secret", f"{bucket}/inside", "s3://other2/x"):
        with pytest.raises(NotAllowed):
            asked.place(queue, address)
    queue.close()


def test_parameter_may_name_an_address(bucket: str, clip, tmp_path: Path) -> None:
    titles = tmp_path / "a.srt"
    titles.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n\n")
    storage.store(titles, f"{bucket}/a.srt", False)
    cinemill.run("burn", clip("h264_b.mp4"), tmp_path / "o.mkv", file=f"{bucket}/a.srt", **HOW)
    assert pictures(tmp_path / "o.mkv") != pictures(clip("h264_b.mp4"))
