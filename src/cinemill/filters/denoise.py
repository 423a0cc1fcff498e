"""Less noise without a model.

hqdn3d is recursive in time: what a frame leaves in its successors fades, fast while it is strong and slowly once it is
weak. nlmeans looks at one frame only.
Sources: D. Moore's hqdn3d (MPlayer); A. Buades, B. Coll, J.-M. Morel, "A non-local algorithm for image denoising".
"""

from __future__ import annotations

from math import ceil

from cinemill.catalogue import Field, Params
from cinemill.filters import YUV8, Halo, lavfi_filter


class Hqdn3d(Params):
    strength: float = Field(0.4, ge=0, le=1)
    """How much noise is taken away. 0 leaves the picture as it is, 1 is for the worst of tapes."""
    temporal: float = Field(1.0, ge=0, le=2)
    """Smoothing in time relative to smoothing in the picture. High values smear slow motion; strength times temporal
    above 1 leaves traces that do not fade, so that such a job runs as one chunk."""

    @property
    def distance(self) -> float:
        """Difference of luma, of 255, at which the past has a quarter of its full weight. hqdn3d takes 0 for unset."""
        return max(0.001, 15 * self.strength * self.temporal)


def _halo(p: Hqdn3d) -> Halo:
    """A trace of x code values is multiplied by (1 - x/255) ** g per frame, g = log(1/4) / log(1 - distance/255).

    So it is below half a code value after about 510/g frames, from wherever it begins. Where g is small the steps of
    hqdn3d's table stop it at about sqrt(8/g), which beyond a distance of 15 can be seen in the next code value.
    """
    return (ceil(1.45 * p.distance) + 2, 0) if p.distance <= 15 else None


@lavfi_filter("denoise.hqdn3d", halo=_halo, default=True)
def hqdn3d(p: Hqdn3d) -> str:
    """Denoise in the picture and in time, fast."""
    luma = max(0.001, 10 * p.strength)
    return f"hqdn3d={luma:.3f}:{luma * 0.75:.4f}:{p.distance:.3f}:{p.distance * 0.75:.4f}"


class NlMeans(Params):
    strength: float = Field(0.4, ge=0, le=1)
    """How much noise is taken away. 0 leaves the picture as it is."""
    patch: int = Field(7, ge=3, le=15, unit="px")
    """Side of the patches that are compared; odd."""
    search: int = Field(15, ge=5, le=31, unit="px")
    """Side of the window that is searched for like patches; odd. Cost grows with its square."""


@lavfi_filter("denoise.nlmeans", accepts=(*YUV8, "gray", "gbrp"))
def nlmeans(p: NlMeans) -> str:
    """Denoise by averaging patches that look alike: keeps texture, slow. 8 bits only."""
    return f"nlmeans=s={1 + 9 * p.strength:.3f}:p={p.patch | 1}:r={p.search | 1}"
