"""Sound -> who speaks when, by voices alone; and whose voices these are, by samples of those that are known."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from cinemill.catalogue import Field, Params
from cinemill.errors import InvalidParams, OpenFailed
from cinemill.operations import Offer

if TYPE_CHECKING:
    from cinemill.measure.voices import Span, Vectors
    from cinemill.media.cues.speakers import Turn
    from cinemill.media.types import AudioTrack, MediaInfo

SEGMENTATION, VOICEPRINTS = "speakers-segmentation", "speakers-wespeaker"
"""Models of the registry: who speaks in ten seconds, and vectors of voices."""


class Sample(BaseModel):
    """A file or an address with the voice of somebody, and who that is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = ""
    url: str

    @model_validator(mode="before")
    @classmethod
    def _told(cls, value: Any) -> Any:
        if isinstance(value, str | Path):
            return {"url": str(value)}
        if isinstance(value, dict):
            place = next((value[key] for key in ("url", "path", "file") if value.get(key)), None)
            return {"url": str(place), "name": str(value.get("name") or "")} if place else value
        return value

    @property
    def who(self) -> str:
        """By the name that was given, else `?name=`, else what follows `#`, else the file's stem."""
        parts = urlsplit(self.url)
        asked = parse_qs(parts.query).get("name", [""])[0]
        return self.name or asked or unquote(parts.fragment) or Path(unquote(parts.path)).stem

    @property
    def is_address(self) -> bool:
        return urlsplit(self.url).scheme in ("http", "https")

    @property
    def place(self) -> str:
        """The file or address without what only says the name."""
        if self.is_address:
            return urlsplit(self.url)._replace(fragment="").geturl()
        return self.url if Path(self.url).exists() else self.url.partition("#")[0].partition("?")[0]


def _listed(value: Any) -> Any:
    """Samples from text: JSON, a folder, or files and addresses with commas between them."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith(("[", "{")):
        try:
            given = json.loads(value)
        except json.JSONDecodeError as error:
            raise ValueError(f"it is not JSON ({error})") from None
        return given if isinstance(given, list) else [given]
    if Path(value).is_dir():
        return [file for file in sorted(Path(value).iterdir()) if file.is_file() and not file.name.startswith(".")]
    return [one.strip() for one in value.split(",") if one.strip()]


Samples = Annotated[tuple[Sample, ...], BeforeValidator(_listed)]


class SpeakerOptions(Params):
    """Speakers."""

    voices: Literal["auto", "onnx", "resemblyzer", "speechbrain", "pyannote", "whisperx"] = "auto"
    """Who tells voices apart. auto takes the ONNX models where they are, else resemblyzer; no token is needed.
    pyannote and whisperx fetch their model with HF_TOKEN."""
    min_speakers: int | None = Field(None, ge=1, le=50)
    """Fewest that speak."""
    max_speakers: int | None = Field(None, ge=1, le=50)
    """Most that speak."""
    num_speakers: int | None = Field(None, ge=1, le=50)
    """How many speak, if that is known."""
    speaker_samples: Samples | None = None
    """Voices that are known: files or addresses with commas, a folder, or JSON with name and url. Who it is says the
    name, ?name=, #name, or the file's stem."""
    speaker_threshold: float | None = Field(None, ge=-1, le=1)
    """How alike a voice must be to be one that is known; left out, what suits the model. Others are unknown."""
    voice_model: Path | None = Field(None, file="weights")
    """An ONNX model of voices (80 mel bands in, a vector out), instead of the registry's."""
    segmentation_model: Path | None = Field(None, file="weights")
    """An ONNX model that hears who of three speaks in ten seconds, instead of the registry's."""
    diarize_model: str | None = None
    """Model of pyannote or whisperx: a name on the hub, or a folder."""


