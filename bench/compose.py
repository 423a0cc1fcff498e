"""A film of photographs, voice, captions and music: against MoviePy 2, and against the encoder alone.

`CINEMILL_MOVIEPY` names a Python that has moviepy; without it that row is left out.
"""

from __future__ import annotations

import json
import os
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench import CINEMILL, MEDIA, Table, measure, run_ffmpeg, workplace
from cinemill.film import board as boards
from cinemill.film import captions, timeline
from cinemill.film.segments import Film
from cinemill.film.timeline import Said, Timeline
from cinemill.media import encoders, fonts, write
from cinemill.media.output import VideoOutput
from cinemill.media.read import Damage

_SECONDS = float(os.environ.get("CINEMILL_BENCH_SECONDS", "60"))
_PICTURES = 8
_RATE = 30
_MOVIEPY_SECONDS = 4.0
"""MoviePy's speed does not change with length, and nobody wants to wait."""
_SCENES = 20
"""Of the film that one scene of is changed."""
_HELD = 15
"""Pictures of each scene that the encoder alone is fed with."""


def table() -> Table:
    with workplace() as folder:
        facts = material(folder, _SECONDS)
        rows = [["", "pictures/s", "of the encoder", "MiB"]]
        alone = _encoder_alone(folder, facts)
        environment = os.environ | {"CINEMILL_CACHE_DIR": str(folder / "cache")}
        os.environ.update(environment)
        ours = measure([CINEMILL, "compose", folder / "story.yaml", "-o", folder / "film.mp4", "--encoder", "libx264"])
        pace = _SECONDS * _RATE / ours.seconds
        rows.append(["cinemill compose", f"{pace:.1f}", f"{pace / alone:.2f}", f"{ours.mib:.0f}"])
        rows.append(["the same encoder alone", f"{alone:.1f}", "1.00", ""])
        python = os.environ.get("CINEMILL_MOVIEPY")
        if python:
            script = Path(__file__).with_name("moviepy_film.py")
            small = material(folder, _MOVIEPY_SECONDS)
            assert small
            theirs = measure([python, script, folder, _MOVIEPY_SECONDS, folder / "moviepy.mp4"])
            slow = _MOVIEPY_SECONDS * _RATE / theirs.seconds
            rows.append(["MoviePy 2", f"{slow:.1f}", f"{slow / alone:.2f}", f"{theirs.mib:.0f}"])
            rows.append(["times MoviePy", f"{pace / slow:.1f}", "", ""])
        rows += _again(folder)
        rows.append(_long(folder, ours.mib))
    return Table(
        "Composing",
        f"{_SECONDS:g} s of 1080p at 30 fps: {_PICTURES} photographs under a moving camera with fades, a voice, words "
        "as captions, music under it, H.264 at veryfast. Targets: 8 times MoviePy 2 in the same run, 0.7 of the "
        "encoder alone, which is fed with such pictures from memory.",
        rows,
    )


def material(folder: Path, seconds: float) -> dict[str, Any]:
    """Photographs, a voice, words, music and the storyboard of a film, in `folder`."""
    pictures = [_photograph(folder, number) for number in range(_PICTURES)]
    voice, music = folder / "voice.wav", folder / "music.wav"
    speech = ["-stream_loop", "-1", "-i", MEDIA / "jfk.flac"] if (MEDIA / "jfk.flac").exists() else _noise()
    run_ffmpeg(*speech, "-t", seconds - 0.5, voice)
    run_ffmpeg("-f", "lavfi", "-i", "sine=f=220:r=48000:d=20", "-f", "lavfi", "-i", "sine=f=277:r=48000:d=20",
               "-filter_complex", "amix", music)  # fmt: skip
    step = 0.35
    words = [
        {"text": f"word{number}", "start": round(number * step, 3), "end": round((number + 1) * step, 3)}
        for number in range(int((seconds - 0.5) / step))
    ]
    faces = [face for face in fonts.faces() if face.family == (fonts.choose("a") or face).family]
    facts: dict[str, Any] = {
        "pictures": list(map(str, pictures)),
        "voice": str(voice),
        "voice_seconds": seconds - 0.5,
        "music": str(music),
        "words": words,
        "font": str(faces[0].path),
    }
    (folder / "facts.json").write_text(json.dumps(facts))
    fade = 0.5
    each = (seconds + fade * (_PICTURES - 1)) / _PICTURES
    story = {
        "rate": _RATE,
        "ken_burns": "auto",
        "transition": {"name": "fade", "seconds": fade},
        "scenes": [{"picture": str(path), "duration": round(each, 4)} for path in pictures],
        "narration": {"file": str(voice)},
        "pause": 0,
        "captions": {"style": "word", "words": words},
        "music": {"file": str(music), "volume": 0.2},
        "output": {"speed": "veryfast", "crf": 23},  # what x264 takes where MoviePy says nothing
    }
    (folder / "story.yaml").write_text(json.dumps(story))
    return facts


