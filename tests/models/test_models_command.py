"""`cinemill models` as people type it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import misbehaving as m
import pytest
from misbehaving import Host

import networks
from cinemill.models import registry
from cinemill.models.registry import File, Licence, Model
from command import Cinemill

BODY = b"weights " * 5000
pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def cinemill(tmp_path: Path, host: Host, home: Path) -> Cinemill:
    """The command with the data directory of `home`, which fetches everything from our server."""
    folder = tmp_path / "here"
    folder.mkdir()
    return Cinemill(folder, home.parent, CINEMILL_MIRROR=host.url, CINEMILL_THREADS="1")


@pytest.fixture
def toy(host: Host) -> str:
    """A model that the server has, and that is not for money."""
    files = (File(name="toy.pth", url="https://weights.example/toy.pth", sha256=hashlib.sha256(BODY).hexdigest()),)
    licence = Licence(name="CC-BY-NC-4.0", commercial="no")
    model = Model(
        name="toy", description="A toy for tests.", task="upscale", loader="spandrel", licence=licence, files=files
    )
    (registry.folder() / "toy").mkdir(parents=True)
    registry.write(model, registry.folder() / "toy" / "model.yaml")
    host.answers["/toy.pth"] = m.whole(BODY)
    return "toy"


def test_a_model_is_got_checked_and_removed(cinemill: Cinemill, toy: str, home: Path) -> None:
    refused = cinemill("models", "get", toy)
    assert refused.code == 3
    assert "--accept-license" in refused.err
    got = cinemill("models", "get", toy, "--accept-license")
    assert got.code == 0, got.err
    assert got.out == f"toy is here: {home}/models/toy/toy.pth\n"
    assert cinemill("models", "verify").out == "toy: ✓ toy.pth is what it should be\n"
    (home / "models" / "toy" / "toy.pth").write_bytes(b"damaged")
    damaged = cinemill("models", "verify", toy, "--json")
    assert (damaged.code, json.loads(damaged.out)) == (3, [{"model": "toy", "file": "toy.pth", "state": "bad"}])
    assert cinemill("models", "get", toy).code == 0
    assert cinemill("models", "verify", toy).code == 0
    assert "are free again" in cinemill("models", "remove", toy).out
    assert cinemill("models", "remove", toy).code == 2


def test_the_list_tells_name_task_size_licence_and_whether_it_is_here(cinemill: Cinemill, toy: str) -> None:
    cinemill("models", "get", toy, "--accept-license")
    listed = json.loads(cinemill("models", "list", "--json").out)
    assert {"yunet", "codeformer", "toy"} <= {one["name"] for one in listed}
    assert [one["name"] for one in listed if one["here"]] == ["toy"]
    shown = cinemill("models", "list", "--task", "upscale", COLUMNS="160").out
    line = next(line for line in shown.splitlines() if " realesrgan-x4plus " in line)
    assert line.split()[:5] == ["–", "realesrgan-x4plus", "67.0", "MB", "BSD-3-Clause"]
    assert "codeformer" not in shown
    assert [line.split()[:2] for line in cinemill("models", "list", "--here").out.splitlines() if "toy" in line] == [
        ["✓", "toy"]
    ]


def test_the_list_goes_by_what_models_do_with_those_for_pictures_first(cinemill: Cinemill, toy: str) -> None:
    cinemill("models", "get", toy, "--accept-license")
    lines = cinemill("models", "list", COLUMNS="160").out.splitlines()
    tasks = [line.split()[0] for line in lines if re.search(r"\d+ of \d+ here", line)]
    assert tasks[:3] == ["upscale", "denoise", "deblur"]
    assert tasks.index("interpolate") < tasks.index("align")
    (group,) = [line.split() for line in lines if line.split()[1:2] == ["1"]]
    after = lines[next(n for n, line in enumerate(lines) if line.split() == group) + 1 :]
    assert after[0].split()[:2] == ["✓", "toy"]


def test_a_task_that_no_model_has_is_refused(cinemill: Cinemill) -> None:
    said = cinemill("models", "list", "--task", "upscal")
    assert said.code == 2
    assert "did you mean upscale?" in said.err


def test_one_model_is_shown_with_digest_terms_and_address(cinemill: Cinemill) -> None:
    said = cinemill("models", "show", "codeformer").out
    assert "S-Lab License 1.0; no commercial use" in said
    assert "1009e537e0c2a07d4cabce6355f53cb66767cd4b4297ec7a4a64ca4b8a5684b7" in said
    assert "https://github.com/sczhou/CodeFormer/" in said
    assert "sides of 512 px" in said
    assert json.loads(cinemill("models", "show", "yunet", "--json").out)["licence"]["commercial"] == "yes"


def test_a_wrong_name_brings_what_is_near(cinemill: Cinemill) -> None:
    said = cinemill("models", "get", "codeforme")
    assert (said.code, "did you mean codeformer" in said.err) == (2, True)


def test_a_download_that_fails_says_so_and_exits_with_3(cinemill: Cinemill, toy: str, host: Host) -> None:
    host.answers["/toy.pth"] = m.whole(BODY[:-1])
    said = cinemill("models", "get", toy, "--accept-license")
    assert said.code == 3
    assert "SHA-256 is not" in said.err
    assert not (registry.folder() / "toy" / "toy.pth").exists()


def test_doctor_tells_which_models_are_here(cinemill: Cinemill, toy: str) -> None:
    cinemill("models", "get", toy, "--accept-license")
    found = next(one for one in json.loads(cinemill("doctor", "--json").out) if one["area"] == "models")
    assert found["state"] == "works"
    assert "1 here (toy)" in found["detail"]


def test_a_model_of_ones_own_is_imported_and_converted(
    cinemill: Cinemill, clip: Callable[[str], Path], home: Path
) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    networks.checkpoint(cinemill.folder / "My Model.safetensors", "Compact")
    said = cinemill("models", "import", "My Model.safetensors", "--licence", "CC0-1.0")
    assert (said.code, said.out.split(":")[0]) == (0, "my-model is here"), said.err
    film = clip("film.mp4")
    done = cinemill("models", "convert", "my-model", "--int8", "--calibrate", film, "--pictures", film)
    assert done.code == 0, done.err
    assert "dB to torch" in done.out
    assert "ms in onnxruntime" in done.out
    assert (home / "models" / "my-model" / "My Model.int8.onnx").is_file()
    every = cinemill("models", "convert", "--all", "--json")
    assert every.code == 0, every.err
    (told,) = json.loads(every.out)
    assert (told["numbers"], told["bytes_after"]) == ("fp32", (home / "models/my-model/My Model.onnx").stat().st_size)
    assert cinemill("models", "verify", "my-model").code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["convert"], "say which model"),
        (["convert", "x", "--all"], "say which model"),
        (["convert", "x", "--fp16", "--int8"], "one at a time"),
        (["convert", "x", "--int8"], "--calibrate"),
        (["convert", "yunet"], "run by onnx"),
        (["convert", "realesrgan-x4plus"], "models get realesrgan-x4plus"),
        (["get"], "say which models"),
        (["import", "absent.pth"], "is not a file"),
        (["import", "absent.pth", "--task", "dance"], "choose upscale"),
    ],
)
def test_what_is_asked_wrongly_is_answered(arguments: list[str], told: str, cinemill: Cinemill) -> None:
    said = cinemill("models", *arguments)
    assert said.code in (2, 3, 4)
    assert told in said.err
