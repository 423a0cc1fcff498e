"""Faces: where they are in a picture, how they are laid into the square that networks know, what these make of them.

Detection is YuNet's (W. Wu, H. Peng, S. Yu, 2023), by OpenCV. Faces are turned and scaled until eyes, nose and mouth
lie where they lie in FFHQ's pictures of 512 x 512 and are restored there (GFPGAN, X. Wang et al., 2021; CodeFormer,
S. Zhou et al., 2022; RestoreFormer, Z. Wang et al., 2022). They are put back with a soft border.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from cinemill.errors import InvalidParams, OpenFailed
from cinemill.models import onnx_backend, torch_backend
from cinemill.models.session import Floats, Wanted
from cinemill.models.torch_backend import Place, within_memory

SIDE = 512
"""Pixels of the square that networks take."""
_TEMPLATE = SIDE * np.array(
    [
        (0.37691676, 0.46864664),
        (0.62285697, 0.46912813),
        (0.50123859, 0.61331904),
        (0.39308822, 0.72541100),
        (0.61150205, 0.72490465),
    ]
)
"""Eyes, nose and corners of the mouth in an FFHQ picture, from left to right."""
_LONGEST = 1280
"""Longer side of the picture that faces are looked for in; YuNet finds them from 10 px on."""
_NOTHING = cv2.BORDER_CONSTANT
_RIM = 0.1
"""Width of the soft border, in sides of the square."""


@dataclass(frozen=True, eq=False)
class Face:
    """`points` (5, 2): columns and rows of eyes, nose and corners of the mouth, in square pixels as high as a row."""

    points: Floats
    score: float

    @property
    def size(self) -> float:
        """From the middle of the eyes to the middle of the mouth."""
        return float(np.hypot(*(self.points[:2].mean(axis=0) - self.points[3:].mean(axis=0))))


class Detector:
    """Finds faces. Not for two threads at once."""

    def __init__(self, path: Path, threshold: float) -> None:
        try:
            self._net: Any = cv2.FaceDetectorYN.create(str(path), "", (320, 320), threshold)
        except cv2.error as error:
            said = next(iter(str(error).splitlines()), "")
            raise OpenFailed(f"{path} is no face detector that OpenCV can run: {said}") from None

    def faces(self, picture: Floats, sar: float = 1.0) -> list[Face]:
        """Faces in (3, H, W) float32 RGB with pixels `sar` times as wide as high, the surest first."""
        height, width = picture.shape[1:]
        scale = min(1.0, _LONGEST / max(height, width * sar))
        size = (max(32, round(width * sar * scale)), max(32, round(height * scale)))
        seen = np.clip(np.rint(picture[::-1] * 255), 0, 255).astype(np.uint8).transpose(1, 2, 0)
        seen = cv2.resize(seen, size, interpolation=cv2.INTER_AREA)
        self._net.setInputSize(size)
        _, found = self._net.detect(np.ascontiguousarray(seen))
        rows = [] if found is None else sorted(found, key=lambda row: -row[14])
        back = np.array([width * sar / size[0], height / size[1]])
        return [Face(row[4:14].reshape(5, 2).astype(np.float64) * back, float(row[14])) for row in rows]


class Network(Protocol):
    """Restores faces."""

    def restored(self, face: Floats, fidelity: float) -> Floats:
        """(3, 512, 512) float32 RGB, 0 to 1, made better. `fidelity`: 1 keeps to what is seen, for CodeFormer."""
        ...


@lru_cache(maxsize=2)
def network(wanted: Wanted) -> Network:
    """A network for faces from a file for torch or ONNX. Raises InvalidParams, OpenFailed, MissingResource."""
    if wanted.path.suffix == ".onnx":
        return onnx_backend.tried(wanted.path, wanted.device, lambda session, _: _Onnx(session, wanted.path))
    descriptor = torch_backend.load(wanted.path)
    if descriptor.architecture.id not in _CALLS:
        raise InvalidParams(
            f"{wanted.path.name} ({descriptor.architecture.name}) does not restore faces; {', '.join(_CALLS)} do."
        )
    place = torch_backend.placed(wanted, descriptor.supports_half, descriptor.supports_bfloat16)
    return _Torch(descriptor, place)


def _gfpgan(module: Any, face: Any, fidelity: float) -> Any:
    # Noise by chance would give another face each time, and flicker.
    return module(face, return_rgb=False, randomize_noise=False)[0]


def _codeformer(module: Any, face: Any, fidelity: float) -> Any:
    return module(face, weight=fidelity)[0]


def _restoreformer(module: Any, face: Any, fidelity: float) -> Any:
    return module(face)[0]


_CALLS: dict[str, Callable[[Any, Any, float], Any]] = {
    "GFPGAN": _gfpgan,
    "CodeFormer": _codeformer,
    "RestoreFormer": _restoreformer,
}
"""How each is called with a face from -1 to 1; spandrel's own calls scale only for the last."""


