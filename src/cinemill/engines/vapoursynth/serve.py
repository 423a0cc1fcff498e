"""VapourSynth's side: frames stream in, QTempGaussMC makes two of each, they stream out.

A run's parameters: width, height, bits, subsampling (log2), tff, method, preset, matrix (H.273 code). Each message of
the stream is one frame, a blob per plane, tight; each piece of the answer is one frame alike.
"""

import sys
import threading
from pathlib import Path

# Last, because the folder of engines holds one that is called like the package it serves.
sys.path.append(str(Path(__file__).resolve().parents[1]))

import numpy as np
import qtgmc
import vapoursynth as vs
import wire
from vapoursynth import core
from vsdeinterlace import QTempGaussMC

KEPT = 64
"""Source frames kept for requests that come late; VapourSynth caches further out itself."""
ENDLESS = 1 << 24
"""Frames that the source claims to have; how many there are is known when the stream ends."""


class Source:
    """A clip whose frames come from the pipe, in order, whenever they are first asked for. The last one repeats."""

    def __init__(self, params, more):
        self.dtype = np.uint8 if params["bits"] == 8 else np.uint16
        self.more = more
        self.frames = {}
        self.count = 0
        self.ended = False
        self.lock = threading.Lock()
        format = core.query_video_format(vs.YUV, vs.INTEGER, params["bits"], *params["subsampling"])
        blank = core.std.BlankClip(
            width=params["width"], height=params["height"], format=format, length=ENDLESS, keep=True
        )
        colour = {"_Matrix": params["matrix"], "_Transfer": params["matrix"], "_Primaries": params["matrix"]}
        filled = core.std.ModifyFrame(blank, blank, self.picture)
        self.clip = filled.std.SetFrameProps(**colour).std.SetFieldBased(2 if params["tff"] else 1)

    def picture(self, n, f):
        planes = self.planes(n)
        frame = f.copy()
        for place, data in enumerate(planes):
            target = np.asarray(frame[place])
            target[:] = np.frombuffer(data, self.dtype).reshape(target.shape)
        return frame

    def planes(self, n):
        with self.lock:
            while n >= self.count and not self.ended:
                try:
                    _, blobs = next(self.more)
                except StopIteration:
                    self.ended = True
                    break
                self.frames[self.count] = blobs
                self.frames.pop(self.count - KEPT, None)
                self.count += 1
            if self.count == 0:
                raise ValueError("no frame was sent")
            oldest = max(0, self.count - KEPT)
            return self.frames[min(max(n, oldest), self.count - 1)]


def _qtgmc(clip, params):
    return QTempGaussMC(**qtgmc.arguments(params["preset"])).bob(clip, tff=params["tff"])


def _nnedi3(clip, params):
    # field 3 and 2: both fields, the top or the bottom one first; nns and qual are the neurons and how often they vote.
    return core.znedi3.nnedi3(clip, field=3 if params["tff"] else 2, nsize=4, nns=2, qual=1)


METHODS = {"qtgmc": _qtgmc, "nnedi": _nnedi3}


class VapourSynth(wire.Service):
    name = "vapoursynth"

    def describe(self):
        return {"vapoursynth": str(core.core_version), "threads": core.num_threads, "presets": list(qtgmc.PRESETS)}

    def load(self, params):
        core.num_threads = params.get("threads") or core.num_threads

    def run(self, params, blobs, more):
        source = Source(params, more)
        clip = METHODS[params["method"]](source.clip, params)
        clip = core.resize.Bicubic(clip, format=source.clip.format.id)
        for number, frame in enumerate(clip.frames(close=True)):
            if source.ended and number >= 2 * source.count:
                return
            yield {"number": number}, [np.ascontiguousarray(frame[place]) for place in range(3)]


if __name__ == "__main__":
    wire.main_of(VapourSynth())
