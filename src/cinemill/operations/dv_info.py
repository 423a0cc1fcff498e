"""What a tape of DV says of itself: recordings with their dates, timecode, sound, and where the deck met damage."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

from cinemill.catalogue import Params
from cinemill.errors import OutputRefused
from cinemill.media import clock
from cinemill.operations import Chunk, Decided, Operation, Request, dv_scan, operation
from cinemill.operations.dv_scan import Found, Recording


class Dv(Params):
    """A tape is asked for nothing but what it says."""


class DvDecided(Decided):
    pictures: int


class _Scanned(Operation[Dv, DvDecided]):
    """One pass over a tape; what is made of it differs."""

    params = Dv
    decided = DvDecided
    output = "optional"
    unit = "pictures"
    suffixes: ClassVar[tuple[str, ...]]

    def suffix(self, request: Request[Dv]) -> str:
        return self.suffixes[0]

    def decide(self, request: Request[Dv]) -> DvDecided:
        if request.output and request.output.suffix.lower() not in self.suffixes:
            raise OutputRefused(f"{request.output}: what {self.name} finds becomes {', '.join(self.suffixes)}.")
        return DvDecided(pictures=dv_scan.length(request.inputs[0]))

    def cut(self, request: Request[Dv], decided: DvDecided, seconds: float) -> list[Chunk]:
        return [Chunk(index=0, size=decided.pictures)]

    def part(self, request: Request[Dv], decided: DvDecided, chunk: Chunk, path: Path) -> Iterator[int]:
        yield from dv_scan.scan(request.inputs[0], path, chunk.size)


@operation
class DvInfoOperation(_Scanned):
    """Tell what a DV tape holds: recordings, dates, timecode, sound, blocks that were damaged.

    With -o, every picture (.json, .csv), or the recordings as chapters for ffmpeg (.ffmeta).
    """

    name = "dv-info"
    topic = "Checks and archives"
    example = "cinemill dv info tape.dv -o tape.csv"
    suffixes = (".json", ".csv", ".ffmeta")

    def join(
        self, request: Request[Dv], decided: DvDecided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        if output and request.output:
            _WRITERS[request.output.suffix.lower()](parts[0], output)
        yield 1.0

    def result(self, request: Request[Dv], decided: DvDecided, parts: Sequence[Path]) -> dict[str, Any]:
        found = dv_scan.read(parts[0])
        told = [f"{found.standard}, {found.pictures} pictures, {_time(found, found.pictures)}.", *_sound(found)]
        return {"summary": summary(found), "notes": [*told, *_damage(found)], "table": _table(found)}


@operation
class DvTimecodeOperation(_Scanned):
    """Tell where the timecode of a DV tape runs on and where it breaks.

    With -o, a line a stretch (.csv), or subtitles that show date and timecode of each second (.srt).
    """

    name = "dv-timecode"
    topic = "Checks and archives"
    example = "cinemill dv timecode tape.dv -o tape.srt"
    suffixes = (".csv", ".srt")

    def join(
        self, request: Request[Dv], decided: DvDecided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        if output and request.output:
            (_write_runs if request.output.suffix.lower() == ".csv" else _write_srt)(parts[0], output)
        yield 1.0

    def result(self, request: Request[Dv], decided: DvDecided, parts: Sequence[Path]) -> dict[str, Any]:
        found = dv_scan.read(parts[0])
        breaks = max(0, len(found.runs) - 1)
        told = f"the timecode breaks {_times(breaks)}." if breaks else "the timecode runs on to the end."
        return {
            "runs": found.runs,
            "notes": [told if found.runs else "there is no timecode on this tape."],
            "table": [["at", "timecode", "pictures"]]
            + [[_time(found, at), code, str(count)] for at, code, count in found.runs],
        }


def summary(found: Found) -> dict[str, Any]:
    """What is found, JSON-safe, the recordings with their places in seconds."""
    rate = Fraction(found.rate)
    recordings = [
        {**vars(one), "start_seconds": float(one.start / rate), "stop_seconds": float(one.stop / rate)}
        for one in found.recordings
    ]
    return {**vars(found), "recordings": recordings}


def _time(found: Found, picture: int) -> str:
    return clock.show(float(picture / Fraction(found.rate)))


def _table(found: Found) -> list[list[str]]:
    head = ["recording", "from", "length", "recorded", "timecode", "aspect", "hurt pictures"]
    return [head, *([str(number), *_row(found, one)] for number, one in enumerate(found.recordings, 1))]


def _row(found: Found, one: Recording) -> list[str]:
    date = (one.recorded or "").replace("T", " ")
    aspect = {True: "16:9", False: "4:3", None: ""}[one.wide]
    length = _time(found, one.stop - one.start)
    return [_time(found, one.start), length, date, one.timecode or "", aspect, str(one.hurt or "")]


def _sound(found: Found) -> list[str]:
    return [f"Sound: {'; '.join(found.sounds)}."] if found.sounds else ["There is no sound."]


def _damage(found: Found) -> list[str]:
    if not found.hurt:
        return ["Every block is whole."]
    counts = {"blocks of picture": found.concealed, "of sound": found.silenced, "of subcode": found.unread}
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "no block"
    lost = f" {found.skipped} bytes are no DV and were passed over." if found.skipped else ""
    return [f"{found.hurt} pictures are hurt: {told}.{lost}"]


def _write_json(part: Path, output: Path) -> None:
    with output.open("w", encoding="utf-8") as file:
        file.write(json.dumps(summary(dv_scan.read(part)), indent=1)[:-2] + ',\n "frames": [')
        for number, picture in enumerate(dv_scan.pictures(part)):
            file.write((",\n  " if number else "\n  ") + json.dumps(picture))
        file.write("\n ]\n}\n")


def _write_csv(part: Path, output: Path) -> None:
    with output.open("w", encoding="utf-8", newline="") as file:
        writer: csv.DictWriter[str] | None = None
        for picture in dv_scan.pictures(part):
            sound = picture.pop("sound") or {}
            row = {**picture, **{f"sound_{key}": value for key, value in sound.items()}}
            if writer is None:
                names = [*picture, *(f"sound_{key}" for key in ("rate", "channels", "bits", "locked", "samples"))]
                writer = csv.DictWriter(file, names)
                writer.writeheader()
            writer.writerow({**row, "captions": "".join(row["captions"] or ())})


def _write_chapters(part: Path, output: Path) -> None:
    found = dv_scan.read(part)
    rate = Fraction(found.rate)
    lines = [";FFMETADATA1"]
    for number, one in enumerate(found.recordings, 1):
        title = (one.recorded or f"Recording {number}").replace("T", " ")
        lines += ["[CHAPTER]", f"TIMEBASE={rate.denominator}/{rate.numerator}"]
        lines += [f"START={one.start}", f"END={one.stop}", f"title={title}"]
    output.write_text("\n".join(lines) + "\n", "utf-8")


_WRITERS = {".json": _write_json, ".csv": _write_csv, ".ffmeta": _write_chapters}


def _write_runs(part: Path, output: Path) -> None:
    with output.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["picture", "timecode", "pictures"], *dv_scan.read(part).runs])


def _write_srt(part: Path, output: Path) -> None:
    """Date and timecode, anew each second and at each recording."""
    from cinemill.media.cues import files
    from cinemill.media.cues.types import Cue, Transcript

    rate = Fraction(dv_scan.read(part).rate)
    shown: list[tuple[int, str]] = []
    last = 0
    for picture in dv_scan.pictures(part):
        last = picture["picture"] + 1
        if picture["begins"] or not shown or last > shown[-1][0] + round(rate):
            text = " ".join(filter(None, [picture["recorded"], picture["timecode"]])).replace("T", " ")
            shown.append((picture["picture"], text))
    starts = [round(1000 * at / rate) for at, _ in shown]
    stops = [*starts[1:], round(1000 * last / rate)]
    cues = [Cue(start, stop, (text,)) for (_, text), start, stop in zip(shown, starts, stops) if text]
    output.write_text(files.written(Transcript(tuple(cues)), "srt"), "utf-8")


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
