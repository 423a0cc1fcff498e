"""Commands about the studio itself: look into files, list what there is, manage jobs, check the machine."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from cinemill.errors import CinemillError, JobError, JobRunning
from cinemill.surfaces import capturing, engines, lab, models, serve, training, tuning, voices
from cinemill.surfaces.desktop import command as desktop
from cinemill.surfaces.help import Command, family

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def add_to(app: typer.Typer) -> None:
    """Hang the commands on `app`."""
    panel = "Studio"
    for name, function in (
        ("probe", _probe),
        ("filters", _filters),
        ("presets", _presets),
        ("voices", voices.voices),
        ("doctor", _doctor),
        ("hardware", _hardware),
        ("train", training.train),
        ("tune", tuning.tune),
        ("demo", _demo),
        ("serve", serve.serve),
        ("desktop", desktop.desktop),
        ("mcp", _mcp),
    ):
        app.command(name, cls=Command, rich_help_panel=panel)(function)
    jobs = family("List, show, resume, pause, cancel and clean up unfinished jobs.")
    for name, function in (
        ("list", _jobs_list),
        ("show", _jobs_show),
        ("resume", _jobs_resume),
        ("pause", _jobs_pause),
        ("cancel", _jobs_cancel),
        ("clean", _jobs_clean),
    ):
        jobs.command(name, cls=Command)(function)
    app.add_typer(jobs, name="jobs", rich_help_panel=panel)
    capturing.add_to(app, panel)
    workers = family("Serve jobs for services that start and stop machines.")
    passing = {"allow_extra_args": True, "ignore_unknown_options": True}
    workers.command("runpod", cls=Command, context_settings=passing)(_worker_runpod)
    app.add_typer(workers, name="worker", rich_help_panel=panel)
    engines.add_to(app, panel)
    models.add_to(app, panel)
    lab.add_to(app, panel)


def _probe(file: Annotated[Path, typer.Argument(metavar="FILE")], as_json: AsJson = False) -> None:
    """Show what is in a file.

    Example: cinemill probe tape.avi
    """
    from cinemill.media import read
    from cinemill.surfaces import look

    info = read.probe(file)
    if as_json:
        typer.echo(json.dumps(look.as_data(info), indent=1, ensure_ascii=False))
    else:
        look.at_media(info)


def _filter_names() -> list[str]:
    from cinemill.catalogue import filters

    return list(filters)


def _filters(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", autocompletion=_filter_names)] = None,
    as_json: AsJson = False,
) -> None:
    """List the filters, or the parameters of one.

    Example: cinemill filters deinterlace.learned
    """
    from cinemill.surfaces import look

    look.at_filters(name, as_json)


def _presets(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Print this one as a file to hand on.")] = None,
    add: Annotated[Path | None, typer.Option("--add", metavar="FILE", help="Keep a preset that was handed on.")] = None,
    remove: Annotated[str | None, typer.Option("--remove", metavar="NAME", help="Forget one of your own.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the presets, print one, or keep and forget your own.

    Example: cinemill presets vhs-pal
    """
    from cinemill.catalogue import remove_preset
    from cinemill.surfaces import look, own_presets

    if add:
        typer.echo(f"kept as {own_presets.add(add)}")
    elif remove:
        remove_preset(remove)
    elif name:
        typer.echo(own_presets.text(name), nl=False)
    else:
        look.at_presets(as_json)


