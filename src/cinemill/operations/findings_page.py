"""Findings of an analysis -> one HTML page: what is wrong, what to do, how it looks, and how it goes over time."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cinemill.measure import page
    from cinemill.measure.sheet import Picture
    from cinemill.media.types import Frame, MediaInfo

_MOMENTS = 6
_MOST_SCENES = 48
"""Scenes that get a picture; of more, so many are shown, spread evenly."""
_FOOT = 64
"""Lowest rows that are shown enlarged."""
_CUT, _TORN = (255, 196, 77), (226, 84, 72)


def write(source: Path, record: dict[str, Any], output: Path) -> None:
    """`record` is what the operation's part holds: findings, advice, chain and table."""
    from cinemill.measure import moments, page
    from cinemill.media import read

    info = read.probe(source)
    found = record["findings"]
    frames = moments.frames_at(source, moments.spread(source, _MOMENTS))
    sections: list[page.Section] = [
        page.Points("What was found", [(one["found"], one["do"], one["step"]) for one in record["advice"]])
    ]
    if record["chain"]:
        wanted = f"cinemill process {quote(source.name)} -o restored.mkv --chain {quote(record['chain'])}"
        sections.append(page.Command("All of it at once", "Each step is one of the remedies above.", wanted))
    sections.append(_gallery("How it looks", frames))
    sections += _close(frames, found["whole"])
    sections += _plots(found["moments"])
    if len(found["scenes"]) > 1:
        sections.append(_scenes(source, info, found["scenes"]))
    head, *rows = record["table"]
    sections.append(page.Table("In numbers", head, rows))
    page.page(output, source.name, _facts(info, record), *sections, lead=_lead(found))


def _lead(found: dict[str, Any]) -> str:
    closely = f"{found['frames']} frames were looked at closely"
    return f"{closely}, and every frame for scenes." if found["scanned"] else f"{closely}, spread over the file."


def _facts(info: MediaInfo, record: dict[str, Any]) -> list[tuple[str, str]]:
    from cinemill.media import clock, read

    video, whole = read.picture_of(info), record["findings"]["whole"]
    order = whole["fields"]["field_order"]
    cadence = whole["cadence"] + (f", {order}" if order != "progressive" else "")
    noise = whole["noise"]["luma"]
    return [
        ("Picture", f"{video.width}×{video.height}"),
        ("Rate", f"{float(video.frame_rate):.5g} fps"),
        ("Length", clock.show(info.duration).partition(".")[0] if info.duration else "–"),
        ("Cadence", cadence),
        ("Noise", "–" if noise is None else f"{noise:.1f}"),
    ]


def _gallery(title: str, frames: list[Frame]) -> page.Gallery:
    from cinemill.measure import page, sheet
    from cinemill.media import clock

    return page.Gallery(title, [(sheet.picture(f, min(f.height, 360)), clock.show(f.time)) for f in frames])


def _close(frames: list[Frame], whole: dict[str, Any]) -> Iterator[page.Section]:
    """What will be cut off or filled, drawn into a bright moment, and the foot of the picture enlarged."""
    import numpy as np

    from cinemill.measure import page

    bars, torn = whole["bars"], whole["head_switch"]
    if not any(bars.values()) and not torn:
        return
    frame = max(frames, key=lambda one: float(np.mean(one.planes[0])))
    legend = ["Outlined: the picture without its bars."] * any(bars.values()) + ["Red: torn rows."] * bool(torn)
    shown = [(_marked(frame, bars, torn), " ".join(legend))]
    if torn:
        shown.append((_foot(frame), f"The lowest {_FOOT} rows in the middle, enlarged."))
    yield page.Gallery("Edges of the picture", shown, width=420)


def _marked(frame: Frame, bars: dict[str, int], torn: int) -> Picture:
    import cv2

    from cinemill.measure import sheet

    seen = sheet.picture(frame, min(frame.height, 720)).copy()
    high, wide = seen.shape[:2]
    down, across = high / frame.height, wide / frame.width
    left, top = round(bars["left"] * across), round(bars["top"] * down)
    right, bottom = wide - round(bars["right"] * across), high - round(bars["bottom"] * down)
    if any(bars.values()):
        cv2.rectangle(seen, (left, top), (right - 1, bottom - 1), _CUT, 2)
    if torn:
        rows = max(1, round(torn * down))
        seen[-rows:] = (0.55 * seen[-rows:] + 0.45 * _red()).astype(seen.dtype)
    return seen


def _red() -> Any:
    import numpy as np

    return np.array(_TORN, np.float32)


def _foot(frame: Frame) -> Picture:
    import cv2
    import numpy as np

    from cinemill.measure import sheet

    seen = sheet.picture(frame)
    wide = _FOOT * seen.shape[1] // seen.shape[0]
    left = (seen.shape[1] - wide) // 2
    return np.asarray(cv2.resize(seen[-_FOOT:, left : left + wide], None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST))


def _plots(moments: list[dict[str, Any]]) -> Iterator[page.Plot]:
    from cinemill.measure import page

    def plot(title: str, unit: str, scale: float, **names: str) -> Iterator[page.Plot]:
        """Nothing where there is nothing to see."""
        lines = [
            page.Series(name, [(one["time"], one[key] * scale) for one in moments if one[key] is not None])
            for key, name in names.items()
        ]
        if any(value > 0.05 for line in lines for _, value in line.points):
            yield page.Plot(title, unit, lines, least=0)

    if len(moments) < 2:
        return
    noise = {"luma_noise": "luma, standard deviation in code values", "chroma_noise": "colour"}
    yield from plot("Noise over time", "", 1, **noise)
    yield from plot("Dropouts and dirt over time", "", 1, dropouts="dropouts per frame", dirt="dirt per frame")
    yield from plot("Brightness over time", "", 1, brightness="mean of luma in code values")
    yield from plot("Flicker over time", "%", 100, flicker="standard deviation of brightness")


def _scenes(source: Path, info: MediaInfo, scenes: list[dict[str, Any]]) -> page.Gallery:
    from cinemill.measure import moments, page, sheet
    from cinemill.media import read

    unit = read.picture_of(info).time_base
    count = min(len(scenes), _MOST_SCENES)
    chosen = [scenes[place * len(scenes) // count] for place in range(count)]
    # A little into the scene, since its first frame may hold a field of the one before.
    times = [scene["start"] * unit + Fraction(1, 5) for scene in chosen]
    frames = moments.frames_at(source, times)
    shown = [(sheet.picture(frame, min(frame.height, 240)), _caption(one)) for frame, one in zip(frames, chosen)]
    title = f"{len(scenes)} scenes" + (f", {count} of them" if count < len(scenes) else "")
    return page.Gallery(title, shown, width=200)


def _caption(scene: dict[str, Any]) -> str:
    from cinemill.media import clock

    words = [clock.show(scene["time"])]
    if found := scene["measures"]:
        words.append(found["cadence"])
        if found["noise"]["luma"] is not None:
            words.append(f"noise {found['noise']['luma']:.1f}")
    return " · ".join(words)
