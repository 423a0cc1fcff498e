"""Faces: found, laid into their square and back, held steady, and nothing else touched.

The detector is YuNet's own program in OpenCV with a network that takes white squares for faces.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import networks
from cinemill.errors import InvalidParams, OpenFailed
from cinemill.media.types import Frame
from cinemill.models.faces import Detector, Face, placing, steadied
from pictures import chain, movie, psnr, run, worst

SIDE = 64


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faces")
    networks.yunet_file(folder / "yunet.onnx", SIDE)
    networks.face_file(folder / "same.onnx")
    networks.face_file(folder / "white.onnx", keep=0, add=1)
    networks.face_file(folder / "weighted.onnx", keep=0, add=-1, weight=True)
    return folder


def marked(frames: list[Frame], columns: list[int], row: int = 72) -> list[Frame]:
    """A white square of 8 x 8 that begins at a column of each frame, in dim pictures."""
    made: list[Frame] = []
    for frame, column in zip(frames, columns):
        white = 235 << (frame.layout.bits - 8)
        luma = frame.planes[0] // 2 + 8
        luma[row : row + 8, column : column + 8] = white
        chroma = [np.full_like(plane, 1 << (frame.layout.bits - 1)) for plane in frame.planes[1:]]
        made.append(replace(frame, planes=(luma, *chroma)))
    return made


def asked(files: Path, model: str, **more: Any) -> Any:
    return chain(("faces", {"model": str(files / model), "detector": str(files / "yunet.onnx"), **more}))


def test_faces_are_found_where_they_are(files: Path) -> None:
    from cinemill.media.rgb import to_rgb

    (frame,) = marked(movie(1, size=(192, 160)), [96])
    (face,) = Detector(files / "yunet.onnx", 0.7).faces(to_rgb(frame))
    middle = np.array([96 + 4, 72 + 4])
    assert np.allclose(face.points, middle + (networks.FACE - 0.5) * SIDE, atol=0.6)
    wide = Detector(files / "yunet.onnx", 0.7).faces(np.repeat(to_rgb(frame), 1, axis=2)[:, :, ::2], 2.0)
    assert np.allclose(wide[0].points, face.points, atol=3), "pixels that are twice as wide as high"
    assert Detector(files / "yunet.onnx", 0.7).faces(np.zeros((3, 64, 64), np.float32)) == []


@pytest.mark.parametrize("format", ["yuv420p", "yuv420p10le", "gbrp"])
def test_network_that_changes_nothing_changes_little_and_pictures_without_faces_not_at_all(
    format: str, files: Path
) -> None:
    frames = movie(3, format, (192, 160), noise=0)
    out = run(asked(files, "same.onnx", sureness=0.99), frames)
    assert [worst(one, other) for one, other in zip(out, frames)] == [0, 0, 0]
    if format != "gbrp":
        frames = marked(frames, [96, 96, 96])
        out = run(asked(files, "same.onnx"), frames)
        assert min(psnr(one, other) for one, other in zip(out, frames)) > 38


def test_change_is_where_the_face_is_and_nowhere_else(files: Path) -> None:
    frames = marked(movie(1, size=(192, 160)), [96])
    (out,) = run(asked(files, "white.onnx"), frames)
    luma = out.planes[0].astype(int)
    inner, outer = SIDE // 4, SIDE // 2 + 2
    rows, columns = slice(76 - inner, 76 + inner), slice(100 - inner, 100 + inner)
    assert luma[rows, columns].min() > 225
    around = np.ones(luma.shape, bool)
    around[76 - outer : 76 + outer, 100 - outer : 100 + outer] = False
    assert np.array_equal(luma[around], frames[0].planes[0][around])
    (half,) = run(asked(files, "white.onnx", strength=0.5), frames)
    middle = (luma + frames[0].planes[0]) / 2
    assert np.abs(half.planes[0] - middle)[rows, columns].max() <= 1


def test_fidelity_reaches_the_network_that_takes_it(files: Path) -> None:
    frames = marked(movie(1, size=(192, 160)), [96])
    low, high = (run(asked(files, "weighted.onnx", fidelity=f), frames)[0].planes[0][76, 100] for f in (0.0, 1.0))
    assert int(high) - int(low) > 90


def test_face_that_is_too_small_is_left_alone(files: Path) -> None:
    frames = marked(movie(2, size=(192, 160)), [96, 96])
    out = run(asked(files, "white.onnx", smallest=40), frames)
    assert [worst(one, other) for one, other in zip(out, frames)] == [0, 0]


def test_trembling_is_taken_out_and_motion_kept() -> None:
    dice = np.random.default_rng(0)
    true = [networks.FACE * 100 + [3.0 * n, 0] for n in range(11)]
    window = [[Face(points + dice.normal(0, 1, (5, 2)), 1.0)] for points in true]
    errors = {
        "raw": np.mean([np.abs(faces[0].points - points).mean() for faces, points in zip(window, true)]),
        "steady": np.mean([np.abs(steadied(window, n)[0].points - true[n]).mean() for n in range(11)]),
    }
    assert errors["steady"] < 0.6 * errors["raw"]
    still = [[Face(points, 1.0)] for points in true]
    assert all(np.allclose(steadied(still, n)[0].points, true[n]) for n in range(11)), "a face that moves evenly"


def test_faces_of_two_people_are_not_mixed() -> None:
    left, right = networks.FACE * 50, networks.FACE * 50 + [200, 0]
    window = [[Face(left, 1.0), Face(right, 0.9)], [Face(right, 1.0), Face(left, 0.9)]]
    made = steadied(window, 0)
    assert np.allclose(made[0].points, left)
    assert np.allclose(made[1].points, right)


def test_placing_takes_a_face_to_where_networks_know_it() -> None:
    turn = np.array([[0, -1], [1, 0]])
    face = Face(networks.FACE * 80 @ turn.T + [300, 100], 1.0)
    place = placing(face, 1.0)
    assert place is not None
    assert np.abs(face.points @ place[:, :2].T + place[:, 2] - networks.FACE * 512).max() < 1


def test_wrong_files_are_refused_in_a_sentence(files: Path, tmp_path: Path) -> None:
    frames = movie(1, size=(64, 64))
    (tmp_path / "none.onnx").write_bytes(b"nonsense")
    with pytest.raises(OpenFailed, match="no face detector"):
        run(chain(("faces", {"model": str(files / "same.onnx"), "detector": str(tmp_path / "none.onnx")})), frames)
    networks.onnx_file(tmp_path / "other.onnx")
    with pytest.raises(InvalidParams, match="no network for faces"):
        run(asked(files, str(tmp_path / "other.onnx")), frames)


def test_restoreformer_by_torch_is_called_with_faces_from_minus_one_to_one(files: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from cinemill.models import faces, torch_backend
    from cinemill.models.session import Wanted

    path = networks.checkpoint(tmp_path / "restoreformer.safetensors", "RestoreFormer")
    seen = np.random.default_rng(0).random((3, 512, 512), np.float32)
    made = faces.network(Wanted(path)).restored(seen, 0.5)
    with torch.inference_mode():
        descriptor = torch_backend.load(path)
        wanted = descriptor._call_fn(descriptor.model, torch.from_numpy(seen)[None])[0].numpy()
    assert np.abs(made - wanted).max() < 1e-4


@pytest.mark.slow
def test_codeformer_by_torch_is_called_with_its_fidelity(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from cinemill.models import faces, torch_backend
    from cinemill.models.session import Wanted

    torch_backend.spandrel()  # which makes torchvision load
    pytest.importorskip("spandrel_extra_arches")
    path = networks.checkpoint(tmp_path / "codeformer.safetensors", "CodeFormer")
    seen = np.random.default_rng(0).random((3, 512, 512), np.float32)
    network = faces.network(Wanted(path))
    made = {fidelity: network.restored(seen, fidelity) for fidelity in (0.0, 1.0)}
    with torch.inference_mode():
        module = torch_backend.load(path).model
        for fidelity, picture in made.items():
            wanted = (module(torch.from_numpy(2 * seen - 1)[None], weight=fidelity)[0][0].numpy() + 1) / 2
            assert np.abs(picture - wanted).max() < 1e-3
    assert np.abs(made[0.0] - made[1.0]).max() > 1e-3


@pytest.mark.slow
def test_gfpgan_of_full_size_is_called_with_faces_from_minus_one_to_one(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from cinemill.models import faces, torch_backend
    from cinemill.models.session import Wanted

    path = networks.checkpoint(tmp_path / "gfpgan.safetensors", "GFPGAN")
    seen = np.random.default_rng(0).random((3, 512, 512), np.float32)
    made = faces.network(Wanted(path)).restored(seen, 0.5)
    with torch.inference_mode():
        module = torch_backend.load(path).model
        wanted = (module(torch.from_numpy(2 * seen - 1)[None], randomize_noise=False)[0][0].numpy() + 1) / 2
    assert np.abs(made - wanted).max() < 1e-3, "and twice the same"


def test_frame_times_are_untouched(files: Path) -> None:
    frames = [replace(frame, pts=frame.pts * 7, time_base=Fraction(1, 90)) for frame in movie(4, size=(64, 64))]
    out = run(asked(files, "same.onnx", window=2), frames)
    assert [(frame.pts, frame.time_base) for frame in out] == [(frame.pts, frame.time_base) for frame in frames]
