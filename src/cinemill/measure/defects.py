"""Five successive luma planes -> what is on the middle one only: dropouts of a tape, dirt of a film, counted.

A defect is brighter, or darker, than everything near its place one frame before and one frame after, where those two
agree with each other all around. A field that shows the same picture once more is passed over for the next one. What
is as thin as a line of a field and long is a dropout: the head lost the tape. Blobs are dirt. Source: the spike
detection index of A. Kokaram, Motion Picture Restoration, 1998, with a neighbourhood instead of estimated motion. What
moves by more than that may be counted; faint defects, those on their like and most that lie on moving things are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cinemill.media.types import Plane

_NEAR = 64
"""Movement by half of one part in so many of the width, or height, from frame to frame is not taken for a defect."""
_CLEAR = 20.0
"""Code values by which a defect stands out, at least."""
_NOISE = 6.0
"""And by how many sigmas of noise."""
_WILD = 0.03
"""Share of the picture above which it is no defect that came but a flash or another picture."""
_SPECK = 40_000
"""The smallest dirt that counts is one part in so many of the picture: three pixels square on a tape."""
_NEIGHBOURHOOD, _RESTLESS = 8, 0.1
"""Part of the height, and the share of so large a square around dirt that may change."""
_FOOT = 16
"""The lowest 1/16 of the picture is left out: decks change heads there."""


@dataclass(frozen=True)
class Defects:
    """How many there are on a frame."""

    dropouts: float
    dirt: float


def defects(planes: Sequence[Plane], bits: int, noise: float) -> Defects | None:
    """Count the defects on the middle one of five planes; None where it is not comparable.

    `noise` is luma's sigma in 8-bit code values.
    """
    lines, columns = planes[2].shape
    high = lines - lines // _FOOT
    shown = [_eight_bits(plane[:high], bits) for plane in planes]
    found, restless = np.zeros((2, high, columns), np.uint8)
    for parity in (0, 1):
        fields = [np.ascontiguousarray(plane[parity::2]) for plane in shown]
        found[parity::2], restless[parity::2] = _spikes(fields, noise)
    if found.mean() > _WILD:
        return None
    # Noise breaks streaks up, and what lies on one field alone is a row of streaks.
    joined = cv2.morphologyEx(found, cv2.MORPH_CLOSE, np.ones((3, 5), np.uint8))
    _, _, boxes, centres = cv2.connectedComponentsWithStats(joined, connectivity=8)
    wide, tall, area = (boxes[1:, at] for at in (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT, cv2.CC_STAT_AREA))
    # A deinterlacer makes three lines of one.
    streak = (tall <= 3) & (wide >= 4 * tall) & (wide >= max(6, columns // 100))
    blob = ~streak & (tall >= 2) & (wide >= 2) & (area >= max(6, lines * columns // _SPECK))
    # Sparks and drops fly among their like.
    around = cv2.blur(restless.astype(np.float32), (lines // _NEIGHBOURHOOD | 1,) * 2)
    across, down = np.rint(centres[1:]).astype(int).T
    blob &= around[down, across] < _RESTLESS
    return Defects(float(streak.sum()) * lines / high, float(blob.sum()) * lines / high)


def mean(seen: Sequence[Defects]) -> Defects | None:
    """What frames have on the average; None for none."""
    if not seen:
        return None
    return Defects(
        float(np.mean([one.dropouts for one in seen])),
        float(np.mean([one.dirt for one in seen])),
    )


def _eight_bits(plane: Plane, bits: int) -> NDArray[np.uint8]:
    return plane if plane.dtype == np.uint8 else (plane >> (bits - 8)).astype(np.uint8)


def _spikes(fields: Sequence[Plane], noise: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """1 where the middle field stands out, and where it changes otherwise."""
    now, clear = fields[2], max(_CLEAR, _NOISE * noise)
    before = _even(_other(now, fields[1], fields[0], noise), now)
    after = _even(_other(now, fields[3], fields[4], noise), now)
    size = (max(9, now.shape[1] // _NEAR | 1), max(7, 2 * now.shape[0] // _NEAR | 1))
    near = np.ones(size[::-1], np.uint8)
    brightest = cv2.max(cv2.dilate(before, near), cv2.dilate(after, near))
    darkest = cv2.min(cv2.erode(before, near), cv2.erode(after, near))
    stands_out = np.asarray(cv2.max(cv2.subtract(now, brightest), cv2.subtract(darkest, now)) > clear, np.uint8)
    agree = np.asarray(cv2.absdiff(cv2.blur(before, size), cv2.blur(after, size)) < clear / 2, np.uint8)
    spikes = np.asarray(stands_out & (np.asarray(cv2.erode(agree, near)) > 0), np.uint8)
    changed = cv2.max(cv2.absdiff(now, before), cv2.absdiff(now, after)) > clear
    return spikes, np.asarray(changed & (cv2.dilate(stands_out, near) == 0), np.uint8)


def _other(now: Plane, next_to: Plane, beyond: Plane, noise: float) -> Plane:
    """The nearer field, unless it shows the same picture: film on video repeats fields, and its dirt with them."""
    size = (max(1, now.shape[1] // 8), max(1, now.shape[0] // 8))
    one, other = (cv2.resize(field, size, interpolation=cv2.INTER_AREA).astype(np.int16) for field in (now, next_to))
    return beyond if float(np.abs(one - other).mean()) < 0.25 + 0.15 * noise else next_to


def _even(field: Plane, now: Plane) -> Plane:
    """`field` as bright as `now` in the mean."""
    return np.asarray(cv2.convertScaleAbs(field, alpha=1.0, beta=float(now.mean()) - float(field.mean())))
