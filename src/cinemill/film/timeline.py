"""When everything is shown and heard: a storyboard and the lengths of its files -> `Timeline`. Pure.

Scenes are whole numbers of pictures, each counted by itself, so that a longer scene moves the later ones and changes
nothing in them. Two scenes overlap while a transition lasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from cinemill.errors import InvalidParams
from cinemill.film.board import Narration, Scene, Storyboard, Transition, TransitionName

STILL_SECONDS = 4
"""How long a picture is shown when nothing says."""
_LEAST = 1
"""Pictures that each scene shows alone, between its transitions."""


class Said(NamedTuple):
    """A word of the narration: text, start and end in ms, and whether a blank stands before it."""

    text: str
    start: int
    end: int
    space: bool = True


@dataclass(frozen=True)
class Speech:
    """A recording, whether it was found or made: `seconds` long, its words in ms from its beginning."""

    file: Path
    seconds: Fraction
    words: tuple[Said, ...] = ()


class Shot(BaseModel):
    """A scene on the clock: from picture `start` for `frames` pictures.

    `transition` leads into it while `overlap` pictures are shared with the scene before; `still` its place among
    scenes that a camera moves over, for those that take turns.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    scene: int
    start: int
    frames: int
    transition: TransitionName = "cut"
    overlap: int = 0
    still: int = 0

    @property
    def stop(self) -> int:
        return self.start + self.frames


class Sounding(BaseModel):
    """A recording that is heard from `start` seconds on; `skip` seconds of it are left out, `seconds` are heard."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    file: Path
    start: float
    volume: float = 1.0
    skip: float = 0.0
    seconds: float | None = None
    speed: float = 1.0
    fade_in: float = 0.0
    fade_out: float = 0.0
    speech: bool = False


class Timeline(BaseModel):
    """The whole film: `frames` pictures at `rate`, its shots in order, what is heard, and words in ms of the film."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    rate: Fraction
    frames: int
    shots: tuple[Shot, ...]
    sounds: tuple[Sounding, ...] = ()
    words: tuple[Said, ...] = ()

    @property
    def seconds(self) -> float:
        return float(self.frames / self.rate)


def timeline(
    board: Storyboard,
    videos: dict[int, Fraction],
    spoken: dict[int, Speech],
    over: Speech | None = None,
    heard: frozenset[int] = frozenset(),
) -> Timeline:
    """`videos`: seconds of each scene's clip as it is cut and sped up; `spoken`: its narration; `over`: what is spoken
    over all; `heard`: scenes whose clip has sound of its own. Raises InvalidParams."""
    rate = board.rate
    overlaps = _overlaps(board)
    lengths = _lengths(board, videos, spoken, over, overlaps)
    shots: list[Shot] = []
    for index, (scene, frames) in enumerate(zip(board.scenes, lengths)):
        overlap = overlaps[index]
        room = min(frames, shots[-1].frames - shots[-1].overlap if shots else 0) - _LEAST
        overlap = max(0, min(overlap, room))
        name = transition_of(board, scene).name if overlap else "cut"
        start = shots[-1].stop - overlap if shots else 0
        shots.append(Shot(scene=index, start=start, frames=frames, transition=name, overlap=overlap, still=len(shots)))
    total = shots[-1].stop
    sounds = [*_clips(board, shots, heard), *_speeches(board, shots, spoken, over)]
    return Timeline(
        rate=rate, frames=total, shots=tuple(shots), sounds=tuple(sounds), words=_words(board, shots, spoken, over)
    )


def exact(seconds: float) -> Fraction:
    """A number of seconds as people wrote it: 0.4 is two fifths."""
    return Fraction(str(seconds))


def transition_of(board: Storyboard, scene: Scene) -> Transition:
    """How a scene follows the one before it."""
    return scene.transition or board.transition


def called(board: Storyboard, index: int) -> str:
    """A scene's name for people."""
    scene = board.scenes[index]
    shown = scene.picture or scene.video
    name = scene.name or scene.title or (shown.name if shown else scene.colour)
    return f"scene {index + 1} ({name})"


def _overlaps(board: Storyboard) -> list[int]:
    """Pictures shared with the scene before, as asked for."""
    asked = [transition_of(board, scene) for scene in board.scenes]
    found = [0 if each.name == "cut" else round(exact(each.seconds) * board.rate) for each in asked]
    return [0, *found[1:]]


def _lengths(
    board: Storyboard,
    videos: dict[int, Fraction],
    spoken: dict[int, Speech],
    over: Speech | None,
    overlaps: list[int],
) -> list[int]:
    """Pictures of each scene."""
    lengths: list[int | None] = []
    for index, scene in enumerate(board.scenes):
        lengths.append(_own_length(board, scene, videos.get(index), spoken.get(index), _next(overlaps, index)))
    if over and board.narration:
        _share(board, lengths, over, board.narration, overlaps)
    still = round(STILL_SECONDS * board.rate)
    found = [max(1, still if length is None else length) for length in lengths]
    for index, scene in enumerate(board.scenes):
        if scene.duration and round(exact(scene.duration) * board.rate) < 1:
            lasts = f"{called(board, index)} lasts {scene.duration:g} s"
            raise InvalidParams(f"{lasts}, less than one picture at {float(board.rate):.6g} fps.")
    return found


