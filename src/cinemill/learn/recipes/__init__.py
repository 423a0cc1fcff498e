"""How our own networks are made: a TOML file for each, from which anyone can make it again."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from cinemill.catalogue import Field, Params
from cinemill.errors import UnknownName


class Recipe(Params):
    """What is learned, on what, and for how long. The same recipe gives the same weights on the same machine."""

    task: Literal["deinterlace", "refine", "upscale", "denoise"]
    """What the network is for. refine looks a second time at what deinterlace-balanced made."""
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
    steps: int = Field(20_000, ge=1)
    """How often the weights are changed."""
    batch: int = Field(12, ge=1)
    """Clips that each change looks at."""
    crop: int = Field(96, ge=32, le=128, multiple_of=16, unit="px")
    """Side of the part of a clip that is looked at."""
    rate: float = Field(2e-3, gt=0)
    """The largest change of a weight, about; it falls along half a cosine."""
    seed: int = 0
    """What chance is drawn from."""


def names() -> list[str]:
    """All recipes that come with cinemill."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.toml"))


def recipe(name: str) -> Recipe:
    """One of ours by name, or a TOML file. Raises UnknownName, InvalidParams."""
    path = Path(name) if name.endswith(".toml") else Path(__file__).with_name(f"{name}.toml")
    if not path.is_file():
        raise UnknownName("recipe", name, names())
    return Recipe.of(tomllib.loads(path.read_text("utf-8")), f"recipe {path.name}")
