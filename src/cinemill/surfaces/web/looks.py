"""What the page wants to see of files: facts, pictures, a style on a picture, levels of sound."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cinemill.kept import kept
from cinemill.media import suffixes

if TYPE_CHECKING:
    from cinemill.filters import Step
    from cinemill.measure.sheet import Picture
    from cinemill.media.types import Frame, MediaInfo

_LINES = 540
"""Height of pictures to judge a style by."""
_GALLERY_LINES = 360
_EMPTY = 8.0
"""Standard deviation of luma in code values below which a picture shows nothing."""
_PLAIN = (".txt", ".md", ".markdown")


def nothing() -> None:
    """Load what every look needs, so that the first one is quick."""
    import importlib

    for name in ("measure.sheet", "media.read", "operations.video"):
        importlib.import_module(f"cinemill.{name}")


def facts(path: Path, folder: Path) -> dict[str, Any]:
    """What a file is, for people: `kind`, `told` (one line), `seconds`, `poster` (a file) and `rate` (frames a second),
    None where there is no such. Raises OpenFailed."""
    from cinemill.errors import CinemillError
    from cinemill.media import read
    from cinemill.media.cues import files

    if path.suffix.lower() in suffixes.PICTURE:
        return _still(path, folder)
    try:
        info = read.probe(path)
    except CinemillError as error:
        if path.suffix.lower() in files.SUFFIXES or path.suffix.lower() in _PLAIN:
            return _text_facts(path)
        if path.suffix.lower() in (".cube", ".json", ".onnx", ".safetensors", ".pth", ".csv"):
            return {"kind": "data", "told": _size(path), "seconds": None, "poster": None}
        raise error
    seconds = float(info.duration) if info.duration else None
    kind = "audio" if info.video is None else "video"
    poster = str(_poster(path, folder)) if info.video is not None else None
    rate = str(info.video.frame_rate) if info.video else None
    return {"kind": kind, "told": _told(info, path), "seconds": seconds, "poster": poster, "rate": rate}


def _text_facts(path: Path) -> dict[str, Any]:
    from cinemill.media.cues import files

    if path.suffix.lower() in _PLAIN:
        count = len(path.read_text("utf-8", "replace").split())
        return {"kind": "text", "told": f"{count} words", "seconds": None, "poster": None}
    found = files.read(path)
    count = len(found.transcript.cues)
    return {"kind": "subtitle", "told": f"{found.format.upper()}, {count} cues", "seconds": None, "poster": None}


def _told(info: MediaInfo, path: Path) -> str:
    from cinemill.media import clock

    words = [clock.show(info.duration).partition(".")[0]] if info.duration else []
    if info.video:
        words += [
            f"{info.video.width}×{info.video.height}",
            f"{float(info.video.frame_rate):.4g} fps",
            info.video.codec,
        ]
    sound = info.of_kind("audio")
    if sound:
        words.append(sound[0].codec + (f" and {len(sound) - 1} more" if len(sound) > 1 else ""))
    return " · ".join([*words, _size(path)])


def _size(path: Path) -> str:
    size = path.stat().st_size
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.0f} kB"


def _key(path: Path, *facts: object) -> str:
    status = path.stat()
    told = repr((str(path), status.st_size, status.st_mtime_ns, *facts))
    return hashlib.blake2b(told.encode(), digest_size=10).hexdigest()


def _kept(folder: Path, key: str, picture: Picture) -> Path:
    from cinemill.measure import sheet

    path = folder / f"{key}.jpg"
    passing = path.with_suffix(".tmp")
    passing.write_bytes(sheet.jpeg(picture, 92))
    passing.replace(path)
    return path


def _poster(path: Path, folder: Path) -> Path:
    from cinemill.measure import sheet

    key = _key(path, "poster")
    found = folder / f"{key}.jpg"
    if not found.exists():
        frame = _whole_picture(path)
        _kept(folder, key, sheet.picture(frame, min(frame.height, _GALLERY_LINES)))
    return found


def _still(path: Path, folder: Path) -> dict[str, Any]:
    """A photograph or drawing. Raises OpenFailed, DecodeFailed."""
    from cinemill.film import stills
    from cinemill.measure import sheet

    seen, _ = stills.read_rgb(path)
    high, wide = seen.shape[:2]
    lines = min(high, _GALLERY_LINES)
    poster = _kept(folder, _key(path, "poster"), sheet.resized(seen, max(1, wide * lines // high), lines))
    told = f"{wide}×{high} · {_size(path)}"
    return {"kind": "image", "told": told, "seconds": None, "poster": str(poster), "rate": None}


def _whole_picture(path: Path) -> Frame:
    """A picture with something in it that needs no other to be decoded; any, where all are empty."""
    from cinemill.media import read
    from cinemill.operations.video import indexed

    info = read.probe(path)
    index = indexed(info.path)
    starts = index.keyframes[:: max(1, len(index.keyframes) // 4)] or (None,)
    found: Frame | None = None
    for start in [*starts[1:], starts[0]]:
        found = next(iter(read.frames(info, start=start, index=index if start is not None else None)))
        if found.planes[0].std() > _EMPTY * (1 << (found.layout.bits - 8)):
            return found
    return found if found is not None and not index.pts else frame_at(path, 0.5)


@kept(8)
def frame_at(path: Path, share: float) -> Frame:
    """The picture at `share` (0 to 1) of a file's length."""
    from cinemill.measure import moments
    from cinemill.media import read
    from cinemill.operations.video import indexed

    info = read.probe(path)
    pts = indexed(info.path).pts
    if not pts:
        return next(iter(read.frames(info)))
    at = pts[min(len(pts) - 1, int(share * len(pts)))]
    (frame,) = moments.frames_at(path, [at * read.picture_of(info).time_base])
    return frame


