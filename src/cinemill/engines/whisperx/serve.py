"""whisperX's side. `load`: model, device, compute_type, threads, download, folder, options, vad. A run's `task`:

has         whether the model is here; nothing is fetched
language    which language windows are in: [[code, probability], ...]
transcribe  what is said in windows; a piece for each: its number, language, segments with words, notes
turns       who speaks when in the whole sound

A run's blob is samples (int16, 16 kHz), of which `windows` names stretches. Only whisperX's public functions are used:
load_model, its pipeline's transcribe, load_align_model, align, DiarizationPipeline. Speech has been found before, and
whisperX is told where, unless `vad` asks for its own (pyannote's, whose weights come with it).
"""

import os
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

# Only for ours: the folder of engines holds some that are called like the packages they serve.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import torch_here
import wire

del sys.path[0]
for name, value in {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "PYANNOTE_METRICS_ENABLED": "0",
    "TOKENIZERS_PARALLELISM": "false",
}.items():
    os.environ.setdefault(name, value)

torch_here.ready()

import faster_whisper
import nltk
import numpy as np
import torch
import torchaudio
import whisperx
from whisperx import alignment, asr
from whisperx import diarize as speakers
from whisperx.utils import PUNKT_LANGUAGES
from whisperx.vads import Vad

RATE = 16000
ABBREVIATIONS = "dr\nmr\nmrs\nms\nprof\nst\nvs\ne.g\ni.e\na.m\np.m\nu.s\n"


class Told(Vad):
    """Speech that was found before, in seconds."""

    def __init__(self):
        self.spans = []

    def __call__(self, audio, **rest):
        return self.spans

    @staticmethod
    def preprocess_audio(audio):
        return audio

    @staticmethod
    def merge_chunks(segments, chunk_size, onset, offset):
        return segments


