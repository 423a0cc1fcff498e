"""What an analog tape says of its time, and its captions: VITC in lines of the picture, LTC in the sound, line 21."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from cinemill.catalogue import Field, Params
from cinemill.errors import OutputRefused
from cinemill.media import clock
from cinemill.operations import Chunk, Decided, Operation, Request, operation

_SUFFIXES: Final = (".csv", ".json", ".scc", ".srt")
_GRAPH: Final = "readvitc=scan_max={lines},readeia608=scan_max={lines}:chp=1"


class ReadTimecode(Params):
    source: Literal["all", "vitc", "ltc"] = "all"
    """Where to look: lines above the picture, the sound, or both."""
    lines: int = Field(45, ge=1, le=120, unit="px")
    """How many lines from the top to look at."""
    channel: int = Field(0, ge=0, le=63)
    """Channel of the sound that carries LTC, counted from 0."""
    page: str = Field("subtitle", pattern=r"subtitle|\*|[1-8][0-9]{2}")
    """Page of the teletext of a broadcast, such as 888, for .srt; subtitle is any that says it is subtitles."""


class TimecodeDecided(Decided):
    pictures: int


@operation
class TimecodeOperation(Operation[ReadTimecode, TimecodeDecided]):
    """Read the timecode of an analog tape, VITC and LTC, and its line 21 captions; the teletext of a broadcast.

    With -o, a line a picture (.csv), everything (.json), the captions (.scc), or subtitles from teletext (.srt). The
    capture must hold the lines above the picture.
    """

    name = "timecode"
    topic = "Checks and archives"
    params = ReadTimecode
    decided = TimecodeDecided
    output = "optional"
    example = "cinemill timecode tape.mkv -o tape.csv"

    def suffix(self, request: Request[ReadTimecode]) -> str:
        return _SUFFIXES[0]

    def decide(self, request: Request[ReadTimecode]) -> TimecodeDecided:
        from cinemill.media import read

        if request.output and request.output.suffix.lower() not in _SUFFIXES:
            raise OutputRefused(f"{request.output}: timecode becomes {', '.join(_SUFFIXES)}.")
        info = read.probe(request.inputs[0])
        if _wants_teletext(request):
            return TimecodeDecided(pictures=1)
        read.picture_of(info)
        return TimecodeDecided(pictures=len(read.index(info).pts))

    def cut(self, request: Request[ReadTimecode], decided: TimecodeDecided, seconds: float) -> list[Chunk]:
        return [Chunk(index=0, size=decided.pictures)]

    def part(self, request: Request[ReadTimecode], decided: TimecodeDecided, chunk: Chunk, path: Path) -> Iterator[int]:
        params = request.params
        if _wants_teletext(request):
            from cinemill.media import teletext

            path.write_text(json.dumps({"srt": teletext.subtitles(request.inputs[0], params.page)}), "utf-8")
            return
        found: dict[str, list[Any]] = {"pictures": [], "ltc": []}
        if params.source != "ltc":
            for line in _seen(request.inputs[0], params.lines):
                found["pictures"].append(line)
                yield min(chunk.size, len(found["pictures"]))
        if params.source != "vitc":
            found["ltc"] = list(_heard(request.inputs[0], params.channel))
        path.write_text(json.dumps(found), "utf-8")

    def join(
        self, request: Request[ReadTimecode], decided: TimecodeDecided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        if output and request.output:
            found = json.loads(parts[0].read_text("utf-8"))
            write = {".csv": _write_csv, ".json": _write_json, ".scc": _write_scc, ".srt": _write_srt}
            write[request.output.suffix.lower()](found, output)
        yield 1.0

    def result(self, request: Request[ReadTimecode], decided: TimecodeDecided, parts: Sequence[Path]) -> dict[str, Any]:
        found = json.loads(parts[0].read_text("utf-8"))
        if _wants_teletext(request):
            cues = found["srt"].count(" --> ")
            return {"cues": cues, "notes": [] if cues else [f"page {request.params.page} says nothing."]}
        vitc = [(one["time"], one["vitc"]) for one in found["pictures"] if one["vitc"]]
        captions = sum(bool(one["captions"]) for one in found["pictures"])
        rows = [
            [name, str(len(many)), many[0][1], clock.show(many[0][0]), many[-1][1]]
            for name, many in (("VITC", vitc), ("LTC", found["ltc"]))
            if many
        ]
        nothing = [] if rows or captions else ["there is no timecode here, and there are no captions."]
        told = [f"line 21 speaks in {captions} pictures."] if captions else nothing
        counts = {"vitc": len(vitc), "ltc": len(found["ltc"]), "captions": captions}
        return {**counts, "notes": told, "table": [["what", "words", "first", "at", "last"], *rows] if rows else []}


def _wants_teletext(request: Request[ReadTimecode]) -> bool:
    return bool(request.output) and request.output.suffix.lower() == ".srt"  # type: ignore[union-attr]


def _seen(path: Path, lines: int) -> Iterator[dict[str, Any]]:
    """Of each picture: VITC, and the two bytes of line 21 of each field, as hexadecimal digits."""
    from cinemill.media import lavfi, read

    for frame, said in lavfi.noted(read.frames(read.probe(path)), _GRAPH.format(lines=min(lines, 119))):
        cc = [said[key].removeprefix("0x").zfill(4) for key in sorted(said) if key.endswith(".cc")]
        code = said.get("lavfi.readvitc.tc_str") if said.get("lavfi.readvitc.found") == "1" else None
        yield {"time": round(frame.time, 4), "vitc": code, "captions": cc}


def _heard(path: Path, channel: int) -> Iterator[tuple[float, str]]:
    from cinemill.measure import ltc
    from cinemill.media import read
    from cinemill.media.types import AudioTrack

    info = read.probe(path)
    for track in [one for one in info.of_kind("audio") if isinstance(one, AudioTrack)][:1]:
        for word in ltc.decoded(read.audio(info, track), channel):
            yield round(word.time, 4), str(word.timecode)


def _write_csv(found: dict[str, Any], output: Path) -> None:
    with output.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["time", "what", "timecode"])
        rows = [(one["time"], "vitc", one["vitc"]) for one in found["pictures"] if one["vitc"]]
        writer.writerows(sorted([*rows, *((time, "ltc", code) for time, code in found["ltc"])]))


def _write_json(found: dict[str, Any], output: Path) -> None:
    output.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def _write_srt(found: dict[str, Any], output: Path) -> None:
    output.write_text(found["srt"], "utf-8")


def _write_scc(found: dict[str, Any], output: Path) -> None:
    """Scenarist captions: a line where line 21 begins to speak after silence."""
    lines, words = ["Scenarist_SCC V1.0", ""], list[str]()
    start = 0.0
    nothing: dict[str, Any] = {"time": 0.0, "captions": []}
    for picture in [*found["pictures"], nothing]:
        said = picture["captions"][0] if picture["captions"] else "8080"
        if said not in ("8080", "0000"):
            start = start if words else picture["time"]
            words.append(said)
        elif words:
            lines += [f"{_scc_time(start)}\t{' '.join(words)}", ""]
            words = []
    output.write_text("\n".join(lines) + "\n", "utf-8")


def _scc_time(seconds: float) -> str:
    from cinemill.media.dv.packs import Timecode

    return str(Timecode.of_count(round(seconds * 30000 / 1001), 30))
