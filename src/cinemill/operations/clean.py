"""Noise, hum, whistle, clicks and clipping out of sound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from cinemill.catalogue import Field
from cinemill.operations import Request, operation
from cinemill.operations.loudness import applied, kept_of
from cinemill.operations.sound_params import LoudnessOptions, said_of, target_of
from cinemill.operations.sound_work import SoundOperation, TrackChoice, channels

if TYPE_CHECKING:
    from cinemill.measure.hum import Tones
    from cinemill.media.types import Audio, AudioTrack, MediaInfo


class Clean(TrackChoice, LoudnessOptions):
    method: Literal["auto", "deepfilter", "afftdn", "none"] = "auto"
    """What takes noise away: deepfilter keeps the voice and nothing else, afftdn lowers steady noise under anything.
    auto takes deepfilter where it is installed. FFmpeg's arnndn is not among them: it takes a network of its own, and
    none is known here whose licence is clear."""
    strength: float = Field(0.5, ge=0, le=1)
    """How much noise is taken: with afftdn up to 24 dB, with deepfilter up to 100 dB."""
    post_filter: bool = False
    """deepfilter's second pass over what is left, for very noisy sound."""
    hum: Literal["auto", "none", "50", "60"] = "auto"
    """Hum of the mains, with its harmonics; auto takes what is found."""
    whistle: Literal["auto", "none", "pal", "ntsc"] = "auto"
    """Whistle of a television's lines, 15.6 or 15.7 kHz; auto takes what is found."""
    declick: bool = True
    """Take clicks and crackle out; what has none is hardly touched."""
    declip: bool = False
    """Round off what was cut at full scale."""


@operation
class CleanOperation(SoundOperation[Clean]):
    """Clean sound: hum, whistle, clicks and noise, each where it is found. A picture and other tracks stay as they are.

    Works at once with FFmpeg's filters; the engine deepfilter is made for voices and far better at it.
    """

    name = "clean"
    topic = "Speech and sound"
    params = Clean
    example = "cinemill clean tape.mkv -o tape-clean.mkv --loudness web"

    def look(self, request: Request[Clean], info: MediaInfo, track: AudioTrack) -> dict[str, Any]:
        from cinemill.measure import hum, loudness
        from cinemill.media import sound

        params = request.params
        method = _method(params)
        found = hum.tones(channels(info, track))
        share = clipped(sound.even(channels(info, track), size=track.sample_rate)) if params.declip else 0.0
        steps = [*before(params, found, track.sample_rate, share)]
        notes = [f"{', '.join(said(step) for step in steps)}." if steps else "no hum, whistle or clicks to take out."]
        record: dict[str, Any] = {"method": method, "graph": ",".join(steps), "tones": asdict(found)}
        if method == "afftdn" and params.method == "auto":
            notes.append("FFmpeg's afftdn takes steady noise; `cinemill engines install deepfilter` for voices.")
        if method == "afftdn":
            record["floor_db"] = round(floor(sound.even(channels(info, track), size=track.sample_rate)), 1)
        target = target_of(params)
        if target:
            settled = loudness.settle(lambda: cleaned(info, track, params, record), target)
            told = said_of(settled, target)
            record |= {"applied": kept_of(settled), "loudness": told["loudness"]}
            notes += told["notes"]
        return {**record, "notes": notes}

    def made(
        self, request: Request[Clean], info: MediaInfo, track: AudioTrack, record: dict[str, Any]
    ) -> Iterator[Audio]:
        blocks = cleaned(info, track, request.params, record)
        return applied(blocks, record["applied"]) if "applied" in record else blocks


def _method(params: Clean) -> str:
    """Raises MissingEngine when deepfilter is asked for and is not here."""
    from cinemill.engines import deepfilter, install

    if params.method == "auto":
        return "deepfilter" if install.is_installed(deepfilter.ENGINE) and params.strength else "afftdn"
    if params.method == "deepfilter":
        install.command(deepfilter.ENGINE)
    return params.method


def cleaned(info: MediaInfo, track: AudioTrack, params: Clean, record: dict[str, Any]) -> Iterator[Audio]:
    """The track by a record of what to do: `graph`, `method`, and `floor_db` for afftdn."""
    from cinemill.engines import deepfilter
    from cinemill.media import soundgraph

    blocks = channels(info, track)
    if record["graph"]:
        blocks = soundgraph.run(blocks, record["graph"])
    if record["method"] == "deepfilter":
        return deepfilter.cleaned(blocks, limit_db=100 * params.strength, post_filter=params.post_filter)
    if record["method"] == "afftdn" and params.strength:
        return denoised(blocks, 24 * params.strength, record["floor_db"])
    return blocks


