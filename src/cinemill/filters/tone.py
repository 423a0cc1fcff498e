"""Brightness and colour: levels, white balance, look-up tables, shifted chroma."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from cinemill.catalogue import Field, LutFile, Params
from cinemill.errors import InvalidParams
from cinemill.filters import GREY, YUV, frame_filter, lavfi_filter

if TYPE_CHECKING:
    from cinemill.media.types import Frame, Plane


RGB = ("gbrp16le", "gbrap16le")
"""16 bits on the way through RGB round less, and are what lut3d is three times as fast in."""


class Levels(Params):
    black: float = Field(0.0, ge=-50, le=50, unit="%")
    """Brightness of the source that becomes black."""
    white: float = Field(100.0, ge=50, le=150, unit="%")
    """Brightness of the source that becomes white."""
    gamma: float = Field(1.0, ge=0.1, le=10)
    """Above 1 lifts the middle tones."""
    saturation: float = Field(1.0, ge=0, le=4)
    """Strength of colours; 0 is grey."""


@frame_filter("levels", accepts=YUV + GREY)
def levels(frame: Frame, p: Levels) -> Frame:
    """Stretch brightness between a black and a white point, bend the middle, weaken or strengthen colours."""
    full = frame.colour.range == "full"
    luma = _luma_table(frame.layout.bits, full, p.black, p.white, p.gamma)
    chroma = _chroma_table(frame.layout.bits, p.saturation)
    tables = (luma, chroma, chroma)
    return replace(frame, planes=tuple(_looked_up(plane, table) for plane, table in zip(frame.planes, tables)))


def _looked_up(plane: Plane, table: Plane) -> Plane:
    import cv2

    # OpenCV before 5 knows no tables of more than 256 entries.
    return cv2.LUT(plane, table) if len(table) == 256 else table.take(plane, mode="clip")


@lru_cache(maxsize=8)
def _luma_table(bits: int, full: bool, black: float, white: float, gamma: float) -> Plane:
    """The new code value of every code value."""
    import numpy as np

    low, high = (0, (1 << bits) - 1) if full else (16 << (bits - 8), 235 << (bits - 8))
    value = (np.arange(1 << bits) - low) / (high - low)
    value = (value - black / 100) / (white / 100 - black / 100)
    value = np.sign(value) * np.abs(value) ** (1 / gamma)
    return _codes(value * (high - low) + low, bits)


@lru_cache(maxsize=8)
def _chroma_table(bits: int, saturation: float) -> Plane:
    import numpy as np

    grey = 1 << (bits - 1)
    return _codes((np.arange(1 << bits) - grey) * saturation + grey, bits)


def _codes(values: Plane, bits: int) -> Plane:
    import numpy as np

    return np.clip(np.rint(values), 0, (1 << bits) - 1).astype(np.uint8 if bits == 8 else np.uint16)


class WhiteBalance(Params):
    temperature: float = Field(6500, ge=1000, le=40000, unit="K")
    """Colour temperature the picture is moved to; below 6500 is warmer."""
    strength: float = Field(1.0, ge=0, le=1)
    """How much of the change is made."""


@lavfi_filter("white-balance", accepts=RGB)
def white_balance(p: WhiteBalance) -> str:
    """Make the picture warmer or colder."""
    # FFmpeg's scale is neutral at 6600 K, daylight (D65) is at 6500.
    temperature = min(40_000, p.temperature * 66 / 65)
    return f"colortemperature=temperature={temperature:.1f}:mix={p.strength}:pl=1"


class Lut(Params):
    file: LutFile
    """A three-dimensional look-up table: .cube, .3dl, .dat or .m3d."""


def _check_lut(p: Lut, frame: Frame) -> None:
    if not p.file.is_file():
        raise InvalidParams(f"lut: {p.file} is not there.")


@lavfi_filter("lut", accepts=RGB, check=_check_lut)
def lut(p: Lut) -> str:
    """Apply a 3-D look-up table with tetrahedral interpolation."""
    from cinemill.media.lavfi import escape

    return f"lut3d=file={escape(str(p.file.resolve()))}:interp=tetrahedral"


class ChromaShift(Params):
    cb_x: int = Field(0, ge=-255, le=255, unit="px")
    """Move the blue difference right, in samples of its plane."""
    cb_y: int = Field(0, ge=-255, le=255, unit="px")
    """Move the blue difference down."""
    cr_x: int = Field(0, ge=-255, le=255, unit="px")
    """Move the red difference right."""
    cr_y: int = Field(0, ge=-255, le=255, unit="px")
    """Move the red difference down."""


@lavfi_filter("chroma-shift")
def chroma_shift(p: ChromaShift) -> str:
    """Put colour back over the outlines it belongs to."""
    return f"chromashift=cbh={p.cb_x}:cbv={p.cb_y}:crh={p.cr_x}:crv={p.cr_y}:edge=smear"
