"""A course -> weights. Killed at any moment, it goes on where it was and ends with the same weights.

What a step learns from follows from its number. Weights, their running mean, the best so far and the optimiser's state
are saved together, under a passing name and then renamed. `progress.jsonl` has a line for every few steps, and
`samples` pictures that are not learned from, as they get better; both are for people and for pages.
Sources: AdamW, I. Loshchilov and F. Hutter, 2019.
"""

from __future__ import annotations

import copy
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from cinemill.errors import InvalidParams, PlanMismatch
from cinemill.hardware import cores
from cinemill.learn import losses, tasks
from cinemill.learn.recipes import Recipe, Schedule

Floats = Any
"""float32 array."""
Example = tuple[Floats, Floats]
"""What is given and what should come out, (channels, height, width) from 0 to 1."""
DEVICES: Final = ("auto", "cpu", "cuda", "mps")
_WARMING: Final = 200
"""Steps in which the rate rises to its full size, or a tenth of all, if that is less."""
_LAST: Final = 0.02
"""Share of the rate that is left at the end."""
_BORDER: Final = 4
"""Lines and columns at the edge that do not count; a network cannot know what is beyond."""
_FLOOR: Final = 1e-6
"""Mean squared error below which nothing is seen: 60 dB."""
_MEAN: Final = 0.999
"""How much of the running mean of the weights a step keeps, at most."""
_SAVED: Final = 60.0
"""Seconds between checkpoints, at most; one follows each check too."""
_TOLD: Final = 20
"""Steps between lines of the progress."""
_BETTER: Final = 0.005
"""Decibels that count as getting better."""


class Course(Protocol):
    """What there is to learn, and from what."""

    @property
    def schedule(self) -> Schedule: ...
    @property
    def facts(self) -> dict[str, Any]:
        """Everything that decides the weights; what was begun by other facts is not gone on with."""
        ...

    def network(self) -> nn.Module:
        """The network as it begins; what is drawn by chance is drawn from torch's own."""
        ...

    def batch(self, step: int) -> tuple[Floats, Floats]:
        """The examples of a step: (examples, channels, height, width)."""
        ...

    @property
    def held(self) -> Sequence[Example]:
        """Examples that are not learned from. There may be none."""
        ...

    def loss(self) -> losses.Loss:
        """What is to become small."""
        ...

    def near(self, made: Tensor, wanted: Tensor) -> float:
        """How near the one is to the other, in dB; more is better."""
        ...


@dataclass(frozen=True)
class Progress:
    """`done` of `total` steps; running means of the loss and of the PSNR of examples; of held ones the PSNR when it was
    last looked at, and the best so far. `stopped`: it has not got better for long, and no step follows.
    """

    done: int
    total: int
    psnr: float
    loss: float = 0.0
    held: float | None = None
    best: float | None = None
    rate: float = 0.0
    stopped: bool = False


def learn(course: Course, folder: Path, device: str = "cpu") -> Iterator[Progress]:
    """Learn by a course, keeping checkpoints in `folder`; `learned` gives the network afterwards.

    Raises PlanMismatch when something else is being learned there, InvalidParams when the loss is no number.
    """
    run = _Run(course, folder, device)
    if run.finished:
        yield run.progress()
        return
    saved = time.monotonic()
    with ThreadPoolExecutor(1) as ahead:
        upcoming = ahead.submit(course.batch, run.done)
        while not run.finished:
            given, wanted = upcoming.result()
            if run.done + 1 < course.schedule.steps:
                upcoming = ahead.submit(course.batch, run.done + 1)
            run.step(torch.from_numpy(given), torch.from_numpy(wanted))
            if time.monotonic() - saved > _SAVED or run.finished or run.done % course.schedule.check == 0:
                run.save()
                saved = time.monotonic()
            yield run.progress()


def learned(course: Course, folder: Path) -> nn.Module:
    """The network as the last checkpoint has it: the best so far, or else the running mean of its weights."""
    run = _Run(course, folder, "cpu")
    if run.best is not None:
        run.mean.load_state_dict(run.best)
    return run.mean.eval()


def psnr(made: Tensor, wanted: Tensor) -> float:
    """The mean over examples in dB, without their borders."""
    errors = _inner(made - wanted).square().mean((1, 2, 3))
    return float(-10 * torch.log10(errors + _FLOOR).mean())


