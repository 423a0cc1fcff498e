"""Events for people's eyes: bars with the time left on a terminal, few lines elsewhere, JSON lines for programs."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich import box
from rich.console import Console as Rich
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table

from cinemill.errors import CinemillError
from cinemill.jobs import events as ev
from cinemill.storage import elsewhere


class Lines:
    """One JSON object a line on stdout. The last word on a job is `done` or `failed`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def show(self, event: ev.Event) -> None:
        self._say(event.as_dict())

    def failed(self, error: CinemillError, inputs: Sequence[Path]) -> None:
        self.show(ev.Failed(error.as_dict(), tuple(inputs)))

    def stopped(self, sentence: str) -> None:
        self.show(ev.Failed({"type": "Cancelled", "message": sentence}))

    def skipped(self, output: Path) -> None:
        self._say({"event": "skipped", "output": str(output)})

    def counted(self, failed: int, total: int) -> None:
        pass

    def _say(self, value: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(value) + "\n")  # in one piece, whatever interrupts
        sys.stdout.flush()


class Console:
    """Rich text: what was found, what is done, a bar with the time left, where the result is."""

    def __init__(self) -> None:
        self.rich = printer()
        self.bar: Progress | None = None
        self.task: TaskID | None = None
        self.tenth = 0
        self.machines = ""
        self.looking = self.rich.status("looking at the input")

    def __enter__(self) -> Self:
        if self.rich.is_interactive:
            self.looking.start()  # planning may take a while
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.looking.stop()
        if self.bar:
            self.bar.stop()
            self.bar = None

    def show(self, event: ev.Event) -> None:
        self.looking.stop()
        handler = getattr(self, f"_{event.kind}", None)
        if handler:
            handler(event)

    def _planned(self, event: ev.Planned) -> None:
        self.tenth = 0
        names = ", ".join(path.name for path in event.inputs)
        self.rich.print(f"[bold]{event.operation}[/] {escape(names)}", end="")
        self.rich.print(f" → [bold]{escape(str(_near(event.output)))}[/]" if event.output else "")
        for note in event.notes:
            self.rich.print(f"  · {escape(note)}")
        for place, step in enumerate(event.steps, 1):
            self.rich.print(f"  [cyan]{place}[/] {escape(step)}")
        if event.total:
            chunks = f" in {event.chunks} chunks" if event.chunks > 1 else ""
            begun = f", {event.done} done before" if event.done else ""
            self.rich.print(f"  [dim]{_counted(event.total, event.unit)}{chunks}{begun}[/]")

    def _progress(self, event: ev.Progress) -> None:
        told = f"{event.rate:.1f} {event.unit}/s" if event.rate else ""
        left = f"{_clock(event.eta)} left" if event.eta is not None else ""
        self._advance("working", event.done / max(1, event.total), f"{told}  {left}{escape(self.machines)}")

    def _nodes(self, event: ev.AtWork) -> None:
        """What each machine of a cluster does goes along with the bar."""
        told = (f"{node.name} {node.finished}+{node.running}{' set aside' * node.shunned}" for node in event.nodes)
        self.machines = f"  [{' · '.join(told)}]"

    def _joining(self, event: ev.Joining) -> None:
        self._advance("joining", event.share, "")

    def _fetching(self, event: ev.Fetching) -> None:
        self._advance("fetching", event.done / max(1, event.total or event.done), f"{event.done / 1e6:.0f} MB")

    def _sending(self, event: ev.Sending) -> None:
        self._advance("sending", event.done / max(1, event.total), f"{event.done / 1e6:.0f} MB")

    def _measuring(self, event: ev.Measuring) -> None:
        self._advance("measuring", event.share, "")

    def _advance(self, what: str, share: float, told: str) -> None:
        if not self.rich.is_interactive:
            self._line(what, share, told)
            return
        if self.bar is None:
            self.bar = Progress(
                TextColumn("  {task.description}"),
                BarColumn(None),
                TextColumn("{task.percentage:>3.0f} %"),
                TextColumn("{task.fields[told]}"),
                console=self.rich,
                transient=True,
            )
            self.bar.start()
            self.task = self.bar.add_task(what, total=1, told="")
        assert self.task is not None
        self.bar.update(self.task, description=what, completed=share, told=told, refresh=what == "working")

    def _line(self, what: str, share: float, told: str) -> None:
        """Where no bar can move: a line for each tenth of the work."""
        if what == "working" and int(share * 10) > self.tenth:
            self.tenth = int(share * 10)
            self.rich.print(f"  {share:4.0%}  {told}")

    def _retry(self, event: ev.Retried) -> None:
        self.rich.print(f"  [yellow]chunk {event.chunk} is tried again:[/] {escape(event.reason)}")

    def _note(self, event: ev.Noted) -> None:
        self.rich.print(f"  [yellow]·[/] {escape(event.note)}")

    def _paused(self, event: ev.Paused) -> None:
        self.rich.print("  paused; `cinemill jobs resume` goes on")

    def _done(self, event: ev.Done) -> None:
        self.__exit__(None, None, None)
        if rows := event.result.get("table"):
            self.rich.print(table(rows))
        for note in event.result.get("notes", []):
            self.rich.print(f"  [yellow]·[/] {escape(note)}")
        for output in event.outputs:
            address = elsewhere.address(output)
            size = "" if address else f"{_size(output)}, "
            told = f"[dim]{size}{_clock(event.seconds)}[/]"
            self.rich.print(f"[green]done[/] {escape(address or str(_near(output)))}  {told}")

    def failed(self, error: CinemillError, inputs: Sequence[Path]) -> None:
        self._complain(f"[bold red]error:[/] {escape(error.sentence)}")

    def skipped(self, output: Path) -> None:
        self.rich.print(f"[dim]{escape(str(_near(output)))} exists and is left alone[/]")

    def stopped(self, sentence: str) -> None:
        self._complain(f"[yellow]{escape(sentence)}[/]")

    def counted(self, failed: int, total: int) -> None:
        self._complain(f"{failed} of {total} inputs failed.")

    def _complain(self, text: str) -> None:
        self.__exit__(None, None, None)
        printer(stderr=True).print(text)


