"""An operation as a command: its parameters as options, its requests as jobs, shown as they go."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from cinemill.errors import Cancelled, CinemillError
from cinemill.jobs.events import Event
from cinemill.jobs.plan import CHUNK_SECONDS
from cinemill.operations import Request, get
from cinemill.surfaces import forms


@dataclass(frozen=True)
class Common:
    """What every operation takes beside its own parameters; the names are those of the command's arguments."""

    inputs: Annotated[list[Path], typer.Argument(metavar="INPUT...", help="Files, or folders of videos.")]
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="OUTPUT", help="File to make, or folder for it. Left out, INPUT.OPERATION.SUFFIX."
        ),
    ] = None
    preset: Annotated[
        str | None, typer.Option("--preset", metavar="NAME", help="Values under a name; see `cinemill presets`.")
    ] = None
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an output that exists.")] = False
    skip_existing: Annotated[bool, typer.Option("--skip-existing", help="Pass over inputs whose output exists.")] = (
        False
    )
    restart: Annotated[bool, typer.Option("--restart", help="Throw unfinished work for this output away.")] = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")] = False
    as_json: Annotated[bool, typer.Option("--json", help="Print events as JSON, one a line.")] = False
    chunk_seconds: Annotated[
        float, typer.Option("--chunk-seconds", min=0.1, metavar="S", help="Programme per chunk, in seconds.")
    ] = CHUNK_SECONDS
    on: Annotated[str, typer.Option("--on", metavar="WHERE", help="Where to run: auto, serial or processes.")] = "auto"


def command(name: str) -> tuple[Callable[..., None], str]:
    """A function with the signature that typer needs, and its help."""
    operation = get(name)
    entries = forms.entries(operation.params)

    def run(**given: Any) -> None:
        explicit = {entry.name: given.pop(entry.name) for entry in entries}
        _perform(name, {key: value for key, value in explicit.items() if value is not None}, Common(**given))

    shared = inspect.signature(Common, eval_str=True).parameters.values()
    inputs, *rest = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in shared]
    own = sorted(map(_option, entries), key=lambda p: p.name not in operation.params.__annotations__)
    signature = inspect.Signature([inputs, *own, *rest])
    run.__signature__ = signature  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    example = f"\n\nExample: {operation.example}" if operation.example else ""
    return run, _unmarked((inspect.getdoc(operation) or "") + example)


def _option(entry: forms.Entry) -> inspect.Parameter:
    """An option whose text is handed on as it is: parameters are checked in one place, and that is not here."""
    flag = entry.kind == "flag"
    told = f" ({entry.facts})" if entry.facts else ""
    option = typer.Option(
        f"{entry.option}/--no-{entry.option[2:]}" if flag else entry.option,
        metavar=None if flag else entry.metavar,
        help=_unmarked(entry.help + told),
        show_default=False,
        autocompletion=(lambda: list(entry.choices)) if entry.choices else None,
        rich_help_panel=entry.group,
    )
    kind = Annotated[(bool if flag else str) | None, option]
    return inspect.Parameter(entry.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)


def _unmarked(text: str) -> str:
    return text.replace("[", "\\[")


def _perform(name: str, explicit: dict[str, Any], common: Common) -> None:
    """Run over all inputs; one that fails stops no other, and the first failure gives the exit code."""
    viewer = view(common.as_json)
    failed: CinemillError | None = None
    try:
        requests = forms.batch(name, common.inputs, common.output, explicit, common.preset)
    except CinemillError as error:
        viewer.failed(error, common.inputs)
        raise typer.Exit(error.exit_code) from None
    for request in requests:
        if common.skip_existing and request.output and request.output.exists():
            viewer.skipped(request.output)
            continue
        try:
            watch(_events(request, common), request.output, common.as_json)
        except CinemillError as error:
            failed = failed or error
            viewer.failed(error, request.inputs)
    if failed:
        raise typer.Exit(failed.exit_code)


def _events(request: Request[Any], common: Common) -> Generator[Event, None, None]:
    from cinemill.jobs import run as jobs
    from cinemill.jobs.executors import executor

    if common.dry_run:
        yield jobs.preview(request, common.chunk_seconds)
        return
    yield from jobs.run(
        request,
        executor=executor(common.on),
        chunk_seconds=common.chunk_seconds,
        overwrite=common.overwrite,
        restart=common.restart,
    )


def watch(events: Generator[Event, None, None], output: Path | None, as_json: bool) -> None:
    """Show the events of one job; an interrupt stops it and says how to go on."""
    viewer = view(as_json)
    try:
        with viewer, closing(events):
            for event in events:
                viewer.show(event)
    except (KeyboardInterrupt, Cancelled):
        viewer.interrupted(output)
        raise


def view(as_json: bool) -> Any:
    """Where events are shown; rich is loaded only for people."""
    from cinemill.surfaces import show

    return show.Lines() if as_json else show.Console()
