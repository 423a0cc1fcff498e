"""Faces made better by a network that knows faces; the rest of the picture keeps its bits.

Networks invent: a face may become another person's. `fidelity` of CodeFormer and `strength` bring it back. Frame by
frame the placing would tremble, so that eyes, nose and mouth are put on a line through the frames around.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cinemill.catalogue import Field, Params, Weights
from cinemill.filters import Halo, stream_filter
from cinemill.filters.model import PICTURES, Device, changed, check_progressive, values
from cinemill.filters.neighbours import windows

if TYPE_CHECKING:
    from cinemill.measure.scenes import Glance
    from cinemill.media.types import Frame
    from cinemill.models.faces import Detector, Face, Network
    from cinemill.models.session import Floats

_CUT = 0.35
"""Difference of two glances from which on a face is another one."""


class Faces(Params):
    model: Weights = "gfpgan-1.4"
    """GFPGAN, CodeFormer or RestoreFormer: a name of `cinemill models list`, or a file."""
    strength: float = Field(1.0, ge=0, le=1)
    """How far the network's face replaces the one in the picture. 0 leaves it as it is."""
    fidelity: float = Field(0.5, ge=0, le=1)
    """For CodeFormer: 1 keeps to what is seen, 0 makes a perfect face of somebody."""
    detector: Weights = "yunet"
    """What finds faces: a name of `cinemill models list`, or a file of YuNet."""
    sureness: float = Field(0.7, ge=0.1, le=0.99)
    """How sure the detector must be that something is a face."""
    smallest: float = Field(12.0, ge=4, le=1000, unit="px")
    """Distance from eyes to mouth below which a face is left alone."""
    window: int = Field(4, ge=0, le=30, unit="frames")
    """How far before and after each frame its faces are looked for, to hold them steady."""
    device: Device = "auto"


def _halo(p: Faces) -> Halo:
    return p.window, p.window


def _check(p: Faces, frame: Frame) -> None:
    check_progressive(p, frame)
    _network(p)
    _detector(p)


@dataclass(frozen=True, eq=False)
class _Seen:
    """A frame, its picture, the faces in it; `begins`: whether it is of another scene than the one before."""

    frame: Frame
    picture: Floats
    faces: list[Face]
    begins: bool


@stream_filter("faces", halo=_halo, accepts=PICTURES, check=_check)
def faces(frames: Iterator[Frame], p: Faces) -> Iterator[Frame]:
    """Restore faces with a neural network."""
    network = _network(p)
    for window, place in windows(_seen(frames, p), p.window, p.window):
        yield _better(list(window), place, network, p)


def _better(window: list[_Seen], place: int, network: Network, p: Faces) -> Frame:
    from cinemill.models.faces import improved, placing, steadied

    here = window[place]
    first = max((at for at in range(place + 1) if window[at].begins), default=0)
    last = next((at for at in range(place + 1, len(window)) if window[at].begins), len(window))
    sar = float(here.frame.sar)
    picture = here.picture
    for face in steadied([seen.faces for seen in window[first:last]], place - first):
        where = placing(face, sar)
        if where is not None:
            picture = improved(picture, where, network, p.fidelity, p.strength)
    return here.frame if picture is here.picture else changed(here.frame, here.picture, picture)


def _seen(frames: Iterable[Frame], p: Faces) -> Iterator[_Seen]:
    from cinemill.measure.scenes import difference, glance

    detector = _detector(p)
    before: Glance | None = None
    for frame in frames:
        now = glance(frame)
        picture = values(frame)
        found = [face for face in detector.faces(picture, float(frame.sar)) if face.size >= p.smallest]
        yield _Seen(frame, picture, found, before is not None and difference(before, now) > _CUT)
        before = now


def _network(p: Faces) -> Network:
    from cinemill.models import faces
    from cinemill.models.session import Wanted
    from cinemill.models.sessions import located

    return faces.network(Wanted(located(p.model), device=p.device))


def _detector(p: Faces) -> Detector:
    from cinemill.models.faces import Detector
    from cinemill.models.sessions import located

    return Detector(located(p.detector), p.sureness)
