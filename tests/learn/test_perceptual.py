"""Pictures are compared by what VGG16 sees of them; here its weights are of the true shape, and drawn by chance."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from cinemill.errors import InvalidParams, ModelRefused, OpenFailed
from cinemill.filters import text
from cinemill.learn import lessons, losses, procedural
from cinemill.measure import sheet
from cinemill.media.types import Frame

pytestmark = pytest.mark.usefixtures("same_home")

WIDTHS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512)
SIZE = (96, 64)


@pytest.fixture(scope="module")
def vgg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All convolutions of VGG16 as torchvision names them."""
    values: dict[str, torch.Tensor] = {}
    channels, place = 3, 0
    chance = torch.Generator().manual_seed(1)
    for width in WIDTHS:
        if width:
            weight = torch.randn(width, channels, 3, 3, generator=chance) * (2 / (9 * channels)) ** 0.5
            values |= {f"features.{place}.weight": weight, f"features.{place}.bias": torch.zeros(width)}
            channels = width
        place += 2 if width else 1
    values["classifier.6.bias"] = torch.zeros(1000)
    path = tmp_path_factory.mktemp("vgg") / "vgg16.pth"
    torch.save(values, path)
    return path


def frames(seed: int, seconds: float = 8) -> list[Frame]:
    return list(procedural.scenes(*SIZE, Fraction(1), seconds, seed))


def pictures(folder: Path, found: list[Frame]) -> list[Path]:
    folder.mkdir()
    paths = [folder / f"{number:02d}.png" for number in range(len(found))]
    for path, frame in zip(paths, found):
        path.write_bytes(sheet.png(sheet.picture(frame)))
    return paths


def test_what_looks_alike_to_vgg_counts_as_alike(vgg: Path) -> None:
    torch.manual_seed(1)
    apart = losses.loss("perceptual", str(vgg))
    for channels in (1, 3):
        wanted = torch.rand(2, channels, 32, 40)
        noise = torch.randn(wanted.shape) * 0.2
        far, near, same = (float(apart(wanted + by * noise, wanted)) for by in (1, 0.3, 0))
        assert far > near > same == 0
    given = torch.rand(1, 3, 32, 32, requires_grad=True)
    losses.loss("l1:1,perceptual:0.5", str(vgg))(given, torch.rand(1, 3, 32, 32)).backward()
    assert given.grad is not None
    assert bool(torch.isfinite(given.grad).all())


def test_pictures_are_painted_in_the_manner_of_one(vgg: Path, tmp_path: Path) -> None:
    good = pictures(tmp_path / "good", frames(3))
    stripes = np.zeros((48, 64, 3), np.uint8)
    stripes[:, ::4] = stripes[:, 1::4] = (240, 60, 20)
    (tmp_path / "stripes.png").write_bytes(sheet.png(stripes))
    values = {"task": "style", "good": good, "painting": tmp_path / "stripes.png", "vgg": str(vgg)}
    values |= {"crop": 32, "steps": 24, "check": 8, "batch": 2, "rate": 4e-3, "manner": 4}
    lesson = lessons.Lesson.of(values, "train")
    (outcome,) = deque(lessons.taught(lesson, "stripes"), maxlen=1)
    assert isinstance(outcome, lessons.Outcome)
    assert outcome.given is not None
    assert outcome.after > outcome.given + 0.3
    assert outcome.written.apart < 1e-4
    shown = frames(9, 2)
    painted = list(text.chain(outcome.use).run(shown))
    assert not np.array_equal(painted[0].planes[0], shown[0].planes[0])


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ({"task": "style"}, InvalidParams, "needs a painting"),
        ({"task": "denoise", "damage": "simulate.tape=luma_noise:5"}, InvalidParams, "nothing else takes one"),
        ({"task": "style", "loss": "l1"}, InvalidParams, "loss of its own"),
        ({"task": "style", "vgg": "OTHER"}, ModelRefused, r"features\.0 should be 64x3x3x3"),
        ({"task": "style", "painting": "none.png"}, OpenFailed, "not a picture"),
    ],
)
def test_a_style_that_cannot_be_is_refused(
    vgg: Path, tmp_path: Path, values: dict[str, object], error: type[Exception], words: str
) -> None:
    good = pictures(tmp_path / "good", frames(3))
    torch.save({"features.0.weight": torch.zeros(4, 3, 3, 3)}, tmp_path / "other.pth")
    shared: dict[str, object] = {"good": good, "vgg": str(vgg), "crop": 32}
    shared |= {} if values == {"task": "style"} else {"painting": good[0]}
    known = {key: str(tmp_path / "other.pth") if value == "OTHER" else value for key, value in values.items()}
    with pytest.raises(error, match=words):
        lessons.begin(lessons.Lesson.of(shared | known, "train"))


def test_where_the_weights_come_from_is_said(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="cinemill models get vgg16"):
        losses.loss("perceptual", "vgg16")
