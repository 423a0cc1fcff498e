"""Whisper's side. `load`: model (name or folder), device, compute_type, threads, download, folder. A run's `task`:

has         whether the model is here; nothing is fetched
speech      where somebody speaks, in ms, by Silero's model, which comes with faster-whisper
language    which language windows are in: [[code, probability], ...]
transcribe  what is said in windows; a piece for each: its number, language, segments, whether it was heard twice

A run's blob is samples (int16, 16 kHz), of which `windows` names stretches; `options` go to faster-whisper as they are.
Several windows at once are quicker and sometimes lose text: those that look it are heard again, one by one.
"""

import os
import sys
from itertools import pairwise
from pathlib import Path

# Last, because the folder of engines holds one that is called like the package it serves.
sys.path.append(str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("DO_NOT_TRACK", "1")

import ctranslate2
import faster_whisper
import guard
import numpy as np
import wire
from faster_whisper import vad

RATE = 16000
BLOCK = 600 * RATE
"""Samples in which speech is looked for at once."""


class Service(wire.Service):
    name = "whisper"

    def __init__(self):
        self.model = None
        self.pipeline = None

    def describe(self):
        return {
            "faster-whisper": faster_whisper.__version__,
            "ctranslate2": ctranslate2.__version__,
            "cuda": ctranslate2.get_cuda_device_count(),
        }

    def load(self, params):
        device = params["device"]
        if device == "auto":
            device = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
        try:
            self.model = faster_whisper.WhisperModel(
                params["model"],
                device=device,
                device_index=params["device_index"],
                compute_type=self.numbers(device, params["compute_type"]),
                cpu_threads=params["threads"],
                download_root=params["folder"],
                local_files_only=not params["download"],
            )
        except OSError as error:
            if type(error).__name__ != "LocalEntryNotFoundError":  # the hub's, which is faster-whisper's affair
                raise
            why = str(error).splitlines()[0]
            raise RuntimeError(f"the model {params['model']} cannot be fetched. {why}") from None
        self.pipeline = faster_whisper.BatchedInferencePipeline(self.model)

    def numbers(self, device, wanted):
        if wanted != "auto":
            return wanted
        return "float16" if device == "cuda" else "int8"

    def run(self, params, blobs, more):
        return getattr(self, params["task"])(params, blobs)

    def has(self, params, blobs):
        try:
            folder = Path(params["model"])
            known = {"local_files_only": True, "cache_dir": params["folder"]}
            here = folder.is_dir() or bool(faster_whisper.download_model(params["model"], **known))
        except Exception:
            here = False
        yield here, []

    def speech(self, params, blobs):
        samples = np.frombuffer(blobs[0], np.int16)
        given = {name: params[key] for name, key in (("threshold", "onset"), ("neg_threshold", "offset"))}
        options = vad.VadOptions(
            min_silence_duration_ms=300, speech_pad_ms=60, **{name: value for name, value in given.items() if value}
        )
        found = []
        for start in range(0, len(samples), BLOCK):
            block = samples[start : start + BLOCK].astype(np.float32) / 32768
            for one in vad.get_speech_timestamps(block, options):
                found.append([(start + one["start"]) * 1000 // RATE, (start + one["end"]) * 1000 // RATE])
        yield found, []

    def language(self, params, blobs):
        found = []
        for audio in self.audible(params, blobs):
            code, probability, _ = self.model.detect_language(audio)
            found.append([code, float(probability)])
        yield found, []

    def transcribe(self, params, blobs):
        windows = self.audible(params, blobs)
        batch = params["batch_size"]
        # The pipeline finds no other language within a batch, and a device may have too little memory for it.
        if batch > 1 and len(windows) > 1 and not params["options"].get("multilingual"):
            try:
                yield from list(self.together(windows, params, batch))
                return
            except RuntimeError as error:
                if "memory" not in str(error):
                    raise
                yield from self.transcribe({**params, "batch_size": batch // 2}, blobs)
                return
        for number, audio in enumerate(windows):
            segments, language = self.alone(audio, params)
            yield {"window": number, "segments": segments, "again": "", "language": language}, []

    def audible(self, params, blobs):
        samples = np.frombuffer(blobs[0], np.int16).astype(np.float32) / 32768
        return [samples[start:stop] for start, stop in params["windows"]]

    def alone(self, audio, params):
        heard, facts = self.model.transcribe(audio, **self.options(params))
        return [self.plain(one, 0.0, len(audio) / RATE) for one in heard], facts.language

    def together(self, windows, params, batch):
        edges = np.cumsum([0, *map(len, windows)]) / RATE
        clips = [{"start": float(a), "end": float(b)} for a, b in pairwise(edges)]
        options = self.options(params)
        options.pop("condition_on_previous_text", None)
        heard, _ = self.pipeline.transcribe(
            np.concatenate(windows), clip_timestamps=clips, batch_size=batch, without_timestamps=False, **options
        )
        shares = [[] for _ in windows]
        for one in heard:
            middle = (one.start + one.end) / 2
            number = int(np.clip(np.searchsorted(edges, middle, "right") - 1, 0, len(windows) - 1))
            shares[number].append(self.plain(one, float(edges[number]), len(windows[number]) / RATE))
        for number, (segments, audio) in enumerate(zip(shares, windows)):
            why = guard.suspect(segments, len(audio) / RATE)
            if why:
                segments, _ = self.alone(audio, params)
            yield {"window": number, "segments": segments, "again": why}, []

    def options(self, params):
        given = dict(params["options"])
        if given.pop("suppress_numerals", False):
            given["suppress_tokens"] = [*given["suppress_tokens"], *self.numerals()]
        return {"word_timestamps": True, "vad_filter": False, "condition_on_previous_text": False, **given}

    def numerals(self):
        """Tokens of digits and of signs that are written with them."""
        tokenizer = self.model.hf_tokenizer
        words = {token: tokenizer.decode([token]) for token in range(tokenizer.token_to_id("<|endoftext|>"))}
        return [token for token, word in words.items() if any(char in "0123456789%$£€" for char in word)]

    def plain(self, one, begins, seconds):
        """A segment as JSON, its times from the window's beginning and inside it: Whisper counts in whole 30 s."""

        def at(time):
            return round(min(max(float(time) - begins, 0.0), seconds), 3)

        return {
            "start": at(one.start),
            "end": at(one.end),
            "text": one.text,
            "avg_logprob": float(one.avg_logprob),
            "compression_ratio": float(one.compression_ratio),
            "no_speech_prob": float(one.no_speech_prob),
            "words": [[word.word, at(word.start), at(word.end), float(word.probability)] for word in one.words or ()],
        }


if __name__ == "__main__":
    wire.main_of(Service())