@dataclass(frozen=True)
class Found:
    """Who speaks when; `sentences` for people about what was found."""

    turns: tuple[Turn, ...]
    sentences: tuple[str, ...] = ()
    voices: dict[str, Vectors] | None = None
    """A vector for each speaker, where the engine gives any."""

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "turns": [[one.start, one.end, one.speaker] for one in self.turns],
            "notes": list(self.sentences),
            "speaker_embeddings": {name: [round(float(x), 6) for x in v] for name, v in (self.voices or {}).items()},
        }


class Voices(Protocol):
    """Vectors of voices. Two groups of one speaker are `alike` at least; a sample and its speaker are `same`."""

    name: str
    alike: float
    same: float

    def key(self) -> str:
        """What vectors depend on beside the sound."""
        ...

    def heard(self, samples: Any, spans: Sequence[Span]) -> Vectors:
        """A vector of length 1 for each span of samples (int16, 16 kHz)."""
        ...


class Resemblyzer:
    """In its own environment; raises MissingEngine when it is made."""

    name = "resemblyzer"
    # Measured on a conversation and on synthetic voices: groups of one speaker join above 0.71, of two below 0.67.
    alike, same = 0.69, 0.76

    def __init__(self) -> None:
        from cinemill.engines import engines, install

        install.command(engines.get(self.name))

    def key(self) -> str:
        from cinemill.engines import engines, install

        return install.environment(engines.get(self.name)).name

    def heard(self, samples: Any, spans: Sequence[Span]) -> Vectors:
        from cinemill.engines import install

        return _vectors(install.warm(self.name).run({"spans": list(spans)}, [samples], deadline=_patience(samples)))


class SpeechBrain(Resemblyzer):
    """ECAPA-TDNN through speechbrain."""

    name = "speechbrain"
    alike, same = 0.35, 0.25  # the second is speechbrain's own

    def heard(self, samples: Any, spans: Sequence[Span]) -> Vectors:
        from cinemill.engines import install

        host = install.warm(self.name)
        host.load({"model": _stored("ecapa-voxceleb") or "speechbrain/spkrec-ecapa-voxceleb"}, 600)
        return _vectors(host.run({"spans": list(spans)}, [samples], deadline=_patience(samples)))


class Onnx:
    """WeSpeaker's ResNet, or any of its kind, here."""

    name = "onnx"
    alike, same = 0.5, 0.5

    def __init__(self, model: Path) -> None:
        self.model = model

    def key(self) -> str:
        from cinemill.models import sessions

        return sessions.digest(str(self.model))

    def heard(self, samples: Any, spans: Sequence[Span]) -> Vectors:
        from cinemill.measure import voiceprints

        return voiceprints.heard(samples, spans, self.model)


def _vectors(answer: Iterator[Any]) -> Vectors:
    import numpy as np

    ((facts, (blob,)),) = answer
    return np.frombuffer(blob, np.float32).reshape(-1, facts["size"])


def _patience(samples: Any) -> float:
    return 300.0 + 10.0 * len(samples) / 16_000


def _stored(name: str) -> str | None:
    """The folder of a model of the registry, if it is here."""
    from cinemill.models import registry, store

    model = registry.find(name)
    return str(store.place(model)) if store.is_here(model) else None


def chosen(options: SpeakerOptions) -> Literal["onnx", "resemblyzer", "speechbrain", "pyannote", "whisperx"]:
    """Which one tells voices apart. Raises MissingEngine, MissingModel."""
    from cinemill.engines import engines
    from cinemill.engines.install import command
    from cinemill.models import store

    name = options.voices
    if name == "auto":
        name = "onnx" if options.voice_model or _stored(VOICEPRINTS) else "resemblyzer"
    if name == "onnx" and not options.voice_model:
        store.path(VOICEPRINTS)
    if name != "onnx":
        command(engines.get(name))
    return name


