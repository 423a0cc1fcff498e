"""`cinemill devices` and `cinemill capture`: from the deck into a file, with what goes wrong said while it does."""

from __future__ import annotations

import json
import sys
from contextlib import closing, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cinemill.errors import Cancelled, OutputRefused
from cinemill.surfaces.help import Command

if TYPE_CHECKING:
    from cinemill.operations.capturing import Seen, State


def add_to(app: typer.Typer, panel: str) -> None:
    """Hang the commands on `app`."""
    app.command("devices", cls=Command, rich_help_panel=panel)(devices)
    app.command("capture", cls=Command, rich_help_panel=panel)(capture)


def devices(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    mock: Annotated[bool, typer.Option("--mock", help="List decks that only play at it, too.")] = False,
) -> None:
    """List what could be captured from: analog grabbers, DV decks, cameras.

    Example: cinemill devices --mock
    """
    from cinemill.media import devices as known
    from cinemill.surfaces import show

    found = known.devices(mock)
    if as_json:
        typer.echo(json.dumps([asdict(device) for device in found], indent=1, ensure_ascii=False))
        return
    if not found:
        typer.echo("no capture device was found on this machine; `cinemill devices --mock` lists some to try with.")
        return
    rows = [["device", "what", "name", "inputs", "standards", "sound"]]
    for one in found:
        lists = (", ".join(one.inputs), ", ".join(one.standards).upper(), ", ".join(one.sounds[:2]))
        rows.append([one.id, one.kind, one.name, *lists])
    show.printer().print(show.table(rows))
    for one in found:
        if one.note:
            typer.echo(f"  · {one.name}: {one.note}")


def capture(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help=".mkv, or .dv from DV.")],
    device: Annotated[
        str | None,
        typer.Argument(
            metavar="[DEVICE]",
            help="Its id or name, see `cinemill devices`; a file or pipe in its place, - for standard input; "
            "mock:seconds=60,drops=3 plays a tape to try with. Left out, the first there is.",
        ),
    ] = None,
    named: Annotated[str | None, typer.Option("--device", metavar="DEVICE", help="The same, as an option.")] = None,
    input: Annotated[str | None, typer.Option(metavar="NAME", help="Socket, such as Composite or S-Video.")] = None,
    standard: Annotated[str | None, typer.Option(metavar="pal|ntsc|secam", help="Of an analog source.")] = None,
    kind: Annotated[
        str | None, typer.Option(metavar="archive|quick", help="FFV1 and FLAC, or H.264 to have a look.")
    ] = None,
    length: Annotated[float | None, typer.Option(metavar="S", help="Stop after so many seconds.")] = None,
    segment: Annotated[float | None, typer.Option(metavar="MIN", help="Begin another file so often.")] = None,
    keep_free: Annotated[float | None, typer.Option(metavar="GB", help="Stop before the disk has less room.")] = None,
    stop_at_blank: Annotated[
        float | None, typer.Option(metavar="S", help="Stop when nothing is recorded for so long; 0 never does.")
    ] = None,
    stop_at_break: Annotated[
        bool, typer.Option("--stop-at-break", help="Stop where the timecode of DV does not run on.")
    ] = False,
    preview: Annotated[
        int | None, typer.Option(metavar="PORT", help="Show it at http://127.0.0.1:PORT while it goes on; 0: any.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what happens as JSON, one event a line.")] = False,
) -> None:
    """Capture a tape: an archive master that plays whatever happens, and a log of all that went wrong.

    Ctrl-C ends it in order. Nothing stops at blank tape or broken timecode unless asked to.

    Example: cinemill capture mock:seconds=10,drops=3 -o tape.mkv
    """
    from cinemill.operations import capturing
    from cinemill.surfaces.preview import Preview

    asked: dict[str, Any] = {"kind": kind, "length": length, "segment": segment, "keep_free": keep_free}
    asked |= {"stop_at_blank": stop_at_blank, "stop_at_break": stop_at_break or None}
    params = capturing.Capture.of({key: value for key, value in asked.items() if value is not None}, "capture")
    deck = capturing.opened(device or named, input, standard)
    suffix = ".dv" if deck.standard else ".mkv"
    if output.suffix.lower() != suffix:
        raise OutputRefused(f"{output}: what comes from {deck.name} is stored as {suffix}.")
    teller = _Teller(as_json)
    state: State | None = None
    with Preview(preview) if preview is not None else nullcontext() as shown:
        if shown:
            teller.say(f"live at {shown.address}")
            deck = shown.watched(deck)
        try:
            with closing(capturing.capture(deck, params, output)) as states:  # type: ignore[type-var]
                for now in states:
                    state = now
                    teller.tell(now)
        except (KeyboardInterrupt, Cancelled):
            if state is None:
                raise
    assert state
    teller.end(replace(state, stopped=state.stopped or "asked"))


class _Teller:
    """Says what happens as it happens: a line that changes on a terminal, a line an event elsewhere."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.told = 0
        self.terminal = sys.stdout.isatty() and not as_json

    def say(self, sentence: str) -> None:
        self._event({"event": "noted", "sentence": sentence}) if self.as_json else typer.echo(sentence)

    def tell(self, state: State) -> None:
        for seen in state.seen[self.told :]:
            self._happened(seen)
        self.told = len(state.seen)
        if self.as_json and state.pictures % 25 == 1:
            self._event({"event": "progress", **self._figures(state)})
        elif self.terminal and state.pictures % 5 == 1:
            sys.stdout.write(f"\r\x1b[2K  {_line(state)}")
            sys.stdout.flush()

    def _happened(self, seen: Seen) -> None:
        from cinemill.media import clock

        if self.as_json:
            self._event({"event": "seen", **asdict(seen)})
            return
        many = f" {seen.count} picture{'s' if seen.count != 1 else ''}" if seen.what in ("dropped", "blank") else ""
        sys.stdout.write(("\r\x1b[2K" if self.terminal else "") + f"  {clock.show(seen.time)} {seen.what}{many}\n")

    def end(self, state: State) -> None:
        self.tell(state)
        if self.as_json:
            self._event({"event": "done", "outputs": state.files, "result": asdict(state)})
            return
        sys.stdout.write("\r\x1b[2K" if self.terminal else "")
        typer.echo(f"stopped: {state.stopped}. {_line(state)}")
        typer.echo("done " + ", ".join(state.files))

    def _figures(self, state: State) -> dict[str, Any]:
        return {key: value for key, value in asdict(state).items() if key not in ("seen", "files")}

    def _event(self, event: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()


def _line(state: State) -> str:
    from cinemill.media import clock

    told = [clock.show(state.seconds), f"{state.pictures} pictures", f"{state.dropped} dropped"]
    told += [f"{state.doubled} doubled"] if state.doubled else []
    told += [f"sound {state.drift_ms:+.0f} ms", f"luma {state.levels[0]}–{state.levels[2]}"]
    told += [state.timecode] if state.timecode else []
    return ", ".join(told)
