"""What may be wished of a restoration."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

from cinemill.catalogue import Field
from cinemill.media.output import VideoOutput
from cinemill.operations.upscale import Size

Choice = Literal["auto", "yes", "no"]


class Restore(VideoOutput):
    fields: Literal["auto", "tff", "bff", "progressive", "telecine"] = "auto"
    """What the picture is made of. auto looks at several places of the file and weighs what the file claims."""
    deinterlace: Literal["learned", "bwdif", "w3fdif", "yadif", "estdif", "nnedi", "qtgmc"] = "learned"
    """How interlaced pictures become full ones. learned is our network; bwdif the best of the fast ones; qtgmc and
    nnedi are an engine to install."""
    inpaint: Choice = "auto"
    """Fill the blocks that the deck of a DV tape could not read. Here and below, auto does so where some were found."""
    dropouts: Choice = "auto"
    """Fill the streaks that lost signal leaves on a tape."""
    head_switch: int | None = Field(None, ge=0, le=64, unit="rows")
    """Fill so many torn rows at the bottom; left out, as many as were found."""
    chroma_align: float | None = Field(None, ge=-32, le=32, unit="px")
    """Move colour to the left by so much, over its outlines; left out, by what was measured."""
    dirt: Choice = "auto"
    """Take out dust, hairs and sparkle of film."""
    scratches: Choice = "auto"
    """Take out the upright scratches of film."""
    deflicker: Choice = "auto"
    """Even out brightness that changes from frame to frame, as old film does."""
    denoise: float | None = Field(None, ge=0, le=1)
    """How much of the noise is taken away; left out, what the noise that was found asks for."""
    denoiser: Literal["mc", "learned", "hqdn3d", "nlmeans"] = "mc"
    """How. mc follows the motion and measures the noise; learned is our network; hqdn3d is ten times as fast as mc, and
    softer."""
    chroma_noise: Choice = "auto"
    """Take noise out of the colours alone."""
    deblock: Choice = "auto"
    """Smooth the blocks of strong compression."""
    dehalo: Choice = "auto"
    """Take away bright and dark lines beside edges."""
    deband: bool = False
    """Smooth steps in skies and fades."""
    levels: bool = False
    """Draw brightness that lies beyond black and white into the range that players show."""
    stabilise: bool = False
    """Take out the shake of a hand-held camera, or of film in its gate."""
    crop: bool = False
    """Cut black bars off."""
    colorize: bool = False
    """Give black and white pictures colours, by a network."""
    fps: Fraction | None = Field(None, gt=0, le=1000, unit="frames/s")
    """Make so many pictures a second, with new ones in between."""
    upscale: Size | None = None
    """Enlarge by a network to this height, with square pixels."""
    upscaler: str | None = None
    """Which network; left out, the one of `cinemill upscale`."""
    faces: bool = False
    """Redraw faces by a network."""
    height: int | None = Field(None, ge=16, le=8192, unit="px")
    """Scale to this height, with square pixels."""
    sound: Literal["auto", "keep", "clean"] = "auto"
    """auto takes hum, a television's whistle and hiss out of a tape's sound where they were found; clean does so
    whatever the picture is; keep carries the sound over as it is."""
    sync: bool = False
    """Make the sound as long as the picture, for a recorder whose clock ran wrong."""
    grain: float = Field(0, ge=0, le=1)
    """Add grain as of film."""
    preview: float | None = Field(None, gt=0, le=600, unit="s")
    """Make only so many seconds from the middle, without sound, and a sheet of before and after beside them."""
    export_vpy: str | None = None
    """Save the deinterlacing as a VapourSynth script under this name too; for interlaced material."""
    chain: str | None = None
    """Filters to run instead of those that the analysis chooses."""
