"""What a storyboard says: YAML or JSON -> `Storyboard`, with the line of whatever is wrong in it.

Lengths are in seconds, places and sizes in fractions of the picture, files relative to the storyboard's folder.
"""

from __future__ import annotations

import json
import re
import typing
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args

import pydantic
import yaml
from pydantic import BaseModel, ValidationError, field_validator, model_validator

from cinemill.catalogue import Field, FileKind, Params, complaint
from cinemill.errors import InvalidParams, OpenFailed
from cinemill.media import suffixes
from cinemill.media.output import Codec, Speed

Place = Literal[
    "top-left", "top", "top-right", "left", "middle", "right", "bottom-left", "bottom", "bottom-right"
]  # fmt: skip
Ease = Literal["linear", "in", "out", "in-out"]
Fit = Literal["cover", "contain", "blur"]
Direction = Literal[
    "none", "in", "out", "left", "right", "up", "down", "up-left", "up-right", "down-left", "down-right", "auto"
]  # fmt: skip
TransitionName = Literal[
    "cut", "fade", "fade-black", "fade-white", "dissolve", "wipe-left", "wipe-right", "wipe-up", "wipe-down",
    "slide-left", "slide-right", "slide-up", "slide-down", "circle-open", "circle-close", "zoom", "blur",
]  # fmt: skip
Unit = Annotated[float, pydantic.Field(ge=0, le=1)]
Rect = tuple[Unit, Unit, Unit, Unit]
"""Left, top, width and height as fractions of the picture."""

SIZES = {"landscape": "1920x1080", "portrait": "1080x1920", "square": "1080x1080"}
_COLOUR = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_COLOURS = {
    "black": "#000000",
    "white": "#ffffff",
    "grey": "#808080",
    "red": "#ff0000",
    "green": "#00a000",
    "blue": "#0000ff",
    "yellow": "#ffff00",
    "cyan": "#00ffff",
    "magenta": "#ff00ff",
    "orange": "#ff8000",
}


