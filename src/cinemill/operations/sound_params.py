"""What operations on sound ask alike: how loud it is to be, and which tracks are meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from cinemill.catalogue import Field, Params

if TYPE_CHECKING:
    from cinemill.measure.loudness import Settled, Target


class LoudnessOptions(Params):
    """Loudness."""

    loudness: Literal["none", "broadcast", "podcast", "web"] = "none"
    """How loud the sound is made: broadcast -23 LUFS (EBU R 128), podcast -16, web -14, none leaves it."""
    lufs: float | None = Field(None, ge=-60, le=-5, unit="LUFS")
    """Integrated loudness, instead of the one that goes by the name."""
    true_peak: float | None = Field(None, ge=-20, le=0, unit="dBTP")
    """What no peak may pass, also between samples; -1 where nobody says it."""


def target_of(params: LoudnessOptions) -> Target | None:
    """The loudness that is asked for; None where the sound is to stay as loud as it is."""
    from cinemill.measure.loudness import TARGETS, Target

    named = TARGETS.get(params.loudness)
    if named is None and params.lufs is None:
        return None
    lufs = params.lufs if params.lufs is not None else named.lufs if named else 0.0
    peak = params.true_peak if params.true_peak is not None else named.peak_db if named else -1.0
    return Target(lufs, peak)


def said_of(settled: Settled, target: Target | None) -> dict[str, Any]:
    """Loudness before and after for an operation's result, and a note where the target was missed."""
    before, after = settled.before, settled.after
    notes = [f"loudness was {before.describe()}; now {after.describe()}."]
    if target and after.lufs is not None and abs(after.lufs - target.lufs) > 0.5:
        notes.append(f"{target.lufs:g} LUFS cannot be had below peaks of {target.peak_db:g} dBTP without distortion.")
    return {"loudness": {"before": before.record(), "after": after.record()}, "notes": notes}
