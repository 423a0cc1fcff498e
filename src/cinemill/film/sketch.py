"""A film's timeline as a picture: scenes with what they show, what is spoken, captions and music, against the clock."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import cv2
import numpy as np

from cinemill.film.segments import Film
from cinemill.film.timeline import called
from cinemill.media import clock

_WIDTH, _SIDE, _STRIP, _ROW = 1600, 24, 120, 34
_GROUND, _TEXT, _FAINT = (26, 27, 31), (236, 236, 240), (150, 152, 160)
_SCENE, _SPEECH, _CLIP, _CAPTION, _MUSIC = (70, 96, 140), (82, 140, 96), (74, 128, 140), (150, 120, 60), (120, 84, 140)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def drawn(film: Film) -> Any:
    """The timeline as RGB (H, W, 3). `film` should be small: one picture of each scene is drawn."""
    line = film.line
    height = _SIDE * 2 + _STRIP + _ROW * 5 + 30
    picture: Any = np.empty((height, _WIDTH, 3), np.uint8)
    picture[:] = _GROUND
    span = _WIDTH - 2 * _SIDE

    def x_of(seconds: float) -> int:
        return _SIDE + round(span * min(1.0, max(0.0, seconds / line.seconds)))

    for shot in line.shots:
        if shot.start >= line.frames:
            continue
        left, right = (x_of(float(frame / line.rate)) for frame in (shot.start, min(shot.stop, line.frames)))
        _thumbnail(picture, film, shot.scene, left, right)
        if shot.overlap:
            over = x_of(float((shot.start + shot.overlap) / line.rate))
            cv2.line(picture, (left, _SIDE + _STRIP), (over, _SIDE), _TEXT, 2, cv2.LINE_AA)
        _bar(picture, 0, left, right, _SCENE, called(film.board, shot.scene))
    for each in line.sounds:
        end = each.start + (each.seconds or line.seconds)
        place, colour = (1, _SPEECH) if each.speech else (2, _CLIP)
        text = _said(film, each.start, float(end)) if each.speech else each.file.name
        _bar(picture, place, x_of(each.start), x_of(end), colour, text)
    for each in film.shown:
        begin, end = (x_of(float(frame / line.rate)) for frame in (each.first, each.stop))
        _bar(picture, 3, begin, max(begin + 1, end - 1), _CAPTION, "")
    if film.board.music:
        _bar(picture, 4, _SIDE, _WIDTH - _SIDE, _MUSIC, film.board.music.file.name)
    _ruler(picture, line.seconds, x_of, height)
    return picture


def _thumbnail(picture: Any, film: Film, scene: int, left: int, right: int) -> None:
    alone = _alone(film, scene)
    if right - left < 4 or not alone:
        return
    first, stop = alone[0]
    middle = (first + stop) // 2
    frame = next(film.frames(middle, middle + 1))
    y, u, v = (np.asarray(plane) for plane in frame.planes)
    whole = np.concatenate([y.ravel(), u.ravel(), v.ravel()]).reshape(-1, y.shape[1])
    rgb: Any = cv2.cvtColor(whole, cv2.COLOR_YUV2RGB_I420)
    width = round(_STRIP * rgb.shape[1] / rgb.shape[0])
    small = cv2.resize(rgb, (width, _STRIP), interpolation=cv2.INTER_AREA)
    begin = left
    while begin < right:
        part = small[:, : min(width, right - begin)]
        picture[_SIDE : _SIDE + _STRIP, begin : begin + part.shape[1]] = part
        begin += width
    cv2.line(picture, (left, _SIDE), (left, _SIDE + _STRIP), _GROUND, 1)


def _said(film: Film, start: float, end: float) -> str:
    """What is spoken in this time; recordings that were made have no names worth showing."""
    words = [word for word in film.line.words if start * 1000 <= word.start < end * 1000]
    return "".join(f"{' ' * word.space}{word.text}" for word in words).strip() or "speech"


def _alone(film: Film, scene: int) -> list[tuple[int, int]]:
    """Where a scene is seen without another."""
    from cinemill.film.timeline import edges, shown_at

    found = [(first, stop, shown_at(film.line, first)) for first, stop in edges(film.line)]
    return [(first, stop) for first, stop, seen in found if [each.scene for each in seen] == [scene]]


def _bar(picture: Any, row: int, left: int, right: int, colour: tuple[int, int, int], text: str) -> None:
    top = _SIDE + _STRIP + 8 + row * _ROW
    cv2.rectangle(picture, (left, top), (max(left + 1, right - 1), top + _ROW - 8), colour, -1)
    room = max(0, (right - left - 8) // 8)
    shown = "".join(char if char.isascii() else "?" for char in text)[:room]
    if shown:
        cv2.putText(picture, shown, (left + 5, top + 18), _FONT, 0.42, _TEXT, 1, cv2.LINE_AA)


def _ruler(picture: Any, seconds: float, x_of: Any, height: int) -> None:
    steps = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
    step = next((each for each in steps if seconds / each <= 16), 7200)
    times = np.arange(0, seconds + 1e-6, step).tolist()
    for time in times:
        x = x_of(time)
        cv2.line(picture, (x, height - 34), (x, height - 26), _FAINT, 1)
        told = clock.show(time).partition(".")[0] if step >= 1 else f"{time:.1f}"
        cv2.putText(picture, told, (x + 3, height - 14), _FONT, 0.4, _FAINT, 1, cv2.LINE_AA)
    for one, two in pairwise(times):
        cv2.line(picture, (x_of((one + two) / 2), height - 31), (x_of((one + two) / 2), height - 26), _FAINT, 1)
