"""Two pictures and a moment between them -> the picture at that moment: RIFE 4.25 and 4.26.

Source: Z. Huang, T. Zhang, W. Heng, B. Shi, S. Zhou, Real-time intermediate flow estimation for video frame
interpolation, ECCV 2022; versions 4.25 and 4.26 by the same authors (MIT). Written here from the published shapes:
five blocks, coarse to fine, each of which mends the motion from both pictures to the moment and the mask by which they
are mixed. The widths follow from the weights, so that the lite and heavy builds of the same plan load too.
Pictures must not be tiled: motion beyond a tile could not be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

from cinemill.errors import OpenFailed
from cinemill.kept import kept
from cinemill.models import torch_backend
from cinemill.models.session import Floats
from cinemill.models.torch_backend import Place, within_memory
from cinemill.models.warp import warped

_MEMORY = 8
"""Channels of what a block tells the next, beside motion and mask."""


def _leaky() -> nn.Module:
    return nn.LeakyReLU(0.2, inplace=True)


def _halving(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, 2, 1), _leaky())


class _Encoder(nn.Module):
    """(N, 3, H, W) to features at full size."""

    def __init__(self, width: int, features: int) -> None:
        super().__init__()
        self.cnn0 = nn.Conv2d(3, width, 3, 2, 1)
        self.cnn1 = nn.Conv2d(width, width, 3, 1, 1)
        self.cnn2 = nn.Conv2d(width, width, 3, 1, 1)
        self.cnn3 = nn.ConvTranspose2d(width, features, 4, 2, 1)
        self.relu = _leaky()

    def forward(self, picture: Tensor) -> Tensor:
        for layer in (self.cnn0, self.cnn1, self.cnn2):
            picture = self.relu(layer(picture))
        return self.cnn3(picture)


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, 1, 1)
        self.beta = nn.Parameter(torch.ones(1, width, 1, 1))
        self.relu = _leaky()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.conv(x) * self.beta + x)


class _Block(nn.Module):
    """A change of motion (N, 4, H, W), a mask (N, 1, H, W) and a memory, found at 1/scale of the size."""

    def __init__(self, inputs: int, width: int, depth: int) -> None:
        super().__init__()
        self.conv0 = nn.Sequential(_halving(inputs, width // 2), _halving(width // 2, width))
        self.convblock = nn.Sequential(*(_Residual(width) for _ in range(depth)))
        self.lastconv = nn.Sequential(nn.ConvTranspose2d(width, 4 * (4 + 1 + _MEMORY), 4, 2, 1), nn.PixelShuffle(2))

    def forward(self, x: Tensor, motion: Tensor | None, scale: float) -> tuple[Tensor, Tensor, Tensor]:
        x = _sized(x, 1 / scale)
        if motion is not None:
            x = torch.cat((x, _sized(motion, 1 / scale) / scale), 1)
        made = _sized(self.lastconv(self.convblock(self.conv0(x))), scale)
        return made[:, :4] * scale, made[:, 4:5], made[:, 5:]


def _sized(x: Tensor, factor: float) -> Tensor:
    return x if factor == 1 else interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


class Network(nn.Module):
    """`widths`: channels of each block. `features`: of the encoder. `scales`: by how much each block looks smaller."""

    def __init__(
        self,
        widths: Sequence[int] = (192, 128, 96, 64, 32),
        encoder: int = 16,
        features: int = 4,
        depth: int = 8,
        scales: Sequence[float] = (16, 8, 4, 2, 1),
    ) -> None:
        super().__init__()
        self.encode = _Encoder(encoder, features)
        first, later = 2 * (3 + features) + 1, 2 * (3 + features) + 2 + _MEMORY + 4
        self.blocks = nn.ModuleList(
            _Block(later if number else first, width, depth) for number, width in enumerate(widths)
        )
        self.scales = tuple(scales)

    def forward(
        self, first: Tensor, second: Tensor, features: tuple[Tensor, Tensor], moment: Tensor, scale: float = 1.0
    ) -> Tensor:
        """(N, 3, H, W) each, 0 to 1; `features` by `encode`; `moment` (N, 1, H, W), 0 at the first, 1 at the second."""
        one, other = features
        coarse, *finer = zip(self.blocks, self.scales)
        motion, mask, memory = coarse[0](torch.cat((first, second, one, other, moment), 1), None, coarse[1] / scale)
        for block, size in finer:
            warped = (_warped(first, motion[:, :2]), _warped(second, motion[:, 2:]))
            seen = (_warped(one, motion[:, :2]), _warped(other, motion[:, 2:]))
            known = torch.cat((*warped, *seen, moment, mask, memory), 1)
            change, mask, memory = block(known, motion, size / scale)
            motion = motion + change
        warped = (_warped(first, motion[:, :2]), _warped(second, motion[:, 2:]))
        share = torch.sigmoid(mask)
        return warped[0] * share + warped[1] * (1 - share)


def _warped(x: Tensor, motion: Tensor) -> Tensor:
    return warped(x, motion, "border")


def network(values: dict[str, Tensor], origin: str = "the file") -> Network:
    """A network with these weights. Raises OpenFailed when they are not RIFE's."""
    values = _renamed(values)
    try:
        count = 1 + max(int(name.split(".")[1]) for name in values if name.startswith("blocks."))
        widths = [values[f"blocks.{i}.conv0.1.0.weight"].shape[0] for i in range(count)]
        depth = 1 + max(int(n.split(".")[3]) for n in values if n.startswith("blocks.0.convblock."))
        encoder = values["encode.cnn0.weight"].shape[0]
        features = values["encode.cnn3.weight"].shape[1]
        # The lite build begins at a 32nd of the size: its last block alone is 24 wide.
        scales = (32, 16, 8, 4, 1) if widths[-1] == 24 else tuple(2**i for i in reversed(range(count)))
        made = Network(widths, encoder, features, depth, scales)
        made.load_state_dict(values)
    except (KeyError, ValueError, IndexError, RuntimeError) as error:
        said = str(error).splitlines()[0]
        raise OpenFailed(f"{origin} holds no weights of RIFE 4.25 or 4.26: {said}") from None
    return made.eval().requires_grad_(False)


