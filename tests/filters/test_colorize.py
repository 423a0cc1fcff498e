"""Colour: the network's chroma on the picture's own luma, held steady within a scene."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import networks
from cinemill.errors import InvalidParams, UnsupportedMedia
from cinemill.media.rgb import mixed, to_rgb
from cinemill.media.types import Frame
from pictures import chain, movie, run


def grey(count: int, format: str = "yuv420p", **facts: Any) -> list[Frame]:
    """Waves without colour."""
    made: list[Frame] = []
    for frame in movie(count, format, (96, 64), **facts):
        chroma = [np.full_like(plane, 1 << (frame.layout.bits - 1)) for plane in frame.planes[1:]]
        made.append(replace(frame, planes=(frame.planes[0], *chroma)))
    return made


@pytest.mark.parametrize("format", ["yuv420p", "yuv420p10le", "yuv444p"])
@pytest.mark.parametrize("side", [None, 64])
def test_colours_of_a_lab_network_are_put_on_the_luma_as_it_is(format: str, side: int | None, tmp_path: Path) -> None:
    model = networks.colour_file(tmp_path / "ab.onnx", (0, 0), (30, -40), side)
    frames = grey(3, format)
    out = run(chain(("colorize", {"model": str(model), "size": 64})), frames)
    for one, other in zip(out, frames):
        assert np.array_equal(one.planes[0], other.planes[0])
        lab = cv2.cvtColor(np.ascontiguousarray(to_rgb(one).transpose(1, 2, 0)), cv2.COLOR_RGB2Lab)
        middle = (lab[..., 0] > 35) & (lab[..., 0] < 65)
        assert np.abs(np.median(lab[middle][:, 1:], axis=0) - (30, -40)).max() < 4
    assert [frame.pts for frame in out] == [0, 1, 2]


def test_networks_whose_white_is_255_are_given_and_believed_so(tmp_path: Path) -> None:
    model = networks.colour_file(tmp_path / "deoldify_artistic.onnx", (1, 1, 1), (20, 0, -20))
    frames = grey(1)
    named, told = (
        run(chain(("colorize", {"model": str(model), "white": white})), frames)[0] for white in ("auto", "255")
    )
    wrong = run(chain(("colorize", {"model": str(model), "white": "1"})), frames)[0]
    assert all(np.array_equal(one, other) for one, other in zip(named.planes, told.planes))
    red, _, blue = to_rgb(named)
    assert np.median(red - blue) == pytest.approx(40 / 255, abs=0.02)
    assert not np.array_equal(wrong.planes[1], named.planes[1])


def test_grey_streams_become_coloured_ones(tmp_path: Path) -> None:
    model = networks.colour_file(tmp_path / "ab.onnx", (0, 0), (30, -40))
    for format, becomes in (("gray", "yuv420p"), ("gray10le", "yuv420p10le")):
        (out,) = run(chain(("colorize", {"model": str(model)})), movie(1, format, (96, 64)))
        assert out.format == becomes
        assert abs(float(out.planes[1].mean()) / 2 ** (out.layout.bits - 8) - 128) > 10
    with pytest.raises(UnsupportedMedia, match="put format=yuv444p before it"):
        run(chain(("colorize", {"model": str(model)})), movie(1, "rgba"))


def test_half_the_strength_is_half_the_colour(tmp_path: Path) -> None:
    model = networks.colour_file(tmp_path / "ab.onnx", (0, 0), (30, -40))
    whole, half = (
        run(chain(("colorize", {"model": str(model), "strength": strength})), grey(1))[0] for strength in (1, 0.5)
    )
    assert np.abs((half.planes[1].astype(float) - 128) * 2 - (whole.planes[1].astype(float) - 128)).max() <= 2


def flicker(frames: list[Frame]) -> float:
    means = np.array([frame.planes[2].mean() for frame in frames])
    return float(np.abs(np.diff(means)).mean())


def test_flicker_of_colours_is_averaged_within_the_scene_and_not_beyond(tmp_path: Path) -> None:
    """A network whose red follows brightness, on film that flickers."""
    model = networks.colour_file(tmp_path / "ab.onnx", (300, 0), (-100, 0))
    gains = 1 + np.random.default_rng(0).uniform(-0.06, 0.06, 16)
    frames = [
        replace(frame, planes=(np.rint(frame.planes[0] * gain).astype(np.uint8), *frame.planes[1:]))
        for frame, gain in zip(grey(16, noise=0), gains)
    ]
    raw, steady = (run(chain(("colorize", {"model": str(model), "window": window})), frames) for window in (0, 3))
    assert flicker(steady) < 0.6 * flicker(raw)
    dice = np.random.default_rng(5)
    dark = [
        replace(frame, planes=(dice.permuted(frame.planes[0] // 4, axis=0), *frame.planes[1:]), pts=frame.pts + 4)
        for frame in grey(4, noise=0)
    ]
    cut = [*grey(4, noise=0), *dark]
    raw, steady = (run(chain(("colorize", {"model": str(model), "window": window})), cut) for window in (0, 3))
    assert abs(float(steady[3].planes[2].mean()) - float(raw[3].planes[2].mean())) < 2
    assert abs(float(steady[4].planes[2].mean()) - float(raw[4].planes[2].mean())) < 2


def test_siggraph17_is_the_network_on_the_lightness(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    from cinemill.models import sessions
    from cinemill.models.session import Wanted
    from cinemill.models.siggraph17 import Network

    torch.manual_seed(0)
    net = Network((8, 8, 16, 16)).eval()
    path = tmp_path / "siggraph17-small.safetensors"
    save_file({**net.state_dict(), "model_class.0.weight": torch.zeros(3, 3)}, path)
    session = sessions.opened(Wanted(path))
    lightness = np.random.default_rng(0).uniform(0, 100, (1, 1, 64, 72)).astype(np.float32)
    with torch.inference_mode():
        wanted = net(torch.from_numpy(lightness)).numpy()
    assert np.abs(session.run(lightness) - wanted).max() < 1e-3
    assert wanted.std() > 0.1
    (out,) = run(chain(("colorize", {"model": str(path)})), grey(1))
    assert out.planes[1].std() > 0


def test_network_for_something_else_is_refused(tmp_path: Path) -> None:
    model = networks.colour_file(tmp_path / "four.onnx", (1, 1, 1, 1), (0, 0, 0, 0))
    with pytest.raises(InvalidParams, match="does not make colours"):
        run(chain(("colorize", {"model": str(model)})), grey(1))


@pytest.mark.slow
def test_ddcolor_by_torch_is_the_network_on_the_grey_picture(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from cinemill.models import torch_backend

    torch_backend.spandrel()  # which makes torchvision load
    pytest.importorskip("spandrel_extra_arches")
    model = networks.checkpoint(tmp_path / "ddcolor.safetensors", "DDColor")
    (frame,) = grey(1, "yuv444p")
    (out,) = run(chain(("colorize", {"model": str(model), "size": 64, "window": 0})), [frame])
    luma = to_rgb(frame)[0]
    small = np.repeat(cv2.resize(np.clip(luma, 0, 1), (64, 64), interpolation=cv2.INTER_AREA)[None], 3, axis=0)
    with torch.inference_mode():
        ab = torch_backend.load(model).model(torch.from_numpy(small)[None])[0].numpy()
    lightness = cv2.cvtColor(np.ascontiguousarray(small.transpose(1, 2, 0)), cv2.COLOR_RGB2Lab)[..., :1]
    rgb = cv2.cvtColor(np.concatenate([lightness, ab.transpose(1, 2, 0)], -1), cv2.COLOR_Lab2RGB).transpose(2, 0, 1)
    blue, red = (cv2.resize(plane, (96, 64), interpolation=cv2.INTER_LINEAR) for plane in mixed(rgb, frame)[1:])
    assert np.array_equal(out.planes[0], frame.planes[0])
    assert np.abs(out.planes[1] - (128 + 224 * blue)).max() <= 1
    assert np.abs(out.planes[2] - (128 + 224 * red)).max() <= 1
    assert np.ptp(ab) > 0.1
