"""How unlike pictures look to VGG16, which tells things apart: the term `perceptual`, and painting in a manner.

What it sees is compared after its 2nd, 4th, 7th and 10th convolution. A manner is which channels of these see something
together, wherever it is: their Gram matrices. Each comparison is relative to what should be seen, so that all count
alike. The weights are not ours; they come as a file with torchvision's names, `features.0.weight` and so on.
Sources: K. Simonyan, A. Zisserman, 2014; J. Johnson, A. Alahi, L. Fei-Fei, Perceptual losses, 2016.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from cinemill.errors import ModelRefused
from cinemill.models import sessions, torch_backend

Apart = Callable[[Tensor, Tensor], Tensor]
"""(made, wanted) -> how unlike they are, one number."""
_WIDTHS: Final = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512)
"""Channels of the convolutions, and 0 where the picture is halved."""
_SEEN: Final = (1, 3, 6, 9)
"""After which convolutions it is looked at, from 0."""
_CONTENT: Final = 1
"""Which of these tells what a picture shows; all of them tell its manner."""
_MANNER: Final = 5.0
"""How much the manner counts against what is shown, if both are as far off."""
_MEAN, _SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the pictures that it was trained on."""
_NOTHING: Final = 1e-8


class Eye:
    """The convolutions of VGG16 up to the tenth, which stay as they are."""

    def __init__(self, weights: Sequence[tuple[Tensor, Tensor]]) -> None:
        self.weights = list(weights)
        self.device = torch.device("cpu")

    def sees(self, pictures: Tensor) -> list[Tensor]:
        """What it sees of (B, 1 or 3, H, W) from 0 to 1, at `_SEEN`."""
        if pictures.device != self.device:
            self.device = pictures.device
            self.weights = [(weight.to(self.device), bias.to(self.device)) for weight, bias in self.weights]
        mean, spread = (torch.tensor(values, device=self.device)[:, None, None] for values in (_MEAN, _SPREAD))
        values = (pictures.expand(-1, 3, -1, -1) - mean) / spread
        found: list[Tensor] = []
        rest = iter(self.weights)
        for width in _WIDTHS:
            if not width:
                values = nn.functional.max_pool2d(values, 2)
                continue
            values = nn.functional.conv2d(values, *next(rest), padding=1).relu()
            found.append(values)
        return [found[place] for place in _SEEN]


def likeness(model: str) -> Apart:
    """The term `perceptual`. `model`: the weights, a name or a file. Raises MissingModel, ModelRefused, OpenFailed."""
    eye = _eye(sessions.located(model))

    def apart(made: Tensor, wanted: Tensor) -> Tensor:
        with torch.no_grad():
            theirs = eye.sees(wanted)
        return torch.stack([_relative(one, other) for one, other in zip(eye.sees(made), theirs)]).mean()

    return apart


def painting(model: str, picture: Any, manner: float) -> Apart:
    """What is to become small for pictures painted in the manner of `picture`, (3, H, W) from 0 to 1.

    What is wanted is what is to be painted. `manner`: how much the painting counts, 1 for the usual.
    """
    eye = _eye(sessions.located(model))
    with torch.no_grad():
        grams = [_gram(seen) for seen in eye.sees(torch.as_tensor(picture)[None])]

    def apart(made: Tensor, wanted: Tensor) -> Tensor:
        with torch.no_grad():
            shown = eye.sees(wanted)[_CONTENT]
        seen = eye.sees(made)
        manners = [_relative(_gram(one), gram.to(one.device)) for one, gram in zip(seen, grams)]
        return _relative(seen[_CONTENT], shown) + manner * _MANNER * torch.stack(manners).mean()

    return apart


def _relative(made: Tensor, wanted: Tensor) -> Tensor:
    return (made - wanted).square().mean() / (wanted.square().mean() + _NOTHING)


def _gram(seen: Tensor) -> Tensor:
    """(B, C, C): how much of each two channels is seen together."""
    flat = seen.flatten(2)
    return flat @ flat.transpose(1, 2) / (flat.shape[1] * flat.shape[2])


@lru_cache(maxsize=1)
def _eye(path: Path) -> Eye:
    plain = {name.removeprefix("features."): value for name, value in torch_backend.weights(path).items()}
    pairs: list[tuple[Tensor, Tensor]] = []
    channels, place = 3, 0
    for width in _WIDTHS:
        if width:
            weight, bias = (plain.get(f"{place}.{part}") for part in ("weight", "bias"))
            if weight is None or bias is None or tuple(weight.shape) != (width, channels, 3, 3):
                raise ModelRefused(
                    f"{path} has not the weights of VGG16: features.{place} should be {width}x{channels}x3x3."
                )
            pairs.append((weight.float(), bias.float()))
            channels = width
        # A convolution is followed by what cuts off below 0, and has a number too.
        place += 2 if width else 1
    return Eye(pairs)
