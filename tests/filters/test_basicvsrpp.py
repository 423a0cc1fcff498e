"""BasicVSR++: its convolution against a slow one, stretches of film against the network on them, cuts and cutting."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import networks
from cinemill.errors import OpenFailed
from cinemill.filters.stretches import Held, stretches
from cinemill.media.rgb import of_rgb, to_rgb
from cinemill.media.types import Frame
from pictures import chain, movie, run, worst

torch = pytest.importorskip("torch")


@pytest.fixture(scope="session")
def vsr(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(networks.basicvsrpp_file(tmp_path_factory.mktemp("vsr") / "vsr.pth"))


def slowly(x: Any, offset: Any, mask: Any, weight: Any, bias: Any, groups: int) -> Any:
    """Modulated deformable convolution, sample by sample."""
    channels, height, width = x.shape
    made = np.zeros((len(weight), height, width))
    each = channels // groups
    for row in range(height):
        for column in range(width):
            taps = np.zeros((channels, 3, 3))
            for channel in range(channels):
                for tap in range(9):
                    at = (channel // each) * 9 + tap
                    y = row + tap // 3 - 1 + offset[2 * at, row, column]
                    across = column + tap % 3 - 1 + offset[2 * at + 1, row, column]
                    taps[channel, tap // 3, tap % 3] = mask[at, row, column] * between(x[channel], y, across)
            made[:, row, column] = np.tensordot(weight, taps, 3) + bias
    return made


def between(plane: Any, y: float, x: float) -> float:
    top, left = int(np.floor(y)), int(np.floor(x))
    total = 0.0
    for r, c in ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)):
        if 0 <= r < plane.shape[0] and 0 <= c < plane.shape[1]:
            total += plane[r, c] * (1 - abs(y - r)) * (1 - abs(x - c))
    return total


def test_deformable_convolution_is_the_one_that_is_written_down() -> None:
    from cinemill.models.basicvsrpp import deformed

    dice = np.random.default_rng(0)
    shapes = ((4, 5, 6), (2 * 2 * 9, 5, 6), (2 * 9, 5, 6), (3, 4, 3, 3), (3,))
    x, offset, mask, weight, bias = (dice.normal(0, 1.5, shape) for shape in shapes)
    many = (torch.from_numpy(values)[None] for values in (x, offset, mask))
    made = deformed(*many, torch.from_numpy(weight), torch.from_numpy(bias), 2)[0].numpy()
    assert np.abs(made - slowly(x, offset, mask, weight, bias, 2)).max() < 1e-4


def test_features_come_from_all_pictures_of_a_stretch(vsr: str) -> None:
    from cinemill.models.basicvsrpp import network
    from cinemill.models.torch_backend import weights

    net = network(weights(Path(vsr))["state_dict"])
    film = torch.rand(4, 3, 64, 64)
    with torch.inference_mode():
        made = net(film)
        for other in range(4):
            changed = film.clone()
            changed[other] += 0.3
            assert (net(changed) - made).abs().amax((1, 2, 3)).min() > 0, f"picture {other} tells all"
    assert made.shape == (4, 3, 256, 256)


@pytest.mark.parametrize("format", ["yuv420p", "yuv444p10le"])
def test_stretches_are_the_network_on_them(format: str, vsr: str) -> None:
    from cinemill.models.basicvsrpp import network
    from cinemill.models.torch_backend import weights

    frames = movie(5, format, (64, 64))
    out = run(chain(("upscale.basicvsrpp", {"model": vsr, "length": 0.12, "margin": 1})), frames)
    net = network(weights(Path(vsr))["state_dict"])
    with torch.inference_mode():
        first = net(torch.from_numpy(np.stack([to_rgb(frame) for frame in frames[:4]]))).numpy()[:3]
        second = net(torch.from_numpy(np.stack([to_rgb(frame) for frame in frames[2:]]))).numpy()[1:]
    wanted = [replace(f, planes=of_rgb(m, f)) for f, m in zip(frames, [*first, *second])]
    assert [(frame.width, frame.height, frame.pts) for frame in out] == [(256, 256, n) for n in range(5)]
    assert max(worst(one, other) for one, other in zip(out, wanted)) <= 1


def test_weights_that_only_clean_keep_the_size(tmp_path: Path) -> None:
    path = networks.basicvsrpp_file(tmp_path / "clean.pth", enlarges=False)
    out = run(chain(("upscale.basicvsrpp", {"model": str(path)})), movie(2, size=(70, 61)))
    assert [(frame.width, frame.height) for frame in out] == [(70, 61)] * 2


def held(number: int, stretch: int, begins: bool = False) -> Held:
    planes = tuple(np.zeros(shape, np.uint8) for shape in ((4, 4), (2, 2), (2, 2)))
    return Held(Frame(planes, "yuv420p", number, Fraction(1, 25)), np.zeros(0), stretch, begins)


@pytest.mark.parametrize("margin", [0, 1, 2, 5])
def test_stretches_cover_every_frame_once_with_neighbours_of_their_scene(margin: int) -> None:
    stream = [held(n, n // 3, begins=n == 8) for n in range(14)]
    seen = []
    for before, now, after in stretches(stream, margin):
        seen += [one.frame.pts for one in now]
        first, last = now[0].frame.pts, now[-1].frame.pts
        scene = range(0, 8) if first < 8 else range(8, 14)
        assert len({one.stretch for one in now}) == 1
        assert [one.frame.pts for one in before] == [n for n in range(first - margin, first) if n in scene]
        assert [one.frame.pts for one in after] == [n for n in range(last + 1, last + 1 + margin) if n in scene]
    assert seen == list(range(14))


def test_what_is_no_basicvsrpp_is_refused(tmp_path: Path) -> None:
    path = networks.checkpoint(tmp_path / "compact.safetensors", "Compact")
    with pytest.raises(OpenFailed, match=r"no weights of BasicVSR\+\+"):
        run(chain(("upscale.basicvsrpp", {"model": str(path)})), movie(1))