def _colour(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("a colour is a name or '#rrggbb' in quotes")
    value = _COLOURS.get(value, value)
    if not _COLOUR.fullmatch(value):
        raise ValueError(f"a colour is one of {', '.join(_COLOURS)}, or '#rrggbb' in quotes")
    return "#" + "".join(c * 2 for c in value[1:]) if len(value) == 4 else value.lower()


Colour = Annotated[str, pydantic.BeforeValidator(_colour)]


def _file(kind: FileKind) -> Any:
    return Annotated[Path, pydantic.Field(json_schema_extra={"file": kind})]


if typing.TYPE_CHECKING:
    Picture = Video = Sound = Words = Path
else:
    Picture, Video, Sound, Words = _file("image"), _file("video"), _file("audio"), _file("subtitle")


class Short(Params):
    """A part of a storyboard that a plain value may stand for: that of its field `short`."""

    short: ClassVar[str] = ""

    @model_validator(mode="before")
    @classmethod
    def _spelled_out(cls, value: Any) -> Any:
        return cls.of_plain(value) if isinstance(value, str | bool | int | float) else value

    @classmethod
    def of_plain(cls, value: Any) -> Any:
        """The fields that a plain value stands for."""
        return {cls.short: value}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> Any:
        schema = handler.resolve_ref_schema(handler(core))
        plain = schema.get("properties", {}).get(cls.short, {})
        kinds = {key: plain[key] for key in ("type", "enum", "anyOf") if key in plain} or {"type": "string"}
        return {"anyOf": [kinds, schema], "description": schema.get("description", "")}


class KenBurns(Short):
    """A camera that moves over a picture."""

    short = "move"

    move: Direction = "auto"
    """Which way it goes: closer, away, or along. auto takes turns from scene to scene."""
    zoom: float = Field(1.2, ge=1, le=10)
    """How much closer the closest view is than the widest."""
    start: Rect | None = None
    """Left, top, width and height of what is seen first, as fractions of the picture. Wins over move."""
    end: Rect | None = None
    """The same for what is seen last."""
    ease: Ease = "in-out"
    """Whether it starts or stops gently."""

    @field_validator("start", "end")
    @classmethod
    def _inside(cls, rect: Rect | None) -> Rect | None:
        if rect and (rect[2] <= 0 or rect[3] <= 0 or rect[0] + rect[2] > 1.0001 or rect[1] + rect[3] > 1.0001):
            raise ValueError("left + width and top + height must stay within 1, and neither side may be 0")
        return rect


class Transition(Short):
    """How a scene follows the one before it: while it lasts, both are seen."""

    short = "name"

    name: TransitionName = "cut"
    """What it looks like."""
    seconds: float = Field(0.5, ge=0, le=30, unit="s")
    """How long it takes."""

    @classmethod
    def of_plain(cls, value: Any) -> Any:
        name, _, seconds = str(value).strip().partition(" ")
        plain = re.sub(r"[-_ ]", "", name.lower())
        known = {re.sub("-", "", each): each for each in get_args(TransitionName)}
        return {"name": known.get(plain, name)} | ({"seconds": seconds.removesuffix("s")} if seconds else {})


class Narration(Short):
    """What is spoken: text, or a recording of it."""

    short = "text"

    text: str | None = None
    """What is said. Spoken by the voice, unless there is a file; beside a file, it finds the words' times."""
    file: Sound | None = None
    """A recording."""
    words: Words | None = None
    """When each word of the recording is said: subtitles or JSON with words. Left out, they are looked for."""
    voice: str | None = None
    """Who speaks, instead of the storyboard's voice."""
    speed: float = Field(1.0, ge=0.25, le=4)
    """How fast the voice speaks."""
    volume: float = Field(1.0, ge=0, le=4)
    """1 leaves it as it is."""
    delay: float = Field(0.0, ge=0, le=600, unit="s")
    """How long after its scene, or the film, begins."""

    @classmethod
    def of_plain(cls, value: Any) -> Any:
        is_file = Path(str(value)).suffix.lower() in suffixes.SOUND and "\n" not in str(value)
        return {"file" if is_file else "text": value}

    @model_validator(mode="after")
    def _something(self) -> Narration:
        if not self.file and not (self.text and self.text.strip()):
            raise ValueError("give a text to be spoken or a file")
        return self


class SpokenWord(Params):
    """A word and when it is said."""

    text: str = Field(min_length=1)
    """The word with its punctuation."""
    start: float = Field(ge=0, unit="s")
    """When it begins."""
    end: float = Field(ge=0, unit="s")
    """When it ends."""


class Captions(Short):
    """What is said, in the picture."""

    short = "style"

    style: Literal["classic", "karaoke", "fill", "highlight", "word"] = "classic"
    """classic shows lines; karaoke colours words as they are said, fill runs the colour through them; highlight marks
    the word that is said; word shows one at a time."""
    level: Literal["auto", "word", "sentence"] = "auto"
    """Whether lines follow words or whole sentences. auto takes words where their times are known."""
    position: Place = "bottom"
    """Where they stand."""
    safe: Literal["auto", "none", "title", "phone"] = "auto"
    """What is kept free at the edges: nothing; 5 % as television asks; the buttons of apps for tall videos."""
    font: str | None = None
    """Font family. Where it lacks letters, one that has them is taken, and that is said."""
    size: float | None = Field(None, gt=0, le=50, unit="%")
    """Height of the letters, in percent of the picture's shorter side. Left out, by the style."""
    colour: Colour = "#ffffff"
    """Of the letters."""
    highlight: Colour = "#ffd400"
    """Of the word that is said."""
    outline_colour: Colour = "#000000"
    """Of the outline, or the box."""
    outline: float = Field(0.4, ge=0, le=5, unit="%")
    """Width of the outline, in percent of the picture's shorter side."""
    shadow: float = Field(0.0, ge=0, le=5, unit="%")
    """How far a shadow falls, in percent of the picture's shorter side."""
    box: bool = False
    """Set the letters on a box."""
    bold: bool = True
    """Heavier letters."""
    uppercase: bool = False
    """Capitals only."""
    length: int | None = Field(None, ge=1, le=200)
    """Characters in a line at most. Left out, what fits the picture."""
    lines: int = Field(2, ge=1, le=6)
    """Lines at once at most."""
    words: Words | tuple[SpokenWord, ...] | None = None
    """Words with their times, or a file of subtitles or words, on the film's clock. Left out, the narration's."""

    @classmethod
    def of_plain(cls, value: Any) -> Any:
        return {} if value is True else {"style": value}


class Music(Short):
    """Music under the whole film."""

    short = "file"

    file: Sound
    """The music."""
    volume: float = Field(0.3, ge=0, le=4)
    """1 leaves it as it is."""
    duck: float = Field(10.0, ge=0, le=60, unit="dB")
    """How much softer it is while somebody speaks."""
    loop: bool = True
    """Begin again where it is shorter than the film."""
    start: float = Field(0.0, ge=0, unit="s")
    """Where in the music to begin."""
    fade_in: float = Field(0.5, ge=0, le=60, unit="s")
    """How long it takes to come."""
    fade_out: float = Field(2.0, ge=0, le=60, unit="s")
    """How long it takes to go."""


class Overlay(Params):
    """Something over the picture: a logo, a text, or a bar that shows how far the film is."""

    logo: Picture | None = None
    """A picture, which may be transparent."""
    text: str | None = None
    """A text."""
    progress: bool = False
    """A bar that grows with the film."""
    position: Place | None = None
    """Where it is; a logo's is top-right, a text's bottom-left, a bar's bottom, unless it is said."""
    size: float | None = Field(None, gt=0, le=1)
    """Of the picture's width for a logo, of its shorter side for the letters and for the bar's height."""
    margin: float = Field(0.03, ge=0, le=0.5)
    """Distance from the edges, of the picture's shorter side. A bar has none."""
    opacity: float = Field(1.0, ge=0, le=1)
    """How much it covers."""
    colour: Colour = "#ffffff"
    """Of the text or the bar."""
    font: str | None = None
    """Font family."""
    start: float = Field(0.0, ge=0, unit="s")
    """When it comes."""
    end: float | None = Field(None, gt=0, unit="s")
    """When it goes. Left out, it stays."""

    @model_validator(mode="after")
    def _one(self) -> Overlay:
        if sum((self.logo is not None, bool(self.text), self.progress)) != 1:
            raise ValueError("an overlay is a logo, a text or a progress bar: give one of them")
        if self.end is not None and self.end <= self.start:
            raise ValueError("it must end after it starts")
        return self


class Output(Params):
    """How the film is stored."""

    codec: Codec = "h264"
    """What the picture is stored as."""
    encoder: str = "auto"
    """The encoder to use; auto tries what this machine has."""
    speed: Speed = "veryfast"
    """Slower is smaller at equal quality."""
    crf: int | None = Field(None, ge=0, le=63)
    """Quality; lower is better. Left out, the codec's own near-transparent value."""
    loudness: float | None = Field(-14.0, ge=-40, le=0, unit="LUFS")
    """How loud the film is as a whole; -14 is what video sites play at. null leaves it as it comes."""


class Scene(Params):
    """A picture, a video, a colour or a title: one of them."""

    picture: Picture | None = None
    """A photograph or drawing."""
    video: Video | None = None
    """A clip; animated GIF is one too."""
    colour: Colour | None = None
    """Nothing but a colour. Beside a title, what the title stands on."""
    title: str | None = None
    """Large text, alone or over whatever else the scene shows."""
    subtitle: str | None = None
    """Smaller text under the title."""
    name: str | None = None
    """What it is called in messages and chapters."""
    duration: float | None = Field(None, gt=0, le=86400, unit="s")
    """How long it lasts. Left out: as long as what is spoken, else as its video, else 4 s."""
    start: float = Field(0.0, ge=0, unit="s")
    """Where in the video to begin."""
    end: float | None = Field(None, gt=0, unit="s")
    """Where in the video to stop. Left out, at its end."""
    speed: float = Field(1.0, ge=0.05, le=20)
    """How fast the video runs."""
    volume: float = Field(1.0, ge=0, le=4)
    """Of the video's own sound; 0 leaves it out."""
    when_short: Literal["loop", "hold"] = "loop"
    """What a video does that ends before its scene: begin again, or hold its last picture."""
    fit: Fit | None = None
    """cover fills the picture and cuts off what is over; contain shows all of it; blur puts it before a blurred one."""
    focus: tuple[Unit, Unit] = (0.5, 0.5)
    """The point that stays in sight when cover cuts off: from left and from top."""
    ken_burns: KenBurns | None = None
    """A camera that moves over the picture; a word such as in, left or none is enough."""
    transition: Transition | None = None
    """How it follows the scene before it, instead of the storyboard's transition."""
    narration: Narration | None = None
    """What is spoken: a text, or a sound file."""

    @model_validator(mode="after")
    def _one(self) -> Scene:
        shown = [name for name in ("picture", "video") if getattr(self, name)]
        if len(shown) > 1:
            raise ValueError("a scene shows a picture or a video, not both")
        if not shown and self.colour is None and not self.title:
            raise ValueError("a scene needs a picture, a video, a colour or a title")
        if self.end is not None and self.end <= self.start:
            raise ValueError("its video must end after it starts")
        return self


class Storyboard(Params):
    """A film on paper."""

    version: Literal[1] = 1
    """Of this form."""
    size: str = "1920x1080"
    """Width and height in pixels; landscape, portrait and square have a name."""
    rate: Fraction = Field(Fraction(30), gt=0, le=240, unit="fps")
    """Pictures a second; 30000/1001 is a number too."""
    background: Colour = "#000000"
    """What is seen where nothing else is."""
    fit: Fit = "cover"
    """How pictures and videos of another shape are shown, unless a scene says."""
    ken_burns: KenBurns | None = None
    """A camera that moves over pictures, for scenes that say nothing of it."""
    transition: Transition = Transition()
    """How scenes follow each other, unless one says."""
    pause: float = Field(0.5, ge=0, le=60, unit="s")
    """Between what is spoken in one scene and in the next."""
    voice: str | None = None
    """Who speaks."""
    language: str | None = None
    """Of what is spoken, as en or pt-BR. Left out, it is found out."""
    scenes: tuple[Scene, ...] = Field(min_length=1)
    """What is shown, in order."""
    narration: Narration | None = None
    """Spoken over the whole film. Scenes without a duration then share its length."""
    captions: Captions | None = None
    """What is said, in the picture; true or the name of a style is enough."""
    music: Music | None = None
    """Music under the whole film; a file is enough."""
    overlays: tuple[Overlay, ...] = ()
    """What stays over the pictures."""
    output: Output = Output()
    """How the film is stored."""

    @field_validator("size", mode="before")
    @classmethod
    def _pixels(cls, value: Any) -> Any:
        if isinstance(value, list | tuple) and len(value) == 2:
            value = f"{value[0]}x{value[1]}"
        text = SIZES.get(value, value) if isinstance(value, str) else value
        if not isinstance(text, str) or not (match := re.fullmatch(r"(\d{1,5})\s*[x×]\s*(\d{1,5})", text)):
            raise ValueError(f"write it as 1920x1080, or one of {', '.join(SIZES)}")
        sides = int(match[1]), int(match[2])
        if any(side % 2 or not 16 <= side <= 8192 for side in sides):
            raise ValueError("both sides must be even and from 16 to 8192 px")
        return f"{sides[0]}x{sides[1]}"

    @field_validator("captions", "music", "narration", mode="before")
    @classmethod
    def _none(cls, value: Any) -> Any:
        return None if value is False else value

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height."""
        width, _, height = self.size.partition("x")
        return int(width), int(height)

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file it names."""
        return tuple(dict.fromkeys(_files(self)))


def read(path: Path) -> Storyboard:
    """The storyboard in a YAML or JSON file, its files as absolute paths. Raises OpenFailed, InvalidParams."""
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidParams(f"{path} is not text in UTF-8, so it is no storyboard.") from None
    except OSError as error:
        raise OpenFailed(f"{path} cannot be read: {error.strerror}.") from None
    return parsed(text, path)


def parsed(text: str, path: Path) -> Storyboard:
    """The storyboard in `text`, named and placed by `path`. Raises InvalidParams with the line of the mistake."""
    return located(_checked(_values(text, path), text, str(path)), path.resolve().parent)


def of(values: dict[str, Any], folder: Path, owner: str = "storyboard") -> Storyboard:
    """The storyboard that `values` are, its files looked for from `folder`. Raises InvalidParams, OpenFailed."""
    return located(_checked(values, "", owner), folder)


def _checked(values: Any, text: str, owner: str) -> Storyboard:
    try:
        return Storyboard.model_validate(values)
    except ValidationError as error:
        raise InvalidParams(_sentence(error, text, owner)) from None


def located(board: Storyboard, folder: Path) -> Storyboard:
    """`board` with every file as an absolute path. Raises OpenFailed for one that is not there."""
    found = _rebuilt(board, folder)
    for path in found.files:
        if not path.is_file():
            near = _alike(path)
            raise OpenFailed(f"{path} is not there" + (f"; did you mean {near}?" if near else "."))
    return found


def schema() -> dict[str, Any]:
    """The JSON Schema of a storyboard, for editors and programs."""
    made = Storyboard.model_json_schema()
    for name, field in Storyboard.model_fields.items():
        made["properties"][name].setdefault("description", field.description)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "cinemill storyboard"}


