"""A camera over a picture: where each point goes, and that fine patterns neither flicker nor fold."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from cinemill.film import paths, stills
from cinemill.film.board import KenBurns
from cinemill.film.stills import Still

WIDTH, HEIGHT, FRAMES = 320, 180, 60


def still(picture: Any, moves: KenBurns, turn: int = 0) -> Still:
    way = paths.path(moves, picture.shape[1], picture.shape[0], WIDTH / HEIGHT, (0.5, 0.5), turn)
    return Still(picture, way, WIDTH, HEIGHT)


def dot(width: int, height: int, x: float, y: float, size: float) -> Any:
    """A soft white dot on black, its middle at (x, y) pixels from the upper left corner."""
    rows, columns = np.mgrid[:height, :width] + 0.5
    light = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * size**2))
    return np.dstack([light.astype(np.uint8)] * 3)


def middle(plane: Any) -> tuple[float, float]:
    light = np.clip(plane.astype(float) - 17, 0, None)
    rows, columns = np.mgrid[: plane.shape[0], : plane.shape[1]] + 0.5
    return float((light * columns).sum() / light.sum()), float((light * rows).sum() / light.sum())


@pytest.mark.parametrize(
    "moves",
    [
        KenBurns(move="in", zoom=1.3),
        KenBurns(move="out", zoom=1.15, ease="linear"),
        KenBurns(move="right", zoom=1.2),
        KenBurns(move="up-left", zoom=1.2, ease="out"),
        KenBurns(start=(0, 0, 1, 1), end=(0.2, 0.3, 0.5, 0.5), ease="in"),
    ],
    ids=lambda moves: f"{moves.move}-{moves.ease}",
)
@pytest.mark.parametrize("scale", [0.7, 1.0, 2.9])
def test_a_point_goes_where_the_camera_says_within_a_tenth_of_a_pixel(moves: KenBurns, scale: float) -> None:
    width, height = round(WIDTH * scale), round(HEIGHT * scale)
    x, y = width * 0.47, height * 0.52
    camera = still(dot(width, height, x, y, 4 * scale), moves)
    worst = 0.0
    for number in range(FRAMES):
        share = number / (FRAMES - 1)
        view = camera.way.at(share)
        wanted = ((x - view.left) * WIDTH / view.width, (y - view.top) * HEIGHT / view.height)
        found = middle(camera.at(share)[0])
        worst = max(worst, *(abs(a - b) for a, b in zip(found, wanted)))
    assert worst < 0.1


def test_colour_goes_with_light() -> None:
    picture = np.zeros((400, 640, 3), np.uint8)
    picture[:, 320:] = (255, 0, 0)
    for share in (0.0, 0.31, 0.77):
        y, _, v = still(picture, KenBurns(move="right", zoom=1.4)).at(share)
        # Where light is half way between both sides, colour is too: it lies on the left one of each two columns.
        row = y[90].astype(float)
        edge = np.interp((row.min() + row.max()) / 2, row, np.arange(WIDTH))
        red = v[45].astype(float)
        turn = np.interp((red.min() + red.max()) / 2, red, np.arange(WIDTH // 2) * 2)
        assert abs(edge - turn) < 0.6


def test_fine_patterns_do_not_flicker_while_the_camera_zooms() -> None:
    """Stripes finer than the film's pixels are grey at every moment; dropped pixels would make them beat."""
    rows, columns = np.mgrid[:900, :1600]
    stripes = ((rows + columns) % 3 == 0).astype(np.uint8) * 255
    camera = still(np.dstack([stripes] * 3), KenBurns(move="in", zoom=1.3))
    seen = [camera.at(k / 20)[0][20:-20, 20:-20].astype(float) for k in range(21)]
    assert max(float(np.abs(frame - frame.mean()).mean()) for frame in seen) < 4
    means = [frame.mean() for frame in seen]
    assert max(means) - min(means) < 1


def test_detail_that_the_film_can_show_stays() -> None:
    """Lines of four pixels of the film keep most of their contrast at every phase."""
    camera_picture = np.zeros((720, 1280, 3), np.uint8)
    camera_picture[:, (np.arange(1280) // 8) % 2 == 0] = 255
    camera = still(camera_picture, KenBurns(move="right", zoom=1.25, ease="linear"))
    contrasts = []
    for k in range(30):
        plane = camera.at(k / 29)[0][60:120].astype(float)
        contrasts.append(plane.std())
    assert min(contrasts) > 0.75 * 109
    assert max(contrasts) / min(contrasts) < 1.06


def test_the_sharpest_copy_is_blended_without_a_jump() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (720, 1280, 3)).astype(np.uint8)
    camera = still(cv2.GaussianBlur(noise, (0, 0), 0.8), KenBurns(move="in", zoom=2, ease="linear"))
    sharp = [float(cv2.Laplacian(camera.at(k / 40)[0], cv2.CV_32F).std()) for k in range(41)]
    steps = np.abs(np.diff(sharp)) / np.array(sharp[:-1])
    assert steps.max() < 0.12


@pytest.mark.parametrize("size", [(1, 1), (3, 1000), (1000, 3), (20, 20)])
def test_any_size_of_picture_can_be_moved_over(size: tuple[int, int]) -> None:
    picture = np.full((size[1], size[0], 3), 200, np.uint8)
    camera = still(picture, KenBurns(move="in"))
    for share in (0, 0.5, 1):
        planes = camera.at(share)
        assert [plane.shape for plane in planes] == [
            (HEIGHT, WIDTH),
            (HEIGHT // 2, WIDTH // 2),
            (HEIGHT // 2, WIDTH // 2),
        ]
        assert abs(int(planes[0].mean()) - (16 + 200 * 219 // 255)) <= 1


def test_auto_takes_turns() -> None:
    ways = [paths.path(KenBurns(), 1000, 1000, 16 / 9, (0.5, 0.5), turn) for turn in range(4)]
    assert len({(way.start, way.end) for way in ways}) == 4
    for way in ways:
        for k in range(11):
            view = way.at(k / 10)
            assert view.left >= -1e-6
            assert view.top >= -1e-6
            assert view.left + view.width <= 1000 + 1e-6
            assert view.top + view.height <= 1000 + 1e-6


def test_colours_are_those_of_bt709() -> None:
    for colour, wanted in (("#ffffff", (235, 128, 128)), ("#000000", (16, 128, 128)), ("#ff0000", (63, 102, 240))):
        assert tuple(int(plane[0, 0]) for plane in stills.flat(colour, 16, 16)) == wanted
