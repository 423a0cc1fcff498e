"""Demucs' side. `load`: model (a name), repo (a folder or empty), device, segment (s or 0), overlap, download.

A run's `task`:
facts     rate, channels, sources, segment and stride of the model, in samples
separate  a blob of samples (channels, n) float32; `mean` and `std` of all of the recording; `keep`: [from, to) of what
          comes back as (sources, channels, to - from)

Windows that begin on a multiple of the stride, with a segment of context, come out as the whole would.
"""

import os
import sys
from pathlib import Path

# Last, because the folder of engines holds one that is called like the package it serves.
sys.path.append(str(Path(__file__).resolve().parents[1]))

import wire


class Service(wire.Service):
    name = "demucs"

    def __init__(self):
        self.separator = None
        self.options = {}

    def describe(self):
        import importlib.metadata as metadata

        return {"demucs": metadata.version("demucs"), "torch": metadata.version("torch")}

    def load(self, params):
        if not params["download"]:
            os.environ["HF_HUB_OFFLINE"] = "1"
        import torch
        from demucs.api import Separator

        device = params["device"]
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        repo = Path(params["repo"]) if params["repo"] else None
        segment = params["segment"] or None
        self.separator = Separator(params["model"], repo, device, 0, params["overlap"], True, segment, 0)
        self.options = params

    def run(self, params, blobs, more):
        return getattr(self, params["task"])(params, blobs)

    def facts(self, params, blobs):
        from demucs.apply import BagOfModels

        model = self.separator.model
        inner = list(model.models) if isinstance(model, BagOfModels) else [model]
        seconds = self.options["segment"] or min(float(one.segment) for one in inner)
        segments = {int(one.samplerate * (self.options["segment"] or float(one.segment))) for one in inner}
        length = int(self.separator.samplerate * seconds)
        yield (
            {
                "rate": self.separator.samplerate,
                "channels": self.separator.audio_channels,
                "sources": list(model.sources),
                "segments": sorted(segments),
                "stride": int((1 - self.options["overlap"]) * length),
            },
            [],
        )

    def separate(self, params, blobs):
        import numpy as np
        import torch
        from demucs.apply import apply_model

        mix = torch.from_numpy(np.frombuffer(blobs[0], np.float32).copy().reshape(self.separator.audio_channels, -1))
        mean, std = params["mean"], params["std"] + 1e-8
        with torch.inference_mode():
            out = apply_model(
                self.separator.model,
                ((mix - mean) / std)[None],
                shifts=0,
                split=True,
                overlap=self.options["overlap"],
                device=self.separator._device,
                segment=self.options["segment"] or None,
            )[0]
        start, stop = params["keep"]
        out = (out * std + mean)[..., start:stop].contiguous().cpu().numpy().astype(np.float32)
        yield {}, [out.tobytes()]


if __name__ == "__main__":
    wire.main_of(Service())
