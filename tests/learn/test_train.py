"""A network learns, survives being killed, and says the same in ONNX."""

from __future__ import annotations

from collections import deque
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from cinemill.errors import InvalidParams, UnknownName
from cinemill.filters import along_motion
from cinemill.learn import export, leaves, nets, recipes, tasks, train

TINY = recipes.Recipe(task="deinterlace", width=8, deep=8, depth=1, clips=48, steps=120, batch=4, crop=64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("training")


@pytest.fixture(scope="module")
def trained(folder: Path) -> list[train.Progress]:
    return list(train.learn(train.Drawn(TINY, folder), folder))


def test_it_gets_better_than_it_began(trained: list[train.Progress], folder: Path) -> None:
    assert [told.done for told in trained] == list(range(1, 121))
    given, wanted = export.unseen(TINY)
    net = train.learned(train.Drawn(TINY, folder), folder)
    with torch.inference_mode():
        made = net(torch.from_numpy(given)).numpy()
        begun = tasks.Deinterlace(TINY).network()(torch.from_numpy(given)).numpy()
    assert np.log(np.square(made - wanted).mean((1, 2, 3))).mean() < (
        np.log(np.square(begun - wanted).mean((1, 2, 3))).mean() - 0.5
    )


def test_a_run_that_was_stopped_ends_with_the_same_weights(
    trained: list[train.Progress], folder: Path, tmp_path: Path
) -> None:
    clips = next(folder.glob("clips-*.npy"))
    (tmp_path / clips.name).write_bytes(clips.read_bytes())
    short = TINY.model_copy(update={"steps": 30})
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for each in (whole, parts):
        each.mkdir()
        (each / clips.name).symlink_to(clips)
    courses = [train.Drawn(short, each) for each in (whole, parts)]
    deque(train.learn(courses[0], whole), maxlen=0)
    run = train._Run(courses[1], parts, "cpu")
    for step in range(11):
        run.step(*map(torch.from_numpy, courses[1].batch(step)))
    run.save()
    deque(train.learn(courses[1], parts), maxlen=0)
    one, other = (train.learned(*each).state_dict() for each in zip(courses, (whole, parts)))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_its_onnx_says_the_same_in_eight_bits(trained: list[train.Progress], folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    loss = export.export(train.learned(train.Drawn(TINY, folder), folder), TINY, path)
    assert -0.1 < loss < 0.5
    assert path.stat().st_size < 100_000
    odd = np.random.default_rng(1).random((1, 5, 20, 36), np.float32)
    assert export.run(path, odd).shape == (1, 1, 20, 36)


@pytest.mark.parametrize("task", ["upscale", "denoise"])
def test_other_tasks_get_better_too_and_go_into_eight_bits(task: str, folder: Path, tmp_path: Path) -> None:
    recipe = TINY.model_copy(update={"task": task})
    (tmp_path / "clips-0-48.npy").symlink_to(next(folder.glob("clips-*.npy")))
    course = train.Drawn(recipe, tmp_path)
    deque(train.learn(course, tmp_path), maxlen=0)
    given, wanted = export.unseen(recipe)
    net = train.learned(course, tmp_path)
    with torch.inference_mode():
        errors = [
            np.log(np.square(each(torch.from_numpy(given)).numpy() - wanted).mean((1, 2, 3))).mean()
            for each in (tasks.TASKS[task](recipe).network(), net)
        ]
    assert errors[1] < errors[0] - 0.3
    assert -0.1 < export.export(net, recipe, tmp_path / "net.onnx") < 0.5


def test_it_learns_to_follow_motion(tmp_path: Path) -> None:
    recipe = TINY.model_copy(update={"task": "follow", "clips": 24, "deep": 16})
    course = train.Drawn(recipe, tmp_path)
    deque(train.learn(course, tmp_path), maxlen=0)
    given, wanted = export.unseen(recipe)
    net = train.learned(course, tmp_path)
    with torch.inference_mode():
        begun, made = (
            np.log(np.square(each(torch.from_numpy(given)).numpy() - wanted).mean((1, 2, 3)) + 1e-6).mean()
            for each in (course.network().eval(), net)
        )
    assert made < begun - 0.5
    assert -0.1 < export.export(net, recipe, tmp_path / "net.onnx") < 0.1


def test_what_is_shown_of_a_picture_can_be_turned_about() -> None:
    """Examples that are made beforehand are mirrored, played backwards and made negatives of."""
    recipe = recipes.recipe("deinterlace-balanced")
    task = tasks.Follow(recipe)
    clip = tasks.clip(recipe, 3)
    examples = task.examples(clip, 3)
    assert examples.shape == (task.prepared, along_motion.SEEN + 1, 64, 128)
    seen: set[bytes] = set()
    for seed in range(20):
        given, wanted = task.part(np.random.default_rng(seed), examples[0, :-1], examples[0, -1:])
        assert given.shape == (along_motion.SEEN, 48, 96)
        assert wanted.shape == (1, 48, 96)
        apart = np.abs(given[1] - wanted[0]).mean()
        assert apart < 0.1
        seen.add(wanted.tobytes())
    assert len(seen) > 8


def test_a_network_that_enlarges_begins_as_a_cubic_kernel() -> None:
    net = nets.Upscaler(4, 4, 1)
    with torch.no_grad():
        for value in net.body.parameters():
            value.zero_()
        ramp = torch.linspace(0, 1, 16).expand(1, 1, 12, 16)
        made = net(ramp)[0, 0, 6:-6, 6:-6]
    wanted = np.interp((np.arange(32) + 0.5) / 2 - 0.5, np.arange(16), np.linspace(0, 1, 16))[6:-6]
    assert np.abs(made.numpy() - wanted).max() < 1e-6


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    net = tasks.Deinterlace(TINY).network()
    with torch.no_grad():
        next(net.parameters()).fill_(float("nan"))
    with pytest.raises(InvalidParams, match="not numbers"):
        export.export(net, TINY, tmp_path / "net.onnx")
    assert not (tmp_path / "net.onnx").exists()


@pytest.mark.parametrize("name", recipes.names())
def test_each_recipe_of_ours_makes_a_network_below_a_megabyte(name: str) -> None:
    made = recipes.recipe(name)
    net = tasks.TASKS[made.task](made).network()
    assert sum(value.numel() for value in net.parameters()) < 1_000_000


def test_an_unknown_recipe_is_named_with_those_that_are() -> None:
    with pytest.raises(UnknownName, match="deinterlace-fast"):
        recipes.recipe("deinterlace-fsat")


def test_the_same_number_gives_the_same_clip_and_another_another() -> None:
    one, same, other = (leaves.clip(np.random.default_rng(seed), 5, 64, 48) for seed in (3, 3, 4))
    assert one.shape == (5, 64, 48)
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_clips_move_or_stand_and_fill_the_range() -> None:
    clips = list(islice((leaves.clip(np.random.default_rng([5, n]), 5, 64, 64).astype(float) for n in range(100)), 60))
    motion = np.array([np.abs(np.diff(clip, axis=0)).mean() for clip in clips])
    assert (motion < 0.5).mean() > 0.05
    assert (motion > 8).mean() > 0.2
    assert np.mean([clip.std() for clip in clips]) > 20
