"""`cinemill train`: examples become a network; stopped at any moment, the same command goes on."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cinemill.errors import Cancelled, InvalidParams, OutputRefused

if TYPE_CHECKING:
    from cinemill.learn.lessons import Lesson, Outcome
    from cinemill.learn.train import Progress


def train(
    task: Annotated[
        str,
        typer.Argument(metavar="TASK", help="What to learn: denoise, upscale, deinterlace, restore, imitate or style."),
    ],
    good: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[GOOD]...", help="Good films or pictures, which are damaged to learn from."),
    ] = None,
    damage: Annotated[
        str,
        typer.Option(metavar="PRESET|CHAIN", help="How to damage them: vhs-pal, or simulate.tape=luma_noise:6."),
    ] = "",
    pairs: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER", help="With input and target, in which files of one name belong together."),
    ] = None,
    painting: Annotated[
        Path | None, typer.Option(metavar="PICTURE", help="For style: in whose manner good films are painted.")
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="What the model will be called in filters.")] = None,
    start: Annotated[
        str, typer.Option(metavar="MODEL", help="What to begin with: ours, nothing, or one that was trained here.")
    ] = "ours",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="How it learns: steps, batch, crop, rate, loss, check, patience, seed, pictures.",
        ),
    ] = None,
    precision: Annotated[
        str,
        typer.Option(metavar="auto|int8|fp16|fp32", help="Numbers of the file; auto is int8 where that costs little."),
    ] = "auto",
    device: Annotated[str, typer.Option(metavar="auto|cpu|cuda|mps", help="Where it learns.")] = "auto",
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Instead of good films, pictures that a program draws: fast, balanced, best."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE.onnx", help="With --recipe: the network to make.")
    ] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Throw away what was begun under that name.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a model or output that exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, a line for each step that is told.")] = False,
) -> None:
    """Teach a small network from your films or pairs of pictures, for use in filters by name.

    Example: cinemill train denoise good.mp4 --damage vhs-pal --name my-tape
    """
    from cinemill.models import torch_backend

    torch_backend.torch()
    if recipe is not None or output is not None:
        _drawn(task, recipe or "balanced", output, overwrite, bool(good or pairs or name))
        return
    if name is None:
        raise InvalidParams(
            "say what the model is to be called, with --name; or make one of ours, with --recipe and -o."
        )
    values: dict[str, Any] = dict(_pair(text) for text in settings or [])
    values |= {"task": task, "good": good or [], "damage": damage, "pairs": pairs or [], "start": start}
    values |= {"painting": painting} if painting else {}
    from cinemill.learn.train import device_of

    _taught(values, name, precision, device_of(device), restart, overwrite, as_json)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise InvalidParams(f"{text!r} is refused: write --set NAME=VALUE, as in --set steps=800.")
    return name.strip().replace("-", "_"), value.strip()


def _taught(
    values: dict[str, Any], name: str, precision: str, device: str, restart: bool, overwrite: bool, as_json: bool
) -> None:
    from cinemill.learn import lessons

    lesson = lessons.Lesson.of(values, "train")
    if precision not in ("auto", "int8", "fp16", "fp32"):
        raise InvalidParams(f"--precision {precision} is refused: choose auto, int8, fp16 or fp32.")
    if restart:
        shutil.rmtree(lessons.folder(name), ignore_errors=True)
    try:
        _follow(lessons.taught(lesson, name, precision, overwrite, device), lesson, as_json)
    except (KeyboardInterrupt, Cancelled):
        typer.echo(
            f"stopped; what is learned is kept in {lessons.folder(name)}, and the same command goes on.", err=True
        )
        raise Cancelled from None


def _follow(events: Any, lesson: Lesson, as_json: bool) -> None:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from cinemill.learn import lessons

    columns = (TextColumn("  {task.description}"), BarColumn(None), TextColumn("{task.fields[told]}"))
    with Progress(*columns, TimeRemainingColumn(), disable=as_json) as bar:
        shown = bar.add_task("gathering pictures", total=None, told="")
        for event in events:
            if isinstance(event, lessons.Outcome):
                bar.stop()
                _conclude(event, as_json)
            elif as_json:
                _line(event)
            else:
                bar.update(shown, description="learning", total=event.total, completed=event.done, told=_told(event))


def _line(event: Progress) -> None:
    if event.done % 20 == 0 or event.done in (1, event.total) or event.stopped:
        typer.echo(json.dumps({"event": "progress", **asdict(event)}))


def _told(event: Progress) -> str:
    held = "" if event.best is None else f", not learned from: {event.best:.2f} dB"
    return f"{event.psnr:.2f} dB{held}"


def _conclude(outcome: Outcome, as_json: bool) -> None:
    if as_json:
        facts = asdict(outcome) | {"path": str(outcome.path), "gain": outcome.gain}
        typer.echo(json.dumps({"event": "done", "outputs": [str(outcome.path)], **facts}))
        return
    rows = {"as given": outcome.given, "by the network it began with": outcome.before, "by the new one": outcome.after}
    told = "; ".join(f"{what}: {value:.2f} dB" for what, value in rows.items() if value is not None)
    typer.echo(f"pictures that were not learned from, {told}.")
    typer.echo(f"{outcome.path}: {outcome.path.stat().st_size / 1e3:.0f} kB, {outcome.written.precision}.")
    typer.echo(f'cinemill process INPUT -o OUTPUT --chain "{outcome.use}"')


def _drawn(task: str, recipe: str, output: Path | None, overwrite: bool, own: bool) -> None:
    from cinemill.jobs.run import refuse_existing

    if own:
        raise InvalidParams("--recipe and -o make a network of ours from drawn pictures; leave films and --name out.")
    if output is None or output.suffix != ".onnx":
        raise OutputRefused(f"{output or 'no output'}: name the network to write with -o, as .onnx.")
    refuse_existing(output, overwrite)
    _made(task, recipe, output)


def _made(task: str, name: str, output: Path) -> None:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from cinemill.learn import export, recipes
    from cinemill.learn.train import Drawn, learn, learned

    chosen = recipes.recipe(name if name.endswith(".toml") else f"{task}-{name}")
    folder = output.with_name(f".{output.name}.training")
    folder.mkdir(parents=True, exist_ok=True)
    course = Drawn(chosen, folder)
    columns = (TextColumn("  {task.description}"), BarColumn(None), TextColumn("{task.fields[told]}"))
    with Progress(*columns, TimeRemainingColumn()) as bar:
        shown = bar.add_task("drawing clips", total=None, told="")
        course.prepare()
        bar.update(shown, description="learning", total=chosen.steps)
        for told in learn(course, folder):
            bar.update(shown, completed=told.done, told=f"{told.psnr:.2f} dB")
        bar.update(shown, description="writing", told="")
        passing = folder / output.name
        loss = export.export(learned(course, folder), chosen, passing)
        passing.replace(output)
    shutil.rmtree(folder)
    typer.echo(f"{output}: {output.stat().st_size / 1e3:.0f} kB; its 8 bits cost {loss:.2f} dB.")
