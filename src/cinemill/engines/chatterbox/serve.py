"""Chatterbox' side. `load`: variant (english, multilingual, turbo), device, folder (or empty for the hub), download.

A run's parameters: text, language, sample (path of a WAV or empty), seed, exaggeration, cfg_weight, temperature. The
answer is one piece: rate and samples; it knows no times of words.
"""

import os
import sys
from pathlib import Path

# Last, because the folder of engines holds one that is called like the package it serves.
sys.path.append(str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import torch_here
import wire

LEAST_CFG = 1e-3
"""At 0 the released package fails."""


class Service(wire.Service):
    name = "chatterbox"

    def __init__(self):
        self.model = None
        self.variant = ""

    def describe(self):
        import importlib.metadata as metadata

        return {"chatterbox": metadata.version("chatterbox-tts"), "torch": metadata.version("torch")}

    def load(self, params):
        if not params["download"]:
            os.environ["HF_HUB_OFFLINE"] = "1"
        torch_here.ready()
        device = torch_here.device(params["device"])
        kind = self.kind(params["variant"])
        folder = params["folder"]
        self.model = kind.from_local(Path(folder), device) if folder else kind.from_pretrained(device)
        self.variant = params["variant"]

    def kind(self, variant):
        if variant == "multilingual":
            from chatterbox.mtl_tts import ChatterboxMultilingualTTS

            return ChatterboxMultilingualTTS
        if variant == "turbo":
            from chatterbox.tts_turbo import ChatterboxTurboTTS

            return ChatterboxTurboTTS
        from chatterbox.tts import ChatterboxTTS

        return ChatterboxTTS

    def run(self, params, blobs, more):
        import numpy as np
        import torch

        torch.manual_seed(params["seed"])
        asked = {"temperature": params["temperature"]}
        if self.variant != "turbo":
            asked |= {"exaggeration": params["exaggeration"], "cfg_weight": max(LEAST_CFG, params["cfg_weight"])}
        if self.variant == "multilingual":
            asked["language_id"] = params["language"]
        if params["sample"]:
            asked["audio_prompt_path"] = params["sample"]
        with torch.inference_mode():
            wave = self.model.generate(params["text"], **asked)
        samples = np.ascontiguousarray(wave.squeeze(0).cpu().numpy(), np.float32)
        yield {"rate": int(self.model.sr), "format": "float32", "words": None}, [samples]


if __name__ == "__main__":
    wire.main_of(Service())
