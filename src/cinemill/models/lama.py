"""A picture and a mask -> the picture with something likely where the mask is: LaMa.

Source: R. Suvorov et al., Resolution-robust large mask inpainting with Fourier convolutions, 2022. ONNX files take
512 x 512, files for torch any size; either sees a square around the mask with as much again on each side.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Protocol

import cv2
import numpy as np

from cinemill.errors import InvalidParams
from cinemill.models import onnx_backend, torch_backend
from cinemill.models.session import Floats, Wanted
from cinemill.models.torch_backend import Place, within_memory

_LARGEST = 512
"""Side of the square that is looked at; what was trained on is no larger."""


class Network(Protocol):
    """Fills a square."""

    @property
    def side(self) -> int | None:
        """The only side it takes; None for multiples of 8."""
        ...

    def filled(self, picture: Floats, mask: Floats) -> Floats:
        """(3, S, S) float32 RGB, 0 to 1, and (S, S) float32, 1 where it is to be filled, to (3, S, S)."""
        ...


@lru_cache(maxsize=2)
def network(wanted: Wanted) -> Network:
    """A network that fills masks. Raises InvalidParams, OpenFailed, MissingResource."""
    if wanted.path.suffix == ".onnx":
        return onnx_backend.tried(wanted.path, wanted.device, lambda session, _: _Onnx(session, wanted.path.name))
    descriptor = torch_backend.load(wanted.path)
    if descriptor.purpose != "Inpainting":
        raise InvalidParams(f"{wanted.path.name} ({descriptor.architecture.name}) does not fill masks.")
    place = torch_backend.placed(wanted, descriptor.supports_half, descriptor.supports_bfloat16)
    return _Torch(descriptor.model, place)


class _Torch:
    side = None

    def __init__(self, module: Any, place: Place) -> None:
        self._place = place
        self._module = place.move(module)

    def filled(self, picture: Floats, mask: Floats) -> Floats:
        with within_memory(self._place):
            made = self._module(self._place.put(picture[None]), self._place.put(mask[None, None]))
            return made[0].float().cpu().contiguous().numpy()


class _Onnx:
    def __init__(self, session: Any, name: str) -> None:
        self._session = session
        inputs = {value.shape[1]: value for value in session.get_inputs() if len(value.shape) == 4}
        if set(inputs) != {1, 3}:
            told = ", ".join(f"{value.name} {value.shape}" for value in session.get_inputs())
            raise InvalidParams(f"{name} takes {told}, not a picture of 3 channels and a mask of 1; it fills no masks.")
        self._picture, self._mask = inputs[3].name, inputs[1].name
        side = inputs[3].shape[2]
        self.side: int | None = side if isinstance(side, int) else None

    def filled(self, picture: Floats, mask: Floats) -> Floats:
        given = {self._picture: picture[None].astype(np.float32), self._mask: mask[None, None].astype(np.float32)}
        made = np.asarray(self._session.run(None, given)[0][0], np.float32)
        return made / 255 if made.max() > 1.5 else made  # some exports end in code values


def filled(picture: Floats, mask: Floats, network: Network) -> Floats:
    """(3, H, W) float32 RGB with the places where `mask` (H, W) is not 0 filled; the others are as they were."""
    rows, columns = _square(mask)
    part, hole = picture[:, rows, columns], (mask[rows, columns] > 0).astype(np.float32)
    size = hole.shape[::-1]
    side = network.side or min(_LARGEST, -(-max(size) // 8) * 8)
    small = np.stack([cv2.resize(np.clip(plane, 0, 1), (side, side), interpolation=cv2.INTER_AREA) for plane in part])
    seen = (cv2.resize(hole, (side, side), interpolation=cv2.INTER_LINEAR) > 0).astype(np.float32)
    made = network.filled(np.ascontiguousarray(small * (1 - seen)), seen)
    large = np.stack([cv2.resize(plane, size, interpolation=cv2.INTER_CUBIC) for plane in made])
    whole = picture.copy()
    whole[:, rows, columns] = np.where(hole > 0, large, part)
    return whole


def _square(mask: Floats) -> tuple[slice, slice]:
    """The mask's bounding box, three times as large, within the picture."""
    spans: list[slice] = []
    for axis in (1, 0):
        (there,) = np.nonzero(mask.any(axis=axis))
        first, last = int(there[0]), int(there[-1]) + 1
        around = max(last - first, 32)
        spans.append(slice(max(0, first - around), min(mask.shape[1 - axis], last + around)))
    return spans[0], spans[1]
