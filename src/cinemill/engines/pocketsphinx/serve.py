"""PocketSphinx's side. A run's parameters: task `recognise`, or `align` with words and their phones; a blob of samples.

The answer's pieces are lists of [word, start ms, end ms, confidence].
"""

import re
import sys
from pathlib import Path

# Last, because the folder of engines holds one that is called like the package it serves.
sys.path.append(str(Path(__file__).resolve().parents[1]))

import pocketsphinx
import wire

WIDE = 1e-120
"""Beam of an alignment: with narrower ones whole texts are lost (3 of 10 clips at the default)."""
PIECE = 1000
"""Words of a piece of the answer: headers are short."""


class Service(wire.Service):
    name = "pocketsphinx"

    def __init__(self):
        self.decoders = {}

    def describe(self):
        return {"pocketsphinx": getattr(pocketsphinx, "__version__", "5"), "language": "en"}

    def run(self, params, blobs, more):
        words = getattr(self, params["task"])(bytes(blobs[0]), params)
        for start in range(0, len(words), PIECE):
            yield words[start : start + PIECE], []

    def decoder(self, task):
        """Means are of each utterance and not of those before, so that what is heard depends on nothing else."""
        if task not in self.decoders:
            beams = {"bestpath": False, "beam": WIDE, "pbeam": WIDE, "wbeam": WIDE} if task == "align" else {}
            self.decoders[task] = pocketsphinx.Decoder(samprate=16000, loglevel="FATAL", cmn="batch", **beams)
        return self.decoders[task]

    def recognise(self, samples, params):
        return self.decoded(self.decoder("recognise"), samples)

    def align(self, samples, params):
        decoder = self.decoder("align")
        for word, phones in params["words"]:
            if decoder.lookup_word(word) is None:
                decoder.add_word(word, phones, True)
        decoder.set_align_text(" ".join(word for word, _ in params["words"]))
        return self.decoded(decoder, samples)

    def decoded(self, decoder, samples):
        # Without it, what is heard depends on what was heard before, and a job that goes on ends otherwise.
        decoder.reinit_feat()
        decoder.start_utt()
        decoder.process_raw(samples, full_utt=True)
        decoder.end_utt()
        if decoder.hyp() is None:
            return []
        found = []
        for one in decoder.seg():
            word = re.sub(r"\(\d+\)$", "", one.word)
            if not re.match(r"[<\[+]", word):
                found.append([word, one.start_frame * 10, (one.end_frame + 1) * 10, round(min(1.0, one.prob), 4)])
        return found


wire.main_of(Service())
