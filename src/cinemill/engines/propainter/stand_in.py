"""torchvision's deformable convolution for pytorchcv, or ours where torchvision does not start.

Beside a torch without CUDA, torchvision as registries have it does not: its operations are built against CUDA.
Importing this page is enough; that is done in the engine's process only.
"""

from __future__ import annotations

import sys
from types import ModuleType

import torch
from operation import DeformConv2d


def _starts() -> bool:
    try:
        from torchvision import ops

        ops.DeformConv2d(1, 1, 3, padding=1)(torch.zeros(1, 1, 4, 4), torch.zeros(1, 18, 4, 4))
    except Exception:
        return False
    return True


def _put_in_place() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    torchvision, ops = ModuleType("torchvision"), ModuleType("torchvision.ops")
    for module, name, value in ((ops, "DeformConv2d", DeformConv2d), (torchvision, "ops", ops)):
        setattr(module, name, value)
    sys.modules.update({"torchvision": torchvision, "torchvision.ops": ops})


IS_OURS = not _starts()
if IS_OURS:
    _put_in_place()