def offers(options: SpeakerOptions) -> Iterator[Offer]:
    """The engine that tells voices apart, where none is here."""
    from cinemill.engines import engines
    from cinemill.engines.install import install, is_installed

    name = options.voices
    if name == "onnx" or (name == "auto" and (options.voice_model or _stored(VOICEPRINTS))):
        return
    engine = engines.get("resemblyzer" if name == "auto" else name)
    if not is_installed(engine):
        told = f"To tell speakers apart takes the engine {engine.name}, {engine.size_mb} MB."
        yield Offer(engine.name, told, lambda: install(engine))


def voices_of(options: SpeakerOptions) -> Voices:
    """Vectors of voices; beside pyannote and whisperx, which have their own, whatever else is here."""
    from cinemill.models import store

    name = chosen(options)
    if name in ("pyannote", "whisperx"):
        name = chosen(options.model_copy(update={"voices": "auto"}))
    if name == "onnx":
        return Onnx(options.voice_model or store.path(VOICEPRINTS))
    return SpeechBrain() if name == "speechbrain" else Resemblyzer()


def files_of(options: SpeakerOptions) -> tuple[Path, ...]:
    """Samples that are files: what is in them decides who is who."""
    return tuple(Path(one.place) for one in options.speaker_samples or () if not one.is_address)


def check(options: SpeakerOptions) -> None:
    """Raises InvalidParams for bounds that cross and samples without a name."""
    least, most = bounds(options)
    if most is not None and least > most:
        raise InvalidParams(f"at least {least} and at most {most} speakers cannot both be.")
    for one in options.speaker_samples or ():
        if not one.who:
            raise InvalidParams(f"whose voice {one.url} is says neither a name, ?name=, #name nor the file's name.")


def bounds(options: SpeakerOptions) -> tuple[int, int | None]:
    """Fewest and most speakers."""
    if options.num_speakers:
        return options.num_speakers, options.num_speakers
    return options.min_speakers or 1, options.max_speakers


_BLOCK_MS = 60_000
"""Sound that is held at once."""


def found(
    info: MediaInfo, track: AudioTrack, speech: Sequence[Span], length_ms: int, options: SpeakerOptions
) -> Iterator[int | Found]:
    """Who speaks when: ms that are done as it goes, and at last what was found. Raises CinemillError."""
    name = chosen(options)
    if name in ("pyannote", "whisperx"):
        told = _by_engine(name, info, track, options)
        yield length_ms
    elif name == "onnx" and (model := options.segmentation_model or _segmentation()):
        told = yield from _by_segments(model, info, track, length_ms, options)
    else:
        told = yield from _by_stretches(info, track, speech, options)
    yield named(told, info, track, options) if options.speaker_samples else told


def _segmentation() -> Path | None:
    from cinemill.models import store

    return store.path(SEGMENTATION) if _stored(SEGMENTATION) else None


def _by_stretches(info: MediaInfo, track: AudioTrack, speech: Sequence[Span], options: SpeakerOptions) -> Iterator[Any]:
    """By a vector for each stretch of speech."""
    import numpy as np

    from cinemill.measure import voices
    from cinemill.operations.recognise import samples_of

    source = voices_of(options)
    parts = voices.stretches(speech)
    vectors: list[Vectors] = []
    at = 0
    while at < len(parts):
        start = parts[at].heard[0]
        stop = next((n for n in range(at, len(parts)) if parts[n].heard[1] > start + _BLOCK_MS), len(parts))
        run = parts[at : max(stop, at + 1)]
        samples = samples_of(info, track, (start, run[-1].heard[1]))
        spans = [(16 * (part.heard[0] - start), 16 * (part.heard[1] - start)) for part in run]
        vectors.append(source.heard(samples, spans))
        at += len(run)
        yield run[-1].own[1]
    whole = np.concatenate(vectors) if vectors else np.zeros((0, 1), np.float32)
    turns, known = voices.turns(parts, whole, source.alike, *bounds(options))
    return Found(tuple(turns), (_counted(turns, source.name),), known)


