"""Lightness -> colour, by SIGGRAPH17 without a user's hints.

Source: R. Zhang, J.-Y. Zhu, P. Isola et al., Real-time user-guided image colorization with learned deep priors, 2017;
written from the names and shapes of the published weights. The widths follow from the weights.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from cinemill.errors import OpenFailed
from cinemill.models import torch_backend
from cinemill.models.session import Contract, Wanted
from cinemill.models.torch_backend import Place, TorchSession

_AB = 110.0
"""What the network's 1 stands for, in units of a and b."""
_STAGES = {1: 2, 2: 2, 3: 3, 4: 3, 5: 3, 6: 3, 7: 3}
"""Convolutions in each stage on the way down."""


def _stage(inputs: int, width: int, count: int, dilation: int = 1) -> nn.Sequential:
    layers: list[nn.Module] = []
    for number in range(count):
        layers += [nn.Conv2d(width if number else inputs, width, 3, 1, dilation, dilation), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.BatchNorm2d(width))


class Network(nn.Module):
    """`widths`: channels of the first four stages; (64, 128, 256, 512) in the published one."""

    def __init__(self, widths: tuple[int, int, int, int] = (64, 128, 256, 512)) -> None:
        super().__init__()
        one, two, three, four = widths
        outputs = {1: one, 2: two, 3: three}
        inputs = 4
        for number, count in _STAGES.items():
            width = outputs.get(number, four)
            setattr(self, f"model{number}", _stage(inputs, width, count, 2 if number in (5, 6) else 1))
            inputs = width
        self.model8up = nn.Sequential(nn.ConvTranspose2d(four, three, 4, 2, 1))
        self.model3short8 = nn.Sequential(nn.Conv2d(three, three, 3, 1, 1))
        self.model8 = nn.Sequential(nn.ReLU(), *_stage(three, three, 2))
        self.model9up = nn.Sequential(nn.ConvTranspose2d(three, two, 4, 2, 1))
        self.model2short9 = nn.Sequential(nn.Conv2d(two, two, 3, 1, 1))
        self.model9 = nn.Sequential(nn.ReLU(), *_stage(two, two, 1))
        self.model10up = nn.Sequential(nn.ConvTranspose2d(two, two, 4, 2, 1))
        self.model1short10 = nn.Sequential(nn.Conv2d(one, two, 3, 1, 1))
        self.model10 = nn.Sequential(nn.ReLU(), nn.Conv2d(two, two, 3, 1, 1), nn.LeakyReLU(0.2))
        self.model_out = nn.Sequential(nn.Conv2d(two, 2, 1), nn.Tanh())

    def forward(self, lightness: Tensor) -> Tensor:
        """(N, 1, H, W) CIE lightness 0 to 100 to (N, 2, H, W) CIE a and b; sides are multiples of 8."""
        hints = torch.zeros_like(lightness).expand(-1, 3, -1, -1)
        x = torch.cat(((lightness - 50) / 100, hints), 1)
        kept: list[Tensor] = []
        for number in _STAGES:
            x = getattr(self, f"model{number}")(x)
            if number <= 3:
                kept.append(x)
                x = x[:, :, ::2, ::2]
        x = self.model8(self.model8up(x) + self.model3short8(kept[2]))
        x = self.model9(self.model9up(x) + self.model2short9(kept[1]))
        x = self.model10(self.model10up(x) + self.model1short10(kept[0]))
        return _AB * self.model_out(x)


def open(path: Path, wanted: Wanted) -> TorchSession:
    """A session from lightness to a and b. Raises OpenFailed, InvalidParams."""
    values = {name: value for name, value in torch_backend.weights(path).items() if not name.startswith("model_class")}
    try:
        one, two, three, four = (values[f"model{number}.0.weight"].shape[0] for number in (1, 2, 3, 4))
        module = Network((one, two, three, four))
        module.load_state_dict(values)
    except (KeyError, RuntimeError) as error:
        raise OpenFailed(f"{path.name} holds no weights of SIGGRAPH17: {str(error).splitlines()[0]}") from None
    device, why = torch_backend.device_for(wanted.device)
    dtype = torch_backend.precision_for(wanted, device, half=False, bfloat16=True)
    contract = Contract(inputs=1, outputs=2, multiple_of=8)
    return TorchSession(module.eval().requires_grad_(False), contract, Place(device, dtype), why)