def _doctor(
    fix: Annotated[
        bool, typer.Option("--fix", help="First clean up after what died, empty caches, and mend what can be mended.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check what works on this machine. Exit code 3 when something that is needed does not.

    Example: cinemill doctor --fix
    """
    from cinemill.surfaces import doctor, look, mending

    done = list(mending.mend()) if fix else None
    findings = doctor.examine()
    look.at_findings(findings, as_json, done)
    if any(finding.state == "broken" for finding in findings):
        raise typer.Exit(3)


def _demo(
    input: Annotated[Path | None, typer.Argument(metavar="[INPUT]", help="A clip. Left out, a tape is made.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="For the results.")] = Path("demo"),
) -> None:
    """Make a damaged tape, restore it, and show before and after.

    Example: cinemill demo -o demo
    """
    from cinemill.surfaces import demo

    demo.show(input, output)


def _mcp() -> None:
    """Answer an agent by MCP on standard input and output; with `cinemill` and `mcp` in its settings.

    Example: cinemill mcp
    """
    from cinemill.surfaces import serve

    serve.refuse_without_packages("mcp")
    from cinemill.surfaces import mcp

    mcp.serve()


def _worker_runpod(
    preload: Annotated[bool, typer.Option("--preload", help="Load the model of speech before the first job.")] = False,
    stream: Annotated[
        bool, typer.Option("--stream", help="Answer with what happens, piece by piece, and the result last.")
    ] = False,
) -> None:
    """Serve jobs of RunPod. Its SDK's own options may follow, such as --rp_serve_api and --test_input.

    Example: cinemill worker runpod --stream
    """
    from cinemill.surfaces import runpod

    runpod.start(preload, stream)


def _job_ids() -> list[str]:
    from cinemill.jobs import store

    return [folder.id for folder in store.listed()]


JobId = Annotated[
    str, typer.Argument(metavar="JOB", help="Id of the job, or the output it makes.", autocompletion=_job_ids)
]


def _hardware(as_json: AsJson = False) -> None:
    """Show processors and GPUs, and how fast they encode and run networks.

    Example: cinemill hardware
    """
    from cinemill.surfaces import machine, show

    said = machine.report()
    if as_json:
        typer.echo(json.dumps(said, indent=1))
        return
    rich = show.Console().rich
    rich.print(show.table(machine.rows(said)))
    for note in said["notes"]:
        rich.print(f"  · {note}")


def _jobs_list(as_json: AsJson = False) -> None:
    """List unfinished jobs.

    Example: cinemill jobs list
    """
    from cinemill.jobs import store
    from cinemill.surfaces import look

    look.at_jobs([_state(folder) for folder in store.listed()], as_json)


def _jobs_show(job: JobId, as_json: AsJson = False) -> None:
    """Show one job: its plan and how far it is.

    Example: cinemill jobs show tape.mp4
    """
    from cinemill.jobs import store
    from cinemill.surfaces import look

    look.at_job(_state(store.find(job)), as_json)


On = Annotated[
    str, typer.Option(metavar="PLACE", help="Where to go on, as for operations: processes, ray, http://HOST:7860, …")
]


def _jobs_resume(job: JobId, on: On = "auto", as_json: AsJson = False) -> None:
    """Go on with a job that was stopped or paused, here or elsewhere.

    Example: cinemill jobs resume tape.mp4
    """
    from cinemill.jobs import store
    from cinemill.surfaces import perform, remote

    folder = store.find(job)
    if folder.is_running():
        folder.order(None)
        typer.echo(f"job {folder.id} is running; if it was paused, it goes on.", err=True)
        return
    plan = _plan(folder)
    with suppress(OSError):
        os.chdir(plan.folder)
    how: Any = {"overwrite": plan.overwrite, "metrics": plan.metrics}
    events = remote.events_on(on, plan.request, chunk_seconds=plan.signature.chunk_seconds, **how)
    perform.watch(events, plan.output, as_json)


def _jobs_pause(job: JobId) -> None:
    """Let a running job rest; `resume` goes on.

    Example: cinemill jobs pause tape.mp4
    """
    from cinemill.jobs import store

    folder = store.find(job)
    if not folder.is_running():
        raise JobError(f"job {folder.id} is not running.")
    folder.order("pause")


def _jobs_cancel(job: JobId) -> None:
    """Stop a job and throw its unfinished work away.

    Example: cinemill jobs cancel tape.mp4
    """
    from cinemill.jobs import store

    folder = store.find(job)
    if folder.is_running():
        folder.order("cancel")
    else:
        folder.remove()


def _jobs_clean() -> None:
    """Throw away the unfinished work of all jobs that are not running.

    Example: cinemill jobs clean
    """
    from cinemill.jobs import store

    removed = 0
    for folder in store.listed():
        with suppress(JobRunning):
            folder.remove()
            removed += 1
    typer.echo(f"{removed} unfinished job{'s' if removed != 1 else ''} removed.")


def _state(folder: Any) -> dict[str, Any]:
    """A job as data: id, state, progress, plan."""
    running = folder.is_running()
    state = ("paused" if folder.ordered() == "pause" else "running") if running else "stopped"
    try:
        return {"id": folder.id, "state": state, **_planned(folder), "folder": str(folder.path)}
    except (CinemillError, ValueError):  # of another version, or of a plugin that is gone
        return {"id": folder.id, "state": "damaged", "folder": str(folder.path)}


def _plan(folder: Any) -> Any:
    plan = folder.plan()
    if plan is None:
        raise JobError(f"the plan of job {folder.id} cannot be read; `cinemill jobs cancel {folder.id}` removes it.")
    return plan


def _planned(folder: Any) -> dict[str, Any]:
    plan = _plan(folder)
    return {
        "operation": plan.signature.operation,
        "inputs": [str(path) for path in plan.inputs],
        "output": str(plan.output),
        "done": sum(chunk.size for chunk in plan.chunks if folder.part(chunk.index).is_file()),
        "total": plan.total,
        "unit": plan.operation.unit,
        "params": plan.signature.params,
        "steps": list(plan.operation.steps(plan.settled)),
        "notes": list(plan.settled.notes),
    }
