"""Is a transfer good enough to keep? Levels, range, dropouts and repeated lines of every picture, and the sound."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from cinemill.catalogue import Field, Params
from cinemill.errors import OutputRefused
from cinemill.media import clock
from cinemill.operations import Chunk, Decided, Operation, Request, operation

_SUFFIXES: Final = (".html", ".json", ".csv")
_SHARES: Final = ("brng", "tout", "vrep")
_LEVELS: Final = ("ymin", "ylow", "yavg", "yhigh", "ymax", "satmax")
_LUMA: Final = {"ylow": "darkest tenth below", "yavg": "mean", "yhigh": "brightest tenth above"}
_TOLD: Final = {
    "brng": "outside of broadcast range",
    "tout": "temporal outliers (dropouts, sparkles)",
    "vrep": "lines repeated from above (a time base corrector at its end)",
}


class Qc(Params):
    worst: int = Field(12, ge=0, le=60)
    """How many of the worst pictures are shown."""


class QcDecided(Decided):
    pictures: int


@operation
class QcOperation(Operation[Qc, QcDecided]):
    """Check a transfer: levels, broadcast range, dropouts, repeated lines and sound, minute by minute.

    With -o, a page with plots and the worst pictures (.html), or the figures of every picture (.json, .csv).
    """

    name = "qc"
    topic = "Checks and archives"
    params = Qc
    decided = QcDecided
    output = "optional"
    example = "cinemill qc tape.mkv -o tape.html"

    def suffix(self, request: Request[Qc]) -> str:
        return _SUFFIXES[0]

    def decide(self, request: Request[Qc]) -> QcDecided:
        from cinemill.media import read

        if request.output and request.output.suffix.lower() not in _SUFFIXES:
            raise OutputRefused(f"{request.output}: a check becomes {', '.join(_SUFFIXES)}.")
        info = read.probe(request.inputs[0])
        read.picture_of(info)
        index = read.index(info)
        return QcDecided(pictures=len(index.pts), notes=tuple(index.describe()))

    def cut(self, request: Request[Qc], decided: QcDecided, seconds: float) -> list[Chunk]:
        return [Chunk(index=0, size=decided.pictures)]

    def part(self, request: Request[Qc], decided: QcDecided, chunk: Chunk, path: Path) -> Iterator[int]:
        from cinemill.media import read
        from cinemill.media.demux import Damage

        info, damage = read.probe(request.inputs[0]), Damage()
        done = 0
        with path.open("w", encoding="utf-8") as file:
            for line in _pictures(info, damage):
                file.write(json.dumps(line) + "\n")
                done += 1
                yield min(done, chunk.size)
            file.write(json.dumps({"sound": list(_sound(info)), "damage": damage.describe()}) + "\n")

    def join(
        self, request: Request[Qc], decided: QcDecided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        if output and request.output:
            pictures, rest = _read(parts[0])
            if request.output.suffix.lower() == ".html":
                _write_page(request, pictures, rest, output)
            elif request.output.suffix.lower() == ".csv":
                _write_csv(pictures, output)
            else:
                output.write_text(json.dumps({**summary(pictures, rest), "frames": pictures}, indent=1), "utf-8")
        yield 1.0

    def result(self, request: Request[Qc], decided: QcDecided, parts: Sequence[Path]) -> dict[str, Any]:
        pictures, rest = _read(parts[0])
        found = summary(pictures, rest)
        return {"summary": found, "notes": [*_verdict(found), *rest["damage"]], "table": _table(found)}


def _pictures(info: Any, damage: Any) -> Iterator[dict[str, float]]:
    """Figures of each picture: levels in 8-bit code values, shares of pixels or lines."""
    from cinemill.media import lavfi, read

    for frame, said in lavfi.noted(read.frames(info, damage=damage), "signalstats=stat=tout+vrep+brng"):
        scale = 2.0 ** (8 - frame.layout.bits)
        told = {key.rpartition(".")[2].lower(): float(value) for key, value in said.items()}
        levels = {name: round(told.get(name, 0.0) * scale, 2) for name in _LEVELS}
        shares = {name: round(told.get(name, 0.0), 6) for name in _SHARES}
        yield {"time": round(frame.time, 3), **levels, **shares}


def _sound(info: Any) -> Iterator[dict[str, Any]]:
    """Of each track: peak and clipped samples a minute, and by how much it ends after the picture, in seconds."""
    from cinemill.media import read
    from cinemill.media.index import index

    times = index(info).pts
    video = read.picture_of(info)
    end = float((times[-1] + video.step) * video.time_base) if times else 0.0
    for track in info.of_kind("audio"):
        peaks: dict[int, float] = {}
        clipped: dict[int, int] = {}
        last = 0.0
        for block in read.audio(info, track):
            minute = int(block.pts / block.sample_rate // 60)
            loud = abs(block.samples)
            peaks[minute] = max(peaks.get(minute, 0.0), float(loud.max(initial=0.0)))
            clipped[minute] = clipped.get(minute, 0) + int((loud >= 32767 / 32768).sum())
            last = (block.pts + block.samples.shape[1]) / block.sample_rate
        yield {"track": track.index, "peaks": peaks, "clipped": clipped, "beyond": round(last - end, 3)}


def _read(part: Path) -> tuple[list[dict[str, float]], dict[str, Any]]:
    lines = [json.loads(line) for line in part.read_text("utf-8").splitlines()]
    return lines[:-1], lines[-1]


def summary(pictures: Sequence[dict[str, float]], rest: dict[str, Any]) -> dict[str, Any]:
    """What a check says minute by minute, and in all; JSON-safe."""
    minutes = [_minute(int(number), list(group)) for number, group in groupby(pictures, lambda one: one["time"] // 60)]
    whole = _minute(0, list(pictures)) if pictures else {}
    return {"pictures": len(pictures), "whole": whole, "minutes": minutes, "sound": rest["sound"]}


def _minute(number: int, pictures: Sequence[dict[str, float]]) -> dict[str, float]:
    count = len(pictures)
    told: dict[str, float] = {"minute": number, "pictures": count}
    for name in _SHARES:
        told[name] = round(sum(one[name] for one in pictures) / count, 6)
        told[f"{name}_worst"] = max(one[name] for one in pictures)
    told["low"] = min(one["ylow"] for one in pictures)
    told["high"] = max(one["yhigh"] for one in pictures)
    told["saturation"] = max(one["satmax"] for one in pictures)
    return told


def _table(found: dict[str, Any]) -> list[list[str]]:
    peaks = found["sound"][0]["peaks"] if found["sound"] else {}
    head = ["minute", "out of range", "outliers", "repeated lines", "luma", "saturation", "sound"]
    rows = [
        [
            str(one["minute"]),
            f"{one['brng']:.2%}",
            f"{one['tout']:.3%}",
            f"{one['vrep']:.2%}",
            f"{one['low']:.0f}–{one['high']:.0f}",
            f"{one['saturation']:.0f}",
            _decibels(peaks.get(str(one["minute"]), peaks.get(one["minute"], 0.0))),
        ]
        for one in found["minutes"]
    ]
    return [head, *rows]


def _decibels(peak: float) -> str:
    return f"{20 * math.log10(peak):.1f} dB" if peak > 0 else "silent"


def _verdict(found: dict[str, Any]) -> list[str]:
    whole = found["whole"]
    if not whole:
        return ["There is no picture."]
    told = [f"{whole[name]:.2%} {what}, {whole[f'{name}_worst']:.1%} at worst." for name, what in _TOLD.items()]
    for track in found["sound"]:
        clipped = sum(track["clipped"].values())
        told += [f"Sound #{track['track']}: {clipped} samples at full scale."] if clipped else []
        if abs(track["beyond"]) > 0.1:
            where = "after" if track["beyond"] > 0 else "before"
            told.append(f"Sound #{track['track']} ends {abs(track['beyond']):.2f} s {where} the picture.")
    return told


def _write_csv(pictures: Sequence[dict[str, float]], output: Path) -> None:
    with output.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["time", *_LEVELS, *_SHARES])
        writer.writeheader()
        writer.writerows(pictures)


def _write_page(request: Request[Qc], pictures: Sequence[dict[str, float]], rest: dict[str, Any], output: Path) -> None:
    from cinemill.measure import page, sheet
    from cinemill.measure.moments import frames_at

    source = request.inputs[0]
    found = summary(pictures, rest)
    worst = _worst(pictures, request.params.worst)
    shots = frames_at(source, [Fraction(one["time"]).limit_denominator(1000) for one in worst]) if worst else []
    captions = [f"{clock.show(one['time'])}: {_why(one)}" for one in worst]
    sections: list[page.Section] = [page.Sentences("In short", [*_verdict(found), *rest["damage"]])]
    sections += [_plot("Luma", "code values", pictures, ("ylow", "yavg", "yhigh"))]
    sections += [_plot(what, "%", pictures, (name,), 100) for name, what in _TOLD.items()]
    if shots:
        cells = [(sheet.picture(shot, 240), caption) for shot, caption in zip(shots, captions)]
        sections.append(page.Gallery("The worst pictures", cells))
    head, *rows = _table(found)
    sections.append(page.Table("Minute by minute", head, rows))
    page.page(output, f"{source.name} checked", [("pictures", str(found["pictures"]))], *sections)


def _plot(title: str, unit: str, pictures: Sequence[dict[str, float]], names: tuple[str, ...], scale: float = 1) -> Any:
    from cinemill.measure import page

    shown = {name: [(one["time"], scale * one[name]) for one in pictures] for name in names}
    lines = [page.Series(_LUMA.get(name, "share of a picture"), points) for name, points in shown.items()]
    return page.Plot(title[:1].upper() + title[1:], unit, lines, 0.0)


def _worst(pictures: Sequence[dict[str, float]], count: int) -> list[dict[str, float]]:
    """The pictures most unlike the others, a second apart at least, in order of time."""
    usual = {name: sorted(one[name] for one in pictures)[len(pictures) // 2] for name in _SHARES} if pictures else {}
    chosen: list[dict[str, float]] = []
    for one in sorted(pictures, key=lambda one: -sum(one[name] - usual[name] for name in _SHARES)):
        if len(chosen) == count or not sum(one[name] for name in _SHARES):
            break
        if all(abs(one["time"] - other["time"]) >= 1 for other in chosen):
            chosen.append(one)
    return sorted(chosen, key=lambda one: one["time"])


def _why(one: dict[str, float]) -> str:
    name = max(_SHARES, key=lambda name: one[name])
    return f"{one[name]:.2%} {_TOLD[name].partition(' (')[0]}"
