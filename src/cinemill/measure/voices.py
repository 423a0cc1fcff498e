"""Vectors of voices -> who speaks when: what sounds alike belongs to one speaker, and turns are smooth.

A vector stands for a stretch of speech; the closer the angle of two, the more their voices are alike. They are joined
bottom-up by the mean of all angles between two groups (average linkage) until no two groups are alike enough. Groups of
a breath or a laugh go to who is nearest, and then every stretch to the speaker that it and its neighbours fit best
(Viterbi). The number of speakers follows, or is held between two bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cinemill.media.cues.speakers import Turn

Vectors = NDArray[Any]
"""(n, size) float32, each of length 1."""
Span = tuple[int, int]
"""ms"""

STEP_MS, REACH_MS = 400, 800
"""A stretch stands for so much of the sound; it is heard with so much on both sides of its middle."""
_MOST = 1200
"""Vectors that are joined at once: joining takes the square of their number in memory and more in time."""
_LEAST_MS = 2500
"""Of a speaker. What is shorter is a noise, or somebody else in another mood."""
_LEAST_SHARE = 0.02
"""Of all speech, of a speaker."""
_CHANGE = 0.12
"""How much better another speaker must fit a stretch than the one before it; a pause makes it less."""
_PAUSE_MS = 400


@dataclass(frozen=True, slots=True)
class Stretch:
    """`own` is what a stretch stands for, `heard` what its voice is judged by, both in ms."""

    own: Span
    heard: Span


def stretches(regions: Sequence[Span]) -> list[Stretch]:
    """Where somebody speaks, in stretches of about STEP_MS; what is heard of each stays inside its region."""
    found: list[Stretch] = []
    for start, end in regions:
        count = max(1, round((end - start) / STEP_MS))
        edges = [start + (end - start) * n // count for n in range(count + 1)]
        for own in pairwise(edges):
            middle = sum(own) // 2
            found.append(Stretch(own, (max(start, middle - REACH_MS), min(end, middle + REACH_MS))))
    return found


def turns(
    parts: Sequence[Stretch], vectors: Vectors, alike: float, least: int = 1, most: int | None = None
) -> tuple[list[Turn], dict[str, Vectors]]:
    """Who speaks when, as `speaker 1` and so on in the order of their first words, and the voice of each."""
    if not parts:
        return [], {}
    groups = grouped(vectors, alike, least, most, [part.own[1] - part.own[0] for part in parts])
    voices = np.stack([middle(vectors[groups == number]) for number in range(groups.max() + 1)])
    said = _smooth(vectors @ voices.T, parts)
    order = list(dict.fromkeys(said))
    names = {number: f"speaker {place}" for place, number in enumerate(order, 1)}
    found: list[Turn] = []
    for part, number in zip(parts, said):
        start, end = part.own
        if found and found[-1].speaker == names[number] and start - found[-1].end < _PAUSE_MS:
            found[-1] = Turn(found[-1].start, end, names[number])
        else:
            found.append(Turn(start, end, names[number]))
    return found, {name: voices[number] for number, name in names.items()}


def grouped(
    vectors: Vectors, alike: float, least: int = 1, most: int | None = None, lengths: Sequence[int] | None = None
) -> NDArray[Any]:
    """The group of each vector, (n,), counted from 0. `lengths` in ms: groups that are too short are given up."""
    pieces = [np.array([number]) for number in range(len(vectors))]
    while len(pieces) > _MOST:
        blocks = [pieces[at : at + _MOST] for at in range(0, len(pieces), _MOST)]
        fewer = [
            group for block in blocks for group in _joined(block, vectors, alike + 0.1, 1, max(1, len(block) // 4))
        ]
        if len(fewer) >= len(pieces):
            break
        pieces = fewer
    found = _joined(pieces, vectors, alike, least, None)
    kept = _large(found, lengths, least) if lengths is not None else found
    if most and len(kept) > most:
        kept = _joined(kept, vectors, alike, least, most)
    middles = np.stack([middle(vectors[group]) for group in kept])
    groups = np.argmax(vectors @ middles.T, axis=1)
    for number, group in enumerate(kept):
        groups[group] = number
    return groups


def _joined(
    pieces: Sequence[NDArray[Any]], vectors: Vectors, alike: float, least: int, most: int | None
) -> list[NDArray[Any]]:
    """Groups of `pieces`, joined while two are alike, or more than `most` are left, but never to less than `least`."""
    groups: list[NDArray[Any] | None] = list(pieces)
    sums = np.stack([vectors[piece].sum(axis=0) for piece in pieces]).astype(np.float64)
    sizes = np.array([len(piece) for piece in pieces], float)
    # The mean of all angles between two groups is the product of their sums over that of their sizes.
    close = sums @ sums.T / np.outer(sizes, sizes)
    np.fill_diagonal(close, -np.inf)
    left = len(groups)
    while left > least:
        i, j = divmod(int(np.argmax(close)), len(groups))
        if close[i, j] < alike and (most is None or left <= most):
            break
        one, other = groups[i], groups[j]
        assert one is not None
        assert other is not None
        groups[i], groups[j] = np.concatenate([one, other]), None
        sums[i] += sums[j]
        sizes[i] += sizes[j]
        close[i] = sums @ sums[i] / (sizes * sizes[i])
        close[i, [n for n, group in enumerate(groups) if group is None]] = -np.inf
        close[i, i] = -np.inf
        close[:, i] = close[i]
        close[j], close[:, j] = -np.inf, -np.inf
        left -= 1
    return [group for group in groups if group is not None]


def _large(groups: list[NDArray[Any]], lengths: Sequence[int], least: int) -> list[NDArray[Any]]:
    """The groups that speak long enough; the longest `least` at any rate."""
    spoken = [sum(lengths[member] for member in group) for group in groups]
    needed = min(max(_LEAST_MS, _LEAST_SHARE * sum(spoken)), max(spoken))
    order = sorted(range(len(groups)), key=lambda number: -spoken[number])
    kept = [number for place, number in enumerate(order) if place < least or spoken[number] >= needed]
    return [groups[number] for number in sorted(kept)]


def middle(vectors: Vectors) -> Vectors:
    """The mean direction of vectors, of length 1."""
    mean = vectors.sum(axis=0)
    return mean / max(float(np.linalg.norm(mean)), 1e-9)


def _smooth(fit: Vectors, parts: Sequence[Stretch]) -> list[int]:
    """The speaker of each stretch, changing where that is worth it."""
    speakers = fit.shape[1]
    score = fit[0].astype(float)
    came: list[NDArray[Any]] = []
    for number in range(1, len(fit)):
        pause = parts[number].own[0] - parts[number - 1].own[1]
        cost = _CHANGE * max(0.0, 1 - pause / _PAUSE_MS)
        best = int(np.argmax(score))
        stays = score >= score[best] - cost
        came.append(np.where(stays, np.arange(speakers), best))
        score = np.where(stays, score, score[best] - cost) + fit[number]
    at = int(np.argmax(score))
    said = [at]
    for back in reversed(came):
        at = int(back[at])
        said.append(at)
    return said[::-1]


def matched(vector: Vectors, known: dict[str, Vectors], threshold: float) -> tuple[str | None, float]:
    """Whose voice it is among those that are known, and how alike it is; None for a stranger."""
    if not known:
        return None, 0.0
    name = max(known, key=lambda one: float(vector @ known[one]))
    close = float(vector @ known[name])
    return (name if close >= threshold else None), close
