"""Speech -> subtitles that a broadcaster would accept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from cinemill.catalogue import Field
from cinemill.errors import EngineError, InvalidParams, MissingResource, UnsupportedMedia
from cinemill.operations import Chunk, Decided, Offer, Operation, Request, operation, recognise, who_speaks
from cinemill.operations.convert_subtitles import FORMAT_NAMES, write
from cinemill.operations.cue_params import CueRules, picture, rules_of, with_speakers
from cinemill.operations.recognise import WhisperOptions, samples_of
from cinemill.operations.who_speaks import SpeakerOptions

if TYPE_CHECKING:
    from cinemill.media.cues.speakers import Turn
    from cinemill.media.cues.types import Cue, Transcript
    from cinemill.media.types import AudioTrack, MediaInfo

_SPEECH_MS = 300
"""Of a voice in the whole file; with less there is nothing to recognise."""
ALL = ("srt", "vtt", "txt", "tsv", "json")
"""What `output_format=all` writes, as Whisper does."""


class Subtitle(CueRules, SpeakerOptions, WhisperOptions):
    engine: Literal["auto", "pocketsphinx", "whisper", "whisperx"] = "auto"
    """Who listens. auto takes whisper where it and its model are here, else pocketsphinx, which always is."""
    track: int = Field(1, ge=1)
    """Which audio track, counted from 1."""
    output_format: Literal[FORMAT_NAMES, "all"] | None = None
    """Of the output. Left out, its suffix says it; a video's suffix puts the subtitles into a copy of the video. all
    writes srt, vtt, txt, tsv and json beside each other."""
    segment_resolution: Literal["rules", "sentence", "chunk"] = "rules"
    """Cues by the standard's rules, one for each sentence, or one for each stretch as it was heard."""
    diarize: bool = False
    """Tell speakers apart; a new speaker begins a new cue, or gets a dash."""
    turns: Path | None = Field(None, file="any")
    """RTTM file that says who speaks when, instead."""
    labels: bool = False
    """Name a speaker in brackets wherever the speaker changes."""
    highlight_words: Literal[True, False] = False
    """A cue for each word, with that word underlined, one after another."""
    karaoke: Literal["none", "word", "fill"] = "none"
    """In ASS: words light up one after another, or the colour runs through them."""
    find_cuts: bool = False
    """Look at the whole picture for cuts, and let cues come and go with them."""
    keep_doubtful: bool = False
    """Keep what was probably not said: words over silence, loops, credits."""
    align: bool = True
    """Put words on the clock once more, by --align-model or, with whisperx, the model of the language."""
    align_model: str | None = None
    """A CTC model as ONNX with its vocab.json beside it, by name or file; pocketsphinx, for English; with whisperx, a
    wav2vec2 model of the hub or a folder."""
    return_char_alignments: bool = False
    """In JSON, the time of every letter, as whisperX writes them: `chars` of a segment. Takes the engine whisperx, or
    a CTC model as --align-model."""
    interpolate_method: Literal["nearest", "linear", "ignore"] = "nearest"
    """How whisperx times the letters that it cannot align."""
    vad_method: Literal["levels", "silero", "pyannote", "none"] = "levels"
    """How speech is found before it is recognised: by the levels of the voice's band, by Silero (with whisper), by
    pyannote (with whisperx), or not at all."""
    vad_onset: float | None = Field(None, gt=0, lt=1)
    """How sure Silero or pyannote must be that speech begins."""
    vad_offset: float | None = Field(None, gt=0, lt=1)
    """How sure they must be that it goes on."""
    chunk_size: float | None = Field(None, ge=2, le=600, unit="s")
    """Longest stretch that is recognised at once, instead of the recogniser's own."""


class SubtitleDecided(Decided):
    engine: str
    language: str | None
    batch: int
    """Stretches that are recognised at once."""
    windows: tuple[tuple[int, int], ...]
    """Stretches that are recognised, in ms."""
    speech: tuple[tuple[int, int], ...]
    """Where a voice was found, in ms."""
    length: int = 0
    """Of the sound, in ms."""
    tells_speakers: bool = False
    """Whether the last chunk is who speaks when."""


