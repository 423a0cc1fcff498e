"""What is to be learned, from what: the order for a network, which loads nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from cinemill.catalogue import Field
from cinemill.learn.recipes import Schedule

Task = Literal["deinterlace", "upscale", "denoise", "restore", "imitate", "style"]


class Lesson(Schedule):
    """What is to be learned, from what."""

    task: Task
    """denoise and upscale and deinterlace refine networks of ours; restore undoes all that happened to a tape, and
    imitate repeats what a hand or another program did, both picture by picture, in colour; style paints in the manner
    of one picture, as VGG16 sees it."""
    good: tuple[Path, ...] = ()
    """Good films or pictures, which are damaged here."""
    damage: str = ""
    """How they are damaged: a preset of degrade, as vhs-pal, or a chain of filters, as simulate.tape=luma_noise:6."""
    pairs: tuple[Path, ...] = ()
    """Folders with `input` and `target`, in which files of one name show the same before and after."""
    painting: Path | None = None
    """The picture in whose manner style paints."""
    manner: float = Field(1.0, gt=0, le=100)
    """How much the manner of the painting counts for style, against what a picture shows."""
    start: str = "ours"
    """What it begins with: ours, nothing, or a model that was made here, by name or file."""
    pictures: int = Field(120, ge=2, le=5000)
    """How many pictures are taken from the films, about."""
    steps: int = Field(1600, ge=1)
    """How often the weights are changed."""
    batch: int = Field(8, ge=1, le=1024)
    """Examples that each change looks at."""
    crop: int = Field(64, ge=32, le=512, multiple_of=16, unit="px")
    """Side of the part of a picture that is looked at."""
    rate: float = Field(1.5e-3, gt=0, le=1)
    """The largest change of a weight, about; it falls along half a cosine."""
    check: int = Field(50, ge=1, unit="steps")
    """How often pictures that are not learned from are looked at; the best weights are kept."""

    @property
    def scale(self) -> int:
        return 2 if self.task == "upscale" else 1
