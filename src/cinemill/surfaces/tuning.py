"""`cinemill tune`: a search for good parameters that may be stopped at any moment, and the preset that comes of it."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cinemill.errors import Cancelled, InvalidParams, OutputRefused, RequestError

if TYPE_CHECKING:
    from cinemill.operations.space import Axis, Target
    from cinemill.operations.tuning import Sample, Study, Trial

_LINES = 720
"""How high the pictures of trials are at most."""


def tune(
    target: Annotated[str, typer.Argument(metavar="WHAT", help="An operation, or a chain of filters as for process.")],
    input: Annotated[Path, typer.Argument(metavar="INPUT", help="A video like those that it is for.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="For the study and its report.")],
    search: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=LOW..HIGH",
            help="A parameter to search; also NAME=LOW..HIGH:STEP, NAME=A|B, or NAME. Left out, all that have bounds.",
        ),
    ] = None,
    given: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the operation that stays.")
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What the result should look like. Left out, the input.")
    ] = None,
    goal: Annotated[
        str | None,
        typer.Option(
            metavar="FIGURES",
            help="What makes it good: figures with weights, as ssim or psnr_y,warping:-2; also fps and kbps. "
            "Left out, psnr_y where there is a reference, else your ratings.",
        ),
    ] = None,
    trials: Annotated[int, typer.Option(metavar="N", min=0, help="How many there are to be, with earlier ones.")] = 30,
    method: Annotated[
        str, typer.Option(metavar="tpe|grid", help="tpe goes where it was good; grid takes every combination.")
    ] = "tpe",
    ask: Annotated[
        bool, typer.Option("--ask", help="Ask for stars after each trial, whose pictures lie there.")
    ] = False,
    rate: Annotated[
        list[str] | None, typer.Option(metavar="N=STARS", help="Give trial N 1 to 5 stars; 3 is neutral.")
    ] = None,
    choices: Annotated[
        Path | None, typer.Option(metavar="LAB", help="A lab whose choices count as stars: `cinemill lab`.")
    ] = None,
    seconds: Annotated[float, typer.Option(metavar="S", min=0.1, max=600, help="Length of each excerpt.")] = 2.0,
    excerpts: Annotated[int, typer.Option(metavar="N", min=1, max=16, help="How many are looked at.")] = 2,
    best: Annotated[int, typer.Option(metavar="N", min=1, max=24, help="How many the report shows.")] = 4,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="For the dice.")] = 0,
    preset: Annotated[
        str | None, typer.Option(metavar="NAME", help="What the best is kept as. Left out, the folder's name.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a preset of that name.")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Throw an earlier study in that folder away.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Search for good parameters on excerpts of a video, by figures and by your ratings, and keep the best as a preset.

    Example: cinemill tune denoise noisy.mp4 --reference clean.mp4 -o my-denoise
    """
    from cinemill.operations import tuning

    wanted, axes = _asked(target, search or [], given or [])
    judged = _goal(goal, reference, bool(ask or rate or choices))
    tuning.attempt(wanted, axes)
    name = preset or _plain(output.resolve().name)
    _refuse_taken(name, output, overwrite)
    _prepare(output, restart)
    asked = tuning.Asked(
        wanted.operation,
        wanted.fixed,
        list(map(str, axes)),
        _identities([input, *([reference] if reference else [])], seconds, excerpts),
        _method(method),
        seed,
    )
    with closing(tuning.Study(output / "study.db", asked, axes, wanted.defaults(axes), judged)) as study:
        (output / "preset").write_text(name, "utf-8")
        for number, stars in map(_stars, rate or []):
            study.rate(number, stars)
        try:
            samples = _samples(output, input, reference, seconds, excerpts)
            for values, stars in tuning.preferred(wanted, axes, choices) if choices else ():
                _enter(study, wanted, values, stars, samples)
            _search(study, wanted, samples, trials, ask, as_json)
        except (KeyboardInterrupt, Cancelled):
            typer.echo(f"stopped after {study.count()} trials, which are kept; the same command goes on.", err=True)
            raise Cancelled from None
        ranked = study.ranked()
        if not ranked:
            why = (
                f"none of the trials worked: {failed[-1]}" if (failed := study.failures()) else "there is no trial yet;"
            )
            raise InvalidParams(f"{why} --trials says how many to make.")
        _conclude(study, wanted, ranked, name, best, output, as_json)


