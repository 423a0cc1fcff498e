"""Tables for people, or the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.markup import escape

from cinemill.catalogue import filters, presets
from cinemill.filters.text import find
from cinemill.media.clock import show as clock
from cinemill.surfaces import forms
from cinemill.surfaces.columns import columns
from cinemill.surfaces.show import printer, table

if TYPE_CHECKING:
    from cinemill.media.types import MediaInfo, Track, VideoTrack
    from cinemill.surfaces.doctor import Finding


def as_data(value: Any) -> Any:
    """Dataclasses, paths and fractions as JSON knows them; a fraction becomes `num/den`."""
    if hasattr(value, "__dataclass_fields__"):
        return {name: as_data(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, dict):
        return {str(key): as_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_data(item) for item in value]
    return str(value) if isinstance(value, Path | Fraction) else value


def at_media(info: MediaInfo) -> None:
    rich = printer()
    length = f", {clock(info.duration)}" if info.duration else ""
    rich.print(f"[bold]{escape(str(info.path))}[/]  {info.format}{length}, {info.size / 1e6:.1f} MB")
    rows = [["track", "codec", "what", "language", "flags"]]
    for track in info.tracks:
        flags = " ".join(track.dispositions)
        rows.append([f"#{track.index} {track.kind}", track.codec, _what(track), track.language or "", flags])
    rich.print(table(rows))
    for chapter in info.chapters:
        rich.print(f"  {clock(chapter.start)}  {escape(chapter.title)}")
    for key, value in info.metadata.items():
        rich.print(f"  [dim]{escape(key)}:[/] {escape(value)}")


def _what(track: Track) -> str:
    if hasattr(track, "frame_rate"):
        return _picture(track)  # type: ignore[arg-type]
    if hasattr(track, "sample_rate"):
        return f"{track.sample_rate} Hz {track.layout}"  # type: ignore[attr-defined]
    return track.title or ""


def _picture(video: VideoTrack) -> str:
    colour = video.colour
    tags = [t for t in (colour.matrix, colour.transfer, colour.range) if t != "unspecified"]
    facts = [
        f"{video.width}x{video.height}",
        f"sar {video.sar.numerator}:{video.sar.denominator}" if video.sar != 1 else "",
        video.format,
        f"{float(video.frame_rate):.6g} fps",
        video.field_order if video.field_order != "progressive" else "",
        f"turned {video.rotation}°" if video.rotation else "",
        "/".join(tags),
        "HDR" if video.hdr else "",
    ]
    return " ".join(filter(None, facts))


def at_filters(name: str | None, as_json: bool) -> None:
    chosen = [find(name, {})] if name else [item for _, item in filters.items()]
    if as_json:
        data = [{"name": f.name, "summary": f.summary, "params": f.params.model_json_schema()} for f in chosen]
        typer.echo(json.dumps(data, indent=1, ensure_ascii=False))
        return
    rich = printer()
    if name is None:
        for called, words in columns([(one.name, _first_line(one.summary)) for one in chosen]):
            rich.print(f"  [bold]{called}[/]  {escape(words)}")
        rich.print("\n  [dim]cinemill filters NAME shows the parameters of one.[/]")
        return
    for one in chosen:
        rich.print(f"[bold]{one.name}[/]  {escape(one.summary)}")
        for entry in forms.entries(one.params):
            facts = f" [dim]({escape(entry.facts)})[/]" if entry.facts else ""
            rich.print(f"  [cyan]{entry.name}[/] {escape(entry.metavar)}  {escape(entry.help)}{facts}")


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else ""


def at_presets(as_json: bool) -> None:
    found = presets()
    if as_json:
        typer.echo(json.dumps([one.model_dump() for one in found.values()], indent=1, ensure_ascii=False))
        return
    rows = sorted((one.operation, one.name, one.description) for one in found.values())
    for operation, name, words in columns(rows):
        printer().print(f"  {operation}  [bold]{name}[/]  {escape(words)}")


_MARKS = {"works": "[green]✓[/]", "absent": "[dim]–[/]", "broken": "[red]✗[/]"}


def at_findings(findings: Sequence[Finding], as_json: bool, done: Sequence[str] | None = None) -> None:
    """`done` is what was mended first, None where nobody asked for that."""
    if as_json:
        found = [asdict(finding) for finding in findings]
        told = found if done is None else {"done": list(done), "findings": found}
        typer.echo(json.dumps(told, indent=1, ensure_ascii=False))
        return
    rich, area = printer(), ""
    for sentence in ["there is nothing to mend."] if done is not None and not done else done or ():
        rich.print(f"  [green]✓[/] {escape(sentence)}")
    for finding, (name, detail) in zip(findings, columns([(one.name, one.detail) for one in findings])):
        if finding.area != area:
            area = finding.area
            rich.print(f"[bold]{area}[/]")
        rich.print(f"  {_MARKS[finding.state]} {name}  {escape(detail)}")


def at_jobs(states: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(states, indent=1, ensure_ascii=False))
        return
    if not states:
        printer().print("no unfinished jobs.")
        return
    rows = [["job", "state", "done", "operation", "output"]]
    for state in states:
        share = f"{state['done'] / max(1, state['total']):.0%}" if "total" in state else ""
        rows.append([state["id"], state["state"], share, state.get("operation", ""), state.get("output", "")])
    printer().print(table(rows))


def at_job(state: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(state, indent=1, ensure_ascii=False))
        return
    rich = printer()
    for key, value in state.items():
        lines = value if isinstance(value, list) else [value]
        rich.print(f"  [dim]{key + ':':<11}[/] {escape(str(lines[0]) if lines else '')}")
        for line in lines[1:]:
            rich.print(f"  {'':<11} {escape(str(line))}")
