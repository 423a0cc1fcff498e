"""A storyboard as a film: pictures, clips, voice, captions and music.

Each scene and each transition is a part that is known by what decided its pictures, so that an edit to one scene makes
only that scene anew. The sound is one part, mixed in one pass, and kept in the same way.
"""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import field_validator

from cinemill.catalogue import Field, Params
from cinemill.errors import CinemillError
from cinemill.media.output import Codec, Speed, VideoSpec
from cinemill.operations import Chunk, Decided, Operation, Request, operation

if TYPE_CHECKING:
    from cinemill.film.board import Scene, Storyboard
    from cinemill.film.segments import Film
    from cinemill.film.timeline import Shot, Timeline
    from cinemill.media.output import VideoOutput

_PREVIEW_LINES = 360
_WRITTEN = (".yaml", ".yml", ".json")


class FilmOutput(Params):
    """The film."""

    preview: float | None = Field(None, gt=0, le=3600, unit="s")
    """Only so much from the beginning, small and quick to make."""
    size: str | None = None
    """Width and height such as 1920x1080, or landscape, portrait or square, instead of the storyboard's."""
    rate: Fraction | None = Field(None, gt=0, le=240, unit="fps")
    """Pictures a second, instead of the storyboard's."""
    codec: Codec | None = None
    """What the picture is stored as, instead of what the storyboard says."""
    encoder: str | None = None
    """The encoder to use, instead of what the storyboard says."""
    speed: Speed | None = None
    """Slower is smaller at equal quality; instead of what the storyboard says."""
    crf: int | None = Field(None, ge=0, le=63)
    """Quality; lower is better. Instead of what the storyboard says."""
    loudness: float | None = Field(None, ge=-40, le=0, unit="LUFS")
    """How loud the film is as a whole, instead of what the storyboard says."""
    threads: int = Field(0, ge=0, le=256)
    """Threads of the encoder; part of the result. 0 takes the machine's cores at planning time."""


class Compose(FilmOutput):
    from_text: Path | None = Field(None, file="any")
    """A script instead of a storyboard: paragraphs become scenes and are spoken. With an output in .yaml or .json the
    storyboard is written down, to be changed by hand; with a film's suffix the film is made at once."""
    pictures: Path | None = None
    """The folder with pictures, clips and music for the script."""

    @field_validator("pictures")
    @classmethod
    def _folder(cls, folder: Path | None) -> Path | None:
        if folder and not folder.is_dir():
            raise ValueError("name a folder with pictures")
        return folder


class ComposeDecided(Decided):
    """The storyboard with nothing left open, when everything happens, how it is stored, and the font of its text."""

    format: str
    spec: VideoSpec | None
    """None where only the storyboard is written down."""
    board: dict[str, Any]
    line: dict[str, Any]
    family: str
    about: tuple[str, ...]
    """The timeline for people, a line for each scene."""


F = TypeVar("F", bound=FilmOutput)


