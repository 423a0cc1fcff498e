"""Pairs of frames -> how far the second is from the first: PSNR, SSIM and flicker, frame by frame and in sum.

Frames are paired by time, never by number. Sources: SSIM, Wang, Bovik, Sheikh and Simoncelli 2004, with the paper's
11x11 Gaussian and constants, on luma at full size. VMAF is Netflix's, through the FFmpeg program. Edges, sharpness and
warping error, which cost as much again, are measured where they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain, islice, pairwise
from math import inf, log10
from statistics import mean, median
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cinemill.errors import RequestError
from cinemill.hardware import cores
from cinemill.measure.outlines import coherence, sharpness
from cinemill.measure.warping import Follower
from cinemill.media.flow import parallel
from cinemill.media.types import Frame, Plane

_SSIM_SIGMA = 1.5
_SSIM_RADIUS = 5
_C1 = (0.01 * 255) ** 2
_C2 = (0.03 * 255) ** 2
_LOOK_AHEAD = 9
"""Frames that tell a stream's rate."""
_SAME_RATE = 0.02
"""How far two rates may be apart; 24 and 25 are not the same, 29.97 and 30 nearly are."""
IDENTICAL_DB = 100.0
"""What an identical frame, whose PSNR is infinite, adds to a mean of PSNRs."""


@dataclass(frozen=True, slots=True)
class Closer:
    """What takes longer to measure, of the distorted frame and (`_reference`) of the other, on luma."""

    edges: float
    """How far both have their edges in the same places and directions, from 0 to 1; see `outlines.coherence`."""
    sharpness: float
    sharpness_reference: float
    """Standard deviation of the Laplacian, in 8-bit code values."""
    warping: float | None
    warping_reference: float | None
    """Mean change since the pair before beyond what moved, in 8-bit code values; None at first and at cuts. Both go by
    the motion of the reference, so that flicker cannot be taken for motion."""


@dataclass(frozen=True, slots=True)
class PairQuality:
    """One distorted frame against its reference. `mse` in 8-bit code values squared, per plane (Y, Cb, Cr or Y)."""

    time: float
    mse: tuple[float, ...]
    weights: tuple[float, ...]
    """Each plane's share of the samples, which makes up `psnr`."""
    ssim: float
    """Of luma; 1 is identical."""
    flicker: float | None
    """Mean |change of (distorted - reference)| in luma since the pair before, in 8-bit code values; None at first."""
    closer: Closer | None = None

    @property
    def psnr_planes(self) -> tuple[float, ...]:
        """Decibels per plane, in the order of the planes; infinite when identical."""
        return tuple(map(decibels, self.mse))

    @property
    def psnr_y(self) -> float:
        return decibels(self.mse[0])

    @property
    def psnr(self) -> float:
        """Decibels over all samples of all planes."""
        return decibels(sum(m * w for m, w in zip(self.mse, self.weights)))


@dataclass
class Unmatched:
    """Frames that had no partner within half a frame, filled while `compare` runs."""

    reference: int = 0
    distorted: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """Quality over all pairs. PSNRs are decibels of the mean error, which bad frames decide; `psnr_y_mean` is the mean
    of the frames' own, where an identical frame counts 100 dB. `worst` is when `psnr_y_min` was reached, in seconds.
    """

    frames: int
    psnr_planes: tuple[float, ...]
    psnr: float
    psnr_y_mean: float
    psnr_y_min: float
    worst: float
    ssim: float
    ssim_min: float
    flicker: float
    unmatched: Unmatched

    @property
    def psnr_y(self) -> float:
        return self.psnr_planes[0]


def decibels(mse: float) -> float:
    """PSNR of a mean squared error in 8-bit code values squared."""
    return 10 * log10(255**2 / mse) if mse else inf


def compare(
    reference: Iterable[Frame],
    distorted: Iterable[Frame],
    unmatched: Unmatched | None = None,
    *,
    closer: bool = False,
    any_rate: bool = False,
) -> Iterator[PairQuality]:
    """Each distorted frame against the reference frame of its time; planar YUV or grey.

    `closer` measures edges, sharpness and warping too. `any_rate` lets the rates differ: frames that have no partner
    are counted. Depths may differ: the shallower is shifted up. Holds a few frames of each. Raises RequestError at once
    when size, pixel format, range or rate differ or a picture is RGB, and at the end when no two frames were of the
    same time.
    """
    unmatched = unmatched if unmatched is not None else Unmatched()
    ours, theirs = iter(reference), iter(distorted)
    first, second = list(islice(ours, _LOOK_AHEAD)), list(islice(theirs, _LOOK_AHEAD))
    if first and second:
        _check(first[0], second[0])
        if not any_rate:
            _check_rates(_gaps(first), _gaps(second))
    steps = [median(_gaps(few)) for few in (first, second) if len(few) > 1]
    pairs = _matched(chain(first, ours), chain(second, theirs), min(steps, default=Fraction(1, 25)), unmatched)
    return _qualities(pairs, unmatched, closer)


