from fractions import Fraction

import cv2
import numpy as np
import pytest

from cinemill.measure.sheet import contact_sheet, jpeg, picture, place, png
from cinemill.media.colour import Colour
from cinemill.media.types import Frame


def frame(luma: np.ndarray, number: int = 0, cb: int = 128, cr: int = 128, **rest) -> Frame:
    half = (luma.shape[0] // 2, luma.shape[1] // 2)
    planes = (luma, np.full(half, cb, np.uint8), np.full(half, cr, np.uint8))
    return Frame(planes, "yuv420p", number, Fraction(1, 25), 1, **rest)


def grey(value: int, number: int = 0, size: tuple[int, int] = (48, 64), **rest) -> Frame:
    return frame(np.full(size, value, np.uint8), number, **rest)


def read(path) -> np.ndarray:
    return cv2.imread(str(path))[..., ::-1]


def test_a_picture_has_the_colours_of_its_own_matrix_and_range():
    limited = Colour("bt709", "bt709", "bt709", "limited")
    full = Colour("smpte170m", "smpte170m", "smpte170m", "full")
    # Pure red: BT.709 limited is (63, 102, 240), BT.601 full (76, 85, 255).
    for red in (grey(63, cb=102, cr=240, colour=limited), grey(76, cb=85, cr=255, colour=full)):
        shot = picture(red)
        assert shot.shape == (48, 64, 3)
        assert np.abs(shot.astype(int) - (255, 0, 0)).max() <= 2
    assert np.all(picture(grey(16, colour=limited)) == 0)


@pytest.mark.parametrize(
    ("sar", "height", "shape"),
    [
        (Fraction(16, 15), None, (576, 768, 3)),
        (Fraction(64, 45), None, (576, 1024, 3)),
        (Fraction(16, 15), 240, (240, 320, 3)),
        (Fraction(1), 1152, (1152, 1440, 3)),
    ],
)
def test_a_picture_has_square_pixels_and_the_height_that_was_asked_for(sar, height, shape):
    assert picture(grey(100, size=(576, 720), sar=sar), height).shape == shape


def test_deep_pictures_become_eight_bit():
    planes = (np.full((8, 8), 940, np.uint16), *(np.full((4, 4), 512, np.uint16),) * 2)
    shot = picture(Frame(planes, "yuv420p10le", 0, Fraction(1, 25), colour=Colour(range="limited")))
    assert shot.dtype == np.uint8
    assert shot.min() >= 254


def test_encoded_pictures_come_back_exactly_or_nearly():
    shot = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    for data, allowed in ((png(shot), 0), (jpeg(shot), 12)):
        back = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        assert np.abs(back[4::8, 4::8].astype(int) - shot[4::8, 4::8]).max() <= allowed


def test_the_place_of_most_difference_is_found_and_the_outermost_lines_do_not_count():
    first = np.full((160, 200, 3), 90, np.uint8)
    second = first.copy()
    second[60:75, 120:150] += 40
    second[-6:] = 255
    left, top, wide, high = place(first, second, 0.25)
    assert (wide, high) == (50, 40)
    assert left <= 120
    assert left + wide >= 150
    assert top <= 60
    assert top + high >= 75


def test_the_place_is_found_in_a_picture_of_another_size_and_in_one_that_is_the_same():
    first = np.full((100, 200, 3), 90, np.uint8)
    second = first.copy()
    second[40:60, 20:60] = 200
    larger = cv2.resize(second, (400, 200))
    left, top, wide, high = place(first, larger, 0.3)
    assert left <= 20
    assert left + wide >= 60
    assert top <= 40
    assert top + high >= 60
    assert place(first, first, 1)[2:] == (200, 100)


def test_a_sheet_shows_every_picture_of_every_row_and_its_detail(tmp_path):
    before, after = [grey(40, 0), grey(90, 25)], [grey(140, 0), grey(190, 25)]
    contact_sheet([("Before", before), ("After", after)], tmp_path / "a.png", height=96, zoom=2)
    sheet = read(tmp_path / "a.png")
    for shot in (*before, *after):
        cell = (sheet == picture(shot)[0, 0]).all(axis=2)
        # A picture of 128x96 with a frame of the detail drawn into it, and the detail once more.
        assert cell.sum() == pytest.approx(2 * 128 * 96, rel=0.04)
    labels = sheet[:, 30:100]
    assert (labels > 200).any(axis=(1, 2)).sum() > 30
    contact_sheet([("Before", before)], tmp_path / "b.png", height=96, zoom=0)
    assert read(tmp_path / "b.png").shape[0] < sheet.shape[0] / 2


def test_the_detail_shows_the_same_place_of_pictures_of_different_size(tmp_path):
    luma = np.full((60, 80), 60, np.uint8)
    luma[20:40, 40:60] = 180
    large = cv2.resize(luma, (160, 120), interpolation=cv2.INTER_NEAREST)
    contact_sheet([("a", [grey(60, size=(60, 80))]), ("b", [frame(large)])], tmp_path / "a.png", height=60, zoom=2)
    sheet = read(tmp_path / "a.png")
    square = (np.abs(sheet.astype(int) - picture(frame(large))[60, 100]) <= 2).all(axis=2)
    rows = np.flatnonzero(square.any(axis=1))
    # 20x20 in the picture of 80x60 on the sheet, twice as large in its detail.
    assert square[: rows.mean().astype(int)].sum() == pytest.approx(400, rel=0.2)
    assert square[rows.mean().astype(int) :].sum() == pytest.approx(1600, rel=0.1)


@pytest.mark.parametrize("rows", [[], [("a", [])], [("a", [grey(1)]), ("b", [])]])
def test_uneven_or_empty_rows_are_refused_and_nothing_is_written(tmp_path, rows):
    with pytest.raises(ValueError, match="same number of frames"):
        contact_sheet(rows, tmp_path / "a.png")
    assert not list(tmp_path.iterdir())
