"""What the first pages tell people to type, typed: in their order, with files of the names that they use."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import clips
from cinemill.catalogue import operations
from cinemill.errors import MissingEngine
from command import Cinemill
from test_docs import ROOT, commands

SPEECH = ROOT / "tests" / "speech" / "ten.ogg"
LONGER = ("devices", "capture", "serve", "desktop", "engines", "--engine", "--diarize", "--on", "resync-subtitles")
"""Words of commands that want a deck, never end, fetch something, or want pauses in speech: tested elsewhere."""
LONG = 1200.0
"""Seconds for a command on a machine that has much to do."""
_PICTURES = ("-f", "lavfi", "-i", "testsrc2=s=320x240:r=25")
_CODING = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac")


def tapes(folder: Path, cinemill: Cinemill) -> None:
    sound = ("-f", "lavfi", "-i", "sine")
    clips.run(*_PICTURES, *sound, "-t", 3, *_CODING, folder / "clean.mp4")
    assert cinemill("degrade", "clean.mp4", "-o", "tape.mkv", "--preset", "vhs-pal", patience=LONG).code == 0


def videos(folder: Path, cinemill: Cinemill) -> None:
    clips.run(*_PICTURES, "-frames:v", 1, folder / "beach.jpg")
    clips.run(*_PICTURES, "-t", 5, *_CODING, folder / "waves.mp4")
    clips.run(*_PICTURES, "-frames:v", 8, *_CODING, folder / "clip.mp4")
    clips.run("-f", "lavfi", "-i", "sine", "-t", 20, folder / "song.mp3")
    (folder / "script.txt").write_text("It began with a photograph.")
    page = (ROOT / "docs/start/videos.md").read_text("utf-8")
    (folder / "story.yaml").write_text(page.split("```yaml\n")[1].split("```")[0])


def subtitles(folder: Path, cinemill: Cinemill) -> None:
    clips.run(*_PICTURES, "-i", SPEECH, "-shortest", *_CODING, folder / "interview.mp4")
    clips.run("-i", SPEECH, "-t", 6, folder / "speech.wav")
    (folder / "speech.txt").write_text(
        "The quick brown fox jumps over the lazy dog. She sells sea shells by the sea shore."
    )
    assert cinemill("subtitle", "interview.mp4", "-o", "early.srt").code == 0
    assert cinemill("shift-subtitles", "early.srt", "--by", "2.5", "-o", "late.srt").code == 0


@pytest.mark.slow
@pytest.mark.parametrize("files", [tapes, videos, subtitles], ids=lambda files: files.__name__)
def test_a_first_page_works_by_copy_and_paste(files: Callable[[Path, Cinemill], None], cinemill: Cinemill) -> None:
    files(cinemill.folder, cinemill)
    for words in commands(ROOT / "docs" / "start" / f"{files.__name__}.md"):
        if set(words) & set(LONGER):
            continue
        said = cinemill(*words[1:], patience=LONG)
        allowed = (0, 1) if words[1] == "lint-subtitles" else (0,)  # 1: there is something to find fault with
        assert said.code in allowed, f"{' '.join(words)}: {said.out}{said.err}"


@pytest.mark.slow
def test_the_first_page_works_by_copy_and_paste(cinemill: Cinemill) -> None:
    for words in commands(ROOT / "docs" / "index.md"):
        assert cinemill(*words[1:], patience=LONG).code == 0
    assert {path.name for path in (cinemill.folder / "demo").iterdir()} >= {"restored.mp4", "report.html"}
    shutil.rmtree(cinemill.folder / "demo")


FUSSY = {"resync-subtitles", "sync"}
"""Those that refuse two seconds of speech, and rightly: their tests have more."""
SUBTITLES = "1\n00:00:00,500 --> 00:00:03,000\nThe birch canoe slid on the smooth planks.\n"


def made(path: Path) -> None:
    """A small file of the kind that its name says, with speech where it has sound."""
    match path.suffix:
        case ".srt":
            path.write_text(SUBTITLES)
        case ".txt":
            path.write_text("The birch canoe slid on the smooth planks. Glue the sheet to the background.")
        case ".yaml":
            path.write_text("scenes:\n  - title: Hello\n    duration: 1\n")
        case ".flac" | ".wav" | ".mp3":
            clips.run("-i", SPEECH, "-t", 8, path)
        case ".dv":
            pal = ("-f", "lavfi", "-i", "testsrc2=s=720x576:r=25", "-f", "lavfi", "-i", "sine=r=48000", "-t", 1)
            clips.run(*pal, "-pix_fmt", "yuv420p", "-ac", 2, "-f", "dv", path)
        case ".webm":
            clips.run(*_PICTURES, "-i", SPEECH, "-t", 2, "-c:v", "libvpx", "-c:a", "libopus", path)
        case _:
            small = ("-f", "lavfi", "-i", "testsrc2=s=160x120:r=25")
            clips.run(*small, "-i", SPEECH, "-t", 2, *_CODING, path)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*operations} - FUSSY))
def test_the_example_of_an_operation_works_as_it_stands(name: str, cinemill: Cinemill) -> None:
    words = shlex.split(operations.get(name).example)[1:]
    output = words[words.index("-o") + 1] if "-o" in words else "nothing"
    for word in ",".join(words).split(","):
        if re.fullmatch(r"[\w-]+\.\w+", word) and word != output and not re.fullmatch(r"-?[\d.]+", word):
            made(cinemill.folder / word)
    said = cinemill(*words, patience=LONG)
    if said.code == MissingEngine.exit_code:
        pytest.skip(said.err.strip())
    allowed = (0, 1) if name == "lint-subtitles" else (0,)
    assert said.code in allowed, said.out + said.err
    assert (cinemill.folder / output).exists() or name == "lint-subtitles"


def test_every_operation_has_an_example() -> None:
    assert [name for name, found in operations.items() if not found.example] == []
