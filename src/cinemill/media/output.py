"""How a picture is to be encoded: what a user may ask for, and what is decided from it. Loads no media library."""

from __future__ import annotations

from fractions import Fraction
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from cinemill.catalogue import Field, Params
from cinemill.media.colour import Colour

Codec = Literal["h264", "hevc", "av1", "vp9", "ffv1", "prores"]
Speed = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"]
SPEEDS: Final[tuple[Speed, ...]] = Speed.__args__


class VideoOutput(Params):
    """How the picture is encoded."""

    codec: Codec = "h264"
    """What the picture is stored as. ffv1 and prores are for archives and editing; ffv1 loses nothing."""
    encoder: str = "auto"
    """The encoder to use. auto tries hardware, then software, by encoding two pictures with each."""
    speed: Speed = "medium"
    """Slower is smaller at equal quality."""
    crf: int | None = Field(None, ge=0, le=63)
    """Quality; lower is better. Left out, the codec's own near-transparent value (h264 18, hevc 20, av1 24, vp9 24)."""
    pix_fmt: str = "keep"
    """How pixels are stored. keep takes the source's format or one that holds all of its values."""
    threads: int = Field(0, ge=0, le=256)
    """Threads of the encoder; part of the result. 0 takes the machine's cores at planning time."""


class VideoSpec(BaseModel):
    """Everything that decides the bits of an encoded picture; stored in the plan."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    encoder: str
    codec: str
    options: dict[str, str]
    pix_fmt: str
    width: int
    height: int
    sar: Fraction
    time_base: Fraction
    rate: Fraction
    matrix: str
    primaries: str
    transfer: str
    range: str
    field_order: Literal["progressive", "tff", "bff"]
    threads: int

    @property
    def colour(self) -> Colour:
        return Colour(self.matrix, self.primaries, self.transfer, self.range)  # type: ignore[arg-type]
