"""`cinemill lab`: settings against each other on one's own pictures; choices, and pairs to learn from."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cinemill.errors import InvalidParams
from cinemill.surfaces.help import Command, family

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The lab.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def add_to(app: typer.Typer, panel: str) -> None:
    """Hang the commands on `app`."""
    lab = family("Compare settings on your pictures, choose, and approve pairs to learn from.")
    for name, function in (("compare", _compare), ("choose", _choose), ("approve", _approve), ("show", _show)):
        lab.command(name, cls=Command)(function)
    app.add_typer(lab, name="lab", rich_help_panel=panel)


def _compare(
    film: Annotated[Path, typer.Argument(metavar="INPUT", help="A film.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="The lab; more may be added.")],
    chain: Annotated[
        list[str] | None,
        typer.Option("--chain", metavar="CHAIN", help='Filters as for process, "" for none; two or more.'),
    ] = None,
    moments: Annotated[int, typer.Option(metavar="N", min=1, max=100, help="How many pictures of the film.")] = 3,
    reference: Annotated[Path | None, typer.Option(metavar="FILE", help="What it should look like.")] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="For which lies on the left.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Make sheets on which two settings lie side by side, and nobody sees which is which.

    Example: cinemill lab compare tape.mp4 -o lab --chain denoise.learned --chain denoise=strength:0.4
    """
    from cinemill.learn import lab

    for item in lab.compare(output, film, chain or [], moments, reference, seed):
        if as_json:
            typer.echo(json.dumps(asdict(item)))
        else:
            typer.echo(f"{item.number}: {lab.sheet_of(output, item.number)}")
    if not as_json:
        typer.echo(f"look at them, and say which is better: cinemill lab choose {output} 0=left 1=right 2=same")


def _choose(
    folder: Folder,
    choice: Annotated[list[str], typer.Argument(metavar="N=WORD", help="left, right or same; also with :STARS.")],
    as_json: AsJson = False,
) -> None:
    """Enter what you liked better.

    Example: cinemill lab choose lab 0=left 1=right 2=same
    """
    from cinemill.learn import lab

    for written in choice:
        found = re.fullmatch(r"(\d+)=([a-z]+)(?::([\d.]+))?", written)
        if not found:
            raise InvalidParams(f"{written!r} is refused: write the number of a sheet, = and left, right or same.")
        number, word, stars = found.groups()
        lab.choose(folder, int(number), word, float(stars) if stars else None)
    _show(folder, as_json)


def _approve(
    folder: Folder,
    choice: Annotated[
        list[str],
        typer.Argument(metavar="N=WORD", help="left, right, reference, or the file of a mended picture; N may be all."),
    ],
) -> None:
    """Let a picture be what its film should look like: a pair to learn from.

    Example: cinemill lab approve lab 0=left 1=mended.png
    """
    from cinemill.learn import lab

    for written in choice:
        number, equals, word = written.partition("=")
        if not ((number.isdigit() or number == "all") and equals and word):
            raise InvalidParams(f"{written!r} is refused: write the number of a sheet, = and left, right or a file.")
        mended = None if word in (*lab.WORDS, lab.REFERENCE) else Path(word)
        if mended and number == "all":
            raise InvalidParams(f"{written!r} is refused: a picture that was mended is of one comparison.")
        for place in [item.number for item in lab.items(folder)] if number == "all" else [int(number)]:
            lab.approve(folder, place, "" if mended else word, mended)
    place = lab.pairs(folder)
    count = len(list((place / "target").iterdir()))
    typer.echo(f"{count} pairs in {place}: cinemill train restore --pairs {place} --name NAME")


def _show(folder: Folder, as_json: AsJson = False) -> None:
    """Say which settings were preferred, and by how much.

    Example: cinemill lab show lab
    """
    from cinemill.learn import lab

    found = lab.standings(folder)
    if as_json:
        typer.echo(json.dumps([{**asdict(one), "stars": one.stars} for one in found], ensure_ascii=False))
        return
    if not found:
        typer.echo("nothing was chosen yet.")
    for one in found:
        typer.echo(f"{one.share:4.0%}  won {one.won}, lost {one.lost}, even {one.even}: {one.chain or 'as it is'}")
