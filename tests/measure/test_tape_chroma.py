from dataclasses import replace
from itertools import chain, islice

import numpy as np
import pytest
from footage import KINDS, VHS, luma, moving, taped, woven

from cinemill.filters import text
from cinemill.measure import edges
from cinemill.measure.chroma import ACROSS, DOWN, Shift, across, curves, down, shift
from cinemill.media import read
from cinemill.media.types import Frame

SIZE = {"width": 720, "height": 576}
CLEAN = [("wheels", 12), ("leaves", 12)]


def measured(scenes) -> tuple[Shift | None, Shift | None]:
    """Across and down, of some scenes together; ringing is taken into account."""
    aside = chain.from_iterable(curves([pair for f in scene if (pair := across(f))], ACROSS) for scene in scenes)
    below = chain.from_iterable(curves([pair for f in scene if (pair := down(f))], DOWN) for scene in scenes)
    found = shift(list(aside), ACROSS)
    step = edges.edges([edges.steps(luma(f), 4) for scene in scenes for f in scene])
    if found and step:
        found = replace(found, px=found.px - step.advance)
    return found, shift(list(below), DOWN)


@pytest.fixture(scope="module")
def scenes():
    """Two scenes at the size of a tape: shifts are in its pixels, and chroma has half of them."""
    return [woven(moving(kind, count, **SIZE))[::2] for kind, count in CLEAN]


@pytest.mark.parametrize(("right", "below"), [(0, 0), (3, 2), (-2.5, -2), (0.75, 0), (5, 1)])
def test_shift_is_found_within_a_quarter_pixel(scenes, right, below):
    rest = {"chroma_blur": 4, "luma_blur": 0.8}
    found, lower = measured([taped(scene, chroma_shift=right, chroma_drop=below, **rest) for scene in scenes])
    assert found.px == pytest.approx(right, abs=0.25)
    assert lower.px == pytest.approx(below, abs=0.15)
    assert found.error < 0.25


def test_shift_is_found_within_a_quarter_pixel_beside_all_other_damage(scenes):
    tape = [taped(scene, **VHS, head_switch=8, chroma_shift=3, chroma_drop=2) for scene in scenes]
    found, lower = measured(tape)
    assert found.px == pytest.approx(3, abs=0.25)
    assert lower.px == pytest.approx(2, abs=0.25)


def test_colour_that_lies_otherwise_beside_each_thing_gives_no_answer():
    """Things that light falls softly over: their colour ends elsewhere than their brightness, each by its own way."""
    rng = np.random.default_rng(4)
    luma, chroma = np.full((576, 720), 90, np.float32), np.full((288, 360), 128, np.float32)
    for top in range(0, 576, 32):
        beside = rng.normal(0, 2.5)
        for left in range(60, 660, 100):
            across = np.arange(720, dtype=np.float32)
            thing = (np.tanh((across - left) / 3) - np.tanh((across - left - 50) / 3)) / 2
            tint = (np.tanh((across - left - beside) / 3) - np.tanh((across - left - 50 - beside) / 3)) / 2
            luma[top : top + 32] += 60 * thing
            chroma[top // 2 : top // 2 + 16] += 30 * tint[::2]
    planes = [np.rint(plane).astype(np.uint8) for plane in (luma, chroma, 256 - chroma)]
    frame = replace(moving("wheels", 1, **SIZE)[0], planes=tuple(planes))
    assert measured([[frame]])[0] is None
    assert measured([[frame], [frame]])[0] is None, "seeing it twice makes it no surer"


def test_soft_pictures_are_never_told_wrongly_beyond_doubt(real):
    """Of an animated film, whose light is soft, scene by scene and together."""
    info = read.probe(real("big_buck_bunny_0_30.webm"))
    film = islice(read.frames(info), 60, 540)
    small = text.chain("scale=width:720:height:576").run(frame for n, frame in enumerate(film) if n % 140 < 24)
    frames = [replace(frame, pts=n) for n, frame in enumerate(list(small)[::6])]
    tape = taped(frames, **VHS, chroma_shift=3, chroma_drop=2)
    for scenes in ([tape], [tape[:4]], [tape[4:8]], [tape[8:12]], [tape[12:]]):
        for found, truth in zip(measured(scenes), (3, 2)):
            assert found is None or abs(found.px - truth) < max(0.25, 2.5 * found.error)


def sampled(frame: Frame, format: str) -> Frame:
    """A 4:2:0 frame as another kind. Samples of 4:1:1 lie on every fourth luma sample, those of 4:4:4 on each."""
    planes = [frame.planes[0]]
    for plane in frame.planes[1:]:
        tall = np.empty((2 * plane.shape[0], plane.shape[1]), plane.dtype)
        for parity in (0, 1):
            tall[parity::2] = np.repeat(plane[parity::2], 2, axis=0)
        between = ((tall.astype(np.uint16) + np.roll(tall, -1, axis=1)) // 2).astype(np.uint8)
        both = np.stack([tall, between], axis=2).reshape(tall.shape[0], -1)
        planes.append({"yuv422p": tall, "yuv411p": tall[:, ::2], "yuv444p": both}.get(format, plane))
    if format.endswith("10le"):
        planes = [plane.astype(np.uint16) << 2 for plane in planes]
    return replace(frame, planes=tuple(planes), format=format)


@pytest.mark.parametrize("format", ["yuv422p", "yuv444p", "yuv411p", "yuv420p10le"])
def test_any_kind_of_chroma_is_measured_in_luma_pixels(scenes, format):
    tape = [[sampled(f, format) for f in taped(scene[:3], chroma_shift=4, chroma_blur=4)] for scene in scenes]
    assert measured(tape)[0].px == pytest.approx(4, abs=0.25)


def test_dropouts_which_lose_colour_in_place_do_not_pull_the_answer(scenes):
    tape = [taped(scene, chroma_shift=4, chroma_blur=4, dropouts=60) for scene in scenes]
    assert measured(tape)[0].px == pytest.approx(4, abs=0.25)


def test_grey_pictures_give_no_answer(scenes):
    grey = [[replace(f, planes=(f.planes[0], *(np.full_like(p, 128) for p in f.planes[1:]))) for f in scenes[0]]]
    assert measured(grey) == (None, None)
    only = [[replace(f, planes=f.planes[:1], format="gray") for f in scenes[0]]]
    assert measured(only) == (None, None)


def test_colour_that_is_noise_gives_no_answer(scenes):
    rng = np.random.default_rng(0)
    noise = [
        [
            replace(f, planes=(f.planes[0], *(rng.normal(128, 9, p.shape).astype(np.uint8) for p in f.planes[1:])))
            for f in scene
        ]
        for scene in scenes
    ]
    assert measured(noise)[0] is None


@pytest.mark.parametrize("kind", KINDS)
def test_small_pictures_are_refused_or_measured_but_no_error(kind):
    frame = moving(kind, 1, width=48, height=24)[0]
    assert across(frame) is None
    assert down(frame) is None
