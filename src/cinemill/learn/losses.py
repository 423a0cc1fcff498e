"""What a network is to make small, put together of terms with weights: `charbonnier` or `psnr:1,edge:0.05`.

All terms compare what was made with what should have been, (B, C, H, W) from 0 to 1. `psnr` is the mean logarithm of
each example's squared error, so that a decibel counts the same on easy and on hard ones; `temporal` compares how
successive pictures change, and wants batches whose examples are successive two by two; `perceptual` compares what
VGG16 sees of them (`perceptual.py`), and wants its weights.
Sources: Charbonnier et al., 1994; SSIM, Z. Wang et al., 2004, here over squares of 7 x 7.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor, nn

from cinemill.learn import perceptual

Loss = Callable[[Tensor, Tensor], Tensor]
"""(made, wanted) -> one number."""
_ENOUGH: Final = (1.0 / 255) ** 2
"""Squared error below which an example is good enough."""
_SMOOTH: Final = 1e-3
"""Where Charbonnier's loss turns from a square into an absolute value."""
_SQUARE: Final = 7


def _psnr(made: Tensor, wanted: Tensor) -> Tensor:
    return torch.log((made - wanted).square().mean((1, 2, 3)) + _ENOUGH).mean()


def _charbonnier(made: Tensor, wanted: Tensor) -> Tensor:
    return ((made - wanted).square() + _SMOOTH**2).sqrt().mean()


def _ssim(made: Tensor, wanted: Tensor) -> Tensor:
    return 1 - ssim(made, wanted)


def ssim(made: Tensor, wanted: Tensor) -> Tensor:
    """Structural similarity, 1 where both are the same."""

    def mean(values: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(values, _SQUARE, 1)

    ours, theirs = mean(made), mean(wanted)
    spread = (mean(made * made) - ours * ours).clamp(0) + (mean(wanted * wanted) - theirs * theirs).clamp(0)
    together = mean(made * wanted) - ours * theirs
    alike = (2 * ours * theirs + 0.01**2) * (2 * together + 0.03**2)
    return (alike / ((ours * ours + theirs * theirs + 0.01**2) * (spread + 0.03**2))).mean()


def _edge(made: Tensor, wanted: Tensor) -> Tensor:
    apart = made - wanted
    return apart.diff(dim=2).abs().mean() + apart.diff(dim=3).abs().mean()


def _temporal(made: Tensor, wanted: Tensor) -> Tensor:
    return ((made[1::2] - made[::2]) - (wanted[1::2] - wanted[::2])).abs().mean()


TERMS: Final[dict[str, Loss]] = {
    "psnr": _psnr,
    "l1": lambda made, wanted: (made - wanted).abs().mean(),
    "charbonnier": _charbonnier,
    "mse": lambda made, wanted: (made - wanted).square().mean(),
    "ssim": _ssim,
    "edge": _edge,
    "temporal": _temporal,
}


def weights(written: str) -> dict[str, float]:
    """Terms and how much each counts, of what `recipes.Schedule` has let through."""
    parts = (part.partition(":") for part in written.replace(" ", "").split(","))
    return {name: float(weight) if weight else 1.0 for name, _, weight in parts}


def loss(written: str, vgg: str = "") -> Loss:
    """The weighted sum of the terms. `vgg`: what `perceptual` sees by, a name or a file. Raises MissingModel."""
    terms = [
        (perceptual.likeness(vgg) if name == "perceptual" else TERMS[name], by) for name, by in weights(written).items()
    ]
    return lambda made, wanted: torch.stack([by * term(made, wanted) for term, by in terms]).sum()