def _asked(written: str, search: Sequence[str], given: Sequence[str]) -> tuple[Target, list[Axis]]:
    from cinemill.operations import space

    wanted = space.target(written, dict(_pair(text, "--set NAME=VALUE") for text in given))
    axes = [wanted.axis(text) for text in search] if search else wanted.all_axes()
    names = [axis.name for axis in axes]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InvalidParams(f"--search names {twice[0]} twice.")
    if not axes:
        raise InvalidParams(f"{written} has no parameter with bounds of its own; say which to search with --search.")
    return wanted, axes


def _pair(text: str, form: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise InvalidParams(f"{text!r} is refused: write {form}.")
    return name.strip().replace("-", "_"), value.strip()


def _stars(text: str) -> tuple[int, float]:
    number, stars = _pair(text, "--rate N=STARS")
    try:
        return int(number), float(stars)
    except ValueError:
        raise InvalidParams(f"--rate {text}: write the number of a trial, = and 1 to 5, as in 7=4.") from None


def _method(written: str) -> Literal["tpe", "grid"]:
    if written == "tpe" or written == "grid":
        return written
    raise InvalidParams(f"--method {written} is refused: choose tpe or grid.")


def _goal(written: str | None, reference: Path | None, rated: bool) -> Any:
    from cinemill.operations.tuning import Goal

    if written is not None:
        return Goal.of(written)
    if reference is None and not rated:
        raise InvalidParams(
            "say what is good: --reference FILE with what the result should look like, --goal with figures, or --ask."
        )
    return Goal.of("psnr_y" if reference else "")


def _plain(name: str) -> str:
    """A folder's name as a preset may be called."""
    import re

    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


_OURS = ("study.db", "study.db-journal", "preset", "report.html", "pictures", "excerpts")


def _prepare(output: Path, restart: bool) -> None:
    """Make the folder. Raises OutputRefused for one with other things in it."""
    if output.exists() and not output.is_dir():
        raise OutputRefused(f"{output} is a file; a study needs a folder.")
    if output.is_dir() and any(output.iterdir()) and not (output / "study.db").exists():
        raise OutputRefused(f"{output} holds something else than a study; name another folder, or an empty one.")
    if restart:
        for name in _OURS:
            shutil.rmtree(output / name) if (output / name).is_dir() else (output / name).unlink(missing_ok=True)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputRefused(f"{output} cannot be made: {error.strerror}.") from None


def _refuse_taken(name: str, output: Path, overwrite: bool) -> None:
    """Raises OutputRefused where a preset of the user's has that name and is not this study's."""
    from cinemill.catalogue import preset_file

    path = preset_file(name)
    owned = (output / "preset").is_file() and (output / "preset").read_text("utf-8") == name
    if path.exists() and not owned and not overwrite:
        raise OutputRefused(f"there is a preset called {name}; name another with --preset, or add --overwrite.")


def _identities(files: Sequence[Path], seconds: float, excerpts: int) -> list[str]:
    """What the samples are made of, whatever the files are called."""
    from cinemill.media.identity import identify

    return [f"{excerpts} excerpts of {seconds:g} s", *(str(identify(file)) for file in files)]


def _samples(output: Path, film: Path, reference: Path | None, seconds: float, count: int) -> list[Sample]:
    """The excerpts, made where they are not there, with a picture of each."""
    from cinemill.media import read
    from cinemill.operations import tuning

    for folder in ("excerpts", "pictures"):
        (output / folder).mkdir(exist_ok=True)
    for leftover in (output / "excerpts").glob("cinemill-*"):  # of a run that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    starts = tuning.moments(read.probe(film), seconds, count)
    made: list[Sample] = []
    for number, at in enumerate(starts):
        names = {"film": film, **({"reference": reference} if reference else {})}
        paths = {key: output / "excerpts" / f"{key}-{number}.mkv" for key in names}
        for key, source in names.items():
            if not paths[key].exists():
                passing = paths[key].with_suffix(".tmp.mkv")
                tuning.excerpt(source, at, seconds, passing)
                passing.replace(paths[key])
                _keep_picture(paths[key], output / "pictures", key, number)
        made.append(tuning.Sample(paths["film"], paths.get("reference", paths["film"])))
    return made


def _keep_picture(video: Path, folder: Path, key: int | str, sample: int) -> None:
    from cinemill.measure import sheet
    from cinemill.operations import tuning, tuning_page

    shot = sheet.jpeg(tuning.picture_of(video, _LINES), 95)
    (folder / tuning_page.picture_name(key, sample)).write_bytes(shot)


def _search(study: Study, wanted: Target, samples: Sequence[Sample], trials: int, ask: bool, as_json: bool) -> None:
    """Make trials until there are as many as wanted, failed ones among them, or a grid is done."""
    while study.count() < trials and (values := study.ask()) is not None:
        try:
            figures = _figures(study, wanted, values, samples)
        except RequestError as error:
            study.fail(values, error.sentence)
            typer.echo(f"  {study.count()}/{trials}  cannot be: {error.sentence}", err=True)
            continue
        study.tell(values, figures)
        trial = study.trials()[-1]
        if not as_json:
            _say(trial, trials)
        if ask:
            study.rate(trial.number, _rating(study, trial))


def _enter(study: Study, wanted: Target, values: dict[str, Any], stars: float, samples: Sequence[Sample]) -> None:
    """A trial with values that people have judged already."""
    if study.measured(values) is None:
        study.tell(values, _figures(study, wanted, values, samples))
    study.rate(next(trial.number for trial in study.trials() if trial.values == values), stars)


def _rating(study: Study, trial: Trial) -> float:
    """Stars from whoever sits there. Raises Cancelled when nobody answers."""
    from cinemill.operations.tuning import STARS

    pictures = sorted((study.path.parent / "pictures").glob(f"{trial.number}-*.jpg"))
    typer.echo(f"  look at {', '.join(map(str, pictures))}")
    while True:
        try:
            stars = typer.prompt("  stars, 1 to 5", type=float, default=3.0)
        except typer.Abort:
            raise Cancelled from None
        if STARS[0] <= stars <= STARS[1]:
            return stars


def _figures(study: Study, wanted: Target, values: dict[str, Any], samples: Sequence[Sample]) -> dict[str, float]:
    """What the values give: made and measured, with pictures kept under the number that the trial will have."""
    from tempfile import TemporaryDirectory

    from cinemill.operations import tuning

    with TemporaryDirectory(prefix="cinemill-") as folder:
        known = study.measured(values)
        figures = known or tuning.tried(wanted, values, samples, Path(folder))
        for sample in range(len(samples)) if not known else ():
            _keep_picture(Path(folder) / f"{sample}.mkv", study.path.parent / "pictures", study.count(), sample)
    return figures


def _say(trial: Trial, of: int) -> None:
    from cinemill.operations import tuning_page

    typer.echo(f"  {trial.number + 1}/{of}  {tuning_page.caption(trial)}  worth {trial.worth:.4f}")


def _again(number: int, trials: int) -> str:
    """The command that was given, with stars for a trial and some more trials."""
    given = [word for word in sys.argv[1:] if word != "--json"]
    return f"{shlex.join(['cinemill', *given])} --rate {number}=5 --trials {2 * trials}"


def _conclude(
    study: Study, wanted: Target, ranked: Sequence[Trial], name: str, best: int, output: Path, as_json: bool
) -> None:
    """Keep the best as a preset, write the report, and say so."""
    from cinemill.catalogue import Preset, save_preset
    from cinemill.operations import tuning_page

    first = ranked[0]
    about = f"Tuned in {len(study.trials())} trials for {study.goal}."
    params = wanted.params.of(wanted.with_values(first.values), wanted.operation).model_dump(
        mode="json", exclude_defaults=True
    )
    kept = save_preset(Preset(name=name, operation=wanted.operation, description=about, params=params))
    command = shlex.join(["cinemill", wanted.operation, "INPUT", "--preset", name])
    report = output / "report.html"
    tuning_page.write(study, best, output / "pictures", command, _again(first.number, study.count()), report)
    if as_json:
        facts = {"event": "done", "outputs": [str(report.resolve()), str(kept)], "preset": name}
        rows = [{**vars(trial)} for trial in ranked]
        typer.echo(json.dumps({**facts, "params": params, "trials": rows}))
        return
    typer.echo(f"best: {tuning_page.caption(first)}")
    typer.echo(f"{report}\n{command}")