Near = Callable[[Tensor, Tensor], float]
"""How near what was made is to what was wanted, in dB."""


@torch.inference_mode()
def judged(net: nn.Module, held: Sequence[Example], near: Near = psnr) -> float:
    """How near what a network makes of examples is to what is wanted, in the mean, in dB."""
    net.eval()
    return float(np.mean([near(net(_one(given)), _one(wanted)) for given, wanted in held]))


@torch.inference_mode()
def made(net: nn.Module, given: Floats) -> Floats:
    """What a network makes of (examples, channels, height, width)."""
    return net.eval()(torch.from_numpy(given)).numpy()


def _one(values: Floats) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values))[None]


def _inner(values: Tensor) -> Tensor:
    """Without the borders; a field has half as many lines."""
    return values[..., _BORDER // 2 : -_BORDER // 2, _BORDER:-_BORDER]


class _Run:
    """Weights, their running mean, and what the optimiser remembers, after so many steps."""

    def __init__(self, course: Course, folder: Path, device: str) -> None:
        self.course, self.device, self.folder = course, device, folder
        self.path, self.schedule = folder / "checkpoint.pt", course.schedule
        torch.manual_seed(self.schedule.seed)
        torch.set_num_threads(cores())
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
        self.net = course.network().to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.mean = copy.deepcopy(self.net)
        self.optimiser = torch.optim.AdamW(self.net.parameters(), self.schedule.rate, (0.9, 0.99), weight_decay=1e-4)
        self.loss_of = course.loss()
        self.done, self.loss, self.psnr = 0, 0.0, 0.0
        self.held: float | None = None
        self.top: float | None = None
        self.best: dict[str, Tensor] | None = None
        self.worse = 0
        self.short = _shortens(device)
        if self.path.exists():
            self._resume(torch.load(self.path, map_location=device, weights_only=True))
        elif course.held:  # what it began with may stay the best
            self._judge()

    @property
    def finished(self) -> bool:
        return self.done >= self.schedule.steps or self.stopped

    @property
    def stopped(self) -> bool:
        return 0 < self.schedule.patience <= self.worse

    def progress(self) -> Progress:
        rate = self.schedule.rate * _share(self.done, self.schedule.steps)
        return Progress(
            self.done, self.schedule.steps, self.psnr, self.loss, self.held, self.top, rate, stopped=self.stopped
        )

    def _resume(self, state: dict[str, Any]) -> None:
        facts = json.loads(json.dumps(self.course.facts, default=str))
        for name, was in json.loads(state["facts"]).items():
            if was != facts.get(name):
                raise PlanMismatch(
                    f"what is being learned in {self.folder} has {name} {was}, now it is {facts.get(name)}. Ask as "
                    "before to go on with it, or begin anew.",
                    field=name,
                    was=was,
                    now=facts.get(name),
                )
        self.net.load_state_dict(state["net"])
        self.mean.load_state_dict(state["mean"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.done, self.loss, self.psnr, self.worse = (state[name] for name in ("done", "loss", "psnr", "worse"))
        self.held, self.top, self.best = state["held"], state["top"], state["best"]
        self._forget()

    def _forget(self) -> None:
        """Drop lines of progress that come after the checkpoint: their steps are made again."""
        if self._log.exists():
            kept = [line for line in self._log.read_text("utf-8").splitlines() if _step_of(line) <= self.done]
            self._log.write_text("".join(f"{line}\n" for line in kept), "utf-8")

    @property
    def _log(self) -> Path:
        return self.folder / "progress.jsonl"

    def save(self) -> None:
        passing = self.path.with_suffix(".tmp")
        parts = {"net": self.net, "mean": self.mean, "optimiser": self.optimiser}
        state: dict[str, Any] = {name: part.state_dict() for name, part in parts.items()}
        numbers = {name: getattr(self, name) for name in ("done", "loss", "psnr", "worse", "held", "top", "best")}
        with passing.open("wb") as file:
            torch.save(state | numbers | {"facts": json.dumps(self.course.facts, default=str)}, file)
            file.flush()
            os.fsync(file.fileno())
        passing.replace(self.path)

    def step(self, given: Tensor, wanted: Tensor) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = self.schedule.rate * _share(self.done, self.schedule.steps)
        self.net.train()
        with torch.autocast(self.device.partition(":")[0], torch.bfloat16, enabled=self.short):
            made = self.net(given.to(self.device, memory_format=torch.channels_last)).float()
        wanted = wanted.to(self.device)
        loss = self.loss_of(_inner(made), _inner(wanted))
        if not bool(torch.isfinite(loss)):
            raise InvalidParams(f"at step {self.done + 1} the loss is no number any more; take a lower rate.")
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 0.5)
        self.optimiser.step()
        self._follow()
        kept = min(0.995, self.done / (self.done + 10))
        self.loss = kept * self.loss + (1 - kept) * loss.item()
        self.psnr = kept * self.psnr + (1 - kept) * self.course.near(made.detach(), wanted)
        self.done += 1
        if self.course.held and (self.done % self.schedule.check == 0 or self.done == self.schedule.steps):
            self._look()
        if self.done % _TOLD == 0 or self.done in (1, self.schedule.steps):
            self._tell()

    @torch.no_grad()
    def _follow(self) -> None:
        kept = min(_MEAN, (self.done + 1) / (self.done + 10))
        for mean, weight in zip(self.mean.parameters(), self.net.parameters()):
            mean.lerp_(weight, 1 - kept)

    def _look(self) -> None:
        """Judge the running mean by what is not learned from, and keep it if it is the best so far."""
        seen = self._judge()
        _sample(seen, self.course.held[0], self.folder / "samples" / f"{self.done:07d}.jpg")

    def _judge(self) -> nn.Module:
        seen = copy.deepcopy(self.mean).to("cpu")
        self.held = judged(seen, self.course.held, self.course.near)
        if self.top is None or self.held > self.top + _BETTER:
            self.top, self.worse = self.held, 0
            self.best = {name: value.clone() for name, value in seen.state_dict().items()}
        else:
            self.worse += 1
        return seen

    def _tell(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        line = asdict(self.progress()) | {"time": round(time.time(), 1)}
        with self._log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        for name in ("loss", "psnr", "held", "rate") if self._board else ():
            if line[name] is not None:
                self._board.add_scalar(name, line[name], self.done)

    @cached_property
    def _board(self) -> Any:
        """TensorBoard's writer, where that is installed."""
        try:
            from torch.utils.tensorboard import SummaryWriter  # pyright: ignore[reportMissingImports]
        except ImportError:
            return None
        return SummaryWriter(str(self.folder / "tensorboard"))


def _step_of(line: str) -> int:
    try:
        return int(json.loads(line)["done"])
    except (ValueError, KeyError, TypeError):  # cut off by a kill
        return 1 << 62


def progress(folder: Path) -> list[dict[str, Any]]:
    """The lines of progress of what was learned in `folder`, for curves; none before the first."""
    path = folder / "progress.jsonl"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if _step_of(line) < 1 << 62]


@torch.inference_mode()
def compared(nets: Mapping[str, nn.Module], held: Sequence[Example], folder: Path, most: int = 6) -> int:
    """Write of examples what is given, what each network makes of it, and what is wanted: NUMBER-NAME.jpg; how many."""
    from cinemill.measure import sheet

    folder.mkdir(parents=True, exist_ok=True)
    for number, (given, wanted) in enumerate(held[:most]):
        height, width = wanted.shape[1:]
        made = {name: net.eval()(_one(given))[0].numpy() for name, net in nets.items()}
        for name, values in {"given": given, **made, "wanted": wanted}.items():
            shown = _shown(values, height, width)
            (folder / f"{number:02d}-{name}.jpg").write_bytes(sheet.jpeg(shown, 94))
    return min(most, len(held))


def device_of(asked: str) -> str:
    """Where torch learns: cpu, cuda or mps; auto is the quickest there is. Raises InvalidParams."""
    if asked not in DEVICES:
        raise InvalidParams(f"--device {asked} is refused: choose {', '.join(DEVICES)}.")
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if asked == "auto":
        return next(word for word in ("cuda", "mps", "cpu") if there[word])
    if not there[asked]:
        raise InvalidParams(f"--device {asked}: torch finds none on this machine.")
    return asked


def _sample(net: nn.Module, example: Example, path: Path) -> None:
    """Side by side what is given, what is made of it, and what should be."""
    from cinemill.measure import sheet

    given, wanted = example
    with torch.inference_mode():
        made = net.eval()(_one(given))[0].numpy()
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = wanted.shape[1:]
    shown = [_shown(each, height, width) for each in (given, made, wanted)]
    path.write_bytes(sheet.jpeg(np.hstack(shown), 90))


def _shown(values: Floats, height: int, width: int) -> Any:
    """(height, width, 3) uint8: colours as they are, else the picture in the middle in grey."""
    import cv2

    channels = len(values)
    # Of three pictures and their noise it is the second, of five fields the third.
    picture = values if channels == 3 else np.repeat(values[{4: 1, 5: 2}.get(channels, 0)][None], 3, 0)
    coded = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
    return cv2.resize(coded, (width, height), interpolation=cv2.INTER_NEAREST)


def _shortens(device: str) -> bool:
    """Whether arithmetic in bfloat16, which is twice as fast where there is any, can be had."""
    if device == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported())  # pyright: ignore[reportPrivateUsage]
    return device.startswith("cuda") and torch.cuda.is_bf16_supported()


def _share(done: int, steps: int) -> float:
    """How much of the rate a step takes."""
    falling = 0.5 * (1 + math.cos(math.pi * done / steps))
    return min(1.0, (done + 1) / min(_WARMING, max(1, steps // 10))) * (_LAST + (1 - _LAST) * falling)


@dataclass(frozen=True)
class Drawn:
    """A course by a recipe: the clips are drawn once into a file in `folder`."""

    schedule: Recipe
    folder: Path

    @property
    def facts(self) -> dict[str, Any]:
        return self.schedule.model_dump(mode="json")

    @cached_property
    def _task(self) -> tasks.Task:
        return tasks.TASKS[self.schedule.task](self.schedule)

    @cached_property
    def _drawn(self) -> Any:
        drawn = clips(self.schedule, self.folder)
        return examples(self.schedule, self.folder, drawn) if self._task.prepared else np.load(drawn, mmap_mode="r")

    def prepare(self) -> None:
        """Draw what there is to learn from, unless it lies in the folder; a step would wait for it."""
        assert len(self._drawn)

    def network(self) -> nn.Module:
        return self._task.network()

    def batch(self, step: int) -> tuple[Floats, Floats]:
        return self._task.batch(self._drawn, step)

    @property
    def held(self) -> Sequence[Example]:
        return ()

    def loss(self) -> losses.Loss:
        return losses.loss(self.schedule.loss, self.schedule.vgg)

    def near(self, made: Tensor, wanted: Tensor) -> float:
        return psnr(made, wanted)


def clips(recipe: Recipe, folder: Path) -> Path:
    """The file of clips to learn from, (clips, frames, height, width), drawn by all cores unless it is in `folder`."""
    path = folder / f"clips-{recipe.seed}-{recipe.clips}.npy"
    if not path.exists():
        shape = (recipe.clips, tasks.TASKS[recipe.task].frames, tasks.SIDE, tasks.SIDE)
        _filled(path, shape, np.uint8, partial(tasks.clip, recipe))
    return path


def examples(recipe: Recipe, folder: Path, drawn: Path) -> Floats:
    """Examples that were made beforehand of drawn clips, (examples, channels, lines, columns), float16."""
    path = folder / f"examples-{recipe.seed}-{recipe.clips}.npy"
    make = partial(tasks.examples, recipe, drawn)
    if not path.exists():
        _filled(path, (recipe.clips, *make(0).shape), np.float16, make)
    made = np.load(path, mmap_mode="r")
    return made.reshape(-1, *made.shape[2:])


def _filled(path: Path, shape: tuple[int, ...], kind: Any, make: Callable[[int], Any]) -> None:
    """Write an array, each part of it as `make` makes it of its number, by all cores."""
    passing = path.with_suffix(".tmp")
    whole = np.lib.format.open_memmap(passing, "w+", kind, shape)
    with ProcessPoolExecutor(cores(), get_context("spawn")) as pool:
        for number, part in enumerate(pool.map(make, range(len(whole)), chunksize=32)):
            whole[number] = part
    whole.flush()
    passing.replace(path)
