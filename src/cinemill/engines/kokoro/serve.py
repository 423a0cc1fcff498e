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
TAGGER = "en_core_web_sm"
"""spaCy's model, by which Kokoro tells `a record` from `to record`; it is on no index and comes with the weights."""
SIGNS = {".": ".", "!": ".", "?": ".", ",": ",", "(": "-LRB-", ")": "-RRB-", "$": "$", "#": "#", "\u201c": "``"}
SIGNS |= {'"': "''", "\u201d": "''", **dict.fromkeys((":", ";", "-", "\u2013", "\u2014", "\u2026", "..."), ":")}
WORDS = {"the": "DT", "a": "DT", "an": "DT", "i": "PRP", "to": "TO"}
WORDS |= dict.fromkeys(("in", "on", "at", "by", "of", "for", "from", "with"), "IN")


class Service(wire.Service):
    name = "kokoro"

    def __init__(self):
        self.model = None
        self.folder = None
        self.pipelines = {}
        self.may_fetch = False

    def describe(self):
        import importlib.metadata as metadata
        import importlib.util

        tagger = TAGGER if importlib.util.find_spec(TAGGER) else "a short list of words, until --download"
        return {"kokoro": metadata.version("kokoro"), "torch": metadata.version("torch"), "tags by": tagger}

    def load(self, params):
        self.may_fetch = params["download"]
        if not self.may_fetch:
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
            if language in "ab":
                tagging(self.may_fetch)
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


def tagging(may_fetch):
    """Make English be tagged: by spaCy's model where it is here or may be fetched, else by a short list of words.

    Kokoro fetches the model itself, asking nobody, and where it cannot, ends the process. spaCy fetches it from its
    makers' releases by the pip of this environment.
    """
    import spacy
    import spacy.cli

    if spacy.util.is_package(TAGGER):
        return
    if may_fetch:
        try:
            spacy.cli.download(TAGGER)
        except (Exception, SystemExit) as error:
            print(f"{TAGGER} cannot be fetched: {error}", file=sys.stderr)
    if not spacy.util.is_package(TAGGER):
        spacy.cli.download = lambda *given, **named: None
        spacy.load = lambda *given, **named: rough()


def rough():
    """English in words, tagged by their looks."""
    import spacy
    from spacy.language import Language

    @Language.component("rough_tags")
    def tags(doc):
        for token in doc:
            looks = "CD" if token.like_num else "NNP" if token.is_title and not token.is_sent_start else "XX"
            token.tag_ = SIGNS.get(token.text) or WORDS.get(token.lower_, looks)
        return doc

    english = spacy.blank("en")
    english.add_pipe("sentencizer")
    english.add_pipe("rough_tags")
    return english


if __name__ == "__main__":
    wire.main_of(Service())
