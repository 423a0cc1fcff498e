"""A study -> one page: what was searched, how it went, which parameters matter, and the best few to look at."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from cinemill.operations.space import Axis, Value
from cinemill.operations.tuning import Study, Trial, figures_of

_ROWS = 40
"""Trials in the table."""


def write(study: Study, best: int, pictures: Path, use: str, again: str, path: Path) -> None:
    """Write the page. `pictures` holds the trials' as `picture_name` says; the command `use` takes what was found,
    `again` goes on with the search.
    """
    from cinemill.measure import page

    ranked = study.ranked()
    first = ranked[0]
    facts = [
        ("trials", str(len(study.trials()))),
        ("goal", str(study.goal)),
        ("best", f"trial {first.number}"),
        *((short(name), said(value)) for name, value in first.values.items()),
    ]
    sections: list[page.Section] = [
        _slider(first, pictures),
        page.Gallery("The best few", _sheet(ranked[:best], pictures), width=420),
        page.Command("To use the best", "Its values are kept under a name:", use),
        page.Command("To go on", "By your own eyes, with 1 to 5 stars for a trial, and with more trials:", again),
        _course(study.trials()),
        *(_along(axis, study.trials(), first) for axis in study.axes),
        *_weights(study),
        _table(ranked),
    ]
    names = ", ".join(map(str, study.axes))
    what = study.asked.fixed.get("chain") or study.asked.operation
    page.page(path, f"Tuning {what}", facts, *sections, lead=f"Searched: {names}.")


def picture_name(trial: int | str, sample: int) -> str:
    """The file of a trial's picture of a sample; "film" and "reference" are others."""
    return f"{trial}-{sample}.jpg"


def said(value: Value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def short(name: str) -> str:
    """A parameter without the method of its filter: `denoise.strength` for denoise.hqdn3d.strength."""
    owner, _, parameter = name.rpartition(".")
    return f"{owner.partition('.')[0]}.{parameter}" if owner and "#" not in owner else name


def caption(trial: Trial) -> str:
    """A trial in one line."""
    values = ", ".join(f"{short(name)} {said(value)}" for name, value in trial.values.items())
    stars = f", {trial.stars:g} stars" if trial.stars is not None else ""
    return f"trial {trial.number}: {values}{stars}"


def _read(path: Path) -> Any:
    import cv2

    return cv2.imread(str(path), cv2.IMREAD_COLOR_RGB) if path.is_file() else None


def _samples(pictures: Path, trial: int | str) -> list[Any]:
    found: list[Any] = []
    while (shot := _read(pictures / picture_name(trial, len(found)))) is not None:
        found.append(shot)
    return found


def _slider(first: Trial, pictures: Path) -> Any:
    from cinemill.measure.page import Moment, Slider

    pairs = zip(_samples(pictures, "film"), _samples(pictures, first.number))
    shown = [Moment(f"excerpt {number}", before, after) for number, (before, after) in enumerate(pairs, 1)]
    return Slider(shown, before="source", after=f"trial {first.number}")


def _sheet(best: Sequence[Trial], pictures: Path) -> list[tuple[Any, str]]:
    """Of each excerpt the source, the reference if there is one, and the best trials."""
    rows: list[tuple[int | str, str]] = [("film", "source"), ("reference", "reference")]
    rows += [(trial.number, caption(trial)) for trial in best]
    shots = [(_samples(pictures, key), label) for key, label in rows]
    count = len(shots[0][0])
    return [(found[sample], label) for sample in range(count) for found, label in shots if sample < len(found)]


def _course(trials: Sequence[Trial]) -> Any:
    from cinemill.measure.page import Dots

    worth = [trial.worth for trial in trials]
    points = [(float(trial.number), trial.worth) for trial in trials]
    best = [(x, value) for (x, _), value in zip(points, accumulate(worth, max))]
    return Dots("Worth of each trial, and the best so far", points, marked=worth.index(max(worth)), line=best)


def _along(axis: Axis, trials: Sequence[Trial], first: Trial) -> Any:
    from cinemill.measure.page import Dots

    names = [str(value) for value in axis.among]
    place = {name: number for number, name in enumerate(names)}

    def across(value: Value) -> float:
        return float(place[str(value)]) if axis.among else float(value)

    points = [(across(trial.values[axis.name]), trial.worth) for trial in trials]
    marked = next(number for number, trial in enumerate(trials) if trial.number == first.number)
    return Dots(f"Worth by {short(axis.name)}", points, marked=marked, names=names)


def _weights(study: Study) -> list[Any]:
    from cinemill.measure.page import Table

    found = study.weights()
    rows = [[name, f"{share:.0%}"] for name, share in found.items()]
    return [Table("How much each parameter decides", ["parameter", "share"], rows)] if rows else []


def _table(ranked: Sequence[Trial]) -> Any:
    from cinemill.measure.metrics import shown
    from cinemill.measure.page import Table

    names, figures = list(ranked[0].values), list(figures_of(ranked))
    rows = [
        [
            str(trial.number),
            shown(trial.worth),
            "" if trial.stars is None else f"{trial.stars:g}",
            *(said(trial.values[name]) for name in names),
            *(shown(trial.figures[name]) if name in trial.figures else "" for name in figures),
        ]
        for trial in ranked[:_ROWS]
    ]
    return Table("Trials, the best first", ["trial", "worth", "stars", *names, *figures], rows)
