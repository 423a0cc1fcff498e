"""Findings -> sentences in plain words, and for each the filter that would mend it, in the notation of chains."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cinemill.catalogue import filters

if TYPE_CHECKING:
    from cinemill.measure.analysis import Findings, Measures
    from cinemill.measure.chroma import Shift
    from cinemill.measure.levels import Levels
    from cinemill.media.types import VideoTrack

# What can be seen, each in the unit of its measure. Below these there is nothing to mend.
_NOISE = ((0.7, "hardly any"), (2.0, "a little"), (4.0, "clearly visible"), (1e9, "strong"))
_COLOUR_NOISE = 2.0
_SHIFT = 0.5
_DROP = 1.0
_DROPOUTS = 0.1
_TAPE = 576
"""Lines above which no tape has dropouts of this kind; sparks are."""
_DIRT = 0.3
_SCRATCHES = 0.3
_FLICKER = 0.01
_SHAKE = 0.4
_BLOCKS = 0.25
_RINGING = 0.05
_SOFT = 4.5
_ILLEGAL = 0.005


@dataclass(frozen=True)
class Advice:
    """`found`: what is the matter. `do`: what one would do about it. `step`: the filter for that, "" for none."""

    found: str
    do: str = ""
    step: str = ""

    @property
    def name(self) -> str:
        """The filter's, or its family's."""
        return self.step.partition("=")[0].partition(".")[0]

    @property
    def sentence(self) -> str:
        return " ".join(filter(None, (self.found, self.do)))


def advice(findings: Findings, video: VideoTrack) -> list[Advice]:
    """What is the matter, the most telling first."""
    whole = findings.whole
    told = [*_moments(whole, video), *_tape(whole, video), *_picture(whole, video)]
    return [one if _known(one.name) else Advice(one.found) for one in told]


def _known(name: str) -> bool:
    """Whether there is such a filter, or a family of that name."""
    return any(known.partition(".")[0] == name for known in filters)


def _moments(found: Measures, video: VideoTrack) -> Iterator[Advice]:
    """How moments are stored in frames."""
    fields, rate = found.fields, float(video.frame_rate)
    sentence = " ".join(line for line in fields.describe() if not line.startswith("From "))
    order = "" if fields.field_order == "progressive" else f"field_order:{fields.field_order}"
    film = f"about {found.picture_rate:.3g}" if found.picture_rate else "fewer"
    match found.cadence:
        case "interlaced":
            yield Advice(
                sentence,
                f"Each field is a moment of its own; deinterlacing gives {2 * rate:.5g} whole pictures a second.",
                _with("deinterlace", order),
            )
        case "2:3":
            do = f"Put together again, it is {rate * 4 / 5:.5g} whole pictures a second."
            yield Advice(sentence, do, _with("ivtc", order))
        case "2:2":
            yield Advice(
                f"Film whose fields are paired one field late (2:2 pulldown); frame by frame it looks so: {sentence}",
                "Fields are matched again; no picture is lost or made up.",
                _with("ivtc", order, "drop:false"),
            )
        case "pulldown":
            yield Advice(
                f"Film of {film} pictures a second on {rate:.5g} frames: fields repeat now and then.",
                "Fields are matched into whole pictures; some are shown twice, as they were.",
                _with("ivtc", order, "drop:false"),
            )
        case "blended":
            yield Advice(
                f"Fields are blended of two pictures each, as a standards converter makes them. {sentence}",
                "Deinterlacing keeps the ghosts; nothing here takes them apart.",
                _with("deinterlace", order),
            )
        case "mixed":
            do = "Frames that are marked interlaced can be deinterlaced alone, or scenes treated one by one."
            yield Advice(sentence, do, "deinterlace=output:frame")
        case "progressive":
            marked = fields.metadata != "progressive"
            do = "Nothing is to be deinterlaced; frames are marked as what they are." if marked else ""
            yield Advice(sentence, do, "mark-fields=field_order:progressive" if marked else "")
            if found.picture_rate and found.picture_rate < 0.95 * rate:
                yield Advice(f"Only {film} of {rate:.5g} pictures a second are new; the others are repeats.")
        case "unknown":
            yield Advice(sentence)


def _with(name: str, *settings: str) -> str:
    """A step with those settings that there are."""
    return "=".join(filter(None, (name, ":".join(filter(None, settings)))))


def _tape(found: Measures, video: VideoTrack) -> Iterator[Advice]:
    """What decks and tapes do."""
    if found.head_switch:
        yield Advice(
            f"The lowest {found.head_switch} rows are torn where the deck changed heads.",
            "They are filled from the rows above, so that the size stays.",
            f"head-switch=rows:{found.head_switch}",
        )
    across = _sure(found.chroma_shift, _SHIFT)
    # Upright phone video has its chroma samples between the rows where others have them between the columns.
    down = _sure(found.chroma_drop, _DROP) if video.rotation % 180 == 0 else 0.0
    if across or down:
        yield Advice(
            f"Colour lies {_beside(across, down)} its outlines.",
            "It is moved back over them.",
            f"chroma-align=x:{across:.1f}:y:{down:.1f}",
        )
    if not found.chroma_shift:
        yield Advice("Too few coloured edges are clear enough to tell whether colour lies left or right of outlines.")
    if found.defects and found.defects.dropouts >= _DROPOUTS and video.height <= _TAPE:
        yield Advice(
            f"Dropouts: {_often(found.defects.dropouts, 'white or black streak')}.",
            "Streaks are filled from the frames before and after, ahead of deinterlacing.",
            "dropouts",
        )
    if found.defects and found.defects.dirt >= _DIRT:
        yield Advice(
            f"Dirt: {_often(found.defects.dirt, 'speck')} for one frame only, or more where things move.",
            "Specks are filled from the frames before and after. Sparks and falling drops would be taken for dirt.",
            "dirt",
        )

    if found.scratches >= _SCRATCHES:
        yield Advice(
            f"Scratches: {_often(found.scratches, 'upright line')} from top to bottom.",
            "They are filled from what lies beside them. Poles and wires would be taken for scratches.",
            "scratches",
        )


def _sure(shift: Shift | None, least: float) -> float:
    """How far colour lies beside luma, if that is worth moving it and beyond doubt; else 0."""
    return shift.px if shift and abs(shift.px) >= max(least, 2 * shift.error) else 0.0


def _beside(across: float, down: float) -> str:
    words = [f"{abs(across):.1f} px to the {'right' if across > 0 else 'left'} of"] if across else []
    return " and ".join(words + ([f"{abs(down):.1f} rows {'below' if down > 0 else 'above'}"] if down else []))


def _often(per_frame: float, what: str) -> str:
    if per_frame >= 0.95:
        return f"about {per_frame:.0f} {what}{'s' if per_frame >= 1.5 else ''} in a frame"
    return f"a {what} in about every {1 / per_frame:.0f} frames" if per_frame < 0.67 else f"a {what} in most frames"


def _picture(found: Measures, video: VideoTrack) -> Iterator[Advice]:
    """Noise, light, edges and levels."""
    yield from _noise(found)
    if found.flicker is not None and found.flicker >= _FLICKER:
        yield Advice(
            f"Brightness flickers by {found.flicker:.1%} from frame to frame.", "It is evened out.", "deflicker"
        )
    if found.shake is not None and found.shake >= _SHAKE:
        yield Advice(
            f"The picture shakes by {found.shake:.1f} px from frame to frame.", "It is held steady.", "stabilise"
        )
    if found.blocking >= _BLOCKS:
        yield Advice(
            f"Blocks of 8x8 show: steps at their borders are {found.blocking:.0%} larger than elsewhere.",
            "Borders of blocks are smoothed.",
            "deblock",
        )
    if found.edges:
        yield from _edges(found.edges.before, found.edges.behind, found.edges.rise)
    if found.bars:
        bars = {name: getattr(found.bars, name) for name in ("left", "top", "right", "bottom")}
        yield Advice(
            f"Black bars: {', '.join(f'{width} px {name}' for name, width in bars.items() if width)}.",
            "They are cut off before upscaling, which would work on them and invent things in them.",
            "crop=" + ":".join(f"{name}:{width + width % 2}" for name, width in bars.items() if width),
        )
    if found.levels and video.colour.range != "full":
        yield from _levels(found.levels)


def _noise(found: Measures) -> Iterator[Advice]:
    luma, chroma = found.noise.luma, found.noise.chroma
    if luma is None:
        return
    word = next(word for most, word in _NOISE if luma < most)
    in_colour = f", {chroma:.1f} in colour" if chroma is not None else ""
    sentence = f"Noise: {word}, {luma:.1f} of 255 code values in luma{in_colour} (standard deviation)."
    if luma >= _NOISE[0][0]:
        yield Advice(sentence, "It is averaged away along the motion.", "denoise.mc")
    elif chroma is not None and chroma >= _COLOUR_NOISE:
        yield Advice(sentence, "That in the colour is averaged away.", "chroma-noise")
    else:
        yield Advice(sentence)


def _edges(before: float, behind: float, rise: float) -> Iterator[Advice]:
    if before >= _RINGING and behind >= _RINGING:
        both = max(before, behind)
        yield Advice(f"Edges have halos of {both:.0%} on both sides: sharpening.", "They are taken away.", "dehalo")
    elif behind - before >= _RINGING:
        yield Advice(
            f"Edges ring to the right, by {behind:.0%} of their height.", "The ringing is taken away.", "dehalo"
        )
    if rise >= _SOFT:
        yield Advice(f"The picture is soft: sharp edges take {rise:.1f} px; about half of its pixels tell nothing new.")


def _levels(levels: Levels) -> Iterator[Advice]:
    beyond = levels.below + levels.above
    if beyond >= _ILLEGAL or levels.colour >= _ILLEGAL:
        black, white = ((value - 16) / 2.19 for value in (min(16.0, levels.lowest), max(235.0, levels.highest)))
        yield Advice(
            f"Beyond the legal range are {beyond:.1%} of luma and {levels.colour:.1%} of colour "
            f"(luma reaches from {levels.lowest:.0f} to {levels.highest:.0f}).",
            "Players cut that off; it can be drawn into the range.",
            f"levels=black:{black:.1f}:white:{white:.1f}",
        )
    for share, where in ((levels.clipped_dark, "shadows"), (levels.clipped_bright, "highlights")):
        if share:
            yield Advice(f"{share:.1%} of the picture is clipped in the {where}: what was there is lost.")


def scenes(findings: Findings) -> Iterator[Advice]:
    if findings.scanned:
        count = len(findings.scenes)
        yield Advice("It is one scene." if count == 1 else f"It has {count} scenes.")
    else:
        yield Advice("Scenes were not looked for; --scenes all decodes every frame for them.")
