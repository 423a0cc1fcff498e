"""Files from the web: broken connections, redirects, and addresses that are not gone to."""

from __future__ import annotations

from pathlib import Path

import pytest
from breaking_web import Web

from cinemill.errors import DownloadFailed, NotAllowed, OpenFailed, OutputRefused, RequestError, TooLarge
from cinemill.settings import settings
from cinemill.storage import elsewhere as storage
from cinemill.storage import web as module

BODY = bytes(range(256)) * 300


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSE", 0.001)


def test_connection_that_breaks_is_made_again_where_it_ended(web: Web, tmp_path: Path) -> None:
    web.body, web.breaks = BODY, 3
    storage.fetch(f"{web.url}/film.mp4", tmp_path / "film.mp4")
    assert (tmp_path / "film.mp4").read_bytes() == BODY
    assert len(web.asked) == 4
    assert web.asked[1] == f"bytes={len(BODY) // 3}-"
    assert (tmp_path / "film.mp4").stat().st_mtime == 1445412480


def test_what_is_here_and_has_not_changed_is_not_fetched_again(web: Web, tmp_path: Path) -> None:
    web.body = BODY
    told: list[int] = []
    for _ in range(2):
        storage.fetch(f"{web.url}/film.mp4", tmp_path / "film.mp4", lambda done, total: told.append(done))
    assert told[-1] == len(BODY)
    assert sum(told) == sum(dict.fromkeys(told))


def test_connection_that_always_breaks_is_given_up(web: Web, tmp_path: Path) -> None:
    web.body, web.breaks = b"ab", 99
    with pytest.raises(DownloadFailed, match="5 times in a row"):
        storage.fetch(f"{web.url}/film.mp4", tmp_path / "film.mp4")


def test_missing_file_is_said(web: Web, tmp_path: Path) -> None:
    with pytest.raises(OpenFailed, match="is not there"):
        storage.fetch(f"{web.url}/gone", tmp_path / "film.mp4")


def test_nothing_too_large_is_brought_here(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    web.body = BODY
    monkeypatch.setenv("CINEMILL_UPLOAD_GB", "0.00001")
    settings.cache_clear()
    with pytest.raises(TooLarge):
        storage.fetch(f"{web.url}/film.mp4", tmp_path / "film.mp4")


def test_this_machine_and_its_network_are_not_gone_to(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.body = BODY
    monkeypatch.delenv("CINEMILL_ALLOW_PRIVATE_URLS")
    settings.cache_clear()
    for url in (web.url, "http://10.0.0.1/x", "http://[::1]/x", "http://169.254.169.254/latest", "http://localhost/x"):
        with pytest.raises(NotAllowed, match="ALLOW_PRIVATE_URLS"):
            storage.fetch(url, tmp_path / "film.mp4")
    assert not web.asked


def test_redirect_to_this_machine_is_not_followed(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = module.is_public
    monkeypatch.delenv("CINEMILL_ALLOW_PRIVATE_URLS")
    settings.cache_clear()
    monkeypatch.setattr(module, "is_public", lambda ip: ip == "127.0.0.1" or real(ip))
    web.redirect = "http://127.0.0.2/secret"
    with pytest.raises(NotAllowed):
        storage.fetch(f"{web.url}/elsewhere", tmp_path / "film.mp4")


@pytest.mark.parametrize("url", ["http://me:secret@example.com/x", "http://exa mple:x/", "https:///x"])
def test_odd_addresses_are_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises((RequestError, DownloadFailed)):
        storage.fetch(url, tmp_path / "x")


def test_addresses_and_files_are_told_apart() -> None:
    assert storage.address(Path("s3://b/k.mp4")) == "s3://b/k.mp4"
    assert storage.address("https://h/p?x=1") == "https://h/p?x=1"
    assert storage.address(Path("s3/b/k.mp4")) is None
    assert storage.address("C:/films/x.mp4") is None
    assert storage.name("https://h/a%20film.mp4?X-Amz-Date=1") == "a film.mp4"
    assert storage.name("s3://b/dir/x.mkv") == "x.mkv"
    assert storage.name("https://h/") == "file"


def test_newly_signed_address_is_the_same_file() -> None:
    one = storage.here("https://h/x.mp4?X-Amz-Signature=1&part=2", "job")
    assert one == storage.here("https://h/x.mp4?X-Amz-Signature=3&part=2", "job")
    assert one != storage.here("https://h/x.mp4?X-Amz-Signature=1&part=3", "job")
    assert one.name == "x.mp4"


def test_web_is_not_written_to(tmp_path: Path) -> None:
    with pytest.raises(OutputRefused, match="s3://BUCKET/KEY"):
        storage.store(tmp_path / "x", "https://h/x", True)
    with pytest.raises(OutputRefused, match="names no file"):
        storage.exists("s3://bucket")
