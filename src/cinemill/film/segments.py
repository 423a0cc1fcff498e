"""The pieces that a film is made in: each scene alone and each transition, drawn picture by picture.

A piece is known by a digest of all that decides its pictures and by nothing else, not even its place in the film, so
that a piece whose scenes have not changed need not be made again.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from cinemill.film import clips, layers, lettering, paths, stills, transitions
from cinemill.film.board import KenBurns, Overlay, Scene, Storyboard
from cinemill.film.captions import Shown, look_of
from cinemill.film.layers import Layer
from cinemill.film.lettering import Lettering, State
from cinemill.film.stills import Planes, Still
from cinemill.film.timeline import Shot, Timeline, exact, shown_at
from cinemill.hardware import cores
from cinemill.kept import kept
from cinemill.media.colour import Colour
from cinemill.media.flow import ahead, parallel
from cinemill.media.identity import identify
from cinemill.media.types import Frame

COLOUR = Colour("bt709", "bt709", "bt709", "limited")
FORMAT = "yuv420p"
_FORM = 2
"""Of the pictures that this code makes: another number makes all pieces anew."""
_AHEAD = 8
"""Pictures whose material is found before they are drawn."""
_TOGETHER = 64
"""States of captions that are drawn in one go where a piece has no more."""
_reading = threading.Lock()
"""Held while a picture is read, so that nobody reads it a second time."""
Drawn = Callable[[], Planes]
"""Draws a picture. Planes that can be written into are the caller's."""


