"""Less noise by averaging each part of the picture along its motion, and what is left of it within the picture.

Neighbours are moved onto the frame by optical flow and count by how well they fit, judged against the noise: a patch
that differs by more than noise does counts little, so that moving things leave no ghosts. How much noise the average
leaves is known, and a local Wiener filter reduces it; colour is drawn to what luma makes likely. The noise is measured
between the frames; where there is none, nothing changes. Interlaced frames are denoised field by field.
Sources: weights after A. Buades, B. Coll, J.-M. Morel, A non-local algorithm for image denoising, 2005; Wiener filter
after J.-S. Lee, Digital image enhancement and noise filtering by use of local statistics, 1980; guided filter of
colour by K. He, J. Sun, X. Tang, 2010. Wrong for noise that does not change from frame to frame, as in strongly
compressed video: it is kept.
720x576: 13 frames/s on one core.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cinemill.catalogue import Field, Params
from cinemill.filters import GREY, YUV, Halo, stream_filter
from cinemill.filters.neighbours import repaired

if TYPE_CHECKING:
    from cinemill.measure.motion import Floats, Motion, Still
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
    from cinemill.measure.motion import Motion

    motion = Motion()

    def repair(window: Sequence[Still], place: int) -> Sequence[Plane]:
        return denoised(window, place, motion, p)

    return repaired(frames, p.radius, repair)


def denoised(
    window: Sequence[Still], place: int, motion: Motion, p: MotionCompensated, first: int = 0
) -> Sequence[Plane]:
    """The planes of a picture, from number `first` on without noise."""
    import cv2

    here = window[place]
    matches = [motion.match(here.guide, other) for other in window if other is not here]
    matches = [match for match in matches if not match.is_other_scene(here)]
    repeats = [here.repeats(match.still) for match in matches]
    trusts: list[Any] = [1.0] * len(matches)
    planes, luma = list(here.planes), here.values[0]
    for number in range(first, len(planes)):
        values = here.values[number]
        others = [match.values(number) for match in matches]
        fresh, sigma = _heard(values, others, repeats, p.sigma)
        if sigma <= _SILENT:
            continue
        mean, variance, fits = _averaged(values, [others[i] for i in fresh], [trusts[i] for i in fresh], sigma)
        if number == 0:
            mean = luma = _smoothed(mean, cv2.blur(mean, (5, 5)), variance, p.spatial, 5)
            for i, fit in zip(fresh, fits):
                trusts[i] = fit
        else:
            mean = _smoothed(mean, _guided(luma, mean), 1.5 * variance, p.spatial, 9)
        planes[number] = here.rounded(number, values + p.strength * (mean - values))
    return planes


def _heard(
    values: Floats, others: Sequence[Floats], repeats: Sequence[bool], sigma: float | None
) -> tuple[list[int], float]:
    """Which of the others have noise of their own, and how strong it is: `sigma`, or what is measured."""
    from cinemill.measure.motion import noise_between

    sigmas = [noise_between(values, other) for other in others]
    # A frame that was given twice has the same noise twice, which tells nothing.
    fresh = [i for i, found in enumerate(sigmas) if found > _SILENT or not repeats[i]]
    if not fresh:
        return [], 0.0
    return fresh, sigma or min(sigmas[i] for i in fresh)


def _averaged(
    values: Floats, others: Sequence[Floats], trusts: Sequence[Any], sigma: float
) -> tuple[Floats, Floats, list[Floats]]:
    """The weighted mean of a plane and others; the noise variance it has left; the weights, at half size."""
    import cv2
    import numpy as np

    height, width = values.shape
    total, squares = np.ones_like(values), np.ones_like(values)
    mean = values.copy()
    fits: list[Floats] = []
    for other, trust in zip(others, trusts):
        fit = _fit(other - values, trust, sigma)
        weight = np.asarray(cv2.resize(fit, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
        cv2.accumulateProduct(other, weight, mean)
        cv2.accumulate(weight, total)
        cv2.accumulateSquare(weight, squares)
        fits.append(fit)
    return mean / total, squares / (total * total) * np.float32(sigma * sigma), fits


def _fit(difference: Floats, trust: Any, sigma: float) -> Floats:
    """Weight of another picture, 0 to 1, at half size, from how patches of some 6 x 6 differ.

    `trust` is what luma's weight was: colour shares its motion, and takes part of its doubt.
    """
    import cv2
    import numpy as np

    height, width = difference.shape
    size = (max(1, width // 2), max(1, height // 2))
    halves = cv2.resize(np.dstack([difference, difference * difference]), size, interpolation=cv2.INTER_AREA)
    drift, power = cv2.split(cv2.blur(halves, (3, 3)))
    noise = 2 * sigma * sigma
    doubt = _DOUBT * np.maximum(0, power / noise - 1) + _DRIFT * np.maximum(0, drift * drift / noise - 1 / 12)
    fit = np.exp(-doubt)
    if not isinstance(trust, float):
        fit *= np.sqrt(np.sqrt(cv2.resize(trust, size, interpolation=cv2.INTER_AREA)))
    return np.asarray(fit, np.float32)


def _smoothed(values: Floats, base: Floats, variance: Floats, share: float, side: int) -> Floats:
    """`values` drawn to `base` where they differ by no more, over a patch, than noise of `variance` does."""
    import cv2
    import numpy as np

    if not share:
        return values
    rest = values - base
    power = np.maximum(cv2.blur(rest * rest, (side, side)), 1e-3)
    kept = np.maximum(1 - cv2.blur(variance, (side, side)) / power, 1 - share)
    return base + kept * rest


def _guided(luma: Floats, values: Floats) -> Floats:
    """Colour as the linear function of luma that fits best around each place."""
    import cv2

    side = (9, 9)
    guide = cv2.resize(luma, values.shape[::-1], interpolation=cv2.INTER_AREA)
    mean_guide, mean = cv2.blur(guide, side), cv2.blur(values, side)
    spread = cv2.blur(guide * guide, side) - mean_guide * mean_guide
    slope = (cv2.blur(guide * values, side) - mean_guide * mean) / (spread + _FLAT)
    offset = mean - slope * mean_guide
    return cv2.blur(slope, side) * guide + cv2.blur(offset, side)
