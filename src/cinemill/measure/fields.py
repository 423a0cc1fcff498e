"""A file -> its field order: what the picture shows in several windows, and what the file claims where it shows none.

The picture is believed against the metadata, because captures carry wrong flags more often than not. Where it shows
nothing (still pictures, heavy noise) the claim decides, with a confidence that says so. Source for telecine: 2:3
pulldown repeats a field of each parity every five frames, two and three frames apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import exp
from typing import Literal

from cinemill.measure.idet import Combing, combing
from cinemill.media import clock, read
from cinemill.media.read import Index
from cinemill.media.types import FieldOrder, MediaInfo

Verdict = Literal["progressive", "tff", "bff", "telecine", "mixed", "unknown"]

_CLEAR = 0.8
"""Share of decided frames, or of windows, that must agree for one verdict."""
_FEW = 12
"""Decided frames at which evidence counts for 63 %; five times as many are as good as all."""
_MOST_SURE = 0.99
_UNMEASURED = 0.3
"""Confidence in a claim that the picture neither supports nor contradicts."""
_REPEATED = 0.04
"""What |repeat_ratio| must exceed in the cadence: twice what a window of video shows. Noise makes it this small in
telecined tape; what makes up for it is that only peaks count, and that they must be two and three frames apart."""


@dataclass(frozen=True)
class Window:
    """Counts of frames in one stretch of the file that starts at `time` seconds."""

    time: float
    tff: int
    bff: int
    progressive: int
    undetermined: int
    repeated_top: int
    repeated_bottom: int
    repeated_neither: int
    verdict: Verdict
    field_order: FieldOrder
    """The earlier field of this window, where it shows one; else `progressive`."""

    @property
    def decided(self) -> int:
        return self.tff + self.bff + self.progressive

    @property
    def frames(self) -> int:
        return self.decided + self.undetermined


@dataclass(frozen=True)
class Fields:
    """The verdict on a file, and what it rests on.

    `confidence`: 0 (a guess) to 1. `field_order`: which field is earlier where frames have two, for a deinterlacer or
    an inverse telecine; `progressive` when they have not. `metadata`: what the file claims. `measured`: whether the
    picture decided; if not, the claim did.
    """

    verdict: Verdict
    confidence: float
    field_order: FieldOrder
    metadata: FieldOrder
    measured: bool
    windows: tuple[Window, ...]

    def describe(self) -> list[str]:
        """Sentences for people: the verdict, its evidence, and what contradicts it."""
        lines = [f"{_WORDS[self.verdict]} ({self.confidence:.0%} sure)."]
        lines.append(_evidence(self.windows))
        if self.verdict == "telecine":
            lines.append(f"Its cadence has the {_FIRST[self.field_order]} first.")
        if not self.measured:
            whose = "the file's claim" if self.metadata == self.field_order else "what is usual for DV"
            lines.append(f"The picture does not show it, so {whose} is taken: {_CLAIM[self.field_order]}.")
        elif self.metadata != self.field_order:
            lines.append(f"The file claims {_CLAIM[self.metadata]}; the picture shows otherwise and is believed.")
        if self.verdict == "mixed":
            lines += _by_time(self.windows)
        return lines


_WORDS: dict[Verdict, str] = {
    "progressive": "Progressive: every frame is one moment",
    "tff": "Interlaced, top field first",
    "bff": "Interlaced, bottom field first",
    "telecine": "Telecined film (2:3 pulldown)",
    "mixed": "Mixed: some of it is interlaced or telecined and some is not",
    "unknown": "Unknown: there are too few frames to tell",
}
_FIRST: dict[FieldOrder, str] = {"tff": "top field", "bff": "bottom field", "progressive": "whole frame"}
_CLAIM: dict[FieldOrder, str] = {
    "tff": "interlaced, top field first",
    "bff": "interlaced, bottom field first",
    "progressive": "progressive",
}


def _evidence(windows: tuple[Window, ...]) -> str:
    frames = sum(window.frames for window in windows)
    if not frames:
        return "No frame could be measured."
    span = clock.show(windows[0].time)
    if len(windows) > 1:
        span += f" to {clock.show(windows[-1].time)}"
    counts = {
        "top field first": sum(window.tff for window in windows),
        "bottom field first": sum(window.bff for window in windows),
        "progressive": sum(window.progressive for window in windows),
        "undecided": sum(window.undetermined for window in windows),
    }
    seen = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    plural = "s" if len(windows) > 1 else ""
    return f"Of {frames} frames in {len(windows)} window{plural} from {span}: {seen}."


def _by_time(windows: tuple[Window, ...]) -> list[str]:
    known = [window for window in windows if window.verdict != "unknown"]
    return [f"From {clock.show(window.time)}: {window.verdict}." for window in known]


def analyse(info: MediaInfo, index: Index | None = None, windows: int = 8, window_frames: int = 60) -> Fields:
    """Measure `windows` stretches of `window_frames` frames, spread evenly over the file.

    Decodes that many frames and holds three; without an `index` the file's packets are read once more. A file that
    can only be entered at its start is measured there. Raises NoSuchStream, UnsupportedMedia, DecodeFailed.
    """
    video = read.picture_of(info)
    index = index or read.index(info)
    seen = tuple(_window(info, index, first, window_frames) for first in _starts(index, windows, window_frames))
    return judge(seen, video.field_order, "bff" if video.codec == "dvvideo" else video.field_order)


def _starts(index: Index, windows: int, window_frames: int) -> list[int]:
    """Places in `index.pts` at which windows start; they do not overlap."""
    total = len(index.pts) if index.exact else min(len(index.pts), windows * window_frames)
    count = min(windows, max(1, total // window_frames))
    if count == 1:
        return [max(0, (total - window_frames) // 2)]
    return [round(place * (total - window_frames) / (count - 1)) for place in range(count)]


def _window(info: MediaInfo, index: Index, first: int, count: int) -> Window:
    pts, unit = index.pts, read.picture_of(info).time_base
    start = pts[first] if pts else 0
    stop = pts[first + count] if first + count < len(pts) else None
    frames = read.frames(info, start=start, stop=stop, before=1, after=1, index=index)
    return counted(list(combing(frames)), clock.seconds(start, unit))


def counted(seen: list[Combing], time: float) -> Window:
    """The window that `seen` makes up, which starts at `time` seconds."""
    kinds = Counter(frame.kind for frame in seen)
    repeats = Counter(frame.repeated for frame in seen)
    tff, bff, progressive = kinds["tff"], kinds["bff"], kinds["progressive"]
    order: FieldOrder = "progressive" if tff == bff else "tff" if tff > bff else "bff"
    film = _cadence(seen)
    return Window(
        time=time,
        tff=tff,
        bff=bff,
        progressive=progressive,
        undetermined=kinds["undetermined"],
        repeated_top=repeats["top"],
        repeated_bottom=repeats["bottom"],
        repeated_neither=repeats["neither"],
        verdict="telecine" if film else _window_verdict(tff, bff, progressive, len(seen)),
        field_order=film or order,
    )


def _window_verdict(tff: int, bff: int, progressive: int, frames: int) -> Verdict:
    decided = tff + bff + progressive
    # A cut or a flash looks progressive in any material, so a handful in a still window says nothing.
    if decided < max(3, frames // 10):
        return "unknown"
    if progressive >= _CLEAR * decided:
        return "progressive"
    if max(tff, bff) >= _CLEAR * (tff + bff) and tff + bff >= 0.6 * decided:
        return "tff" if tff > bff else "bff"
    return "mixed"


def _cadence(seen: list[Combing]) -> FieldOrder | None:
    """The field order of a 2:3 cadence that is regular enough, three periods at least; else None.

    With the top field first, a repeated bottom field comes two frames after a repeated top field and the next top
    field three frames after that; with the bottom field first the other way round. Drawn film holds its pictures
    for two or three frames, so that some repeats fit nothing.
    """
    fitting: Counter[tuple[FieldOrder, int]] = Counter()
    pairs = 0
    for last, place in pairwise(_repeats(seen)):
        gap, top = place - last, seen[place].repeat_ratio > 0
        pairs += gap < 5
        if gap in (2, 3) and top != (seen[last].repeat_ratio > 0):
            fitting["tff" if (gap == 3) == top else "bff", gap] += 1
    tff, bff = (min(fitting[order, 2], fitting[order, 3]) for order in ("tff", "bff"))
    periods = max(tff, bff)
    if periods < 3 or 2 * periods < 0.6 * pairs:
        return None
    return "tff" if tff > bff else "bff"


def _repeats(seen: list[Combing]) -> Iterator[int]:
    """Places where one field changes clearly less than the other, and more clearly so than nearby."""
    sizes = [abs(frame.repeat_ratio) for frame in seen]
    for place, size in enumerate(sizes):
        if size > _REPEATED and size >= 0.5 * max(sizes[max(0, place - 2) : place + 3]):
            yield place


def judge(windows: tuple[Window, ...], metadata: FieldOrder, claim: FieldOrder) -> Fields:
    """The verdict on measured windows. `claim` is what to take where they show nothing."""
    votes: Counter[Verdict] = Counter()
    for window in windows:
        if window.verdict != "unknown":
            votes[window.verdict] += window.decided
    if not votes:
        known = claim != "progressive" or any(window.frames for window in windows)
        return Fields(claim if known else "unknown", _UNMEASURED * known, claim, metadata, False, windows)
    verdict, share = _winner(votes, claim)
    confidence = min(_MOST_SURE, share * (1 - exp(-votes.total() / _FEW)))
    order = "progressive" if verdict == "progressive" else _earlier_field(windows, claim)
    return Fields(verdict, confidence, order, metadata, True, windows)


def _winner(votes: Counter[Verdict], claim: FieldOrder) -> tuple[Verdict, float]:
    """The verdict of windows that decided, and how far they agree (0 to 1)."""
    total = votes.total()
    # Still film gives windows that look progressive or mixed; they speak for the pulldown around them.
    film = votes["telecine"] + votes["progressive"] + votes["mixed"]
    if votes["telecine"] >= 0.5 * film and film >= _CLEAR * total:
        return "telecine", film / total
    best, most = max(votes.items(), key=lambda item: (item[1], item[0] == claim))
    if most >= _CLEAR * total:
        return best, 2 * most / total - 1
    return "mixed", 1 - most / total + votes["mixed"] / total


def _earlier_field(windows: tuple[Window, ...], claim: FieldOrder) -> FieldOrder:
    """Which field is earlier wherever frames have two; the claim breaks a tie."""
    votes: Counter[FieldOrder] = Counter()
    for window in windows:
        votes[window.field_order] += window.tff + window.bff
    return max(("tff", "bff"), key=lambda order: (votes[order], order == claim))