class Film:
    """A storyboard on its timeline, with what is written in it."""

    def __init__(self, board: Storyboard, line: Timeline, shown: Sequence[Shown], family: str) -> None:
        self.board, self.line, self.shown, self.family = board, line, shown, family
        self.width, self.height = board.pixels
        self._letters: dict[State, Layer | None] = {}

    def digest(self, first: int, stop: int, encoding: str) -> str:
        """What the pictures `first` to `stop` are known by, as `encoding` stores them."""
        facts = {
            "form": _FORM,
            "encoding": encoding,
            "board": self.board.model_dump(mode="json", include={"size", "rate", "background", "fit", "ken_burns"}),
            "shots": [self._known(shot, first) for shot in shown_at(self.line, first)],
            "length": stop - first,
            "captions": self._caption_facts(first, stop),
            "overlays": [self._known_overlay(each, first, stop) for each in self._overlays(first, stop)],
        }
        return hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=20).hexdigest()

    def frames(self, first: int, stop: int) -> Generator[Frame, None, None]:
        """The pictures `first` to `stop`, their pts counted from `first`."""
        # Ahead, since reading a picture, decoding a clip and lettering take their time now and then.
        work = ahead(zip(range(first, stop), self._base(first, stop), self._above(first, stop)), _AHEAD)

        def draw(item: tuple[int, Drawn, list[Layer]]) -> tuple[int, Planes]:
            number, base, above = item
            return number - first, layers.laid(base(), above)

        unit = 1 / self.line.rate
        with closing(work):
            for pts, planes in parallel(work, draw, cores()):
                yield Frame(planes, FORMAT, pts, unit, 1, COLOUR)

    def prepare(self, first: int) -> None:
        """Get the pictures ready that are shown from `first` on."""
        for shot in shown_at(self.line, first) if first < self.line.frames else []:
            scene = self.board.scenes[shot.scene]
            if scene.picture:
                self._still(scene, scene.picture, shot)

    def _known(self, shot: Shot, first: int) -> dict[str, Any]:
        scene = self.board.scenes[shot.scene]
        told = scene.model_dump(mode="json", exclude={"picture", "video", "name", "narration", "volume", "duration"})
        told["transition"] = [shot.transition, shot.overlap] if first < shot.start + shot.overlap else None
        shown = scene.picture or scene.video
        file = identify(shown).model_dump() if shown else None
        moves = self._moves(scene)
        turn = shot.still % len(paths.TURNS) if moves and moves.move == "auto" else 0
        # How long it lasts matters only to what moves through all of it.
        length = shot.frames if moves else 0
        family = self.family if scene.title else ""
        return {"scene": told, "file": file, "at": first - shot.start, "turn": turn, "of": length, "font": family}

    def _caption_facts(self, first: int, stop: int) -> list[Any]:
        own = [
            [each.first - first, each.stop - first, each.state.text, each.state.elapsed]
            for each in self._captions(first, stop)
        ]
        captions = self.board.captions
        return [captions.model_dump(mode="json", exclude={"words"}), self.family, own] if own and captions else []

    def _known_overlay(self, overlay: Overlay, first: int, stop: int) -> dict[str, Any]:
        told = overlay.model_dump(mode="json", exclude={"logo", "start", "end"})
        file = identify(overlay.logo).model_dump() if overlay.logo else None
        at = [first, self.line.frames] if overlay.progress else []
        begin, end = self._window(overlay)
        return {"overlay": told, "file": file, "at": at, "from": [max(begin, first) - first, min(end, stop) - first]}

    def _window(self, overlay: Overlay) -> tuple[int, int]:
        rate = self.line.rate
        end = self.line.frames if overlay.end is None else round(exact(overlay.end) * rate)
        return round(exact(overlay.start) * rate), end

    def _overlays(self, first: int, stop: int) -> list[Overlay]:
        windows = [(each, self._window(each)) for each in self.board.overlays]
        return [each for each, (begin, end) in windows if begin < stop and end > first]

    def _captions(self, first: int, stop: int) -> list[Shown]:
        return [
            Shown(max(each.first, first), min(each.stop, stop), each.state)
            for each in self.shown
            if each.first < stop and each.stop > first
        ]

    def _moves(self, scene: Scene) -> KenBurns | None:
        if scene.video:
            return scene.ken_burns
        return (scene.ken_burns or self.board.ken_burns) if scene.picture else None

    def _base(self, first: int, stop: int) -> Iterator[Drawn]:
        """What each picture shows, under all that lies over it."""
        shots = shown_at(self.line, first)
        runs = [self._scene(shot, first - shot.start, stop - shot.start) for shot in shots]
        if len(runs) == 1:
            yield from runs[0]
            return
        name, overlap, begin = shots[1].transition, shots[1].overlap, shots[1].start
        for number, (one, two) in enumerate(zip(*runs), first):
            share = (number - begin + 1) / (overlap + 1)
            yield _between(name, one, two, share)

    def _scene(self, shot: Shot, first: int, stop: int) -> Iterator[Drawn]:
        """The pictures `first` to `stop` of a scene, counted from its own beginning."""
        scene = self.board.scenes[shot.scene]
        over = self._title(scene)
        for base in self._shown(scene, shot, first, stop):
            yield _under(base, over) if over else base

    def _shown(self, scene: Scene, shot: Shot, first: int, stop: int) -> Iterator[Drawn]:
        fit = scene.fit or self.board.fit
        if scene.video:
            look = clips.Look(
                self.width,
                self.height,
                self.line.rate,
                fit,
                self.board.background,
                scene.focus,
                self._moves(scene),
                shot.still,
            )
            for planes in clips.pictures(scene, look, shot.frames, first, stop):
                yield _always(planes)
            return
        if scene.picture:
            still = self._still(scene, scene.picture, shot)
            for number in range(first, stop):
                yield _at(still, number / max(1, shot.frames - 1))
            return
        planes = stills.flat(scene.colour or self.board.background, self.width, self.height)
        for _ in range(first, stop):
            yield _always(planes)

    def _still(self, scene: Scene, picture: Path, shot: Shot) -> Still:
        moves = self._moves(scene)
        with _reading:
            return _still(
                picture,
                (self.width, self.height),
                scene.fit or self.board.fit,
                self.board.background,
                scene.focus,
                moves.model_dump_json() if moves else "",
                shot.still,
            )

    def _title(self, scene: Scene) -> list[Layer]:
        if not scene.title:
            return []
        return list(_sign(scene.title, scene.subtitle, self.family, self.width, self.height))

    def _above(self, first: int, stop: int) -> Iterator[list[Layer]]:
        """What lies over each picture."""
        fixed = [(self._window(each), self._sign_of(each)) for each in self._overlays(first, stop)]
        bars = [each for each in self._overlays(first, stop) if each.progress]
        captions = self._captions(first, stop)
        made = self._lettered(captions, first)
        for number in range(first, stop):
            above = [layer for (begin, end), found in fixed if begin <= number < end for layer in found]
            above += [self._bar(each, number) for each in bars if self._window(each)[0] <= number]
            above += next(made)
            yield above

    def _lettered(self, captions: list[Shown], number: int) -> Iterator[list[Layer]]:
        """The caption over each picture from `number` on, without end."""
        for each, layer in zip(captions, self._layers([each.state for each in captions])):
            yield from ([] for _ in range(each.first - number))
            yield from ([layer] if layer else [] for _ in range(each.stop - each.first))
            number = each.stop
        while True:
            yield []

    def _layers(self, states: list[State]) -> Iterator[Layer | None]:
        """What is drawn for each state. A few are drawn with those that follow: starting the program takes longer."""
        if not states or not self.board.captions:
            return
        look = look_of(self.board.captions, self.family, self.width, self.height)
        if len(states) > _TOGETHER:
            yield from lettering.drawn(states, look, self.width, self.height)
            return
        for state in states:
            if state not in self._letters:
                place = next(number for number, each in enumerate(self.shown) if each.state == state)
                group = [*dict.fromkeys(each.state for each in self.shown[place : place + _TOGETHER])]
                drawn = lettering.drawn(group, look, self.width, self.height)
                known = {old: self._letters[old] for old in states if old in self._letters}
                self._letters = {**known, **dict(zip(group, drawn))}
            yield self._letters.get(state)

    def _sign_of(self, overlay: Overlay) -> list[Layer]:
        """A logo or a text over the picture."""
        short = min(self.width, self.height)
        margin = round(overlay.margin * short)
        if overlay.logo:
            rgb, opacity = stills.read_rgb(overlay.logo)
            rgba = layers.of_picture(rgb, opacity, max(2, round((overlay.size or 0.12) * self.width)))
            place = overlay.position or "top-right"
            left, top = _corner(place, (rgba.shape[1], rgba.shape[0]), (self.width, self.height), margin)
            found = layers.of_rgba(rgba, left, top, overlay.opacity)
            return [found] if found else []
        if not overlay.text:
            return []
        look = Lettering(
            self.family if overlay.font is None else overlay.font,
            (overlay.size or 0.04) * short,
            overlay.colour,
            outline=0.003 * short,
            place=overlay.position or "bottom-left",
            margins=(margin, margin, margin),
        )
        states = [State(lettering.escaped(overlay.text))]
        found = next(iter(lettering.drawn(states, look, self.width, self.height, overlay.opacity)), None)
        return [found] if found else []

    def _bar(self, overlay: Overlay, number: int) -> Layer:
        height = max(2, round((overlay.size or 0.01) * min(self.width, self.height) / 2) * 2)
        length = round(self.width * (number + 1) / self.line.frames)
        rgba = np.empty((height, max(1, length), 4), np.uint8)
        rgba[:] = (*stills.rgb_of(overlay.colour), 255)
        top = 0 if (overlay.position or "bottom").startswith("top") else self.height - height
        layer = layers.of_rgba(rgba, 0, top, overlay.opacity)
        assert layer
        return layer