def _qualities(pairs: Iterator[tuple[Frame, Frame]], unmatched: Unmatched, closer: bool) -> Iterator[PairQuality]:
    """Pairs are measured side by side; what compares each with the one before follows in order."""
    before: _Measured | None = None
    follower = Follower()
    with closing(parallel(pairs, lambda pair: _measured(*pair, closer), cores())) as measured:
        for now in measured:
            flicker = None if before is None else float(np.abs(now.error - before.error).mean())
            closely = now.quality.closer
            if closely:
                found = follower.errors(now.luma, now.other)
                closely = replace(closely, warping_reference=found and found[0], warping=found and found[1])
            yield replace(now.quality, flicker=flicker, closer=closely)
            before = now
    if before is None:
        raise RequestError(
            f"none of the {unmatched.distorted} pictures is of the same time as one of the "
            f"{unmatched.reference} of the reference; cut or shift one of them so that they overlap."
        )


def luma(frame: Frame) -> NDArray[np.float32]:
    """(H, W) float32 luma of planar YUV or grey in 8-bit code values."""
    return frame.planes[0].astype(np.float32) * np.float32(255 / (2**frame.layout.bits - 1))


def summarise(pairs: Iterable[PairQuality], unmatched: Unmatched | None = None) -> Summary:
    """The sum of all pairs. Raises ValueError when there are none."""
    pairs = list(pairs)
    if not pairs:
        raise ValueError("no pairs to summarise")
    mse = np.mean([pair.mse for pair in pairs], axis=0)
    worst = min(pairs, key=lambda pair: pair.psnr_y)
    flickers = [pair.flicker for pair in pairs if pair.flicker is not None]
    return Summary(
        frames=len(pairs),
        psnr_planes=tuple(decibels(float(m)) for m in mse),
        psnr=decibels(float(mse @ pairs[0].weights)),
        psnr_y_mean=sum(min(pair.psnr_y, IDENTICAL_DB) for pair in pairs) / len(pairs),
        psnr_y_min=worst.psnr_y,
        worst=worst.time,
        ssim=sum(pair.ssim for pair in pairs) / len(pairs),
        ssim_min=min(pair.ssim for pair in pairs),
        flicker=sum(flickers) / len(flickers) if flickers else 0.0,
        unmatched=unmatched or Unmatched(),
    )


def _check(ref: Frame, dis: Frame) -> None:
    for frame in (ref, dis):
        if frame.layout.family == "rgb":
            raise RequestError(f"quality is measured on luma and chroma; bring {frame.format} to yuv444p first.")
    if (ref.width, ref.height) != (dis.width, dis.height):
        sizes = f"{dis.width}x{dis.height} cannot be measured against {ref.width}x{ref.height}"
        raise RequestError(f"{sizes}; scale one to the size of the other first.")
    if [plane.shape for plane in ref.planes] != [plane.shape for plane in dis.planes]:
        raise RequestError(f"{dis.format} cannot be measured against {ref.format}; convert one of them first.")
    ranges = {ref.colour.range, dis.colour.range} - {"unspecified"}
    if len(ranges) > 1:
        raise RequestError(f"one is {ref.colour.range} range and the other {dis.colour.range}; convert one first.")


def _gaps(frames: list[Frame]) -> list[Fraction]:
    """Seconds from each frame to the next."""
    return [later - earlier for earlier, later in pairwise(frame.pts * frame.time_base for frame in frames)]


def _check_rates(ref: list[Fraction], dis: list[Fraction]) -> None:
    if not ref or not dis:
        return
    # The median forgives a frame that is missing, the mean a clock of whole milliseconds.
    for typical in (median, mean):
        ours, theirs = typical(ref), typical(dis)
        if abs(ours - theirs) <= _SAME_RATE * max(ours, theirs):
            return
    rates = f"{float(1 / median(dis)):.5g} pictures a second cannot be measured against {float(1 / median(ref)):.5g}"
    raise RequestError(f"{rates}; bring one to the rate of the other first.")


