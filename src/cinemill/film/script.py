"""A text and a folder of pictures -> a first storyboard, to be changed by hand.

A paragraph is a scene, and its text is spoken; a line that begins with # is a title. Pictures and clips take turns in
the order of their names. Where there are more of them than paragraphs, paragraphs are parted at the ends of sentences.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

from cinemill.errors import InvalidParams, OpenFailed
from cinemill.film.board import Captions, KenBurns, Music, Narration, Scene, Storyboard, Transition
from cinemill.media import suffixes
from cinemill.media.cues.grammar import ends_sentence

_COLOURS = ("#1f3044", "#3c2a4d", "#1d4037", "#4d3a22")


def storyboard(text: str, folder: Path | None) -> Storyboard:
    """The first storyboard of a text. Raises OpenFailed, InvalidParams for a text without words."""
    blocks = [block for block in (_tidy(each) for each in re.split(r"\n\s*\n", text)) if block]
    if not any(any(char.isalnum() for char in block) for block in blocks):
        raise InvalidParams("the text holds no words to make a film of.")
    shown = _shown(folder) if folder else []
    scenes: list[Scene] = []
    given = cycle(shown)
    for number, block in enumerate(_parted(blocks, len(shown))):
        if block.startswith("#"):
            colour = _COLOURS[number % len(_COLOURS)]
            scenes.append(Scene(title=block.lstrip("# "), colour=colour, duration=3.0))
        else:
            scenes.append(_scene(next(given, None), block, number))
    return Storyboard(
        scenes=tuple(scenes),
        ken_burns=KenBurns(),
        transition=Transition(name="fade"),
        captions=Captions(style="highlight"),
        music=_music(folder) if folder else None,
    )


def _tidy(block: str) -> str:
    return " ".join(block.split())


def _scene(shown: Path | None, text: str, number: int) -> Scene:
    narration = Narration(text=text)
    if shown is None:
        return Scene(colour=_COLOURS[number % len(_COLOURS)], narration=narration)
    if shown.suffix.lower() in suffixes.VIDEO:
        return Scene(video=shown, volume=0.0, narration=narration)
    return Scene(picture=shown, narration=narration)


def _shown(folder: Path) -> list[Path]:
    """The pictures and videos of a folder by name. Raises OpenFailed."""
    if not folder.is_dir():
        raise OpenFailed(f"{folder} is no folder of pictures.")
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    found = [path.resolve() for path in files if path.suffix.lower() in suffixes.PICTURE | suffixes.VIDEO]
    if not found:
        raise OpenFailed(f"{folder} holds no pictures and no videos.")
    return found


def _music(folder: Path) -> Music | None:
    """The one sound file of the folder, if there is one only."""
    sounds = [path for path in folder.iterdir() if path.suffix.lower() in suffixes.SOUND]
    return Music(file=sounds[0].resolve()) if len(sounds) == 1 else None


def _parted(blocks: Sequence[str], wanted: int) -> list[str]:
    """The paragraphs, the longest parted between sentences until there are enough, or none can be parted."""
    found = list(blocks)
    while sum(not block.startswith("#") for block in found) < wanted:
        longest = max((b for b in found if not b.startswith("#") and len(_sentences(b)) > 1), key=len, default=None)
        if longest is None:
            break
        sentences = _sentences(longest)
        half = len(sentences) // 2
        at = found.index(longest)
        found[at : at + 1] = [" ".join(sentences[:half]), " ".join(sentences[half:])]
    return found


def _sentences(text: str) -> list[str]:
    found: list[str] = []
    words: list[str] = []
    for word in text.split():
        words.append(word)
        if ends_sentence(word):
            found.append(" ".join(words))
            words = []
    return [*found, " ".join(words)] if words else found
