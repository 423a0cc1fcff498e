"""PyTorch as it is in an engine's environment: its device, and torchaudio where its own library does not fit.

For engines that run in interpreters of their own; nothing of ours is imported.
"""

import sys
import types


def ready():
    """Make `import torchaudio` work. Its compiled part is for CUDA's PyTorch; what is used here needs none of it."""
    try:
        import torchaudio
    except OSError:
        for name in [name for name in sys.modules if name.startswith("torchaudio")]:
            del sys.modules[name]
        stub = types.ModuleType("torchaudio._extension")
        stub.__path__ = []
        stub._IS_TORCHAUDIO_EXT_AVAILABLE = stub._IS_ALIGN_AVAILABLE = False
        stub._check_cuda_version = lambda: None
        stub.fail_if_no_align = lambda function: _refusing
        sys.modules["torchaudio._extension"] = stub
        import torchaudio  # noqa: F401


def _refusing(*given, **named):
    raise RuntimeError("torchaudio's compiled part does not fit this PyTorch")


def cuda():
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def device(asked):
    return asked if asked != "auto" else "cuda" if cuda() else "cpu"
