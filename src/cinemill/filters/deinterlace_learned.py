"""Every field becomes a frame, by small networks of our own: finer than the classical ones, and steadier.

The fast network sees a field with two before and two after it, and adds to the mean of the lines above and below what
the neighbours in time and what it has learned say. The others look at such frames again, with their neighbours moved
onto them along the motion (`along_motion.py`, `second_look.py`). Lines that are given keep their bits; where nothing
moves, the field before and the one after are the missing lines. All were trained on moving pictures that a program
draws and on no photograph (`learn/leaves.py`, `learn/nets.py`). Chroma goes through them as luma does; balanced looks
again at luma only. Wrong for film that was telecined: `ivtc` gives its own frames back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

from cinemill.catalogue import Weights
from cinemill.filters import GREY, YUV, parallel, stream_filter
from cinemill.filters.along_motion import SEEN, Taken, followed, put
from cinemill.filters.deinterlace import Deinterlace, double
from cinemill.filters.neighbours import windows
from cinemill.filters.second_look import looked

if TYPE_CHECKING:
    from cinemill.media.types import Frame, Plane

Network = Callable[[Any], Any]
"""(n, 5, lines, columns) float32, five fields from 0 to 1 -> (n, 1, lines, columns), the lines that are missing."""
_SEEN = {"fast": 5, "balanced": SEEN, "best": 8}
"""Pictures that the last network of a size sees at once."""
_STEP = 4
"""Lines of a field, and columns, come in multiples of this."""
_STILL = 1
"""Steps of 8 bits by which a sample that stands still may change."""


class Learned(Deinterlace):
    size: Literal["fast", "balanced", "best"] = "balanced"
    """Which network: fast sees five fields; balanced looks at what fast made again, along the motion, and takes three
    times as long; best does so more thoroughly, with colour too, and takes twice as long as balanced."""
    model: Weights | None = None
    """A network of your own instead of the size's last, as `cinemill train` makes them for balanced: a name of
    `cinemill models list`, or a file."""


def _halo(p: Learned) -> tuple[int, int]:
    return (1, 1) if p.size == "fast" else (2, 2)


def _check(p: Learned, frame: Frame) -> None:
    import numpy as np

    from cinemill.models.weights import network, refuse_others

    if p.model:
        given = np.zeros((1, _SEEN[p.size], 16, 16), np.float32)
        refuse_others(network("", p.model), given, (1, 1, 16, 16), f"{p.model}, for size {p.size},")


@stream_filter(
    "deinterlace.learned", halo=_halo, accepts=YUV + GREY, check=_check, rate=double, field_order="progressive"
)
def learned(frames: Iterator[Frame], p: Learned) -> Iterator[Frame]:
    """Deinterlace with a network of our own: the best of all methods here."""
    from cinemill.hardware import cores
    from cinemill.models.weights import network

    threads = cores()
    last = network(f"deinterlace-{p.size}", p.model)
    if p.size == "fast":
        return chain.from_iterable(parallel(windows(frames, 1, 1), partial(made, p=p, lines=last), threads))
    work = partial(pictures, p=p, lines=network("deinterlace-first" if p.size == "best" else "deinterlace-fast"))
    taken = chain.from_iterable(parallel(windows(frames, 1, 1), work, threads))
    return (looked if p.size == "best" else followed)(taken, last, threads)


def pictures(around: tuple[Sequence[Frame], int], p: Learned, lines: Network) -> list[Taken]:
    """What a frame becomes at field rate, to be looked at along the motion."""
    from cinemill.measure.motion import Still

    window, place = around
    frame = window[place]
    order = p.field_order or frame.field_order
    first, *rest = both = made(around, p.model_copy(update={"output": "field"}), lines)
    stills = [Still(one.planes, one.layout.bits) for one in both]
    if order == "progressive":
        return [Taken(first, None, stills[0])]
    start = int(order == "bff")
    if p.output == "field":
        return [Taken(first, start, stills[0]), Taken(rest[0], 1 - start, stills[1])]
    shown = replace(first, pts=frame.pts, time_base=frame.time_base)
    return [Taken(shown, start, stills[0]), Taken(None, 1 - start, stills[1])]


def made(around: tuple[Sequence[Frame], int], p: Learned, lines: Network) -> list[Frame]:
    """One frame, or two that share its time, of the one at a place in a window."""
    window, place = around
    frame = window[place]
    order = p.field_order or frame.field_order
    if order == "progressive":
        return [frame]
    after = window[place + 1] if place + 1 < len(window) else None
    length = after.pts - frame.pts if after else frame.duration or 1
    count = 2 if p.output == "field" else 1
    planes = [_Fields(window, place, number, order == "bff").whole(count, lines) for number in range(len(frame.planes))]
    whole = [
        replace(frame, planes=tuple(plane[i] for plane in planes), field_order="progressive") for i in range(count)
    ]
    if count == 1:
        return [replace(whole[0], duration=length)]
    halves = {"time_base": frame.time_base / 2, "duration": length}
    return [replace(one, pts=2 * frame.pts + length * i, **halves) for i, one in enumerate(whole)]


class _Fields:
    """The fields of plane `number` around the frame at `place`. They are counted from its earlier one, which is 0.

    Even ones begin at row `first` of their frames, odd ones at the other.
    """

    def __init__(self, window: Sequence[Frame], place: int, number: int, first: int) -> None:
        self.planes = [frame.planes[number] for frame in window]
        self.place, self.first, self.bits = place, first, window[place].layout.bits

    def __getitem__(self, moment: int) -> Plane:
        """(lines, columns); at the ends the nearest that begins at the same row."""
        place = min(max(self.place + moment // 2, 0), len(self.planes) - 1)
        return self.planes[place][self.start(moment) :: 2]

    def start(self, moment: int) -> int:
        """The row at which a field begins."""
        return (self.first + moment) % 2

    def whole(self, count: int, lines: Network) -> list[Plane]:
        """The plane as it was at the first `count` fields."""
        import numpy as np

        plane = self.planes[self.place]
        height, width = plane.shape
        if height < 2:
            return [plane] * count
        rows, columns = (-(-length // _STEP) * _STEP for length in (height // 2 + 1, width))
        given = np.empty((count, 5, rows, columns), np.float32)
        for i in range(count):
            for moment in range(5):
                self._put(given[i, moment], i, i + moment - 2)
        made = lines(given)
        return [self._woven(i, made[i, 0]) for i in range(count)]

    def _put(self, target: Any, middle: int, moment: int) -> None:
        """A field into its place, from 0 to 1, its edges repeated.

        Around a lower field all are turned upside down, so that what is missing lies below what is given, always.
        Where a picture has one more upper line, the lower field lacks one, which is then made up.
        """
        field, turned = self[moment], self.start(middle) == 1
        ours = field[::-1] if turned else field
        lead = 1 if turned and len(field) < (self.planes[self.place].shape[0] + 1) // 2 else 0
        put(target, ours, lead, 1 / (2**self.bits - 1))

    def _woven(self, moment: int, made: Any) -> Plane:
        """The whole plane at a field: its own lines, and between them what the network made or what stands still."""
        import cv2
        import numpy as np

        plane, start = self.planes[self.place].copy(), self.start(moment)
        missing = plane[1 - start :: 2]
        high, wide = missing.shape
        top = 2**self.bits - 1
        values = np.rint(made[:high, :wide] * np.float32(top)).clip(0, top)
        missing[:] = values[::-1] if start else values
        if len(self.planes) > 1:
            before, after = self[moment - 1], self[moment + 1]
            still = self._change(moment) <= _STILL << (self.bits - 8)
            missing[still] = cv2.addWeighted(before, 0.5, after, 0.5, 0)[still]
        return plane

    def _change(self, moment: int) -> Plane:
        """How much the missing lines and those around them change, at most, within two samples on either side."""
        import cv2
        import numpy as np

        change = cv2.absdiff(self[moment - 1], self[moment + 1])
        ours = cv2.max(*(cv2.absdiff(self[moment], self[moment + away]) for away in (-2, 2)))
        # Missing line i lies between the given i and i + 1, or i - 1 and i of a lower field.
        for shift in (0, -1) if self.start(moment) else (0, 1):
            rows = np.clip(np.arange(len(change)) + shift, 0, len(ours) - 1)
            change = cv2.max(change, ours[rows])
        return cv2.dilate(change, np.ones((3, 5), np.uint8))
