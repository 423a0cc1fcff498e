"""Small networks for processors: most of their work is done on pictures of a quarter and a sixteenth of the size.

All take and give luma from 0 to 1, as float32 (batch, channels, height, width). What a simple method can do is built
in, and only the difference from it is learned, so that still and even areas stay as they are.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_BEYOND = 8
"""Pixels around a picture that repeat its borders."""


class Body(nn.Module):
    """Convolutions at a half of the resolution, and between them at a quarter: a small U-Net.

    (B, inputs, H, W) -> (B, outputs, H, W); H and W are multiples of 4.
    """

    def __init__(self, inputs: int, outputs: int, width: int, deep: int, depth: int) -> None:
        super().__init__()
        # Six taps at every second pixel are three over pixels taken two by two.
        first = nn.Conv2d(inputs, width, 6, stride=2, padding=2)
        self.head = nn.Sequential(first, Stepped(), _conv(width, width), Stepped())
        self.down = nn.Sequential(_conv(width, deep, stride=2), Stepped())
        self.inner = nn.Sequential(*(layer for _ in range(depth) for layer in (_conv(deep, deep), Stepped())))
        self.up = nn.Sequential(nn.Conv2d(deep, 4 * width, 1), Stepped(-1.0), nn.PixelShuffle(2))
        self.sum = Stepped()
        self.tail = nn.Sequential(_conv(width, width), Stepped(), _conv(width, 4 * outputs), nn.PixelShuffle(2))

    def forward(self, pictures: Tensor) -> Tensor:
        near = self.head(pictures)
        return self.tail(self.sum(near + self.up(self.inner(self.down(near)))))


class Stepped(nn.Module):
    """Values from `low` to 1; while it learns in 255 steps, so that eight bits will do, which gradients do not see."""

    def __init__(self, low: float = 0.0) -> None:
        super().__init__()
        self.low, self.steps = low, 255 / (1 - low)

    def forward(self, values: Tensor) -> Tensor:
        held = values.clamp(self.low, 1.0)
        return held + ((held * self.steps).round() / self.steps - held).detach() if self.training else held


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1)


class Deinterlacer(nn.Module):
    """Five successive fields -> the lines that the middle one lacks.

    (B, 5, H/2, W) -> (B, 1, H/2, W). Line i that is given lies between lines i and i+1 of the middle field; fields
    1 and 3 (from 0) have a line at that place, one moment before and after. A lower field is turned upside down first.
    """

    def __init__(self, width: int, deep: int, depth: int) -> None:
        super().__init__()
        self.body = Body(5, 3, width, deep, depth)

    def forward(self, fields: Tensor) -> Tensor:
        here = fields[:, 2:3]
        below = torch.cat([here[:, :, 1:], here[:, :, -1:]], 2)
        between = (here + below) * 0.5
        before, after, rest = self.body(fields - 0.5).split(1, 1)
        return between + before * (fields[:, 1:2] - between) + after * (fields[:, 3:4] - between) + rest


class Refiner(nn.Module):
    """Eight pictures of half the lines, as `filters.second_look.given` makes them -> the lines that are missing.

    (B, 8, H/2, W) -> (B, 1, H/2, W). Channel 1 is what a first network made of them, 3 and 5 what is there in the
    pictures before and after, moved onto this one.
    """

    def __init__(self, width: int, deep: int, depth: int) -> None:
        super().__init__()
        self.body = Body(8, 3, width, deep, depth)

    def forward(self, given: Tensor) -> Tensor:
        made = given[:, 1:2]
        # What differs from the first attempt is small, and tells what fits.
        apart = torch.cat([given[:, :2] - 0.5, 4 * (given[:, 2:] - given[:, [0, 1, 0, 1, 1, 1]])], 1)
        before, after, rest = self.body(apart).split(1, 1)
        return made + before * (given[:, 3:4] - made) + after * (given[:, 5:6] - made) + 0.25 * rest


class Lean(nn.Module):
    """As Body, with less at half of the resolution, and in steps of eight bits from the first number to the last.

    (B, inputs, H, W) from -1 to 1 -> (B, outputs, H, W) from -1 to 1; H and W are multiples of 4.
    """

    def __init__(self, inputs: int, outputs: int, width: int, deep: int, depth: int) -> None:
        super().__init__()
        self.given = Stepped(-1.0)
        self.head = nn.Sequential(nn.Conv2d(inputs, width, 6, stride=2, padding=2), Stepped())
        self.down = nn.Sequential(_conv(width, deep, stride=2), Stepped())
        self.inner = nn.Sequential(*(layer for _ in range(depth) for layer in (_conv(deep, deep), Stepped())))
        self.up = nn.Sequential(nn.Conv2d(deep, 4 * width, 1), Stepped(-1.0), nn.PixelShuffle(2))
        self.sum = Stepped()
        self.tail = nn.Sequential(_conv(width, width), Stepped(), _conv(width, 4 * outputs), Stepped(-1.0))
        self.made = nn.PixelShuffle(2)

    def forward(self, pictures: Tensor) -> Tensor:
        near = self.head(self.given(pictures))
        return self.made(self.tail(self.sum(near + self.up(self.inner(self.down(near))))))


class Follower(nn.Module):
    """What `filters.along_motion` shows of a picture -> the lines that it lacks.

    (B, 12, H/2, W) -> (B, 1, H/2, W). Channel 1 is what a simpler method made of them, 6 and 7 what the pictures before
    and after have there along the motion.
    """

    def __init__(self, width: int, deep: int, depth: int) -> None:
        super().__init__()
        # Four numbers for each of four pixels fill the registers of a processor.
        self.body = Lean(12, 4, width, deep, depth)

    def forward(self, given: Tensor) -> Tensor:
        here, made = given[:, :1], given[:, 1:2]
        below = torch.cat([here[:, :, 1:], here[:, :, -1:]], 2)
        between = (here + below) * 0.5 - made
        # What differs from what is here is small, and tells what fits.
        beside, apart = given[:, 2:6] - here, given[:, 6:10] - made
        numbers = self.body(torch.cat([2 * here - 1, 8 * between, 8 * beside, 8 * apart, given[:, 10:]], 1))
        before, after, alone, rest = numbers.split(1, 1)
        return made + before * apart[:, :1] + after * apart[:, 1:2] + alone * between + 0.25 * rest


class Upscaler(nn.Module):
    """A picture at twice its size: (B, 1, H, W) -> (B, 1, 2H, 2W). Interpolation of its own, and what that lacks."""

    def __init__(self, width: int, deep: int, depth: int) -> None:
        super().__init__()
        self.between = nn.Conv2d(1, 4, 5, padding=2, padding_mode="replicate", bias=False)
        with torch.no_grad():
            self.between.weight.copy_(_bicubic()[:, None])
        self.body = Body(1, 4, width, deep, depth)

    def forward(self, picture: Tensor) -> Tensor:
        return nn.functional.pixel_shuffle(self.between(picture) + self.body(picture - 0.5), 2)


def _bicubic() -> Tensor:
    """(4, 5, 5): the weights of a pixel's neighbours in each of the four that it becomes (Keys, a = -0.5)."""
    along = torch.tensor([[-0.0234375, 0.2265625, 0.8671875, -0.0703125, 0.0]])
    along = torch.cat([along, along.flip(1)])
    return torch.stack([torch.outer(y, x) for y in along for x in along])


