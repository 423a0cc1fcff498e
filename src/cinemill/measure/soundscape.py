"""Sound -> pictures of it: how loud it is over time, and which tones are in it. Hours take no more memory than minutes.

How long a stream is, only its end tells. So it is summed up in many short columns, and whenever there are twice as many
as are wanted, each two become one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from cinemill.media import clock
from cinemill.media.types import Audio

Picture = NDArray[Any]
"""uint8 (H, W, 3), R'G'B'."""
Floats = NDArray[Any]
Scale = Literal["log", "linear", "mel"]

_GROUND = (26, 27, 31)
_PANEL = (18, 19, 22)
_GRID = (44, 46, 52)
_TEXT = (198, 200, 208)
_PEAK = (86, 132, 196)
_LOUD = (140, 190, 255)
_CLIPPED = (255, 92, 80)
_FULL = 0.999
"""From here on a sample is at full scale."""
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_LEFT, _RIGHT, _TOP, _BOTTOM, _GAP = 64, 20, 18, 34, 10
_LEAST_HZ = 40.0
_FLOOR = 1e-12


@dataclass(frozen=True, slots=True)
class Levels:
    """Of each column and channel, (channels, columns) float32: the lowest and highest sample, and their mean power."""

    low: Floats
    high: Floats
    power: Floats
    seconds: float

    @property
    def peak(self) -> float:
        return float(max(np.abs(self.low).max(initial=0.0), np.abs(self.high).max(initial=0.0)))


@dataclass(frozen=True, slots=True)
class Tones:
    """Mean power of each tone in each column, (channels, bins, columns) float32; 1 is a sine at full scale. Bins go
    from 0 to half of `rate`."""

    power: Floats
    rate: int
    seconds: float


