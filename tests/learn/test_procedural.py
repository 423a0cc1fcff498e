from fractions import Fraction

import numpy as np
import pytest

from cinemill.learn.music import CLICK_LEVEL, CLICK_SECONDS, sound
from cinemill.learn.procedural import cuts, scenes, yuv420p
from cinemill.learn.stage import DENSITY, Motion, Scene, Sprite
from cinemill.learn.textures import PALETTES, leaf
from cinemill.media import lavfi
from cinemill.media.colour import Colour
from cinemill.media.types import Frame

SEED = 3
SECONDS = 5
BT601 = Colour("smpte170m", "smpte170m", "smpte170m", "limited")


@pytest.fixture(scope="module")
def reel():
    return list(scenes(160, 128, Fraction(25), SECONDS, SEED))


def test_frames_are_limited_range_bt601_and_on_the_clock(reel):
    assert [frame.pts for frame in reel] == list(range(125))
    assert {(f.time_base, f.duration, f.format, f.field_order) for f in reel} == {
        (Fraction(1, 25), 1, "yuv420p", "progressive")
    }
    assert reel[0].colour == BT601
    assert all(f.planes[0].min() >= 16 and f.planes[0].max() <= 235 for f in reel)


def test_an_ntsc_rate_keeps_its_exact_clock():
    frame = next(scenes(64, 48, Fraction(60000, 1001), 1, 0))
    assert frame.time_base == Fraction(1001, 60000)
    assert frame.duration == 1


def test_the_same_seed_gives_the_same_pixels_and_another_seed_others(reel):
    again = list(scenes(160, 128, Fraction(25), SECONDS, SEED))
    assert all(np.array_equal(a, b) for x, y in zip(reel, again) for a, b in zip(x.planes, y.planes))
    other = next(scenes(160, 128, Fraction(25), SECONDS, SEED + 1))
    assert not np.array_equal(other.planes[0], reel[0].planes[0])


def test_the_picture_changes_all_over_at_cuts_and_moves_everywhere_else(reel):
    planned = [int(start * 25) for start in cuts(SECONDS, SEED)[1:]]
    luma = np.stack([frame.planes[0] for frame in reel]).astype(np.int16)
    change = np.abs(np.diff(luma, axis=0)).mean(axis=(1, 2))
    assert planned
    assert [n + 1 for n in np.flatnonzero(change > 12)] == planned
    assert change.min() > 0


def test_scenes_last_from_two_seconds_on_and_the_last_one_is_not_a_flash():
    for seed in range(20):
        starts = cuts(60, seed)
        lengths = np.diff([*map(float, starts), 60.0])
        assert starts[0] == 0
        assert all(2.3 < length < 3.7 for length in lengths[:-1])
        assert lengths[-1] > 1.1
        assert all(start * 5 == int(start * 5) for start in starts)


def test_wide_pixels_squeeze_what_is_drawn():
    image = np.full((60, 60, 4), 255, np.uint8)
    scene = Scene(np.zeros((300, 300, 3), np.uint8), (Sprite(image),))
    lit = scene.picture(0, 200, 200, 2.0)[..., 0] > 127
    height, width = np.ptp(np.nonzero(lit), axis=1) + 1
    assert (height, width) == (60 / DENSITY, 60 / DENSITY / 2)


def test_a_sprite_moves_by_its_speed_times_the_picture_height():
    disc = leaf(np.random.default_rng(0), 60, PALETTES[0], "disc")
    scene = Scene(np.zeros((300, 300, 3), np.uint8), (Sprite(disc, Motion(vx=0.25, vy=-0.1)),))

    def centre(t: float) -> np.ndarray:
        seen = scene.picture(t, 200, 200, 1.0)[..., 0].astype(float)
        y, x = np.mgrid[:200, :200]
        return np.array([(x * seen).sum(), (y * seen).sum()]) / seen.sum()

    for t in (0.003, 0.51, 1.01):
        assert centre(t) - centre(0) == pytest.approx([50 * t, -20 * t], abs=0.05)


@pytest.mark.parametrize(
    ("rgb", "yuv"),
    [
        ((255, 255, 255), (235, 128, 128)),
        ((0, 0, 0), (16, 128, 128)),
        ((255, 0, 0), (81, 90, 240)),  # 75 % and 100 % bars of BT.601
        ((0, 191, 0), (112, 72, 58)),
        ((0, 0, 255), (41, 240, 110)),
    ],
)
def test_colours_get_the_code_values_of_bt601(rgb, yuv):
    planes = yuv420p(np.full((6, 7, 3), rgb, np.uint8), BT601)
    assert [plane.shape for plane in planes] == [(6, 7), (3, 4), (3, 4)]
    assert [np.unique(plane).tolist() for plane in planes] == [[value] for value in yuv]


def test_colours_survive_the_studios_own_way_back_to_rgb():
    tiles = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    planes = yuv420p(tiles.repeat(8, 0).repeat(8, 1), BT601)
    frame = Frame(planes, "yuv420p", 0, Fraction(1, 25), 1, BT601)
    back = next(lavfi.converted([frame], "rgb24")).planes[0][4::8, 4::8].astype(int)
    # 8 bits of chroma are steps of two in blue, and swscale rounds once more.
    assert np.abs(back - tiles).max() <= 6
    assert abs((back - tiles).mean()) < 0.3


def test_odd_sizes_are_drawn_too():
    frame = next(scenes(65, 49, Fraction(25), 1, 0))
    assert [plane.shape for plane in frame.planes] == [(49, 65), (25, 33), (25, 33)]


@pytest.mark.parametrize("sample_rate", [48000, 44100])
def test_a_click_starts_at_the_sample_of_each_cut_and_nowhere_else(sample_rate):
    samples = sound(12, sample_rate, SEED)
    assert samples.shape == (2, 12 * sample_rate)
    assert samples.dtype == np.float32
    loud = np.flatnonzero(np.abs(samples).max(axis=0) > 0.9 * CLICK_LEVEL)
    starts = loud[np.diff(loud, prepend=-sample_rate) > CLICK_SECONDS * sample_rate]
    assert starts.tolist() == [round(cut * sample_rate) for cut in cuts(12, SEED)[1:]]


def test_the_music_is_heard_and_never_drowns_the_clicks():
    samples = sound(12, 48000, SEED)
    for cut in cuts(12, SEED)[1:]:
        start = round(cut * 48000)
        samples[:, start : start + 200] = 0
    assert np.abs(samples).max() < CLICK_LEVEL / 2
    assert 0.02 < np.sqrt((samples**2).mean()) < 0.1


def test_the_same_seed_gives_the_same_sound():
    assert np.array_equal(sound(3, 8000, 1), sound(3, 8000, 1))
    assert not np.array_equal(sound(3, 8000, 1), sound(3, 8000, 2))