class Denoiser(nn.Module):
    """Three successive pictures and how noisy they are -> the middle one without noise.

    (B, 4, H, W) -> (B, 1, H, W); the fourth channel is the noise's standard deviation.
    """

    def __init__(self, width: int, deep: int, depth: int) -> None:
        super().__init__()
        self.body = Body(4, 3, width, deep, depth)

    def forward(self, given: Tensor) -> Tensor:
        here = given[:, 1:2]
        pictures = torch.cat([given[:, :3] - 0.5, 8 * given[:, 3:]], 1)
        before, after, rest = self.body(pictures).split(1, 1)
        return here + before * (given[:, :1] - here) + after * (given[:, 2:3] - here) + rest


class Painter(nn.Module):
    """A picture as it should be: (B, 3, H, W) -> (B, 3, H, W), red, green and blue.

    What is learned is the change; it begins with none.
    """

    def __init__(self, width: int, deep: int, depth: int) -> None:
        super().__init__()
        self.body = Body(3, 3, width, deep, depth)
        last = self.body.tail[-2]
        assert isinstance(last, nn.Conv2d)
        assert last.bias is not None
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, picture: Tensor) -> Tensor:
        if self.training:
            return picture + self.body(picture - 0.5)
        # Borders are not learned from; beyond them it sees them go on, not the grey that convolutions put there.
        wide = nn.functional.pad(picture - 0.5, (_BEYOND,) * 4, "replicate")
        return picture + self.body(wide)[..., _BEYOND:-_BEYOND, _BEYOND:-_BEYOND]
