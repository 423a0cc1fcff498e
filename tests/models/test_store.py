"""A file that is in place is the one that is meant, whoever asked for it and whatever happened on the way."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import misbehaving as m
import pytest
from misbehaving import Host

from cinemill.errors import DownloadFailed, LicenceNotAccepted, MissingModel, ModelRefused, OutputRefused, UnknownName
from cinemill.models import registry, store
from cinemill.models.registry import File, Licence, Model
from cinemill.settings import settings
from command import below, wait_until

BODY = random.Random(2).randbytes(200_000)
DIGEST = hashlib.sha256(BODY).hexdigest()
OTHER = random.Random(3).randbytes(200_000)
FREE = Licence(name="MIT", commercial="yes")


@pytest.fixture(autouse=True)
def mirror(host: Host, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is fetched from our server."""
    monkeypatch.setenv("CINEMILL_MIRROR", host.url)
    settings.cache_clear()


def listed(*files: File, licence: Licence = FREE) -> Model:
    """A model called toy, listed by the user in the form of ours."""
    model = Model(
        name="toy",
        description="A toy for tests.",
        task="upscale",
        used_by="upscale.model",
        loader="spandrel",
        licence=licence,
        files=files,
    )
    folder = registry.folder() / "toy"
    folder.mkdir(parents=True)
    registry.write(model, folder / "model.yaml")
    return model


def file(digest: str | None = DIGEST, name: str = "toy.pth", **facts: object) -> File:
    return File.model_validate({"name": name, "url": f"https://weights.example/{name}", "sha256": digest, **facts})


def in_place(home: Path) -> set[str]:
    """What lies in the model's folder beside its description."""
    return below(home / "models" / "toy") - {"model.yaml"}


def quietly(sentence: str) -> None:
    pass


def test_a_model_is_fetched_once(host: Host, home: Path) -> None:
    listed(file())
    host.answers["/toy.pth"] = m.whole(BODY)
    with pytest.raises(MissingModel, match="cinemill models get toy"):
        store.path("toy")
    assert store.get("toy").read_bytes() == BODY
    assert store.get("toy") == store.path("toy") == home / "models" / "toy" / "toy.pth"
    assert len(host.requests) == 1
    assert in_place(home) == {"toy.pth"}


def test_a_file_with_another_digest_is_never_in_place(host: Host, home: Path) -> None:
    listed(file())
    host.answers["/toy.pth"] = m.whole(OTHER)
    with pytest.raises(DownloadFailed, match=f"SHA-256 is not {DIGEST[:12]}"):
        store.get("toy")
    assert in_place(home) == set()
    host.answers["/toy.pth"] = m.whole(BODY)
    assert store.get("toy").read_bytes() == BODY


def test_a_beginning_of_another_version_costs_one_more_attempt(host: Host, home: Path) -> None:
    listed(file())
    (home / "models" / "toy" / ".toy.pth.part").write_bytes(OTHER[:1000])
    host.answers["/toy.pth"] = m.whole(BODY)
    assert store.get("toy").read_bytes() == BODY
    assert in_place(home) == {"toy.pth"}


def test_a_digest_of_which_only_the_beginning_is_known_is_held_against_it(host: Host, home: Path) -> None:
    listed(file(None, sha256_prefix=DIGEST[:8]))
    host.answers["/toy.pth"] = m.in_turn(m.whole(OTHER), m.whole(BODY))
    with pytest.raises(DownloadFailed, match=f"is not {DIGEST[:8]}"):
        store.get("toy", say=quietly)
    assert in_place(home) == set()
    assert store.get("toy", say=quietly).read_bytes() == BODY


def test_trust_on_first_use_is_said_and_holds(host: Host, home: Path) -> None:
    listed(file(None))
    host.answers["/toy.pth"] = m.whole(BODY)
    said: list[str] = []
    where = store.get("toy", say=said.append)
    assert len(said) == 1
    assert "this download is trusted" in said[0]
    assert DIGEST in said[0]
    assert (home / "models" / "toy" / "toy.pth.sha256").read_text() == f"{DIGEST}  toy.pth\n"
    where.write_bytes(OTHER)
    host.answers["/toy.pth"] = m.whole(OTHER)
    with pytest.raises(DownloadFailed, match="SHA-256 is not"):
        store.get("toy", say=said.append)
    assert len(said) == 1


def test_a_damaged_file_is_found_and_mended(host: Host, home: Path) -> None:
    listed(file())
    host.answers["/toy.pth"] = m.whole(BODY)
    store.get("toy").write_bytes(BODY[:-1] + b"!")
    assert [check.state for check in store.verify("toy")] == ["bad"]
    store.get("toy")
    assert [check.state for check in store.verify("toy")] == ["good"]


def test_a_file_that_not_every_publisher_has_may_be_absent(host: Host, home: Path) -> None:
    listed(file(), file(None, "vocabulary.txt", optional=True), file(None, "config.json"))
    host.answers |= {
        "/toy.pth": m.whole(BODY),
        "/vocabulary.txt": m.refusal(404),
        "/config.json": m.in_turn(m.refusal(404), m.whole(b"{}")),
    }
    with pytest.raises(DownloadFailed, match=r"config\.json is not there"):
        store.get("toy", say=quietly)
    with pytest.raises(MissingModel):
        store.path("toy")
    store.get("toy", say=quietly)
    assert in_place(home) == {"toy.pth", "config.json", "config.json.sha256"}
    assert [path for path, _ in host.requests].count("/toy.pth") == 1