def _between(name: str, one: Drawn, two: Drawn, share: float) -> Drawn:
    return lambda: transitions.mixed(name, one(), two(), share)


def _under(base: Drawn, above: list[Layer]) -> Drawn:
    return lambda: layers.laid(base(), above)


def _always(planes: Planes) -> Drawn:
    for plane in planes:
        plane.flags.writeable = False
    return lambda: planes


def _at(still: Still, share: float) -> Drawn:
    return lambda: still.at(share)


@kept(3)
def _still(
    path: Path,
    size: tuple[int, int],
    fit: Any,
    background: str,
    focus: tuple[float, float],
    moves: str,
    turn: int,
) -> Still:
    """A picture ready for its camera; kept, since a scene and its transitions ask for it in turn."""
    width, height = size
    camera = KenBurns.model_validate_json(moves) if moves else None
    rgb, opacity = stills.read_rgb(path)
    aspect = width / height
    shrink = _spare(rgb, aspect, width, camera)
    if shrink > 1:
        rgb, opacity = stills.smaller(rgb, shrink), None if opacity is None else stills.smaller(opacity, shrink)
    canvas = stills.framed(rgb, opacity, fit, aspect, background)
    way = paths.path(camera, canvas.shape[1], canvas.shape[0], aspect, focus, turn)
    return Still(canvas, way, width, height)


def _spare(rgb: Any, aspect: float, width: int, moves: KenBurns | None) -> int:
    """How much smaller a picture may be made, by averaging, before anyone could see it."""
    way = paths.path(moves, rgb.shape[1], rgb.shape[0], aspect, (0.5, 0.5), 0)
    nearest = min(way.start.width, way.end.width, way.start.width / (moves.zoom if moves else 1)) / width
    return max(1, int(nearest // 3))


@lru_cache(maxsize=8)
def _sign(title: str, subtitle: str | None, family: str, width: int, height: int) -> tuple[Layer, ...]:
    """A title, and what stands under it, in the middle of the picture."""
    short = min(width, height)
    look = Lettering(
        family, 0.12 * short, bold=True, outline=0.004 * short, shadow=0.004 * short, place="middle",
        margins=(round(0.08 * width), round(0.08 * width), 0),
    )  # fmt: skip
    text = lettering.escaped(title)
    if subtitle:
        text += f"\\N{{\\b0\\fs{0.055 * short:.1f}}}" + lettering.escaped(subtitle)
    return tuple(layer for layer in lettering.drawn([State(text)], look, width, height) if layer)


def _corner(place: str, size: tuple[int, int], room: tuple[int, int], margin: int) -> tuple[int, int]:
    """Left and top of something of `size` at one of nine places."""
    ends = {"left": margin, "right": room[0] - size[0] - margin}
    left = next((at for side, at in ends.items() if side in place), (room[0] - size[0]) // 2)
    ends = {"top": margin, "bottom": room[1] - size[1] - margin}
    return left, next((at for side, at in ends.items() if side in place), (room[1] - size[1]) // 2)
