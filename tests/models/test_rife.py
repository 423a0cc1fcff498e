"""RIFE's plan, with weights whose effect is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import networks
from cinemill.errors import OpenFailed

torch = pytest.importorskip("torch")


def still(path: Path, **moved: tuple[float, ...]) -> Any:
    """The network that finds no motion and mixes halves, but for what blocks are told to add to motion and mask."""
    from cinemill.models.rife import network
    from cinemill.models.torch_backend import weights

    values = weights(networks.rife_file(path))
    for number in range(5):
        bias = torch.zeros(13)
        told = moved.get(f"block{number}", ())
        bias[: len(told)] = torch.tensor(told)
        values[f"blocks.{number}.lastconv.0.weight"].zero_()
        # Four neighbours of what is shuffled to twice the size.
        values[f"blocks.{number}.lastconv.0.bias"] = bias.repeat_interleave(4)
    return network(values)


def made(net: Any, first: Any, second: Any, moment: float = 0.5, scale: float = 1.0) -> Any:
    with torch.inference_mode():
        when = torch.full_like(first[:, :1], moment)
        return net(first, second, (net.encode(first), net.encode(second)), when, scale)


def pictures(height: int = 64) -> tuple[Any, Any]:
    torch.manual_seed(1)
    return torch.rand(1, 3, height, 128), torch.rand(1, 3, height, 128)


def test_without_motion_and_mask_it_is_the_mean(tmp_path: Path) -> None:
    first, second = pictures()
    assert (made(still(tmp_path / "a.safetensors"), first, second) - (first + second) / 2).abs().max() < 1e-5


@pytest.mark.parametrize(("block", "size"), [(4, 1), (3, 2), (0, 16)])
def test_motion_of_a_block_counts_in_pixels_of_its_size(block: int, size: int, tmp_path: Path) -> None:
    """Columns and rows to the first picture, then to the second; the mask chooses the first where it is high."""
    first, second = pictures()
    motion = (3 / size, -2 / size, -4 / size, 1 / size)
    for mask, picture, (across, down) in ((40.0, first, (3, -2)), (-40.0, second, (-4, 1))):
        told = {f"block{block}": motion, "block4": (0, 0, 0, 0, mask)}
        told["block4"] = (*(motion if block == 4 else (0, 0, 0, 0)), mask)
        out = made(still(tmp_path / "a.safetensors", **told), first, second)
        wanted = torch.roll(picture, (-down, -across), (2, 3))
        assert (out - wanted)[:, :, 8:-8, 8:-8].abs().max() < 1e-4


def test_motion_is_looked_for_in_smaller_pictures_where_asked(tmp_path: Path) -> None:
    first, second = pictures(128)
    net = still(tmp_path / "a.safetensors", block4=(1, 0, 0, 0, 40.0))
    out = made(net, first, second, scale=0.5)
    assert (out - torch.roll(first, -2, 3))[:, :, :, 8:-8].abs().max() < 1e-4


def test_names_of_the_authors_files_are_understood(tmp_path: Path) -> None:
    from cinemill.models.rife import network
    from cinemill.models.torch_backend import weights

    values = weights(networks.rife_file(tmp_path / "a.safetensors"))
    theirs = {f"module.{name.replace('blocks.', 'block')}": value for name, value in values.items()}
    first, second = pictures()
    ours = made(network(dict(values)), first, second)
    assert torch.equal(made(network(theirs | {"module.teacher.x": first}), first, second), ours)
    with pytest.raises(OpenFailed, match="no weights of RIFE"):
        network({"encode.cnn0.weight": first})


def test_sizes_are_padded_and_features_kept_for_the_next_pair(tmp_path: Path) -> None:
    from cinemill.models.rife import Rife
    from cinemill.models.torch_backend import Place

    net = Rife(networks.rife_file(tmp_path / "a.safetensors"), Place("cpu", torch.float32))
    dice = np.random.default_rng(0)
    one, two, three = (dice.random((3, 70, 90), np.float32) for _ in range(3))
    first = net.between(one, two, [0.25, 0.75])
    assert [picture.shape for picture in first] == [(3, 70, 90)] * 2
    seen = net._seen[1]
    net.between(two, three, [0.5])
    assert net._seen[0] is seen, "what was seen of the second is not looked at again"
