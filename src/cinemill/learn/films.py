"""Films and pictures of the user -> examples to learn from, and others that are held back, by scene.

Material is good films that are damaged here by a chain of filters, or pairs: folders `input` and `target` in which
files of one name show the same before and after. From long films short stretches are taken, all over. What a task sees
is what its filter will see: neighbours moved by the same search, noise measured the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from cinemill.catalogue import presets
from cinemill.errors import CinemillError, InvalidParams, OpenFailed
from cinemill.filters import Chain, text
from cinemill.filters.along_motion import View
from cinemill.filters.denoise_learned import seen
from cinemill.hardware import cores
from cinemill.learn.tasks import lacking, linked
from cinemill.measure.motion import Motion, Still, is_other_scene
from cinemill.measure.trails import Trails
from cinemill.media import lavfi, read, suffixes
from cinemill.media.rgb import to_rgb
from cinemill.media.types import Frame

Floats = NDArray[Any]
"""float32"""
INPUT, TARGET = "input", "target"
"""The two folders of pairs."""
_STRETCH: Final = 8
"""Pictures that are read in one place of a film."""
_HELD: Final = 5
"""One of so many scenes is held back."""
_SHOWN: Final = 256
"""Sides at most of what is held back, in pixels; its middle is taken."""
_LEAST: Final = 32
"""Sides of a picture at least."""
_ON_PICTURES: Final = ("simulate.tape", "simulate.film", "simulate.digital")
"""Damage that keeps the number and the size of pictures."""
_HANDED: Final = ("denoise", "restore")
"""Tasks whose damage may have a left and a right."""
_ALIKE: Final = 0.6
"""Correlation of pictures seen from afar below which they count as of two scenes."""
_MEMORY: Final = 2**30
"""Bytes that examples may take."""


@dataclass(frozen=True, eq=False)
class Stretch:
    """Successive pictures as they are given and as they should be, of a file."""

    name: str
    given: Sequence[Frame]
    wanted: Sequence[Frame]


@dataclass(frozen=True, eq=False)
class Item:
    """A whole picture to learn from: (channels, H, W) uint8 that is given, and that should come out, which may be
    larger. `told`: one more channel that is given, all of one value from 0 to 1. `plane`: 0 is luma, or all colours.
    """

    scene: int
    given: NDArray[np.uint8]
    wanted: NDArray[np.uint8]
    told: float | None = None
    plane: int = 0

    def example(self, top: int, left: int, height: int, width: int) -> tuple[Floats, Floats]:
        """The part of it at a place of what is given, from 0 to 1."""
        part = _floats(self.given[:, top : top + height, left : left + width])
        if self.told is not None:
            part = np.concatenate([part, np.full_like(part[:1], self.told)])
        down, across = (self.wanted.shape[axis] // self.given.shape[axis] for axis in (1, 2))
        rows, columns = slice(top * down, (top + height) * down), slice(left * across, (left + width) * across)
        return part, _floats(self.wanted[:, rows, columns])


def _floats(values: NDArray[np.uint8]) -> Floats:
    return values.astype(np.float32) * np.float32(1 / 255)


@dataclass(frozen=True)
class Material:
    """Items to learn from, and those that are held back; sentences about what was left out.

    `mirrored`: whether what is learned is the same in a mirror. Tapes ring and shift colour to the right.
    """

    learned: Sequence[Item]
    held: Sequence[Item]
    remarks: Sequence[str]
    mirrored: bool = True

    def examples(self) -> list[tuple[Floats, Floats]]:
        """The middles of the items that are held back."""
        return [item.example(*_middle(item)) for item in self.held]

    def batch(self, rng: Generator, count: int, crop: int, paired: bool) -> tuple[Floats, Floats]:
        """Examples by chance, of larger pictures more; mirrored half of the time if they may be; `paired` ones are
        successive two by two.
        """
        made: list[tuple[Floats, Floats]] = []
        while len(made) < count:
            at = int(np.searchsorted(self._sides, rng.random() * self._sides[-1], "right"))
            item = self.learned[at]
            group = [item, self._after(at)] if paired else [item]
            made += _parts(rng, group, crop, self.mirrored)
        given, wanted = zip(*made[:count])
        return np.stack(given), np.stack(wanted)

    def _after(self, at: int) -> Item:
        """What follows an item in its scene, in the same plane; itself at the end."""
        item = self.learned[at]
        near = self.learned[at + 1 : at + 4]
        return next((one for one in near if (one.scene, one.plane) == (item.scene, item.plane)), item)

    @cached_property
    def _sides(self) -> NDArray[Any]:
        """The sides of each item and of all before it: luma, which matters more, is taken as often as both colours."""
        return np.cumsum([item.wanted[0].size ** 0.5 for item in self.learned])


def _parts(rng: Generator, group: Sequence[Item], crop: int, mirrored: bool) -> list[tuple[Floats, Floats]]:
    high, wide = group[0].given.shape[1:]
    height, width = crop, crop
    if group[0].wanted.shape[1] > high:  # what comes out is as large as `crop`
        height = width = crop // 2
    top, left = (4 * int(rng.integers((length - side) // 4 + 1)) for length, side in ((high, height), (wide, width)))
    mirrored = mirrored and rng.random() < 0.5
    parts = [item.example(top, left, height, width) for item in group]
    return [(given[..., ::-1], wanted[..., ::-1]) for given, wanted in parts] if mirrored else parts


def _middle(item: Item) -> tuple[int, int, int, int]:
    """top, left, height and width: multiples of four."""
    height, width = (min(_SHOWN, side) // 4 * 4 for side in item.given.shape[1:])
    top, left = ((side - taken) // 2 // 4 * 4 for side, taken in zip(item.given.shape[1:], (height, width)))
    return top, left, height, width


def good(files: Sequence[Path], damage: str, pictures: int) -> Iterator[Stretch]:
    """Stretches of good films, as they are and as `damage`, a chain of filters or a preset's name, leaves them.

    Raises RequestError for a chain that cannot be, OpenFailed for files that are not films.
    """
    chain = damaging(damage) if damage else None
    for path in files:
        for wanted in _stretches(path, -(-pictures // len(files))):
            given = list(chain.run(wanted, cores())) if chain else wanted
            if _shapes(given) != _shapes(wanted):
                raise InvalidParams(
                    f"--damage {damage}: of {len(wanted)} pictures {_shape(wanted)} it makes {len(given)} "
                    f"{_shape(given)}; a damage keeps their number and size."
                )
            yield Stretch(path.name, given, wanted)


def damaging(damage: str) -> Chain:
    """The chain that damages: as it is written, or by the name of a preset of degrade what that does to a picture."""
    known = {one.name: one for one in presets().values() if one.operation == "degrade"}
    if damage not in known:
        return text.chain(damage)
    steps = text.chain(str(known[damage].params["chain"])).steps
    return Chain(tuple(step for step in steps if step.filter.name in _ON_PICTURES))


def pairs(folder: Path, pictures: int, scale: int, skipped: list[str]) -> Iterator[Stretch]:
    """What lies in `input` and `target` below a folder under the same name; what does not fit is named in `skipped`.

    `scale`: how many times larger the target is. Raises InvalidParams when there are no two folders, or nothing in
    them belongs together.
    """
    found = [_files(folder / name) for name in (INPUT, TARGET)]
    both = sorted(found[0].keys() & found[1].keys())
    for name in sorted(found[0].keys() ^ found[1].keys()):
        skipped.append(f"{name} has no counterpart")
    if not both:
        raise InvalidParams(f"{folder}: no file of {INPUT} has a file of the same name in {TARGET}.")
    each = -(-pictures // len(both))
    for name in both:
        try:
            given, wanted = (list(_stretches(files[name], each)) for files in found)
        except CinemillError as error:
            skipped.append(f"{name} cannot be read: {error.sentence}")
            continue
        for one, other in zip(given, wanted):
            if (why := _unlike(one, other, scale)) is not None:
                skipped.append(f"{name}: {why}")
                break
            yield Stretch(name, one, other)


def _files(folder: Path) -> dict[str, Path]:
    """By name without suffix."""
    if not folder.is_dir():
        raise InvalidParams(
            f"{folder} is no folder; pairs lie in two, {INPUT} and {TARGET}, under the same names in both."
        )
    return {path.stem: path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")}


def _unlike(given: Sequence[Frame], wanted: Sequence[Frame], scale: int) -> str | None:
    """Why two stretches do not belong together."""
    size = (given[0].width * scale, given[0].height * scale)
    if size != (wanted[0].width, wanted[0].height):
        times = f", {scale} times as large" if scale > 1 else ""
        return f"{_shape(given)} and {_shape(wanted)} do not fit{times}"
    return None if len(given) == len(wanted) else f"{len(given)} pictures and {len(wanted)}"


def _shapes(frames: Sequence[Frame]) -> list[tuple[int, int]]:
    return [(frame.width, frame.height) for frame in frames]


def _shape(frames: Sequence[Frame]) -> str:
    return f"of {frames[0].width}x{frames[0].height}" if frames else "of no size"


def _stretches(path: Path, pictures: int) -> Iterator[list[Frame]]:
    """Short stretches all over a film, some `pictures` in all; a picture is one of length 1."""
    if path.suffix.lower() in suffixes.PICTURE:
        yield [_large_enough(_plain(_picture(path)), path)]
        return
    info = read.probe(path)
    pts = read.index(info).pts
    length = min(_STRETCH, len(pts))
    count = max(1, min(pictures // length, len(pts) // length))
    index = read.index(info)
    for number in range(count):
        at = (len(pts) - length) * (2 * number + 1) // (2 * count)
        stop = pts[at + length] if at + length < len(pts) else None
        frames = [_plain(frame) for frame in read.frames(info, start=pts[at], stop=stop, index=index)]
        if not frames:
            continue
        if frames[0].field_order != "progressive":
            raise InvalidParams(f"{path} is interlaced; deinterlace it first, as `cinemill process` does.")
        _large_enough(frames[0], path)
        yield frames


def _large_enough(frame: Frame, path: Path) -> Frame:
    if min(frame.width, frame.height) < _LEAST:
        raise InvalidParams(f"{path} is {_shape([frame])[3:]}; sides of {_LEAST} pixels are the least.")
    return frame


def _picture(path: Path) -> Frame:
    """A still picture. Raises OpenFailed."""
    there = path.is_file() and path.stat().st_size
    values = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR) if there else None
    if values is None:
        raise OpenFailed(f"{path} is not a picture that can be read.")
    return Frame((cv2.cvtColor(values, cv2.COLOR_BGR2RGB),), "rgb24", 0, Fraction(1, 25))


def painted(path: Path) -> Floats:
    """A still picture as (3, H, W) from 0 to 1, of at most `_SHOWN` times `_SHOWN` pixels. Raises OpenFailed."""
    values = _large_enough(_picture(path), path).planes[0]
    smaller = (_SHOWN**2 / (values.shape[0] * values.shape[1])) ** 0.5
    if smaller < 1:
        values = cv2.resize(values, None, fx=smaller, fy=smaller, interpolation=cv2.INTER_AREA)
    return _floats(np.asarray(values.transpose(2, 0, 1), np.uint8))


def _plain(frame: Frame) -> Frame:
    """In 8 bits; what is RGB or packed becomes planes without loss of colour resolution."""
    layout = frame.layout
    if layout.family == "yuv" and layout.bits == 8:
        return frame
    return next(iter(lavfi.converted([frame], "yuv444p")))


Viewed = Callable[[Stretch], Iterator[Any]]
"""Of each picture of a stretch what is given and what should come out; then what is told, and of which plane it is."""


def _followed(stretch: Stretch) -> Iterator[Any]:
    clip = np.stack([frame.planes[0] for frame in stretch.wanted])
    clip = clip[: len(clip) // 2 * 2, : clip.shape[1] // 2 * 2]
    links = linked(clip, range(len(clip) // 2))
    for at in range(2, len(clip) - 2):
        wanted = lacking(clip, at)
        given = View(links, at).seen()[:, : wanted.shape[1], : wanted.shape[2]]
        yield np.rint(255 * given).astype(np.uint8), wanted


def _doubled(stretch: Stretch) -> Iterator[Any]:
    for small, large in zip(stretch.given, stretch.wanted):
        wanted = large.planes[0]
        wanted = wanted[: wanted.shape[0] // 2 * 2, : wanted.shape[1] // 2 * 2]
        height, width = (side // 2 for side in wanted.shape)
        given = small.planes[0]
        if given.shape == large.planes[0].shape:  # a good film, which is made smaller here
            given = np.rint(given[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean((1, 3)))
        yield given[None].astype(np.uint8), wanted[None]


def _steadied(stretch: Stretch) -> Iterator[Any]:
    stills = [Still(frame.planes, 8) for frame in stretch.given]
    trails = Trails()
    for at, frame in enumerate(stretch.wanted):
        for number, (before, here, after, noise) in enumerate(seen(trails, stills, at)):
            wanted = frame.planes[number]
            if min(wanted.shape) < _LEAST or np.ptp(wanted) < 8:  # of grey pictures, colour
                continue
            # A picture alone has nothing to be compared with but the truth.
            sigma = noise if len(stills) > 1 else float(np.std(here - wanted))
            given = np.clip(np.rint(np.stack([before, here, after])), 0, 255).astype(np.uint8)
            yield given, wanted[None], sigma / 255, number


def _coloured(stretch: Stretch) -> Iterator[Any]:
    for given, wanted in zip(stretch.given, stretch.wanted):
        yield _rgb(given), _rgb(wanted)


def _rgb(frame: Frame) -> NDArray[np.uint8]:
    return np.rint(np.clip(to_rgb(frame), 0, 1) * 255).astype(np.uint8)


VIEWS: Final[dict[str, Viewed]] = {
    "deinterlace": _followed,
    "upscale": _doubled,
    "denoise": _steadied,
    "restore": _coloured,
    "imitate": _coloured,
    "style": _coloured,
}


def gathered(stretches: Iterator[Stretch], task: str, crop: int, skipped: list[str]) -> Material:
    """What a task learns from stretches, one scene of five held back. Raises InvalidParams when there is too little."""
    scenes = _Scenes()
    items: list[Item] = []
    taken = small = 0
    for stretch in stretches:
        scene = scenes.of(stretch)
        if scene is None:
            continue
        for given, wanted, *told in VIEWS[task](stretch):
            needed = crop // 2 if wanted.shape[1] > given.shape[1] else crop
            if min(given.shape[1:]) < needed:
                small += 1
                continue
            taken += given.nbytes + wanted.nbytes
            items.append(Item(scene, given, wanted, *told))
        if taken > _MEMORY:
            skipped.append(f"what follows {stretch.name}: {_MEMORY >> 20} MiB of pictures are full")
            break
    if not items and small:
        raise InvalidParams(
            f"no picture is as large as the part that is looked at, {crop} pixels; take a smaller crop."
        )
    remarks = [f"left out: {reason.removesuffix('.')}." for reason in skipped]
    return replace(_split(items, remarks), mirrored=task not in _HANDED)


def _split(items: Sequence[Item], remarks: list[str]) -> Material:
    if len(items) < 2:
        found = "one pair" if items else "nothing"
        why = f" {' '.join(remarks)}" if remarks else ""
        raise InvalidParams(
            f"there is {found} to learn from; it takes some pictures to learn, and others to tell whether it did.{why}"
        )
    scenes = sorted({item.scene for item in items})
    if len(scenes) > 1:
        apart = {scene for place, scene in enumerate(scenes) if place % _HELD == min(_HELD // 2, len(scenes) - 1)}
        held = [item for item in items if item.scene in apart]
        learned = [item for item in items if item.scene not in apart]
    else:
        remarks.append("all pictures are of one scene; what is held back resembles what is learned from.")
        kept = max(1, len(items) // _HELD)
        learned, held = items[:-kept], items[-kept:]
    return Material(learned, _some(held), remarks)


def _some(held: Sequence[Item], most: int = 12) -> list[Item]:
    """A few of them, from all over: they are looked at often."""
    return [held[(2 * n + 1) * len(held) // (2 * min(most, len(held)))] for n in range(min(most, len(held)))]


class _Scenes:
    """Numbers scenes: a stretch that shows what the one before showed is of the same; one with a cut in it, of none."""

    def __init__(self) -> None:
        self._last: Still | None = None
        self._motion = Motion()
        self._count = -1

    def of(self, stretch: Stretch) -> int | None:
        first, last = (Still(frame.planes, 8) for frame in (stretch.wanted[0], stretch.wanted[-1]))
        before, self._last = self._last, last
        if before is None or before.guide.shape != first.guide.shape or self._is_cut(before, first):
            self._count += 1
        if len(stretch.wanted) > 1 and self._is_cut(first, last):
            self._last = None
            return None
        return self._count

    def _is_cut(self, before: Still, first: Still) -> bool:
        if _likeness(before, first) < _ALIKE:
            return True
        flow = self._motion.flow(before.guide, first.guide)
        return is_other_scene(before.guide, first.guide, flow)


def _likeness(one: Still, other: Still) -> float:
    """The correlation of two pictures seen from afar."""
    small = [cv2.resize(each.guide, (16, 12), interpolation=cv2.INTER_AREA).ravel() for each in (one, other)]
    if any(each.std() <= 1 for each in small):
        return 1.0
    found: Any = np.corrcoef(np.stack(small))
    return float(found[0, 1])
