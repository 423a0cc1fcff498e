"""Commands about models: what there is, getting one, checking it, bringing one in, other forms of it."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cinemill.errors import InvalidParams, UnknownName
from cinemill.surfaces.help import Command, family

if TYPE_CHECKING:
    from cinemill.models.download import Progress
    from cinemill.models.registry import Model, Provenance, Tensor


def _names() -> list[str]:
    from cinemill.models import registry

    return list(registry.models())


def _tasks() -> list[str]:
    from cinemill.models import registry

    return list(registry.TASKS)


ModelName = Annotated[str, typer.Argument(metavar="MODEL", autocompletion=_names)]
ModelNames = Annotated[list[str] | None, typer.Argument(metavar="[MODEL]...", autocompletion=_names)]
Accept = Annotated[
    bool, typer.Option("--accept-license", help="Agree to terms that forbid commercial use, once and for all.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def add_to(app: typer.Typer, panel: str) -> None:
    """Hang `models` and its commands on `app`."""
    group = family("List, get, check, import, export, convert and remove weights of networks.")
    for name, function in (
        ("list", _list),
        ("show", _show),
        ("get", _get),
        ("verify", _verify),
        ("import", _import),
        ("export", _export),
        ("convert", _convert),
        ("remove", _remove),
    ):
        group.command(name, cls=Command)(function)
    app.add_typer(group, name="models", rich_help_panel=panel)


def _list(
    task: Annotated[
        str | None, typer.Option(metavar="TASK", help="Only models for this, such as upscale.", autocompletion=_tasks)
    ] = None,
    here: Annotated[bool, typer.Option("--here", help="Only models that are on this machine.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the models by what they do, those for pictures first: their licences and whether they are here.

    Example: cinemill models list --task upscale
    """
    from cinemill.models import registry, store

    if task is not None and task not in registry.TASKS:
        raise UnknownName("task of models", task, registry.TASKS)
    found = [
        model
        for model in registry.models().values()
        if (task is None or model.task == task) and (not here or store.is_here(model))
    ]
    if as_json:
        typer.echo(json.dumps([_facts(model) for model in found], indent=1, ensure_ascii=False))
        return
    if not found:
        typer.echo("no models are here." if here else "there are no models for that.")
        return
    _table(found)


_WIDE = 110
"""Columns of a terminal that descriptions fit into."""


def _table(found: list[Model]) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from cinemill.models import registry, store

    console = Console(highlight=False, emoji=False)
    heads = ["", "model", "size", "licence", "what"][: 5 if console.width >= _WIDE else 4]
    shown = Table(box=box.SIMPLE_HEAD)
    for head in heads:
        shown.add_column(head, justify="right" if head == "size" else "left", no_wrap=head in ("model", "size"))
    ordered = sorted(found, key=lambda model: (registry.TASKS.index(model.task), not store.is_here(model), model.name))
    for task, models in groupby(ordered, key=lambda model: model.task):
        group = list(models)
        count = sum(map(store.is_here, group))
        shown.add_section()
        shown.add_row("", f"[bold]{task}[/]", "", f"[dim]{count} of {len(group)} here[/]")
        for model in group:
            mark = "✓" if store.is_here(model) else "–"
            row = (mark, model.name, _size(model), _terms(model), model.description)
            shown.add_row(*map(escape, row[: len(heads)]))
    console.print(shown)
    console.print(
        "  [dim]cinemill models show MODEL tells all about one, and cinemill models get MODEL fetches it.[/]",
        soft_wrap=True,
    )


def _terms(model: Model) -> str:
    """The licence, and in a word whether it is one to look at."""
    mark = {"yes": "", "no": ", not for money", "unclear": ", unclear"}[model.licence.commercial]
    return model.licence.name + mark


def _size(model: Model) -> str:
    from cinemill.models import store

    size = store.size_here(model) if store.is_here(model) else model.size
    return f"{size / 1e6:.1f} MB" if size else "?"


def _facts(model: Model) -> dict[str, Any]:
    """A model as data, with whether and where it is here."""
    from cinemill.models import store

    is_here = store.is_here(model)
    folder = str(store.place(model)) if is_here else None
    return {**model.model_dump(mode="json"), "bytes": model.size, "here": is_here, "folder": folder}


