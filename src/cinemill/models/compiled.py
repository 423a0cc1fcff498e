"""A torch module compiled for the shapes it meets, with what was compiled kept on disk, and the module itself where
that fails: no C++ compiler, an architecture that cannot be traced, a GPU that the compiler does not know.

Source: torch.compile (J. Ansel et al., 2024), in the place of the TorchScript that older tools shipped. The first
picture of a new size waits for the compiler, a minute or so; later runs, in other processes too, find the result.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from cinemill.errors import CinemillError
from cinemill.notices import tell
from cinemill.settings import settings

log = logging.getLogger(__name__)


class Compiled:
    """Calls the compiled module, or the module itself once compiling has failed; `refusal` says why."""

    def __init__(self, module: Any) -> None:
        import torch

        # Read when the compiler is first used. The user's own choice of folder stands.
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(settings().cache_dir / "compiled"))
        os.environ.setdefault("TORCHINDUCTOR_FX_GRAPH_CACHE", "1")
        self.refusal = ""
        self._module = module
        self._fast: Any = torch.compile(module)

    def __call__(self, *tensors: Any, **options: Any) -> Any:
        if self.refusal:
            return self._module(*tensors, **options)
        try:
            return self._fast(*tensors, **options)
        except CinemillError:
            raise
        except Exception as error:
            # A fault that is the module's own, lack of memory first of all, comes again.
            made = self._module(*tensors, **options)
            self.refusal = next(iter(str(error).splitlines()), type(error).__name__)
            said = f"The model runs uncompiled: {self.refusal}"
            log.warning(said)
            tell(said)
            return made