Viewer = Lines | Console


def viewer(as_json: bool) -> Viewer:
    """For programs or for people."""
    return Lines() if as_json else Console()


def plain(error: Exception) -> CinemillError:
    """Any error as one for people. CINEMILL_DEBUG=1 prints where it came from to stderr."""
    if os.environ.get("CINEMILL_DEBUG"):
        traceback.print_exception(error)
    if isinstance(error, CinemillError):
        return error
    return CinemillError(
        f"cinemill met a fault of its own, {type(error).__name__}: {error}. Set CINEMILL_DEBUG=1 to see where."
    )


def printer(stderr: bool = False) -> Rich:
    """Writes lines as they are: markup alone is read, so that -map 0:v:0 is no hand, and a pipe folds nothing."""
    return Rich(stderr=stderr, highlight=False, soft_wrap=True, emoji=False)


def table(rows: list[list[str]]) -> Table:
    """The first row is the head; columns after the first are numbers."""
    head, *body = rows
    shown = Table(box=box.SIMPLE_HEAD)
    for place, name in enumerate(head):
        shown.add_column(escape(name), justify="right" if place else "left")
    for row in body:
        shown.add_row(*map(escape, row))
    return shown


def _near(path: Path | None) -> Path | None:
    if path is None:
        return None
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit[:-1] if number == 1 and len(unit) > 1 else unit}"


def _size(path: Path) -> str:
    """Of a file, or of all files in a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    unit, worth = next((unit, worth) for unit, worth in _UNITS if size >= worth)
    return f"{size / worth:.1f} {unit}" if worth > 1 else f"{size} bytes"


_UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("bytes", 0))


def _clock(seconds: float | None) -> str:
    if seconds is None:
        return ""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {whole % 60:02d} s"