@operation
class SubtitleOperation(Operation[Subtitle, SubtitleDecided]):
    """Recognise speech and make subtitles of it, with the time of every word, by a broadcaster's rules.

    The output's suffix says what it becomes: SRT, VTT, ASS, TTML, LRC, TSV, JSON, text, or a copy of the video with the
    subtitles in it.
    """

    name = "subtitle"
    topic = "Subtitles"
    params = Subtitle
    decided = SubtitleDecided
    inputs = ("audio",)
    called = "{input}"  # players look for subtitles under the film's name
    unit = "s"
    example = "cinemill subtitle interview.mp4 -o interview.srt"

    elsewhere: ClassVar[Mapping[str, str]] = {
        "fp16": "whisperX takes it and does nothing with it; --compute-type float16 reckons with such numbers.",
        "verbose": "--json tells programs what is done, and 2>/dev/null silences it.",
        "log-level": "--json tells programs what is done.",
        "print-progress": "progress is always told; --json tells it to programs.",
        "no-speech-filter": "--keep-doubtful keeps what was probably not said.",
        "speaker-embeddings": "`cinemill diarize -o turns.json` gives the vectors of voices.",
    }

    def suffix(self, request: Request[Subtitle]) -> str:
        from cinemill.media.cues.files import FORMATS

        name = request.params.output_format or "srt"
        suffixes = FORMATS["srt" if name == "all" else name].suffixes
        return suffixes[0] if suffixes else ".json"

    def reads(self, params: Subtitle) -> tuple[Path, ...]:
        return (*super().reads(params), *who_speaks.files_of(params))

    def offers(self, request: Request[Subtitle]) -> Iterator[Offer]:
        params = request.params
        if params.engine != "pocketsphinx":
            yield from recognise.offers(params, "whisper" if params.engine == "auto" else params.engine)
        if _tells_speakers(params):
            yield from who_speaks.offers(params)

    def decide(self, request: Request[Subtitle]) -> SubtitleDecided:
        from cinemill.measure import voice
        from cinemill.media import mono, read
        from cinemill.media.cues import files

        assert request.output
        params = request.params
        told = _into(request) if _goes_into(request) else ()
        if params.output_format is None and not _goes_into(request):
            files.of_path(request.output)
        who_speaks.check(params)
        recogniser = _recogniser(params)
        by = who_speaks.chosen(params) if _tells_speakers(params) else ""
        info = read.probe(request.inputs[0])
        track = read.sound_of(info, params.track - 1)
        levels = voice.levels(mono.mono(info, track))
        whole = [(0, 10 * len(levels))]
        speech = _speech(params, info, track, levels, recogniser)
        if sum(end - start for start, end in speech) < _SPEECH_MS:
            raise UnsupportedMedia(f"nobody speaks in {info.path}; --vad-method none listens all the same.")
        longest = min(recogniser.longest, round(params.chunk_size * 1000) if params.chunk_size else recogniser.longest)
        windows = recognise.windows(whole if params.vad_method == "pyannote" else speech, levels, longest)
        samples = [samples_of(info, track, window) for window in windows[:: -(-len(windows) // _ASKED)]]
        language = None if params.multilingual else params.language or recogniser.language(samples)
        said = (f"The language is {language}.",) if language and not params.language else ()
        telling = (f"{by} tells speakers apart.",) if by else ()
        return SubtitleDecided(
            notes=(recogniser.note, *said, *telling, *told),
            engine=recogniser.name,
            language=language,
            batch=recogniser.most,
            windows=tuple(windows),
            speech=tuple(speech),
            length=10 * len(levels),
            tells_speakers=bool(by),
        )

    def cut(self, request: Request[Subtitle], decided: SubtitleDecided, seconds: float) -> list[Chunk]:
        """Windows one after another until a chunk is full; `start` and `stop` count windows. Who speaks comes last."""
        chunks: list[Chunk] = []
        start, length = 0, 0
        for number, (begin, end) in enumerate(decided.windows, 1):
            length += end - begin
            full = length >= seconds * 1000 and number - start >= decided.batch
            if full or number == len(decided.windows):
                size = max(1, round(length / 1000))
                chunks.append(Chunk(index=len(chunks), start=start, stop=number, size=size))
                start, length = number, 0
        if decided.tells_speakers:
            chunks.append(Chunk(index=len(chunks), size=max(1, decided.length // 10_000)))
        return chunks

    def part(self, request: Request[Subtitle], decided: SubtitleDecided, chunk: Chunk, path: Path) -> Iterator[int]:
        from cinemill.media import read

        info = read.probe(request.inputs[0])
        track = read.sound_of(info, request.params.track - 1)
        if chunk.start is None:
            yield from _who_speaks(request.params, decided, chunk, info, track, path)
        else:
            yield from _what_is_said(request.params, decided, chunk, info, track, path)

    def join(
        self, request: Request[Subtitle], decided: SubtitleDecided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        from cinemill.media.cues import embedded, emphasis

        assert output
        assert request.output
        params = request.params
        transcript, _ = _joined(parts, decided, params)
        if not transcript.cues:
            raise UnsupportedMedia(f"no word was recognised in {request.inputs[0]}.")
        rate, size, video = _picture_of(request.inputs[0])
        _, cuts, looking = picture(video if params.find_cuts else None)
        for _ in looking:
            yield 0.5
        laid = _laid_out(transcript, params, params.frame_rate or rate, cuts)
        laid = emphasis.highlighted(laid) if params.highlight_words else laid
        if _goes_into(request):
            yield from embedded.with_track(request.inputs[0], laid, output, request.output)
        elif params.output_format == "all":
            for name in ALL[1:]:
                beside = request.output.with_suffix(_suffix_of(name))
                passing = output.with_name(f"{output.name}.{name}")
                write(laid, name, beside, passing, size, params.karaoke)
                passing.replace(beside)
            write(laid, ALL[0], request.output, output, size, params.karaoke)
        else:
            write(laid, params.output_format, request.output, output, size, params.karaoke)
        yield 1.0

    def result(self, request: Request[Subtitle], decided: SubtitleDecided, parts: Sequence[Path]) -> dict[str, Any]:
        assert request.output
        transcript, dropped = _joined(parts, decided, request.params)
        notes = [note for part in parts for note in json.loads(part.read_text("utf-8"))["notes"]]
        if dropped:
            lost = ", ".join(dict.fromkeys(f"{one.text!r} ({one.why})" for one in dropped[:4]))
            notes.append(f"{len(dropped)} times something was left out that was probably not said: {lost}.")
        beside = ALL[1:] if request.params.output_format == "all" else ()
        return {
            "words": sum(1 for _ in transcript.words()),
            "language": transcript.language,
            "duration": decided.length / 1000,
            "speakers": sorted({word.speaker for word in transcript.words() if word.speaker}),
            "engine": decided.engine,
            "notes": list(dict.fromkeys(notes)),
            "files": [str(request.output.with_suffix(_suffix_of(name)).resolve()) for name in beside],
        }


_ASKED = 3
"""Windows, spread over the file, that tell its language."""


def _suffix_of(name: str) -> str:
    from cinemill.media.cues.files import FORMATS

    return FORMATS[name].suffixes[0]


def _tells_speakers(params: Subtitle) -> bool:
    return params.diarize or (bool(params.speaker_samples) and params.turns is None)


def _goes_into(request: Request[Subtitle]) -> bool:
    """Whether the subtitles go into a copy of the video."""
    from cinemill.media.cues import embedded
    from cinemill.media.tracks import CONTAINERS

    assert request.output
    known = embedded.is_media(request.output) or request.output.suffix.lower() in CONTAINERS
    return known and request.params.output_format is None


def _into(request: Request[Subtitle]) -> tuple[str, ...]:
    """What becomes of the video's tracks in its copy. Raises OutputRefused."""
    from cinemill.media import read
    from cinemill.media.cues import embedded

    assert request.output
    return embedded.check(read.probe(request.inputs[0]), request.output)


def _speech(
    params: Subtitle, info: MediaInfo, track: AudioTrack, levels: Any, recogniser: recognise.Recogniser
) -> list[tuple[int, int]]:
    """Where somebody speaks, in ms."""
    from cinemill.measure import voice

    if params.vad_method == "none":
        return [(0, 10 * len(levels))]
    if params.vad_method == "silero" and isinstance(recogniser, recognise.Whisper):
        found: list[tuple[int, int]] = []
        for start in range(0, 10 * len(levels), _LOOKED_AT_MS):
            window = (start, min(start + _LOOKED_AT_MS, 10 * len(levels)))
            own = recogniser.speech(samples_of(info, track, window), params.vad_onset, params.vad_offset)
            found += [(start + begin, min(start + end, window[1])) for begin, end in own]
        return found
    return voice.regions(levels)


_LOOKED_AT_MS = 600_000
"""Sound that Silero looks at at once."""


def _what_is_said(
    params: Subtitle, decided: SubtitleDecided, chunk: Chunk, info: MediaInfo, track: AudioTrack, path: Path
) -> Iterator[int]:
    from cinemill.media.cues import files
    from cinemill.media.cues.types import Transcript

    recogniser = _recogniser(params, decided.engine)
    cues: list[Cue] = []
    notes: list[str] = []
    done = 0
    windows = decided.windows[chunk.start : chunk.stop]
    for at in range(0, len(windows), decided.batch):
        run = windows[at : at + decided.batch]
        samples = [samples_of(info, track, window) for window in run]
        for (start, stop), one, heard in zip(run, samples, recogniser.hear(samples, decided.language)):
            timed = recognise.aligned(heard, one, params, decided.engine) if params.align else heard
            cues += recognise.shifted(timed, start)
            notes += timed.notes
            done += stop - start
        yield min(chunk.size, done // 1000)
    record = {"notes": notes, "heard": files.written(Transcript(tuple(cues), decided.language), "json")}
    path.write_text(json.dumps(record), "utf-8")


def _who_speaks(
    params: Subtitle, decided: SubtitleDecided, chunk: Chunk, info: MediaInfo, track: AudioTrack, path: Path
) -> Iterator[int]:
    """What goes wrong here costs the speakers and nothing else."""
    told = who_speaks.Found(())
    try:
        for step in who_speaks.found(info, track, decided.speech, decided.length, params):
            if isinstance(step, who_speaks.Found):
                told = step
            else:
                yield min(chunk.size, chunk.size * step // max(1, decided.length))
    except (EngineError, MissingResource) as error:
        told = who_speaks.Found((), (f"speakers are not told apart: {error.sentence}",))
    path.write_text(json.dumps(told.record()), "utf-8")


def _recogniser(params: Subtitle, engine: str = "") -> recognise.Recogniser:
    """Who listens. Raises MissingEngine, MissingModel, InvalidParams for what it cannot do."""
    from cinemill.engines import engines
    from cinemill.engines.install import command, is_installed

    name = engine or params.engine
    if name == "auto":
        name = "whisper" if is_installed(engines.get("whisper")) and _hears(params) else "pocketsphinx"
    _refuse_others(params, name)
    if name == "pocketsphinx":
        _refuse_what_is_whispers(params)
        return recognise.PocketSphinx()
    command(engines.get(name))
    if name == "whisper":
        return recognise.Whisper(params).ready()
    aligning: dict[str, Any] = {"model": params.align_model, "folder": None, "interpolate": params.interpolate_method}
    own = {"vad_onset": params.vad_onset or 0.5, "vad_offset": params.vad_offset or 0.363}
    asked = own | {"chunk_size": round(params.chunk_size or 30)} if params.vad_method == "pyannote" else None
    aligning["letters"] = params.return_char_alignments
    return recognise.WhisperX(params, aligning if params.align else None, asked).ready()


def _hears(params: Subtitle) -> bool:
    """Whether Whisper has a model, or is asked for one: else what always works is better than an error."""
    from cinemill.engines.whisper import SIZES_MB

    named = params.model != "auto" or params.task == "translate" or params.language not in (None, "en")
    listener = recognise.Whisper(params)
    return bool(named or params.may_fetch or listener.called not in SIZES_MB or listener.is_here())


def _refuse_others(params: Subtitle, engine: str) -> None:
    """Raises InvalidParams for what only another engine does."""
    only = {"silero": "whisper", "pyannote": "whisperx"}.get(params.vad_method, engine)
    if only != engine:
        raise InvalidParams(f"vad-method={params.vad_method} takes the engine {only}.")
    if params.vad_method in ("levels", "none") and (params.vad_onset or params.vad_offset):
        raise InvalidParams("vad-onset and vad-offset are for vad-method silero or pyannote.")
    by_letters = params.align and (engine == "whisperx" or params.align_model not in (None, "pocketsphinx"))
    if params.return_char_alignments and not (by_letters and params.task == "transcribe"):
        raise InvalidParams(
            "return-char-alignments takes the engine whisperx or a CTC model as --align-model, which hear letters."
        )
    if params.interpolate_method != "nearest" and engine != "whisperx":
        raise InvalidParams(f"interpolate-method={params.interpolate_method} takes the engine whisperx.")


def _refuse_what_is_whispers(params: Subtitle) -> None:
    from cinemill.media.cues.rules import primary

    if params.task == "translate":
        raise InvalidParams("pocketsphinx does not translate; that takes the engine whisper.")
    if params.language and primary(params.language) != "en":
        raise InvalidParams(f"pocketsphinx knows English only, not {params.language}; that takes the engine whisper.")
    for name, field in recognise.WhisperOptions.model_fields.items():
        value = getattr(params, name)
        if value != field.default and name not in ("hf_token", "model_cache_only", "device"):
            raise InvalidParams(f"{name.replace('_', '-')}={value} is the engine whisper's; pocketsphinx has no such.")


def _joined(parts: Sequence[Path], decided: SubtitleDecided, params: Subtitle) -> tuple[Transcript, Sequence[Any]]:
    """What was heard and who said it, and what of it is not believed."""
    from cinemill.media.cues import doubt
    from cinemill.media.cues.packed import packed
    from cinemill.media.cues.speakers import assigned
    from cinemill.media.cues.types import Transcript

    turns: list[Turn] = []
    language = "en" if params.task == "translate" else params.language or decided.language
    whole = Transcript(packed(_heard_in(parts, turns)), language)
    dropped: Sequence[Any] = ()
    if not params.keep_doubtful:
        # Times that an aligner gave say nothing about whether a word was said.
        heard_there = decided.engine != "whisperx" and not params.align_model and params.vad_method != "none"
        speech = decided.speech if heard_there else None
        whole, dropped = doubt.without_doubtful(whole, speech)
    if params.turns:
        return with_speakers(whole, params.turns), dropped
    return (assigned(whole, turns) if turns else whole), dropped


def _heard_in(parts: Sequence[Path], turns: list[Turn]) -> Iterator[Cue]:
    """The cues of one part after another: hours of them are never whole. Who speaks goes to `turns`."""
    from cinemill.media.cues import files
    from cinemill.media.cues.speakers import Turn

    reader = files.FORMATS["json"].read
    assert reader
    for part in parts:
        record = json.loads(part.read_text("utf-8"))
        turns += [Turn(*one) for one in record.get("turns", ())]
        if "heard" in record:
            yield from reader(record["heard"]).cues


def _laid_out(transcript: Transcript, params: Subtitle, rate: Fraction | None, cuts: Sequence[int]) -> Transcript:
    from cinemill.media.cues import layout, sentences

    if params.segment_resolution == "chunk":
        return replace(transcript, frame_rate=rate)
    if params.segment_resolution == "sentence":
        return replace(sentences.parted(transcript), frame_rate=rate)
    rules = rules_of(params, transcript.language)
    return layout.lay_out(transcript, rules, frame_rate=rate, cuts=cuts, labels=params.labels)


def _picture_of(path: Path) -> tuple[Fraction | None, tuple[int, int], Path | None]:
    """Frame rate and size of the picture, and the file again, if it has any."""
    from cinemill.media import read

    video = read.probe(path).video
    return (video.frame_rate, (video.width, video.height), path) if video else (None, (1920, 1080), None)
