"""Where the pictures of a file lie: `index`. One pass over its packets, nothing decoded."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Final

from av.format import ContainerFormat, Flags

from cinemill.media import clock, jumps, structure
from cinemill.media.demux import Damage, keeps_dts_only, opened, packets_of
from cinemill.media.probe import picture_of
from cinemill.media.types import MediaInfo, VideoTrack

_FEW: Final = 0.02
"""Share of odd steps that a steady rate may have."""


@dataclass(frozen=True)
class Index:
    """Where the pictures of a video track lie, from its packets. `pts` and `keyframes` are sorted.

    `exact`: every packet has a pts of its own, so that the file may be entered at any keyframe. Where it is False
    (elementary streams, AVI with reordered pictures) a stream can only be read from its start.
    `cut_off`: seconds at which the file breaks off before its time, or None. `gaps`: where a steady rate skips
    pictures, as seconds of the last one before and the first one after, and how many are missing.
    `shifts`: seconds added to the file's clock from its start and from each of its jumps on; `pts` and `keyframes` are
    on the clock that runs on.
    """

    pts: tuple[int, ...]
    keyframes: tuple[int, ...]
    exact: bool
    cut_off: float | None = None
    gaps: tuple[tuple[float, float, int], ...] = ()
    shifts: tuple[Fraction, ...] = (Fraction(0),)

    def wanted(self, start: int, before: int) -> int:
        """The pts of the picture `before` places ahead of `start`, or of the first one there is."""
        place = bisect_left(self.pts, start) - before
        return self.pts[max(0, min(place, len(self.pts) - 1))]

    def entries(self, wanted: int) -> Iterator[int | None]:
        """Keyframes to enter at for the picture `wanted`, nearest first; at last None, the beginning."""
        place = bisect_right(self.keyframes, wanted) if self.exact else 0
        while place > 1:
            yield self.keyframes[place - 1]
            place -= 1
        yield None

    def describe(self) -> list[str]:
        """One sentence per thing that is missing."""
        lines: list[str] = []
        if self.gaps:
            count = sum(missing for _, _, missing in self.gaps)
            lines.append(f"{count} picture{' is' if count == 1 else 's are'} missing: {self._where()}.")
        if self.cut_off is not None:
            lines.append(f"The file breaks off at {clock.show(self.cut_off)}; what came before is kept.")
        return lines

    def _where(self) -> str:
        shown = [f"{missing} between {clock.show(a)} and {clock.show(b)}" for a, b, missing in self.gaps[:3]]
        more = len(self.gaps) - len(shown)
        return ", ".join(shown) + (f" and in {more} more places" if more else "")

    def count(self, start: int | None, stop: int | None) -> int:
        """How many pictures lie in [start, stop)."""
        low = 0 if start is None else bisect_left(self.pts, start)
        return (len(self.pts) if stop is None else bisect_left(self.pts, stop)) - low


def index(info: MediaInfo) -> Index:
    """Read the packets of the picture once, without decoding. Cost: one pass over the file."""
    video = picture_of(info)
    pts: list[int] = []
    keyframes: list[int] = []
    damage = Damage()
    shifts: list[Fraction] = []
    with opened(info.path) as container:
        stream = container.streams[video.index]
        by_dts = keeps_dts_only(container, stream)
        exact = not by_dts
        met = 0
        for packet in jumps.found(packets_of(container, stream, damage), video.step, shifts):
            met += bool(packet.size)
            if packet.is_discard or not packet.size:
                continue
            exact = exact and packet.pts is not None
            time = packet.dts if by_dts or packet.pts is None else packet.pts
            if time is not None:
                pts.append(time)
                if packet.is_keyframe:
                    keyframes.append(time)
    pts.sort()
    exact = exact and len(set(pts)) == len(pts) and shifts == [0]
    for place in range(1, len(pts)):  # as `frames` mends them
        pts[place] = max(pts[place], pts[place - 1] + 1)
    cut_off = damage.cut_off
    if pts and _breaks_off(info, video, met):
        cut_off = float(pts[-1] * video.time_base)
    gaps = _gaps(pts, video.time_base)
    return Index(tuple(pts), tuple(sorted(keyframes)), exact, cut_off, gaps, tuple(shifts))


def _gaps(pts: list[int], time_base: Fraction) -> tuple[tuple[float, float, int], ...]:
    """Where pictures are missing; nowhere if the rate is not steady, as a phone's or a screen recorder's.

    A demuxer that meets damage goes on at the next thing it understands and says nothing of what it left out.
    """
    steps = [b - a for a, b in pairwise(pts)]
    usual = sorted(steps)[len(steps) // 2] if steps else 0
    wide = [place for place, step in enumerate(steps) if step > 1.6 * usual]
    uneven = sum(abs(step - usual) > max(1, usual / 8) for step in steps) - len(wide)
    if len(wide) > _FEW * len(steps) or uneven > _FEW * len(steps):
        return ()
    return tuple(
        (float(pts[place] * time_base), float(pts[place + 1] * time_base), round(steps[place] / usual) - 1)
        for place in wide
    )


def _breaks_off(info: MediaInfo, video: VideoTrack, pictures: int) -> bool:
    """Whether the file is shorter than it says, or has fewer than the promised `pictures`; AVI counts empty ones."""
    promised = video.frames_from_header if "mp4" in info.format else None
    return pictures < (promised or 0) or info.size < structure.promised_size(info.path, info.format)


def clock_shifts(info: MediaInfo) -> tuple[Fraction, ...]:
    """What to add to the file's clock, as in `Index`. Cost: one pass over formats whose clock may jump, else none."""
    if info.video is None:
        return (Fraction(0),)
    jumpy = any(ContainerFormat(name, "r").flags & Flags.ts_discont.value for name in info.format.split(","))
    return index(info).shifts if jumpy or info.video.start_pts < 0 else (Fraction(0),)
