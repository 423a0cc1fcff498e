"""Advice and the user's wishes -> the steps of a restoration, and a sentence for each: done, or left and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from cinemill.filters import Chain, Step, text
from cinemill.operations import interpolate, upscale
from cinemill.operations.advice import Advice
from cinemill.operations.wishes import Restore

if TYPE_CHECKING:
    from cinemill.media.types import VideoTrack

ORDER = (
    "inpaint",
    "dropouts",
    "head-switch",
    "chroma-align",
    "deinterlace",
    "ivtc",
    "mark-fields",
    "dirt",
    "scratches",
    "deflicker",
    "deblock",
    "denoise",
    "chroma-noise",
    "dehalo",
    "levels",
    "stabilise",
    "crop",
    "colorize",
    "interpolate",
    "upscale",
    "faces",
    "scale",
    "deband",
    "grain",
)
"""What belongs before what: field by field first, then in whole pictures; noise before what sharpens or moves it."""
_MOTION = ("deinterlace", "ivtc")
_BY_HAND = {
    "tff": Advice("Fields, the upper one first, as you say.", "Each becomes a picture.", "deinterlace=field_order:tff"),
    "bff": Advice("Fields, the lower one first, as you say.", "Each becomes a picture.", "deinterlace=field_order:bff"),
    "progressive": Advice("The pictures are whole, as you say."),
    "telecine": Advice("Film on a tape, as you say.", "Its pictures are put together again.", "ivtc"),
}


_STEADY = "stabilise: the picture was found to be steady; what does not shake stays as it is."


@dataclass(frozen=True)
class Remedy:
    """A step, or None where nothing is done, and the sentence that goes with it, or ""."""

    step: Step | None
    why: str


def chosen(params: Restore, told: Sequence[Advice], video: VideoTrack) -> tuple[Chain, list[str]]:
    """The chain for what was `told` as far as `params` want it, and for what they want besides."""
    remedies = [*_found(params, told), *_wanted(params, told), *_larger(params, video)]
    notes = [remedy.why for remedy in remedies if remedy.why]
    notes += _unused(params, [remedy.step for remedy in remedies if remedy.step])
    return _ordered(remedy.step for remedy in remedies if remedy.step), notes


def _unused(params: Restore, steps: Sequence[Step]) -> Iterator[str]:
    """A sentence for each method that the user names and nothing is done by."""
    done = {step.filter.name.partition(".")[0] for step in steps}
    given = params.model_fields_set
    if "deinterlace" in given and "deinterlace" not in done:
        why = "fields are matched, which loses nothing" if "ivtc" in done else "no field was found"
        yield f"deinterlace={params.deinterlace} is not used: {why}. --fields tff or bff makes a picture of each."
    if "denoiser" in given and "denoise" not in done:
        yield f"denoiser={params.denoiser} is not used: there is hardly any noise. --denoise 0.5 insists."


def all_of(told: Sequence[Advice]) -> Chain:
    """The chain for everything that was told, as a restoration that is asked for nothing else would do it."""
    return _ordered(_settled(Restore(), one) for one in told if one.step)


def _ordered(steps: Iterable[Step]) -> Chain:
    return Chain(tuple(sorted(steps, key=lambda step: ORDER.index(step.filter.name.partition(".")[0]))))


def _found(params: Restore, told: Sequence[Advice]) -> Iterator[Remedy]:
    """What to do about each finding."""
    if params.fields != "auto":
        told = [_BY_HAND[params.fields], *(one for one in told if one.name not in _MOTION)]
    for one in told:
        match _wish(params, one.name):
            case _ if not one.step:
                yield Remedy(None, one.sentence)
            case "no":
                yield Remedy(None, f"{one.found} Left, as you say.")
            case "offered":
                yield Remedy(None, f"{one.found} Left; --{one.name} is for that.")
            case _:
                yield Remedy(_settled(params, one), one.sentence)


def _wanted(params: Restore, told: Sequence[Advice]) -> Iterator[Remedy]:
    """What the user wants done although nothing asks for it."""
    found = {one.name for one in told}
    for name in ORDER:
        if name not in found and name != "inpaint" and _wish(params, name) == "yes":
            why = _STEADY if name == "stabilise" else f"{name}: nothing asks for it but you."
            yield Remedy(_settled(params, Advice("", "", name)), why)


def _wish(params: Restore, name: str) -> Literal["auto", "yes", "no", "offered"]:
    """auto follows the advice. A measure that is given says yes, and 0 says no. What a flag stands for is offered."""
    setting = None if name in _MOTION else getattr(params, name.replace("-", "_"), None)
    if isinstance(setting, bool):
        return "yes" if setting else "offered"
    if isinstance(setting, int | float):
        return "yes" if setting else "no"
    return setting or "auto"


def _settled(params: Restore, one: Advice) -> Step:
    """The step of an advice with what the user says of it."""
    step = text.chain(one.step).steps[0]
    values = step.params.model_dump(exclude_unset=True)
    match one.name:
        case "deinterlace":
            return text.step(f"deinterlace.{params.deinterlace}", values)
        case "denoise":
            strength = {} if params.denoise is None else {"strength": params.denoise}
            return text.step(f"denoise.{params.denoiser}", strength)
        case "head-switch":
            rows = {} if params.head_switch is None else {"rows": params.head_switch}
            return text.step(one.name, values | rows)
        case "chroma-align":
            across = {} if params.chroma_align is None else {"x": params.chroma_align}
            return text.step(one.name, values | across)
        case "grain":
            return text.step(one.name, {"strength": params.grain})
        case _:
            return step


def _larger(params: Restore, video: VideoTrack) -> Iterator[Remedy]:
    """More pictures a second, and more pixels."""
    if params.fps:
        yield Remedy(*interpolate.between(params.fps))
    if params.upscale:
        given: dict[str, Any] = {} if params.upscaler is None else {"model": params.upscaler}
        chain, (why,) = upscale.enlarged(video, params.upscale, given)
        yield Remedy(None, why)
        yield from (Remedy(step, "") for step in chain.steps)
    if params.height:
        settings: dict[str, Any] = {"height": params.height, "square": True}
        yield Remedy(text.step("scale", settings), f"Scaled to {params.height} lines with square pixels.")
