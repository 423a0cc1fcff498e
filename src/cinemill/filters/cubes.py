"""Files of type .cube: three-dimensional look-up tables as Adobe and IRIDAS defined them, and colours through them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cinemill.errors import InvalidParams
from cinemill.kept import kept

_LARGEST = 256
"""Entries along a side; larger tables are taken for a mistake."""


@dataclass(frozen=True, eq=False)
class Cube:
    """A table. `values`: (n, n, n, 3) float32 by blue, green, red; `low` and `high`: (3,), what its ends stand for."""

    values: Any
    low: Any
    high: Any


@kept(8)
def read(path: Path) -> Cube:
    """The table in a file. Raises InvalidParams."""
    try:
        text = path.read_text("utf-8")
        lines = [line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        return _parsed(lines, path)
    except InvalidParams:
        raise
    except OSError as error:
        raise InvalidParams(f"lut {path} cannot be read: {error.strerror}; give a .cube file that is there.") from None
    except ValueError:
        raise InvalidParams(f"lut {path} is no .cube file: it holds something other than lines of numbers.") from None


def _parsed(lines: list[list[str]], path: Path) -> Cube:
    import numpy as np

    facts = {first.upper(): rest for first, *rest in lines if not _is_number(first)}
    rows = [line for line in lines if _is_number(line[0])]
    if "LUT_3D_SIZE" not in facts:
        kind = "a table of one dimension" if "LUT_1D_SIZE" in facts else "no table: it names no LUT_3D_SIZE"
        raise InvalidParams(f"lut {path} is {kind}; give a .cube of three dimensions.")
    side = int(facts["LUT_3D_SIZE"][0]) if facts["LUT_3D_SIZE"] else 0
    if not 2 <= side <= _LARGEST:
        raise InvalidParams(f"lut {path} says it is of side {side}; give one of 2 to {_LARGEST}.")
    if len(rows) != side**3 or any(len(row) != 3 for row in rows):
        raise InvalidParams(
            f"lut {path} is damaged: {side}x{side}x{side} takes {side**3} lines of three numbers, it has {len(rows)}."
        )
    values = np.array(rows, np.float32).reshape(side, side, side, 3)
    low, high = (np.array(facts.get(name, [d] * 3), np.float32) for name, d in (("DOMAIN_MIN", 0), ("DOMAIN_MAX", 1)))
    if not np.isfinite(values).all() or low.shape != (3,) or high.shape != (3,) or not (high > low).all():
        raise InvalidParams(f"lut {path} is damaged: it holds numbers that are none, or an empty domain.")
    return Cube(values, low, high)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def through(cube: Cube, colours: Any) -> Any:
    """(N, 3) float32 red, green and blue through a table, by tetrahedral interpolation; its ends hold beyond them."""
    import numpy as np

    top = len(cube.values) - 1
    places = np.clip((colours - cube.low) / (cube.high - cube.low), 0, 1) * np.float32(top)
    corner = np.minimum(places.astype(np.int32), top - 1)
    rest = places - corner
    # The way from the lower corner to the upper one goes along the axes by size of what is left: of six tetrahedra
    # that is the one which holds the place.
    order = np.argsort(-rest, axis=1, kind="stable")
    sizes = np.take_along_axis(rest, order, 1)
    made = (1 - sizes[:, :1]) * _at(cube, corner)
    for step in range(3):
        corner[np.arange(len(corner)), order[:, step]] += 1
        share = sizes[:, step] - (sizes[:, step + 1] if step < 2 else 0)
        made += share[:, None] * _at(cube, corner)
    return made.astype(np.float32)


def _at(cube: Cube, corner: Any) -> Any:
    return cube.values[corner[:, 2], corner[:, 1], corner[:, 0]]


def written(values: Any, title: str) -> str:
    """The text of a .cube file for (n, n, n, 3) by blue, green, red."""
    head = f'TITLE "{title}"\nLUT_3D_SIZE {len(values)}\n'
    return head + "".join(f"{r:.5f} {g:.5f} {b:.5f}\n" for r, g, b in values.reshape(-1, 3))
