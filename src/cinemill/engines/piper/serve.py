"""Piper's side. `load`: device. A run's parameters: text, path (of a voice's .onnx), speaker (a name, or empty), speed,
seed; the answer is one piece: rate, and samples as float32.
"""

import sys
from pathlib import Path

# Last, because the folder of engines holds one that is called like the package it serves.
sys.path.append(str(Path(__file__).resolve().parents[1]))

import wire


class Service(wire.Service):
    name = "piper"

    def __init__(self):
        self.cuda = False
        self.voices = {}

    def describe(self):
        import importlib.metadata as metadata

        return {"piper": metadata.version("piper-tts"), "onnxruntime": metadata.version("onnxruntime")}

    def load(self, params):
        import onnxruntime

        known = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
        if params["device"] == "cuda" and not known:
            raise ValueError("Piper's onnxruntime knows no graphics processor here; --device cpu works")
        self.cuda = known and params["device"] != "cpu"
        self.voices = {}

    def run(self, params, blobs, more):
        import numpy as np
        import onnxruntime
        from piper import PiperVoice, SynthesisConfig

        path = params["path"]
        if path not in self.voices:
            self.voices = {path: PiperVoice.load(path, use_cuda=self.cuda)}
        voice = self.voices[path]
        onnxruntime.set_seed(params.get("seed", 0))
        how = SynthesisConfig(
            speaker_id=voice.config.speaker_id_map[params["speaker"]] if params["speaker"] else None,
            length_scale=voice.config.length_scale / params.get("speed", 1.0),
            normalize_audio=False,
        )
        chunks = [one.audio_float_array.astype(np.float32) for one in voice.synthesize(params["text"], how)]
        samples = np.concatenate(chunks) if chunks else np.zeros(0, np.float32)
        yield {"rate": voice.config.sample_rate, "format": "float32", "words": None}, [samples]


if __name__ == "__main__":
    wire.main_of(Service())
