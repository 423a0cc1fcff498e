"""A voice that goes wrong on purpose: eSpeak's sound of another text than it was given.

The seed decides how: every sentence goes wrong in the manner of `FAULT` until the seed's last digit reaches `GOOD`.
"""

import os
import sys
from pathlib import Path

ENGINES = Path(__file__).parents[2] / "src" / "cinemill" / "engines"
sys.path[:0] = [str(ENGINES / "espeak")]
sys.path.append(str(ENGINES))

import serve  # noqa: E402
import wire  # noqa: E402

FAULT, GOOD = sys.argv[1], int(sys.argv[2])


class Fake(wire.Service):
    name = "fake voice"

    def __init__(self):
        self.espeak = serve.Service()
        self.turns = {}

    def describe(self):
        return {"voices": [["en-us", "English"]]}

    def load(self, params):
        pass

    def run(self, params, blobs, more):
        text = params["text"]
        turn = self.turns[text] = self.turns.get(text, 0) + 1
        fault = FAULT if turn < GOOD else "none"
        if fault == "die":
            os._exit(9)
        spoken = getattr(self, fault)(text)
        asked = {"text": spoken, "voice": "en-us+f2", "speed": 140 / 170}
        for piece, (samples,) in self.espeak.run(asked, blobs, more):
            samples = bytes(len(samples)) if fault == "silence" else samples
            yield {"rate": piece["rate"], "words": None}, [samples]

    def none(self, text):
        return text

    silence = none

    def drop(self, text):
        words = text.split()
        return " ".join(words[: len(words) // 2])

    def repeat(self, text):
        return f"{text} {text}"

    def garble(self, text):
        return " ".join(word[::-1] for word in text.split())

    def babble(self, text):
        return f"{text} {'and so on and on with what nobody wrote, ' * 9}"


if __name__ == "__main__":
    wire.main_of(Fake())
