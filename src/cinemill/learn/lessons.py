"""A lesson: what the user has -> a network of their own, compared with what there was, registered under a name.

`Lesson` says what is to be learned from what, `begin` gathers it, `train.learn` learns, and `finish` compares, exports
and registers. Each may be called by itself, from any surface; what was begun goes on where it was.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from dataclasses import replace as replaced
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from torch import nn

from cinemill.errors import InvalidParams, ModelRefused
from cinemill.learn import export, films, losses, nets, perceptual, start, train
from cinemill.learn.lesson import Lesson
from cinemill.learn.recipes import Schedule
from cinemill.models import registry, sessions, store, weights
from cinemill.models.registry import Provenance, Tensor
from cinemill.settings import settings


@dataclass(frozen=True)
class _Aim:
    """What the network of a task is, what it starts from, and what it is for."""

    net: type[Any]
    """Of `nets`; made of its width, what it is deep down, and its depth."""
    use: str
    """The filter that runs it."""
    keeps: registry.Task
    """What it is kept as."""
    ours: str = ""
    """The network of ours to begin with."""
    shown: slice | None = None
    """Those of the given channels that are a picture like the wanted one, if there are any."""


_AIMS: Final = {
    "deinterlace": _Aim(nets.Follower, "deinterlace.learned", "deinterlace", "deinterlace-balanced", slice(1, 2)),
    "upscale": _Aim(nets.Upscaler, "upscale.learned", "upscale", "upscale-balanced"),
    "denoise": _Aim(nets.Denoiser, "denoise.learned", "denoise", "denoise-balanced", slice(1, 2)),
    "restore": _Aim(nets.Painter, "denoise.model", "denoise", shown=slice(0, 3)),
    "imitate": _Aim(nets.Painter, "neural", "style", shown=slice(0, 3)),
    "style": _Aim(nets.Painter, "neural", "style", shown=slice(0, 3)),
}
"""By task."""
_WIDTH, _DEEP, _DEPTH = 32, 64, 4


@dataclass(frozen=True)
class Studies:
    """A lesson with what there is to learn from: a course for `train.learn`."""

    lesson: Lesson
    material: films.Material

    @property
    def schedule(self) -> Schedule:
        return self.lesson

    @property
    def aim(self) -> _Aim:
        return _AIMS[self.lesson.task]

    @property
    def facts(self) -> dict[str, Any]:
        named = (*self.lesson.good, *([self.lesson.painting] if self.lesson.painting else []))
        files = [path for path in (*named, *_below(self.lesson.pairs)) if path.is_file()]
        sizes = {str(path): path.stat().st_size for path in files}
        return self.lesson.model_dump(mode="json") | {"material": sizes}

    def network(self) -> nn.Module:
        path = _begun_with(self.lesson)
        if path is None:
            return self.aim.net(_WIDTH, _DEEP, _DEPTH)
        net = start.network_of(path)
        if type(net) is not self.aim.net:
            found, wanted = map(start.purpose, (type(net), self.aim.net))
            raise ModelRefused(f"{path} is for {found}, and this lesson is about {wanted}; start with another.")
        return net

    def batch(self, step: int) -> train.Example:
        rng = np.random.default_rng([self.lesson.seed, 1, step])
        return self.material.batch(rng, self.lesson.batch, self.lesson.crop, "temporal" in self.lesson.loss)

    @property
    def held(self) -> Sequence[train.Example]:
        return self._held

    def loss(self) -> losses.Loss:
        return self._loss

    @cached_property
    def _loss(self) -> losses.Loss:
        if self.lesson.painting:
            return perceptual.painting(self.lesson.vgg, films.painted(self.lesson.painting), self.lesson.manner)
        return losses.loss(self.lesson.loss, self.lesson.vgg)

    def near(self, made: Any, wanted: Any) -> float:
        """PSNR; of a style how small its loss is."""
        return -10 * math.log10(float(self._loss(made, wanted))) if self.lesson.painting else train.psnr(made, wanted)

    @cached_property
    def _held(self) -> Sequence[train.Example]:
        return self.material.examples()


def _below(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(folder.rglob("*"))


def _begun_with(lesson: Lesson) -> Path | None:
    """The file of the network to begin with; None for a new one."""
    if lesson.start == "ours":
        ours = _AIMS[lesson.task].ours
        return Path(weights.__file__).with_name(f"{ours}.onnx") if ours else None
    return None if lesson.start == "nothing" else sessions.located(lesson.start)


def begin(lesson: Lesson) -> Studies:
    """Gather what a lesson is about. Raises RequestError with what is wrong with it, OpenFailed for bad files."""
    _refuse(lesson)
    skipped: list[str] = []
    material = films.gathered(_stretches(lesson, skipped), lesson.task, lesson.crop, skipped)
    studies = Studies(lesson, material)
    studies.network()
    studies.loss()
    return studies


def _refuse(lesson: Lesson) -> None:
    if not (lesson.good or lesson.pairs):
        raise InvalidParams("there is nothing to learn from: give good films, or folders of pairs.")
    if (lesson.task == "style") != bool(lesson.painting):
        raise InvalidParams("style needs a painting, and nothing else takes one.")
    if lesson.task == "style" and (lesson.pairs or lesson.damage or "loss" in lesson.model_fields_set):
        raise InvalidParams("style learns from good films or pictures alone, by a loss of its own.")
    if lesson.good and not lesson.damage and lesson.task not in ("deinterlace", "upscale", "style"):
        raise InvalidParams(f"{lesson.task} from good films needs a damage, as vhs-pal or simulate.tape=luma_noise:6.")
    if lesson.damage and lesson.task in ("deinterlace", "upscale"):
        raise InvalidParams(f"{lesson.task} makes its own damage of good films; leave the damage out.")
    if lesson.pairs and lesson.task == "deinterlace":
        raise InvalidParams("deinterlace learns from good progressive films, not from pairs.")
    if "temporal" in lesson.loss and lesson.batch % 2:
        raise InvalidParams(f"batch {lesson.batch}: the loss temporal takes examples two by two.")


def _stretches(lesson: Lesson, skipped: list[str]) -> Iterator[films.Stretch]:
    if lesson.good:
        yield from films.good(lesson.good, lesson.damage, lesson.pictures)
    for folder in lesson.pairs:
        yield from films.pairs(folder, lesson.pictures, lesson.scale, skipped)


def folder(name: str) -> Path:
    """Where a lesson called `name` keeps what it is at."""
    return settings().data_dir / "lessons" / name


@dataclass(frozen=True)
class Outcome:
    """What came of a lesson. PSNR in dB (of a style how small its loss is) on pictures that were not learned from: as
    they are given, None where they are of another size or kind; by the network it began with; by the new one.
    """

    path: Path
    given: float | None
    before: float | None
    after: float
    written: export.Written
    use: str = ""
    """The filter that runs it, with its parameter."""

    @property
    def gain(self) -> float | None:
        return None if self.before is None else self.after - self.before


def finish(studies: Studies, folder: Path, path: Path, precision: export.Precision = "auto") -> Outcome:
    """Write what was learned in `folder` as an ONNX file. Raises InvalidParams when it is no good as a file."""
    lesson, held = studies.lesson, studies.held
    net = train.learned(studies, folder)
    before = train.judged(studies.network(), held, studies.near) if _begun_with(lesson) else None
    given = _as_given(studies)
    after = train.judged(net, held, studies.near)
    alike = [(one, other) for one, other in held if one.shape == held[0][0].shape]
    one, other = (np.stack(each) for each in zip(*alike))
    if lesson.painting:  # coarser weights are to paint the same
        other = train.made(net, one)
    written = export.written(net, one, other, path, precision)
    if studies.aim.net is nets.Painter:
        _tell_sizes(path)
    return Outcome(path, given, before, after, written)


def _as_given(studies: Studies) -> float | None:
    shown = studies.aim.shown
    return None if shown is None else train.judged(_Shown(shown), studies.held, studies.near)


class _Shown(nn.Module):
    """Gives back some of the channels that it is given."""

    def __init__(self, channels: slice) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, given: Any) -> Any:
        return given[:, self.channels]


def _tell_sizes(path: Path) -> None:
    """Write into the file what sizes it takes, which `models.onnx_backend` reads."""
    import onnx

    graph = onnx.load(str(path))
    onnx.helper.set_model_props(graph, {"multiple_of": "4", "minimum": "16", "align": "4", "overlap": "32"})
    onnx.save(graph, str(path))


def register(outcome: Outcome, studies: Studies, name: str, replace: bool = False) -> Outcome:
    """Take a network into the user's models under `name`, with what it was made of. Raises ModelRefused."""
    lesson, aim = studies.lesson, studies.aim
    made = Provenance(
        task=lesson.task,
        recipe=lesson.model_dump(mode="json", exclude_defaults=True),
        learned_from=len(studies.material.learned),
        held_back=len(studies.material.held),
        psnr_given=outcome.given,
        psnr_before=outcome.before,
        psnr_after=outcome.after,
        precision=outcome.written.precision,
        apart=outcome.written.apart,
    )
    store.keep(
        outcome.path,
        name,
        aim.keeps,
        f"Made here for {lesson.task}: {outcome.after:.2f} dB on pictures that it did not learn from."
        if lesson.painting is None
        else f"Made here to paint in the manner of {lesson.painting.name}.",
        aim.use,
        Tensor(multiple_of=4, minimum=16) if aim.net is nets.Painter else None,
        made,
        replace,
    )
    return replaced(outcome, path=store.path(name), use=f"{aim.use}=model:{name}")


def taught(
    lesson: Lesson, name: str, precision: export.Precision = "auto", replace: bool = False, device: str = "cpu"
) -> Iterator[train.Progress | Outcome]:
    """The whole of a lesson: its progress, and last what came of it, registered. Resumes what was stopped."""
    store.refuse_taken(name, replace)
    studies, place = begin(lesson), folder(name)
    place.mkdir(parents=True, exist_ok=True)
    yield from train.learn(studies, place, device)
    yield register(finish(studies, place, place / f"{name}.onnx", precision), studies, name, replace)
    shutil.rmtree(place)
