"""speechbrain's side. `load`: model (name on the hub, or folder). A run: samples (int16, 16 kHz) and `spans` in them.

One piece comes back: a vector for each span, of length 1.
"""

import os
import sys
import tempfile
from pathlib import Path

# Only for ours: the folder of engines holds some that are called like the packages they serve.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import torch_here
import wire

del sys.path[0]
for name, value in {"HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}.items():
    os.environ.setdefault(name, value)

torch_here.ready()

import numpy as np
import speechbrain
import torch
from speechbrain.inference.speaker import EncoderClassifier
from speechbrain.utils.fetching import LocalStrategy

LEAST = 8000
"""Samples that are heard at least: a shorter span is said over again."""


class Service(wire.Service):
    name = "speechbrain"

    def __init__(self):
        self.classifier = None

    def describe(self):
        return {"speechbrain": speechbrain.__version__, "torch": torch.__version__, "cuda": torch_here.cuda()}

    def load(self, params):
        model = params["model"]
        here = {"overrides": {"pretrained_path": model}} if Path(model).is_dir() else {}
        self.classifier = EncoderClassifier.from_hparams(
            source=model,
            savedir=tempfile.mkdtemp(prefix="cinemill-ecapa-"),
            local_strategy=LocalStrategy.COPY,
            run_opts={"device": torch_here.device("auto")},
            **here,
        )

    def run(self, params, blobs, more):
        samples = np.frombuffer(blobs[0], np.int16).astype(np.float32) / 32768
        vectors = np.stack([self.voice(samples[start:stop]) for start, stop in params["spans"]])
        yield {"size": vectors.shape[1]}, [np.ascontiguousarray(vectors)]

    def voice(self, samples):
        if len(samples) < LEAST:
            samples = np.resize(samples, LEAST) if len(samples) else np.zeros(LEAST, np.float32)
        with torch.no_grad():
            found = self.classifier.encode_batch(torch.from_numpy(samples)[None]).cpu().numpy().reshape(-1)
        return (found / max(float(np.linalg.norm(found)), 1e-9)).astype(np.float32)


if __name__ == "__main__":
    wire.main_of(Service())
