"""Colour for grey film by a network: DDColor, DeOldify, SIGGRAPH17. Luma keeps its bits; the network gives the chroma.

Networks colour each frame by itself, and change their minds from one to the next. The chroma of a few frames around is
moved along the motion and averaged, where luma agrees and within the scene, which takes out flicker but not a coat that
is red in one scene and blue in the next. What colours were, nobody knows.
Sources: DDColor, X. Kang et al., 2023; DeOldify, J. Antic, 2018; SIGGRAPH17, R. Zhang et al., 2017.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from cinemill.catalogue import Field, Params, Weights
from cinemill.errors import InvalidParams, UnsupportedMedia
from cinemill.filters import GREY, YUV, Halo, stream_filter
from cinemill.filters.model import Device, check_progressive
from cinemill.filters.neighbours import windows

if TYPE_CHECKING:
    from cinemill.measure.motion import Motion, Still
    from cinemill.media.types import Frame
    from cinemill.models.session import Floats, Session

_UNLIKE = 8.0
"""Code values of luma by which a neighbour may differ until its chroma counts for a third."""


class Colorize(Params):
    model: Weights = "ddcolor-onnx"
    """DDColor or DeOldify as ONNX, or SIGGRAPH17: a name of `cinemill models list`, or a file."""
    strength: float = Field(1.0, ge=0, le=1)
    """How far the network's colours replace the picture's own. 0 leaves it as it is."""
    size: int = Field(256, ge=64, le=1024, unit="px")
    """Side of the square in which a network that takes any size looks at the picture, rounded up to 16s."""
    white: Literal["auto", "1", "255"] = "auto"
    """What the network calls white; auto goes by the registry, and by 1 for files that it does not know."""
    window: int = Field(3, ge=0, le=15, unit="frames")
    """How far before and after each frame colours are averaged."""
    device: Device = "auto"


def _halo(p: Colorize) -> Halo:
    return p.window, p.window


def _check(p: Colorize, frame: Frame) -> None:
    check_progressive(p, frame)
    _format(frame)
    _painter(p)


@dataclass(frozen=True, eq=False)
class _Painted:
    """A frame with chroma, its luma to compare with, the network's chroma, (2, h, w) at its own size, and the format
    that the result is to have."""

    frame: Frame
    still: Still
    chroma: Floats
    becomes: str


@stream_filter("colorize", halo=_halo, check=_check)
def colorize(frames: Iterator[Frame], p: Colorize) -> Iterator[Frame]:
    """Colour grey pictures with a neural network; a grey stream becomes 4:2:0."""
    from cinemill.measure.motion import Motion
    from cinemill.media import lavfi

    motion = Motion()
    for window, place in windows(_painted(frames, p), p.window, p.window):
        here = window[place]
        made = _coloured(here, _steady(list(window), place, motion), p.strength)
        (made,) = lavfi.converted([made], here.becomes)
        yield made


def _format(frame: Frame) -> str:
    """The format in which a frame is coloured. Raises UnsupportedMedia."""
    from cinemill.media.formats import nearest

    if frame.format in GREY:
        return frame.format.replace("gray", "yuv420p")
    found = nearest(frame.format, YUV)
    if found is None:
        raise UnsupportedMedia(f"colorize cannot work on {frame.format} without a loss; put format=yuv444p before it.")
    return found


def _painted(frames: Iterable[Frame], p: Colorize) -> Iterator[_Painted]:
    from cinemill.measure.motion import Still
    from cinemill.media import lavfi
    from cinemill.media.rgb import yuv

    paint = _painter(p)
    for frame in frames:
        work = _format(frame)
        (held,) = lavfi.converted([frame], work)
        becomes = work if frame.format in GREY else frame.format
        still = Still(held.planes[:1], held.layout.bits)
        yield _Painted(held, still, paint(yuv(held)[0], held), becomes)


def _steady(window: list[_Painted], place: int, motion: Motion) -> Floats:
    """The chroma of the frame at `place`, averaged with that of the same things around it."""
    import cv2
    import numpy as np

    from cinemill.measure.motion import moved

    here = window[place]
    total, weight = here.chroma.copy(), np.ones(here.chroma.shape[1:], np.float32)
    size = here.chroma.shape[:0:-1]
    luma = cv2.resize(here.still.values[0], size, interpolation=cv2.INTER_AREA)
    for way in (range(place - 1, -1, -1), range(place + 1, len(window))):
        for at in way:
            match = motion.match(here.still.guide, window[at].still)
            if match.is_other_scene(here.still):
                break
            theirs = cv2.resize(match.values(0), size, interpolation=cv2.INTER_AREA)
            alike = np.exp(-np.abs(cv2.blur(theirs - luma, (5, 5))) / _UNLIKE)
            total += alike * np.stack([moved(plane, match.flow) for plane in window[at].chroma])
            weight += alike
    return total / weight


def _coloured(painted: _Painted, chroma: Floats, strength: float) -> Frame:
    import cv2
    import numpy as np

    from cinemill.media.rgb import coded, yuv

    frame = painted.frame
    luma, *own = yuv(frame)
    planes = [
        was + np.float32(strength) * (cv2.resize(new, was.shape[::-1], interpolation=cv2.INTER_LINEAR) - was)
        for was, new in zip(own, chroma)
    ]
    return replace(frame, planes=(frame.planes[0], *coded((luma, *planes), frame)[1:]))


def _painter(p: Colorize) -> Callable[[Floats, Frame], Floats]:
    """From luma (H, W), 0 to 1, to differences of blue and red (2, h, w) by the frame's matrix."""
    import cv2
    import numpy as np

    from cinemill.media.rgb import mixed

    session, white = _session(p)

    def paint(luma: Floats, frame: Frame) -> Floats:
        small = cv2.resize(np.clip(luma, 0, 1), _size(session, p.size), interpolation=cv2.INTER_AREA)
        grey = np.repeat(small[None], 3, axis=0)
        lightness = cv2.cvtColor(np.ascontiguousarray(grey.transpose(1, 2, 0)), cv2.COLOR_RGB2Lab)[:, :, 0]
        given = lightness[None] if session.contract.inputs == 1 else grey * np.float32(white)
        (made,) = session.run(np.ascontiguousarray(given[None]))
        rgb = _of_lab(lightness, made) if len(made) == 2 else np.clip(made / np.float32(white), 0, 1)
        return np.stack(mixed(rgb, frame)[1:])

    return paint


def _of_lab(lightness: Floats, made: Floats) -> Floats:
    import cv2
    import numpy as np

    lab = np.stack([lightness, *made], -1).astype(np.float32)
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB)).transpose(2, 0, 1)


def _size(session: Session, side: int) -> tuple[int, int]:
    fixed = session.contract.size
    side = -(-side // 16) * 16
    return (fixed[1], fixed[0]) if fixed else (side, side)


def _session(p: Colorize) -> tuple[Session, float]:
    """The session, and what it calls white."""
    from cinemill.models import sessions
    from cinemill.models.session import Wanted

    wanted = Wanted(sessions.located(p.model), device=p.device)
    session = sessions.opened(wanted)
    if session.contract.inputs not in (1, 3) or session.contract.outputs not in (2, 3):
        raise InvalidParams(f"{p.model} does not make colours of a grey picture.")
    return session, float(p.white) if p.white != "auto" else sessions.white(wanted.path)
