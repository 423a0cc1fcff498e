"""A storyboard by calls in Python: `VideoBuilder`. It builds the same storyboard as a file holds, and nothing else."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cinemill.errors import InvalidParams
from cinemill.film import board as boards
from cinemill.film.board import Storyboard
from cinemill.media.cues.types import Word
from cinemill.settings import settings

if TYPE_CHECKING:
    from cinemill.jobs.events import Done

File = str | Path


@dataclass(frozen=True)
class VideoBuilder:
    """A film of `size` (width and height, or landscape, portrait, square). Every method gives a new builder.

        VideoBuilder((1080, 1920)).background_image("a.jpg", ken_burns="in").audio("voice.wav").captions(words)
            .music("m.mp3", volume=0.2).write("out.mp4")

    Names and values are those of a storyboard; what is wrong is refused by `storyboard`, `save` and `write`.
    """

    size: tuple[int, int] | str = (1920, 1080)
    rate: int | str = 30
    scenes: tuple[dict[str, Any], ...] = ()
    rest: dict[str, Any] = field(default_factory=dict[str, Any])

    def scene(self, **fields: Any) -> VideoBuilder:
        """One more scene, with the fields that a storyboard's scene has."""
        return replace(self, scenes=(*self.scenes, {key: value for key, value in fields.items() if value is not None}))

    def background_image(
        self, path: File, ken_burns: Any = None, duration: float | None = None, **fields: Any
    ) -> VideoBuilder:
        """A scene that shows a picture."""
        return self.scene(picture=str(path), ken_burns=ken_burns, duration=duration, **fields)

    def background_video(self, path: File, duration: float | None = None, **fields: Any) -> VideoBuilder:
        """A scene that shows a video."""
        return self.scene(video=str(path), duration=duration, **fields)

    def background_colour(self, colour: str, duration: float | None = None, **fields: Any) -> VideoBuilder:
        """A scene that shows nothing but a colour."""
        return self.scene(colour=colour, duration=duration, **fields)

    def title(
        self, text: str, subtitle: str | None = None, duration: float | None = 3.0, **fields: Any
    ) -> VideoBuilder:
        """A scene that shows large text."""
        return self.scene(title=text, subtitle=subtitle, duration=duration, **fields)

    def say(self, text: str, **fields: Any) -> VideoBuilder:
        """Spoken in the last scene; before there is one, over the whole film."""
        return self._narrated({"text": text, **fields})

    def audio(self, path: File, *, words: Any = None, over_all: bool = True, **fields: Any) -> VideoBuilder:
        """A recording of what is spoken, over the whole film or in the last scene. `words` as for `captions`."""
        narration = {"file": str(path), **fields}
        made = self._with(narration=narration) if over_all else self._narrated(narration)
        return made if words is None else made.captions(words)

    def captions(self, words: Any = None, style: str = "highlight", **fields: Any) -> VideoBuilder:
        """What is said, in the picture.

        `words`: a file of subtitles or words; or words with `text`, `start` and `end` in seconds, as mappings or
        triples, or our own `Word`. Left out, the words of what is spoken.
        """
        given = {} if words is None else {"words": _words(words)}
        return self._with(captions={"style": style, **given, **fields})

    def music(self, path: File, volume: float = 0.3, **fields: Any) -> VideoBuilder:
        """Music under the whole film."""
        return self._with(music={"file": str(path), "volume": volume, **fields})

    def transition(self, name: str, seconds: float = 0.5) -> VideoBuilder:
        """How scenes follow each other."""
        return self._with(transition={"name": name, "seconds": seconds})

    def logo(self, path: File, **fields: Any) -> VideoBuilder:
        """A picture over the film."""
        return self.overlay(logo=str(path), **fields)

    def text(self, text: str, **fields: Any) -> VideoBuilder:
        """Text over the film."""
        return self.overlay(text=text, **fields)

    def progress_bar(self, **fields: Any) -> VideoBuilder:
        """A bar that grows with the film."""
        return self.overlay(progress=True, **fields)

    def overlay(self, **fields: Any) -> VideoBuilder:
        """Anything that stays over the pictures, with the fields that a storyboard's overlay has."""
        return self._with(overlays=[*self.rest.get("overlays", []), fields])

    def output(self, **fields: Any) -> VideoBuilder:
        """How the film is stored: codec, speed, crf, loudness."""
        return self._with(output={**self.rest.get("output", {}), **fields})

    def options(self, **fields: Any) -> VideoBuilder:
        """Anything else that a storyboard says of the whole film: fit, background, pause, voice, language."""
        return self._with(**fields)

    @property
    def storyboard(self) -> Storyboard:
        """What has been built, its files looked for from here. Raises InvalidParams, OpenFailed."""
        values = {"size": self.size, "rate": self.rate, "scenes": list(self.scenes), **self.rest}
        return boards.of(values, Path.cwd())

    def save(self, path: File) -> Path:
        """Write the storyboard down as YAML or JSON, by the suffix."""
        path = Path(path)
        text = boards.json_of if path.suffix.lower() == ".json" else boards.text_of
        path.write_text(text(self.storyboard, path.resolve().parent), "utf-8")
        return path

    def write(self, output: File, *, overwrite: bool = False, **params: Any) -> Done:
        """Make the film; `params` as for the compose operation. Raises CinemillError."""
        from cinemill.jobs import run as jobs
        from cinemill.jobs.events import Done as Finished
        from cinemill.surfaces import forms

        text = boards.json_of(self.storyboard)
        digest = hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
        path = settings().cache_dir / "storyboards" / f"{digest}.json"
        if not path.is_file():  # one that is there stays as it is, so that an interrupted film goes on
            path.parent.mkdir(parents=True, exist_ok=True)
            passing = path.with_suffix(f".{os.getpid()}.tmp")
            passing.write_text(text, "utf-8")
            passing.replace(path)
        request = forms.request("compose", [path], Path(output), params)
        last = deque(jobs.run(request, overwrite=overwrite), maxlen=1).pop()
        assert isinstance(last, Finished)
        return last

    def _with(self, **values: Any) -> VideoBuilder:
        return replace(self, rest={**self.rest, **values})

    def _narrated(self, narration: dict[str, Any]) -> VideoBuilder:
        if not self.scenes:
            return self._with(narration=narration)
        *before, last = self.scenes
        return replace(self, scenes=(*before, {**last, "narration": narration}))


def _words(words: Any) -> Any:
    if isinstance(words, str | Path):
        return str(words)
    if not isinstance(words, Sequence):
        raise InvalidParams("words are a file, or a list of words with text, start and end.")
    return [_word(word) for word in words]


def _word(word: Any) -> dict[str, Any]:
    if isinstance(word, Mapping):
        return {"text": word.get("text", word.get("word")), "start": word.get("start"), "end": word.get("end")}
    if isinstance(word, Word):  # its times are in ms
        return {"text": word.text, "start": word.start / 1000, "end": word.end / 1000}
    if isinstance(word, tuple | list) and len(word) == 3:
        return {"text": word[0], "start": word[1], "end": word[2]}
    raise InvalidParams(f"{word!r} is no word: it has a text, a start and an end.")
