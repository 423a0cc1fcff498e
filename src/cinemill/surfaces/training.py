"""`cinemill train`: a recipe becomes a network; stopped at any moment, the same command goes on."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from cinemill.errors import OutputRefused


def train(
    task: Annotated[str, typer.Argument(metavar="TASK", help="What to learn: deinterlace, upscale or denoise.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.onnx", help="The network to make.")],
    recipe: Annotated[
        str, typer.Option(metavar="NAME", help="One of ours, as fast or balanced, or a .toml file.")
    ] = "balanced",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an output that exists.")] = False,
) -> None:
    """Make a small network anew from pictures that a program draws."""
    from cinemill.jobs.run import refuse_existing
    from cinemill.models import torch_backend

    if output.suffix != ".onnx":
        raise OutputRefused(f"{output}: a network is written as .onnx.")
    refuse_existing(output, overwrite)
    torch_backend.torch()
    _made(task, recipe, output)


def _made(task: str, name: str, output: Path) -> None:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from cinemill.learn import export, recipes
    from cinemill.learn.train import clips, learned
    from cinemill.learn.train import train as training

    chosen = recipes.recipe(name if name.endswith(".toml") else f"{task}-{name}")
    folder = output.with_name(f".{output.name}.training")
    folder.mkdir(parents=True, exist_ok=True)
    columns = (TextColumn("  {task.description}"), BarColumn(None), TextColumn("{task.fields[told]}"))
    with Progress(*columns, TimeRemainingColumn()) as bar:
        shown = bar.add_task("drawing clips", total=None, told="")
        clips(chosen, folder)
        bar.update(shown, description="learning", total=chosen.steps)
        for told in training(chosen, folder):
            bar.update(shown, completed=told.done, told=f"{told.psnr:.2f} dB")
        bar.update(shown, description="writing", told="")
        passing = folder / output.name
        loss = export.export(learned(chosen, folder), chosen, passing)
        passing.replace(output)
    shutil.rmtree(folder)
    typer.echo(f"{output}: {output.stat().st_size / 1e3:.0f} kB; its 8 bits cost {loss:.2f} dB.")