def _by_segments(
    model: Path, info: MediaInfo, track: AudioTrack, length_ms: int, options: SpeakerOptions
) -> Iterator[Any]:
    """By who speaks in each ten seconds, and the voice of each of them there."""
    import numpy as np

    from cinemill.measure import segmentation, voices
    from cinemill.media import mono

    source = voices_of(options)
    heard: list[segmentation.Local] = []
    owners: list[tuple[int, int]] = []
    vectors: list[Vectors] = []
    lengths: list[int] = []
    for one in segmentation.local(mono.mono(info, track), model):
        for speaker in range(segmentation.SPEAKERS):
            own = one.alone(speaker)
            if len(own):
                owners.append((len(heard), speaker))
                vectors.append(source.heard(own, [(0, len(own))]))
                lengths.append(len(own) // 16)
        heard.append(replace(one, samples=one.samples[:0]))
        yield min(length_ms, one.start + 1000 * segmentation.HOP_SECONDS)
    if not vectors:
        return Found((), (_counted((), source.name),))
    whole = np.concatenate(vectors)
    groups = voices.grouped(whole, source.alike, *bounds(options), lengths)
    numbers: list[dict[int, int]] = [{} for _ in heard]
    for (at, speaker), group in zip(owners, groups):
        numbers[at][speaker] = int(group)
    sure = segmentation.together(heard, numbers, length_ms)
    turns = segmentation.turns(sure)
    known = {f"speaker {n + 1}": voices.middle(whole[groups == n]) for n in range(len(sure))}
    return Found(*_in_order(turns, known, source.name))


def _in_order(
    turns: Sequence[Turn], known: dict[str, Vectors], by: str
) -> tuple[tuple[Turn, ...], tuple[str, ...], dict[str, Vectors]]:
    """Speakers counted in the order in which they are heard."""
    order = dict.fromkeys(turn.speaker for turn in sorted(turns, key=lambda turn: turn.start))
    names = {old: f"speaker {place}" for place, old in enumerate(order, 1)}
    done = tuple(replace(turn, speaker=names[turn.speaker]) for turn in turns)
    return done, (_counted(done, by),), {names[old]: known[old] for old in order if old in known}


def _by_engine(name: str, info: MediaInfo, track: AudioTrack, options: SpeakerOptions) -> Found:
    """By pyannote's pipeline, which takes the whole sound."""
    import numpy as np

    from cinemill.engines import install
    from cinemill.media import mono
    from cinemill.media.cues.speakers import Turn
    from cinemill.models import download

    blocks = list(mono.mono(info, track))
    samples = np.concatenate(blocks) if blocks else np.zeros(0, np.int16)
    model = options.diarize_model or _stored("pyannote-community-1") or "pyannote/speaker-diarization-community-1"
    least, most = bounds(options)
    asked = {"task": "turns", "model": model, "offline": download.is_offline(), "min": least, "max": most}
    ((found, _),) = install.warm(name).run(asked, [samples], deadline=1800 + 20 * len(samples) / 16_000)
    turns = [Turn(start, end, who) for start, end, who in found["turns"]]
    known = {who: np.asarray(vector, np.float32) for who, vector in (found["voices"] or {}).items()}
    return Found(*_in_order(turns, known, name))


def _counted(turns: Sequence[Turn], by: str) -> str:
    count = len({turn.speaker for turn in turns})
    return f"{count or 'no'} speaker{'' if count == 1 else 's'} by {by}."


_HEARD_MS = 30_000
"""Of a speaker's turns, the longest first, that tell whose voice it is."""


def named(told: Found, info: MediaInfo, track: AudioTrack, options: SpeakerOptions) -> Found:
    """Speakers by the names of the samples that they sound like; others are unknown."""
    from cinemill.measure import voices
    from cinemill.operations.recognise import samples_of

    source = voices_of(options)
    threshold = source.same if options.speaker_threshold is None else options.speaker_threshold
    known = enrolled(options, source)
    names: dict[str, str] = {}
    sentences: list[str] = []
    for speaker in dict.fromkeys(turn.speaker for turn in told.turns):
        own = sorted((t for t in told.turns if t.speaker == speaker), key=lambda turn: turn.start - turn.end)
        vectors: list[Vectors] = []
        spoken = 0
        for turn in own:
            if spoken < _HEARD_MS:
                samples = samples_of(info, track, (turn.start, turn.end))
                vectors.append(source.heard(samples, [(0, len(samples))])[0] * (turn.end - turn.start))
                spoken += turn.end - turn.start
        who, close = voices.matched(voices.middle(_stacked(vectors)), known, threshold)
        names[speaker] = who or ""
        near = f"{who} ({close:.2f})" if who else f"nobody that is known (nearest {close:.2f}, {threshold:g} is needed)"
        sentences.append(f"{speaker} is {near}.")
    strangers = [speaker for speaker, who in names.items() if not who]
    for place, speaker in enumerate(strangers, 1):
        names[speaker] = "unknown" if len(strangers) == 1 else f"unknown {place}"
    turns = tuple(replace(turn, speaker=names[turn.speaker]) for turn in told.turns)
    vectors_of = {names[speaker]: vector for speaker, vector in (told.voices or {}).items() if speaker in names}
    return Found(turns, (*told.sentences, *sentences), vectors_of)


def _stacked(vectors: Sequence[Vectors]) -> Vectors:
    import numpy as np

    return np.stack(vectors)


def enrolled(options: SpeakerOptions, source: Voices) -> dict[str, Vectors]:
    """The voice of everybody who is known, by name. Raises OpenFailed, DownloadFailed, InvalidParams."""
    from cinemill.measure import voices

    own: dict[str, list[Vectors]] = {}
    for one in options.speaker_samples or ():
        own.setdefault(one.who, []).append(_voice(_file(one), source))
    return {name: voices.middle(_stacked(vectors)) for name, vectors in own.items()}


def _file(one: Sample) -> Path:
    """The sample's file, fetched first if it is an address. Raises OpenFailed, DownloadFailed."""
    from cinemill.models import download
    from cinemill.settings import settings

    if not one.is_address:
        path = Path(one.place)
        if not path.is_file():
            raise OpenFailed(f"{path}, the voice of {one.who}, is not there.")
        return path
    key = hashlib.blake2b(one.place.encode(), digest_size=16).hexdigest()
    path = settings().cache_dir / "voices" / f"{key}{Path(urlsplit(one.place).path).suffix[:8]}"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        download.fetch(one.place, part, is_checked=False)
        part.replace(path)
    return path


def _voice(path: Path, source: Voices) -> Vectors:
    """The voice in a file, kept by what is in the file and what heard it. Raises MediaError, InvalidParams."""
    import numpy as np

    from cinemill.measure import voice, voices
    from cinemill.media import mono, read
    from cinemill.settings import settings

    with path.open("rb") as file:
        content = hashlib.file_digest(file, "blake2b").hexdigest()[:32]
    heard_by = hashlib.blake2b(f"{source.name} {source.key()}".encode(), digest_size=8).hexdigest()
    kept = settings().cache_dir / "voices" / f"{content}-{heard_by}.npy"
    if kept.is_file():
        return np.load(kept)
    info = read.probe(path)
    samples = np.concatenate(list(mono.mono(info, read.sound_of(info, 0), 0, _MOST_SAMPLE * mono.RATE)))
    regions = voice.regions(voice.levels([samples]))
    if not regions:
        raise InvalidParams(f"nobody speaks in {path}, which was to be somebody's voice.")
    vectors = source.heard(samples, [(16 * start, 16 * end) for start, end in regions])
    weights = np.array([end - start for start, end in regions], np.float32)[:, None]
    vector = voices.middle(vectors * weights)
    kept.parent.mkdir(parents=True, exist_ok=True)
    passing = kept.with_suffix(".tmp.npy")
    np.save(passing, vector)
    passing.replace(kept)
    return vector


_MOST_SAMPLE = 120
"""Seconds of a sample that are heard."""
