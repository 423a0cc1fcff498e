"""Commands about engines: what there is, getting one, taking it away, trying it."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from cinemill.surfaces.columns import columns
from cinemill.surfaces.help import Command, family

EngineName = Annotated[str, typer.Argument(metavar="ENGINE")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def add_to(app: typer.Typer, panel: str) -> None:
    """Hang `engines` and its commands on `app`."""
    group = family("List, install, remove and try engines: models and programs in environments of their own.")
    for name, function in (("list", _list), ("install", _install), ("remove", _remove), ("doctor", _doctor)):
        group.command(name, cls=Command)(function)
    app.add_typer(group, name="engines", rich_help_panel=panel)


def _list(as_json: AsJson = False) -> None:
    """List the engines and whether they are installed.

    Example: cinemill engines list
    """
    from cinemill.engines import engines
    from cinemill.engines.install import is_installed

    rows = [
        {"name": name, "installed": is_installed(engine), "size_mb": engine.size_mb, "summary": engine.summary}
        for name, engine in engines.items()
    ]
    _show(rows, as_json, "installed", "summary")


def _install(engine: EngineName) -> None:
    """Make an engine's environment; needs the network once.

    Example: cinemill engines install whisper
    """
    from cinemill.engines import engines
    from cinemill.engines.install import install

    for line in install(engines.get(engine)):
        typer.echo(line)


def _remove(engine: EngineName) -> None:
    """Delete an engine's environment.

    Example: cinemill engines remove whisper
    """
    from cinemill.engines import engines
    from cinemill.engines.install import remove

    typer.echo(f"{engine} is removed; {remove(engines.get(engine)) / 1e6:.0f} MB are free again.")


def _doctor(as_json: AsJson = False) -> None:
    """Start every installed engine and let it say what it is. Exit code 5 when one cannot.

    Example: cinemill engines doctor
    """
    from cinemill.engines import engines
    from cinemill.engines.install import examine

    rows = [{"name": name, **examine(engine)} for name, engine in engines.items()]
    _show(rows, as_json, "works", "detail")
    if any(row["works"] is False for row in rows):
        raise typer.Exit(5)


def _show(rows: list[dict[str, Any]], as_json: bool, mark: str, told: str) -> None:
    if as_json:
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    for row, (name, words) in zip(rows, columns([(row["name"], str(row[told])) for row in rows])):
        typer.echo(f"  {'✓' if row[mark] else '–'} {name}  {words}")
