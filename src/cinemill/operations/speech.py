"""What is spoken in a film -> recordings with the times of their words, found or made."""

from __future__ import annotations

from pathlib import Path

from cinemill.errors import MissingEngine
from cinemill.film.board import Narration, Storyboard
from cinemill.film.timeline import Said, Speech, cleaned


def spoken(narration: Narration, board: Storyboard, with_words: bool) -> tuple[Speech, list[str]]:
    """A narration's recording and, if asked for, its words; sentences about them. Raises MediaError, EngineError."""
    from cinemill.film import sound

    if narration.file is None:
        return _made(narration, board)
    seconds = sound.seconds_of(narration.file)
    words, notes = _words(narration, narration.file, board) if with_words else ((), [])
    return Speech(narration.file, seconds, cleaned(words, round(seconds * 1000))), notes


def _made(narration: Narration, board: Storyboard) -> tuple[Speech, list[str]]:
    raise MissingEngine("no voice is here yet to speak the narration; give it as a file.")


def _words(narration: Narration, file: Path, board: Storyboard) -> tuple[list[Said], list[str]]:
    if narration.words:
        return said_in(narration.words), []
    return [], [f"{file.name}: nobody told when its words are said, so it has no captions; name a file under words."]


def said_in(path: Path) -> list[Said]:
    """The words of a file of subtitles or words, in ms."""
    from cinemill.media.cues import files

    return [Said(word.text, word.start, word.end, word.space) for word in files.read(path).transcript.words()]
