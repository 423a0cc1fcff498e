"""docs/reference.md, written from the catalogue. `--check` fails when the page on disk is not what would be written."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from cinemill import errors
from cinemill.catalogue import Params, filters, operations, presets
from cinemill.settings import Settings
from cinemill.surfaces import forms


def page() -> str:
    """The whole page."""
    return "\n".join([*_head(), *_operations(), *_filters(), *_presets(), *_settings(), *_exit_codes()]) + "\n"


def _head() -> Iterator[str]:
    yield "# Reference"
    yield ""
    yield "Written by `make gen` from the declarations in the source; do not edit."


def _operations() -> Iterator[str]:
    yield from ("", "## Operations", "")
    yield "Each is a command, `cinemill NAME INPUT... -o OUTPUT`, and a call, `cinemill.run(NAME, INPUT, OUTPUT)`."
    for name, operation in operations.items():
        yield from ("", f"### {name}", "", inspect.getdoc(operation) or "")
        if operation.example:
            yield from ("", "```", operation.example, "```")
        yield from table(operation.params, lambda entry: f"`{entry.option}`")


def _filters() -> Iterator[str]:
    yield from ("", "## Filters", "")
    yield "For `--chain`, in the form `name=parameter:value:parameter:value`, joined by commas."
    for name, item in filters.items():
        halo = item.halo if not callable(item.halo) else None
        cut = "cannot be cut into chunks" if item.halo is None else f"halo {halo[0]}, {halo[1]}" if halo else ""
        default = f" Also called `{name.partition('.')[0]}`." if item.default else ""
        yield from ("", f"### {name}", "", f"{item.summary}{default}" + (f" ({cut})" if cut else ""))
        yield from table(item.params, lambda entry: f"`{entry.name}`")


def table(params: type[Params], name: Callable[[forms.Entry], str]) -> Iterator[str]:
    """Lines of Markdown: every parameter, called as `name` says."""
    entries = forms.entries(params)
    if not entries:
        return
    yield from ("", "| parameter | value | meaning |", "|---|---|---|")
    for entry in entries:
        yield f"| {name(entry)} | {cell(entry.facts or entry.kind)} | {cell(entry.help)} |"


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def _presets() -> Iterator[str]:
    yield from ("", "## Presets", "", "| name | operation | what for | values |", "|---|---|---|---|")
    for preset in presets().values():
        values = ", ".join(f"{key} {value}" for key, value in preset.params.items())
        yield f"| `{preset.name}` | {preset.operation} | {cell(preset.description)} | {values} |"


def _settings() -> Iterator[str]:
    yield from ("", "## Settings", "", "In the environment, or without the prefix in `settings.toml`.", "")
    yield from ("| variable | meaning |", "|---|---|")
    for name, field in Settings.model_fields.items():
        yield f"| `CINEMILL_{name.upper()}` | {cell(field.description or '')} |"


def _exit_codes() -> Iterator[str]:
    yield from ("", "## Errors and exit codes", "", "```")
    yield from (inspect.getdoc(errors) or "").split("\n\n")[1].splitlines()
    yield from ("```", "", "130 means interrupted; what was finished is kept.")


_SCHEMA = "storyboard.schema.json"


def _schema() -> str:
    """The form of a storyboard, for editors and programs."""
    from cinemill.film import board

    return json.dumps(board.schema(), indent=1, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """`[--check] FILE`. Exit code 1 when the page is stale."""
    check, path = "--check" in arguments, Path(arguments[-1])
    if not check:
        path.write_text(page(), "utf-8")
        path.with_name(_SCHEMA).write_text(_schema(), "utf-8")
        return 0
    schema = path.with_name(_SCHEMA)
    if all(file.is_file() and file.read_text("utf-8") == text for file, text in ((path, page()), (schema, _schema()))):
        return 0
    print(f"{path} is stale; run `make gen`", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
