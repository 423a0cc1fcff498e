"""The bare library: faster-whisper over windows of sound, in the engine's own environment. Processor seconds go to
stdout.

MODEL WINDOWS.npz BATCH THREADS ROUNDS
"""

from __future__ import annotations

import sys
import time
from itertools import pairwise

import faster_whisper
import numpy as np

RATE = 16_000
OPTIONS = {"language": "en", "word_timestamps": True, "vad_filter": False, "suppress_tokens": [], "beam_size": 5}


def main(model: str, windows: str, batch: int, threads: int, rounds: int) -> None:
    loaded = faster_whisper.WhisperModel(model, device="cpu", compute_type="float32", cpu_threads=threads)
    pipeline = faster_whisper.BatchedInferencePipeline(loaded)
    stored = np.load(windows)
    samples = [stored[name].astype(np.float32) / 32768 for name in stored.files]
    for _ in range(rounds):
        started = time.process_time()
        for at in range(0, len(samples), batch):
            run = samples[at : at + batch]
            edges = np.cumsum([0, *map(len, run)]) / RATE
            clips = [{"start": float(a), "end": float(b)} for a, b in pairwise(edges)]
            whole = np.concatenate(run)
            heard, _ = pipeline.transcribe(
                whole, clip_timestamps=clips, batch_size=batch, without_timestamps=False, **OPTIONS
            )
            list(heard)
        print(time.process_time() - started, flush=True)
        sys.stdin.readline()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6]))