def test_files_may_lie_in_folders(host: Host, home: Path) -> None:
    listed(file(), file(None, "voices/one.pt"))
    host.answers |= {"/toy.pth": m.whole(BODY), "/voices/one.pt": m.whole(b"la")}
    told: set[str] = set()
    store.get("toy", say=quietly, progress=lambda name, here, total: told.add(name))
    assert (home / "models" / "toy" / "voices" / "one.pt").read_bytes() == b"la"
    assert told == {"toy.pth", "voices/one.pt"}


@pytest.mark.parametrize("variable", ["CINEMILL_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_nothing_is_fetched_and_what_is_here_is_used(
    host: Host, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed(file())
    host.answers["/toy.pth"] = m.whole(BODY)
    monkeypatch.setenv(variable, "1")
    settings.cache_clear()
    with pytest.raises(MissingModel, match="nothing may be fetched"):
        store.get("toy")
    assert host.requests == []
    store.get("toy", offline=False)
    assert store.get("toy").read_bytes() == BODY


def test_terms_that_forbid_commercial_use_are_agreed_to_once(host: Host, home: Path) -> None:
    listed(file(), licence=Licence(name="CC-BY-NC-4.0", commercial="no"))
    host.answers["/toy.pth"] = m.whole(BODY)
    with pytest.raises(LicenceNotAccepted, match=r"CC-BY-NC-4\.0 .*--accept-license"):
        store.get("toy")
    assert host.requests == []
    store.get("toy", accept_license=True)
    assert store.get("toy").read_bytes() == BODY
    assert json.loads((home / "models" / "accepted-licences.json").read_text()) == {"toy": "CC-BY-NC-4.0"}


def test_unclear_terms_are_said_before_the_download(host: Host) -> None:
    listed(file(), licence=Licence(name="MIT", commercial="unclear", note="who knows"))
    host.answers["/toy.pth"] = m.whole(BODY)
    said: list[str] = []
    store.get("toy", say=said.append)
    store.get("toy", say=said.append)
    assert said == ["toy: MIT (who knows); look into it before you use it for money."]


def test_a_place_where_nothing_can_be_kept_is_said(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CINEMILL_DATA_DIR", str(tmp_path / "file"))
    settings.cache_clear()
    with pytest.raises(OutputRefused, match="CINEMILL_DATA_DIR"):
        store.get("yunet")


GET = "from cinemill.models import store; print(store.get('toy'))"


def process(home: Path) -> subprocess.Popen[str]:
    """Somebody else who wants the model."""
    return subprocess.Popen(
        [sys.executable, "-c", GET], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )


def test_two_processes_fetch_a_model_once(host: Host, home: Path) -> None:
    listed(file())
    may_answer = threading.Event()

    def when_both_wait(request: m.Request) -> None:
        may_answer.wait(m.FOREVER)
        m.whole(BODY)(request)

    host.answers["/toy.pth"] = when_both_wait
    first, second = process(home), process(home)
    wait_until(lambda: len(host.requests) == 1)
    waiting = next(line for line in _lines_of(first, second))
    assert "another process is fetching toy" in waiting
    may_answer.set()
    for each in (first, second):
        out, err = each.communicate(timeout=m.FOREVER)
        assert (each.returncode, Path(out.strip()).read_bytes() == BODY) == (0, True), err
    assert len(host.requests) == 1
    assert in_place(home) == {"toy.pth"}


def _lines_of(*processes: subprocess.Popen[str]) -> list[str]:
    """The first line that any of them complains with; readers are left to their fate."""
    lines: list[str] = []
    came = threading.Event()

    def read(one: subprocess.Popen[str]) -> None:
        assert one.stderr
        line = one.stderr.readline()
        if line:
            lines.append(line)
            came.set()

    for one in processes:
        threading.Thread(target=read, args=(one,), daemon=True).start()
    assert came.wait(m.FOREVER)
    return lines


def test_a_process_that_is_killed_while_fetching_leaves_a_beginning_and_no_file(host: Host, home: Path) -> None:
    listed(file())
    host.answers["/toy.pth"] = m.in_turn(m.stalling(host, BODY, 120_000), m.whole(BODY))
    killed = process(home)
    part = home / "models" / "toy" / ".toy.pth.part"
    wait_until(lambda: part.exists() and part.stat().st_size > 100_000)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert not store.is_here(registry.find("toy"))
    have = part.stat().st_size
    assert store.get("toy").read_bytes() == BODY
    assert host.requests[-1][1]["Range"] == f"bytes={have}-"
    assert not part.exists()


def test_removing_a_model_gives_its_room_back(host: Host, home: Path) -> None:
    listed(file())
    host.answers["/toy.pth"] = m.whole(BODY)
    store.get("toy")
    assert store.remove("toy") >= len(BODY)
    assert not (home / "models" / "toy").exists()
    with pytest.raises(UnknownName):
        store.remove("toy")


def test_nothing_outside_the_store_can_be_removed(home: Path) -> None:
    precious = home / "precious"
    precious.mkdir(parents=True)
    (precious / "model.yaml").write_text("mine")
    (home / "models").mkdir()
    with pytest.raises(UnknownName):
        store.remove("../precious")
    assert (precious / "model.yaml").exists()


def test_a_file_of_a_model_of_ours_can_be_brought_in_by_hand(home: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "face_detection_yunet_2023mar.onnx"
    wrong.write_bytes(b"not it")
    with pytest.raises(ModelRefused, match="none of the files of yunet"):
        store.import_file(wrong, "yunet")
    assert not (home / "models" / "yunet").exists()
    config = tmp_path / "model.safetensors"
    config.write_bytes(b"weights")
    said: list[str] = []
    named = tmp_path / "rife_v4.26_heavy.safetensors"
    config.rename(named)
    store.import_file(named, "rife-4.26-heavy", say=said.append)
    assert store.path("rife-4.26-heavy").read_bytes() == b"weights"
    assert "trusted" in said[0]
