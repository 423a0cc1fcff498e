"""Frames -> pictures for people: a frame as it should look, and a contact sheet of moments side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cinemill.media import clock, lavfi
from cinemill.media.types import Frame

Picture = NDArray[Any]
"""uint8 (H, W, 3), R'G'B', square pixels."""
Box = tuple[int, int, int, int]
"""left, top, width, height in pixels."""

_GROUND = (26, 27, 31)
_TEXT = (236, 236, 240)
_FAINT = (150, 152, 160)
_MARK = (255, 196, 77)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_BOLD = cv2.FONT_HERSHEY_DUPLEX
_GAP = 14
_MARGIN = 32
_CAPTION = 30


def picture(frame: Frame, height: int | None = None) -> Picture:
    """The frame as seen: by its own matrix and range, on square pixels, `height` lines high (its own if None)."""
    rgb = next(lavfi.converted([frame], "rgb24")).planes[0]
    lines = height or frame.height
    width = max(1, round(frame.width * frame.sar * lines / frame.height))
    return resized(rgb, width, lines)


def resized(rgb: Picture, width: int, height: int) -> Picture:
    """`rgb` at another size: averaged down, or cubic up."""
    if rgb.shape[:2] == (height, width):
        return np.asarray(rgb)
    shrinks = width * height < rgb.shape[0] * rgb.shape[1]
    return np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC))


def png(rgb: Picture) -> bytes:
    return _encoded(".png", rgb, [])


def jpeg(rgb: Picture, quality: int = 90) -> bytes:
    """Full chroma resolution, or else the fine colour that is to be shown would be gone."""
    full = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    return _encoded(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, full])


