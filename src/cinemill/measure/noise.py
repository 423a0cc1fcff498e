"""Three successive planes -> how strong their noise is: sigma in 8-bit code values, for luma and chroma alike.

Where nothing moves, the second difference in time is noise alone, whatever its neighbours in the picture share of it;
where something moves slowly, the second difference down the lines of a field of that is. Each block of the picture
votes, those with little texture only, and the most frequent value wins, since movement and texture only ever add. Grain
depends on the light, so that value is a curve over brightness, and the noise of the picture is what the curve gives for
all of its blocks. Lines of the same field are compared, which is right for interlaced and whole pictures alike.
Sources: for voting by blocks, A. Amer and E. Dubois, Fast and reliable structure-oriented video noise estimation, 2005;
for the differences, J. Immerkaer, Fast noise variance estimation, 1996; for the curve, C. Liu et al., Noise estimation
from a single image, 2006. Wrong for noise that a codec froze: it does not change in time, and is no noise here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
"""float32"""

_BLOCK = 16
_WIDE = 65
"""Side of the square whose mean does not count as noise. Noise of colour, in patches of a dozen px, loses 1 % by it."""
_ROUNDING = 1 / 12
"""Variance that rounding to whole code values adds."""
_ALIKE = 0.2
"""Blocks within this share of the commonest sigma are of one kind; chance spreads them by 0.06 to 0.12."""
_ENOUGH = 0.2
"""Share of blocks that must be of that kind for it to be believed."""
_EVEN = 0.5
"""Share of the blocks, those with the least texture, that vote."""
_SMOOTH = 2.0
"""Pixels that grain is smoothed by before texture is looked for."""
_AT_FIRST = 0.35
"""The share that blocks may be from the curve while that is still a straight and level line."""
_STIFF = 0.04
"""How much a curve that bends is distrusted."""
_REPEATED = 0.3
"""Change of a field since the one before, as a share of that since the one before that, when it is the same again."""
_BLACK = 20.0
"""Mean code value below which an even block is a black bar, which tells nothing."""


@dataclass(frozen=True)
class Votes:
    """Noise variance by block, as two filters see it. Code values squared; blocks of digital black are left out."""

    in_time: Floats
    in_time_and_down: Floats
    light: Floats
    """Mean code value of each block."""
    texture: Floats
    """How much the picture without its noise changes within each block, code values squared."""


def distinct(planes: Sequence[Floats]) -> tuple[Floats, Floats, Floats]:
    """The middle one of five successive planes between the nearest that differ, field by field.

    Film on video repeats fields, and the noise of the film with them.
    """
    first, before, now, after, last = planes
    before, after = before.copy(), after.copy()
    for parity in (0, 1):
        for near, far in ((before, first), (after, last)):
            change, further = (float(np.abs(now[parity::2] - one[parity::2]).mean()) for one in (near, far))
            if change < _REPEATED * further:
                near[parity::2] = far[parity::2]
    return before, now, after


def votes(before: Floats, now: Floats, after: Floats) -> Votes:
    """The votes of one plane of three successive frames, (H, W) in 8-bit code values."""
    change = before - 2 * now + after
    # Brightness that flickers is no noise; nor is a fade.
    change -= cv2.blur(change, (_WIDE, _WIDE))
    seen = ~_black(now)
    # Each filter's gain for white noise is the sum of its squared taps: 1 + 4 + 1, and 6 times that.
    in_time = _means(np.square(change))[seen] / 6
    down = change[:-4] - 2 * change[2:-2] + change[4:]
    in_both = _means(np.square(down)) / 36
    texture = _means(_steepness((before + now + after) / 3))
    return Votes(in_time, in_both[seen[: in_both.shape[0]]], _means(now)[seen], texture[seen])


def _steepness(plane: Floats) -> Floats:
    smooth = cv2.GaussianBlur(plane, (0, 0), _SMOOTH)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, *way, ksize=1) for way in ((1, 0), (0, 1)))
    return np.square(across) + np.square(down)


def sigma(seen: Sequence[Votes]) -> float | None:
    """Standard deviation of the noise that these votes agree on; None where there is nothing to see."""
    none = np.zeros(0, np.float32)
    light, texture = (np.concatenate([none, *parts]) for parts in ([v.light for v in seen], [v.texture for v in seen]))
    values = _joined([v.in_time for v in seen])
    if not values.size:
        return None
    if (found := _typical(values, light, texture)) is not None:
        return found
    values = _joined([v.in_time_and_down for v in seen])
    if values.size:
        alike = values[np.abs(values / _commonest(values) - 1) < _ALIKE]
        if alike.size >= _ENOUGH * values.size:
            return float(np.sqrt(np.mean(np.square(alike))))
    # Everything moves and nothing agrees: noise is no more than the quietest blocks show.
    return float(np.quantile(values, 0.1)) if values.size else None


def _typical(values: Floats, light: Floats, texture: Floats) -> float | None:
    """Noise of the whole picture by the curve over `light` that most even blocks lie on; None where too few do."""
    logs = np.log(values).astype(np.float64)
    even = texture <= np.quantile(texture, _EVEN)
    curve = np.array([np.log(_commonest(values[even])), 0, 0])
    alike = even
    for share in np.linspace(_AT_FIRST, _ALIKE, 8):
        alike = even & (np.abs(logs - _bent(light) @ curve) < share)
        shapes = _bent(light[alike])
        stiff = np.diag([0, 1, 2]) * _STIFF * len(shapes)
        curve = np.linalg.solve(shapes.T @ shapes + stiff, shapes.T @ logs[alike])
    if alike.sum() < _ENOUGH * even.sum():
        return None
    # The curve says nothing beyond the light that it was found in.
    known = np.clip(light, *np.quantile(light[alike], [0.02, 0.98]))
    chance = np.mean(np.exp(2 * (logs[alike] - _bent(light[alike]) @ curve)))
    return float(np.sqrt(np.mean(np.exp(2 * (_bent(known) @ curve))) * chance))


def _bent(light: Floats) -> NDArray[np.float64]:
    """(n, 3): what a curve over light is made of."""
    x = (light.astype(np.float64) - 128) / 64
    return np.stack([np.ones_like(x), x, x * x], axis=1)


def _joined(variances: Sequence[Floats]) -> Floats:
    """Sigmas of all blocks, without what rounding adds; never quite 0, so that they can be compared by ratio."""
    joined = np.concatenate([np.zeros(0, np.float32), *variances])
    return np.sqrt(np.maximum(joined - _ROUNDING, 1e-4))


def _commonest(values: Floats) -> float:
    """The half-sample mode of logarithms: halve to the densest half until few are left (Bickel and Frühwirth, 2006)."""
    rest = np.sort(np.log(values))
    while rest.size > 3:
        half = (rest.size + 1) // 2
        start = int(np.argmin(rest[half - 1 :] - rest[: rest.size - half + 1]))
        rest = rest[start : start + half]
    return float(np.exp(rest.mean()))


def _black(plane: Floats) -> NDArray[np.bool_]:
    mean = _means(plane)
    return (mean < _BLACK) & (_means(np.square(plane)) - mean**2 < 0.01)


def _means(plane: Floats) -> Floats:
    """Mean of each whole block."""
    rows, columns = plane.shape[0] // _BLOCK, plane.shape[1] // _BLOCK
    if not rows or not columns:
        return np.zeros((rows, columns), np.float32)
    whole = plane[: rows * _BLOCK, : columns * _BLOCK]
    return np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA))
