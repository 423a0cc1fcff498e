"""The picture in the manner of a painting, by a network that was trained on it: fast neural style.

Each network paints each frame by itself, in tiles that fade into one another; `temporal` after it takes out the
shimmer. Files that were published for one size are opened to any. Source: J. Johnson, A. Alahi, L. Fei-Fei, Perceptual
losses for real-time style transfer, 2016; the networks are those of the ONNX model zoo.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from cinemill.catalogue import Field
from cinemill.errors import InvalidParams
from cinemill.filters import stream_filter
from cinemill.filters.model import PICTURES, Runs, check_progressive, pictured, through, values

if TYPE_CHECKING:
    from cinemill.media.types import Frame
    from cinemill.models.session import Floats
    from cinemill.models.tiles import Tiler

STYLES = ("mosaic", "candy", "rain-princess", "udnie", "pointillism")
"""Networks of the registry, where they are called style-mosaic and so on."""


class Neural(Runs):
    model: str = "mosaic"
    """mosaic, candy, rain-princess, udnie, pointillism; or a name of `cinemill models list`, or an .onnx file."""
    strength: float = Field(1.0, ge=0, le=1)
    """How far the painting replaces the picture. 0 leaves every frame as it is."""
    tile: int = Field(512, ge=0, le=16384, unit="px")
    """Side of the tiles that the picture is cut into. 0 takes what memory allows."""
    white: Literal["auto", "1", "255"] = "auto"
    """What the network calls white; auto goes by the registry, and by 1 for files that it does not know."""

    @property
    def models(self) -> tuple[str, ...]:
        """The network, as the registry calls it."""
        return (f"style-{self.model}" if self.model in STYLES else self.model,)


def _check(p: Neural, frame: Frame) -> None:
    check_progressive(p, frame)
    _network(p)


@stream_filter("neural", halo=(0, 0), accepts=PICTURES, check=_check)
def neural(frames: Iterator[Frame], p: Neural) -> Iterator[Frame]:
    """Paint the picture in the manner of another by a neural network."""
    import numpy as np

    tiler, white = _network(p)

    def given(frame: Frame) -> Floats:
        return np.clip(values(frame), 0, 1) * np.float32(white)

    for frame, made in through(frames, tiler, given):
        painted = np.clip(made / np.float32(white), 0, 1)
        if p.strength < 1:
            own = values(frame)
            painted = own + np.float32(p.strength) * (painted - own)
        yield pictured(frame, painted)


def _network(p: Neural) -> tuple[Tiler, float]:
    """What runs the network, and what it calls white."""
    from cinemill.models import anysize, sessions
    from cinemill.models.session import Wanted
    from cinemill.models.tiles import Tiler

    path = sessions.located(*p.models)
    file = anysize.opened(path) if path.suffix == ".onnx" else path
    session = sessions.opened(Wanted(file, p.backend, p.device, p.precision))
    contract = session.contract
    if (contract.inputs, contract.outputs, contract.scale) != (3, 3, 1):
        raise InvalidParams(
            f"{p.model} makes {contract.outputs} channels of {contract.inputs}, {contract.scale} times as large; a "
            "style takes red, green and blue and gives them back at the same size."
        )
    return Tiler(session, p.tile, p.batch), float(p.white) if p.white != "auto" else sessions.white(path)
