"""The command line: one command per operation of the catalogue, and a few about the studio itself.

Only what the command at hand needs is loaded.
"""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from cinemill.errors import Cancelled, CinemillError, RequestError
from cinemill.surfaces import glance
from cinemill.surfaces.help import Command, Group, family, help_alone
from cinemill.version import __version__


def _hyphenated(word: str) -> str:
    return word.replace("_", "-")


app = typer.Typer(
    name="cinemill",
    cls=Group,
    help="A media studio on your own machine. Nothing is lost, and any job can be stopped and resumed.\n\n"
    "`cinemill demo` shows what it does, `cinemill doctor` what works here, and `cinemill serve` has it all on a page. "
    "`cinemill COMMAND --help` tells more of each, with an example.",
    context_settings={
        "help_option_names": ["-h", "--help"],
        # --max_line_width is --max-line-width: whisperX's users write the one, ffmpeg's the other.
        "token_normalize_func": _hyphenated,
    },
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Entry point. Exit codes come from the error's class; 130 when interrupted, 1 when nobody reads on."""
    gc.disable()  # until the command begins: what is loaded stays, and looking for waste in it takes a while
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # every package that is installed is searched for them
    stop = _Stop()
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names that the terminal's encoding cannot show
    try:
        _add_commands()
        code = app(prog_name="cinemill", standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, Cancelled, typer.Abort):  # the last: a question that was not answered
        code = Cancelled.exit_code
    except BrokenPipeError:  # the reader of our output has gone; Python would complain when it closes stdout
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except Exception as error:
        code = _failed(error)
    sys.exit(code)


class _Stop:
    """What Ctrl-C and SIGTERM do: the first ends the work in order, a later one at once, for nothing can be spoilt.

    One that comes right after the first is the same one, sent to the whole group and handed on by a wrapper.
    """

    _SAME = 1.0
    """Seconds."""

    def __init__(self) -> None:
        self.first: float | None = None

    def __call__(self, number: int, frame: Any) -> None:
        if self.first is None:
            self.first = time.monotonic()
            raise KeyboardInterrupt
        if time.monotonic() - self.first > self._SAME:
            os._exit(Cancelled.exit_code)


def _failed(error: Exception) -> int:
    from cinemill.surfaces import show

    told = show.plain(_asked_wrongly(error) if isinstance(error, TyperException) else error)
    show.viewer("--json" in sys.argv).failed(told, ())
    return told.exit_code


def _asked_wrongly(error: TyperException) -> CinemillError:
    """What typer says of a wrong command or option, in our words."""
    near = getattr(error, "possibilities", None)
    said = f"{error.message}; did you mean {' or '.join(sorted(near))}?" if near else error.format_message()
    said = f"{said[0].lower()}{said[1:]}{'' if said.endswith(('.', '?')) else '.'}"
    file = next((word for word in sys.argv[1:] if word.startswith("-") and Path(word).is_file()), None)
    if file:
        return RequestError(f"{said} If you mean the file {file}, write ./{file}.")
    ctx = getattr(error, "ctx", None)
    known = _elsewhere(ctx, getattr(error, "option_name", ""))
    if known:
        return RequestError(f"{said} {known[0].upper()}{known[1:]}")
    return RequestError(f"{said} `{ctx.command_path} --help` tells more." if ctx else said)


_FAMILIES = {"dv": "Look into tapes of DV, split them into recordings, merge several takes."}
"""Operations whose names begin alike and are commands of one group: dv-info is `cinemill dv info`."""


def _elsewhere(ctx: Any, option: str) -> str:
    """What an operation says of an option that another tool has."""
    from cinemill.catalogue import operations

    name = ctx.info_name if ctx else ""
    return operations.get(name).elsewhere.get(option.lstrip("-"), "") if name in operations else ""


def _add_commands() -> None:
    """Hang the commands on `app`: where one of them is asked for, it alone, for the others take longer to make."""
    completing = "_CINEMILL_COMPLETE" in os.environ
    asked = sys.argv[1] if len(sys.argv) > 1 and not completing else ""
    operation = glance.operation(asked) if asked and asked.partition("-")[0] not in _FAMILIES else {}
    if operation:
        _add_operations(operation, completing)
        return
    from cinemill.surfaces import studio

    others = typer.Typer()
    studio.add_to(others)
    commands = [each for each in others.registered_commands if each.name == asked]
    groups = [each for each in others.registered_groups if each.name == asked]
    if not (commands or groups):
        _add_operations(glance.operations(), completing)
        commands, groups = others.registered_commands, others.registered_groups
    app.registered_commands += commands
    app.registered_groups += groups


def _add_operations(operations: dict[str, glance.Told], completing: bool) -> None:
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    families = {name: family(text) for name, text in _FAMILIES.items()}
    topics: dict[str, str] = {}
    for name, told in operations.items():
        first, _, rest = name.partition("-")
        place, called, asked = (families[first], rest, "-".join(words[:2])) if first in families else (app, name, "")
        wanted = completing or name in (asked, *words[:1])
        command, text = _full(name) if wanted else (_listed_only, told.summary)
        place.command(called, cls=Command, rich_help_panel=None if place is not app else told.topic, help=text)(command)
        topics[first] = told.topic
    for name in families.keys() & topics.keys():
        app.add_typer(families[name], name=name, rich_help_panel=topics[name])


def _full(name: str) -> tuple[Callable[..., None], str]:
    from cinemill.surfaces import perform

    return perform.command(name)


def _listed_only() -> None:
    raise AssertionError("this command was not asked for when the commands were made")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cinemill {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(  # pyright: ignore[reportUnusedFunction]
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    gc.freeze()
    gc.enable()
    help_alone(ctx)


if __name__ == "__main__":
    main()
