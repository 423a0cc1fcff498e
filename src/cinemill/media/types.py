"""Values: `Frame`, `Audio` and what is known of a file, `MediaInfo`. Frozen, checked when made, quiet in `repr`.

docs/conventions.md says what each guarantees.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cinemill.media.colour import Colour
from cinemill.media.formats import Layout, layout

_SQUARE = Fraction(1)
_UNTAGGED = Colour()

Plane = NDArray[Any]
"""uint8, or uint16 (native byte order) for more than 8 bits; read-only inside a Frame."""

FieldOrder = Literal["progressive", "tff", "bff"]
Kind = Literal["video", "audio", "subtitle", "data", "attachment"]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture on the clock.

    `planes`: per plane `(H, W)`, or `(H, W, 3|4)` for packed RGB; uint8, or uint16 above 8 bits; read-only.
    `format`: FFmpeg's name (`yuv420p10le`, `gray`, `rgb24`). `pts` and `duration` count `time_base` seconds;
    duration 0 means unknown. `sar` is the shape of a pixel (width/height). `field_order` says whether the two
    fields are of different times. Raises ValueError when planes do not fit the format.
    """

    planes: tuple[Plane, ...]
    format: str
    pts: int
    time_base: Fraction
    duration: int = 0
    colour: Colour = _UNTAGGED
    sar: Fraction = _SQUARE
    field_order: FieldOrder = "progressive"

    def __post_init__(self) -> None:
        plan = layout(self.format)
        if plan is None:
            raise ValueError(f"a Frame cannot hold pixel format {self.format!r}")
        shapes = tuple(plane.shape for plane in self.planes)
        wanted = plan.shapes(self.width, self.height)
        if shapes != wanted:
            raise ValueError(f"{self.format} of {self.width}x{self.height} needs planes {wanted}, got {shapes}")
        for plane in self.planes:
            if plane.dtype != plan.dtype:
                raise ValueError(f"{self.format} needs {plan.dtype} planes, got {plane.dtype}")
            plane.flags.writeable = False

    @property
    def width(self) -> int:
        return int(self.planes[0].shape[1])

    @property
    def height(self) -> int:
        return int(self.planes[0].shape[0])

    @property
    def layout(self) -> Layout:
        plan = layout(self.format)
        assert plan is not None
        return plan

    @property
    def time(self) -> float:
        """Seconds, for display only."""
        return float(self.pts * self.time_base)

    def __repr__(self) -> str:
        return f"<Frame {self.width}x{self.height} {self.format} pts={self.pts} time_base={self.time_base}>"


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """Samples on the clock: `(channels, samples)` float32, full scale [-1, 1], at `sample_rate` Hz.

    `pts` counts samples (time_base is 1/sample_rate). Values beyond full scale are kept.
    """

    samples: NDArray[np.float32]
    sample_rate: int
    pts: int = 0
    layout: str = "stereo"

    def __post_init__(self) -> None:
        if self.samples.ndim != 2 or self.samples.dtype != np.float32:
            raise ValueError(f"Audio needs (channels, samples) float32, got {_shape(self.samples)}")
        self.samples.flags.writeable = False

    def __repr__(self) -> str:
        return f"<Audio {_shape(self.samples)} {self.sample_rate} Hz {self.layout} pts={self.pts}>"


def _shape(array: NDArray[Any]) -> str:
    return f"{array.shape} {array.dtype}"


@dataclass(frozen=True, slots=True)
class Hdr:
    """Static HDR metadata (SMPTE ST 2086, CTA-861.3). Chromaticities are CIE xy; luminances cd/m².

    `display` is ((rx, ry), (gx, gy), (bx, by), (white x, white y)), or None when only light levels are known.
    """

    display: tuple[tuple[Fraction, Fraction], ...] | None = None
    min_luminance: Fraction = Fraction(0)
    max_luminance: Fraction = Fraction(0)
    max_cll: int | None = None
    max_fall: int | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """One stream of a file. `index` is its place in the file; `dispositions` are FFmpeg's flag names."""

    index: int
    kind: Kind
    codec: str
    time_base: Fraction
    language: str | None = None
    title: str | None = None
    dispositions: tuple[str, ...] = ()

    def describe(self) -> str:
        """`#2 audio aac (eng)` for messages."""
        return f"#{self.index} {self.kind} {self.codec}" + (f" ({self.language})" if self.language else "")


@dataclass(frozen=True, slots=True)
class VideoTrack(Track):
    """The picture as it will be read: upright, so `width` and `height` are after rotation.

    `frame_rate` is exact and an average for variable rate; `rotation` is what the display matrix asked for,
    in degrees counter-clockwise; `field_order` is what the first frame claims. `timed`: each picture has a pts of its
    own in the file, as it has not in elementary streams and in AVI with reordered pictures. `preroll`: the file begins
    with pictures that are only decoded and never shown (an MP4 edit list).
    """

    width: int = 0
    height: int = 0
    format: str = ""
    frame_rate: Fraction = Fraction(25)
    frames_from_header: int | None = None
    start_pts: int = 0
    sar: Fraction = _SQUARE
    colour: Colour = _UNTAGGED
    field_order: FieldOrder = "progressive"
    rotation: int = 0
    hdr: Hdr | None = None
    timed: bool = True
    preroll: bool = False

    @property
    def step(self) -> int:
        """How long a picture lasts on the average, in time_base, at least 1."""
        return max(1, round(1 / (self.frame_rate * self.time_base)))

    @property
    def bits(self) -> int:
        plan = layout(self.format)
        return plan.bits if plan else 8


@dataclass(frozen=True, slots=True)
class AudioTrack(Track):
    sample_rate: int = 0
    channels: int = 0
    layout: str = ""


@dataclass(frozen=True, slots=True)
class Chapter:
    start: Fraction
    end: Fraction
    title: str


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a file holds. `duration` is in seconds and from the header where it has one."""

    path: Path
    format: str
    duration: Fraction | None
    size: int
    tracks: tuple[Track, ...]
    chapters: tuple[Chapter, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict[str, str])
    video: VideoTrack | None = None
    """The picture: the default or largest video track that is not a cover."""

    def of_kind(self, kind: Kind) -> list[Track]:
        return [track for track in self.tracks if track.kind == kind]
