"""How much damage, and of what kind. Loads no media library.

Code values count 8-bit steps, whatever the depth; px are luma pixels. An amount that is 0 changes no bit.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, TypeVar

from pydantic import field_validator

from cinemill.catalogue import Field, Params


class Seeded(Params):
    seed: int = Field(0, ge=0)
    """What chance is drawn from. The same seed gives the same pixels."""


class Tape(Seeded):
    passes: int = Field(1, ge=1, le=8)
    """How often it was recorded and played: 2 is a copy of a tape. Each pass does all of the damage."""
    luma_blur: float = Field(0.0, ge=0, le=16, unit="px")
    """Standard deviation of a horizontal Gaussian over luma: about 1 for VHS, 0.6 for S-VHS and Hi8, at 720 columns."""
    chroma_blur: float = Field(0.0, ge=0, le=32, unit="px")
    """Standard deviation of a horizontal Gaussian over Cb and Cr: about 5 for VHS and Hi8."""
    chroma_shift: float = Field(0.0, ge=-16, le=16, unit="px")
    """How far colour lies to the right of luma."""
    chroma_drop: float = Field(0.0, ge=-16, le=16, unit="rows")
    """How far colour lies below luma, in rows of the frame. Decks that average colour over two lines cause 1."""
    colour_loss: float = Field(0.0, ge=0, le=1)
    """Share of the saturation that is lost."""
    ringing: float = Field(0.0, ge=0, le=1)
    """Overshoot to the right of a sharp edge, as a share of its height; it swings out within some 16 px."""
    line_jitter: float = Field(0.0, ge=0, le=16, unit="px")
    """Standard deviation of each line's sideways displacement."""
    wander: float = Field(0.0, ge=0, le=32, unit="px")
    """Standard deviation of a slow sideways sway of uprights, some 50 rows long."""
    flagging: float = Field(0.0, ge=-64, le=64, unit="px")
    """How far the top line is bent to the right; the bend dies out within some 40 rows."""
    head_switch: int = Field(0, ge=0, le=32, unit="rows")
    """Lowest rows of the frame that are torn sideways and noisy, where the deck changed heads."""
    luma_noise: float = Field(0.0, ge=0, le=64, unit="code values")
    """Standard deviation of the noise in luma. Neighbouring pixels of a line share some of it."""
    chroma_noise: float = Field(0.0, ge=0, le=64, unit="code values")
    """Standard deviation of the noise in Cb and Cr, in longer streaks than luma's."""
    dropouts: float = Field(0.0, ge=0, le=200, unit="per frame")
    """Mean number of streaks where the head lost the tape."""
    compensated: float = Field(0.0, ge=0, le=1)
    """Share of the dropouts that the deck hid by repeating the line above; the others are white or black."""


class Film(Seeded):
    blur: float = Field(0.0, ge=0, le=16, unit="px")
    """Standard deviation of a Gaussian in both directions: lens and film together."""
    weave: float = Field(0.0, ge=0, le=32, unit="px")
    """Standard deviation of the frame's displacement, sideways and in height, by a gate that does not hold it still."""
    fade: float = Field(0.0, ge=0, le=1)
    """How far everything has gone towards a grey of 40 %: contrast, blacks and colour alike."""
    warmth: float = Field(0.0, ge=-64, le=64, unit="code values")
    """By how much Cr has risen, and Cb sunk by three quarters of it, as dyes that lose their cyan and blue."""
    grain: float = Field(0.0, ge=0, le=64, unit="code values")
    """Standard deviation of the grain in middle grey; deep shadows and highlights have down to a quarter of it."""
    grain_size: float = Field(1.2, gt=0, le=8, unit="px")
    """Diameter of a grain: twice the standard deviation of its blob."""
    colour_grain: float = Field(0.0, ge=0, le=64, unit="code values")
    """Standard deviation of the grain in Cb and Cr; none in black and white film."""
    dirt: float = Field(0.0, ge=0, le=200, unit="per frame")
    """Mean number of specks and fibres, each there for one frame."""
    dirt_size: float = Field(4.0, gt=0, le=64, unit="px")
    """Median diameter of a speck; fibres are some eight times as long."""
    white_dirt: float = Field(0.2, ge=0, le=1)
    """Share of the dirt that is white: dust on a negative. The rest is dark."""
    scratches: float = Field(0.0, ge=0, le=50, unit="at a time")
    """Mean number of upright scratches on screen; each stays for seconds and creeps sideways."""
    hairs: float = Field(0.0, ge=0, le=10, unit="at a time")
    """Mean number of hairs that hang into the picture from the edge of the gate and tremble."""
    vignette: float = Field(0.0, ge=0, le=1)
    """Share of the light that corners lack."""
    flicker: float = Field(0.0, ge=0, le=0.5)
    """Standard deviation of the frame's brightness, as a share of it."""


class Digital(Seeded):
    halo: float = Field(0.0, ge=0, le=1)
    """Overshoot on both sides of an upright edge, as a share of its height: sharpening before coding."""
    chroma: Literal["keep", "420", "411"] = "keep"
    """Colour that was stored: 411, as DV in NTSC, a quarter of the columns; 420, half of them and half of the rows."""
    quantiser: float = Field(0.0, ge=0, le=62)
    """quantiser_scale of MPEG-2, which coefficients of 8x8 blocks are rounded by: 2 fine, 8 a full DVD, 20 the early
    web. Interlaced frames are coded field by field."""
    lost: float = Field(0.0, ge=0, le=1000, unit="per frame")
    """Mean number of lost runs of macroblocks (1 to 5, of 16x16 px), which show the frame before."""


class Telecine(Params):
    rate: Fraction = Field(Fraction(25), ge=1, le=120, unit="frames/s")
    """Frames a second that are made: 25, 30000/1001. Each has two fields, so a picture may be shown at either."""
    field_order: Literal["tff", "bff"] = "tff"
    """Which field is earlier in time."""
    cadence: Literal["hard", "soft", "blended"] = "hard"
    """hard: each field shows the picture on screen at its time, which is 2:3 from 24000/1001 to 30000/1001, 2:2 from
    25 to 25, and true interlacing from 50 to 25. soft: whole pictures, each shown for that many fields. blended: fields
    are mixed of the two pictures around them, as standards converters do."""

    @field_validator("rate", mode="before")
    @classmethod
    def _fraction(cls, value: object) -> object:
        return Fraction(value) if isinstance(value, str) and "/" in value else value


P = TypeVar("P", bound=Params)


def scaled(p: P, strength: float) -> P:
    """`p` with every amount times `strength`, as far as its range allows."""
    changed: dict[str, float] = {}
    for name, field in type(p).model_fields.items():
        if isinstance(field.default, float) and not field.default:
            most = next(m.le for m in field.metadata if hasattr(m, "le"))
            changed[name] = max(-most, min(most, getattr(p, name) * strength))
    return p.model_copy(update=changed)