def _show(model: ModelName, as_json: AsJson = False) -> None:
    """Show one model: files, digests, licence, what goes in and out.

    Example: cinemill models show realesrgan-x4plus
    """
    from rich.markup import escape

    from cinemill.models import registry, store
    from cinemill.surfaces import show

    found = registry.find(model)
    if as_json:
        typer.echo(json.dumps(_facts(found), indent=1, ensure_ascii=False))
        return
    rich = show.printer()
    rich.print(f"[bold]{found.name}[/]  {escape(found.description)}")
    commercial = {"yes": "", "no": "; no commercial use", "unclear": "; commercial use is unclear"}
    note = f" ({found.licence.note})" if found.licence.note else ""
    facts = {
        "task": found.task,
        "used by": found.used_by or "nothing here by itself",
        "licence": f"{found.licence.name}{commercial[found.licence.commercial]}{note}",
        "run by": found.loader,
        "here": str(store.place(found)) if store.is_here(found) else "no",
    }
    if found.tensor:
        facts |= {"pictures": _tensor(found.tensor)}
    if found.provenance:
        facts |= {"made of": _made_of(found.provenance)}
    for key, value in facts.items():
        rich.print(f"  [dim]{key + ':':<9}[/] {escape(value)}")
    for file in found.files:
        digest = file.sha256 or (f"begins with {file.sha256_prefix}" if file.sha256_prefix else "not published")
        size = f"{file.bytes} bytes" if file.bytes else "size not published"
        rich.print(f"  [cyan]{escape(file.name)}[/]  {size}{', optional' if file.optional else ''}")
        rich.print(f"    SHA-256 {digest}")
        if file.url:
            rich.print(f"    {escape(file.url)}")


def _made_of(made: Provenance) -> str:
    """In a sentence what a model of the user's was made of, and what came of it."""
    before = "" if made.psnr_before is None else f" and {made.psnr_before:.2f} dB of the network it began with"
    given = "" if made.psnr_given is None else f", for {made.psnr_given:.2f} dB as given{before}"
    told = ", ".join(f"{name} {value}" for name, value in made.recipe.items() if name != "task")
    return f"{made.learned_from} pictures; {made.psnr_after:.2f} dB on {made.held_back} others{given} ({told})"


def _tensor(tensor: Tensor) -> str:
    """What goes in and out, in words; what is usual is left out."""
    (given, made), (low, high) = tensor.channels, tensor.range
    words = [
        f"{tensor.pictures} at once" if tensor.pictures > 1 else "",
        f"{given} channels in, {made} out",
        f"{low:g} to {high:g}",
        f"{tensor.scale} times larger" if tensor.scale > 1 else "",
        f"sides of {tensor.side} px" if tensor.side else "",
        f"sides a multiple of {tensor.multiple_of} px" if tensor.multiple_of > 1 else "",
        f"sides of {tensor.minimum} px at least" if tensor.minimum > 1 else "",
        "16 bits are enough" if tensor.half else "",
        "" if tensor.tiling == "supported" else f"tiling {tensor.tiling}",
    ]
    return ", ".join(filter(None, words))


def _get(models: ModelNames = None, accept_license: Accept = False) -> None:
    """Fetch models, or mend damaged ones; needs the network.

    Example: cinemill models get realesrgan-x4plus
    """
    from cinemill.models import store

    if not models:
        raise InvalidParams("say which models to get; `cinemill models list` names them.")
    for name in models:
        with _bar() as progress:
            path = store.get(name, accept_license, progress=progress)
        typer.echo(f"{name} is here: {path}")