def denoised(blocks: Iterator[Audio], by_db: float, floor_db: float) -> Iterator[Audio]:
    """Steady noise of `floor_db` dBFS lowered `by_db` by FFmpeg's afftdn, in time: it gives everything later."""
    from cinemill.media import sound, soundgraph
    from cinemill.media.types import Audio

    first = next(blocks, None)
    if first is None:
        return
    rate, count = first.sample_rate, 0
    late = _late(rate)
    graph = f"afftdn=nr={max(0.01, by_db):.2f}:nf={min(-20.0, max(-80.0, floor_db)):.1f}:tr=1"

    def longer() -> Iterator[Audio]:
        nonlocal count
        for block in sound.even(chain([first], blocks)):
            count += block.samples.shape[1]
            yield block
        yield Audio(np.zeros((len(first.samples), late), np.float32), rate, first.pts + count, first.layout)

    for block in sound.trimmed(soundgraph.run(longer(), graph), first.pts + late):
        yield Audio(block.samples, rate, block.pts - late, block.layout)


@lru_cache(maxsize=8)
def _late(rate: int) -> int:
    """Samples by which afftdn gives everything later: found with an impulse."""
    from cinemill.media import soundgraph
    from cinemill.media.types import Audio

    samples = np.zeros((1, rate), np.float32)
    samples[0, rate // 2] = 0.5
    out = [block.samples[0] for block in soundgraph.run([Audio(samples, rate, 0, "mono")], "afftdn=nr=0.01:nf=-80")]
    return max(0, int(np.argmax(np.abs(np.concatenate(out)))) - rate // 2)


def floor(blocks: Iterator[Audio]) -> float:
    """dBFS of the quietest tenth of all tenths of a second that are not silent."""
    from cinemill.media import sound

    levels: list[float] = []
    for block in blocks:
        size = max(1, block.sample_rate // 10)
        count = block.samples.shape[1] // size
        if count:
            power = np.square(block.samples[:, : count * size], dtype=np.float64).mean(axis=0)
            levels += np.sqrt(power.reshape(count, size).mean(axis=1)).tolist()
    heard = [level for level in levels if level > 1e-5]
    return max(-80.0, sound.decibels(float(np.percentile(heard, 10)))) if heard else -80.0


def clipped(blocks: Iterator[Audio]) -> float:
    """The share of samples that stand at the top, in the block where it is greatest but for one in twenty."""
    shares: list[float] = []
    for block in blocks:
        tops = np.abs(block.samples).max(axis=1, keepdims=True)
        if tops.any():
            shares.append(float((np.abs(block.samples) >= np.minimum(0.995 * tops, 1.0)).mean()))
    return float(np.percentile(shares, 95)) if shares else 0.0


_WORK = 6.8
"""What share of clipped samples, cubed, times milliseconds of a window, squared, takes a second for a second of sound:
adeclip solves for all samples of a window that were cut."""


def _declip(share: float) -> str:
    """The longest window, up to FFmpeg's own of 55 ms, that does not take hours where much was cut."""
    window = min(55.0, max(10.0, (_WORK / max(share, 1e-3) ** 3) ** 0.5))
    return "adeclip" if window == 55 else f"adeclip=w={window:.0f}:o=50"


def before(params: Clean, found: Tones, rate: int, share: float = 0.0) -> Iterator[str]:
    """Filters for what lies in one place, in FFmpeg's words, in the order that suits them: first what was cut off.
    `share`: of the samples, that which was."""
    if params.declip:
        yield _declip(share)
    if params.declick:
        yield "adeclick=t=5"
    base = {"none": None, "auto": found.mains}.get(params.hum, float(params.hum) if params.hum.isdigit() else None)
    if base:
        harmonics = found.harmonics if params.hum == "auto" else range(1, 9)
        for number in harmonics:
            if base * number < rate * 0.45:
                # Narrow enough to leave a voice alone, wide enough for mains that wander.
                yield f"bandreject=f={base * number:.3f}:width_type=h:w={2 + 0.5 * number:g}"
    line = {"none": None, "auto": found.whistle, "pal": 15_625.0, "ntsc": 15_734.27}[params.whistle]
    if line and line < rate * 0.48:
        yield f"bandreject=f={line:.2f}:width_type=h:w=80"


def said(step: str) -> str:
    """`hum at 50 Hz` for a filter's words."""
    name, _, rest = step.partition("=")
    if name == "bandreject":
        return f"{float(rest.split(':')[0].removeprefix('f=')):.0f} Hz is taken out"
    return {"adeclick": "clicks are taken out", "adeclip": "what was clipped is rounded off"}[name]
