"""Against moto's S3: there and back, pieces, conditions, signatures, and what goes wrong in words."""

from __future__ import annotations

import os
import re
import time
import urllib.request
from collections import Counter
from pathlib import Path

import pytest
from flaky import Flaky, Mishap

from cinemill.errors import (
    DownloadFailed,
    InvalidParams,
    MissingResource,
    NotAllowed,
    OpenFailed,
    OutputRefused,
    TooLarge,
    UploadFailed,
)
from cinemill.settings import settings
from cinemill.storage import elsewhere as storage
from cinemill.storage import s3
from cinemill.storage.landing import Landing

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


def a_file(folder: Path, size: int = 1000) -> Path:
    path = folder / "made.bin"
    path.write_bytes(os.urandom(size))
    return path


def test_file_goes_there_and_comes_back(bucket: str, tmp_path: Path) -> None:
    source = a_file(tmp_path)
    storage.store(source, f"{bucket}/a/b.bin", overwrite=False)
    assert storage.exists(f"{bucket}/a/b.bin")
    told: list[tuple[int, int | None]] = []
    storage.fetch(f"{bucket}/a/b.bin", tmp_path / "back" / "b.bin", lambda *now: told.append(now))
    assert (tmp_path / "back" / "b.bin").read_bytes() == source.read_bytes()
    assert told[-1] == (1000, 1000)


def test_large_file_goes_in_pieces(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "_PIECE", 5 << 20)
    source = a_file(tmp_path, (12 << 20) + 17)
    storage.store(source, f"{bucket}/large", overwrite=False)
    assert s3._files(s3.account()).info(f"{bucket}/large")["ETag"].strip('"').endswith("-3")
    storage.fetch(f"{bucket}/large", tmp_path / "large")
    assert (tmp_path / "large").read_bytes() == source.read_bytes()


@pytest.mark.parametrize("size", [100, 6 << 20])
def test_what_is_there_is_not_replaced_unless_that_is_said(
    size: int, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "_PIECE", 5 << 20)
    storage.store(a_file(tmp_path, 10), f"{bucket}/k", overwrite=False)
    with pytest.raises(OutputRefused, match="exists already"):
        storage.store(a_file(tmp_path, size), f"{bucket}/k", overwrite=False)
    storage.store(a_file(tmp_path, size), f"{bucket}/k", overwrite=True)
    assert s3._files(s3.account()).size(f"{bucket}/k") == size


def test_upload_that_fails_leaves_nothing(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "_PIECE", 5 << 20)

    def full(done: int, total: int | None) -> None:
        if done > 6 << 20:
            raise RuntimeError("stop")

    with pytest.raises(UploadFailed, match="stop"):
        storage.store(a_file(tmp_path, 12 << 20), f"{bucket}/k", False, full)
    assert not storage.exists(f"{bucket}/k")
    assert not s3._files(s3.account()).call_s3("list_multipart_uploads", Bucket=bucket[5:]).get("Uploads")


