"""Less noise by averaging each part of the picture along its motion, and what is left of it within the picture.

Neighbours are moved onto the frame by optical flow and count by how well they fit, judged against the noise: a patch
that differs by more than noise does counts little, so that moving things leave no ghosts. How much noise the average
leaves is known, and a local Wiener filter reduces it; colour is drawn to what luma makes likely. The noise is measured
between the frames; where there is none, nothing changes. Interlaced frames are denoised field by field.
Sources: weights after A. Buades, B. Coll, J.-M. Morel, A non-local algorithm for image denoising, 2005; Wiener filter
after J.-S. Lee, Digital image enhancement and noise filtering by use of local statistics, 1980; guided filter of
colour by K. He, J. Sun, X. Tang, 2010. Wrong for noise that does not change from frame to frame, as in strongly
compressed video: it is kept.
720x576: 30 frames/s on one core.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cinemill.catalogue import Field, Params
from cinemill.filters import GREY, YUV, Halo, stream_filter
from cinemill.filters.neighbours import repaired

if TYPE_CHECKING:
    from cinemill.measure.motion import Floats, Match, Still
    from cinemill.measure.trails import Trails
    from cinemill.media.types import Frame, Plane

_SILENT = 0.5
"""Noise, in 8-bit code values, below which two frames count as clean, or as the same frame twice."""
_DOUBT = 0.5
"""How fast trust falls with a patch's mean squared difference, counted in what noise alone would give."""
_DRIFT = 0.5
"""The same for the square of its mean difference, which noise makes small and a ghost does not."""


_FLAT = 20.0
"""Variance of luma, code values squared, below which it says little about colour."""


class MotionCompensated(Params):
    strength: float = Field(1.0, ge=0, le=1)
    """How much of the noise is taken away. 0 leaves the picture as it is."""
    sigma: float | None = Field(None, gt=_SILENT, le=64, unit="code values")
    """Standard deviation of the noise, in steps of 8 bits. Left out, it is measured in each frame, for colour apart."""
    radius: int = Field(2, ge=1, le=4, unit="frames")
    """How many frames before and after are averaged with each."""
    spatial: float = Field(0.8, ge=0, le=1)
    """How much of what averaging leaves is taken away within the picture. 0 keeps all texture."""


def _halo(p: MotionCompensated) -> Halo:
    return p.radius, p.radius


@stream_filter("denoise.mc", halo=_halo, accepts=YUV + GREY)
def motion_compensated(frames: Iterator[Frame], p: MotionCompensated) -> Iterator[Frame]:
    """Denoise along the motion: strong on noise, sharp on what moves."""
    from cinemill.measure.trails import Trails

    trails = Trails()

    def repair(window: Sequence[Still], place: int) -> Sequence[Plane]:
        return denoised(window, place, trails, p)

    return repaired(frames, p.radius, repair)


def denoised(
    window: Sequence[Still], place: int, trails: Trails, p: MotionCompensated, first: int = 0
) -> Sequence[Plane]:
    """The planes of a picture, from number `first` on without noise."""
    import cv2

    here = window[place]
    matches = [match for step in (-1, 1) for match in trails.along(window, place, step)]
    repeats = [here.repeats(match.still) for match in matches]
    planes = list(here.planes)

    def put(number: int, values: Floats) -> None:
        own = here.values[number]
        planes[number] = here.rounded(number, own + p.strength * (values - own))

    luma = here.values[0]
    trusts: dict[int, Floats] = {}
    if first == 0 and (seen := _seen(here, matches, repeats, 0, p.sigma)):
        (mean,), variance, trusts = _averaged([seen], {})
        luma = _smoothed(mean, cv2.blur(mean, (5, 5)), seen.sigma**2 * variance, p.spatial, 3)
        put(0, luma)
    colours = [seen for n in (1, 2)[: len(planes) - 1] if (seen := _seen(here, matches, repeats, n, p.sigma))]
    if colours:
        means, variance, _ = _averaged(colours, trusts)
        for seen, mean, base in zip(colours, means, _guided(luma, means)):
            put(seen.number, _smoothed(mean, base, 1.5 * seen.sigma**2 * variance, p.spatial, 5))
    return planes


@dataclass(frozen=True)
class _Seen:
    """A plane, what of the neighbours was moved onto it, by their numbers, and the `sigma` of the noise of all."""

    number: int
    values: Floats
    others: dict[int, Floats]
    sigma: float


