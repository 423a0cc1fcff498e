"""How frames of a stretch are combed -> what the moments in them are: video, film at some pace, or a mixture.

`fields` tells which field is earlier and knows 2:3 pulldown. This tells further what looks interlaced and is not: film
whose fields were paired one field late (2:2), where each field fits the neighbouring frame's better than its own; film
of other speeds, whose fields repeat now and then; and fields that are mixed of two pictures, as standards converters
make them, where one field of a frame has less detail in what moves than the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from cinemill.measure.fields import Fields, Window
from cinemill.measure.idet import MOVING, Combing

Cadence = Literal["progressive", "interlaced", "2:3", "2:2", "pulldown", "blended", "mixed", "unknown"]
Floats = NDArray[Any]
"""float32"""

_FILM: tuple[Cadence, ...] = ("2:3", "2:2", "pulldown")
_LATE = -0.4
"""Share of the far misfit that near fields have in late 2:2: about -1 in steady motion, 0 for video, 1 for film."""
_SOME, _MOST = 0.04, 0.8
"""Share of fields that repeat, between which they have a cadence: 24 in 25 pictures to 6 in 30."""
_PULLED = 0.25
"""Share of fields that repeat above which a cadence is no 2:3 (0.2)."""
_GAPS = (0.1, 0.25)
"""Share of the largest change nearby that a repeat stays below, and hardly anything lies between it and twice as much.
Weave, flicker and cuts make one change several times as large as another; noise makes repeats a change, too."""
_CUT = 3.0
"""How many times as large as the largest change near by, and as most changes of movement, that at a cut is."""
_UNEVEN = 0.2
"""How much less detail (natural logarithm of its energy) one field has in the median of frames that are blended.
Video stays below 0.13, lettering that rolls included. Slow movement shows no blending."""
_CLEAR = 0.8


@dataclass(frozen=True)
class Pace:
    """What a stretch shows, decided on so many `frames`.

    `pictures`: new pictures per frame, where some repeat; None where that is not to be seen.
    """

    cadence: Cadence
    pictures: float | None
    frames: int


def pace(window: Window, seen: Sequence[Combing], unevenness: Sequence[float], noise: float) -> Pace:
    """The pace of the stretch that `window` and `seen` were measured on; `unevenness` is that of some frames of it.

    `noise` is luma's sigma in code values of the frames' depth.
    """
    repeated = repeats(seen, noise)
    pictures = None if repeated is None else 1 - repeated
    return Pace(_cadence(window, seen, unevenness, repeated or 0.0), pictures, window.decided)


def _cadence(window: Window, seen: Sequence[Combing], unevenness: Sequence[float], repeated: float) -> Cadence:
    combed = window.tff + window.bff
    if window.verdict == "unknown":
        return "unknown"
    if window.verdict == "telecine":
        return "2:3"
    # Two fields that repeat at different times are of different pictures, be they combed or hardly.
    apart = window.repeated_top + window.repeated_bottom > 0.1 * window.frames
    if repeated > _PULLED and (apart or combed > 0.05 * window.decided):
        return "pulldown"
    shares = _shares(seen)
    whole, late = np.mean(shares > 0.5), np.mean(shares < _LATE)
    if late > 0.5 or (late > 0.1 and whole + late > _CLEAR):
        return "2:2"
    if window.verdict in ("tff", "bff"):
        blended = len(unevenness) >= 4 and float(np.median(unevenness)) > _UNEVEN
        return "blended" if blended else "interlaced"
    return "progressive" if window.verdict == "progressive" else "mixed"


def _shares(seen: Sequence[Combing]) -> NDArray[np.float64]:
    """Misfit to nearer fields as a share of that to farther ones, both beyond the frame's own, where frames move."""
    found: list[float] = []
    for one in seen:
        near, far = sorted((one.far_if_tff, one.far_if_bff))
        if far - one.own > (MOVING - 1) * one.own:
            found.append((near - one.own) / (far - one.own))
    return np.array(found or [0.0])


def repeats(seen: Sequence[Combing], noise: float) -> float | None:
    """Share of fields that show once more what the frame before showed; None where repeats do not stand apart.

    `noise` is luma's sigma in code values of the frames' depth: it makes a repeat a change too. The least change is
    taken for none, and there must be hardly anything between it and the changes of movement.
    """
    changes = np.array([(one.top_change, one.bottom_change) for one in seen], np.float64)
    if len(changes) < 12:
        return None
    changes = _without_cuts(changes)
    around = np.array([changes[max(0, place - 3) : place + 4].max() for place in range(len(changes))])[:, None]
    still = changes.min()
    size = (changes - still) / np.maximum(around - still, 1)
    for gap in _GAPS:
        repeated, moves = size < gap, size > 2 * gap
        share = float(repeated.mean())
        between = 1 - share - float(moves.mean())
        if _SOME <= share <= _MOST and between <= 0.06:
            held, moved = np.median(changes[repeated]), np.median(changes[moves])
            # Each field has half of the samples. The sum of four columns' noise has 2 to 3 times its sigma, as
            # neighbours are more or less alike; two of them differ by 1.13 of that in the mean.
            unmoved = 3.5 * noise * seen[0].samples / 2
            return share if moved > 1.15 * held and held < unmoved + 0.3 * moved else None
    return None


def _without_cuts(changes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Changes at cuts, beside which all movement looks like rest, made as large as the largest near by."""
    made = changes.copy()
    most = _CUT * np.quantile(changes, 0.85)
    for place in np.flatnonzero(changes.max(axis=1) > most):
        near = np.concatenate([changes[max(0, place - 3) : place], changes[place + 1 : place + 4]])
        if changes[place].max() > _CUT * near.max():
            made[place] = near.max()
    return made


def unevenness(before: Floats, now: Floats) -> float | None:
    """By how much detail of what moves differs between the two fields of `now`; None where too little moves."""
    moving = cv2.blur(np.abs(now - before), (9, 9)) > 6
    steps = np.square(now[:, 1:] - now[:, :-1]) * moving[:, 1:]
    top, bottom = float(steps[0::2].mean()), float(steps[1::2].mean())
    if moving.mean() < 0.02 or min(top, bottom) < 1:
        return None
    return abs(float(np.log(top / bottom)))


def judge(paces: Sequence[Pace], fields: Fields) -> Cadence:
    """The cadence of a file or a scene."""
    votes: Counter[Cadence] = Counter()
    for one in paces:
        if one.cadence != "unknown":
            votes[one.cadence] += one.frames
    if not votes:
        return "unknown"
    best, most = max(votes.items(), key=lambda item: item[1])
    film: list[Cadence] = [one for one in _FILM if votes[one]]
    # Stretches of film that hardly move look progressive or mixed; they speak for the pulldown around them.
    together = sum(votes[one] for one in (*film, "progressive", "mixed"))
    if fields.verdict == "telecine":
        return "2:3"
    if len(film) == 1 and votes[film[0]] >= 0.5 * together and together >= _CLEAR * votes.total():
        return film[0]
    return best if most >= _CLEAR * votes.total() else "mixed"