def moments_of(path: Path, folder: Path, count: int) -> list[tuple[str, str]]:
    """`count` pictures spread over a file, each with its time."""
    from cinemill.measure import sheet
    from cinemill.media import clock

    shown: list[tuple[str, str]] = []
    for number in range(count):
        share = (2 * number + 1) / (2 * count)
        frame = frame_at(path, share)
        picture = sheet.picture(frame, min(frame.height, _GALLERY_LINES))
        shown.append((str(_kept(folder, _key(path, "moment", share), picture)), clock.show(frame.time)))
    return shown


def _smaller(frame: Frame, lines: int) -> Frame:
    """The frame on square pixels and at most `lines` high, so that a style is quick to try."""
    from cinemill.filters import text

    if frame.height <= lines and frame.sar == 1:
        return frame
    chain = text.chain(f"scale=height:{min(lines, frame.height) // 2 * 2}:square:true")
    return next(chain.run([frame]))


def manners() -> list[tuple[str, str]]:
    """Every manner there is: label and chain."""
    from cinemill.operations import stylize

    return [(label, str(chain)) for label, chain in stylize.manners()]


def in_a_style(path: Path, share: float, written: str, folder: Path) -> str:
    """A small picture of the file after a chain of one style."""
    from cinemill.filters import text
    from cinemill.measure import sheet

    found = folder / f"{_key(path, 'style', share, written, _GALLERY_LINES)}.jpg"
    if not found.exists():
        frame = _smaller(frame_at(path, share), _GALLERY_LINES)
        _kept(folder, found.stem, sheet.picture(next(text.chain(written).run([frame]))))
    return str(found)


def filtered(path: Path, share: float, written: str, folder: Path, lines: int = _LINES) -> tuple[str, str]:
    """A picture of the file before and after a chain of filters, as files of one size. Raises CinemillError."""
    from cinemill.filters import text
    from cinemill.measure import sheet

    frame = _smaller(frame_at(path, share), lines)
    first = folder / f"{_key(path, 'plain', share, lines)}.jpg"
    second = folder / f"{_key(path, 'chain', share, written, lines)}.jpg"
    plain = sheet.picture(frame)
    if not first.exists():
        _kept(folder, first.stem, plain)
    if not second.exists():
        made = sheet.picture(next(text.chain(written).run([frame])))
        _kept(folder, second.stem, sheet.resized(made, plain.shape[1], plain.shape[0]))
    return str(first), str(second)


