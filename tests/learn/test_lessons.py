"""What a user has becomes a model of their own that is better for it, whatever happens on the way."""

from __future__ import annotations

import json
import shutil
import time
from collections import deque
from collections.abc import Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import command
from cinemill.errors import InvalidParams, ModelRefused, OpenFailed, PlanMismatch, RequestError
from cinemill.filters import text
from cinemill.learn import export, films, lessons, losses, nets, procedural, recipes, start, train
from cinemill.measure import sheet
from cinemill.media import read
from cinemill.media.generation import generation
from cinemill.media.types import Frame
from cinemill.models import registry, store
from cinemill.models.weights import __file__ as weights
from command import Cinemill

pytestmark = pytest.mark.usefixtures("same_home")

WORN = "simulate.tape=luma_blur:1.2:chroma_blur:3:ringing:0.5:luma_noise:5:chroma_noise:5"
SIZE = (160, 128)


def scenes(seed: int, seconds: float = 9, size: tuple[int, int] = SIZE) -> list[Frame]:
    return list(procedural.scenes(*size, Fraction(10), seconds, seed))


def picture(folder: Path, name: str, frame: Frame) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.png").write_bytes(sheet.png(sheet.picture(frame)))


def pairs(folder: Path, chain: str, frames: Sequence[Frame]) -> Path:
    """Every frame before and after a chain of filters."""
    for number, (one, other) in enumerate(zip(frames, text.chain(chain).run(frames))):
        picture(folder / films.INPUT, f"{number:03d}", one)
        picture(folder / films.TARGET, f"{number:03d}", other)
    return folder


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three scenes as a film of one lossless codec."""
    path = tmp_path_factory.mktemp("films") / "good.mkv"
    write(path, scenes(3))
    return path


def write(path: Path, frames: Sequence[Frame]) -> None:
    import subprocess

    from cinemill.media.program import ffmpeg

    size = f"{frames[0].width}x{frames[0].height}"
    raw = b"".join(plane.tobytes() for frame in frames for plane in frame.planes)
    given = ["-f", "rawvideo", "-pix_fmt", frames[0].format, "-s", size, "-r", "10", "-i", "-"]
    subprocess.run([ffmpeg(), "-v", "error", "-y", *given, "-c:v", "ffv1", path], input=raw, check=True)


def taught(lesson: lessons.Lesson, name: str) -> lessons.Outcome:
    (outcome,) = deque(lessons.taught(lesson, name), maxlen=1)
    assert isinstance(outcome, lessons.Outcome)
    return outcome


def denoising(good: Path, **more: object) -> lessons.Lesson:
    values = {"task": "denoise", "good": [good], "damage": WORN, "crop": 64, "steps": 60, "check": 20, **more}
    return lessons.Lesson.of(values, "train")


def test_the_denoiser_learns_a_tape_and_is_used_by_name(good: Path) -> None:
    outcome = taught(denoising(good), "my-tape")
    assert outcome.given is not None
    assert outcome.gain is not None
    assert outcome.gain > 0.2
    assert outcome.after > outcome.given
    assert outcome.written.apart < 1e-4
    unseen = scenes(9, 3)[5:15]
    worn = list(text.chain(WORN).run(unseen))
    assert psnr(unseen, list(text.chain(outcome.use).run(worn))) > psnr(unseen, worn) + 0.5
    made = registry.find("my-tape").provenance
    assert made is not None
    assert made.psnr_after == outcome.after
    assert made.recipe["damage"] == WORN


def psnr(true: Sequence[Frame], made: Sequence[Frame]) -> float:
    errors = [np.square(a.planes[0].astype(float) - b.planes[0]).mean() for a, b in zip(true, made, strict=True)]
    return float(np.mean([10 * np.log10(255**2 / error) for error in errors]))


def test_a_style_is_imitated_from_pairs(tmp_path: Path) -> None:
    chain = "cinematic=look:teal-orange"
    folder = pairs(tmp_path / "pairs", chain, scenes(3)[::3])
    lesson = lessons.Lesson.of(
        {"task": "imitate", "pairs": [folder], "steps": 120, "crop": 64, "check": 40, "rate": 3e-3}, "train"
    )
    outcome = taught(lesson, "my-style")
    assert outcome.given is not None
    assert outcome.after > outcome.given + 3
    unseen = scenes(9, 3)[5:25:5]
    for wanted, made in zip(text.chain(chain).run(unseen), text.chain(outcome.use).run(unseen)):
        assert alike(wanted, made) > 0.9


def alike(one: Frame, other: Frame) -> float:
    both = [torch.from_numpy(frame.planes[0][None, None] / np.float32(255)) for frame in (one, other)]
    return float(losses.ssim(*both))


@pytest.mark.slow
def test_two_minutes_of_learning_are_worth_a_decibel(tmp_path: Path) -> None:
    """A worn cassette as `degrade --preset vhs-pal` makes it, and a lesson as it is if nothing else is asked for."""
    film = tmp_path / "good.mkv"
    write(film, list(procedural.scenes(480, 384, Fraction(5), 24, 3)))
    begun = time.process_time()
    outcome = taught(lessons.Lesson.of({"task": "denoise", "good": [film], "damage": "vhs-pal"}, "train"), "my-tape")
    assert outcome.gain is not None
    print(f"{outcome.gain:.2f} dB in {time.process_time() - begun:.0f} s of processors")
    assert outcome.gain >= 1


@pytest.mark.slow
def test_a_pencil_is_imitated(tmp_path: Path) -> None:
    """Outlines and rubbed tones; where strokes and grain lie on the paper, no picture tells."""
    chain = "pencil=hatching:0:paper:0"
    folder = pairs(tmp_path / "pairs", chain, scenes(3, 18)[::3])
    values = {"task": "imitate", "pairs": [folder], "crop": 64, "rate": 4e-3, "loss": "l1:1,ssim:0.5", "check": 100}
    outcome = taught(lessons.Lesson.of(values, "train"), "my-pencil")
    unseen = scenes(9)[5:85:10]
    found = [alike(*both) for both in zip(text.chain(chain).run(unseen), text.chain(outcome.use).run(unseen))]
    assert np.mean(found) >= 0.9


def test_upscaling_and_deinterlacing_learn_from_good_films(good: Path, tmp_path: Path) -> None:
    for task in ("upscale", "deinterlace"):
        values = {"task": task, "good": [good], "crop": 48, "steps": 6, "check": 3, "batch": 2, "pictures": 30}
        lesson = lessons.Lesson.of(values, "train")
        studies = lessons.begin(lesson)
        last = deque(train.learn(studies, tmp_path / task), maxlen=1)[0]
        assert last.best is not None
        outcome = lessons.finish(studies, tmp_path / task, tmp_path / f"{task}.onnx", "fp16")
        frame = scenes(9, 1)[0]
        order = {"field_order": "tff"} if task == "deinterlace" else {}
        (step,) = text.chain(f"{task}.learned=model:{outcome.path}").steps
        assert step.models == (str(outcome.path),)
        assert list(text.chain(str(step)).run([frame_with(frame, **order)] * 3))


def frame_with(frame: Frame, **more: str) -> Frame:
    from dataclasses import replace

    return replace(frame, **more)  # pyright: ignore[reportArgumentType]


def test_a_run_that_is_killed_ends_with_the_same_weights(good: Path, cinemill: Cinemill) -> None:
    values = {"steps": 16, "check": 4, "batch": 2, "crop": 64, "pictures": 14}
    shared = ["train", "upscale", good, "--json", "--precision", "fp32"]
    shared += [word for name, value in values.items() for word in ("--set", f"{name}={value}")]
    running = cinemill.start(*shared, "--name", "one")
    checkpoint = Path(cinemill.environment["CINEMILL_DATA_DIR"]) / "lessons" / "one" / "checkpoint.pt"
    running.until("progress")
    while not checkpoint.exists():
        assert running.lives(0.02)
    running.kill()
    assert checkpoint.exists()
    lesson = lessons.Lesson.of({"task": "upscale", "good": [good], **values}, "train")
    made = [deque(lessons.taught(lesson, name, "fp32"), 1)[0] for name in ("one", "two")]
    one, two = (outcome.path.read_bytes() for outcome in made if isinstance(outcome, lessons.Outcome))
    assert one == two
    assert not checkpoint.exists()


def test_learning_stops_when_it_gets_no_better_and_keeps_the_best(good: Path, tmp_path: Path) -> None:
    lesson = denoising(good, check=1, patience=2, steps=40, rate=1.0, batch=1, pictures=28)
    studies = lessons.begin(lesson)
    events = list(train.learn(studies, tmp_path))
    assert events[-1].stopped
    assert len(events) < 40
    assert events[-1].best is not None
    assert train.judged(train.learned(studies, tmp_path), studies.held) == pytest.approx(events[-1].best, abs=1e-4)
    assert list(train.learn(studies, tmp_path)) == events[-1:]
    assert next(line["done"] for line in train.progress(tmp_path)) == 1
    assert list((tmp_path / "samples").glob("*.jpg"))
    with pytest.raises(PlanMismatch, match="has rate"):
        list(train.learn(lessons.begin(denoising(good, check=1, patience=2, steps=40, batch=1, pictures=28)), tmp_path))


def test_scenes_are_held_back_whole(good: Path) -> None:
    studies = lessons.begin(denoising(good))
    held = {item.scene for item in studies.material.held}
    assert held
    assert not held & {item.scene for item in studies.material.learned}
    assert studies.material.remarks == []


def test_what_a_tape_does_to_one_side_is_not_mirrored_and_planes_are_not_mixed(good: Path) -> None:
    material = lessons.begin(denoising(good, loss="psnr:1,temporal:0.5")).material
    assert not material.mirrored
    for at, item in enumerate(material.learned):
        following = material._after(at)
        assert (following.scene, following.plane) == (item.scene, item.plane)
    given, wanted = material.batch(np.random.default_rng(1), 4, 64, paired=True)
    assert given.shape == (4, 4, 64, 64)
    assert wanted.shape == (4, 1, 64, 64)


def test_what_cannot_be_learned_from_is_refused_or_left_out_with_a_sentence(good: Path, tmp_path: Path) -> None:
    frames = scenes(3, 2)
    one = pairs(tmp_path / "one", "pencil", frames[:1])

    def imitating(folder: Path) -> lessons.Studies:
        return lessons.begin(lessons.Lesson.of({"task": "imitate", "pairs": [folder], "crop": 64}, "train"))

    with pytest.raises(InvalidParams, match="one pair to learn from"):
        imitating(one)
    with pytest.raises(InvalidParams, match="is no folder"):
        imitating(tmp_path)
    several = pairs(tmp_path / "several", "pencil", frames[:4])
    (several / films.INPUT / "000.png").write_bytes(b"no picture")
    picture(several / films.TARGET, "001", scenes(3, 1, (96, 64))[0])
    picture(several / films.INPUT, "alone", frames[0])
    studies = imitating(several)
    told = " ".join(studies.material.remarks)
    for words in ("000 cannot be read", "of 160x128 and of 96x64 do not fit", "alone has no counterpart", "one scene"):
        assert words in told
    assert len(studies.material.learned) + len(studies.material.held) == 2


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"task": "denoise"}, "nothing to learn from"),
        ({"task": "denoise", "good": ["GOOD"]}, "needs a damage"),
        ({"task": "upscale", "good": ["GOOD"], "damage": "pencil"}, "its own damage"),
        ({"task": "deinterlace", "pairs": ["."]}, "not from pairs"),
        ({"task": "denoise", "good": ["GOOD"], "damage": "scale=height:64"}, "keeps their number and size"),
        ({"task": "denoise", "good": ["GOOD"], "damage": "no-such"}, "no-such"),
        ({"task": "denoise", "good": ["GOOD"], "damage": WORN, "crop": 256}, "smaller crop"),
        ({"task": "denoise", "good": ["GOOD"], "damage": WORN, "loss": "psnl"}, "charbonnier"),
        (
            {"task": "denoise", "good": ["GOOD"], "damage": WORN, "start": "UPSCALE"},
            "is for upscaling, and this lesson is about denoising",
        ),
    ],
)
def test_a_lesson_that_cannot_be_is_refused(good: Path, values: dict[str, object], words: str) -> None:
    known = {"GOOD": str(good), "UPSCALE": str(Path(weights).with_name("upscale-balanced.onnx"))}
    values = {key: known.get(str(value), value) for key, value in values.items()}
    if "good" in values:
        values["good"] = [str(good)]
    with pytest.raises(RequestError, match=words):
        lessons.begin(lessons.Lesson.of(values, "train"))


def test_only_networks_that_were_made_here_go_on_learning(tmp_path: Path) -> None:
    from networks import onnx_file

    with pytest.raises(ModelRefused, match="only such can go on"):
        start.network_of(onnx_file(tmp_path / "other.onnx"))
    (tmp_path / "none.onnx").write_bytes(b"none")
    with pytest.raises(OpenFailed, match="not an ONNX file"):
        start.network_of(tmp_path / "none.onnx")


@pytest.mark.parametrize("name", sorted(path.stem for path in Path(weights).parent.glob("*.onnx")))
def test_our_networks_come_back_from_their_files(name: str) -> None:
    path = Path(weights).with_name(f"{name}.onnx")
    net = start.network_of(path)
    inputs = next(net.parameters()).shape[1] if not isinstance(net, nets.Upscaler) else 1
    given = np.random.default_rng(1).random((1, inputs, 32, 48), np.float32)
    given = cv2.GaussianBlur(given[0].transpose(1, 2, 0), (0, 0), 2).reshape(32, 48, inputs).transpose(2, 0, 1)[None]
    if isinstance(net, nets.Denoiser):
        given[:, 3] = 0.03
    with torch.inference_mode():
        made = net.eval()(torch.from_numpy(np.ascontiguousarray(given))).numpy()
    assert np.abs(made - export.run(path, np.ascontiguousarray(given))).mean() < 0.004


def test_a_filter_refuses_a_network_of_another_kind() -> None:
    frames = scenes(3, 1)[:2]
    other = Path(weights).with_name("upscale-balanced.onnx")
    with pytest.raises(InvalidParams, match="not a network for this"):
        next(text.chain(f"denoise.learned=model:{other}").run(frames))


@pytest.mark.parametrize("name", sorted({*recipes.TERMS} - {"perceptual"}))
def test_each_loss_falls_as_pictures_come_closer(name: str) -> None:
    torch.manual_seed(1)
    wanted = torch.rand(4, 1, 24, 24)
    noise = torch.randn(wanted.shape) * 0.2
    far, near, same = (float(losses.loss(name)(wanted + by * noise, wanted)) for by in (1, 0.3, 0))
    assert far > near > same
    both = losses.loss(f"{name}:2")
    assert float(both(wanted + noise, wanted)) == pytest.approx(2 * far, rel=1e-5)


def test_models_are_passed_on_in_one_file(tmp_path: Path) -> None:
    source = Path(weights).with_name("denoise-balanced.onnx")
    known = registry.Provenance(
        task="denoise", recipe={}, learned_from=9, held_back=3, psnr_after=40.0, precision="int8", apart=1e-6
    )
    store.keep(source, "mine", "denoise", "Made for this test.", "denoise.learned", None, known)
    packed = tmp_path / "mine.zip"
    store.pack("mine", packed)
    with pytest.raises(ModelRefused, match="there is a model called mine"):
        store.unpack(packed)
    theirs = store.unpack(packed, "theirs")
    assert theirs.provenance == known
    assert store.path("theirs").read_bytes() == source.read_bytes()
    with pytest.raises(ModelRefused, match="registry"):
        store.pack(next(iter(registry.ours())), tmp_path / "ours.zip")


def test_a_packed_model_that_is_not_what_it_says_is_refused(tmp_path: Path) -> None:
    import zipfile

    (tmp_path / "junk.zip").write_bytes(b"junk")
    with pytest.raises(OpenFailed, match="no model that was exported"):
        store.unpack(tmp_path / "junk.zip")
    with zipfile.ZipFile(tmp_path / "pickle.zip", "w") as archive:
        archive.writestr("model.yaml", "{}")
        archive.writestr("weights.pth", b"")
    with pytest.raises(ModelRefused, match=r"weights\.pth; only safetensors and ONNX"):
        store.unpack(tmp_path / "pickle.zip")
    source = Path(weights).with_name("denoise-balanced.onnx")
    known = registry.Provenance(
        task="denoise", recipe={}, learned_from=9, held_back=3, psnr_after=40.0, precision="int8", apart=1e-6
    )
    store.keep(source, "mine", "denoise", "Made for this test.", "denoise.learned", None, known)
    other = Path(weights).with_name("deinterlace-fast.onnx")
    shutil.copyfile(other, store.path("mine"))
    store.pack("mine", tmp_path / "changed.zip")
    with pytest.raises(ModelRefused, match="changed"):
        store.unpack(tmp_path / "changed.zip", "again")


@pytest.mark.parametrize(("encoder", "options"), [("libx264", {"crf": "30"}), ("mpeg2video", {"qmin": "6"})])
def test_a_generation_wears_and_keeps_the_times(encoder: str, options: dict[str, str]) -> None:
    frames = scenes(3, 1)
    once, again = (generation(frames, encoder, options) for _ in range(2))
    assert [frame.pts for frame in once] == [frame.pts for frame in frames]
    assert 25 < psnr(frames, once) < 55
    assert all(np.array_equal(one.planes[0], other.planes[0]) for one, other in zip(once, again))


def test_clips_that_a_codec_went_over_are_drawn_again_alike() -> None:
    from cinemill.learn import tasks

    recipe = recipes.recipe("deinterlace-best").model_copy(update={"coded": 1.0})
    one, same = (tasks.clip(recipe, 5) for _ in range(2))
    assert one.shape == (8, 128, 128)
    assert np.array_equal(one, same)
    given, wanted = tasks.Refine(recipe).batch(np.stack([one]), 0)
    assert given.shape == (12, 8, 48, 96)
    made = -10 * np.log10(np.square(given[:, 1:2] - wanted).mean())
    assert made > -10 * np.log10(np.square(given[:, :1] - wanted).mean())


def test_frames_are_read_in_short_stretches(good: Path) -> None:
    frames = list(islice(read.frames(read.probe(good)), 3))
    assert (frames[0].width, frames[0].height) == SIZE
    stretches = list(films.good([good], "", 32))
    assert len(stretches) == 4
    assert all(len(stretch.given) == 8 for stretch in stretches)


@pytest.mark.slow
def test_a_tape_is_restored_better_by_what_was_learned_of_it(
    cinemill: Cinemill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop of docs/learn.md, on a smaller tape; `compare` has the last word, on all of its pictures."""
    monkeypatch.setattr(command, "PATIENCE", 1800.0)
    write(cinemill.folder / "original.mkv", scenes(4, 12, (320, 256)))
    tape, doubted = str(films.damaging("vhs-pal")), ["--chain", "denoise.hqdn3d", "--chain", ""]
    commands = [
        ["degrade", "original.mkv", "-o", "tape.mkv", "--chain", tape, "--codec", "ffv1"],
        ["restore", "tape.mkv", "-o", "restored.mkv", "--codec", "ffv1"],
        ["lab", "compare", "restored.mkv", "-o", "lab", *doubted, "--moments", 24, "--reference", "original.mkv"],
        ["lab", "approve", "lab", "all=reference"],
        ["train", "restore", "--pairs", "lab/pairs", "--name", "this-tape"],
        ["process", "restored.mkv", "-o", "again.mkv", "--chain", "denoise.model=model:this-tape", "--codec", "ffv1"],
        ["compare", "original.mkv", "restored.mkv", "-o", "restored.json"],
        ["compare", "original.mkv", "again.mkv", "-o", "again.json"],
    ]
    for words in commands:
        said = cinemill(*words)
        assert said.code == 0, said.err
    once, again = (
        json.loads((cinemill.folder / f"{name}.json").read_text())["summary"] for name in ("restored", "again")
    )
    print({name: (once[name], again[name]) for name in ("psnr", "psnr_y", "ssim", "frames")})
    assert again["psnr"] > once["psnr"] + 0.7
    assert again["psnr_y"] > once["psnr_y"] + 0.1
    assert again["ssim"] > once["ssim"]
