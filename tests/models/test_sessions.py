"""Sessions over checkpoints of the true architectures: what they say, what they give, and how they fail."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import networks
from cinemill.errors import InvalidParams, MissingModel, OpenFailed, OutOfMemory
from cinemill.models import onnx_backend, sessions, torch_backend
from cinemill.models.session import Contract, Wanted
from cinemill.models.tiles import Tiler, least_tile

torch = pytest.importorskip("torch")
ARCHITECTURES = ("Compact", "ESRGAN", "SwinIR", "SCUNet", "DRUNet", "NAFNet")
Made = Callable[..., Path]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """`made("Compact")`: a checkpoint, made once."""
    folder = tmp_path_factory.mktemp("weights")
    paths: dict[str, Path] = {}

    def of(architecture: str) -> Path:
        if architecture not in paths:
            paths[architecture] = networks.checkpoint(folder / f"{architecture}.safetensors", architecture)
        return paths[architecture]

    return of


def picture(channels: int = 3, height: int = 200, width: int = 264) -> Any:
    """(1, C, H, W) float32 with large and small things in it."""
    noise = np.random.default_rng(1).random((channels, height, width), np.float32)
    soft = np.stack([cv2.GaussianBlur(plane, (0, 0), 6) for plane in noise])
    soft = (soft - soft.min()) / (soft.max() - soft.min())
    return np.clip(soft * 0.9 + 0.1 * noise, 0, 1)[None]


def plainly(path: Path, given: Any) -> Any:
    """The whole picture straight through the module."""
    descriptor = torch_backend.load(path)
    height, width = given.shape[2:]
    scale, step = descriptor.scale, 64
    wide = np.pad(given, [(0, 0), (0, 0), (0, -height % step), (0, -width % step)], mode="reflect")
    with torch.inference_mode():
        made = descriptor.model(torch.from_numpy(wide)).numpy()
    return made[:, :, : scale * height, : scale * width]


def psnr(one: Any, other: Any) -> float:
    """dB, of pictures in which 1 is white."""
    error = float(np.mean((one.astype(np.float64) - other) ** 2))
    return 200.0 if error == 0 else -10 * float(np.log10(error))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_tiles_are_the_whole_picture_through_the_module(architecture: str, made: Made) -> None:
    opened = sessions.opened(Wanted(made(architecture)))
    tile = least_tile(opened.contract) // 3 * 4
    # A size that needs no padding, or the reference would see other borders.
    given = picture(opened.contract.inputs, -(-tile * 5 // 4 // 64) * 64, tile * 3 // 2)
    whole = plainly(made(architecture), given)
    tiled = Tiler(opened, tile=tile).run(given)
    assert whole.std() > 0.003, "the network does something"
    assert psnr(tiled, whole) >= 60


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_untiled_is_the_module_and_sizes_it_does_not_take_are_padded(architecture: str, made: Made) -> None:
    opened = sessions.opened(Wanted(made(architecture)))
    given = picture(opened.contract.inputs, 64, 128)
    assert np.abs(Tiler(opened).run(given) - plainly(made(architecture), given)).max() < 1e-5
    scale = opened.contract.scale
    odd = Tiler(opened).run(picture(opened.contract.inputs, 21, 33))
    assert odd.shape == (1, opened.contract.outputs, scale * 21, scale * 33)
    assert np.isfinite(odd).all()


@pytest.mark.parametrize("architecture", ["Compact", "ESRGAN"])
def test_onnx_gives_what_torch_gives(architecture: str, made: Made, tmp_path: Path) -> None:
    path = tmp_path / "exported.onnx"
    module = torch_backend.load(made(architecture)).model
    names: dict[str, Any] = {"input_names": ["x"], "output_names": ["y"]}
    axes = {"x": {0: "n", 2: "h", 3: "w"}, "y": {0: "n", 2: "sh", 3: "sw"}}
    with pytest.warns():
        torch.onnx.export(module, (torch.rand(1, 3, 64, 64),), str(path), dynamo=False, dynamic_axes=axes, **names)
    ours, theirs = sessions.opened(Wanted(path)), sessions.opened(Wanted(made(architecture)))
    assert ours.contract.scale == theirs.contract.scale
    assert "onnxruntime on cpu" in ours.runs_on
    given = picture(3, 120, 90)
    assert np.abs(ours.run(given) - theirs.run(given)).max() < 1e-4


def test_batches_give_what_single_pictures_give(made: Made) -> None:
    opened = sessions.opened(Wanted(made("Compact")))
    given = np.concatenate([picture(3, 60, 80), picture(3, 60, 80)[:, :, ::-1]])
    single = np.concatenate([opened.run(np.ascontiguousarray(one[None])) for one in given])
    assert np.abs(Tiler(opened, batch=2).run(given) - single).max() < 1e-6


def test_a_session_says_where_it_runs_and_why(made: Made, caplog: pytest.LogCaptureFixture) -> None:
    sessions.forget()
    with caplog.at_level(logging.INFO, "cinemill.models.sessions"):
        opened = sessions.opened(Wanted(made("Compact"), device="cpu"))
        again = sessions.opened(Wanted(made("Compact"), device="cpu"))
    assert opened is again, "filters share it"
    assert opened.runs_on == "torch on cpu in fp32"
    assert opened.why == "the model is a file for torch; asked for"
    assert len(caplog.records) == 1
    assert opened.room() > 100 * 100


def test_an_onnx_file_beside_the_weights_is_taken_where_there_is_no_gpu(made: Made, tmp_path: Path) -> None:
    weights = tmp_path / "net.safetensors"
    weights.write_bytes(made("Compact").read_bytes())
    with pytest.raises(InvalidParams, match=r"models convert net\.safetensors -o net\.onnx"):
        sessions.opened(Wanted(weights, backend="onnx"))
    networks.onnx_file(tmp_path / "net.onnx", scale=2)
    if not sessions._has_gpu():
        assert sessions.opened(Wanted(weights)).runs_on.startswith("onnxruntime")
    assert sessions.opened(Wanted(weights, backend="onnx")).contract.scale == 2
    assert sessions.opened(Wanted(weights, backend="torch")).runs_on.startswith("torch")


def test_onnx_providers_that_fail_their_trial_are_passed_over_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_backend, "available", lambda: ["cuda", "cpu"])
    opened = onnx_backend.open(networks.onnx_file(tmp_path / "a.onnx"), Wanted(tmp_path / "a.onnx"), "asked for")
    assert opened.runs_on == "onnxruntime on cpu"
    assert "cuda is not used: " in opened.why
    assert "built without tensorrt" in opened.why


def test_onnx_sizes_are_found_by_trial_or_taken_as_they_are_fixed(tmp_path: Path) -> None:
    free = sessions.opened(Wanted(networks.onnx_file(tmp_path / "free.onnx", scale=3)))
    assert (free.contract.scale, free.contract.multiple_of, free.contract.size) == (3, 1, None)
    fixed = sessions.opened(Wanted(networks.onnx_file(tmp_path / "fixed.onnx", scale=2, size=(96, 128))))
    assert fixed.contract.size == (96, 128)
    given = picture(3, 150, 300)
    free = sessions.opened(Wanted(networks.onnx_file(tmp_path / "same.onnx", scale=2)))
    assert np.abs(Tiler(fixed).run(given) - Tiler(free).run(given)).max() < 1e-5


def test_running_out_of_memory_finishes_says_so_and_changes_nothing(
    made: Made, caplog: pytest.LogCaptureFixture
) -> None:
    given = picture(3, 260, 300)
    opened = torch_backend.open(made("Compact"), Wanted(made("Compact")), "asked for")
    whole = Tiler(opened).run(given)

    def crowded(module: Any, pictures: Any) -> Any:
        if pictures.shape[0] * pictures.shape[2] * pictures.shape[3] > 160 * 160:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return module(pictures)

    opened._call = crowded
    with caplog.at_level(logging.WARNING):
        made_small = Tiler(opened, tile=300).run(given)
    assert [record.getMessage() for record in caplog.records] == [
        "torch on cpu in fp32 ran out of memory; going on with tiles of 150 px."
    ]
    assert psnr(made_small, whole) >= 60


def test_architectures_that_want_planes_one_after_another_get_them() -> None:
    class Flat(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, x: Any) -> Any:
            return self.conv(x).view(len(x), -1).view(x.shape)

    place = torch_backend.Place("cpu", torch.float32)
    opened = torch_backend.TorchSession(Flat().requires_grad_(False), Contract(), place, "asked for")
    given = picture(3, 32, 48)
    with torch.inference_mode():
        wanted = opened.module.conv(torch.from_numpy(given)).numpy()
    assert np.abs(opened.run(given) - wanted).max() < 1e-6
    assert opened.room() > 0


def test_memory_that_torch_cannot_have_on_the_processor_is_out_of_memory(made: Made) -> None:
    opened = torch_backend.open(made("Compact"), Wanted(made("Compact")), "asked for")

    def greedy(_module: Any, pictures: Any) -> Any:
        return torch.empty(1 << 50, dtype=torch.uint8)

    opened._call = greedy
    with pytest.raises(OutOfMemory, match="cpu has not enough memory"):
        opened.run(picture(3, 32, 32))


def test_weights_mixed_half_and_half_lie_between(made: Made, tmp_path: Path) -> None:
    other = networks.checkpoint(tmp_path / "other.safetensors", "Compact", num_conv=4)
    ours = torch_backend.load(made("Compact"), (other, 1.0)).model.state_dict()
    plain = torch_backend.load(made("Compact")).model.state_dict()
    assert all(torch.equal(ours[name], plain[name]) for name in plain)
    double = {name: 3 * value for name, value in plain.items()}
    torch.save({"params": double}, tmp_path / "double.pth")
    mixed = torch_backend.load(made("Compact"), (tmp_path / "double.pth", 0.25)).model.state_dict()
    assert all(torch.allclose(mixed[name], 2.5 * plain[name]) for name in plain)
    wide = networks.checkpoint(tmp_path / "wide.safetensors", "Compact", num_feat=16)
    with pytest.raises(OpenFailed, match="not of the architecture"):
        torch_backend.load(made("Compact"), (wide, 0.5))


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("/nonexistent/evil"),)


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save({"params": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(OpenFailed, match="more than weights"):
        sessions.opened(Wanted(tmp_path / "evil.pth"))


def test_what_is_no_model_is_refused_in_a_sentence(tmp_path: Path) -> None:
    for name in ("a.safetensors", "a.pth", "a.onnx"):
        (tmp_path / name).write_bytes(b"nonsense")
        with pytest.raises(OpenFailed, match=name):
            sessions.opened(Wanted(tmp_path / name))
    torch.save({"weight": torch.zeros(3)}, tmp_path / "strange.pth")
    with pytest.raises(OpenFailed, match="no architecture that spandrel knows"):
        sessions.opened(Wanted(tmp_path / "strange.pth"))
    with pytest.raises(MissingModel, match="is not there"):
        sessions.located(str(tmp_path / "none.pth"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"device": "quantum"}, "device=quantum: torch knows"),
        ({"device": "cuda:99"}, "device=cuda:99: torch does not find it here; there is .*cpu"),
        ({"device": "cpu", "precision": "fp16"}, "precision=fp16 needs a GPU"),
    ],
)
def test_what_torch_cannot_do_here_is_refused(options: dict[str, Any], said: str, made: Made) -> None:
    with pytest.raises(InvalidParams, match=said):
        sessions.opened(Wanted(made("Compact"), **options))


def test_what_onnx_cannot_do_is_refused(tmp_path: Path) -> None:
    path = networks.onnx_file(tmp_path / "a.onnx")
    with pytest.raises(InvalidParams, match="only backend=onnx runs"):
        sessions.opened(Wanted(path, backend="torch"))
    with pytest.raises(InvalidParams, match="device=mps: this onnxruntime has"):
        sessions.opened(Wanted(path, device="mps"))
    with pytest.raises(InvalidParams, match="precision it was written with"):
        sessions.opened(Wanted(path, precision="fp16"))


def test_bfloat16_is_close_where_it_is_asked_for(made: Made) -> None:
    given = picture(3, 64, 64)
    rough = sessions.opened(Wanted(made("Compact"), precision="bf16"))
    assert rough.runs_on.endswith("bf16")
    fine = sessions.opened(Wanted(made("Compact"))).run(given)
    assert 0 < np.abs(rough.run(given) - fine).max() < 0.05


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of torch, about itself
def test_compiled_is_the_module_and_is_found_again_on_disk(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    given = picture(3, 48, 64)
    opened = torch_backend.open(made("Compact"), Wanted(made("Compact")), "asked for", compile=True)
    made_by_it = opened.run(given)
    plain = torch_backend.open(made("Compact"), Wanted(made("Compact")), "asked for")
    assert np.abs(made_by_it - plain.run(given)).max() < 1e-4
    if "compiled" in opened.runs_on:
        assert any(tmp_path.rglob("*")), "what was compiled is on disk"


@pytest.mark.filterwarnings("ignore")
def test_what_cannot_be_compiled_runs_as_it_is_and_says_why(made: Made, caplog: pytest.LogCaptureFixture) -> None:
    def refused(*_: Any) -> Any:
        raise RuntimeError("there is no compiler\nand more")

    given = picture(3, 32, 32)
    opened = torch_backend.open(made("Compact"), Wanted(made("Compact")), "asked for", compile=True)
    assert opened.runs_on == "torch (compiled) on cpu in fp32"
    opened._fast._fast = refused
    plain = torch_backend.open(made("Compact"), Wanted(made("Compact")), "asked for").run(given)
    assert np.array_equal(opened.run(given), plain)
    assert np.array_equal(opened.run(given), plain)
    assert [record.getMessage() for record in caplog.records] == ["The model runs uncompiled: there is no compiler"]
    assert opened.runs_on == "torch on cpu in fp32"
