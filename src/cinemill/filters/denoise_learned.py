"""Less noise by a small network of our own, which sees a picture, those beside it, and how strong the noise is.

The neighbours are moved onto the picture by optical flow first. The network was trained on pictures that a program
draws, with white noise and with that of tapes, which is alike along the lines (`learn/nets.py`). The noise is measured
frame by frame; where there is none, nothing changes. Interlaced frames are denoised field by field. Wrong for noise
that a codec froze.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cinemill.catalogue import Field, Params, Weights
from cinemill.filters import GREY, YUV, stream_filter
from cinemill.filters.neighbours import repaired

if TYPE_CHECKING:
    from cinemill.measure.motion import Floats, Still
    from cinemill.measure.trails import Trails
    from cinemill.media.types import Frame, Plane

_SILENT = 0.5
"""Noise, in 8-bit code values, below which a plane counts as clean."""
_STEP = 4
"""Sides come in multiples of this."""


class Learned(Params):
    strength: float = Field(1.0, ge=0, le=1)
    """How much of the noise is taken away. 0 leaves the picture as it is."""
    sigma: float | None = Field(None, gt=_SILENT, le=64, unit="code values")
    """Standard deviation of the noise, in steps of 8 bits. Left out, it is measured in each plane of each frame."""
    model: Weights | None = None
    """A network of your own, as `cinemill train` makes them: a name of `cinemill models list`, or a file."""


def _check(p: Learned, frame: Frame) -> None:
    import numpy as np

    from cinemill.models.weights import network, refuse_others

    if p.model:
        refuse_others(network("", p.model), np.zeros((1, 4, 16, 16), np.float32), (1, 1, 16, 16), p.model)


@stream_filter("denoise.learned", halo=(1, 1), accepts=YUV + GREY, check=_check)
def learned(frames: Iterator[Frame], p: Learned) -> Iterator[Frame]:
    """Denoise with a network of our own: what is left is sharper, in one picture or many."""
    from cinemill.measure.trails import Trails
    from cinemill.models.weights import network

    trails, clean = Trails(), network("denoise-balanced", p.model)

    def repair(window: Sequence[Still], place: int) -> Sequence[Plane]:
        here = window[place]
        planes = list(here.planes)
        for number, (before, values, after, sigma) in enumerate(seen(trails, window, place)):
            if (p.sigma or sigma) > _SILENT:
                made = _cleaned(before, values, after, p.sigma or sigma, clean)
                planes[number] = here.rounded(number, values + p.strength * (made - values))
        return planes

    return repaired(frames, 1, repair)


def seen(trails: Trails, window: Sequence[Still], place: int) -> Iterator[tuple[Floats, Floats, Floats, float]]:
    """Of each plane: what the picture before shows, moved onto it, the plane itself, the one after, and its noise.

    At an end or a cut the one neighbour stands on both sides; a picture alone stands there three times.
    """
    from cinemill.measure.motion import noise_between

    beside = [next(trails.along(window, place, step), None) for step in (-1, 1)]
    for number, values in enumerate(window[place].values):
        others = [match.values(number) for match in beside if match]
        before, *_, after = (others or [values]) * 2
        yield before, values, after, max((noise_between(values, other) for other in others), default=0.0)


def _cleaned(before: Floats, here: Floats, after: Floats, sigma: float, network: Callable[[Any], Any]) -> Floats:
    """A plane without noise, in 8-bit code values as it came."""
    import cv2
    import numpy as np

    height, width = here.shape
    given = np.empty((1, 4, height + -height % _STEP, width + -width % _STEP), np.float32)
    for number, plane in enumerate((before, here, after)):
        given[0, number] = cv2.copyMakeBorder(plane, 0, -height % _STEP, 0, -width % _STEP, cv2.BORDER_REPLICATE)
    given[0, 3] = sigma
    given /= 255
    return network(given)[0, 0, :height, :width] * np.float32(255)
