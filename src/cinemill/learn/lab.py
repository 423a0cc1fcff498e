"""A lab: settings against each other on the user's own pictures, what people chose, and the pairs that they approved.

A folder holds it all. `items.jsonl` has a line for each comparison: a moment of a film, as it is and as two chains of
filters make it, which of them lies on the left, and what was measured. `choices.jsonl` has a line for each choice, with
the settings that made both. `pairs` has what was approved, as `films.pairs` reads it, to learn from. Lines are only
ever added.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Final, Literal, cast

import cv2
import numpy as np

from cinemill.errors import InvalidParams, OpenFailed, OutputRefused
from cinemill.filters import Chain, text
from cinemill.learn.films import INPUT, TARGET
from cinemill.measure import metrics, moments, sheet
from cinemill.media import read
from cinemill.media.types import Frame

Choice = Literal["a", "b", "same"]
WORDS: Final = ("left", "right", "same", "a", "b")
"""What may be chosen: by place on the sheet, or by the order in which settings were given."""
REFERENCE: Final = "reference"
"""What may be approved besides, where a reference was given: its picture."""
_LINES: Final = 720
"""How high the pictures of a sheet are at most."""
_AROUND: Final = 3
"""Pictures that are made on either side of the one that is shown, at least, for what has a memory."""
_PRIOR: Final = 0.5
"""Wins and losses that every setting is taken to have besides its own, so that one choice is no proof."""


@dataclass(frozen=True)
class Item:
    """A comparison. `a` and `b` are chains; an empty one is the film as it is. `swapped`: `b` lies on the left.

    `figures`: by side what was measured against the film as it is, or against the reference.
    """

    number: int
    film: str
    time: float
    a: str
    b: str
    swapped: bool
    figures: dict[str, dict[str, float]]

    def side(self, word: str) -> Choice:
        """What a word for a place means. Raises InvalidParams."""
        if word not in WORDS:
            raise InvalidParams(f"{word!r} is refused: choose {', '.join(WORDS)}.")
        placed = {"left": "b" if self.swapped else "a", "right": "a" if self.swapped else "b"}
        return cast(Choice, placed.get(word, word))


def compare(
    folder: Path, film: Path, chains: Sequence[str], count: int = 3, reference: Path | None = None, seed: int = 0
) -> Iterator[Item]:
    """Make `count` moments of a film by each of the chains, and a sheet for every two of them.

    Raises RequestError for chains that cannot be, OutputRefused for a folder with other things in it.
    """
    if len(set(chains)) < 2:
        raise InvalidParams("give two settings at least, that differ.")
    made = [text.chain(written) for written in chains]
    _prepare(folder)
    for at in moments.spread(film, count):
        stretch, shown = _stretch(film, float(at), made)
        true = _shown_at(_stretch(reference, float(at), made)[0], shown) if reference else None
        pictures = [_made(chain, stretch, shown) for chain in made]
        figures = [_measured(true or shown, picture) for picture in pictures]
        for one, other in combinations(range(len(chains)), 2):
            number = len(items(folder))
            item = Item(
                number,
                str(film.resolve()),
                shown.time,
                str(made[one]),
                str(made[other]),
                random.Random(f"{seed} {number}").random() < 0.5,
                {"a": figures[one], "b": figures[other]},
            )
            _keep(folder, item, shown, pictures[one], pictures[other], true)
            _add(folder / "items.jsonl", asdict(item))
            yield item


def _prepare(folder: Path) -> None:
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "items.jsonl").exists():
        raise OutputRefused(f"{folder} holds something else than a lab; name another folder, or an empty one.")
    try:
        (folder / "pictures").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputRefused(f"{folder} cannot be made: {error.strerror}.") from None


def _stretch(film: Path, at: float, chains: Sequence[Chain]) -> tuple[list[Frame], Frame]:
    """Pictures around a moment, as many as the chains need, and the one that is on screen then."""
    info = read.probe(film)
    video = read.picture_of(info)
    halos = [chain.halo(video.frame_rate) or (_AROUND, _AROUND) for chain in chains]
    before, after = (max(_AROUND, *(halo[end] for halo in halos)) for end in (0, 1))
    index = read.index(info)
    pts = max((pts for pts in index.pts if pts * video.time_base <= at), default=index.pts[0])
    frames = list(read.frames(info, start=pts, stop=pts + 1, before=before, after=after, index=index))
    return frames, next(frame for frame in frames if frame.pts == pts)


def _shown_at(frames: Sequence[Frame], like: Frame) -> Frame:
    return min(frames, key=lambda frame: abs(frame.time - like.time))


def _made(chain: Chain, stretch: Sequence[Frame], shown: Frame) -> Frame:
    made = list(chain.run(stretch))
    if not made:
        raise InvalidParams(f"{chain} leaves nothing of {len(stretch)} pictures.")
    return _shown_at(made, shown)


def _measured(true: Frame, made: Frame) -> dict[str, float]:
    """The project's figures of one picture; an infinite one is left out."""
    found = metrics.statistics(list(metrics.lines([true], [made], metrics.Told())))
    return {name: round(one.mean, 4) for name, one in found.items() if np.isfinite(one.mean)}