def _seen(
    here: Still, matches: Sequence[Match], repeats: Sequence[bool], number: int, sigma: float | None
) -> _Seen | None:
    """A plane with those neighbours that have noise of their own; None where there is no noise to speak of.

    A frame that was given twice has the same noise twice, which tells nothing.
    """
    from cinemill.measure.motion import noise_between

    values = here.values[number]
    others = {
        i: match.values(number)
        for i, match in enumerate(matches)
        if not repeats[i] or noise_between(values, match.still.values[number]) > _SILENT
    }
    found = (sigma or min(noise_between(values, other) for other in others.values())) if others else 0.0
    return _Seen(number, values, others, found) if found > _SILENT else None


def _averaged(planes: Sequence[_Seen], trusts: Mapping[int, Floats]) -> tuple[list[Floats], Floats, dict[int, Floats]]:
    """The weighted mean of each plane and its neighbours, which count alike in all planes.

    And at half size: how much of the noise's variance it has left, and the weights by neighbour.
    """
    import cv2
    import numpy as np

    common = [i for i in planes[0].others if all(i in plane.others for plane in planes)]
    fits = {i: _fit(planes, i, trusts.get(i)) for i in common}
    means = [plane.values.copy() for plane in planes]
    own = np.ones_like(_halved(means[0]))
    total, squares = sum(fits.values(), own), sum((fit * fit for fit in fits.values()), own)
    for i, fit in fits.items():
        weight = _enlarged(fit, means[0])
        for plane, mean in zip(planes, means):
            cv2.accumulateProduct(plane.others[i], weight, mean)
    # Enlarged before it is inverted, so that weights add up to one everywhere.
    share = 1 / _enlarged(total, means[0])
    for mean in means:
        mean *= share
    return means, squares / (total * total), fits


def _fit(planes: Sequence[_Seen], other: int, trust: Floats | None) -> Floats:
    """Weight of another picture, 0 to 1, at half size, from how patches of some 6 x 6 differ in the mean of `planes`.

    `trust` is what luma's weight was: colour shares its motion, and takes part of its doubt.
    """
    import cv2
    import numpy as np

    power = drift = np.float32(0)
    for plane in planes:
        difference = plane.others[other] - plane.values
        share = np.float32(1 / (len(planes) * 2 * plane.sigma**2))
        mean = cv2.blur(_halved(difference), (3, 3))
        drift = drift + share * mean * mean
        difference *= difference
        power = power + share * cv2.blur(_halved(difference), (3, 3))
    doubt = np.maximum(_DOUBT * power, _DOUBT) + np.maximum(_DRIFT * drift, _DRIFT / 12)
    # Weights of less than that are none; numbers that are smaller by far are slow.
    fit = np.exp(np.maximum(_DOUBT + _DRIFT / 12 - doubt, -20))
    if trust is not None:
        fit *= np.sqrt(np.sqrt(cv2.resize(trust, fit.shape[::-1], interpolation=cv2.INTER_AREA)))
    return fit


def _smoothed(values: Floats, base: Floats, variance: Floats, share: float, side: int) -> Floats:
    """`values` drawn to `base` where they differ by no more, over a patch, than noise of `variance` does.

    `variance` and the `side` of the patch are at half size.
    """
    import cv2
    import numpy as np

    if not share:
        return values
    rest = values - base
    power = np.maximum(cv2.blur(_halved(rest * rest), (side, side)), 1e-3)
    kept = np.maximum(1 - cv2.blur(variance, (side, side)) / power, 1 - share)
    rest *= _enlarged(kept, rest)
    rest += base
    return rest


def _guided(luma: Floats, planes: Sequence[Floats]) -> Iterator[Floats]:
    """Colours as the linear function of luma that fits best around each place; the function is found at half size."""
    import cv2
    import numpy as np

    side = (5, 5)
    guide = np.asarray(cv2.resize(luma, planes[0].shape[::-1], interpolation=cv2.INTER_AREA))
    small = _halved(guide)
    middle = cv2.blur(small, side)
    spread = cv2.blur(small * small, side) - middle * middle + _FLAT
    for plane in planes:
        values = _halved(plane)
        mean = cv2.blur(values, side)
        slope = (cv2.blur(small * values, side) - middle * mean) / spread
        offset = mean - slope * middle
        yield _enlarged(cv2.blur(slope, side), plane) * guide + _enlarged(cv2.blur(offset, side), plane)


def _halved(values: Floats) -> Floats:
    import cv2
    import numpy as np

    size = tuple(max(1, side // 2) for side in values.shape[::-1])
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA))


def _enlarged(values: Floats, like: Floats) -> Floats:
    """From half size to the size of `like`."""
    import cv2
    import numpy as np

    return np.asarray(cv2.resize(values, like.shape[::-1], interpolation=cv2.INTER_LINEAR))
