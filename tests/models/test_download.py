"""Whatever the server does, what comes is the file or an error, and no attempt is lost."""

from __future__ import annotations

import random
from pathlib import Path

import misbehaving as m
import pytest
from misbehaving import Host

from cinemill.errors import DownloadFailed, InvalidParams
from cinemill.models import download
from cinemill.models.download import Patience, address, fetch
from cinemill.settings import settings

BODY = random.Random(1).randbytes(300_000)
SIZE = len(BODY)
QUICK = Patience(stall=0.4, least=1000, tries=3, pause=0.01)

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "x.part"


def test_a_file_comes_whole_and_its_progress_is_told(host: Host, part: Path) -> None:
    host.answers["/x"] = m.whole(BODY)
    told: list[tuple[str, int, int | None]] = []
    fetch(f"{host.url}/x", part, patience=QUICK, progress=lambda *now: told.append(now))
    assert part.read_bytes() == BODY
    assert told[-1] == ("x.part", SIZE, SIZE)
    assert [here for _, here, _ in told] == sorted(here for _, here, _ in told)


def test_a_server_that_hangs_up_again_and_again_is_asked_for_the_rest(host: Host, part: Path) -> None:
    host.answers["/x"] = m.cut_short(BODY, 70_000)
    fetch(f"{host.url}/x", part, patience=QUICK)
    assert part.read_bytes() == BODY
    assert [headers.get("Range") for _, headers in host.requests] == [
        None,
        "bytes=70000-",
        "bytes=140000-",
        "bytes=210000-",
        "bytes=280000-",
    ]


def test_a_server_that_never_sends_the_rest_is_given_up_and_what_came_is_kept(host: Host, part: Path) -> None:
    host.answers["/x"] = m.in_turn(m.cut_short(BODY, 100_000), m.cut_short(BODY, 0))
    with pytest.raises(DownloadFailed, match="ended after 100000 of 300000 bytes, 3 times in a row; 100000 bytes are"):
        fetch(f"{host.url}/x", part, patience=QUICK)
    assert part.read_bytes() == BODY[:100_000]
    host.answers["/x"] = m.whole(BODY)
    fetch(f"{host.url}/x", part, patience=QUICK)
    assert part.read_bytes() == BODY
    assert host.requests[-1][1]["Range"] == "bytes=100000-"


def test_a_server_that_ignores_ranges_is_read_from_the_beginning(host: Host, part: Path) -> None:
    host.answers["/x"] = m.in_turn(m.cut_short(BODY, 100_000), m.without_ranges(BODY))
    fetch(f"{host.url}/x", part, patience=QUICK)
    assert part.read_bytes() == BODY


def test_a_server_that_ignores_ranges_and_hangs_up_is_given_up(host: Host, part: Path) -> None:
    host.answers["/x"] = m.without_ranges(BODY, 50_000)
    with pytest.raises(DownloadFailed, match="ended after 50000 of 300000"):
        fetch(f"{host.url}/x", part, patience=QUICK)
    assert len(host.requests) == QUICK.tries


def test_a_piece_that_was_not_asked_for_is_not_put_in(host: Host, part: Path) -> None:
    host.answers["/x"] = m.in_turn(m.cut_short(BODY, 100_000), m.another_piece(BODY))
    with pytest.raises(DownloadFailed, match="another piece"):
        fetch(f"{host.url}/x", part, patience=QUICK)
    assert part.read_bytes() == BODY[:100_000]


def test_a_file_that_changed_in_between_is_not_mixed_with_the_old_one(host: Host, part: Path) -> None:
    new = BODY[::-1]
    host.answers["/x"] = m.in_turn(m.cut_short(BODY, 100_000, tag='"old"'), m.whole(new, tag='"new"'))
    fetch(f"{host.url}/x", part, is_checked=False, patience=QUICK)
    assert part.read_bytes() == new


def test_a_part_without_a_version_is_worth_nothing_when_no_digest_will_tell(host: Host, part: Path) -> None:
    part.write_bytes(b"of something else")
    host.answers["/x"] = m.whole(BODY)
    fetch(f"{host.url}/x", part, is_checked=False, patience=QUICK)
    assert part.read_bytes() == BODY


