"""Whether a frame begins a scene, from it and the one before alone: so that any cut of the stream finds the same."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from cinemill.filters.drawing import resized, seen

if TYPE_CHECKING:
    from cinemill.measure.scenes import Glance
    from cinemill.media.types import Frame, Plane

_SIZE = (64, 48)
"""Columns and lines of a frame, reduced."""
_LEFT = 0.16
"""What is left at a cut of half of the blocks, when each may move; see `measure.scenes`. Noise leaves less."""
_NEVER = Fraction(1)
_CUT = 0.45
"""Difference of glances that is a cut; see `measure.scenes`."""


class Cuts:
    """Asked for every frame of a stream in order."""

    def __init__(self) -> None:
        self._before: Glance | None = None

    def begins(self, small: Plane) -> bool:
        """Whether a frame, as `reduced` gives it, shows another scene than the one before; the first one does not."""
        import numpy as np

        from cinemill.measure.scenes import Glance, difference, residue

        chroma = resized(np.ascontiguousarray(small[..., 1:]), (_SIZE[0] // 2, _SIZE[1] // 2))
        luma, chroma = small[..., 0].astype(np.float32), chroma.transpose(2, 0, 1).astype(np.float32)
        before, self._before = self._before, Glance(0, _NEVER, luma, chroma)
        if before is None or (change := difference(before, self._before)) < _CUT:
            return False
        # What moved far is found elsewhere; what was cut to is not.
        return float(np.median(residue(before, self._before))) > max(_LEFT, 0.3 - 0.2 * change)


def reduced(frame: Frame) -> Plane:
    """(48, 64, 3) uint8: luma and differences of a YUV or grey frame, as `drawing.seen` has them."""
    import cv2
    import numpy as np

    luma, *chroma = (_small(plane) for plane in seen(frame)[:3])
    return np.asarray(cv2.merge([luma, *(chroma or [np.full_like(luma, 128)] * 2)]))


def _small(plane: Plane) -> Plane:
    # Averaging by whole numbers first is several times as fast as by any ratio.
    height, width = plane.shape
    across, down = max(1, width // (2 * _SIZE[0])), max(1, height // (2 * _SIZE[1]))
    whole = plane[: height // down * down, : width // across * across]
    return resized(resized(whole, (width // across, height // down)), _SIZE)