def _next(overlaps: list[int], index: int) -> int:
    return overlaps[index + 1] if index + 1 < len(overlaps) else 0


def _own_length(
    board: Storyboard, scene: Scene, video: Fraction | None, speech: Speech | None, overlap: int
) -> int | None:
    """What a scene asks for itself. Speech ends, with half of the pause, before the next scene comes in."""
    if scene.duration is not None:
        return round(exact(scene.duration) * board.rate)
    if speech:
        delay = exact(scene.narration.delay if scene.narration else 0)
        return ceil((speech.seconds + delay + exact(board.pause)) * board.rate) + overlap
    return round(video * board.rate) if video is not None else None


def _share(
    board: Storyboard, lengths: list[int | None], over: Speech, narration: Narration, overlaps: Sequence[int]
) -> None:
    """Give scenes without a length equal shares of what the narration needs."""
    needed = ceil((over.seconds + exact(narration.delay) + exact(board.pause)) * board.rate)
    open_ = [index for index, length in enumerate(lengths) if length is None]
    if not open_:
        return
    shown = sum(filter(None, lengths)) - sum(overlaps)
    rest = max(needed - shown, len(open_))
    for place, index in enumerate(open_):
        share = rest * (place + 1) // len(open_) - rest * place // len(open_)
        lengths[index] = max(share, overlaps[index] + _next(list(overlaps), index) + _LEAST)


def _clips(board: Storyboard, shots: Sequence[Shot], heard: frozenset[int]) -> list[Sounding]:
    """The sound of videos, faded over transitions and against clicks."""
    found: list[Sounding] = []
    rate = board.rate
    for shot, after in zip(shots, [*shots[1:], None]):
        scene = board.scenes[shot.scene]
        if shot.scene in heard and scene.video and scene.volume:
            found.append(
                Sounding(
                    file=scene.video,
                    start=float(shot.start / rate),
                    volume=scene.volume,
                    skip=scene.start,
                    seconds=float(shot.frames / rate),
                    speed=scene.speed,
                    fade_in=max(0.01, float(shot.overlap / rate)),
                    fade_out=max(0.01, float((after.overlap if after else 0) / rate)),
                )
            )
    return found


def _speeches(
    board: Storyboard, shots: Sequence[Shot], spoken: dict[int, Speech], over: Speech | None
) -> list[Sounding]:
    placed = [(begin, speech, narration.volume) for begin, speech, narration in _placed(board, shots, spoken, over)]
    return [
        Sounding(file=speech.file, start=begin, volume=volume, seconds=float(speech.seconds), speech=True)
        for begin, speech, volume in placed
    ]


def _placed(
    board: Storyboard, shots: Sequence[Shot], spoken: dict[int, Speech], over: Speech | None
) -> list[tuple[float, Speech, Narration]]:
    """Each speech with when it begins, in seconds: half of the pause after its scene."""
    found: list[tuple[float, Speech, Narration]] = []
    for shot in shots:
        narration, speech = board.scenes[shot.scene].narration, spoken.get(shot.scene)
        if narration and speech:
            found.append((_begin(board, shot.start, narration), speech, narration))
    if over and board.narration:
        found.append((_begin(board, 0, board.narration), over, board.narration))
    return found


def _begin(board: Storyboard, frame: int, narration: Narration) -> float:
    return float(frame / board.rate) + narration.delay + board.pause / 2


def _words(
    board: Storyboard, shots: Sequence[Shot], spoken: dict[int, Speech], over: Speech | None
) -> tuple[Said, ...]:
    end = round(shots[-1].stop * 1000 / board.rate)
    found: list[Said] = []
    for begin, speech, _ in _placed(board, shots, spoken, over):
        ms = round(begin * 1000)
        found += [word._replace(start=word.start + ms, end=word.end + ms) for word in speech.words]
    return cleaned(found, end)


def cleaned(words: Sequence[Said], end: int) -> tuple[Said, ...]:
    """Words in order within the film, none empty, none before the one ahead of it has ended, each at least 1 ms."""
    kept = sorted((word for word in words if word.text.strip() and word.start < end), key=lambda word: word.start)
    made = [word._replace(text=word.text.strip(), end=min(max(word.end, word.start + 1), end)) for word in kept]
    ahead = [*made[1:], None]
    return tuple(
        word._replace(end=max(word.start + 1, min(word.end, after.start))) if after else word
        for word, after in zip(made, ahead)
        if after is None or after.start > word.start
    )


def edges(line: Timeline) -> list[tuple[int, int]]:
    """Where the film is cut: each shot alone, and each transition, as pictures [first, second)."""
    cuts = {0, line.frames}
    for shot in line.shots[1:]:
        cuts |= {shot.start, shot.start + shot.overlap}
    return list(pairwise(sorted(cut for cut in cuts if cut <= line.frames)))


def shown_at(line: Timeline, frame: int) -> list[Shot]:
    """The shots that are seen at a picture: one, or two while a transition lasts."""
    return [shot for shot in line.shots if shot.start <= frame < shot.stop]
