"""What is spoken in a film -> recordings with the times of their words, found or made, and kept for the next time."""

from __future__ import annotations

import hashlib
import json
import os
from collections import deque
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from cinemill.errors import CinemillError
from cinemill.film.board import Narration, Storyboard
from cinemill.film.timeline import Said, Speech, cleaned
from cinemill.operations import Request, get
from cinemill.settings import settings
from cinemill.version import __version__

if TYPE_CHECKING:
    from cinemill.media.cues.types import Word


def spoken(narration: Narration, board: Storyboard, with_words: bool) -> tuple[Speech, list[str]]:
    """A narration's recording and, if asked for, its words; sentences about them. Raises MediaError, EngineError."""
    from cinemill.film import sound

    if narration.file is None:
        return _made(narration, board)
    seconds = sound.seconds_of(narration.file)
    words, notes = _words(narration, narration.file, board) if with_words else ([], [])
    return Speech(narration.file, seconds, cleaned(words, round(seconds * 1000))), notes


def said_in(path: Path) -> list[Said]:
    """The words of a file of subtitles or words, in ms."""
    from cinemill.media.cues import files

    return _said(files.read(path).transcript.words())


def _said(words: Any) -> list[Said]:
    found: list[Word] = list(words)
    return [Said(word.text, word.start, word.end, word.space) for word in found]


def _words(narration: Narration, file: Path, board: Storyboard) -> tuple[list[Said], list[str]]:
    """The words of a recording: as somebody wrote them down, as its text says, or as they are heard."""
    if narration.words:
        return said_in(narration.words), []
    from cinemill.media.identity import identify

    facts = [identify(file).model_dump(), narration.text, board.language]
    kept = _kept(facts, ".json")
    notes: list[str] = []
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        try:
            notes = _listened(narration, file, board, kept)
        except CinemillError as error:
            return [], [f"{file.name} has no captions: {error.sentence}"]
    return said_in(kept), notes


def _listened(narration: Narration, file: Path, board: Storyboard, kept: Path) -> list[str]:
    """Write the words of a recording down: those of its text where there is one. Raises CinemillError."""
    with TemporaryDirectory(prefix="cinemill-") as place:
        folder = Path(place)
        language = {"language": board.language} if board.language else {}
        if narration.text:
            text = folder / "text.txt"
            text.write_text(narration.text, "utf-8")
            notes = _run("align", file, folder / "words.json", {"text": text, **language})
        else:
            notes = _run("subtitle", file, folder / "words.json", language)
        _move(folder / "words.json", kept)
    return [f"{file.name}: {note}" for note in notes]


def _run(name: str, source: Path, output: Path, params: dict[str, Any]) -> list[str]:
    """Another operation, from beginning to end; what it has to say."""
    operation = get(name)
    request = Request(name, operation.params.of(params, name), (source,), output)
    decided = operation.decide(request)
    parts: list[Path] = []
    for chunk in operation.cut(request, decided, 60.0):
        parts.append(output.with_name(f"part-{chunk.index}"))
        deque(operation.part(request, decided, chunk, parts[-1]), maxlen=0)
    deque(operation.join(request, decided, parts, output), maxlen=0)
    return [*decided.notes]


def _kept(facts: Any, suffix: str) -> Path:
    """Where what follows from `facts` is kept."""
    digest = hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=20).hexdigest()
    return settings().cache_dir / "speech" / f"{digest}{suffix}"


def _move(made: Path, kept: Path) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    passing = kept.with_suffix(f".{os.getpid()}.tmp")
    passing.write_bytes(made.read_bytes())
    passing.replace(kept)


def _made(narration: Narration, board: Storyboard) -> tuple[Speech, list[str]]:
    """The text spoken by a voice, or as it was spoken the last time."""
    from cinemill.film import sound
    from cinemill.media import write
    from cinemill.media.cues import files
    from cinemill.media.cues.types import Cue, Transcript
    from cinemill.media.types import Audio
    from cinemill.operations import speaking

    assert narration.text
    options = speaking.NarrationOptions(
        voice=narration.voice or board.voice, language=board.language, speed=narration.speed
    )
    facts = [_FORM, __version__, narration.text, options.model_dump(mode="json")]
    words, recording = _kept(facts, ".json"), _kept(facts, ".flac")
    notes: list[str] = []
    if not (words.is_file() and recording.is_file()):
        told = speaking.narrate(narration.text, options)
        notes = [*told.notes]
        cue = Cue(0, round(len(told.samples) * 1000 / told.rate), (narration.text,), None, told.words)
        with TemporaryDirectory(prefix="cinemill-") as place:
            block = Audio(told.samples[None, :], told.rate, 0, "mono")
            deque(write.encode_sound([block], Path(place, "a.flac"), "flac", bits=24), maxlen=0)
            Path(place, "a.json").write_text(files.written(Transcript((cue,), told.language), "json"), "utf-8")
            _move(Path(place, "a.json"), words)
            _move(Path(place, "a.flac"), recording)
    seconds = sound.seconds_of(recording)
    return Speech(recording, seconds, cleaned(said_in(words), round(seconds * 1000))), notes


_FORM = 1
"""Of what is kept: another number has everything spoken anew."""