def _keep(folder: Path, item: Item, shown: Frame, one: Frame, other: Frame, true: Frame | None) -> None:
    """The pictures whole, and a sheet on which nobody sees which is which."""
    named = {"input": shown, "a": one, "b": other} | ({REFERENCE: true} if true else {})
    for name, frame in named.items():
        picture_of(folder, item.number, name).write_bytes(sheet.png(sheet.picture(frame)))
    left, right = (other, one) if item.swapped else (one, other)
    lines = min(_LINES, shown.height)
    parts = [
        _titled(sheet.picture(f, lines), name) for f, name in ((shown, "as it is"), (left, "left"), (right, "right"))
    ]
    wide = max(part.shape[1] for part in parts)
    parts = [cv2.copyMakeBorder(part, 0, 0, 0, wide - part.shape[1], cv2.BORDER_CONSTANT) for part in parts]
    whole = np.vstack(parts) if wide > 1.6 * lines * 2 else np.hstack(parts)
    sheet_of(folder, item.number).write_bytes(sheet.jpeg(np.ascontiguousarray(whole), 95))


def _titled(picture: Any, name: str) -> Any:
    wide = cv2.copyMakeBorder(picture, 26, 6, 6, 6, cv2.BORDER_CONSTANT, value=(26, 27, 31))
    return cv2.putText(wide, name, (10, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (236, 236, 240), 1, cv2.LINE_AA)


def picture_of(folder: Path, number: int, which: Literal["input", "a", "b"] | str) -> Path:
    """Where a picture of a comparison lies."""
    return folder / "pictures" / f"{number:04d}-{which}.png"


def sheet_of(folder: Path, number: int) -> Path:
    """Where the sheet of a comparison lies."""
    return folder / f"{number:04d}.jpg"


def items(folder: Path) -> list[Item]:
    """All comparisons, the first one first."""
    return [Item(**line) for line in _lines(folder / "items.jsonl")]


def choices(folder: Path) -> list[dict[str, Any]]:
    """All choices, the first one first; of several about one comparison the last counts."""
    return list(_lines(folder / "choices.jsonl"))


def choose(folder: Path, number: int, word: str, stars: float | None = None) -> Choice:
    """Enter what somebody liked better: `left`, `right` or `same`, or `a` or `b`; and stars for it, 1 to 5.

    Raises InvalidParams.
    """
    item = _item(folder, number)
    if stars is not None and not 1 <= stars <= 5:
        raise InvalidParams(f"{stars:g} stars are refused: give 1 to 5.")
    choice = item.side(word)
    line: dict[str, Any] = {"item": number, "choice": choice, **asdict(item), "at": round(time.time(), 3)}
    _add(folder / "choices.jsonl", {key: value for key, value in line.items() if key != "number"} | _given(stars))
    return choice


def _given(stars: float | None) -> dict[str, float]:
    return {} if stars is None else {"stars": stars}


def approve(folder: Path, number: int, word: str = "", mended: Path | None = None) -> Path:
    """Let a side of a comparison, its reference, or a picture mended by hand be what its film should look like.

    It becomes a pair to learn from; gives back the folder of pairs. Raises InvalidParams, OpenFailed.
    """
    item = _item(folder, number)
    chosen = word if mended or word == REFERENCE else item.side(word or "same")
    if chosen == "same":
        raise InvalidParams("say which side is approved: left or right, or give a picture that was mended.")
    source = mended or picture_of(folder, number, chosen)
    if chosen == REFERENCE and not source.exists():
        raise InvalidParams(f"comparison {number} was made without a reference; approve left or right.")
    given, wanted = _picture(picture_of(folder, number, "input")), _picture(source)
    if given.shape != wanted.shape:
        sizes = [f"{shape[1]}x{shape[0]}" for shape in (given.shape, wanted.shape)]
        raise InvalidParams(f"a pair is of one size, and these are {sizes[0]} and {sizes[1]}.")
    for name, picture in ((INPUT, given), (TARGET, wanted)):
        place = pairs(folder) / name
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number:04d}.png").write_bytes(sheet.png(picture))
    side = {"mended": str(mended.resolve())} if mended else {"choice": chosen}
    _add(folder / "approved.jsonl", asdict(item) | side | {"at": round(time.time(), 3)})
    return pairs(folder)


