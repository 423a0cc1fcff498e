"""A file that conversion leaves gives what torch gives, at any size it says it takes; anything else leaves no file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import networks
from cinemill.errors import InvalidParams, ModelRefused, OpenFailed, OutputRefused
from cinemill.models import convert, onnx_backend, registry, store, torch_backend
from cinemill.models.registry import File, Licence, Model
from cinemill.models.session import Floats, Wanted

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")


def pictures(count: int = 3) -> list[Floats]:
    """Soft shapes with some texture, (3, 48, 64) float32."""
    y, x = np.mgrid[0:48, 0:64].astype(np.float32)
    dice = np.random.default_rng(5)
    made: list[Floats] = []
    for number in range(count):
        waves = [np.sin(x / (7 + number + c) + y / (11 + c)) * 0.35 + 0.5 for c in range(3)]
        made.append(np.clip(np.stack(waves) + dice.normal(0, 0.02, (3, 48, 64)), 0, 1).astype(np.float32))
    return made


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> None:
    """Threads that wait for each other in turns are slower than one, on layers this small."""
    torch_backend._use_all_cores()
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`made("Compact")`: a checkpoint, made once."""
    folder = tmp_path_factory.mktemp("weights")
    paths: dict[str, Path] = {}

    def of(architecture: str, **options: Any) -> Path:
        if architecture not in paths:
            paths[architecture] = networks.checkpoint(folder / f"{architecture}.safetensors", architecture, **options)
        return paths[architecture]

    return of


def plainly(source: Path, given: Floats) -> Floats:
    """The network's own answer."""
    with torch.inference_mode():
        return torch_backend.load(source).model(torch.from_numpy(given)).numpy()


@pytest.mark.parametrize("architecture", ["Compact", "ESRGAN", "NAFNet", "DRUNet", "SCUNet", "SwinIR"])
@pytest.mark.filterwarnings("ignore:torch.meshgrid")
def test_the_graph_gives_what_torch_gives_at_sizes_it_never_saw(
    architecture: str, made: Callable[..., Path], tmp_path: Path
) -> None:
    small = {"depths": [2], "num_heads": [2]} if architecture == "SwinIR" else {}
    source, output = made(architecture, **small), tmp_path / "out.onnx"
    done = convert.convert(source, output, pictures(1))
    assert done.max_error < 1e-4
    assert done.bytes_after == output.stat().st_size
    session = onnx_backend.open(output, Wanted(output, device="cpu"), "")
    contract, dice = session.contract, np.random.default_rng(1)
    assert contract.scale == torch_backend.load(source).scale
    step = -(-16 // contract.minimum) * contract.minimum
    for height, width in ((step, 2 * step), (3 * step, 2 * step)):
        given = dice.random((2, contract.inputs, height, width), np.float32)
        assert np.abs(session.run(given) - plainly(source, given)).max() < 1e-4


def test_padding_that_a_network_does_itself_becomes_a_demand(tmp_path: Path) -> None:
    """ESRGAN for twice the size folds 2x2 pixels into one, and pads odd sizes; a graph cannot."""
    source = networks.checkpoint(tmp_path / "x2.safetensors", "ESRGAN", in_nc=12, shuffle_factor=2)
    convert.convert(source, tmp_path / "x2.onnx", pictures(2))
    session = onnx_backend.open(tmp_path / "x2.onnx", Wanted(tmp_path / "x2.onnx", device="cpu"), "")
    assert session.contract.multiple_of % 2 == 0
    assert session.contract.scale == 2


def test_sixteen_bits_halve_the_file_and_keep_the_picture(made: Callable[..., Path], tmp_path: Path) -> None:
    source = made("ESRGAN")
    plain = convert.convert(source, tmp_path / "plain.onnx", pictures())
    half = convert.convert(source, tmp_path / "half.onnx", pictures(), "fp16")
    assert 0.4 < half.bytes_after / plain.bytes_after < 0.65
    assert 0 < half.max_error < 0.01
    assert half.psnr > 60
    import onnxruntime

    ends = onnxruntime.InferenceSession(str(half.output), providers=["CPUExecutionProvider"])
    assert {end.type for end in (*ends.get_inputs(), *ends.get_outputs())} == {"tensor(float)"}


def test_eight_bits_take_less_than_half_and_come_near_the_picture(made: Callable[..., Path], tmp_path: Path) -> None:
    source = made("ESRGAN")
    done = convert.convert(source, tmp_path / "int8.onnx", pictures(2), "int8", calibration=pictures(6))
    assert done.bytes_after < 0.45 * done.bytes_before
    assert done.psnr > 30
    import onnx

    kinds = {tensor.data_type for tensor in onnx.load(str(done.output)).graph.initializer}
    assert onnx.TensorProto.INT8 in kinds


def test_eight_bits_without_pictures_to_learn_from_are_refused(made: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(InvalidParams, match="range"):
        convert.convert(made("Compact"), tmp_path / "out.onnx", pictures(), "int8")


def test_an_output_that_exists_is_replaced_only_when_told_to(made: Callable[..., Path], tmp_path: Path) -> None:
    output = tmp_path / "out.onnx"
    output.write_text("mine")
    with pytest.raises(OutputRefused, match="--overwrite"):
        convert.convert(made("Compact"), output, pictures())
    assert output.read_text() == "mine"
    convert.convert(made("Compact"), output, pictures(), overwrite=True)
    assert output.stat().st_size > 1000


def test_numbers_too_large_for_sixteen_bits_leave_no_file(made: Callable[..., Path], tmp_path: Path) -> None:
    values = torch_backend.weights(made("Compact"))
    first, *_, last = (f"body.{number}" for number in sorted({int(name.split(".")[1]) for name in values}))
    grown = {f"{first}.{what}": values[f"{first}.{what}"] * 1e6 for what in ("weight", "bias")}
    torch.save({**values, **grown, f"{last}.weight": values[f"{last}.weight"] * 1e-6}, tmp_path / "large.pth")
    convert.convert(tmp_path / "large.pth", tmp_path / "plain.onnx", pictures())
    with pytest.raises(ModelRefused, match="16 bits end at 65504"):
        convert.convert(tmp_path / "large.pth", tmp_path / "half.onnx", pictures(), "fp16")
    assert {path.name for path in tmp_path.iterdir()} == {"large.pth", "plain.onnx"}


def test_what_is_no_model_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "text.pth").write_text("not weights")
    with pytest.raises(OpenFailed):
        convert.convert(tmp_path / "text.pth", tmp_path / "out.onnx", pictures())
    assert {path.name for path in tmp_path.iterdir()} == {"text.pth"}


def test_every_model_that_is_here_is_converted_beside_its_weights(made: Callable[..., Path], home: Path) -> None:
    for name in ("one", "two"):
        store.import_file(made("Compact"), name)
    model = Model(
        name="ill",
        description="Not what it says.",
        task="upscale",
        loader="spandrel",
        licence=Licence(name="MIT", commercial="yes"),
        files=(File(name="ill.pth"),),
    )
    store.place(model).mkdir()
    (store.place(model) / "ill.pth").write_text("not weights")
    registry.write(model, store.place(model) / "model.yaml")
    results = list(convert.convert_all(pictures(1)))
    assert [type(result).__name__ for result in results] == ["OpenFailed", "Conversion", "Conversion"]
    assert store.path("one").with_suffix(".onnx").is_file()
    assert [check.state for check in store.verify("one")] == ["good"]
