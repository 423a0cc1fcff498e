"""Resemblyzer's side. `run`: a blob of samples (int16, 16 kHz) and `spans` in it; a piece for each batch: its vectors.

The network is that of voice_encoder.py: three LSTM layers over 40 mel bands, then what is above 0 of a linear layer.
"""

import sys
from pathlib import Path

# Last, because the folder of engines holds one that is called like the package it serves.
sys.path.append(str(Path(__file__).resolve().parents[1]))

import importlib.metadata

import numpy as np
import weights
import wire

RATE, WINDOW, HOP, BANDS = 16000, 400, 160, 40
FRAMES = 160
"""Of a stretch that the network hears at once: 1.6 s, as it was trained."""
EVERY = 80
"""Frames from one stretch to the next in a longer span."""
BATCH = 64
LOUD = 10 ** (-30 / 20)
"""What quiet speech is raised to."""


class Service(wire.Service):
    name = "resemblyzer"

    def __init__(self):
        distribution = importlib.metadata.distribution("resemblyzer")
        self.state = weights.read(distribution.locate_file("resemblyzer/pretrained.pt"))
        self.mels = filters()
        self.window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)

    def describe(self):
        return {"resemblyzer": importlib.metadata.version("resemblyzer"), "numpy": np.__version__}

    def run(self, params, blobs, more):
        samples = np.frombuffer(blobs[0], np.int16).astype(np.float32) / 32768
        stretches, owners = [], []
        for number, (start, stop) in enumerate(params["spans"]):
            own = list(self.stretches(samples[start:stop]))
            stretches += own
            owners += [number] * len(own)
        found = [self.heard(np.stack(stretches[at : at + BATCH])) for at in range(0, len(stretches), BATCH)]
        vectors = np.zeros((len(params["spans"]), 256), np.float32)
        for number, vector in zip(owners, np.concatenate(found) if found else ()):
            vectors[number] += vector
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        yield {"size": 256}, [np.ascontiguousarray(vectors)]

    def stretches(self, samples):
        """The span as pictures of sound of one length, (FRAMES, BANDS) each; a short one is said over again."""
        level = np.sqrt(np.mean(samples**2)) if len(samples) else 0.0
        samples = samples * (LOUD / level) if 0 < level < LOUD else samples
        least = FRAMES * HOP
        samples = np.resize(samples, least) if 0 < len(samples) < least else samples
        frames = self.frames(samples)
        for start in range(0, max(1, len(frames) - FRAMES + 1), EVERY):
            picture = frames[start : start + FRAMES]
            yield np.pad(picture, ((0, FRAMES - len(picture)), (0, 0)))

    def frames(self, samples):
        padded = np.pad(samples, WINDOW // 2)
        runs = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
        return (np.abs(np.fft.rfft(runs * self.window)) ** 2 @ self.mels).astype(np.float32)

    def heard(self, batch):
        rows = batch
        for layer in range(3):
            rows = self.layer(rows, layer)
        found = np.maximum(rows[:, -1] @ self.state["linear.weight"].T + self.state["linear.bias"], 0)
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)

    def layer(self, rows, number):
        """One LSTM layer over (batch, frames, features); gates come as in, forget, cell, out."""
        into, over = self.state[f"lstm.weight_ih_l{number}"].T, self.state[f"lstm.weight_hh_l{number}"].T
        given = rows @ into + self.state[f"lstm.bias_ih_l{number}"] + self.state[f"lstm.bias_hh_l{number}"]
        hidden = np.zeros((len(rows), 256), np.float32)
        cell = np.zeros_like(hidden)
        out = np.empty((*rows.shape[:2], 256), np.float32)
        for step in range(rows.shape[1]):
            gates = given[:, step] + hidden @ over
            let, keep, new, show = np.split(gates, 4, axis=1)
            cell = sigmoid(keep) * cell + sigmoid(let) * np.tanh(new)
            hidden = out[:, step] = sigmoid(show) * np.tanh(cell)
        return out


def sigmoid(x):
    return 0.5 * (1 + np.tanh(0.5 * x))


def filters():
    """Mel bands as librosa has them by default (Slaney's scale, equal areas), (WINDOW / 2 + 1, BANDS)."""
    edges = hertz(np.linspace(mel(0.0), mel(RATE / 2), BANDS + 2))
    bins = np.linspace(0, RATE / 2, WINDOW // 2 + 1)[:, None]
    rise = (bins - edges[:-2]) / np.diff(edges)[:-1]
    fall = (edges[2:] - bins) / np.diff(edges)[1:]
    return np.maximum(0, np.minimum(rise, fall)) * (2 / (edges[2:] - edges[:-2]))


def mel(hz):
    return hz * 3 / 200 if hz < 1000 else 15 + 27 * np.log(hz / 1000) / np.log(6.4)


def hertz(mels):
    return np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * np.log(6.4) / 27))


if __name__ == "__main__":
    wire.main_of(Service())
