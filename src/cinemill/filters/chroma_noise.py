"""Noise in the colour of video tape taken away along the motion and within outlines of luma; luma keeps its bits.

Tapes hold colour in a narrow band, so that its noise comes in long streaks. Each colour plane is averaged with the
frames around it, then drawn to the linear function of luma that fits it best near by, as far as noise explains the
difference. The method and its sources are those of `denoise.mc`, which does luma too. Wrong for colour that is off in
the same way in every frame: `chroma-align` moves it back over its outlines.
720x576: 25 frames/s on one core.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from cinemill.catalogue import Field, Params
from cinemill.filters import YUV, Halo, stream_filter
from cinemill.filters.denoise_mc import MotionCompensated, denoised
from cinemill.filters.neighbours import repaired

if TYPE_CHECKING:
    from cinemill.measure.motion import Still
    from cinemill.media.types import Frame, Plane


class ChromaNoise(Params):
    strength: float = Field(1.0, ge=0, le=1)
    """How much of the noise in the colours is taken away. 0 leaves the picture as it is."""
    radius: int = Field(2, ge=1, le=4, unit="frames")
    """How many frames before and after are averaged with each."""


def _halo(p: ChromaNoise) -> Halo:
    return p.radius, p.radius


@stream_filter("chroma-noise", halo=_halo, accepts=YUV)
def chroma_noise(frames: Iterator[Frame], p: ChromaNoise) -> Iterator[Frame]:
    """Denoise colour alone, strongly."""
    from cinemill.measure.trails import Trails

    trails, settings = Trails(), MotionCompensated(strength=p.strength, radius=p.radius, spatial=1.0)

    def repair(window: Sequence[Still], place: int) -> Sequence[Plane]:
        return denoised(window, place, trails, settings, first=1)

    return repaired(frames, p.radius, repair)