class Service(wire.Service):
    name = "whisperx"

    def __init__(self):
        self.told = Told()
        self.pipeline = self.loaded = None
        self.aligner = {}
        split_sentences()

    def describe(self):
        from importlib.metadata import version

        return {name: version(name) for name in ("whisperx", "torch", "pyannote-audio")} | {"cuda": torch_here.cuda()}

    def load(self, params):
        device = torch_here.device(params["device"])
        numbers = params["compute_type"]
        if numbers == "auto":
            numbers = "float16" if device == "cuda" else "int8"
        vad = params["vad"]
        how = {"vad_model": self.told} if vad is None else {"vad_method": "pyannote", "vad_options": vad}
        self.pipeline = asr.load_model(
            params["model"],
            device,
            device_index=params["device_index"],
            compute_type=numbers,
            asr_options=params["options"],
            download_root=params["folder"],
            local_files_only=not params["download"],
            threads=params["threads"],
            use_auth_token=os.environ.get("HF_TOKEN"),
            **how,
        )
        self.loaded = {**params, "device": device}
        self.aligner = {}

    def run(self, params, blobs, more):
        return getattr(self, params["task"])(params, blobs)

    def has(self, params, blobs):
        try:
            known = {"local_files_only": True, "cache_dir": params["folder"]}
            here = Path(params["model"]).is_dir() or bool(faster_whisper.download_model(params["model"], **known))
        except Exception:
            here = False
        yield here, []

    def language(self, params, blobs):
        found = []
        for audio in audible(params, blobs):
            code, probability, _ = self.pipeline.model.detect_language(audio)
            found.append([code, float(probability)])
        yield found, []

    def transcribe(self, params, blobs):
        windows = audible(params, blobs)
        if self.loaded["vad"] is None:
            heard = self.together(windows, params)
        else:
            heard = [self.own_way(audio, params) for audio in windows]
        for number, (audio, (language, segments)) in enumerate(zip(windows, heard)):
            notes = []
            if params["align"] and segments:
                segments, notes = self.aligned(audio, segments, language, params["align"])
            plain = [self.plain(one, language, len(audio) / RATE) for one in segments]
            yield {"window": number, "language": language, "segments": plain, "notes": notes}, []

    def together(self, windows, params):
        """All windows in batches: one segment of text for each."""
        edges = [float(edge) for edge in np.cumsum([0, *map(len, windows)]) / RATE]
        self.told.spans = [{"start": a, "end": b, "segments": [(a, b)]} for a, b in pairwise(edges)]
        language = params["language"] or (self.pipeline.detect_language(windows[0]) if windows else "en")
        said = self.heard(np.concatenate(windows), language, params)
        for audio, one in zip(windows, said):
            text = one["text"].strip()
            yield language, [{"start": 0.0, "end": len(audio) / RATE, "text": text}] if text else []

    def own_way(self, audio, params):
        try:
            said = self.heard(audio, params["language"], params)
        except IndexError:  # nobody speaks, which pyannote's pipeline does not expect
            return params["language"] or "en", []
        return self.said, [one for one in said if one["text"].strip()]

    def heard(self, audio, language, params):
        found = self.pipeline.transcribe(
            audio, batch_size=params["batch_size"], language=language, task=params["translate"]
        )
        self.said = found["language"]
        return found["segments"]

    def aligned(self, audio, segments, language, asked):
        """Segments with words on the clock, or as they were with a sentence why not."""
        try:
            model, facts = self.aligner_of(language, asked)
            found = alignment.align(
                segments,
                model,
                facts,
                audio,
                self.loaded["device"],
                interpolate_method=asked["interpolate"],
                return_char_alignments=asked.get("letters", False),
            )
            return found["segments"], []
        except Exception as error:
            return segments, [f"words of {language} are not aligned, only spread: {str(error).splitlines()[0]}"]

    def aligner_of(self, language, asked):
        if language not in self.aligner:
            name, folder = asked["model"], asked["folder"] or self.loaded["folder"]
            fetched = self.loaded["download"]
            bundle = alignment.DEFAULT_ALIGN_MODELS_TORCH.get(language) if name is None else name
            if bundle in torchaudio.pipelines.__all__ and not fetched:
                place = Path(folder or Path(torch.hub.get_dir()) / "checkpoints")
                file = place / getattr(torchaudio.pipelines, bundle)._path
                if not file.is_file():
                    raise FileNotFoundError(f"{file.name} is not here; --download fetches it")
            self.aligner = {
                language: alignment.load_align_model(
                    language, self.loaded["device"], model_name=name, model_dir=folder, model_cache_only=not fetched
                )
            }
        return self.aligner[language]

    def plain(self, one, language, seconds):
        """A segment as JSON; words as (text with the blank before it, start, end, score), None where not aligned."""
        blank = "" if language in alignment.LANGUAGES_WITHOUT_SPACES else " "

        def at(time):
            return None if number(time) is None else round(min(max(float(time), 0.0), seconds), 3)

        words = [
            [blank + word["word"].strip(), at(word.get("start")), at(word.get("end")), number(word.get("score"))]
            for word in one.get("words") or spread(one, blank)
        ]
        letters = [
            [char["char"], at(char.get("start")), at(char.get("end")), number(char.get("score"))]
            for char in one.get("chars") or ()
        ]
        found = {"start": at(one["start"]), "end": at(one["end"]), "text": one["text"], "words": words}
        return {**found, "letters": letters}

    def turns(self, params, blobs):
        if params["offline"]:
            os.environ["HF_HUB_OFFLINE"] = "1"
        audio = np.frombuffer(blobs[0], np.int16).astype(np.float32) / 32768
        token = os.environ.get("HF_TOKEN")
        pipeline = speakers.DiarizationPipeline(params["model"], token=token, device=torch_here.device("auto"))
        turns, voices = pipeline(audio, min_speakers=params["min"], max_speakers=params["max"], return_embeddings=True)
        rows = turns[["start", "end", "speaker"]].itertuples(index=False)
        found = [[round(1000 * row.start), round(1000 * row.end), row.speaker] for row in rows]
        yield {"turns": found, "voices": voices}, []


def number(value):
    """A number that is one; whisperX's tables have holes."""
    return None if value is None or value != value else float(value)


def spread(one, blank):
    """Words that nobody aligned: their text alone."""
    return [{"word": word} for word in (one["text"].split() if blank else one["text"].strip())]


def audible(params, blobs):
    samples = np.frombuffer(blobs[0], np.int16).astype(np.float32) / 32768
    return [samples[start:stop] for start, stop in params["windows"]]


def split_sentences():
    """Tables for NLTK's sentence splitter where none are installed: whisperX would fetch them, asked or not."""
    folder = Path(tempfile.mkdtemp(prefix="cinemill-punkt-"))
    for language in {*PUNKT_LANGUAGES.values(), "english"}:
        place = folder / "tokenizers" / "punkt_tab" / language
        place.mkdir(parents=True)
        (place / "abbrev_types.txt").write_text(ABBREVIATIONS)
        for empty in ("collocations.tab", "sent_starters.txt", "ortho_context.tab"):
            (place / empty).write_text("")
    nltk.data.path.append(str(folder))


if __name__ == "__main__":
    whisperx.setup_logging("warning")
    wire.main_of(Service())
