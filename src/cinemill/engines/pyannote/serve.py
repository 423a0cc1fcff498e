"""pyannote's side. A run: a blob of samples (int16, 16 kHz), `model` (name or folder), `min` and `max` speakers.

One piece comes back: turns as [start ms, end ms, speaker], and a vector for each speaker.
"""

import os
import sys
from pathlib import Path

# Only for ours: the folder of engines holds some that are called like the packages they serve.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import torch_here
import wire

del sys.path[0]
for name, value in {"HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1", "PYANNOTE_METRICS_ENABLED": "0"}.items():
    os.environ.setdefault(name, value)

torch_here.ready()

import numpy as np
import pyannote.audio
import torch

RATE = 16000


class Service(wire.Service):
    name = "pyannote"

    def __init__(self):
        self.pipeline = self.model = None

    def describe(self):
        return {"pyannote.audio": pyannote.audio.__version__, "torch": torch.__version__, "cuda": torch_here.cuda()}

    def run(self, params, blobs, more):
        pipeline = self.opened(params)
        samples = np.frombuffer(blobs[0], np.int16).astype(np.float32) / 32768
        sound = {"waveform": torch.from_numpy(samples)[None], "sample_rate": RATE}
        found = pipeline(sound, min_speakers=params["min"], max_speakers=params["max"])
        diarization = getattr(found, "speaker_diarization", found)
        turns = [
            [round(1000 * span.start), round(1000 * span.end), who]
            for span, _, who in diarization.itertracks(yield_label=True)
        ]
        vectors = getattr(found, "speaker_embeddings", None)
        rows = [] if vectors is None else vectors.tolist()
        yield {"turns": turns, "voices": dict(zip(diarization.labels(), rows))}, []

    def opened(self, params):
        """The pipeline, kept while the model stays the same."""
        if self.model != params["model"]:
            if params["offline"]:
                os.environ["HF_HUB_OFFLINE"] = "1"
            # The token is that of HF_TOKEN.
            pipeline = pyannote.audio.Pipeline.from_pretrained(params["model"], token=os.environ.get("HF_TOKEN"))
            if pipeline is None:
                raise PermissionError(
                    f"{params['model']} is not given out: accept its terms on its page, and set HF_TOKEN"
                )
            self.pipeline, self.model = pipeline.to(torch.device(torch_here.device("auto"))), params["model"]
        return self.pipeline


if __name__ == "__main__":
    wire.main_of(Service())