def test_download_goes_on_where_it_ended(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = a_file(tmp_path, 10 << 10)
    storage.store(source, f"{bucket}/k", False)
    monkeypatch.setattr(s3, "_PIECE", 1 << 10)

    def enough(done: int, total: int | None) -> None:
        if done == 4 << 10:
            raise RuntimeError("stop")

    told: list[int] = []
    with pytest.raises(DownloadFailed, match="stop"):
        storage.fetch(f"{bucket}/k", tmp_path / "k", enough)
    storage.fetch(f"{bucket}/k", tmp_path / "k", lambda done, total: told.append(done))
    assert told[0] == 5 << 10
    assert (tmp_path / "k").read_bytes() == source.read_bytes()
    told.clear()
    storage.fetch(f"{bucket}/k", tmp_path / "k", lambda done, total: told.append(done))
    assert not told, "it is here and has not changed"
    monkeypatch.setattr(s3, "_PIECE", 5 << 20)
    storage.store(a_file(tmp_path, 7), f"{bucket}/k", True)
    storage.fetch(f"{bucket}/k", tmp_path / "k")
    assert (tmp_path / "k").stat().st_size == 7


def test_presigned_address_can_be_fetched_by_anybody(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = a_file(tmp_path)
    storage.store(source, f"{bucket}/k", False)
    monkeypatch.setenv("PRESIGN_TTL", "77")
    url = storage.presigned(f"{bucket}/k")
    assert "Expires=" in url
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == source.read_bytes()
    with pytest.raises(InvalidParams, match="a week"):
        storage.presigned(f"{bucket}/k", 8 * 24 * 3600)
    monkeypatch.setenv("PRESIGN_TTL", "long")
    with pytest.raises(InvalidParams, match="PRESIGN_TTL"):
        storage.presigned(f"{bucket}/k")


def test_what_is_not_there_is_said(bucket: str, tmp_path: Path) -> None:
    with pytest.raises(OpenFailed, match="is not there"):
        storage.fetch(f"{bucket}/nothing", tmp_path / "k")
    with pytest.raises(OutputRefused, match="s3://nobody/k is not there"):
        storage.store(a_file(tmp_path), "s3://nobody/k", True)
    with pytest.raises(OutputRefused, match="there is no bucket nobody"):
        storage.check("s3://nobody/k")
    storage.check(f"{bucket}/k")


def test_nothing_too_large_is_brought_here(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage.store(a_file(tmp_path, 2000), f"{bucket}/k", False)
    monkeypatch.setenv("CINEMILL_UPLOAD_GB", "0.000001")
    settings.cache_clear()
    with pytest.raises(TooLarge, match="CINEMILL_UPLOAD_GB"):
        storage.fetch(f"{bucket}/k", tmp_path / "k")


def test_no_credentials_are_said(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("STORAGE_", "BUCKET_", "AWS_ACCESS", "AWS_SECRET"))]:
        monkeypatch.delenv(name)
    with pytest.raises(MissingResource, match="AWS_ACCESS_KEY_ID"):
        storage.fetch(f"{bucket}/k", tmp_path / "k")


def test_wrong_clock_is_said(bucket: str, flaky: Flaky, tmp_path: Path) -> None:
    flaky.mishap = lambda method, path: 403
    with pytest.raises(NotAllowed, match="is refused"):
        storage.fetch(f"{bucket}/k", tmp_path / "k")
    flaky.clock = time.time() - 86400
    for ask in (storage.check, storage.exists, lambda address: storage.fetch(address, tmp_path / "k")):
        with pytest.raises(NotAllowed, match="clock of this machine is 1440 min from that of the storage"):
            ask(f"{bucket}/k")


def test_what_breaks_once_is_done_again(
    bucket: str, flaky: Flaky, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "_PIECE", 5 << 20)
    source = a_file(tmp_path, (12 << 20) + 17)
    seen: Counter[str] = Counter()
    mishaps: dict[str, list[Mishap]] = {
        "POST uploads": [500],
        "PUT 1": ["cut"],
        "PUT 2": [503, "short"],
        "POST": ["cut"],
        "GET": ["short", "cut", 503],
    }

    def mishap(method: str, path: str) -> Mishap:
        piece = re.search(r"partNumber=(\d)", path)
        kind = f"{method} {piece[1] if piece else 'uploads' if 'uploads' in path else ''}".strip()
        waiting = mishaps.get(kind)
        if not waiting:
            return None
        seen[kind] += 1
        return waiting.pop(0)

    flaky.mishap = mishap
    storage.store(source, f"{bucket}/large", overwrite=False)
    storage.fetch(f"{bucket}/large", tmp_path / "large")
    assert (tmp_path / "large").read_bytes() == source.read_bytes()
    assert not any(mishaps.values()), mishaps
    assert seen.total() == 8


def test_upload_that_keeps_failing_is_given_up_and_leaves_no_pieces(
    bucket: str, flaky: Flaky, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "_PIECE", 5 << 20)
    monkeypatch.setattr(s3, "_TRIES", 1)
    monkeypatch.setattr("s3fs.core.S3FileSystem.retries", 1)
    flaky.mishap = lambda method, path: 500 if "partNumber=3" in path else None
    with pytest.raises(UploadFailed, match=f"{bucket}/k"):
        storage.store(a_file(tmp_path, 12 << 20), f"{bucket}/k", False)
    assert not storage.exists(f"{bucket}/k")
    assert not s3._files(s3.account()).call_s3("list_multipart_uploads", Bucket=bucket[5:]).get("Uploads")
    flaky.mishap = lambda method, path: "cut" if method != "HEAD" else None
    with pytest.raises(UploadFailed, match=f"{bucket}/k"):
        storage.store(a_file(tmp_path, 12 << 20), f"{bucket}/k", True)


def test_server_that_is_not_there_is_said(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr(s3, "_TRIES", 1)
    monkeypatch.setattr("s3fs.core.S3FileSystem.retries", 1)
    with pytest.raises(DownloadFailed, match=r"127\.0\.0\.1:1"):
        storage.fetch(f"{bucket}/k", tmp_path / "k")


@pytest.mark.parametrize(
    ("environment", "endpoint", "bucket"),
    [
        ({"STORAGE_ACCOUNT_ID": "abc"}, "https://abc.r2.cloudflarestorage.com", None),
        ({"BUCKET_ENDPOINT_URL": "https://films.s3.eu-west-1.example"}, "https://s3.eu-west-1.example", "films"),
        ({"BUCKET_ENDPOINT_URL": "https://minio.example/films"}, "https://minio.example", "films"),
        ({"STORAGE_ENDPOINT": "minio.example", "STORAGE_BUCKET": "x"}, "https://minio.example", "x"),
        ({"AWS_ENDPOINT_URL": "http://minio.example"}, "http://minio.example", None),
        ({}, None, None),
    ],
)  # fmt: skip
def test_environment_says_where(
    environment: dict[str, str], endpoint: str | None, bucket: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    where = s3.account()
    assert (where.endpoint, where.bucket) == (endpoint, bucket)
    expected = f"s3://{bucket}/made.mp4" if bucket else None
    assert s3.destination("made.mp4") == expected


def test_half_of_the_credentials_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUCKET_ACCESS_KEY_ID", "key")
    with pytest.raises(InvalidParams, match="BUCKET_SECRET_ACCESS_KEY"):
        s3.account()


def test_landing_is_forgotten_when_the_other_side_changed(tmp_path: Path) -> None:
    from cinemill.storage.landing import Version

    landing = Landing(tmp_path / "x")
    assert landing.begin(Version("a", 10, 0)) == 0
    landing.write(b"12345")
    assert landing.begin(Version("a", 10, 0)) == 5
    assert landing.begin(Version("b", 10, 0)) == 0
