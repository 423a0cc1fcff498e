"""The lab of the page: what is done in it with pictures of strangers, for the process that looks at files.

A collection is a lab of `cinemill lab` in the studio's folder; its pairs are what networks learn from.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def compare(folder: Path, film: Path, chains: Sequence[str], count: int) -> dict[str, Any]:
    """Make more comparisons of a film, and say what is to be rated next. Raises CinemillError."""
    from cinemill.learn import lab

    seed = len(lab.items(folder))
    for _ in lab.compare(folder, film, chains, count, seed=seed):
        pass
    return waiting(folder)


def waiting(folder: Path) -> dict[str, Any]:
    """The next comparison that nobody has rated, with its pictures; what was preferred; how many pairs there are."""
    from cinemill.learn import films, lab

    items = lab.items(folder)
    rated = {line["item"] for line in lab.choices(folder)}
    left = [item for item in items if item.number not in rated]
    target = lab.pairs(folder) / films.TARGET
    told: dict[str, Any] = {
        "count": len(items),
        "left": len(left),
        "pairs": len([path for path in target.iterdir() if path.is_file()]) if target.is_dir() else 0,
        "standings": [(one.chain or "as it is", one.share, one.won, one.lost, one.even) for one in _standings(folder)],
        "number": None,
    }
    if left:
        item = left[0]
        sides = ("b", "a") if item.swapped else ("a", "b")
        told["number"] = item.number
        told["pictures"] = [str(lab.picture_of(folder, item.number, side)) for side in sides]
    return told


def _standings(folder: Path) -> list[Any]:
    from cinemill.learn import lab

    return lab.standings(folder) if lab.choices(folder) else []


def rate(folder: Path, number: int, word: str, learn: bool) -> dict[str, Any]:
    """Enter a choice; with `learn`, what is better becomes a pair to learn from. Raises CinemillError."""
    from cinemill.learn import lab

    lab.choose(folder, number, word)
    if learn and word != "same":
        lab.approve(folder, number, word)
    return waiting(folder)


def add(folder: Path, before: Sequence[Path], after: Sequence[Path]) -> dict[str, Any]:
    """Put files before and after into the pairs of a collection, by their order. Raises InvalidParams."""
    from cinemill.errors import InvalidParams
    from cinemill.learn import films, lab

    if len(before) != len(after) or not before:
        raise InvalidParams(f"{len(before)} files before and {len(after)} after make no pairs; give as many of both.")
    for name, files in ((films.INPUT, before), (films.TARGET, after)):
        place = lab.pairs(folder) / name
        place.mkdir(parents=True, exist_ok=True)
        first = len(list(place.iterdir()))
        for number, path in enumerate(files, first):
            shutil.copyfile(path, place / f"own-{number:04d}{path.suffix.lower()}")
    return waiting(folder)


def folder_of_pairs(path: Path) -> int:
    """How many files of a folder belong together. Raises InvalidParams."""
    from cinemill.errors import InvalidParams
    from cinemill.learn import films

    both = [{one.stem for one in (path / name).glob("*") if one.is_file()} for name in (films.INPUT, films.TARGET)]
    if not both[0] & both[1]:
        raise InvalidParams(f"{path} has no folders input and target with files of the same names.")
    return len(both[0] & both[1])
