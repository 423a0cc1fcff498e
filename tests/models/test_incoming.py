"""Only what is safe to read is imported, and it is known for what it is."""

from __future__ import annotations

import hashlib
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import networks
from cinemill.errors import ModelRefused, OpenFailed
from cinemill.models import registry, store, torch_backend
from cinemill.models.registry import Tensor

torch = pytest.importorskip("torch")


def saved(path: Path) -> Path:
    """Weights of a network that spandrel knows; the suffix decides the form."""
    made = networks.checkpoint(path.with_suffix(".safetensors"), "Compact")
    if path.suffix == ".pth":
        torch.save({"params": torch_backend.weights(made)}, path)
        made.unlink()
    return path


class Trap:
    """A pickle that writes a file when it is read by a reader that trusts it."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_that_spandrel_knows_are_imported(suffix: str, home: Path, tmp_path: Path) -> None:
    source = saved(tmp_path / f"mine{suffix}")
    model = store.import_file(source, "mine-x2", licence="CC0-1.0")
    assert registry.find("mine-x2") == model
    assert model.loader == "spandrel"
    assert model.tensor == Tensor(scale=2, half=True)
    assert model.licence.name == "CC0-1.0"
    assert "Compact" in model.description
    assert store.path("mine-x2").read_bytes() == source.read_bytes()
    assert [check.state for check in store.verify("mine-x2")] == ["good"]
    assert torch_backend.load(store.path("mine-x2")).scale == 2


def test_a_name_that_is_taken_or_cannot_be_a_folder_is_refused(home: Path, tmp_path: Path) -> None:
    source = saved(tmp_path / "mine.pth")
    store.import_file(source, "mine")
    for name in ("mine", "../mine", "Mine", "", ".locks"):
        with pytest.raises(ModelRefused):
            store.import_file(source, name)
    assert not (home / "mine").exists()


@pytest.mark.parametrize("is_archive", [True, False])
def test_a_pickle_with_a_program_is_refused_and_does_not_run(is_archive: bool, home: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "evil.pth", tmp_path / "it ran"
    content = {"params": Trap(target)}
    if is_archive:
        torch.save(content, source)
    else:
        source.write_bytes(pickle.dumps(content))
    with pytest.raises(ModelRefused, match="not imported"):
        store.import_file(source, "evil")
    assert not target.exists()
    assert not (home / "models" / "evil").exists()


def test_torchscript_is_refused(home: Path, tmp_path: Path) -> None:
    source = tmp_path / "script.pt"
    with pytest.warns():
        torch.jit.script(torch.nn.Conv2d(3, 3, 3)).save(str(source))
    with pytest.raises(ModelRefused, match="carries a program"):
        store.import_file(source, "script")


def test_an_archive_that_unfolds_without_end_is_refused_unread(home: Path, tmp_path: Path) -> None:
    source = tmp_path / "bomb.pth"
    with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/data.pkl", b"\0" * 50_000_000)
    assert source.stat().st_size < 100_000
    with pytest.raises(ModelRefused, match="would unfold to 50 MB"):
        store.import_file(source, "bomb")


@pytest.mark.parametrize("member", ["../../evil", "/etc/evil", "..\\evil"])
def test_an_archive_that_reaches_out_of_its_folder_is_refused(member: str, home: Path, tmp_path: Path) -> None:
    source = saved(tmp_path / "slip.pth")
    with zipfile.ZipFile(source, "a") as archive:
        archive.writestr(member, b"x")
    with pytest.raises(ModelRefused, match="reaches out of its folder"):
        store.import_file(source, "slip")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text.pth", b"not weights"),
        ("empty.safetensors", b""),
        ("header.safetensors", (1 << 60).to_bytes(8, "little") + b"{}"),
        ("text.onnx", b"not a graph"),
        ("virus.exe", b"MZ"),
    ],
)
def test_what_is_no_model_is_refused(name: str, content: bytes, home: Path, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelRefused):
        store.import_file(tmp_path / name, "nothing")
    assert not (home / "models" / "nothing").exists()


def test_a_file_that_is_not_there_is_said_to_be_not_there(home: Path, tmp_path: Path) -> None:
    with pytest.raises(OpenFailed, match="is not a file"):
        store.import_file(tmp_path / "absent.pth", "absent")


def test_weights_of_a_network_that_nobody_knows_are_refused(home: Path, tmp_path: Path) -> None:
    source = tmp_path / "own.pth"
    torch.save({"a.weight": torch.zeros(3)}, source)
    with pytest.raises(ModelRefused, match="no architecture that spandrel knows"):
        store.import_file(source, "own")


@pytest.fixture
def graph(tmp_path: Path) -> Callable[..., Path]:
    """An ONNX graph that doubles sides, whose weights lie in the file `location`."""
    onnx = pytest.importorskip("onnx")
    np = pytest.importorskip("numpy")

    def make(location: str = "", channels: int = 3) -> Path:
        folder = tmp_path / "graph"
        folder.mkdir(exist_ok=True)
        weight = np.ones((12, 3, 1, 1), np.float32)
        tensor = onnx.numpy_helper.from_array(weight, "weight")
        if location:
            onnx.external_data_helper.set_external_data(tensor, location)
            tensor.ClearField("raw_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
        nodes = [
            onnx.helper.make_node("Conv", ["input", "weight"], ["wide"]),
            onnx.helper.make_node("DepthToSpace", ["wide"], ["output"], blocksize=2),
        ]
        ends = [[onnx.helper.make_tensor_value_info(name, 1, ["n", 3, "h", "w"])] for name in ("input", "output")]
        made = onnx.helper.make_graph(nodes, "g", *ends, initializer=[tensor])
        opset = [onnx.helper.make_opsetid("", 17)]
        (folder / "up.onnx").write_bytes(
            onnx.helper.make_model(made, opset_imports=opset, ir_version=10).SerializeToString()
        )
        if location and not location.startswith(("/", "..")):
            (folder / location).parent.mkdir(exist_ok=True, parents=True)
            (folder / location).write_bytes(weight.tobytes())
        return folder / "up.onnx"

    return make


def test_a_graph_is_imported_with_what_it_takes_and_gives(graph: Callable[..., Path], home: Path) -> None:
    model = store.import_file(graph(), "up")
    assert (model.loader, model.tensor) == ("onnx", Tensor(scale=2))


def test_a_graph_brings_its_weights_along(graph: Callable[..., Path], home: Path) -> None:
    source = graph("weights/up.bin")
    model = store.import_file(source, "up")
    assert [file.name for file in model.files] == ["up.onnx", "weights/up.bin"]
    copy = store.place(model) / "weights" / "up.bin"
    assert hashlib.sha256(copy.read_bytes()).hexdigest() == model.files[1].sha256


@pytest.mark.parametrize("location", ["/etc/passwd", "../secret", "weights/../../secret", "weights/../up.bin"])
def test_a_graph_that_reads_elsewhere_is_refused(
    location: str, graph: Callable[..., Path], home: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(b"\0" * 144)
    with pytest.raises(ModelRefused, match="not in its folder"):
        store.import_file(graph(location), "up")


def test_a_graph_that_reads_elsewhere_through_a_link_is_refused(
    graph: Callable[..., Path], home: Path, tmp_path: Path
) -> None:
    source = graph("up.bin")
    (tmp_path / "secret").write_bytes(b"\0" * 144)
    (source.parent / "up.bin").unlink()
    (source.parent / "up.bin").symlink_to(tmp_path / "secret")
    with pytest.raises(ModelRefused, match="not in its folder"):
        store.import_file(source, "up")


def test_a_graph_without_its_weights_is_refused(graph: Callable[..., Path], home: Path) -> None:
    source = graph("up.bin")
    (source.parent / "up.bin").unlink()
    with pytest.raises(ModelRefused, match="not beside it"):
        store.import_file(source, "up")
