"""Laws for every model that is listed: somebody has to be able to fetch it, to trust it and to know the terms."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from cinemill.catalogue import filters, operations
from cinemill.errors import InvalidParams, UnknownName
from cinemill.models import registry
from cinemill.models.registry import File, Licence, Model, Tensor

OURS = registry.ours()
PICTURES = {"upscale", "denoise", "deblur", "deblock", "faces", "colorize", "inpaint", "interpolate", "style"}


@pytest.mark.parametrize("name", OURS)
def test_every_model_is_complete(name: str) -> None:
    model = OURS[name]
    assert registry.NAME.fullmatch(name)
    assert model.name == name
    assert model.description.endswith(".")
    assert model.licence.name
    assert not model.is_imported
    for file in model.files:
        assert file.url
        assert re.fullmatch(r"https://[a-z0-9.-]+/[^ ]+[^/]", file.url)
        assert file.sha256 is None or re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert not (file.sha256 and file.sha256_prefix)


@pytest.mark.parametrize("name", OURS)
def test_a_digest_that_an_address_tells_is_the_digest(name: str) -> None:
    for file in OURS[name].files:
        told = re.search(r"-([0-9a-f]{8})\.pth$", file.url or "")
        assert not told or (file.sha256 or file.sha256_prefix or "").startswith(told[1])


def test_filters_that_models_are_for_exist() -> None:
    for model in OURS.values():
        assert (
            model.loader == "engine" or not model.used_by or model.used_by in filters or model.used_by in operations
        ), model.name
    assert {"faces", "upscale.model", "denoise.model", "interpolate.rife"} <= {m.used_by for m in OURS.values()}


def test_models_that_filters_take_by_default_are_listed() -> None:
    for name, declared in filters.items():
        asked = declared.params.model_fields.get("model")
        if asked and isinstance(asked.default, str) and name != "upscale.ncnn":  # whose program brings its own
            listed = f"style-{asked.default}" if name == "neural" else asked.default
            assert OURS[listed].used_by == name


def test_every_network_for_pictures_that_we_run_says_what_goes_in_and_out() -> None:
    silent = [m.name for m in OURS.values() if m.task in PICTURES and m.loader != "engine" and not m.tensor]
    assert silent == []


def test_no_two_files_share_a_digest_but_copies_of_one_file() -> None:
    names: dict[str, set[str]] = {}
    for model in OURS.values():
        for file in model.files:
            if file.sha256:
                names.setdefault(file.sha256, set()).add(Path(file.name).name)
    assert {digest: name for digest, name in names.items() if len(name) > 1} == {}


def test_digests_do_not_look_invented() -> None:
    """A published list of checksums turned out to count upwards; real digests use all digits about evenly."""
    digests = [file.sha256 for model in OURS.values() for file in model.files if file.sha256]
    assert len(digests) > 140
    for digest in digests:
        assert len(set(digest)) >= 10
        steps = [(int(b, 16) - int(a, 16)) % 16 for a, b in itertools.pairwise(digest)]
        assert max(steps.count(step) for step in set(steps)) < 20


def test_terms_that_forbid_commercial_use_are_marked() -> None:
    assert {"codeformer", "propainter", "amt-s"} <= {m.name for m in OURS.values() if m.licence.commercial == "no"}
    for model in OURS.values():
        assert ("NC" in model.licence.name or "S-Lab" in model.licence.name) == (model.licence.commercial == "no")


@pytest.mark.parametrize(
    "file",
    [
        {"url": "http://weights.example/x.pth"},
        {"url": "file:///etc/passwd"},
        {"url": "https://weights.example/x.pth", "name": "../x.pth"},
        {"url": "https://weights.example/x.pth", "name": "/x.pth"},
        {"url": "https://weights.example/x.pth", "name": "a\\..\\x.pth"},
        {"url": "https://weights.example/x.pth", "name": "C:x.pth"},
        {"url": "https://weights.example/x.pth", "name": "x.pth", "sha256": "abc"},
        {"url": "https://weights.example/x.pth", "name": "x.pth", "bytes": 0},
        {"url": "https://weights.example/x.pth", "name": "x.pth", "md5": "abc"},
    ],
)
def test_an_entry_that_is_unsafe_or_wrong_is_refused(file: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        registry.entry("toy", _facts() | {"files": [file]})


def _facts() -> dict[str, object]:
    return {
        "description": "A toy for tests.",
        "task": "upscale",
        "loader": "spandrel",
        "licence": {"name": "MIT", "commercial": True},
        "at": "https://weights.example/v1/",
        "files": [{"url": "x.pth"}],
    }


def test_addresses_are_relative_to_where_the_model_is() -> None:
    model = registry.entry("toy", _facts() | {"files": [{"url": "x%2By.pth"}, {"url": "voices/z.pt"}]})
    assert [(file.name, file.url) for file in model.files] == [
        ("x+y.pth", "https://weights.example/v1/x%2By.pth"),
        ("voices/z.pt", "https://weights.example/v1/voices/z.pt"),
    ]


def test_yes_and_no_of_yaml_are_answers() -> None:
    assert registry.entry("toy", _facts()).licence.commercial == "yes"


def test_an_imported_model_is_found_as_it_was_written(home: Path) -> None:
    model = Model(
        name="mine-x2",
        description="A model of my own.",
        task="upscale",
        loader="spandrel",
        licence=Licence(name="CC0-1.0", commercial="yes"),
        tensor=Tensor(scale=2, half=True),
        files=(File(name="mine.safetensors", sha256="ab" * 32),),
    )
    (home / "models" / "mine-x2").mkdir(parents=True)
    registry.write(model, home / "models" / "mine-x2" / "model.yaml")
    assert registry.find("mine-x2") == model
    assert model.is_imported


def test_an_imported_model_that_cannot_be_read_says_which(home: Path) -> None:
    folder = home / "models" / "broken"
    folder.mkdir(parents=True)
    for text in ("files: [", "files: 3", "- 1", "description: no files here"):
        (folder / "model.yaml").write_text(text)
        with pytest.raises(InvalidParams, match="broken"):
            registry.find("broken")
    assert registry.find("yunet")


def test_an_unknown_name_brings_what_is_near(home: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean realesrgan-x4plus"):
        registry.find("realesrgan-4xplus")