def text_of(board: Storyboard, folder: Path | None = None) -> str:
    """`board` as YAML that reads back as itself; files as they are seen from `folder`."""
    return yaml.safe_dump(_told(board, folder), sort_keys=False, allow_unicode=True, width=120)


def json_of(board: Storyboard, folder: Path | None = None) -> str:
    """The same as JSON."""
    return json.dumps(_told(board, folder), ensure_ascii=False, indent=2) + "\n"


def _told(board: Storyboard, folder: Path | None) -> Any:
    values = _plainly(board)
    return _seen_from(values, {str(path) for path in board.files}, folder) if folder else values


def _plainly(value: Any) -> Any:
    """A value as people write it: without defaults, and short where there is a short form."""
    if isinstance(value, tuple):
        return [_plainly(each) for each in value]
    if not isinstance(value, Params):
        return value if value is None or isinstance(value, bool | int | float) else str(value)
    fields = type(value).model_fields
    told = {name: _plainly(each) for name, each in value if each != fields[name].default}
    if isinstance(value, Short) and not told.keys() - {value.short}:
        return told.get(value.short, _plainly(getattr(value, value.short)))
    return told


def _seen_from(value: Any, files: set[str], folder: Path) -> Any:
    if isinstance(value, dict):
        return {key: _seen_from(each, files, folder) for key, each in value.items()}
    if isinstance(value, list):
        return [_seen_from(each, files, folder) for each in value]
    if isinstance(value, str) and value in files and Path(value).is_relative_to(folder):
        return Path(value).relative_to(folder).as_posix()
    return value


