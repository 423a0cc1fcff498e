"""An operation as a command: its parameters as options, its requests as jobs, shown as they go."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from cinemill.catalogue import presets
from cinemill.errors import Cancelled, CinemillError, RequestError
from cinemill.jobs.events import Done, Event
from cinemill.jobs.executors import PLACES
from cinemill.jobs.plan import CHUNK_SECONDS
from cinemill.jobs.store import JobFolder
from cinemill.operations import Request, get
from cinemill.storage import elsewhere
from cinemill.surfaces import forms, offers, show, watching


def _shared(*names: str, help: str, **rest: Any) -> Any:
    return typer.Option(*names, help=help, show_default=False, rich_help_panel="For every operation", **rest)


def _presets(ctx: typer.Context) -> list[str]:
    return [preset.name for preset in presets().values() if preset.operation == ctx.info_name]


@dataclass(frozen=True)
class Common:
    """What every operation takes beside its own parameters; the names are those of the command's arguments."""

    inputs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="INPUT...", help="Files, folders of them, or addresses: s3://, https://."),
    ] = None
    output: Annotated[
        str | None,
        _shared(
            "--output",
            "-o",
            metavar="OUTPUT",
            help="File, folder or s3://BUCKET/KEY. Left out, it lies here, under a name that is made of the input's.",
        ),
    ] = None
    output_dir: Annotated[
        Path | None,
        _shared("--output-dir", metavar="FOLDER", help="A folder for the output, made where there is none."),
    ] = None
    preset: Annotated[
        str | None,
        _shared(
            "--preset",
            metavar="NAME",
            help="Values under a name, see `cinemill presets`; what you give beside it wins.",
            autocompletion=_presets,
        ),
    ] = None
    save_preset: Annotated[
        str | None,
        _shared("--save-preset", metavar="NAME", help="Keep the values that are given under a name, for --preset."),
    ] = None
    overwrite: Annotated[bool, _shared("--overwrite", help="Replace an output that exists.")] = False
    watch: Annotated[
        bool,
        _shared("--watch", help="Go on looking for new files in the folders that are named, until interrupted."),
    ] = False
    yes: Annotated[bool, _shared("--yes", "-y", help="Install what the operation offers to, without asking.")] = False
    skip_existing: Annotated[bool, _shared("--skip-existing", help="Pass over inputs whose output exists.")] = False
    restart: Annotated[bool, _shared("--restart", help="Throw unfinished work for this output away.")] = False
    metrics: Annotated[
        bool,
        _shared("--metrics", help="Measure the video against its source, frame by frame: OUTPUT.metrics.html, .jsonl."),
    ] = False
    dry_run: Annotated[bool, _shared("--dry-run", help="Show what would be done, and do nothing.")] = False
    as_json: Annotated[bool, _shared("--json", help="Print events as JSON, one a line.")] = False
    chunk_seconds: Annotated[
        float | None,
        _shared(
            "--chunk-seconds",
            metavar="S",
            min=0.1,
            help=f"Programme per chunk: what a kill costs at most. [dim](default {CHUNK_SECONDS:g}; at least 0.1 s)[/]",
        ),
    ] = None
    on: Annotated[
        str,
        _shared(
            "--on",
            metavar="WHERE",
            help="Where to run; auto takes the server in the settings for what cannot be done here. "
            f"[dim](default auto; one of {', '.join(PLACES)})[/]",
            autocompletion=lambda: list(PLACES),
        ),
    ] = "auto"

    @property
    def place(self) -> str | None:
        """Where the output goes. Raises RequestError for two places."""
        if self.output and self.output_dir:
            raise RequestError(f"--output {self.output} and --output-dir {self.output_dir} are two places; name one.")
        return f"{self.output_dir}{os.sep}" if self.output_dir else self.output


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
    return run, escape((inspect.getdoc(operation) or "") + example)


