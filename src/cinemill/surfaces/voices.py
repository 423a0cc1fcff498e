"""The command that lists voices."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from cinemill.errors import UnknownName
from cinemill.surfaces.columns import columns


def voices(
    engine: Annotated[str, typer.Option(help="Of this engine: espeak, kokoro, piper or chatterbox.")] = "",
    language: Annotated[str, typer.Option(help="That speak this language, such as de or pt-BR.")] = "",
    folder: Annotated[Path | None, typer.Option(help="Where Piper's voices lie.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the voices that a text can be spoken in.

    Example: cinemill voices --language de
    """
    from cinemill.operations import voice_list

    if engine and engine not in voice_list.ENGINES:
        raise UnknownName("engine that speaks", engine, voice_list.ENGINES)
    found = voice_list.voices(engine or None, language or None, folder)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], indent=1, ensure_ascii=False))
        return
    for name, group in groupby(found, key=lambda one: one.engine):
        rows = list(group)
        typer.echo(f"{name}{'' if rows[0].is_here else f' (not installed: cinemill engines install {name})'}")
        for row in columns([(one.voice, one.language, one.about) for one in rows]):
            typer.echo("  " + "  ".join(row).rstrip())
    if not found:
        typer.echo("no voice speaks that.")
