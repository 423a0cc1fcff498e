"""How our own networks are made: a TOML file for each, from which anyone can make it again."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Final, Literal

from pydantic import field_validator

from cinemill.catalogue import Field, Params
from cinemill.errors import UnknownName

TERMS: Final = ("psnr", "l1", "charbonnier", "mse", "ssim", "edge", "temporal", "perceptual")
"""What `losses.py` can make small."""
_TERM: Final = rf"({'|'.join(TERMS)})(:\d*\.?\d+)?"


class Schedule(Params):
    """How a network learns, whatever it learns from."""

    steps: int = Field(20_000, ge=1)
    """How often the weights are changed."""
    batch: int = Field(12, ge=1, le=1024)
    """Examples that each change looks at."""
    crop: int = Field(96, ge=32, le=512, multiple_of=16, unit="px")
    """Side of the part of a picture that is looked at."""
    rate: float = Field(2e-3, gt=0, le=1)
    """The largest change of a weight, about; it falls along half a cosine."""
    loss: str = "psnr"
    """What is to become small: psnr, l1, charbonnier, mse, ssim, edge, temporal, perceptual, or several as
    l1:1,edge:0.1."""
    vgg: str = "vgg16"
    """What perceptual sees by: weights of VGG16, a name of `cinemill models list`, or a file."""
    check: int = Field(100, ge=1, unit="steps")
    """How often pictures that are not learned from are looked at, where there are any; the best weights are kept."""
    patience: int = Field(0, ge=0, unit="checks")
    """After how many checks without getting better learning stops. 0 goes on to the end."""
    seed: int = Field(0, ge=0)
    """What chance is drawn from."""

    @field_validator("loss")
    @classmethod
    def _is_a_loss(cls, written: str) -> str:
        if not re.fullmatch(rf"{_TERM}(,{_TERM})*", written.replace(" ", "")):
            raise ValueError(f"write one of {', '.join(TERMS)}, or several with weights as l1:1,edge:0.1")
        return written


class Recipe(Schedule):
    """What is learned, on what, and for how long. The same recipe gives the same weights on the same machine."""

    task: Literal["deinterlace", "follow", "refine", "upscale", "denoise"]
    """What the network is for. follow looks along the motion at what deinterlace-fast made, refine again at such
    pictures."""
    width: int = Field(..., ge=4, le=256)
    """Channels at half of the resolution."""
    deep: int = Field(..., ge=4, le=512)
    """Channels at a quarter of it."""
    depth: int = Field(..., ge=1, le=32)
    """Convolutions there."""
    clips: int = Field(6000, ge=16)
    """How many clips are drawn to learn from."""
    coded: float = Field(0.0, ge=0, le=1)
    """Share of the clips that went through a codec first, as most of what people have did."""
    crop: int = Field(96, ge=32, le=128, multiple_of=16, unit="px")
    """Side of the part of a clip that is looked at."""


def names() -> list[str]:
    """All recipes that come with cinemill."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.toml"))


def recipe(name: str) -> Recipe:
    """One of ours by name, or a TOML file. Raises UnknownName, InvalidParams."""
    path = Path(name) if name.endswith(".toml") else Path(__file__).with_name(f"{name}.toml")
    if not path.is_file():
        raise UnknownName("recipe", name, names())
    return Recipe.of(tomllib.loads(path.read_text("utf-8")), f"recipe {path.name}")