class _Torch:
    def __init__(self, descriptor: Any, place: Place) -> None:
        self._place = place
        self._module = place.move(descriptor.model)
        self._call = _CALLS[descriptor.architecture.id]

    def restored(self, face: Floats, fidelity: float) -> Floats:
        with within_memory(self._place):
            made = self._call(self._module, self._place.put(2 * face[None] - 1), fidelity)
            return (made[0].float().cpu().contiguous().numpy() + 1) / 2


class _Onnx:
    """facefusion's form: `input` (1, 3, 512, 512) from -1 to 1, and for CodeFormer a `weight`."""

    def __init__(self, session: Any, path: Path) -> None:
        self._session = session
        self._inputs = {value.name: value for value in session.get_inputs()}
        if set(self._inputs) - {"input", "weight"} or list(self._inputs["input"].shape[1:]) != [3, SIDE, SIDE]:
            told = ", ".join(f"{name} {value.shape}" for name, value in self._inputs.items())
            raise InvalidParams(f"{path.name} takes {told}, not `input` [1, 3, {SIDE}, {SIDE}]: no network for faces.")

    def restored(self, face: Floats, fidelity: float) -> Floats:
        given: dict[str, Any] = {"input": (2 * face[None] - 1).astype(np.float32)}
        if "weight" in self._inputs:
            kind = np.float64 if "double" in self._inputs["weight"].type else np.float32
            given["weight"] = np.array([fidelity], kind)
        made = np.asarray(self._session.run(None, given)[0], np.float32)
        return (made[0] + 1) / 2


def placing(face: Face, sar: float) -> Floats | None:
    """(2, 3): from columns and rows of the picture to the square; None when the points fit no face."""
    found: Any = cv2.estimateAffinePartial2D(face.points, _TEMPLATE, method=cv2.LMEDS)[0]
    return None if found is None else found @ np.diag([sar, 1, 1])


def improved(picture: Floats, place: Floats, network: Network, fidelity: float, strength: float) -> Floats:
    """(3, H, W) float32 with one face restored; a new array."""
    height, width = picture.shape[1:]
    seen = _moved(picture, place, (SIDE, SIDE), cv2.BORDER_REFLECT_101)
    made = np.clip(network.restored(np.clip(seen, 0, 1), fidelity), 0, 1)
    back = cv2.invertAffineTransform(place)
    # Where the square is made smaller, its finest detail would turn into false patterns.
    shrink = 1 / np.sqrt(abs(np.linalg.det(back[:, :2])))
    if shrink > 1:
        sigma = 0.4 * np.sqrt(shrink**2 - 1)
        made = np.stack([cv2.GaussianBlur(plane, (0, 0), sigma) for plane in made])
    size = (width, height)
    made, (mask,) = _moved(made, back, size, cv2.BORDER_REPLICATE), _moved(_soft()[None], back, size, _NOTHING)
    return picture + np.clip(mask, 0, 1) * np.float32(strength) * (made - picture)


def _moved(picture: Floats, place: Floats, size: tuple[int, int], border: int) -> Floats:
    return np.stack([cv2.warpAffine(p, place, size, flags=cv2.INTER_CUBIC, borderMode=border) for p in picture])


@lru_cache(maxsize=1)
def _soft() -> Floats:
    """1 inside the square, fading to 0 at its border."""
    ramp = np.minimum(np.arange(SIDE) + 0.5, SIDE - np.arange(SIDE) - 0.5) / (_RIM * SIDE)
    rise = np.clip(ramp, 0, 1)
    smooth = (rise * rise * (3 - 2 * rise)).astype(np.float32)
    return np.minimum(smooth[:, None], smooth[None, :])


def steadied(window: list[list[Face]], place: int) -> list[Face]:
    """The faces of the frame at `place` with their points on a line through where they are in the frames around it.

    A face in another frame is the same when it is less than half its size away from where it was in the one before.
    """
    return [_steadied(face, window, place) for face in window[place]]


def _steadied(face: Face, window: list[list[Face]], place: int) -> Face:
    times, points = [0.0], [face.points]
    for way in (range(place - 1, -1, -1), range(place + 1, len(window))):
        last = face
        for at in way:
            near = [other for other in window[at] if _apart(last, other) < 0.5]
            if not near:
                break
            last = min(near, key=lambda other: _apart(face, other))
            times.append(float(at - place))
            points.append(last.points)
    t, p = np.array(times), np.array(points)
    weight = np.exp(-0.5 * (2 * t / max(1.0, float(np.abs(t).max()))) ** 2)
    n, s, ss = weight.sum(), (weight * t).sum(), (weight * t * t).sum()
    if n * ss - s * s < 1e-9:
        return face
    line = (weight * (ss - s * t)) / (n * ss - s * s)
    return Face(np.tensordot(line, p, 1), face.score)


def _apart(one: Face, other: Face) -> float:
    """Distance in sizes of the face; far when one is much larger."""
    sizes = sorted((one.size, other.size))
    if sizes[1] > 1.5 * max(sizes[0], 1e-6):
        return np.inf
    return float(np.hypot(*(one.points.mean(axis=0) - other.points.mean(axis=0)))) / sizes[1]
