"""Filters that run a network: against the same network on the whole picture, in time, in colour and in depth."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import networks
from cinemill.errors import InvalidParams, MissingModel, UnsupportedMedia
from cinemill.filters import text
from cinemill.media.colour import Colour
from cinemill.media.rgb import of_rgb, to_rgb
from cinemill.media.types import Frame
from cinemill.models import torch_backend
from cinemill.models.sessions import located
from pictures import TAGGED, chain, movie, ntsc_in_milliseconds, psnr, run, time, variable, worst

torch = pytest.importorskip("torch")
Made = Callable[..., str]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """`made("Compact", num_feat=16)`: the path of a checkpoint, made once."""
    folder = tmp_path_factory.mktemp("weights")
    paths: dict[str, Path] = {}

    def of(architecture: str, name: str = "", **options: Any) -> str:
        key = name or f"{architecture}{sorted(options.items())}"
        if key not in paths:
            file = folder / f"{name or len(paths)}.safetensors"
            paths[key] = networks.checkpoint(file, architecture, **options)
        return str(paths[key])

    return of


@pytest.fixture(scope="session")
def rife(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(networks.rife_file(tmp_path_factory.mktemp("rife") / "rife.safetensors"))


def plainly(frame: Frame, model: str, channel: float | None = None) -> Frame:
    """A frame through the module, whole, by the shortest way there is."""
    given = to_rgb(frame)[None]
    if channel is not None:
        given = np.concatenate([given, np.full_like(given[:, :1], channel)], axis=1)
    with torch.inference_mode():
        made = torch_backend.load(Path(model)).model(torch.from_numpy(given)).numpy()[0]
    return replace(frame, planes=of_rgb(made, frame))


@pytest.mark.parametrize("format", ["yuv420p", "yuv420p10le", "yuv422p10le", "yuv444p", "gbrp"])
def test_upscaling_is_the_network_on_the_whole_picture(format: str, made: Made) -> None:
    frames = movie(3, format, (64, 48))
    out = run(chain(("upscale.model", {"model": made("Compact")})), frames)
    assert [(frame.width, frame.height, frame.format) for frame in out] == [(128, 96, format)] * 3
    assert [(time(frame), frame.duration) for frame in out] == [(time(frame), frame.duration) for frame in frames]
    assert max(worst(one, plainly(frame, made("Compact"))) for one, frame in zip(out, frames)) <= 1


@pytest.mark.parametrize("colour", [TAGGED, Colour("smpte170m", range="limited"), Colour("bt2020nc", range="full")])
@pytest.mark.parametrize("format", ["yuv420p", "yuv420p10le"])
def test_colours_go_through_a_network_by_their_own_matrix_and_range(
    colour: Colour, format: str, tmp_path: Path
) -> None:
    """A network that changes nothing but the size changes no colour."""
    model = networks.onnx_file(tmp_path / "same.onnx", edge=0)
    frames = movie(2, format, (64, 48), noise=0, colour=colour)
    out = run(chain(("denoise.model", {"model": str(model)})), frames)
    assert {frame.colour for frame in out} == {colour}
    assert min(psnr(one, other) for one, other in zip(out, frames)) > 50


@pytest.mark.parametrize(
    ("scale", "size"), [(None, (128, 96)), (1.5, (96, 72)), (1, (64, 48)), (3, (192, 144)), (0.37, (24, 18))]
)
def test_any_factor_is_reached(scale: float | None, size: tuple[int, int], made: Made) -> None:
    (out,) = run(chain(("upscale.model", {"model": made("Compact"), "scale": scale})), movie(1))
    assert (out.width, out.height) == size


def test_tiles_and_batches_are_no_more_than_rounding(made: Made) -> None:
    frames = movie(5, size=(160, 144))
    whole = run(chain(("upscale.model", {"model": made("Compact")})), frames)
    cut = run(chain(("upscale.model", {"model": made("Compact"), "tile": 128, "batch": 2})), frames)
    assert len(cut) == 5
    assert max(worst(one, other) for one, other in zip(whole, cut)) <= 1


def test_too_little_memory_makes_tiles_smaller_and_the_same_film(
    made: Made, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    frames = movie(3, size=(200, 160))
    wanted = chain(("upscale.model", {"model": made("Compact", "crowded")}))
    whole = run(wanted, frames)
    plain = torch_backend.TorchSession.run

    def crowded(self: Any, pictures: Any) -> Any:
        with torch_backend.within_memory(self.place):
            if pictures.shape[2] * pictures.shape[3] > 120 * 120:
                raise torch.OutOfMemoryError("CUDA out of memory.")
        return plain(self, pictures)

    monkeypatch.setattr(torch_backend.TorchSession, "run", crowded)
    with caplog.at_level(logging.WARNING):
        cut = run(wanted, frames)
    assert [record.getMessage().partition("; ")[2] for record in caplog.records] == ["going on with tiles of 100 px."]
    assert min(psnr(one, other) for one, other in zip(whole, cut)) >= 60


def test_noise_that_is_left_in_is_a_mixture_of_two_networks(made: Made) -> None:
    general = made("Compact", "realesr-general-x4v3", upscale=4)
    wdn = Path(made("Compact", "realesr-general-wdn-x4v3", upscale=4))
    values = torch_backend.weights(wdn)
    from safetensors.torch import save_file

    save_file({name: 1.5 * value for name, value in values.items()}, wdn)
    frames = movie(1)

    def at(strength: float | None) -> Frame:
        (out,) = run(chain(("upscale.model", {"model": general, "denoise_strength": strength})), frames)
        return out

    assert worst(at(1), at(None)) == 0
    assert worst(at(0), plainly(frames[0], str(wdn))) <= 1
    assert worst(at(0.5), at(1)) > 1 < worst(at(0.5), at(0))
    with pytest.raises(InvalidParams, match="is for realesr-general-x4v3"):
        run(chain(("upscale.model", {"model": made("Compact"), "denoise_strength": 0.5})), frames)


@pytest.mark.parametrize("format", ["yuv420p", "yuv444p10le"])
@pytest.mark.parametrize("architecture", ["SCUNet", "NAFNet"])
def test_denoising_is_the_network_on_the_whole_picture(architecture: str, format: str, made: Made) -> None:
    frames = movie(1, format, (64, 64))
    out = run(chain(("denoise.model", {"model": made(architecture)})), frames)
    assert worst(out[0], plainly(frames[0], made(architecture))) <= 1
    assert worst(out[0], frames[0]) > 3, "it does something"


def test_drunet_is_told_the_level_of_the_noise(made: Made) -> None:
    frames = movie(1, size=(64, 64))
    at = {
        level: run(chain(("denoise.model", {"model": made("DRUNet"), "level": level})), frames)[0]
        for level in (None, 15, 60)
    }
    assert worst(at[60], plainly(frames[0], made("DRUNet"), 60 / 255)) <= 1
    assert worst(at[None], at[15]) == 0
    assert worst(at[15], at[60]) > 0
    with pytest.raises(InvalidParams, match="finds the level of the noise itself"):
        run(chain(("denoise.model", {"model": made("Compact", upscale=1), "level": 5})), frames)


def test_strength_is_between_the_frame_and_what_the_network_makes(made: Made) -> None:
    frames = movie(1, "yuv444p", (64, 64))
    whole, half = (
        run(chain(("denoise.model", {"model": made("NAFNet"), "strength": strength})), frames)[0]
        for strength in (1, 0.5)
    )
    middle = (whole.planes[0].astype(int) + frames[0].planes[0]) / 2
    assert np.abs(half.planes[0] - middle).max() <= 1


def test_a_lone_value_is_the_model(made: Made) -> None:
    assert text.chain(f"upscale={made('Compact')}").steps[0].params.model == made("Compact")
    assert text.chain("denoise.model=drunet").steps[0].params.model == "drunet"


def test_what_does_not_fit_is_refused_before_the_first_frame(made: Made) -> None:
    with pytest.raises(InvalidParams, match="it is no denoiser"):
        run(chain(("denoise.model", {"model": made("Compact")})), movie(1))
    with pytest.raises(UnsupportedMedia, match="deinterlace"):
        run(chain(("upscale.model", {"model": made("Compact")})), movie(1, field_order="tff"))
    with pytest.raises(MissingModel, match="models list"):
        located("nowhere/a.pth")


TO_RATE = [Fraction(50), Fraction(60), Fraction(30), Fraction(60000, 1001), Fraction(24)]


@pytest.mark.parametrize("rate", TO_RATE)
@pytest.mark.parametrize("clocked", [list, ntsc_in_milliseconds, variable])
def test_rife_is_on_every_tick_and_keeps_frames_that_lie_on_one(
    rate: Fraction, clocked: Callable[[list[Frame]], list[Frame]], rife: str
) -> None:
    frames = clocked(movie(5))
    out = run(chain(("interpolate.rife", {"rate": rate, "model": rife})), frames)
    plain = run(chain(("interpolate.flow", {"rate": rate})), frames)
    assert [(frame.pts, frame.time_base, frame.duration) for frame in out] == [
        (frame.pts, frame.time_base, frame.duration) for frame in plain
    ]
    there = {time(frame): frame for frame in frames}
    assert all(worst(frame, there[time(frame)]) == 0 for frame in out if time(frame) in there)


def test_rife_is_the_network_on_the_whole_picture(rife: str) -> None:
    from cinemill.models.rife import network

    frames = movie(2, "yuv444p", (128, 64))
    out = run(chain(("interpolate.rife", {"rate": 75, "model": rife})), frames)
    net = network(torch_backend.weights(Path(rife)))
    ours, theirs = (tensor(frame) for frame in frames)
    with torch.inference_mode():
        moment = torch.full_like(ours[:, :1], 1 / 3)
        made = net(ours, theirs, (net.encode(ours), net.encode(theirs)), moment)
    assert np.abs(tensor(out[1]).numpy() - made.numpy()).max() < 4 / 255
    assert worst(out[1], frames[0]) > 5, "it does something"


def tensor(frame: Frame) -> Any:
    return torch.from_numpy(to_rgb(frame))[None]


def test_rife_makes_nothing_across_a_cut(rife: str) -> None:
    one = movie(3, size=(96, 96), noise=0)
    dice = np.random.default_rng(5)
    other = [
        replace(frame, planes=tuple(dice.permuted(plane, axis=0) for plane in frame.planes), pts=frame.pts + 3)
        for frame in one
    ]
    out = run(chain(("interpolate.rife", {"rate": 100, "model": rife})), [*one, *other])
    at_cut = [frame for frame in out if Fraction(2, 25) < time(frame) < Fraction(3, 25)]
    assert len(at_cut) == 3
    for frame in at_cut:
        assert min(worst(frame, one[-1]), worst(frame, other[0])) == 0
