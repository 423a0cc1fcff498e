"""`python -m bench.pictures [NAME]...`: the pictures of the documentation's pages on operations, in `docs/pictures`.

Operations are run as their readers would run them, on real clips (`CINEMILL_TEST_MEDIA`) that are damaged where there
is something to mend. `NAME.webp` belongs to the operation NAME, `NAME-WHAT.webp` as well, with a title of its own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from bench import CINEMILL, MEDIA, PAGE, measure, run_ffmpeg, workplace
from bench.screens import keep, read_picture, report, small
from cinemill.measure import moments, sheet
from cinemill.media import read

FOLDER = PAGE.parent / "pictures"
_ZOOM = 3
_COLUMN = 532
"""Pixels across of one of two pictures beside one another."""
_CODED = ("--codec", "ffv1")


@dataclass(frozen=True)
class Pair:
    """Before and after: `source` is damaged by the chain `damage`, then given to `words`, shown at `moment` seconds."""

    source: str
    damage: str
    words: tuple[str, ...]
    moment: float = 1.0
    is_near: bool = True
    """Whether a part is shown enlarged."""
    spot: tuple[float, float] | None = None
    """Which, from left to right and from top to bottom; None where most was changed."""


def _chain(source: str, damage: str, mending: str, moment: float = 1.0) -> Pair:
    return Pair(source, damage, ("process", "--chain", mending), moment)


_PAL = "scale=width:768:height:432"
_PAIRS = {
    "restore": Pair("tape", "", ("restore",)),
    "restore-film": Pair("film", "", ("restore", "--preset", "8mm-film")),
    "restore-interlacing": _chain("bunny", f"{_PAL},simulate.telecine=rate:12", "deinterlace.learned"),
    "restore-noise": _chain("bunny", f"{_PAL},simulate.tape=luma_noise:7:chroma_noise:9", "denoise.learned"),
    "restore-colour": _chain(
        "bunny", f"{_PAL},simulate.tape=chroma_shift:9:chroma_drop:4:chroma_blur:2", "chroma-align=x:9:y:4"
    ),
    "restore-dropouts": _chain("bunny", f"{_PAL},simulate.tape=dropouts:9", "dropouts"),
    "restore-heads": replace(
        _chain("bunny", f"{_PAL},simulate.tape=head_switch:9", "head-switch=rows:10"), spot=(0.3, 1.0)
    ),
    "restore-dirt": _chain("bunny", f"{_PAL},simulate.film=dirt:14:hairs:1:scratches:2", "scratches,dirt"),
    "restore-blocks": _chain("bunny", f"{_PAL},simulate.digital=quantiser:34", "deblock=strength:1,deband"),
    "restore-faded": _chain("bunny", f"{_PAL},simulate.film=fade:0.45", "levels=black:18:white:73:saturation:1.8"),
    "degrade": Pair("bunny", "", ("degrade", "--preset", "vhs-pal")),
    "upscale": Pair("bunny", "scale=width:480:height:270", ("upscale", "--scale", "2")),
    "burn": Pair("bird", "", ("burn", "--file", "said.srt"), is_near=False),
}
_STYLES = ("pencil", "cartoon", "comic", "cinematic")


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with workplace() as folder:
        _sources(folder)
        known = _all()
        for name in sys.argv[1:] or known:
            keep(FOLDER / f"{name}.webp", known[name](folder))


def _all() -> dict[str, Callable[[Path], sheet.Picture]]:
    def drawn(name: str, pair: Pair) -> Callable[[Path], sheet.Picture]:
        return lambda folder: _pair(folder, name, pair)

    pairs = {name: drawn(name, pair) for name, pair in _PAIRS.items()}
    return {**pairs, **_OTHERS}


def _sources(folder: Path) -> None:
    """Clips of two or three seconds without loss, words, and a tape."""
    for name, file, start, length in (
        ("bunny", "big_buck_bunny_0_30.webm", 12, 2),
        ("bird", "big_buck_bunny_0_30.webm", 17, 2),
        ("chaplin", "chaplin.mp4", 1, 1.5),
    ):
        run_ffmpeg(
            "-ss", start, "-t", length, "-i", MEDIA / file, "-c:v", "ffv1", "-c:a", "flac", folder / f"{name}.mkv"
        )
    (folder / "said.srt").write_text(
        "1\n00:00:00,000 --> 00:00:12,000\nWords in the picture,\nas large as the eye wants them\n"
    )
    _cinemill(folder, "interpolate", "bunny.mkv", "-o", "fields.mkv", "--rate", "50", *_CODED)
    for source, made, preset in (("fields.mkv", "tape.mkv", "vhs-pal"), ("bunny.mkv", "film.mkv", "8mm-film")):
        _cinemill(folder, "degrade", source, "-o", made, "--preset", preset, *_CODED)


def _cinemill(folder: Path, *words: str) -> None:
    measure(
        [CINEMILL, words[0], *(str(folder / word) if _is_file(word) else word for word in words[1:]), "--overwrite"]
    )


def _is_file(word: str) -> bool:
    return Path(word).suffix.isascii() and len(Path(word).suffix) in (4, 5) and word[0].isalpha() and "=" not in word


def _pair(folder: Path, name: str, pair: Pair) -> sheet.Picture:
    before, after = f"{pair.source}.mkv", f"{name}.after.mkv"
    if pair.damage:
        _cinemill(folder, "process", before, "-o", f"{name}.before.mkv", "--chain", pair.damage, *_CODED)
        before = f"{name}.before.mkv"
    verb, *words = pair.words
    _cinemill(folder, verb, before, "-o", after, *words, *_CODED)
    return _compared(*(_at(folder / file, pair.moment) for file in (before, after)), pair)


def _at(path: Path, moment: float) -> sheet.Picture:
    (frame,) = moments.frames_at(path, [Fraction(moment)])
    return sheet.picture(frame)


def _compared(before: sheet.Picture, after: sheet.Picture, pair: Pair) -> sheet.Picture:
    """Both beside one another, and below them where they differ most."""
    lines = before.shape[0] * _COLUMN // before.shape[1]
    share = min(1.0, _COLUMN / (_ZOOM * before.shape[1]))
    left, top, wide, high = sheet.place(before, after, share)
    if pair.spot:
        across, down = pair.spot
        left, top = round(across * (before.shape[1] - wide)), round(down * (before.shape[0] - high))
    cells: list[tuple[str, sheet.Picture]] = []
    for label, shot in (("before", before), ("after", after)):
        cells.append((label, sheet.resized(shot, _COLUMN, shot.shape[0] * _COLUMN // shot.shape[1])))
    if not pair.is_near:
        return sheet.gallery(cells, "", 2)
    for label, shot in (("before", before), ("after", after)):
        across, down = shot.shape[1] / before.shape[1], shot.shape[0] / before.shape[0]
        rows = slice(round(top * down), round((top + high) * down))
        columns = slice(round(left * across), round((left + wide) * across))
        cells.append((f"{label}, {_ZOOM}x", sheet.resized(shot[rows, columns], _COLUMN, lines)))
    return sheet.gallery(cells, "", 2)


def _styles(folder: Path) -> sheet.Picture:
    cells = [("as it was", _at(folder / "bird.mkv", 1))]
    for style in _STYLES:
        _cinemill(folder, "stylize", "bird.mkv", "-o", f"{style}.mkv", "--style", style, *_CODED)
        cells.append((style, _at(folder / f"{style}.mkv", 1)))
    _cinemill(folder, "stylize", "bird.mkv", "-o", "look.mkv", "--style", "cinematic", "--values", "look:noir", *_CODED)
    cells.append(("cinematic, noir", _at(folder / "look.mkv", 1)))
    return sheet.gallery([(label, small(shot)) for label, shot in cells], "", 3)


def _between(folder: Path) -> sheet.Picture:
    """Pictures in a row of a film with few of them, and the same times at twice the rate."""
    _cinemill(folder, "process", "chaplin.mkv", "-o", "few.mkv", "--chain", "fps=12.5", *_CODED)
    _cinemill(folder, "interpolate", "few.mkv", "-o", "smooth.mkv", "--rate", "25", *_CODED)
    frames = list(read.frames(read.probe(folder / "few.mkv")))
    smooth = list(read.frames(read.probe(folder / "smooth.mkv")))
    at = len(frames) // 2
    near = [sheet.picture(one) for one in (frames[at], frames[at], frames[at + 1])]
    far = [sheet.picture(one) for one in smooth[2 * at : 2 * at + 3]]
    box = sheet.place(near[0], near[2], 0.6)
    cells = [
        ("12.5 a second", _cut(near[0], box)),
        ("the same one again", _cut(near[1], box)),
        ("the next", _cut(near[2], box)),
    ]
    cells += [
        ("25 a second", _cut(far[0], box)),
        ("one in between", _cut(far[1], box)),
        ("the next", _cut(far[2], box)),
    ]
    return sheet.gallery(cells, "", 3)


def _cut(shot: sheet.Picture, box: sheet.Box) -> sheet.Picture:
    left, top, wide, high = box
    return small(shot[top : top + high, left : left + wide])


def _merged(folder: Path) -> sheet.Picture:
    _cinemill(folder, "merge", "bunny.mkv", "bird.mkv", "-o", "merged.mkv", "--transition", "fade", *_CODED)
    times = (0.6, 1.2, 1.5, 1.7, 1.9, 2.6)
    return sheet.gallery([(f"{time:.1f} s", small(_at(folder / "merged.mkv", time))) for time in times], "", 3)


def _composed(folder: Path) -> sheet.Picture:
    photograph, clip = str(MEDIA / "vacation_2017.jpg"), str(folder / "bird.mkv")
    scenes = [
        {"title": "One summer", "colour": "#1f3044", "duration": 2},
        {"picture": photograph, "ken_burns": "in", "narration": "It began with a photograph."},
        {"video": clip, "narration": "And then it began to move.", "transition": "fade"},
    ]
    story = {"size": "landscape", "scenes": scenes, "captions": {"style": "karaoke"}}
    (folder / "story.json").write_text(json.dumps(story))
    _cinemill(folder, "compose", "story.json", "-o", "composed.mkv", *_CODED)
    times = moments.spread(folder / "composed.mkv", 6)
    frames = moments.frames_at(folder / "composed.mkv", times)
    return sheet.gallery(
        [(f"{float(time):.1f} s", small(sheet.picture(one))) for time, one in zip(times, frames)], "", 3
    )


def _noisy(folder: Path) -> None:
    """Speech with the hum of the mains and the hiss of a tape."""
    graph = "[0:a]atrim=0:8,aresample=44100[a];[1][2]amix=normalize=0[n];[a][n]amix=normalize=0:duration=first"
    hum = "aevalsrc=0.05*sin(2*PI*50*t)+0.03*sin(2*PI*150*t)+0.02*sin(2*PI*250*t):s=44100:d=8"
    sources = (
        "-i",
        MEDIA / "jfk.flac",
        "-f",
        "lavfi",
        "-i",
        hum,
        "-f",
        "lavfi",
        "-i",
        "anoisesrc=d=8:a=0.02:r=44100:seed=1",
    )
    run_ffmpeg(*sources, "-filter_complex", graph, folder / "noisy.wav")


def _cleaned(folder: Path) -> sheet.Picture:
    _noisy(folder)
    _cinemill(folder, "clean", "noisy.wav", "-o", "clean.wav")
    return _sounds(folder, "spectrogram", ("before", "noisy.wav"), ("after", "clean.wav"))


def _louder(folder: Path) -> sheet.Picture:
    run_ffmpeg("-i", MEDIA / "jfk.flac", "-t", 8, "-af", "volume=-14dB", folder / "quiet.wav")
    _cinemill(folder, "loudness", "quiet.wav", "-o", "loud.wav", "--loudness", "podcast")
    return _sounds(folder, "waveform", ("before", "quiet.wav"), ("after, as podcasts are", "loud.wav"))


def _sounds(folder: Path, picture: str, *named: tuple[str, str]) -> sheet.Picture:
    cells: list[tuple[str, sheet.Picture]] = []
    for label, file in named:
        drawn = f"{Path(file).stem}.png"
        _cinemill(folder, picture, file, "-o", drawn, "--width", "960", "--height", "260")
        cells.append((label, read_picture(folder / drawn)))
    return sheet.gallery(cells, "", 1)


def _own(*words: str, file: str) -> Callable[[Path], sheet.Picture]:
    """What an operation draws itself. `FILE` among the words is a file of the clips."""

    def make(folder: Path) -> sheet.Picture:
        given = [str(MEDIA / file) if word == "FILE" else word for word in words]
        measure([CINEMILL, given[0], *given[1:], "-o", folder / f"{words[0]}.png", "--overwrite"])
        return read_picture(folder / f"{words[0]}.png")

    return make


def _reported(*words: str) -> Callable[[Path], sheet.Picture]:
    """The page that an operation writes, in a browser."""

    def make(folder: Path) -> sheet.Picture:
        _cinemill(folder, *words, "-o", f"{words[0]}.html")
        return read_picture(report(folder / f"{words[0]}.html", folder / f"{words[0]}.png"))

    return make


def _compared_page(folder: Path) -> sheet.Picture:
    _cinemill(folder, "convert", "bunny.mkv", "-o", "small.mp4", "--crf", "34")
    return _reported("compare", "bunny.mkv", "small.mp4")(folder)


_OTHERS: dict[str, Callable[[Path], sheet.Picture]] = {
    "stylize": _styles,
    "interpolate": _between,
    "merge": _merged,
    "compose": _composed,
    "clean": _cleaned,
    "loudness": _louder,
    "waveform": _own("waveform", "FILE", "--width", "1100", file="jfk.flac"),
    "spectrogram": _own("spectrogram", "FILE", "--width", "1000", file="jfk.flac"),
    "thumbnails": _own("thumbnails", "FILE", "--count", "12", "--columns", "4", file="big_buck_bunny_0_30.webm"),
    "analyze": _reported("analyze", "tape.mkv"),
    "qc": _reported("qc", "tape.mkv"),
    "compare": _compared_page,
}


if __name__ == "__main__":
    main()