def test_a_part_that_is_too_long_begins_again(host: Host, part: Path) -> None:
    part.write_bytes(BODY + b"more")
    host.answers["/x"] = m.whole(BODY)
    fetch(f"{host.url}/x", part, patience=QUICK)
    assert part.read_bytes() == BODY


def test_a_server_that_stalls_is_left_and_asked_again(host: Host, part: Path) -> None:
    host.answers["/x"] = m.in_turn(m.stalling(host, BODY, 100_000), m.whole(BODY))
    fetch(f"{host.url}/x", part, patience=QUICK)
    assert part.read_bytes() == BODY
    assert host.requests[-1][1]["Range"] == "bytes=100000-"


def test_a_server_that_drips_is_a_server_that_stalls(host: Host, part: Path) -> None:
    host.answers["/x"] = m.in_turn(m.dripping(host, BODY), m.whole(BODY))
    fetch(f"{host.url}/x", part, patience=QUICK)
    assert part.read_bytes() == BODY
    assert int(host.requests[1][1]["Range"].strip("bytes=-")) < 1000


def test_more_than_the_file_can_have_is_not_written(host: Host, part: Path) -> None:
    host.answers["/x"] = m.chunked([BODY] * 20)
    with pytest.raises(DownloadFailed, match="more than the 300000 bytes"):
        fetch(f"{host.url}/x", part, SIZE, patience=QUICK)
    assert part.stat().st_size <= SIZE


def test_another_length_than_that_of_the_file_is_refused_before_it_is_read(host: Host, part: Path) -> None:
    host.answers["/x"] = m.whole(BODY[:-1])
    with pytest.raises(DownloadFailed, match="is 299999 bytes long, and the file that is meant has 300000"):
        fetch(f"{host.url}/x", part, SIZE, patience=QUICK)
    assert not part.exists()


def test_pieces_of_unannounced_length_are_read_to_their_mark(host: Host, part: Path) -> None:
    host.answers["/x"] = m.chunked([BODY[:1000], BODY[1000:]])
    fetch(f"{host.url}/x", part, is_checked=False, patience=QUICK)
    assert part.read_bytes() == BODY


def test_pieces_without_the_mark_are_not_a_file(host: Host, part: Path) -> None:
    host.answers["/x"] = m.chunked([BODY[:1000]], is_ended=False)
    with pytest.raises(DownloadFailed, match="3 times in a row"):
        fetch(f"{host.url}/x", part, is_checked=False, patience=QUICK)


def test_an_end_that_nothing_shows_to_be_the_end_is_refused(host: Host, part: Path) -> None:
    host.answers["/x"] = m.until_it_hangs_up(BODY)
    with pytest.raises(DownloadFailed, match="does not say how long"):
        fetch(f"{host.url}/x", part, is_checked=False, patience=QUICK)
    fetch(f"{host.url}/x", part, SIZE, is_checked=False, patience=QUICK)
    assert part.read_bytes() == BODY


def test_a_web_page_in_place_of_a_file_is_refused(host: Host, part: Path) -> None:
    host.answers["/x"] = m.page("<h1>Please log in</h1>")
    with pytest.raises(DownloadFailed, match="a web page and not a file"):
        fetch(f"{host.url}/x", part, is_checked=False, patience=QUICK)
    assert not part.exists()


def test_a_web_page_in_between_does_not_cost_what_came_before(host: Host, part: Path) -> None:
    host.answers["/x"] = m.in_turn(m.cut_short(BODY, 100_000), m.page("<h1>Please log in</h1>"))
    with pytest.raises(DownloadFailed, match="a web page"):
        fetch(f"{host.url}/x", part, patience=QUICK)
    assert part.read_bytes() == BODY[:100_000]


