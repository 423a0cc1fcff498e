"""More pictures a second, with new ones in between, over a whole file."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from cinemill.errors import MissingModel
from cinemill.filters import Chain, Step, text
from cinemill.filters.fps import Fps
from cinemill.filters.interpolate_rife import RifeParams
from cinemill.media.output import VideoOutput
from cinemill.operations import operation
from cinemill.operations.video import VideoOperation

if TYPE_CHECKING:
    from cinemill.media.types import MediaInfo

_MODEL: str = RifeParams.model_fields["model"].default


class Interpolate(VideoOutput, Fps):
    method: Literal["auto", "rife", "flow"] = "auto"
    """rife is a network, which has to be fetched; flow needs none. auto takes rife if it is here."""


@operation
class InterpolateOperation(VideoOperation[Interpolate]):
    """Change the frame rate of a video, with new pictures in between."""

    name = "interpolate"
    topic = "Pictures"
    params = Interpolate
    example = "cinemill interpolate film.mp4 -o smooth.mp4 --rate 60"

    def chain(self, params: Interpolate, info: MediaInfo) -> tuple[Chain, list[str]]:
        step, why = between(params.rate, params.method)
        return Chain((step,)), [why]


def between(rate: Fraction, method: Literal["auto", "rife", "flow"] = "auto") -> tuple[Step, str]:
    """The step that makes pictures in between, and why that one."""
    here = method == "flow" or _is_here(_MODEL)
    if method == "rife" or (method == "auto" and here):
        why = f"A network makes pictures for {float(rate):.5g} a second."
        return text.step("interpolate.rife", {"rate": rate}), why
    better = "" if here else f" `cinemill models get {_MODEL}` gets a network that is better at it."
    why = f"Pictures move along the flow to {float(rate):.5g} a second.{better}"
    return text.step("interpolate.flow", {"rate": rate}), why


def _is_here(model: str) -> bool:
    from cinemill.models import sessions

    try:
        sessions.located(model)
    except MissingModel:
        return False
    return True
