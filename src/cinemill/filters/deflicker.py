"""Even out the brightness of old film and of time lapses: each frame is scaled to the mean of the frames ahead.

Source: FFmpeg's deflicker. Its window looks forward only. Its median is left out, because it
compares addresses and not brightness.
"""

from __future__ import annotations

from typing import Literal

from cinemill.catalogue import Field, Params
from cinemill.filters import GREY, YUV, Halo, lavfi_filter


class Deflicker(Params):
    window: int = Field(5, ge=2, le=129, unit="frames")
    """How many frames the mean is taken over. Longer follows slow changes less."""
    mean: Literal["arithmetic", "harmonic", "geometric", "quadratic"] = "arithmetic"
    """Which mean. harmonic leans to the darker frames, quadratic to the brighter ones."""


def _halo(p: Deflicker) -> Halo:
    return (0, p.window - 1)


_MEANS = {"arithmetic": "am", "harmonic": "hm", "geometric": "gm", "quadratic": "qm"}


@lavfi_filter("deflicker", halo=_halo, accepts=YUV + GREY)
def deflicker(p: Deflicker) -> str:
    """Even out brightness that changes from frame to frame."""
    return f"deflicker=size={p.window}:mode={_MEANS[p.mean]}"
