"""Twelve seconds of damaged tape whose clean original is known, restored and shown; or the user's own clip."""

from __future__ import annotations

import wave
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from rich.progress import track

from cinemill.jobs import run as jobs
from cinemill.jobs.events import Event
from cinemill.learn import music, procedural
from cinemill.measure import moments, page, quality, sheet
from cinemill.media import encoders, read, tracks, write
from cinemill.media.flow import ahead
from cinemill.media.output import VideoOutput
from cinemill.media.types import Frame
from cinemill.operations import Request
from cinemill.surfaces import forms, perform
from cinemill.surfaces.show import printer

SECONDS = 12
SEED = 4
_SIZE = (720, 576)
_SAR = Fraction(16, 15)
_FIELDS_A_SECOND = Fraction(50)
_SAMPLE_RATE = 48_000
_PRESET = "vhs-pal"


def show(own: Path | None, folder: Path) -> None:
    """Restore `own`, or a tape that is made first, and leave film, sheet and page in `folder`."""
    rich = printer()
    folder.mkdir(parents=True, exist_ok=True)
    original = None if own else folder / "original.mp4"
    before = own or folder / "tape.mkv"
    if original:
        rich.print(f"[bold]tape[/] {SECONDS} s of moving pictures with sound, and the damage of a worn cassette")
        make_tape(original, before)
    after = folder / (f"{before.stem}.restored.mp4" if own else "restored.mp4")
    request = forms.request("restore", [before], after, {})
    notes = _restore(request, after)
    scores = _measured(original, before, after) if original else {}
    for name, score in scores.items():
        rich.print(f"  {name}: PSNR {quality.summarise(score).psnr_y:.2f} dB")
    _sheet(before, after, original, folder / "before-after.png")
    _page(before, after, notes, scores, folder / "report.html")
    for name, path in (("film", after), ("sheet", folder / "before-after.png"), ("page", folder / "report.html")):
        rich.print(f"  [bold]{name:<6}[/] {path}")


def make_tape(original: Path, damaged: Path) -> None:
    """The original, and the tape that `degrade` makes of it."""
    count = int(SECONDS * _FIELDS_A_SECOND)
    scenes = procedural.scenes(*_SIZE, _FIELDS_A_SECOND, SECONDS, SEED, _SAR)
    sound = original.with_name("sound.wav")
    _write_sound(sound)
    clean = VideoOutput(codec="h264", encoder="libx264", crf=6, speed="veryfast")
    _film(track(ahead(scenes), "  drawing  ", total=count), _FIELDS_A_SECOND, clean, sound, original)
    sound.unlink()
    kept = {"seed": SEED, "encoder": "libx264", "crf": 10, "speed": "veryfast"}
    request = forms.request("degrade", [original], damaged, kept, _PRESET)
    perform.watch(jobs.run(request, overwrite=True), damaged, as_json=False)


def _film(frames: Iterable[Frame], rate: Fraction, output: VideoOutput, sound: Path, path: Path) -> None:
    """Frames and a sound file as a film."""
    stream = iter(frames)
    first = next(stream)
    spec, _ = encoders.spec_for(output, first, rate, None, 2)
    part, format, info = path.with_suffix(".part"), tracks.container_of(path), read.probe(sound)
    deque(write.encode(_again(first, stream), spec, part, read.Damage()), maxlen=0)
    deque(write.assemble([part], spec, info, tracks.carries(info, format), path, format), maxlen=0)
    part.unlink()


def _again(first: Frame, rest: Iterator[Frame]) -> Iterator[Frame]:
    yield first
    yield from rest


def _write_sound(path: Path) -> None:
    samples = music.sound(SECONDS, _SAMPLE_RATE, SEED)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(_SAMPLE_RATE)
        file.writeframes((samples.T * 32767).round().astype("<i2").tobytes())


def _restore(request: Request[Any], after: Path) -> list[str]:
    """Run the job on screen; the sentences of its plan."""
    notes: list[str] = []

    def listened() -> Generator[Event, None, None]:
        for event in jobs.run(request, overwrite=True):
            notes.extend(getattr(event, "notes", ()))
            yield event

    perform.watch(listened(), after, as_json=False)
    return notes


Scores = dict[str, list[quality.PairQuality]]


def _measured(original: Path, before: Path, after: Path) -> Scores:
    """Quality of the tape as it plays, and of what was made of it, against the clean original."""
    clean, worn, restored = (read.probe(path) for path in (original, before, after))
    tick = 2 / _FIELDS_A_SECOND
    on_tape = (frame for frame in read.frames(clean) if (frame.pts * frame.time_base / tick).denominator == 1)
    return {
        "before": list(quality.compare(on_tape, read.frames(worn))),
        "after": list(quality.compare(read.frames(clean), read.frames(restored))),
    }


def _sheet(before: Path, after: Path, original: Path | None, path: Path) -> None:
    times = moments.spread(before, 4)
    named = [("before", before), ("after", after), *([("original", original)] if original else [])]
    rows = [(name, moments.frames_at(file, times)) for name, file in named]
    sheet.contact_sheet(rows, path, title=f"{before.name} restored")


def _page(before: Path, after: Path, notes: list[str], scores: Scores, path: Path) -> None:
    facts = [(f"PSNR {name}", f"{quality.summarise(score).psnr_y:.2f} dB") for name, score in scores.items()]
    sections: list[page.Section] = [page.Slider(moments.pairs(before, after, count=6))]
    sections.append(page.Sentences("What was found and done", notes))
    if scores:
        lines = [page.Series(name, [(pair.time, pair.psnr_y) for pair in score]) for name, score in scores.items()]
        sections.append(page.Plot("Against the clean original", "dB", lines))
    page.page(path, f"{before.name} restored", facts, *sections)
