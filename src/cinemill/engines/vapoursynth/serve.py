"""VapourSynth's side: frames stream in, a deinterlacer makes two of each or an upscaler a larger one, they stream out.

A run's parameters: width, height, bits, subsampling (log2; none for grey), matrix (H.273 code), method, and for
deinterlacers tff and preset. Each message of the stream is one frame, a blob per plane, tight; each piece of the answer
is one frame alike.
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
        family = vs.YUV if params["subsampling"] else vs.GRAY
        format = core.query_video_format(family, vs.INTEGER, params["bits"], *params["subsampling"])
        blank = core.std.BlankClip(
            width=params["width"], height=params["height"], format=format, length=ENDLESS, keep=True
        )
        colour = {"_Matrix": params["matrix"], "_Transfer": params["matrix"], "_Primaries": params["matrix"]}
        filled = core.std.ModifyFrame(blank, blank, self.picture)
        self.clip = filled.std.SetFrameProps(**colour).std.SetFieldBased({None: 0, False: 1, True: 2}[params["tff"]])

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


def _doubled(clip, params):
    # Each pass keeps a line as the first of two, which is half a new line too high.
    for _ in range(2):
        clip = core.znedi3.nnedi3(clip, field=1, dh=True, nsize=0, nns=3, qual=2).std.Transpose()
    return core.resize.Spline36(clip, src_left=-0.5, src_top=-0.5)


METHODS = {"qtgmc": (_qtgmc, 2), "nnedi": (_nnedi3, 2), "double": (_doubled, 1)}
"""How, and how many frames come of each."""


class VapourSynth(wire.Service):
    name = "vapoursynth"

    def describe(self):
        return {"vapoursynth": str(core.core_version), "threads": core.num_threads, "presets": list(qtgmc.PRESETS)}

    def load(self, params):
        core.num_threads = params.get("threads") or core.num_threads

    def run(self, params, blobs, more):
        source = Source(params, more)
        method, times = METHODS[params["method"]]
        clip = method(source.clip, params)
        clip = core.resize.Bicubic(clip, format=source.clip.format.id)
        for number, frame in enumerate(clip.frames(close=True)):
            if source.ended and number >= times * source.count:
                return
            yield {"number": number}, [np.ascontiguousarray(frame[place]) for place in range(clip.format.num_planes)]


if __name__ == "__main__":
    wire.main_of(VapourSynth())