class FilmOperation(Operation[F, ComposeDecided]):
    """Whatever is a storyboard in the end, and a film of it."""

    decided = ComposeDecided

    @abstractmethod
    def board(self, request: Request[F]) -> Storyboard:
        """The storyboard of a request. Raises OpenFailed, InvalidParams."""

    def suffix(self, request: Request[F]) -> str:
        return ".mp4"

    def _board(self, request: Request[F]) -> Storyboard:
        return _asked(self.board(request), request.params)

    def files(self, request: Request[F]) -> tuple[Path, ...]:
        return (*self.reads(request.params), *self._board(request).files)

    def decide(self, request: Request[F]) -> ComposeDecided:
        from cinemill.media import tracks

        assert request.output
        format = tracks.container_of(request.output)
        board, videos, heard, notes = _looked_at(self._board(request))
        line, words, spoken = _timed(board, videos, heard)
        board = board.model_copy(update={"captions": words})
        if request.params.preview:
            most = max(1, round(Fraction(request.params.preview) * line.rate))
            line = line.model_copy(update={"frames": min(line.frames, most)})
        family, lacking = _font(board, line)
        spec, lost = _spec(board, request.params)
        tracks.check_picture(format, spec)
        decided = ComposeDecided(
            notes=tuple(dict.fromkeys((*notes, *spoken, *lacking, *lost))),
            format=format,
            spec=spec,
            board=board.model_dump(mode="json"),
            line=line.model_dump(mode="json"),
            family=family,
            about=tuple(_about(board, line)),
        )
        _check_pictures(_film(decided.model_dump_json()), spec)
        return decided

    def steps(self, decided: ComposeDecided) -> tuple[str, ...]:
        return decided.about

    def sketch(self, request: Request[F], decided: ComposeDecided) -> Path | None:
        from cinemill.film import sketch
        from cinemill.measure import sheet

        if request.output is None or decided.spec is None:
            return None
        from cinemill.film.board import Storyboard

        small = _small(Storyboard.model_validate(decided.board), 180)
        film = _film(decided.model_copy(update={"board": small.model_dump(mode="json")}).model_dump_json())
        path = request.output.with_suffix(".timeline.png")
        path.write_bytes(sheet.png(sketch.drawn(film)))
        return path

    def cut(self, request: Request[F], decided: ComposeDecided, seconds: float) -> list[Chunk]:
        from cinemill.film import timeline

        if decided.spec is None:
            return []
        line = _film(decided.model_dump_json()).line
        pieces = [
            Chunk(index=index, start=first, stop=stop, size=stop - first)
            for index, (first, stop) in enumerate(timeline.edges(line))
        ]
        return [*pieces, Chunk(index=len(pieces), size=max(1, line.frames // 30))]

    def part(self, request: Request[F], decided: ComposeDecided, chunk: Chunk, path: Path) -> Iterator[int]:
        film = _film(decided.model_dump_json())
        assert decided.spec
        if chunk.start is None or chunk.stop is None:
            yield from _sound(film, decided, path, chunk.size)
            return
        yield from _pictures(film, decided.spec, chunk.start, chunk.stop, path)

    def whole(self, path: Path) -> bool:
        from cinemill.media import parts

        if not path.is_file():
            return False
        return parts.is_complete(path) if parts.is_part(path) else path.stat().st_size > 0

    def join(
        self, request: Request[F], decided: ComposeDecided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        from cinemill.film import kept, sound, timeline
        from cinemill.media import read, write
        from cinemill.media.tracks import Carry

        assert output
        if decided.spec is None:
            assert request.output
            _write_down(decided, request.output, output)
            return
        film = _film(decided.model_dump_json())
        *pictures, mix = parts
        info = read.probe(mix)
        silent = sound.is_silent(film.line, film.board.music)
        carried = [] if silent else [Carry(info.tracks[0], "copy")]
        begins = [first for first, _ in timeline.edges(film.line)]
        for done in write.assemble(pictures, decided.spec, info, carried, output, decided.format, begins=begins):
            yield min(1.0, done / film.line.seconds)
        kept.tidy()

    def result(self, request: Request[F], decided: ComposeDecided, parts: Sequence[Path]) -> dict[str, Any]:
        if decided.spec is None:
            return {"scenes": len(decided.about)}
        line = _film(decided.model_dump_json()).line
        return {"frames": line.frames, "seconds": round(line.seconds, 3), "scenes": len(line.shots)}


@operation
class ComposeOperation(FilmOperation[Compose]):
    """Make a film from a storyboard in YAML or JSON: pictures, clips, voice, captions, music.

    Scenes that have not changed since the last time are not made again.
    """

    name = "compose"
    topic = "Films"
    params = Compose
    inputs = ("any",)
    stand_in = "from_text"
    example = "cinemill compose story.yaml -o film.mp4"

    def suffix(self, request: Request[Compose]) -> str:
        return ".yaml" if request.params.from_text else ".mp4"

    def reads(self, params: Compose) -> tuple[Path, ...]:
        return (params.from_text,) if params.from_text else ()

    def board(self, request: Request[Compose]) -> Storyboard:
        from cinemill.film import board as boards
        from cinemill.film import script
        from cinemill.media.cues.formats.decode import decoded

        (source,) = request.inputs
        if request.params.from_text or source.suffix.lower() in (".txt", ".md"):
            return script.storyboard(decoded(request.params.from_text or source)[0], request.params.pictures)
        return boards.read(source)

    def decide(self, request: Request[Compose]) -> ComposeDecided:
        from cinemill.film import timeline

        assert request.output
        if request.output.suffix.lower() not in _WRITTEN:
            return super().decide(request)
        board = self._board(request)
        names = [timeline.called(board, index) for index in range(len(board.scenes))]
        note = f"the storyboard is written down; `cinemill compose {request.output.name} -o film.mp4` makes the film."
        return ComposeDecided(
            notes=(note,),
            format="storyboard",
            spec=None,
            board=board.model_dump(mode="json"),
            line={},
            family="",
            about=tuple(names),
        )


def _asked(board: Storyboard, params: FilmOutput) -> Storyboard:
    """The storyboard with what the command says otherwise. Raises InvalidParams."""
    from cinemill.film import board as boards

    output = {"codec": params.codec, "encoder": params.encoder, "speed": params.speed, "crf": params.crf}
    given = {key: value for key, value in (output | {"loudness": params.loudness}).items() if value is not None}
    values: dict[str, Any] = {"output": board.output.model_copy(update=given)}
    if params.size:
        values["size"] = boards.Storyboard.of({"size": params.size, "scenes": [{"colour": "black"}]}, "compose").size
    if params.rate:
        values["rate"] = params.rate
    board = board.model_copy(update=values)
    return _small(board, _PREVIEW_LINES) if params.preview else board


def _small(board: Storyboard, lines: int) -> Storyboard:
    """The storyboard with few pixels, and an encoder in a hurry."""
    width, height = board.pixels
    share = min(1.0, lines / min(width, height))
    size = "x".join(str(max(16, round(side * share / 2) * 2)) for side in (width, height))
    hasty = board.output.model_copy(update={"speed": "ultrafast", "crf": board.output.crf or 26})
    return board.model_copy(update={"size": size, "output": hasty})


def _write_down(decided: ComposeDecided, name: Path, output: Path) -> None:
    """The storyboard as a file for people: YAML, or JSON by its suffix."""
    from cinemill.film import board as boards

    board = boards.Storyboard.model_validate(decided.board)
    folder = name.resolve().parent
    output.write_text(
        boards.json_of(board, folder) if name.suffix.lower() == ".json" else boards.text_of(board, folder)
    )


def _looked_at(board: Storyboard) -> tuple[Storyboard, dict[int, Fraction], frozenset[int], list[str]]:
    """The storyboard with what moves as videos; how long those last, which have sound, and sentences about them."""
    from cinemill.film import clips, timeline

    scenes: list[Scene] = []
    lengths: dict[int, Fraction] = {}
    heard: set[int] = set()
    notes: list[str] = []
    for index, scene in enumerate(board.scenes):
        name = timeline.called(board, index)
        if scene.picture and clips.is_animated(scene.picture):
            scene = scene.model_copy(update={"video": scene.picture, "picture": None})
        if scene.video:
            facts = clips.facts(scene, name)
            lengths[index] = facts.seconds
            heard |= {index} if facts.has_sound else set()
            asked = scene.duration
            if asked and Fraction(asked) > facts.seconds + Fraction(1, 20):
                how = "begins again" if scene.when_short == "loop" else "holds its last picture"
                notes.append(f"{name}: the video lasts {float(facts.seconds):.2f} s of {asked:g} s and {how}.")
        scenes.append(scene)
    return board.model_copy(update={"scenes": tuple(scenes)}), lengths, frozenset(heard), notes


def _timed(board: Storyboard, videos: dict[int, Fraction], heard: frozenset[int]) -> tuple[Timeline, Any, list[str]]:
    """The timeline; the captions with their words; and what to know of what is spoken."""
    from cinemill.film import timeline
    from cinemill.film.timeline import Said
    from cinemill.operations import speech

    captions = board.captions
    notes: list[str] = []

    def say(narration: Any) -> Any:
        found, said = speech.spoken(narration, board, captions is not None and captions.words is None)
        notes.extend(said)
        return found

    spoken = {index: say(scene.narration) for index, scene in enumerate(board.scenes) if scene.narration}
    over = say(board.narration) if board.narration else None
    line = timeline.timeline(board, videos, spoken, over, heard)
    if captions and captions.words is not None:
        given = (
            speech.said_in(captions.words)
            if isinstance(captions.words, Path)
            else [Said(word.text, round(word.start * 1000), round(word.end * 1000)) for word in captions.words]
        )
        words = timeline.cleaned(given, round(line.seconds * 1000))
        line = line.model_copy(update={"words": words})
        captions = captions.model_copy(update={"words": None})
    if captions and not line.words:
        notes.append("There are no words to make captions of.")
    return line, captions, notes


def _font(board: Storyboard, line: Timeline) -> tuple[str, list[str]]:
    """The family that text is drawn with, and what letters it lacks."""
    from cinemill.media import fonts

    texts = [word.text for word in line.words] if board.captions else []
    texts += [text for scene in board.scenes for text in (scene.title, scene.subtitle) if text]
    texts += [each.text for each in board.overlays if each.text]
    if not texts:
        return "", []
    wanted = board.captions.font if board.captions else None
    choice = fonts.choose("".join(texts), wanted)
    if choice is None:
        return wanted or "", ["No font is found on this machine; text may be missing."]
    notes: list[str] = []
    if wanted and choice.family.lower() != wanted.lower():
        here = wanted.lower() in (name.lower() for name in fonts.families())
        why = f"{wanted} lacks letters that are needed" if here else f"no font {wanted} is on this machine"
        notes.append(f"{why}; {choice.family} is taken. There are: {', '.join(fonts.families())}.")
    lacking = fonts.undrawn(choice.missing)
    if lacking:
        shown = ", ".join(f"{char} (U+{ord(char):04X})" for char in lacking[:5])
        more = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
        notes.append(f"No font here has {shown}{more}. Install {fonts.holders(lacking)}, say.")
    elif choice.missing:
        notes.append(f"{choice.family} lacks {' '.join(choice.missing[:5])}; another font here has what it lacks.")
    return choice.family, notes


def _spec(board: Storyboard, params: FilmOutput) -> tuple[VideoSpec, list[str]]:
    from cinemill.film import segments, stills
    from cinemill.hardware import cores
    from cinemill.media import encoders
    from cinemill.media.types import Frame

    width, height = board.pixels
    planes = stills.flat("#808080", width, height)
    picture = Frame(planes, segments.FORMAT, 0, 1 / board.rate, 1, segments.COLOUR)
    return encoders.spec_for(_output(board, params), picture, board.rate, None, cores())


def _output(board: Storyboard, params: FilmOutput) -> VideoOutput:
    from cinemill.media.output import VideoOutput

    told = board.output
    return VideoOutput(codec=told.codec, encoder=told.encoder, speed=told.speed, crf=told.crf, threads=params.threads)


@lru_cache(maxsize=2)
def _film(decided: str) -> Film:
    """The film of a plan, made once in a process."""
    from cinemill.film import captions
    from cinemill.film.board import Storyboard
    from cinemill.film.segments import Film
    from cinemill.film.timeline import Timeline

    told = ComposeDecided.model_validate_json(decided)
    board, line = Storyboard.model_validate(told.board), Timeline.model_validate(told.line)
    shown: list[Any] = []
    if board.captions:
        cues = captions.cues_of(board.captions, line.words, board.language, *board.pixels)
        shown = captions.shown(board.captions, cues, line.rate, line.frames)
    return Film(board, line, shown, told.family)


def _check_pictures(film: Film, spec: VideoSpec) -> None:
    """Raises DecodeFailed before the work begins, for a picture that no piece that is kept was made of."""
    from cinemill.film import kept, stills, timeline

    stored = spec.model_dump_json()
    wanted = [edge for edge in timeline.edges(film.line) if not kept.has(film.digest(*edge, stored))]
    shots = [shot for first, _ in wanted for shot in timeline.shown_at(film.line, first)]
    for picture in dict.fromkeys(film.board.scenes[shot.scene].picture for shot in shots):
        if picture:
            stills.read_rgb(picture)


def _pictures(film: Film, spec: VideoSpec, first: int, stop: int, path: Path) -> Iterator[int]:
    """A scene or a transition: as it was kept, or made and kept."""
    from cinemill.film import kept
    from cinemill.media import write
    from cinemill.media.read import Damage

    stored = spec.model_dump_json()
    digest = film.digest(first, stop, stored)
    if not kept.has(digest):
        passing = kept.passing(digest)
        try:
            _prepare(film, stored, stop)
            for done in write.encode(film.frames(first, stop), spec, passing, Damage()):
                yield done - 1
            write.durable(passing, kept.place(digest))
        finally:
            passing.unlink(missing_ok=True)
    kept.take(digest, path)
    yield stop - first


def _prepare(film: Film, stored: str, first: int) -> None:
    """Read the pictures of the piece that begins at `first` meanwhile, unless it was kept."""
    from cinemill.film import kept, timeline

    following = next((edge for edge in timeline.edges(film.line) if edge[0] == first), None)
    if following and not kept.has(film.digest(*following, stored)):
        threading.Thread(target=_quietly, args=(film, first), daemon=True).start()


def _quietly(film: Film, first: int) -> None:
    """What is wrong with a picture is said where it is shown."""
    with suppress(CinemillError, OSError):
        film.prepare(first)


def _sound(film: Film, decided: ComposeDecided, path: Path, size: int) -> Iterator[int]:
    """The film's sound: as it was kept, or mixed and kept."""
    from cinemill.film import kept, sound
    from cinemill.media import write
    from cinemill.notices import tell

    yield 0
    asked = (film.line, film.board.music, film.board.output.loudness)
    stored = decided.format, _codec(decided)
    digest = sound.digest(*asked, *stored)
    if not kept.has(digest):
        passing = kept.passing(digest)
        try:
            how = sound.settled(*asked)
            for done in sound.write(*asked[:2], how, passing, *stored):
                yield min(size, int(done / film.line.seconds * size))
            write.durable(passing, kept.place(digest))
        finally:
            passing.unlink(missing_ok=True)
        if how and how.before.lufs is not None:
            tell(f"The sound was {how.before.describe()} and is {how.after.describe()}.")
    kept.take(digest, path)
    yield size


def _codec(decided: ComposeDecided) -> str:
    """What the mix is stored as in the film's container."""
    assert decided.spec
    archive = decided.spec.codec in ("ffv1", "prores")
    lossless = {"mov": "pcm_s24le", "matroska": "flac", "nut": "flac"}
    usual = {"webm": "libopus"}.get(decided.format, "aac")
    return lossless.get(decided.format, usual) if archive else usual


def _about(board: Storyboard, line: Timeline) -> Iterator[str]:
    """The timeline for people."""
    from cinemill.film import timeline
    from cinemill.media import clock

    for shot in line.shots:
        if shot.start >= line.frames:
            break
        begin, end = (clock.show(float(frame / line.rate)) for frame in (shot.start, min(shot.stop, line.frames)))
        yield f"{begin} – {end}  {timeline.called(board, shot.scene)}{_with(board, shot, line)}"
    speech = sum(each.speech for each in line.sounds)
    told = [f"{line.frames} pictures at {float(line.rate):.6g} fps, {clock.show(line.seconds)}"]
    told += [f"{speech} spoken"] if speech else []
    told += [f"captions {board.captions.style}, {len(line.words)} words"] if board.captions and line.words else []
    told += [f"music {board.music.file.name}"] if board.music else []
    yield ", ".join(told)


def _with(board: Storyboard, shot: Shot, line: Timeline) -> str:
    """How a scene comes, and what is spoken in it."""
    scene = board.scenes[shot.scene]
    said = [f"{shot.transition} {float(shot.overlap / line.rate):.2g} s"] if shot.overlap else []
    if scene.narration and scene.narration.text:
        text = " ".join(scene.narration.text.split())
        said.append(f"“{text[:48]}{'…' if len(text) > 48 else ''}”")
    return "".join(f", {each}" for each in said)
