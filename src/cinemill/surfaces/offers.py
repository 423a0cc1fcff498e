"""What could be installed for a request to go well, or better: asked for on a terminal, taken with --yes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from cinemill.operations import Offer, Request, get
from cinemill.settings import settings


def taken(request: Request[Any], yes: bool, quiet: bool, say: Callable[[str], None] = typer.echo) -> None:
    """Install what the operation offers for `request`, where the user agrees. `quiet` asks nothing.

    Raises whatever an installation raises; what is refused costs nothing but what it was for.
    """
    asks = not quiet and sys.stdin.isatty() and sys.stdout.isatty()
    if not (yes or asks):
        return
    for offer in get(request.operation).offers(request):
        if yes or _agreed(offer):
            for line in offer.take():
                (say if not quiet else _aside)(line)


def _aside(line: str) -> None:
    typer.echo(line, err=True)


def _agreed(offer: Offer) -> bool:
    """Whether the user wants it; `never` is remembered."""
    if _declined(offer).exists():
        return False
    try:
        answer = input(f"{offer.sentence} Get it now? [y/n/never] ").strip().lower()
    except EOFError:  # nobody is there to say yes
        typer.echo()
        return False
    if answer == "never":
        _declined(offer).parent.mkdir(parents=True, exist_ok=True)
        _declined(offer).touch()
    return answer in ("y", "yes")


def _declined(offer: Offer) -> Path:
    return settings().state_dir / "declined" / offer.name
