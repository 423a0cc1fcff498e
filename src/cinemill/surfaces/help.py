"""What `--help` prints: how to call it, a sentence, an example, then names on the left and words on the right.

Typer's own pages show Python's types and put the options that all commands share before those of the command.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import typer
from rich.markup import escape
from typer.core import TyperCommand, TyperGroup

_WIDEST_NAMES = 28
"""Columns for names; longer ones fold, so that words keep half of a narrow terminal."""


def help_alone(ctx: typer.Context) -> None:
    """A group without a command shows its help."""
    if ctx.invoked_subcommand is None:
        ctx.get_help()


def family(told: str) -> typer.Typer:
    """Commands that have their first word in common. The word alone shows their help."""
    made = typer.Typer(help=told, cls=Group)
    made.callback(invoke_without_command=True)(help_alone)
    return made


class Command(TyperCommand):
    is_group = False

    def format_help(self, ctx: Any, formatter: Any) -> None:
        _print(self, ctx)


class Group(TyperGroup):
    is_group = True

    def format_help(self, ctx: Any, formatter: Any) -> None:
        _print(self, ctx)


Rows = list[tuple[str, str]]
"""Names, and what they mean, as rich markup."""


def _print(command: Any, ctx: Any) -> None:
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    console.print(f"[bold]Usage:[/] {_usage(command, ctx)}\n", soft_wrap=True)
    for paragraph in (command.help or "").split("\n\n"):
        example = paragraph.startswith("Example:")  # which is there to be copied
        console.print((paragraph if example else " ".join(paragraph.split())) + "\n", soft_wrap=example)
    sections = list(_sections(command, ctx))
    widths = [Text.from_markup(names).cell_len for _, rows in sections for names, _ in rows]
    for title, rows in sections:
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(style="cyan", width=min(_WIDEST_NAMES, max(widths)))
        table.add_column()
        for names, words in rows:
            table.add_row(names, words)
        console.print(f"[bold]{title}[/]")
        console.print(Padding(table, (0, 0, 1, 2), expand=False))


def _usage(command: Any, ctx: Any) -> str:
    arguments = [escape(_place(param)) for param in command.params if param.param_type_name == "argument"]
    return " ".join([ctx.command_path, *arguments, "COMMAND ..." if command.is_group else "\\[OPTION]..."])


def _sections(command: Any, ctx: Any) -> Iterator[tuple[str, Rows]]:
    """Commands, arguments, then options, each under the name of its panel, in the order in which these first appear."""
    shown = [param for param in command.get_params(ctx) if not param.hidden]
    commands = [command.get_command(ctx, name) for name in command.list_commands(ctx)] if command.is_group else []
    arguments = [param for param in shown if param.param_type_name == "argument"]
    options = [param for param in shown if param.param_type_name == "option"]
    yield from _panels((each.rich_help_panel or "Commands", each.name, _first(each.help)) for each in commands)
    yield from _panels(("Arguments", escape(_place(param)), param.help or "") for param in arguments)
    yield from _panels((param.rich_help_panel or "Options", _names(param), param.help or "") for param in options)


def _panels(entries: Iterable[tuple[str, str, str]]) -> Iterator[tuple[str, Rows]]:
    panels: dict[str, Rows] = {}
    for title, names, words in entries:
        panels.setdefault(title, []).append((names, words))
    yield from panels.items()


def _place(argument: Any) -> str:
    return argument.metavar or argument.name.upper()


def _names(option: Any) -> str:
    names = ", ".join([*sorted(option.opts, key=len), *option.secondary_opts])
    return names if option.is_flag else f"{names} [dim]{escape(option.metavar or 'VALUE')}[/]"


def _first(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]
