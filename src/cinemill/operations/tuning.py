"""A search for good parameters: trials on short excerpts of a film, kept in a study that goes on where it was stopped.

Each trial makes the excerpts with other values, measures them, and is entered in the study (SQLite, Optuna's own form)
when it is whole. What it is worth is computed from its numbers and from the stars that people gave it whenever that is
asked, so that goals may change and ratings come late. Optuna's TPE (J. Bergstra et al., Algorithms for hyper-parameter
optimization, 2011) proposes the next one from all that is known, by chance that depends on the seed and the number of
the trial alone: a search that was stopped ends like one that was not. A grid takes every combination, the far ones
first.
"""

from __future__ import annotations

import json
import random
import time
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from itertools import product
from pathlib import Path
from statistics import fmean, pstdev
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

from cinemill.errors import CinemillError, InvalidParams, MissingResource, OpenFailed, PlanMismatch, UnknownName
from cinemill.operations import Operation, Request, get
from cinemill.operations.process import Process, ProcessOperation
from cinemill.operations.space import Axis, Target, Value

if TYPE_CHECKING:
    from cinemill.measure.metrics import Line
    from cinemill.media.read import Index
    from cinemill.media.types import MediaInfo

Method = Literal["tpe", "grid"]
STARS = (1, 5)
_NEUTRAL = 3
"""Stars of what nobody has rated."""
_COSTS = {"fps": 1.0, "kbps": -1.0}
"""What making takes: frames a second, and kilobits a second of the result."""
_TEN = 10
"""Trials by chance before TPE has something to go by."""
_NAME = "cinemill"