def styled(path: Path, share: float, values: dict[str, Any], folder: Path) -> tuple[str, str]:
    """A picture of the file before and after what `stylize` would do with `values`. Raises CinemillError."""
    from cinemill.operations import stylize

    chain = stylize.styled(stylize.Stylize.of(values, "stylize"))
    return filtered(path, share, str(chain), folder)


def compared(before: Path, start: Fraction, after: Path, count: int, folder: Path) -> list[tuple[str, str, str]]:
    """The same moments of a file and of an excerpt of it that began at `start` s: files before and after, time."""
    from cinemill.measure import moments, sheet
    from cinemill.media import clock

    times = moments.spread(after, count)
    earlier = moments.frames_at(before, [start + time for time in times])
    shown: list[tuple[str, str, str]] = []
    for one, other, time in zip(earlier, moments.frames_at(after, times), times):
        made = sheet.picture(other, min(other.height, 1080))
        plain = sheet.resized(sheet.picture(one), made.shape[1], made.shape[0])
        key = _key(after, "pair", time)
        shown.append(
            (
                str(_kept(folder, f"{key}-before", plain)),
                str(_kept(folder, f"{key}-after", made)),
                clock.show(start + time),
            )
        )
    return shown


def middle_of(path: Path, seconds: float) -> Fraction:
    """When an excerpt of so many seconds from the middle begins."""
    from cinemill.media import read
    from cinemill.operations.video import indexed, middle

    info = read.probe(path)
    found = middle(seconds, info, indexed(info.path))
    return found[0] * read.picture_of(info).time_base if found else Fraction(0)


def restoration(
    path: Path, values: dict[str, Any], advice: Sequence[dict[str, str]], tweaks: dict[str, Any]
) -> tuple[str, list[str]]:
    """The chain for what an analysis advised as far as `values` of restore want it, and a sentence for each step.

    `tweaks` are set in every step that works with a network and has such a parameter.
    """
    from cinemill.filters import Chain
    from cinemill.media import read
    from cinemill.operations import remedies
    from cinemill.operations.advice import Advice
    from cinemill.operations.wishes import Restore

    told = [Advice(one["found"], one.get("do", ""), one.get("step", "")) for one in advice]
    chain, notes = remedies.chosen(Restore.of(values, "restore"), told, read.picture_of(read.probe(path)))
    return str(Chain(tuple(_tweaked(step, tweaks) for step in chain.steps))), notes


def _tweaked(step: Step, tweaks: dict[str, Any]) -> Step:
    from cinemill.filters import text

    known = type(step.params).model_fields
    if "model" not in known:
        return step
    new = {name: value for name, value in tweaks.items() if name in known and value != known[name].default}
    return text.step(step.filter.name, step.params.model_dump(exclude_unset=True) | new) if new else step


def loudness(path: Path, columns: int = 1200) -> list[float]:
    """How loud the voice is over the length of a file, from 0 to 1, in at most `columns` steps. Raises NoSuchStream."""
    import numpy as np

    from cinemill.measure import voice
    from cinemill.media import mono, read

    info = read.probe(path)
    levels = np.asarray(voice.levels(mono.mono(info, read.sound_of(info, 0))), np.float32)
    if not len(levels):
        return []
    edges = np.linspace(0, len(levels), min(columns, len(levels)) + 1).astype(int)
    tops = np.maximum.reduceat(levels, edges[:-1])
    floor, top = float(np.percentile(tops, 5)), float(tops.max())
    return [round(float(value), 3) for value in np.clip((tops - floor) / max(12.0, top - floor), 0.02, 1)]