def _values(text: str, path: Path) -> Any:
    try:
        values = json.loads(text) if path.suffix.lower() == ".json" else yaml.load(text, _Loader)
    except json.JSONDecodeError as error:
        raise InvalidParams(f"{path}, line {error.lineno}: this is not JSON: {error.msg}.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        said = getattr(error, "problem", None) or str(error)
        raise InvalidParams(f"{path}{where}: this is not YAML: {' '.join(str(said).split())}.") from None
    if not isinstance(values, dict):
        raise InvalidParams(f"{path} is no storyboard: it begins with keys such as size, scenes and music.")
    return values


class _Loader(yaml.SafeLoader):
    """YAML without numbers to the base 60 (16:9) and without dates."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in each if not tag.endswith((":timestamp", ":int", ":float"))]
    for first, each in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"[-+]?(?:0|[1-9]\d*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][-+]?\d+)?$"),
    list("-+.0123456789"),
)


def _sentence(error: ValidationError, text: str, owner: str) -> str:
    """The first mistake: where it stands, what it is, what may have been meant."""
    mistakes = error.errors(include_url=False)
    # Of the branches of a choice, the one that went deepest is meant.
    first = [each for each in mistakes if each["loc"][:1] == mistakes[0]["loc"][:1]]
    mistake = max(first, key=lambda each: len(_owner([*each["loc"]])[2]))
    model, name, shown = _owner([*mistake["loc"]])
    line = _line(text, shown)
    where = ", ".join(filter(None, [owner, f"line {line}" if line else ""]))
    into = _spelled(shown if mistake["type"] != "extra_forbidden" else shown[:-1])
    return f"{where}: {into + ': ' if into else ''}{complaint(model, mistake, name, 'key')}"


def _owner(place: list[int | str]) -> tuple[type[Params], str, list[int | str]]:
    """The model that a place of pydantic's lies in, the name of the field there, and the place as people wrote it."""
    model: type[Params] = Storyboard
    name = ""
    shown: list[int | str] = []
    for part in place:
        if isinstance(part, int):
            shown.append(part)
            continue
        inner = _inner(model, name) if name else None
        if inner:
            model, name = inner, ""
        if "[" in part:
            continue  # the branch of a choice, by pydantic's name for it
        name = part
        shown.append(part)
    return model, name, shown


def _inner(model: type[Params], name: str) -> type[Params] | None:
    """The model that a field holds, alone, in a tuple, or as one of several."""
    field = model.model_fields.get(name)
    waiting: list[Any] = [field.annotation] if field else []
    while waiting:
        part = waiting.pop()
        if isinstance(part, type) and issubclass(part, Params):
            return part
        waiting += get_args(part)
    return None


def _spelled(place: list[int | str]) -> str:
    """`scenes[2].ken_burns`, scenes counted from 0 as programs do."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")


def _line(text: str, place: list[int | str]) -> int | None:
    """The line on which something stands, counted from 1; the deepest place that is there."""
    try:
        node = yaml.compose(text.replace("\t", " "), _Loader)
    except yaml.YAMLError:
        return None
    line = None
    for part in place:
        if isinstance(node, yaml.MappingNode):
            pairs = [(key, value) for key, value in node.value if key.value == str(part)]
            if not pairs:
                break
            line, node = pairs[-1][0].start_mark.line + 1, pairs[-1][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line


def _files(value: Any) -> Iterator[Path]:
    if isinstance(value, Path):
        yield value
    elif isinstance(value, BaseModel):
        for _, each in value:
            yield from _files(each)
    elif isinstance(value, tuple):
        for each in value:
            yield from _files(each)


def _rebuilt(value: Any, folder: Path) -> Any:
    """`value` with every path made absolute."""
    if isinstance(value, Path):
        return Path(folder, value.expanduser())
    if isinstance(value, Params):
        changed = {name: _rebuilt(each, folder) for name, each in value}
        return value.model_copy(
            update={name: each for name, each in changed.items() if each is not getattr(value, name)}
        )
    if isinstance(value, tuple):
        return tuple(_rebuilt(each, folder) for each in value)
    return value


def _alike(path: Path) -> str | None:
    from difflib import get_close_matches

    if not path.parent.is_dir():
        return None
    near = get_close_matches(path.name, [each.name for each in path.parent.iterdir()], n=1, cutoff=0.5)
    return near[0] if near else None