def _encoded(suffix: str, rgb: Picture, options: list[int]) -> bytes:
    _, data = cv2.imencode(suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    return data.tobytes()


def contact_sheet(
    rows: Sequence[tuple[str, Sequence[Frame]]], path: Path, *, title: str = "", height: int = 240, zoom: int = 3
) -> None:
    """Write a PNG: one labelled row per version, one column per moment, and below it a detail of each, enlarged.

    All rows show the same moments and may differ in size; `height` is a picture's on the sheet, in pixels. The detail
    is where the first and the last row differ most, `zoom` times as large as the first row's pixels; 0 leaves it out.
    Raises ValueError when the rows are empty or not of one length.
    """
    lengths = {len(frames) for _, frames in rows}
    if len(lengths) != 1 or not lengths.pop():
        raise ValueError("a contact sheet needs rows of the same number of frames")
    labels = [label for label, _ in rows]
    moments = [[picture(frame) for frame in frames] for _, frames in rows]
    times = [clock.show(frame.time) for frame in rows[0][1]]
    cells = [[_fitted(shot, height) for shot in row] for row in moments]
    bands = [_Band(label, cells_of, times) for label, cells_of in zip(labels, cells)]
    if zoom:
        # One pixel of the first row becomes `zoom` on the sheet, whose pictures are `height` lines high.
        places = [
            place(first, last, min(1, height / (zoom * first.shape[0]))) for first, last in zip(moments[0], moments[-1])
        ]
        details = [
            [_detail(shot, first, box, cell) for shot, first, box, cell in zip(row, moments[0], places, cells[0])]
            for row in moments
        ]
        for row, column in ((r, c) for r in range(len(cells)) for c in range(len(places))):
            _mark(cells[row][column], moments[0][column], places[column])
        bands += [_Band(f"{label}, {zoom}x", crops, times) for label, crops in zip(labels, details)]
    path.write_bytes(png(_sheet(bands, title)))


def _fitted(shot: Picture, height: int) -> Picture:
    return resized(shot, max(1, round(shot.shape[1] * height / shot.shape[0])), height).copy()


def difference(first: Picture, second: Picture) -> NDArray[np.float32]:
    """(H, W) mean absolute difference of two pictures, the second brought to the size of the first."""
    second = resized(second, first.shape[1], first.shape[0])
    return cv2.absdiff(first, second).mean(axis=2, dtype=np.float32)


def place(first: Picture, second: Picture, share: float) -> Box:
    """The part of `first`, `share` as wide and as high as it, in which two pictures of one moment differ most."""
    lines, columns = first.shape[:2]
    high, wide = max(1, round(lines * share)), max(1, round(columns * share))
    error = difference(first, second)
    # What the edges of a tape hold is no picture, and it would win.
    edge = max(1, lines // 16)
    error[:edge] = error[-edge:] = 0
    sums = cv2.integral(error)
    around = sums[high:, wide:] - sums[:-high, wide:] - sums[high:, :-wide] + sums[:-high, :-wide]
    top, left = np.unravel_index(int(around.argmax()), around.shape)
    return int(left), int(top), wide, high


def _detail(shot: Picture, first: Picture, box: Box, cell: Picture) -> Picture:
    """What lies at `box` of `first`, taken from `shot` and enlarged to the size of `cell`."""
    left, top, wide, high = _scaled(box, shot.shape[1] / first.shape[1], shot.shape[0] / first.shape[0])
    crop = shot[top : top + high, left : left + wide]
    return np.asarray(cv2.resize(crop, (cell.shape[1], cell.shape[0]), interpolation=cv2.INTER_CUBIC))


def _mark(cell: Picture, first: Picture, box: Box) -> None:
    """Draw a thin frame around `box` of `first` into its `cell`, in place."""
    left, top, wide, high = _scaled(box, cell.shape[1] / first.shape[1], cell.shape[0] / first.shape[0])
    cv2.rectangle(cell, (left, top), (left + wide - 1, top + high - 1), _MARK, 1, cv2.LINE_AA)


def _scaled(box: Box, across: float, down: float) -> Box:
    left, top, wide, high = box
    return round(left * across), round(top * down), max(1, round(wide * across)), max(1, round(high * down))


@dataclass(frozen=True)
class _Band:
    """A row of the sheet: a label, pictures of one height, and a caption under each."""

    label: str
    cells: list[Picture]
    captions: list[str]

    @property
    def height(self) -> int:
        return max(cell.shape[0] for cell in self.cells) + _CAPTION


def _sheet(bands: list[_Band], title: str) -> Picture:
    gutter = max(_text_width(band.label, 0.62, _BOLD) for band in bands) + 2 * _GAP
    columns = [max(band.cells[place].shape[1] for band in bands) for place in range(len(bands[0].cells))]
    top = _MARGIN + (52 if title else 0)
    width = 2 * _MARGIN + gutter + sum(columns) + _GAP * (len(columns) - 1)
    sheet = np.full(
        (top + sum(band.height + _GAP for band in bands) - _GAP + _MARGIN // 2, width, 3), _GROUND, np.uint8
    )
    if title:
        cv2.putText(sheet, title, (_MARGIN, _MARGIN + 20), _BOLD, 0.8, _TEXT, 1, cv2.LINE_AA)
    for band in bands:
        middle = top + (band.height - _CAPTION) // 2 + 8
        cv2.putText(sheet, band.label, (_MARGIN, middle), _BOLD, 0.62, _TEXT, 1, cv2.LINE_AA)
        left = _MARGIN + gutter
        for cell, caption, column in zip(band.cells, band.captions, columns):
            high, wide = cell.shape[:2]
            sheet[top : top + high, left : left + wide] = cell
            centre = left + (wide - _text_width(caption, 0.5, _FONT)) // 2
            cv2.putText(sheet, caption, (centre, top + high + 20), _FONT, 0.5, _FAINT, 1, cv2.LINE_AA)
            left += column + _GAP
        top += band.height + _GAP
    return sheet


def _text_width(text: str, scale: float, font: int) -> int:
    return int(cv2.getTextSize(text, font, scale, 1)[0][0])


def gallery(cells: Sequence[tuple[str, Picture]], title: str, columns: int = 3) -> Picture:
    """Pictures of one moment, `columns` beside one another, each over its label. All are of one size."""
    empty = np.full_like(cells[0][1], _GROUND)
    filled = [*cells, *[("", empty)] * (-len(cells) % columns)]
    rows = [filled[at : at + columns] for at in range(0, len(filled), columns)]
    return _sheet([_Band("", [shot for _, shot in row], [label for label, _ in row]) for row in rows], title)