class _Columns:
    """Values that come one after another along the last axis; at most twice as many as wanted are kept.

    `per` values that came are one that is kept. `join` makes one of several.
    """

    def __init__(self, rows: tuple[int, ...], wanted: int, join: Any) -> None:
        self.kept = np.zeros((*rows, 2 * wanted), np.float32)
        self.held = np.zeros((*rows, 0), np.float32)
        self.count, self.per = 0, 1
        self.join = join

    def take(self, values: Floats) -> None:
        values = np.concatenate([self.held, values], axis=-1)
        while whole := min(values.shape[-1] // self.per, self.kept.shape[-1] - self.count):
            groups = values[..., : whole * self.per].reshape(*values.shape[:-1], whole, self.per)
            self.kept[..., self.count : self.count + whole] = self.join(groups, axis=-1)
            values = values[..., whole * self.per :]
            self.count += whole
            if self.count == self.kept.shape[-1]:
                self.count //= 2
                pairs = self.kept.reshape(*self.kept.shape[:-1], -1, 2)
                self.kept[..., : self.count] = self.join(pairs, axis=-1)
                self.per *= 2
        self.held = values.astype(np.float32)

    def columns(self, wanted: int) -> Floats:
        """All that came as so many columns."""
        found = self.kept[..., : self.count]
        if self.held.shape[-1]:
            found = np.concatenate([found, self.join(self.held, axis=-1)[..., None]], axis=-1)
        edges = np.arange(wanted + 1) * found.shape[-1] // wanted
        columns = [self.join(found[..., a : max(a + 1, b)], axis=-1) for a, b in pairwise(edges.tolist())]
        return np.stack(columns, axis=-1)


def levels(blocks: Iterable[Audio], columns: int) -> Levels | None:
    """How loud a stream is in each of so many columns of equal length. None for a stream without a sample."""
    low = high = power = None
    rest: Floats | None = None
    count, rate, hop = 0, 1, 1
    for block in blocks:
        samples = np.nan_to_num(block.samples)
        if low is None or high is None or power is None or rest is None:
            rate, hop = block.sample_rate, max(1, block.sample_rate // 1000)
            shape = (len(samples),)
            low, high, power = (_Columns(shape, columns, join) for join in (np.min, np.max, np.mean))
            rest = samples[:, :0]
        count += samples.shape[1]
        samples = np.concatenate([rest, samples], axis=1)
        whole = samples.shape[1] // hop * hop
        rest = samples[:, whole:]
        _leveled(samples[:, :whole], hop, low, high, power)
    if low is None or high is None or power is None or rest is None or not count:
        return None
    if rest.shape[1]:
        _leveled(rest, rest.shape[1], low, high, power)
    return Levels(low.columns(columns), high.columns(columns), power.columns(columns), count / rate)


def _leveled(samples: Floats, hop: int, low: _Columns, high: _Columns, power: _Columns) -> None:
    cells = samples.reshape(len(samples), -1, hop)
    low.take(cells.min(axis=2))
    high.take(cells.max(axis=2))
    power.take(np.square(cells, dtype=np.float64).mean(axis=2))


def tones(blocks: Iterable[Audio], columns: int, size: int = 0) -> Tones | None:
    """Which tones are in each of so many columns; windows of `size` samples, or about 45 ms. None without a sample."""
    found: _Columns | None = None
    rest: Floats = np.zeros((1, 0), np.float32)
    window: Floats = np.zeros(0)
    count, rate = 0, 1
    for block in blocks:
        samples = np.nan_to_num(block.samples)
        if found is None:
            rate = block.sample_rate
            size = size or 1 << max(6, round(np.log2(0.045 * rate)))
            window = np.hanning(size + 1)[:size]
            found = _Columns((len(samples), size // 2 + 1), columns, np.mean)
            # As if there were silence before: the first window's middle is the beginning.
            rest = np.zeros((len(samples), size // 2), np.float32)
        count += samples.shape[1]
        rest = _heard(np.concatenate([rest, samples], axis=1), window, found)
    if found is None or not count:
        return None
    _heard(np.pad(rest, ((0, 0), (0, size))), window, found)
    return Tones(found.columns(columns), rate, count / rate)


def _heard(samples: Floats, window: Floats, found: _Columns) -> Floats:
    """Half of each window is the next one's; what is left over comes back."""
    size, hop = len(window), len(window) // 2
    last = (samples.shape[1] - size) // hop + 1
    for at in range(0, max(0, last), 64):
        stop = min(last, at + 64)
        part = samples[:, at * hop : (stop - 1) * hop + size]
        runs = np.lib.stride_tricks.sliding_window_view(part, size, axis=1)[:, ::hop]
        spectrum = np.fft.rfft(runs * window) / (window.sum() / 2)
        found.take(np.moveaxis(np.abs(spectrum) ** 2, 1, 2).astype(np.float32))
    return samples[:, max(0, last) * hop :]


def waveform(found: Levels, height: int, gain_db: float = 0.0) -> Picture:
    """Channels one above another: the reach of samples, inside it the mean level, red where it is at full scale."""
    channels, width = found.low.shape
    sheet, panels = _sheet(channels, width, height, found.seconds)
    factor = 10 ** (gain_db / 20)
    for number, top, lines in panels:
        panel = sheet[top : top + lines, _LEFT : _LEFT + width]
        middle = (lines - 1) / 2
        _levels_grid(sheet, top, lines, width)
        place = np.arange(lines)[:, None]
        low, high = (middle - middle * np.clip(v[number] * factor, -1, 1) for v in (found.low, found.high))
        mean = middle * np.clip(np.sqrt(found.power[number]) * factor, 0, 1)
        # Where there is sound, there is at least a line.
        reach = (place >= np.floor(high)) & (place <= np.maximum(np.ceil(low), np.floor(high)))
        loud = np.abs(place - middle) <= mean
        clipped = np.maximum(np.abs(found.low[number]), np.abs(found.high[number])) >= _FULL
        panel[reach] = _PEAK
        panel[reach & loud] = _LOUD
        panel[reach & clipped] = _CLIPPED
    return sheet


def _levels_grid(sheet: Picture, top: int, lines: int, width: int) -> None:
    """Lines at full scale and below it, named where there is room."""
    middle = (lines - 1) / 2
    for db in (0, -6, -12, -24):
        far = middle * 10 ** (db / 20)
        if middle - far > 1 or db == 0:
            for at in (round(top + middle - far), round(top + middle + far)):
                sheet[at, _LEFT : _LEFT + width] = _GRID
        if lines >= 90 and db >= -12:
            _write(sheet, f"{db} dB", _LEFT - 8, round(top + middle - far) + 4 + 4 * (db == 0), right=True)
    sheet[round(top + middle), _LEFT : _LEFT + width] = _GRID
    if lines >= 60:
        _write(sheet, "-inf", _LEFT - 8, round(top + middle) + 4, right=True)


def spectrogram(found: Tones, height: int, scale: Scale = "log", floor_db: float = -100.0) -> Picture:
    """Channels one above another, low tones below; from `floor_db` of full scale, dark, to 0, bright."""
    channels, bins, width = found.power.shape
    sheet, panels = _sheet(channels, width, height, found.seconds)
    top_hz = found.rate / 2
    for number, top, lines in panels:
        edges = _hertz(np.arange(lines + 1) / lines, top_hz, scale)[::-1] / top_hz * (bins - 1)
        rows = _rows(found.power[number], edges)
        share = np.clip(1 - 10 * np.log10(rows + _FLOOR) / floor_db, 0, 1)
        coloured = cv2.applyColorMap(np.asarray(255 * share).round().astype(np.uint8), cv2.COLORMAP_INFERNO)
        sheet[top : top + lines, _LEFT : _LEFT + width] = coloured[:, :, ::-1]
        last = top + 2 * lines
        for hz in _round_hertz(top_hz, scale):
            at = top + lines - 1 - round(float(_share(hz, top_hz, scale)) * (lines - 1))
            if top + 4 <= at <= min(top + lines - 1, last - 16):
                sheet[at, _LEFT - 5 : _LEFT] = _TEXT
                _write(sheet, f"{hz / 1000:g}k" if hz >= 1000 else f"{hz:g}", _LEFT - 9, at + 4, right=True)
                last = at
    return sheet


def _rows(power: Floats, edges: Floats) -> Floats:
    """(lines, columns): the strongest bin between each two edges, which fall; between bins what lies between them."""
    lines: list[Floats] = []
    for high, low in pairwise(edges):
        first, last = int(np.ceil(low)), int(np.floor(high))
        if last >= first:
            lines.append(power[first : last + 1].max(axis=0))
        else:
            middle = (low + high) / 2
            under = int(middle)
            part = middle - under
            lines.append((1 - part) * power[under] + part * power[min(under + 1, len(power) - 1)])
    return np.stack(lines)


def _hertz(share: Floats, top: float, scale: Scale) -> Floats:
    """The tone at a share of the height."""
    least = min(_LEAST_HZ, top / 8)
    if scale == "linear":
        return share * top
    if scale == "mel":
        return 700 * ((1 + top / 700) ** share - 1)
    return least * (top / least) ** share


def _share(hz: float, top: float, scale: Scale) -> float:
    least = min(_LEAST_HZ, top / 8)
    if scale == "linear":
        return hz / top
    if scale == "mel":
        return float(np.log(1 + hz / 700) / np.log(1 + top / 700))
    return float(np.log(hz / least) / np.log(top / least))


def _round_hertz(top: float, scale: Scale) -> Sequence[float]:
    if scale == "linear":
        step = next(
            step for step in (500.0, 1000.0, 2000.0, 4000.0, 8000.0, 16_000.0) if top / step <= 14 or step > 9e3
        )
        return [step * number for number in range(int(top / step) + 1)]
    return [hz for decade in (10.0, 100.0, 1000.0, 10_000.0) for hz in (decade, 2 * decade, 5 * decade) if hz < top]


def _sheet(channels: int, width: int, height: int, seconds: float) -> tuple[Picture, list[tuple[int, int, int]]]:
    """An empty sheet with a clock under it, and where each channel goes: its number, upper row and rows."""
    lines = max(16, (height - _TOP - _BOTTOM - _GAP * (channels - 1)) // channels)
    whole = _TOP + channels * lines + _GAP * (channels - 1) + _BOTTOM
    sheet = np.full((whole, _LEFT + width + _RIGHT, 3), _GROUND, np.uint8)
    panels = [(number, _TOP + number * (lines + _GAP), lines) for number in range(channels)]
    for _, top, rows in panels:
        sheet[top : top + rows, _LEFT : _LEFT + width] = _PANEL
    bottom = whole - _BOTTOM
    step = _step(seconds, width)
    at = 0.0
    while at <= seconds:
        x = _LEFT + min(width - 1, round(at / seconds * width)) if seconds else _LEFT
        sheet[bottom : bottom + 5, x] = _TEXT
        _write(sheet, _clock(at, step), x, bottom + 22, centred=True)
        at += step
    return sheet, panels


def _step(seconds: float, width: int) -> float:
    """Seconds between two marks of the clock, a round number of them."""
    steps = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400)
    return next((step for step in steps if seconds / step <= max(1, width / 110)), 28_800)


def _clock(seconds: float, step: float) -> str:
    whole, _, rest = clock.show(seconds + 1e-6).partition(".")
    digits = 0 if step >= 1 else 1 if step >= 0.1 else 2
    return f"{whole}.{rest[:digits]}" if digits else whole


def _write(sheet: Picture, text: str, x: int, y: int, *, right: bool = False, centred: bool = False) -> None:
    width = int(cv2.getTextSize(text, _FONT, 0.4, 1)[0][0])
    left = x - width if right else x - width // 2 if centred else x
    left = min(max(2, left), sheet.shape[1] - width - 2)
    cv2.putText(sheet, text, (left, y), _FONT, 0.4, _TEXT, 1, cv2.LINE_AA)
