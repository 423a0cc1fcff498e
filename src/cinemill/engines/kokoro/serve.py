"""Kokoro's side. `load`: device, folder (config.json, a .pth and voices/*.pt, or empty for the hub), download.

A run's parameters: text, voice (`af_heart`, or a mixture, `af_bella(2)+af_sky`), language (Kokoro's letter), speed. The
answer is one piece: rate, words as [first character, one past the last, start ms, end ms] where Kokoro knows, samples.
"""

import os
import re
import sys
from pathlib import Path

# Last, because the folder of engines holds one that is called like the package it serves.
sys.path.append(str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import wire

RATE = 24000
REPO = "hexgrad/Kokoro-82M"


class Service(wire.Service):
    name = "kokoro"

    def __init__(self):
        self.model = None
        self.folder = None
        self.pipelines = {}

    def describe(self):
        import importlib.metadata as metadata

        return {"kokoro": metadata.version("kokoro"), "torch": metadata.version("torch")}

    def load(self, params):
        if not params["download"]:
            os.environ["HF_HUB_OFFLINE"] = "1"
        import torch
        from kokoro import KModel

        device = params["device"]
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.folder = Path(params["folder"]) if params["folder"] else None
        config = str(self.folder / "config.json") if self.folder else None
        weights = str(next(self.folder.glob("*.pth"))) if self.folder else None
        self.model = KModel(REPO, config, weights).to(device).eval()
        self.pipelines = {}

    def run(self, params, blobs, more):
        import numpy as np
        import torch

        torch.manual_seed(params.get("seed", 0))
        pipeline = self.pipeline(params["language"])
        found, words, at, place = [], [], 0.0, 0
        for result in pipeline(params["text"], self.voice(pipeline, params["voice"]), params["speed"], r"\n+"):
            audio = np.zeros(0, np.float32) if result.audio is None else result.audio.numpy().astype(np.float32)
            known = self.timed(result.tokens or [], params["text"], place, at)
            words += known
            place = known[-1][1] if known else place
            found.append(audio)
            at += len(audio) / RATE * 1000
        samples = np.concatenate(found) if found else np.zeros(0, np.float32)
        yield {"rate": RATE, "format": "float32", "words": words or None}, [samples]

    def pipeline(self, language):
        from kokoro import KPipeline

        if language not in self.pipelines:
            self.pipelines[language] = KPipeline(language, REPO, self.model)
        return self.pipelines[language]

    def voice(self, pipeline, wanted):
        """The tensor of a voice, or of voices mixed by their weights."""
        mixed, total = None, 0.0
        for part in wanted.split("+"):
            name, weight = re.fullmatch(r"\s*([\w.-]+)(?:\(([\d.]+)\))?\s*", part).groups()
            place = str(self.folder / "voices" / f"{name}.pt") if self.folder else name
            pack, share = pipeline.load_single_voice(place), float(weight or 1)
            mixed, total = pack * share if mixed is None else mixed + pack * share, total + share
        return mixed / total

    def timed(self, tokens, text, place, at):
        found = []
        for token in tokens:
            first = text.find(token.text, place)
            if first < 0 or token.start_ts is None or not any(char.isalnum() for char in token.text):
                continue
            place = first + len(token.text)
            found.append([first, place, at + token.start_ts * 1000, at + (token.end_ts or token.start_ts) * 1000])
        return found


if __name__ == "__main__":
    wire.main_of(Service())