def optuna() -> Any:
    """The optuna module, told to be silent. Raises MissingResource when it is not installed."""
    try:
        import optuna
    except ImportError as error:
        raise MissingResource(
            f"tuning needs Optuna, which cannot be loaded ({error}); `pip install 'cinemill[tune]'` installs it."
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


@dataclass(frozen=True)
class Goal:
    """A sum of figures, each with its weight in the figure's own unit. Nothing: people's ratings decide."""

    weights: dict[str, float]

    @classmethod
    def of(cls, written: str) -> Goal:
        """`ssim` or `psnr_y:1,fps:0.1`; a weight that is left out is 1 in the better direction.

        Raises UnknownName, InvalidParams.
        """
        from cinemill.measure.metrics import FIGURES

        usual = {figure.name: {"more": 1.0, "less": -1.0}.get(figure.better or "") for figure in FIGURES} | _COSTS
        weights: dict[str, float] = {}
        for part in filter(None, (part.strip() for part in written.split(","))):
            name, _, weight = (word.strip() for word in part.partition(":"))
            if name not in usual:
                raise UnknownName("figure", name, usual)
            given = _number(weight, part) if weight else usual[name]
            if given is None:
                raise InvalidParams(f"--goal {name}: whether more of it is better is yours to say, as in {name}:1.")
            weights[name] = given
        return cls(weights)

    def score(self, figures: dict[str, float]) -> float:
        """The sum. Raises InvalidParams for a figure that was not measured."""
        if missing := [name for name in self.weights if name not in figures]:
            raise InvalidParams(
                f"--goal {missing[0]}: it was not measured; what was: {', '.join(sorted(figures))}. "
                "An output of another shape than its source cannot be compared with it."
            )
        return sum(weight * figures[name] for name, weight in self.weights.items())

    def __str__(self) -> str:
        return ", ".join(name if abs(w) == 1 else f"{name}:{w:g}" for name, w in self.weights.items()) or "ratings"


def _number(written: str, part: str) -> float:
    try:
        return float(written)
    except ValueError:
        raise InvalidParams(f"--goal {part}: {written} is no number.") from None


@dataclass(frozen=True)
class Trial:
    """One that is done. `figures` are means over all frames; `worth` is what it is ranked by."""

    number: int
    values: dict[str, Value]
    figures: dict[str, float]
    stars: float | None
    worth: float


@dataclass(frozen=True)
class Asked:
    """What a study is about; another of these is another study."""

    operation: str
    fixed: dict[str, Any]
    axes: list[str]
    samples: list[str]
    method: Method
    seed: int

    def record(self) -> dict[str, Any]:
        return json.loads(json.dumps(asdict(self), default=str))


@dataclass
class Study:
    """Trials in a file of SQLite. Raises MissingResource without Optuna, PlanMismatch for a study of something else."""

    path: Path
    asked: Asked
    axes: Sequence[Axis]
    first: dict[str, Value] | None
    goal: Goal
    _study: Any = field(init=False)
    _storage: Any = field(init=False)

    def __post_init__(self) -> None:
        library = optuna()
        try:
            self._storage = library.storages.RDBStorage(f"sqlite:///{self.path}")
            self._study = library.create_study(
                study_name=_NAME, storage=self._storage, direction="maximize", load_if_exists=True
            )
        except Exception as error:  # of SQLAlchemy, which is Optuna's own affair
            raise OpenFailed(f"{self.path} is no study that can be read ({type(error).__name__}).") from None
        was = self._study.user_attrs.get("asked")
        if was is None:
            self._study.set_user_attr("asked", self.asked.record())
        else:
            _refuse_other(self.path, was, self.asked.record())

    def trials(self) -> list[Trial]:
        """In the order they were made, with what each is worth now."""
        done = [trial for trial in self._study.get_trials(deepcopy=False) if "figures" in trial.user_attrs]
        stars = {int(number): given for number, given in self._study.user_attrs.get("stars", {}).items()}
        scores = [self.goal.score(trial.user_attrs["figures"]) for trial in done]
        worth = worths(scores, [stars.get(trial.number) for trial in done])
        return [
            Trial(trial.number, trial.user_attrs["values"], trial.user_attrs["figures"], stars.get(trial.number), each)
            for trial, each in zip(done, worth)
        ]

    def ranked(self) -> list[Trial]:
        """The best first, each combination of values once."""
        seen: dict[str, Trial] = {}
        for trial in sorted(self.trials(), key=lambda trial: -trial.worth):
            seen.setdefault(json.dumps(trial.values, sort_keys=True), trial)
        return list(seen.values())

    def rate(self, number: int, stars: float) -> None:
        """Give a trial 1 to 5 stars. Raises InvalidParams for no such trial, or no such number of stars."""
        known = [trial.number for trial in self.trials()]
        if number not in known:
            raise InvalidParams(f"there is no trial {number} to rate; there are {len(known)}, from 0 on.")
        if not STARS[0] <= stars <= STARS[1]:
            raise InvalidParams(f"trial {number} cannot have {stars:g} stars: give 1 to 5.")
        self._study.set_user_attr("stars", {**self._study.user_attrs.get("stars", {}), str(number): stars})

    def ask(self) -> dict[str, Value] | None:
        """The values to try next; None when a grid is done."""
        made = self._study.get_trials(deepcopy=False)
        asked = [trial.user_attrs["values"] for trial in made if "values" in trial.user_attrs]
        if self.asked.method == "grid":
            return next((values for values in grid(self.axes, self.asked.seed) if values not in asked), None)
        if self.first and not asked:
            return self.first
        return self._proposed(self.trials(), len(asked))

    def _proposed(self, trials: Sequence[Trial], number: int) -> dict[str, Value]:
        library = optuna()
        sampler = library.samplers.TPESampler(seed=self.asked.seed + number, n_startup_trials=_TEN)
        known = library.create_study(sampler=sampler, direction="maximize")
        space = _space(self.axes)
        known.add_trials(
            library.trial.create_trial(params=_known(self.axes, t.values), distributions=space, value=t.worth)
            for t in trials
        )
        proposed = known.ask(space).params
        return {axis.name: _meant(axis, proposed[axis.name]) for axis in self.axes}

    def measured(self, values: dict[str, Value]) -> dict[str, float] | None:
        """What these values gave before."""
        return next((trial.figures for trial in self.trials() if trial.values == values), None)

    def count(self) -> int:
        """How many trials there are, failed ones among them."""
        return len(self._study.get_trials(deepcopy=False))

    def tell(self, values: dict[str, Value], figures: dict[str, float]) -> None:
        """Enter what a trial gave. Raises InvalidParams when the goal asks for what was not measured."""
        library = optuna()
        self._study.add_trial(
            library.trial.create_trial(
                params=_known(self.axes, values),
                distributions=_space(self.axes),
                value=self.goal.score(figures),
                user_attrs={"values": values, "figures": figures},
            )
        )

    def fail(self, values: dict[str, Value], why: str) -> None:
        """Enter values that cannot be had together."""
        library = optuna()
        self._study.add_trial(
            library.trial.create_trial(
                state=library.trial.TrialState.FAIL,
                params=_known(self.axes, values),
                distributions=_space(self.axes),
                user_attrs={"values": values, "why": why},
            )
        )

    def failures(self) -> list[str]:
        """Why trials came to nothing, the last one last."""
        found = (trial.user_attrs.get("why") for trial in self._study.get_trials(deepcopy=False))
        return [why for why in found if why]

    def close(self) -> None:
        """Let go of the file."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def weights(self) -> dict[str, float]:
        """How much of what good trials have in common each parameter explains, by PED-ANOVA; empty for few trials."""
        library = optuna()
        trials = self.trials()
        if len(trials) < 2 * _TEN or len({trial.worth for trial in trials}) < _TEN:
            return {}
        known = library.create_study(direction="maximize")
        space = _space(self.axes)
        known.add_trials(
            library.trial.create_trial(params=_known(self.axes, t.values), distributions=space, value=t.worth)
            for t in trials
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some versions call it an experiment
            evaluator = library.importance.PedAnovaImportanceEvaluator()
            return dict(library.importance.get_param_importances(known, evaluator=evaluator))


def preferred(target: Target, axes: Sequence[Axis], lab: Path) -> list[tuple[dict[str, Value], float]]:
    """Values of the axes that a lab's choices are about, and stars for them. Raises InvalidParams when there are none.

    Settings of other filters than the target's, or outside of what is searched, are passed over.
    """
    from cinemill.learn.lab import standings

    names = [step.filter.name for step in target.steps]
    found: list[tuple[dict[str, Value], float]] = []
    for standing in standings(lab):
        other = Target(target.operation, {**target.fixed, "chain": standing.chain})
        if names and names == [step.filter.name for step in other.steps] and (values := other.defaults(axes)):
            found.append((values, standing.stars))
    if not found:
        raise InvalidParams(f"--choices {lab}: no choice there is between settings of what is tuned.")
    return found


def worths(scores: Sequence[float], stars: Sequence[float | None]) -> list[float]:
    """What trials are ranked by: the score; with ratings, a star is as much as the standard deviation of scores."""
    if not any(given is not None for given in stars):
        return list(scores)
    middle, spread = fmean(scores), pstdev(scores)
    even = [(score - middle) / spread if spread else 0.0 for score in scores]
    return [score + ((_NEUTRAL if given is None else given) - _NEUTRAL) for score, given in zip(even, stars)]


def grid(axes: Sequence[Axis], seed: int) -> list[dict[str, Value]]:
    """Every combination, shuffled, so that a search that is stopped has seen all parts."""
    names = [axis.name for axis in axes]
    combinations = [dict(zip(names, values)) for values in product(*(axis.grid() for axis in axes))]
    random.Random(seed).shuffle(combinations)
    return combinations


def _space(axes: Sequence[Axis]) -> dict[str, Any]:
    kinds = optuna().distributions

    def one(axis: Axis) -> Any:
        if axis.among:
            return kinds.CategoricalDistribution([str(value) for value in axis.among])
        if axis.whole:
            return kinds.IntDistribution(int(axis.low), int(axis.high), step=int(axis.step or 1))
        return kinds.FloatDistribution(axis.low, axis.high, step=axis.step)

    return {axis.name: one(axis) for axis in axes}


def _known(axes: Sequence[Axis], values: dict[str, Value]) -> dict[str, Any]:
    """Values as Optuna has them: choices as text."""
    return {axis.name: str(values[axis.name]) if axis.among else values[axis.name] for axis in axes}


def _meant(axis: Axis, value: Any) -> Value:
    if axis.among:
        return next(each for each in axis.among if str(each) == value)
    return int(value) if axis.whole else round(float(value), 6)


def _refuse_other(path: Path, was: dict[str, Any], now: dict[str, Any]) -> None:
    for key, value in now.items():
        if was.get(key) != value:
            raise PlanMismatch(
                f"the study in {path.parent} has {key} {was.get(key)}, now it is {value}. Ask as before to go on with "
                "it, name another folder, or add --restart to throw it away.",
                field=key,
                was=was.get(key),
                now=value,
            )


@dataclass(frozen=True)
class Sample:
    """An excerpt without loss, and that of the file with which results are compared: the film itself, if no other."""

    film: Path
    reference: Path


def moments(info: MediaInfo, seconds: float, count: int) -> list[Fraction]:
    """Where `count` excerpts begin, in seconds: in the middle of as many equal stretches of the file."""
    from cinemill.media import read
    from cinemill.operations.video import indexed

    video = read.picture_of(info)
    pts = indexed(info.path).pts
    length, whole = Fraction(seconds), (pts[-1] - pts[0]) * video.time_base
    count = max(1, min(count, int(whole / length)))
    first = pts[0] * video.time_base
    return [first + max(Fraction(0), whole * (2 * n + 1) / (2 * count) - length / 2) for n in range(count)]


def excerpt(film: Path, at: Fraction, seconds: float, made: Path) -> None:
    """Write a stretch of a film, shown from time 0, without loss and without sound. Raises MediaError."""
    from cinemill.media import read

    time_base = read.picture_of(read.probe(film)).time_base
    span = (round(at / time_base), round((at + Fraction(seconds)) / time_base))
    _make(_Excerpt(span), Request("process", Process(codec="ffv1"), (film,), made))


class _Excerpt(ProcessOperation):
    """A stretch of a video as it is."""

    def __init__(self, span: tuple[int, int]) -> None:
        self._span = span

    def excerpt(self, params: Process, info: MediaInfo, index: Index) -> tuple[int, int] | None:
        return self._span


def _make(operation: Operation[Any, Any], request: Request[Any]) -> None:
    """The whole of a request, part after part, in this process."""
    assert request.output
    decided = operation.decide(request)
    with TemporaryDirectory(prefix="cinemill-", dir=request.output.parent) as folder:
        parts: list[Path] = []
        for chunk in operation.cut(request, decided, 1e9):
            parts.append(Path(folder) / f"part-{chunk.index}")
            deque(operation.part(request, decided, chunk, parts[-1]), maxlen=0)
        deque(operation.join(request, decided, parts, request.output), maxlen=0)


def tried(target: Target, values: dict[str, Value], samples: Sequence[Sample], folder: Path) -> dict[str, float]:
    """Make every sample with these values as `N.mkv` in `folder`, and measure them together. Raises CinemillError."""
    lines: list[Line] = []
    seconds = frames = size = length = 0.0
    for number, sample in enumerate(samples):
        started = time.perf_counter()
        made = _made(target, values, sample, folder / f"{number}.mkv")
        seconds += time.perf_counter() - started
        found = _measured(sample.reference, made)
        lines += found
        frames += _frames(sample.film)
        size += made.stat().st_size
        length += _length(made)
    return _means(lines) | {"fps": frames / seconds, "kbps": size * 8 / 1000 / max(length, 1e-3)}


def _made(target: Target, values: dict[str, Value], sample: Sample, output: Path) -> Path:
    given = target.with_values(values)
    fields = target.params.model_fields
    if "codec" in fields and "codec" not in given and "crf" not in given:
        given["codec"] = "ffv1"  # what an encoder loses is not the filters' fault
    request = Request(target.operation, target.params.of(given, target.operation), (sample.film,), output)
    _make(get(target.operation), request)
    return output


def _measured(reference: Path, made: Path) -> list[Line]:
    from cinemill.measure import metrics
    from cinemill.media import read
    from cinemill.media.flow import ahead

    told = metrics.Told()
    ours, theirs = (ahead(read.frames(read.probe(path))) for path in (reference, made))
    with closing(ours), closing(theirs):
        return list(metrics.lines(ours, theirs, told))


def _means(lines: Sequence[Line]) -> dict[str, float]:
    from cinemill.measure import metrics

    return {name: one.mean for name, one in metrics.statistics(lines).items()}


def _frames(path: Path) -> int:
    from cinemill.media import read

    return len(read.index(read.probe(path)).pts)


def _length(path: Path) -> float:
    from cinemill.media import read

    return float(read.probe(path).duration or 0)


def picture_of(path: Path, lines: int) -> Any:
    """The picture in the middle of a video on square pixels, (H, W, 3) uint8 RGB, at most `lines` high."""
    from cinemill.measure import moments, sheet

    (frame,) = moments.frames_at(path, moments.spread(path, 1))
    return sheet.picture(frame, min(lines, frame.height))


def attempt(target: Target, axes: Sequence[Axis]) -> None:
    """Refuse ends of axes that the parameters do not allow, before anything is made. Raises InvalidParams."""
    lowest = {axis.name: axis.grid()[0] for axis in axes}
    for axis in axes:
        for value in axis.among or (axis.grid()[0], axis.grid()[-1]):
            try:
                given = target.with_values({**lowest, axis.name: value})
            except CinemillError as error:
                raise InvalidParams(f"--search {axis}: {error.sentence}") from None
            target.params.of(given, target.operation)


def figures_of(trials: Sequence[Trial]) -> Iterator[str]:
    """Names of what was measured, in the order of the table of metrics."""
    from cinemill.measure.metrics import FIGURES

    known = {name for trial in trials for name in trial.figures}
    yield from (name for name in (*(figure.name for figure in FIGURES), *_COSTS) if name in known)