def _renamed(values: dict[str, Tensor]) -> dict[str, Tensor]:
    """Names as in the repacked files: blocks numbered, without `module.` and what only training needs."""
    plain = {name.removeprefix("module."): value for name, value in values.items()}
    for number in range(8):
        plain = {
            name.replace(f"block{number}.", f"blocks.{number}.", 1)
            if name.startswith(f"block{number}.")
            else name: value
            for name, value in plain.items()
        }
    return {name: value for name, value in plain.items() if name.startswith(("encode.", "blocks."))}


@kept(2)
def _opened(path: Path, place: Place) -> Network:
    made = network(torch_backend.weights(path), path.name)
    return place.move(made)


class Rife:
    """A network on a device, between two pictures at a time; what it saw of the second is kept for the next pair."""

    def __init__(self, path: Path, place: Place, scale: float = 1.0) -> None:
        self.place = place
        self._scale = scale
        self._network = _opened(path, place)
        # The coarsest block halves the size twice more.
        self._step = round(4 * max(self._network.scales) / min(1.0, scale))
        self._seen: list[tuple[Floats, tuple[Tensor, Tensor]]] = []

    def between(self, first: Floats, second: Floats, moments: Sequence[float]) -> list[Floats]:
        """(3, H, W) float32 each, 0 to 1, at moments from 0 at the first to 1 at the second. Raises OutOfMemory."""
        height, width = first.shape[1:]
        with within_memory(self.place):
            (one, ours), (other, theirs) = self._encoded(first), self._encoded(second)
            made: list[Floats] = []
            for moment in moments:
                when = torch.full_like(one[:, :1], moment)
                picture = self._network(one, other, (ours, theirs), when, self._scale)
                made.append(picture[0, :, :height, :width].float().cpu().contiguous().numpy())
            return made

    def _encoded(self, picture: Floats) -> tuple[Tensor, Tensor]:
        """A picture, its edges repeated up to a size that the network takes, and its features."""
        for known, value in self._seen:
            if known is picture:
                return value
        height, width = picture.shape[1:]
        whole = self.place.put(picture[None])
        whole = pad(whole, (0, -width % self._step, 0, -height % self._step), mode="replicate")
        value = whole, self._network.encode(whole)
        self._seen = [*self._seen[-1:], (picture, value)]
        return value
