"""A picture or its features fetched from where a motion leads, in torch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import grid_sample


def warped(x: Tensor, motion: Tensor, beyond: str = "zeros") -> Tensor:
    """`x` (N, C, H, W) fetched from where `motion` (N, 2, H, W), columns and rows in pixels, leads.

    `beyond` the border: "zeros", or "border" for what lies there.
    """
    height, width = x.shape[2:]
    # In half precision places in a large picture would be wrong by a pixel.
    far = motion.float()
    columns = torch.arange(width, device=x.device)[None, None, :] + far[:, 0]
    rows = torch.arange(height, device=x.device)[None, :, None] + far[:, 1]
    grid = torch.stack((columns * (2 / max(1, width - 1)), rows * (2 / max(1, height - 1))), -1) - 1
    return grid_sample(x.float(), grid, mode="bilinear", padding_mode=beyond, align_corners=True).to(x.dtype)
