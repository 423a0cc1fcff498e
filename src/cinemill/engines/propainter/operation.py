"""Deformable convolution in plain torch, with torchvision's face."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional


class DeformConv2d(nn.Module):
    """Modulated deformable convolution (X. Zhu et al., Deformable ConvNets v2, 2019): 3x3, one step, a rim of one."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, padding: int) -> None:
        super().__init__()
        self.in_channels, self.kernel_size = in_channels, (kernel_size, kernel_size)
        self.weight = nn.Parameter(torch.zeros(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(self, input: Any, offset: Any, mask: Any) -> Any:
        batch, channels, height, width = input.shape
        groups = offset.shape[1] // 18
        parts = input.reshape(batch * groups, channels // groups, height, width)
        offset = offset.reshape(batch * groups, 9, 2, height, width)
        mask = mask.reshape(batch * groups, 9, 1, height, width)
        rows, columns = (torch.arange(size, device=input.device, dtype=input.dtype) for size in (height, width))
        made: Any = self.bias[None, :, None, None]
        for tap in range(9):
            y = rows[:, None] + tap // 3 - 1 + offset[:, tap, 0]
            x = columns[None, :] + tap % 3 - 1 + offset[:, tap, 1]
            grid = torch.stack(((2 * x + 1) / width - 1, (2 * y + 1) / height - 1), dim=-1)
            seen = functional.grid_sample(parts, grid, align_corners=False) * mask[:, tap]
            taken = self.weight[:, :, tap // 3, tap % 3, None, None]
            made = made + functional.conv2d(seen.reshape(batch, channels, height, width), taken)
        return made