@contextmanager
def _bar() -> Generator[Progress]:
    """Progress on a terminal, in bytes; nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    console = Console(stderr=True)
    with Bars(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as bars:
        tasks: dict[str, Any] = {}

        def progress(name: str, here: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total)
            bars.update(tasks[name], completed=here, total=total)

        yield progress


def _verify(models: ModelNames = None, as_json: AsJson = False) -> None:
    """Compare the files of models, or of all that are here, with their digests. Exit code 3 when one is wrong.

    Example: cinemill models verify
    """
    from cinemill.models import registry, store

    names = models or [model.name for model in registry.models().values() if store.is_here(model)]
    rows = [
        {"model": name, "file": check.file.name, "state": check.state} for name in names for check in store.verify(name)
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
    else:
        _tell(rows)
    if any(row["state"] in ("bad", "missing") for row in rows):
        raise typer.Exit(3)


_STATES = {
    "good": "✓ {file} is what it should be",
    "bad": "✗ {file} is damaged; `cinemill models get {model}` mends it",
    "missing": "✗ {file} is not here; `cinemill models get {model}` fetches it",
    "unknown": "? {file} has no digest to compare with",
}


def _tell(rows: list[dict[str, str]]) -> None:
    if not rows:
        typer.echo("no models are here.")
    for row in rows:
        typer.echo(f"{row['model']}: {_STATES[row['state']].format(**row)}")


def _import(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="safetensors, ONNX, a pickle of weights alone, or what export has made."),
    ],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What to call it; one of ours, when it is a file of that.")
    ] = None,
    task: Annotated[str, typer.Option(metavar="TASK", help="What it does.")] = "upscale",
    licence: Annotated[str, typer.Option(metavar="TEXT", help="Under which terms it is.")] = "unknown",
    description: Annotated[str, typer.Option(metavar="TEXT", help="What it is good for.")] = "",
    accept_license: Accept = False,
) -> None:
    """Take a model's file into the store, after looking whether it is safe.

    Example: cinemill models import 4x-film.pth --name film --task upscale
    """
    from cinemill.models import registry, store

    if task not in registry.TASKS:
        raise InvalidParams(f"--task {task} is refused: choose {', '.join(registry.TASKS)}.")
    if file.suffix == ".zip":
        model = store.unpack(file, name)
        typer.echo(f"{model.name} is here: {model.description}")
        return
    called = name or _plain(file.stem)
    model = store.import_file(file, called, task, licence, description, accept_license)  # pyright: ignore[reportArgumentType]
    typer.echo(f"{model.name} is here: {model.description}")


def _export(
    model: ModelName,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.zip", help="The file to write.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
) -> None:
    """Write a model of your own into one file for others, who take it in with `cinemill models import`.

    Example: cinemill models export my-tape -o my-tape.zip
    """
    from cinemill.jobs.run import refuse_existing
    from cinemill.models import store

    if output.suffix != ".zip":
        raise InvalidParams(f"-o {output}: an exported model is a .zip file.")
    refuse_existing(output, overwrite)
    store.pack(model, output)
    typer.echo(f"{output}: {output.stat().st_size / 1e3:.0f} kB.")


def _plain(stem: str) -> str:
    """A file's name as a model may be called."""
    import re

    return re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")


def _remove(model: ModelName) -> None:
    """Delete a model's files.

    Example: cinemill models remove realesrgan-x4plus
    """
    from cinemill.models import store

    typer.echo(f"{model} is removed; {store.remove(model) / 1e6:.1f} MB are free again.")


def _convert(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]", help="A model's name, or a .pth or .safetensors file.", autocompletion=_names
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="The .onnx file to write.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every model that is here and can be converted; -o names a folder.")
    ] = False,
    fp16: Annotated[bool, typer.Option("--fp16", help="16-bit weights, half the size; pictures stay 32-bit.")] = False,
    int8: Annotated[
        bool, typer.Option("--int8", help="8-bit weights, a quarter of the size; needs --calibrate.")
    ] = False,
    calibrate: Annotated[
        Path | None, typer.Option(metavar="VIDEO", help="A clip like those that the model will see.")
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option(metavar="VIDEO", help="What to compare the two on. Left out, made pictures.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
    as_json: AsJson = False,
) -> None:
    """Convert a model to ONNX, compare it with the original on pictures, and measure both.

    Example: cinemill models convert realesrgan-x4plus -o realesrgan.onnx --fp16
    """
    from cinemill.surfaces import conversion

    conversion.run(source, output, every, fp16, int8, calibrate, pictures, overwrite, as_json)