def _option(entry: forms.Entry) -> inspect.Parameter:
    """An option whose text is handed on as it is: parameters are checked in one place, and that is not here."""
    flag = entry.kind == "flag"
    told = f" [dim]({escape(entry.facts)})[/]" if entry.facts else ""
    option = typer.Option(
        f"{entry.option}/--no-{entry.option[2:]}" if flag else entry.option,
        metavar=None if flag else entry.metavar,
        help=escape(entry.help) + told,
        show_default=False,
        autocompletion=(lambda: list(entry.choices)) if entry.choices else None,
        rich_help_panel=entry.group,
    )
    kind = Annotated[(bool if flag else str) | None, option]
    return inspect.Parameter(entry.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)


def _perform(name: str, explicit: dict[str, Any], common: Common) -> None:
    """Run over all inputs; one that fails stops no other, and the first failure gives the exit code.

    Exits with 1 when all went well, but what was examined did not pass (`passed` in an operation's result).
    """
    viewer = show.viewer(common.as_json)
    failures: list[CinemillError] = []
    passed = True
    count = 0
    tasks: Iterable[forms.Task] = ()
    if common.watch:
        tasks = watching.arrivals(name, _given(name, common.inputs), common.place, explicit, common.preset)
    else:
        tasks = forms.batch(name, _given(name, common.inputs), common.place, explicit, common.preset)
    if common.save_preset:
        forms.save_preset(name, common.save_preset, explicit, common.preset)
    for task in tasks:
        count += 1
        try:
            request = task.request()
            if (common.skip_existing or common.watch) and request.output and _exists(request):
                viewer.skipped(request.output)
            else:
                if not common.dry_run and not common.on.startswith("http"):
                    offers.taken(request, common.yes, common.as_json)
                passed &= watch(_events(request, common), request.output, common.as_json)
        except BrokenPipeError:
            raise
        except Exception as error:
            failures.append(show.plain(error))
            viewer.failed(failures[-1], task.asked.inputs)
    if failures:
        if count > 1:
            viewer.counted(len(failures), count)
        raise typer.Exit(failures[0].exit_code)
    if not passed:
        raise typer.Exit(1)


def _given(name: str, inputs: list[Path] | None) -> list[Path]:
    """The inputs that were named. A text may come through the pipe, and does where nothing is named."""
    reads_text = "text" in get(name).inputs
    if not inputs and get(name).stand_in:
        return []
    if not inputs and not (reads_text and not sys.stdin.isatty()):
        how = ", or write into a pipe" if reads_text else ""
        example = f", as in `{get(name).example}`" if get(name).example else ""
        raise RequestError(f"{name} needs an input: name a file{how}{example}.")
    if reads_text and (not inputs or inputs == [Path("-")]):
        return [forms.piped(sys.stdin.buffer.read())]
    return inputs or []


def _exists(request: Request[Any]) -> bool:
    return (
        elsewhere.exists(request.destination)
        if request.destination
        else bool(request.output and request.output.exists())
    )


def _events(request: Request[Any], common: Common) -> Generator[Event, None, None]:
    from cinemill.surfaces import remote

    how: Any = {
        "chunk_seconds": common.chunk_seconds or forms.chunk_seconds(request.operation, common.preset),
        "overwrite": common.overwrite,
        "restart": common.restart,
        "metrics": common.metrics,
    }
    if common.dry_run:
        from cinemill.jobs import run as jobs

        yield jobs.preview(request, **how)
        return
    yield from remote.events_on(common.on, request, **how)


def watch(events: Generator[Event, None, None], output: Path | None, as_json: bool) -> bool:
    """Show the events of one job; whether what it examined passed, if it did examine anything.

    An interrupt stops it, says how to go on, and becomes Cancelled.
    """
    viewer = show.viewer(as_json)
    passed = True
    try:
        with viewer, closing(events):
            for event in events:
                viewer.show(event)
                passed &= not isinstance(event, Done) or event.result.get("passed", True)
    except (KeyboardInterrupt, Cancelled) as stop:
        viewer.stopped(_farewell(stop, output))
        raise Cancelled from None
    return passed


def _farewell(stop: BaseException, output: Path | None) -> str:
    if isinstance(stop, Cancelled):
        return "cancelled; its unfinished work was thrown away."
    folder = JobFolder.of(output) if output else None
    if folder is None or not folder.exists():
        return "stopped before anything was finished; nothing is left behind."
    return f"stopped; what is finished is kept. Run the same command or `cinemill jobs resume {folder.id}` to go on."
