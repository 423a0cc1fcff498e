"""Fast neural style over networks of the true architecture, a few channels wide."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import networks
from cinemill.errors import InvalidParams, MissingModel, OpenFailed
from cinemill.models import anysize
from pictures import chain, movie, psnr, run

pytest.importorskip("onnx")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CINEMILL_CACHE_DIR", str(tmp_path / "cache"))


def painted(model: Path, **more: object) -> np.ndarray:
    (frame,) = run(chain(("neural", {"model": str(model), "white": "255", **more})), movie(1, size=(96, 72)))
    return frame.planes[0]


def test_network_published_for_one_size_paints_any(tmp_path: Path) -> None:
    fixed, free = networks.style_file(tmp_path / "a.onnx", 224), networks.style_file(tmp_path / "b.onnx", None)
    assert np.array_equal(painted(fixed), painted(free))
    assert painted(fixed).std() > 5, "the test must be able to fail"


def test_opened_file_is_made_once_and_an_open_one_is_left_alone(tmp_path: Path) -> None:
    fixed, free = networks.style_file(tmp_path / "a.onnx", 224), networks.style_file(tmp_path / "b.onnx", None)
    made = anysize.opened(fixed)
    assert made != fixed
    assert anysize.opened(fixed) == made
    assert anysize.opened(made) == made
    assert anysize.opened(free) == free


def test_tiles_meet_without_a_seam(tmp_path: Path) -> None:
    network = networks.onnx_file(tmp_path / "local.onnx")
    frames = movie(1, size=(300, 200))
    tiled, whole = (run(chain(("neural", {"model": str(network), "tile": tile})), frames)[0] for tile in (128, 0))
    assert psnr(tiled, whole) > 50


def test_white_is_what_the_network_was_made_for(tmp_path: Path) -> None:
    network = networks.style_file(tmp_path / "a.onnx", 224)
    assert not np.array_equal(painted(network), painted(network, white="1"))


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda path: networks.onnx_file(path, scale=2), InvalidParams, "2 times as large"),
        (lambda path: networks.colour_file(path, (1, 1), (0, 0)), InvalidParams, "makes 2 channels of 3"),
        (lambda path: path.write_bytes(b"\xff" * 90), OpenFailed, "is no ONNX file"),
        (lambda path: None, MissingModel, "is not there"),
    ],
)
def test_model_of_the_wrong_kind_is_refused_in_one_sentence(
    tmp_path: Path, make: Callable[[Path], object], error: type[Exception], says: str
) -> None:
    make(tmp_path / "wrong.onnx")
    with pytest.raises(error, match=says) as caught:
        next(chain(("neural", {"model": str(tmp_path / "wrong.onnx")})).run(movie(1)))
    assert "\n" not in str(caught.value)
