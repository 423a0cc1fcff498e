"""Less noise without a model.

hqdn3d is recursive in time: a frame's weight in its successors falls below half of one of 255 code values within 24
frames at the strongest setting. nlmeans looks at one frame only.
Sources: D. Moore's hqdn3d (MPlayer); A. Buades, B. Coll, J.-M. Morel, "A non-local algorithm for image denoising".
"""

from __future__ import annotations

from cinemill.catalogue import Field, Params
from cinemill.filters import YUV8, lavfi_filter


class Hqdn3d(Params):
    strength: float = Field(0.4, ge=0, le=1)
    """How much noise is taken away. 0 leaves the picture as it is, 1 is for the worst of tapes."""
    temporal: float = Field(1.0, ge=0, le=2)
    """Smoothing in time relative to smoothing in the picture. High values smear slow motion."""


@lavfi_filter("denoise.hqdn3d", halo=(24, 0), default=True)
def hqdn3d(p: Hqdn3d) -> str:
    """Denoise in the picture and in time, fast."""
    if p.strength == 0:
        return "null"
    luma = 10 * p.strength
    return f"hqdn3d={luma:.3f}:{luma * 0.75:.3f}:{luma * 1.5 * p.temporal:.3f}:{luma * 1.125 * p.temporal:.3f}"


class NlMeans(Params):
    strength: float = Field(0.4, ge=0, le=1)
    """How much noise is taken away. 0 leaves the picture as it is."""
    patch: int = Field(7, ge=3, le=15, multiple_of=1, unit="px")
    """Side of the patches that are compared; odd."""
    search: int = Field(15, ge=5, le=31, unit="px")
    """Side of the window that is searched for like patches; odd. Cost grows with its square."""


@lavfi_filter("denoise.nlmeans", accepts=(*YUV8[:3], "gray"))
def nlmeans(p: NlMeans) -> str:
    """Denoise by averaging patches that look alike: keeps texture, slow."""
    if p.strength == 0:
        return "null"
    return f"nlmeans=s={max(1.0, 10 * p.strength):.3f}:p={p.patch | 1}:r={p.search | 1}"