def pairs(folder: Path) -> Path:
    """The folder of approved pairs, as `films.pairs` reads it."""
    return folder / "pairs"


def _picture(path: Path) -> Any:
    values = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR) if path.is_file() else None
    if values is None:
        raise OpenFailed(f"{path} is not a picture that can be read.")
    return cv2.cvtColor(values, cv2.COLOR_BGR2RGB)


@dataclass(frozen=True)
class Standing:
    """How often a setting was preferred. `share`: how probably it is preferred to another one."""

    chain: str
    won: int
    lost: int
    even: int
    share: float

    @property
    def stars(self) -> float:
        """From 1 to 5, for a search by ratings."""
        return 1 + 4 * self.share


def standings(folder: Path) -> list[Standing]:
    """The settings by how much they were preferred, the best first (R. Bradley, M. Terry, 1952)."""
    counted = {line["item"]: line for line in choices(folder)}.values()
    names = sorted({line[side] for line in counted for side in ("a", "b")})
    wins = np.zeros((len(names), len(names)))
    for line in counted:
        a, b = names.index(line["a"]), names.index(line["b"])
        share = {"a": 1.0, "b": 0.0, "same": 0.5}[line["choice"]]
        wins[a, b] += share
        wins[b, a] += 1 - share
    strength = _strengths(wins)
    found: list[Standing] = []
    for place, name in enumerate(names):
        own = [line for line in counted if name in (line["a"], line["b"])]
        won = sum(line["choice"] != "same" and line[line["choice"]] == name for line in own)
        even = sum(line["choice"] == "same" for line in own)
        share = float(np.mean([strength[place] / (strength[place] + s) for i, s in enumerate(strength) if i != place]))
        found.append(Standing(name, won, len(own) - won - even, even, round(share, 4)))
    return sorted(found, key=lambda standing: -standing.share)


def _strengths(wins: Any) -> Any:
    """By how much each is preferred, from how often it won against each other; `_PRIOR` keeps it finite."""
    count = len(wins)
    wins = wins + _PRIOR * (1 - np.eye(count))
    played = wins + wins.T
    strength = np.ones(count)
    for _ in range(200):
        strength = wins.sum(1) / (played / (strength[:, None] + strength)).sum(1)
        strength /= strength.mean()
    return strength


def _item(folder: Path, number: int) -> Item:
    known = items(folder)
    if not 0 <= number < len(known):
        raise InvalidParams(f"there is no comparison {number} in {folder}; there are {len(known)}, from 0 on.")
    return known[number]


def _add(path: Path, line: dict[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Whole lines; one that a kill cut off is passed over."""
    for line in path.read_text("utf-8").splitlines() if path.exists() else []:
        try:
            yield json.loads(line)
        except ValueError:
            continue
