"""A stretch of film -> the same, larger or cleaner, each picture with the help of all others: BasicVSR++.

Source: K. C. K. Chan, S. Zhou, X. Xu, C. C. Loy, BasicVSR++: improving video super-resolution with enhanced propagation
and alignment, CVPR 2022 (weights and names as in mmagic, Apache-2.0); motion by SPyNet, A. Ranjan, M. Black, 2017;
modulated deformable convolution, X. Zhu et al., 2019. Features pass through the film backwards and forwards, twice; on
the way each is laid onto the next picture by the motion and by what the network finds that motion lacks. Weights that
clean without enlarging work at a quarter of the size. Widths and depths follow from the weights.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, interpolate

from cinemill.errors import OpenFailed
from cinemill.models import torch_backend
from cinemill.models.session import Contract, Wanted
from cinemill.models.torch_backend import Place, TorchSession
from cinemill.models.warp import warped

_FURTHEST = 10.0
"""Pixels by which a deformable convolution may look beside where the motion leads."""
_PASSES = ("backward_1", "forward_1", "backward_2", "forward_2")


def _leaky() -> nn.Module:
    return nn.LeakyReLU(0.1, inplace=True)


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, 1, 1)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(torch.relu(self.conv1(x)))


class _Blocks(nn.Module):
    def __init__(self, inputs: int, width: int, count: int) -> None:
        super().__init__()
        residuals = nn.Sequential(*(_Residual(width) for _ in range(count)))
        self.main = nn.Sequential(nn.Conv2d(inputs, width, 3, 1, 1), _leaky(), residuals)

    def forward(self, x: Tensor) -> Tensor:
        return self.main(x)


class _Layer(nn.Module):
    """Named as in the published weights: a convolution called `conv`."""

    def __init__(self, inputs: int, outputs: int, last: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 7, 1, 3)
        self._last = last

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) if self._last else torch.relu(self.conv(x))


class _Level(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        widths = (8, 32, 64, 32, 16, 2)
        self.basic_module = nn.Sequential(*(_Layer(*widths[i : i + 2], last=i == 4) for i in range(5)))

    def forward(self, x: Tensor) -> Tensor:
        return self.basic_module(x)


class SpyNet(nn.Module):
    """Motion: where in `there` (N, 3, H, W) each place of `here` lies, (N, 2, H, W), columns and rows."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.basic_module = nn.ModuleList(_Level() for _ in range(6))
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))

    def forward(self, here: Tensor, there: Tensor) -> Tensor:
        height, width = here.shape[2:]
        size = (-(-height // 32) * 32, -(-width // 32) * 32)
        flow = self._found(*(_resized((x - self.mean) / self.std, size) for x in (here, there)))
        scale = torch.tensor([width / size[1], height / size[0]], device=flow.device, dtype=flow.dtype)
        return _resized(flow, (height, width)) * scale.view(1, 2, 1, 1)

    def _found(self, here: Tensor, there: Tensor) -> Tensor:
        pyramid = [(here, there)]
        for _ in range(5):
            here, there = (avg_pool2d(x, 2, 2) for x in (here, there))
            pyramid.insert(0, (here, there))
        count, _, height, width = pyramid[0][0].shape
        flow = torch.zeros(count, 2, height, width, device=here.device, dtype=here.dtype)
        for number, (level, (ours, theirs)) in enumerate(zip(self.basic_module, pyramid)):
            if number:
                flow = 2 * interpolate(flow, scale_factor=2, mode="bilinear", align_corners=True)
            flow = flow + level(torch.cat((ours, warped(theirs, flow, "border"), flow), 1))
        return flow


def _resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    return x if x.shape[2:] == size else interpolate(x, size=size, mode="bilinear", align_corners=False)


def deformed(x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, bias: Tensor, groups: int) -> Tensor:
    """Modulated deformable 3 x 3 convolution with zeros beyond the border.

    `offset` (N, groups 9 2, H, W): rows and columns by which each tap of a group is moved; `mask` (N, groups 9, H, W).
    """
    count, channels, height, width = x.shape
    moves = offset.view(count, groups, 9, 2, height, width)
    shares = mask.view(count * groups, 9, 1, height, width)
    parts = x.reshape(count * groups, channels // groups, height, width)
    made = bias.view(1, -1, 1, 1).expand(count, -1, height, width)
    for tap in range(9):
        row, column = tap // 3, tap % 3
        move = moves[:, :, tap].reshape(count * groups, 2, height, width).flip(1)
        base = torch.tensor([column - 1, row - 1], device=x.device, dtype=x.dtype).view(1, 2, 1, 1)
        seen = warped(parts, move + base) * shares[:, tap]
        made = made + conv2d(
            seen.view(count, channels, height, width), weight[:, :, row : row + 1, column : column + 1]
        )
    return made


class _Alignment(nn.Module):
    """Features of the two pictures before, laid onto the present one."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width, 2 * width, 3, 3))
        self.bias = nn.Parameter(torch.zeros(width))
        nn.init.kaiming_uniform_(self.weight)
        self._groups = groups
        layers: list[nn.Module] = [nn.Conv2d(3 * width + 4, width, 3, 1, 1), _leaky()]
        layers += [nn.Conv2d(width, width, 3, 1, 1), _leaky(), nn.Conv2d(width, width, 3, 1, 1), _leaky()]
        self.conv_offset = nn.Sequential(*layers, nn.Conv2d(width, 27 * groups, 3, 1, 1))

    def forward(self, x: Tensor, seen: Tensor, one: Tensor, two: Tensor) -> Tensor:
        made = self.conv_offset(torch.cat((seen, one, two), 1))
        first, second, mask = torch.chunk(made, 3, 1)
        offsets = _FURTHEST * torch.tanh(torch.cat((first, second), 1))
        flows = [flow.flip(1).repeat(1, offsets.shape[1] // 4, 1, 1) for flow in (one, two)]
        offset = offsets + torch.cat(flows, 1)
        return deformed(x, offset, torch.sigmoid(mask), self.weight, self.bias, self._groups)


class _Doubled(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.upsample_conv = nn.Conv2d(inputs, 4 * outputs, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.pixel_shuffle(self.upsample_conv(x), 2)


class Network(nn.Module):
    """`enlarges`: four times as large comes out, else the same size; then sides are multiples of 4."""

    def __init__(
        self, width: int = 64, depth: int = 7, enlarges: bool = True, groups: int = 16, last: int = 64
    ) -> None:
        super().__init__()
        self.enlarges, self._width = enlarges, width
        self.spynet = SpyNet()
        if enlarges:
            self.feat_extract: nn.Module = _Blocks(3, width, 5)
        else:
            halves = [nn.Conv2d(3, width, 3, 2, 1), _leaky(), nn.Conv2d(width, width, 3, 2, 1), _leaky()]
            self.feat_extract = nn.Sequential(*halves, _Blocks(width, width, 5))
        self.deform_align = nn.ModuleDict({name: _Alignment(width, groups) for name in _PASSES})
        self.backbone = nn.ModuleDict({n: _Blocks((2 + i) * width, width, depth) for i, n in enumerate(_PASSES)})
        self.reconstruction = _Blocks(5 * width, width, 5)
        self.upsample1, self.upsample2 = _Doubled(width, width), _Doubled(width, last)
        self.conv_hr, self.conv_last = nn.Conv2d(last, last, 3, 1, 1), nn.Conv2d(last, 3, 3, 1, 1)

    def forward(self, film: Tensor) -> Tensor:
        """(T, 3, H, W), 0 to 1, one after another, to (T, 3, sH, sW)."""
        small = film if self.enlarges else interpolate(film, scale_factor=0.25, mode="bicubic", align_corners=False)
        features = {"spatial": [self.feat_extract(picture[None]) for picture in film]}
        pairs = list(pairwise(small))
        # From each picture to the next, and from each to the one before.
        onward = [self.spynet(one[None], other[None]) for one, other in pairs]
        back = [self.spynet(other[None], one[None]) for one, other in pairs]
        for name in _PASSES:
            features[name] = self._passed(features, name, onward if name.startswith("backward") else back)
        return torch.cat(
            [self._made(film[i : i + 1], [many[i] for many in features.values()]) for i in range(len(film))]
        )

    def _passed(self, features: dict[str, list[Tensor]], name: str, flows: list[Tensor]) -> list[Tensor]:
        spatial = features["spatial"]
        order = list(range(len(spatial)))
        if name.startswith("backward"):
            order.reverse()
        made: list[Tensor] = []
        carried = torch.zeros_like(spatial[0])
        for place, at in enumerate(order):
            here = spatial[at]
            if place:
                one = flows[min(at, order[place - 1])]
                before, two, beyond = torch.zeros_like(carried), torch.zeros_like(one), torch.zeros_like(carried)
                if place > 1:
                    before = made[-2]
                    two = one + warped(flows[min(order[place - 1], order[place - 2])], one)
                    beyond = warped(before, two)
                seen = torch.cat((warped(carried, one), here, beyond), 1)
                carried = self.deform_align[name](torch.cat((carried, before), 1), seen, one, two)
            known = [here, *(many[at] for key, many in features.items() if key != "spatial"), carried]
            carried = carried + self.backbone[name](torch.cat(known, 1))
            made.append(carried)
        return made[::-1] if name.startswith("backward") else made

    def _made(self, picture: Tensor, features: list[Tensor]) -> Tensor:
        x = self.reconstruction(torch.cat(features, 1))
        for layer in (self.upsample1, self.upsample2, self.conv_hr):
            x = nn.functional.leaky_relu(layer(x), 0.1)
        base = interpolate(picture, scale_factor=4, mode="bilinear", align_corners=False) if self.enlarges else picture
        return base + self.conv_last(x)


def network(values: dict[str, Any], origin: str = "the file") -> Network:
    """A network with these weights. Raises OpenFailed when they are not BasicVSR++'s."""
    prefix = "generator_ema." if any(name.startswith("generator_ema.") for name in values) else "generator."
    plain = {name.removeprefix(prefix): value for name, value in values.items()}
    plain = {name: value for name, value in plain.items() if not name.startswith(("generator", "step_counter"))}
    try:
        enlarges = "feat_extract.main.0.weight" in plain
        width = plain["backbone.backward_1.main.0.weight"].shape[0]
        depth = sum(name.startswith("backbone.backward_1.main.2.") and name.endswith("conv1.weight") for name in plain)
        groups = plain["deform_align.backward_1.conv_offset.6.weight"].shape[0] // 27
        made = Network(width, depth, enlarges, groups, plain["conv_last.weight"].shape[1])
        made.load_state_dict(plain)
    except (KeyError, RuntimeError) as error:
        raise OpenFailed(f"{origin} holds no weights of BasicVSR++: {str(error).splitlines()[0]}") from None
    return made.eval().requires_grad_(False)


def open(path: Path, wanted: Wanted) -> TorchSession:
    """A session whose pictures of a run are one stretch of film. Raises OpenFailed, InvalidParams."""
    values = torch_backend.weights(path)
    nested = values.get("state_dict")
    module = network(nested if isinstance(nested, dict) else values, path.name)
    device, why = torch_backend.device_for(wanted.device)
    dtype = torch_backend.precision_for(wanted, device, half=False, bfloat16=False)
    contract = Contract(
        scale=4 if module.enlarges else 1,
        multiple_of=1 if module.enlarges else 4,
        minimum=64 if module.enlarges else 256,
        align=32,
        overlap=64,
    )
    return TorchSession(module, contract, Place(device, dtype), why)