def _again(folder: Path) -> list[list[str]]:
    """Twenty scenes, and the same with one of them changed: seconds in the place of pictures a second.

    Each has a picture of its own: of two scenes that are alike in everything, one is made.
    """
    story = json.loads((folder / "story.yaml").read_text())
    scenes = [{"picture": str(_photograph(folder, number)), "duration": 3.5} for number in range(_SCENES)]
    seconds: list[float] = []
    for change in ({}, {"ken_burns": "left"}):
        scenes[_SCENES // 2] |= change
        (folder / "twenty.json").write_text(
            json.dumps({**story, "scenes": scenes, "captions": None, "narration": None})
        )
        made = [CINEMILL, "compose", folder / "twenty.json", "-o", folder / "twenty.mp4", "--encoder", "libx264"]
        seconds.append(measure([*made, "--overwrite"]).seconds)
    share = f"{seconds[1] / seconds[0]:.3f} of it"
    return [
        [f"{_SCENES} scenes of 3 s, made", f"{seconds[0]:.1f} s", "", ""],
        ["the same, one scene changed", f"{seconds[1]:.1f} s", share, ""],
    ]


def _long(folder: Path, usual: float) -> list[str]:
    """Five times as long, for its memory."""
    material(folder, 5 * _SECONDS)
    made = [CINEMILL, "compose", folder / "story.yaml", "-o", folder / "long.mp4", "--encoder", "libx264"]
    mib = measure(made).mib
    return ["five times as long", "", f"{mib / usual:.2f} of its memory", f"{mib:.0f}"]


def film_of(folder: Path) -> Film:
    """The film of the storyboard in `folder`, without its sound."""
    board = boards.read(folder / "story.yaml")
    line = timeline.timeline(board, {}, {})
    assert board.captions
    assert isinstance(board.captions.words, tuple)
    words = [Said(word.text, round(word.start * 1000), round(word.end * 1000)) for word in board.captions.words]
    cues = captions.cues_of(board.captions, words, "en", *board.pixels)
    shown = captions.shown(board.captions, cues, line.rate, line.frames)
    choice = fonts.choose("word")
    return Film(board, line, shown, choice.family if choice else "")


def _photograph(folder: Path, number: int) -> Path:
    """3000x2000 pixels of something with much detail."""
    path = folder / f"picture-{number}.jpg"
    if path.exists():
        return path
    real = MEDIA / "vacation_2017.jpg"
    source: Any = cv2.imread(str(real)) if real.exists() else None
    if source is None:
        noise = np.random.default_rng(number).integers(0, 255, (500, 750, 3), np.uint8)
        source = cv2.resize(noise, (3000, 2000), interpolation=cv2.INTER_CUBIC)
    source = source[:, ::-1] if number % 2 else source
    picture = cv2.resize(np.roll(source, number * 300, axis=1), (3000, 2000), interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(path), picture)
    return path


def _noise() -> list[object]:
    return ["-f", "lavfi", "-i", "anoisesrc=r=48000:a=0.1"]


def _encoder_alone(folder: Path, facts: dict[str, Any]) -> float:
    """Pictures a second of the encoder, fed with stretches of the film from memory."""
    film = film_of(folder)
    line: Timeline = film.line
    held = [
        frame
        for first, stop in timeline.edges(line)
        if stop - first > _HELD
        for frame in film.frames(first, first + _HELD)
    ]
    output = VideoOutput(encoder="libx264", speed="veryfast", crf=23)
    spec, _ = encoders.spec_for(output, held[0], line.rate, None, len(os.sched_getaffinity(0)))
    from dataclasses import replace

    count = min(line.frames, 900)
    frames = (replace(frame, pts=number) for number, frame in enumerate(islice(cycle(held), count)))
    started = time.perf_counter()
    for _ in write.encode(frames, spec, folder / "alone", Damage()):
        pass
    return count / (time.perf_counter() - started)
