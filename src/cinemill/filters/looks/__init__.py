"""The looks that come with `cinematic`: formulas for colours as shown, and the .cube files made of them.

`python -m cinemill.filters.looks` writes the files. Each look is a change of red, green and blue from 0 to 1; greys and
skin stay what they are or are tinted on purpose.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
SIDE = 17
"""Entries along a side: looks bend slowly."""


def path(name: str) -> Path:
    """The file of a look."""
    return FOLDER / f"{name}.cube"


def text(name: str) -> str:
    """What the file of a look holds."""
    import numpy as np

    from cinemill.filters.cubes import written

    axis = np.linspace(0, 1, SIDE)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    made = LOOKS[name](np.stack([red, green, blue], -1))
    return written(np.clip(made, 0, 1), name)


def _film(rgb: Any) -> Any:
    """Print film: soft shoulders, warm lights, cool shadows, greens towards olive, blues towards cyan."""
    made = _crossed(rgb, ((0.96, 0.03, 0.01), (0.02, 0.93, 0.05), (-0.02, 0.08, 0.94)))
    made = _tinted(made, shadows=(-0.012, 0.004, 0.022), lights=(0.020, 0.004, -0.030))
    return 0.018 + 0.965 * _saturated(made, 1.06)


def _teal_orange(rgb: Any) -> Any:
    """Blockbuster: shadows to teal, skin and lights to orange."""
    made = _crossed(rgb, ((1.04, 0.0, -0.04), (0.02, 0.96, 0.02), (-0.06, 0.12, 0.94)))
    made = _tinted(made, shadows=(-0.055, 0.018, 0.050), lights=(0.045, 0.008, -0.060))
    return _saturated(made, 1.12)


def _bleach(rgb: Any) -> Any:
    """Bleach bypass: silver left in the print, so hard contrast and little colour."""
    import numpy as np

    grey = _luma(rgb)
    over = np.where(grey < 0.5, 2 * rgb * grey, 1 - 2 * (1 - rgb) * (1 - grey))
    return _saturated(0.35 * rgb + 0.65 * over, 0.55)


def _noir(rgb: Any) -> Any:
    """Black and white through an orange filter: dark skies, pale skin, deep blacks."""
    import numpy as np

    grey = rgb @ np.array([0.42, 0.50, 0.08])
    return np.repeat(_curved(grey, 0.55)[..., None], 3, -1)


def _vintage(rgb: Any) -> Any:
    """A faded print: lifted magenta blacks, yellowed whites, weak blues."""
    made = _crossed(rgb, ((0.92, 0.06, 0.02), (0.05, 0.90, 0.05), (0.06, 0.12, 0.80)))
    made = _saturated(made, 0.86)
    lifted = 0.075 + 0.87 * made
    return _tinted(lifted, shadows=(0.030, -0.008, 0.020), lights=(0.035, 0.012, -0.075))


def _moonlight(rgb: Any) -> Any:
    """Day for night: dark, blue, and colours as pale as eyes see them then."""
    import numpy as np

    made = _saturated(rgb, 0.45) ** 1.25
    return made * np.array([0.50, 0.66, 0.92])


LOOKS: dict[str, Callable[[Any], Any]] = {
    "film": _film,
    "teal-orange": _teal_orange,
    "bleach": _bleach,
    "noir": _noir,
    "vintage": _vintage,
    "moonlight": _moonlight,
}


def _luma(rgb: Any) -> Any:
    """(..., 1)"""
    import numpy as np

    return (rgb @ np.array([0.2126, 0.7152, 0.0722]))[..., None]


def _saturated(rgb: Any, by: float) -> Any:
    grey = _luma(rgb)
    return grey + by * (rgb - grey)


def _crossed(rgb: Any, rows: tuple[tuple[float, float, float], ...]) -> Any:
    """Each of red, green and blue made of all three; rows add up to 1, so that greys stay."""
    import numpy as np

    return rgb @ np.array(rows).T


def _tinted(rgb: Any, shadows: tuple[float, float, float], lights: tuple[float, float, float]) -> Any:
    """Other colours added where it is dark and where it is bright, none to black and white themselves."""
    import numpy as np

    grey = np.clip(_luma(rgb), 0, 1)
    dark = 4 * grey * (1 - grey) * (1 - grey)
    bright = 4 * grey * grey * (1 - grey)
    return rgb + 1.7 * (dark * np.array(shadows) + bright * np.array(lights))


def _curved(value: Any, by: float) -> Any:
    """An S: darker below the middle and brighter above it."""
    return (1 - by) * value + by * value * value * (3 - 2 * value)
