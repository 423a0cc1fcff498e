"""A recipe -> weights. Killed at any moment, it goes on where it was and ends with the same weights.

The clips are drawn once into a file; what a step learns from follows from its number. Weights, their running mean and
the optimiser's state are saved together, under a passing name and then renamed.
Sources: AdamW, I. Loshchilov and F. Hutter, 2019; the loss is the mean logarithm of each example's squared error, so
that a decibel counts the same on easy and on hard ones.
"""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from cinemill.hardware import cores
from cinemill.learn import tasks
from cinemill.learn.leaves import Clip
from cinemill.learn.recipes import Recipe

_WARMING: Final = 200
"""Steps in which the rate rises to its full size."""
_LAST: Final = 0.02
"""Share of the rate that is left at the end."""
_BORDER: Final = 4
"""Lines and columns at the edge that do not count; a network cannot know what is beyond."""
_NOISE: Final = (1.0 / 255) ** 2
"""Squared error below which an example is good enough."""
_MEAN: Final = 0.999
"""How much of the running mean of the weights a step keeps."""
_SAVED: Final = 60.0
"""Seconds between checkpoints."""


@dataclass(frozen=True)
class Progress:
    """`done` of `total` steps, and the running mean of the loss in decibels of PSNR."""

    done: int
    total: int
    psnr: float


def clips(recipe: Recipe, folder: Path) -> Clip:
    """The clips to learn from, (clips, frames, height, width), drawn by all cores unless they are in `folder`."""
    path = folder / f"clips-{recipe.seed}-{recipe.clips}.npy"
    frames = tasks.TASKS[recipe.task].frames
    if not path.exists():
        passing = path.with_suffix(".tmp")
        shape = (recipe.clips, frames, tasks.SIDE, tasks.SIDE)
        drawn = np.lib.format.open_memmap(passing, "w+", np.uint8, shape)
        with ProcessPoolExecutor(cores(), get_context("spawn")) as pool:
            made = pool.map(tasks.clip, repeat(recipe), range(recipe.clips), chunksize=32)
            for number, clip in enumerate(made):
                drawn[number] = clip
        drawn.flush()
        passing.replace(path)
    return np.load(path, mmap_mode="r")


def train(recipe: Recipe, folder: Path, device: str = "cpu") -> Iterator[Progress]:
    """Learn by `recipe`, keeping clips and checkpoints in `folder`; `learned` gives the network afterwards."""
    task = tasks.TASKS[recipe.task](recipe)
    run = _Run(recipe, task, folder / "checkpoint.pt", device)
    examples = clips(recipe, folder)
    saved = time.monotonic()
    with ThreadPoolExecutor(1) as ahead:
        upcoming = ahead.submit(task.batch, examples, run.done)
        while run.done < recipe.steps:
            given, wanted = upcoming.result()
            upcoming = ahead.submit(task.batch, examples, run.done + 1)
            run.step(torch.from_numpy(given), torch.from_numpy(wanted))
            if time.monotonic() - saved > _SAVED or run.done == recipe.steps:
                run.save()
                saved = time.monotonic()
            yield Progress(run.done, recipe.steps, -run.loss * 10 / math.log(10))


def learned(recipe: Recipe, folder: Path) -> nn.Module:
    """The network as the last checkpoint has it: the running mean of its weights."""
    task = tasks.TASKS[recipe.task](recipe)
    return _Run(recipe, task, folder / "checkpoint.pt", "cpu").mean.eval()


class _Run:
    """Weights, their running mean, and what the optimiser remembers, after so many steps."""

    def __init__(self, recipe: Recipe, task: tasks.Task, path: Path, device: str) -> None:
        self.recipe, self.path, self.device = recipe, path, device
        torch.manual_seed(recipe.seed)
        torch.set_num_threads(cores())
        self.net = task.network().to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.mean = copy.deepcopy(self.net)
        self.optimiser = torch.optim.AdamW(self.net.parameters(), recipe.rate, (0.9, 0.99), weight_decay=1e-4)
        self.done, self.loss = 0, 0.0
        self.short = _shortens(device)
        if path.exists():
            self._resume(torch.load(path, map_location=device, weights_only=True))

    def _resume(self, state: dict[str, Any]) -> None:
        self.net.load_state_dict(state["net"])
        self.mean.load_state_dict(state["mean"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.done, self.loss = state["done"], state["loss"]

    def save(self) -> None:
        passing = self.path.with_suffix(".tmp")
        parts = {"net": self.net, "mean": self.mean, "optimiser": self.optimiser}
        state: dict[str, Any] = {name: part.state_dict() for name, part in parts.items()}
        with passing.open("wb") as file:
            torch.save(state | {"done": self.done, "loss": self.loss}, file)
            file.flush()
            os.fsync(file.fileno())
        passing.replace(self.path)

    def step(self, given: Tensor, wanted: Tensor) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.rate * _share(self.done, self.recipe.steps)
        with torch.autocast(self.device, torch.bfloat16, enabled=self.short):
            made = self.net(given.to(self.device, memory_format=torch.channels_last))
        loss = _loss(made.float(), wanted.to(self.device))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 0.5)
        self.optimiser.step()
        self._follow()
        self.loss = loss.item() if self.done == 0 else 0.995 * self.loss + 0.005 * loss.item()
        self.done += 1

    @torch.no_grad()
    def _follow(self) -> None:
        kept = min(_MEAN, (self.done + 1) / (self.done + 10))
        for mean, weight in zip(self.mean.parameters(), self.net.parameters()):
            mean.lerp_(weight, 1 - kept)


def _shortens(device: str) -> bool:
    """Whether arithmetic in bfloat16, which is twice as fast where there is any, can be had."""
    if device == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported())  # pyright: ignore[reportPrivateUsage]
    return device == "cuda" and torch.cuda.is_bf16_supported()


def _share(done: int, steps: int) -> float:
    """How much of the rate a step takes."""
    falling = 0.5 * (1 + math.cos(math.pi * done / steps))
    return min(1.0, (done + 1) / _WARMING) * (_LAST + (1 - _LAST) * falling)


def _loss(made: Tensor, wanted: Tensor) -> Tensor:
    apart = (made - wanted)[..., _BORDER // 2 : -_BORDER // 2, _BORDER:-_BORDER]
    return torch.log(apart.square().mean((1, 2, 3)) + _NOISE).mean()
