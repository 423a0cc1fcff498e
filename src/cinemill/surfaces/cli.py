"""The command line: one command per operation of the catalogue, and a few about the studio itself.

Only what the command at hand needs is loaded.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from cinemill.errors import Cancelled, CinemillError
from cinemill.surfaces import glance, studio
from cinemill.version import __version__

app = typer.Typer(
    name="cinemill",
    help="A local-first media studio: restore, convert and measure video. Nothing is lost, and any job can be resumed.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Entry point. Exit codes come from the error's class; 130 when interrupted."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        _add_operations()
        studio.add_to(app)
        app()
    except CinemillError as error:
        typer.secho("error: ", fg="red", bold=True, err=True, nl=False)
        typer.echo(error.sentence, err=True)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, Cancelled):
        sys.exit(Cancelled.exit_code)
    except BrokenPipeError:  # the reader of our output has gone; Python would complain when it closes stdout
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def _add_operations() -> None:
    asked = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    completing = "_CINEMILL_COMPLETE" in os.environ
    for name, summary in glance.operations().items():
        command, text = _full(name) if completing or name == asked else (_listed_only, summary)
        app.command(name, rich_help_panel="Operations", help=text)(command)


def _full(name: str) -> tuple[Callable[..., None], str]:
    from cinemill.surfaces import perform

    return perform.command(name)


def _listed_only() -> None:
    raise AssertionError("this command was not asked for when the commands were made")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cinemill {__version__}")
        raise typer.Exit


@app.callback()
def _root(  # pyright: ignore[reportUnusedFunction]
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


if __name__ == "__main__":
    main()