def _matched(
    reference: Iterator[Frame], distorted: Iterator[Frame], step: Fraction, unmatched: Unmatched
) -> Iterator[tuple[Frame, Frame]]:
    """Pairs at most half a `step` apart; frames left over are counted."""
    ref, dis = next(reference, None), next(distorted, None)
    while ref is not None and dis is not None:
        late = dis.pts * dis.time_base - ref.pts * ref.time_base
        if abs(late) <= step / 2:
            yield ref, dis
            ref, dis = next(reference, None), next(distorted, None)
        elif late > 0:
            unmatched.reference += 1
            ref = next(reference, None)
        else:
            unmatched.distorted += 1
            dis = next(distorted, None)
    unmatched.reference += (ref is not None) + sum(1 for _ in reference)
    unmatched.distorted += (dis is not None) + sum(1 for _ in distorted)


@dataclass(frozen=True, slots=True)
class _Measured:
    """A pair by itself: its quality but for what takes the pair before, and luma of the reference and of the other,
    (H, W) float32 in 8-bit code values.
    """

    quality: PairQuality
    luma: NDArray[np.float32]
    other: NDArray[np.float32]
    error: NDArray[Any]
    """The other's luma less the reference's."""


def _measured(ref: Frame, dis: Frame, closer: bool) -> _Measured:
    bits = max(ref.layout.bits, dis.layout.bits)
    planes = min(len(ref.planes), 3)  # alpha is no picture
    ours = [_deepened(plane, bits - ref.layout.bits) for plane in ref.planes[:planes]]
    theirs = [_deepened(plane, bits - dis.layout.bits) for plane in dis.planes[:planes]]
    # 255 stands for the peak of the depth, 2^bits - 1.
    scale = 255 / (2**bits - 1)
    counts = [plane.size for plane in ours]
    first, second = (planes[0].astype(np.float32) * np.float32(scale) for planes in (ours, theirs))
    quality = PairQuality(
        time=dis.time,
        mse=tuple(squared_error(a, b) / a.size * scale**2 for a, b in zip(ours, theirs)),
        weights=tuple(count / sum(counts) for count in counts),
        ssim=ssim(first, second),
        flicker=None,
        closer=_closer(first, second) if closer else None,
    )
    return _Measured(quality, first, second, second - first)


def _closer(first: NDArray[np.float32], second: NDArray[np.float32]) -> Closer:
    return Closer(coherence(first, second), sharpness(second), sharpness(first), warping=None, warping_reference=None)


def _deepened(plane: Plane, shift: int) -> Plane:
    return plane.astype(np.uint16) << shift if shift else plane


def squared_error(a: Plane, b: Plane) -> int:
    """The exact sum of (a - b)² over two planes of the same shape and depth."""
    if a.dtype == np.uint8:
        difference = cv2.absdiff(a, b).astype(np.int32).ravel()
        return int(np.square(difference, out=difference).sum(dtype=np.int64))
    wide = (a.astype(np.int64) - b).ravel()
    return int(wide @ wide)


def ssim(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Mean structural similarity of two float32 planes in 8-bit code values; borders of five pixels are left out.

    Pictures smaller than the window are taken as one window.
    """
    if min(a.shape) <= 2 * _SSIM_RADIUS:
        means, spreads = (a.mean(), b.mean()), (a.var(), b.var(), ((a - a.mean()) * (b - b.mean())).mean())
        return float(_similarity(*means, *spreads))
    mean_a, mean_b = _blurred(a), _blurred(b)
    var_a = _blurred(a * a) - mean_a * mean_a
    var_b = _blurred(b * b) - mean_b * mean_b
    both = _blurred(a * b) - mean_a * mean_b
    return float(_similarity(mean_a, mean_b, var_a, var_b, both).mean(dtype=np.float64))


def _similarity(mean_a: Any, mean_b: Any, var_a: Any, var_b: Any, both: Any) -> Any:
    light = (2 * mean_a * mean_b + _C1) / (mean_a * mean_a + mean_b * mean_b + _C1)
    return light * (2 * both + _C2) / (var_a + var_b + _C2)


def _blurred(plane: Any) -> NDArray[np.float32]:
    side, inner = 2 * _SSIM_RADIUS + 1, slice(_SSIM_RADIUS, -_SSIM_RADIUS)
    return np.asarray(cv2.GaussianBlur(plane, (side, side), _SSIM_SIGMA)[inner, inner], np.float32)