def test_a_busy_server_is_asked_again_and_a_refusing_one_is_not(host: Host, part: Path) -> None:
    host.answers["/x"] = m.in_turn(m.refusal(503), m.refusal(429, Retry_After=0), m.whole(BODY))
    fetch(f"{host.url}/x", part, patience=QUICK)
    assert part.read_bytes() == BODY
    host.answers["/no"] = m.refusal(403)
    with pytest.raises(DownloadFailed, match="403"):
        fetch(f"{host.url}/no", part.with_name("no"), patience=QUICK)
    assert [path for path, _ in host.requests].count("/no") == 1


def test_a_file_that_is_gone_is_said_to_be_gone(host: Host, part: Path) -> None:
    host.answers["/x"] = m.refusal(404)
    with pytest.raises(DownloadFailed, match="not there any more") as caught:
        fetch(f"{host.url}/x", part, patience=QUICK)
    assert caught.value.facts["status"] == 404


def test_nobody_at_home_is_an_error_after_a_few_tries(part: Path) -> None:
    with Host() as host:
        url = host.url
    with pytest.raises(DownloadFailed, match="cannot be reached"):
        fetch(f"{url}/x", part, patience=QUICK)


def test_redirects_are_followed_to_the_web_only(host: Host, part: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    host.answers |= {
        "/x": m.redirect("/y"),
        "/y": m.redirect(f"{host.url}/z"),
        "/z": m.whole(BODY),
        "/local": m.redirect((tmp_path / "secret").as_uri()),
        "/ftp": m.redirect("ftp://127.0.0.1/secret"),
        "/round": m.redirect("/round"),
    }
    fetch(f"{host.url}/x", part, patience=QUICK)
    assert part.read_bytes() == BODY
    for path, word in (("local", "file://"), ("ftp", "ftp://"), ("round", "circles")):
        with pytest.raises(DownloadFailed, match=word):
            fetch(f"{host.url}/{path}", tmp_path / path, patience=QUICK)
        assert not (tmp_path / path).exists()


def test_an_encrypted_address_never_leads_to_one_that_is_not() -> None:
    with pytest.raises(DownloadFailed, match="only https is"):
        download._next("https://weights.example/x", "http://weights.example/x")


def test_the_token_goes_to_the_hub_and_not_to_where_it_leads(
    host: Host, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("HF_ENDPOINT", host.url)
    with Host() as other:
        host.answers["/org/model/resolve/main/x"] = m.redirect(f"{other.url}/x")
        other.answers["/x"] = m.whole(BODY)
        fetch(address("https://huggingface.co/org/model/resolve/main/x"), part, patience=QUICK)
        assert part.read_bytes() == BODY
        assert [headers.get("Authorization") for _, headers in host.requests] == ["Bearer hf_secret"]
        assert [headers.get("Authorization") for _, headers in other.requests] == [None]


def test_a_gated_model_is_explained(host: Host, part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", host.url)
    host.answers["/org/model/resolve/main/x"] = m.refusal(401)
    with pytest.raises(
        DownloadFailed, match=rf"accept the terms on {host.url}/org/model and put a token into HF_TOKEN"
    ):
        fetch(address("https://huggingface.co/org/model/resolve/main/x"), part, patience=QUICK)


@pytest.mark.parametrize(
    ("mirror", "expected"),
    [
        ("", "https://github.com/a/b.pth?c=1"),
        ("https://mirror.example", "https://mirror.example/a/b.pth?c=1"),
        ("https://mirror.example/weights/", "https://mirror.example/weights/a/b.pth?c=1"),
        ("https://proxy.example/{url}", "https://proxy.example/https://github.com/a/b.pth?c=1"),
        ("http://10.0.0.1/{host}/{path}", "http://10.0.0.1/github.com/a/b.pth?c=1"),
    ],
)
def test_a_mirror_takes_the_place_of_the_host_or_frames_the_address(
    mirror: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CINEMILL_MIRROR", mirror)
    settings.cache_clear()
    assert address("https://github.com/a/b.pth?c=1") == expected


def test_a_mirror_that_is_no_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CINEMILL_MIRROR", "mirror.example")
    settings.cache_clear()
    with pytest.raises(InvalidParams, match="setting mirror"):
        address("https://github.com/a")
