"""ProPainter's side. `load`: flow, completion, inpaint (files of weights), device. A run fills one stretch of film:

count, height, width: of the pictures, whose sides are multiples of 8, 128 at least. Blobs: pictures (count, height,
width, 3) uint16, RGB, 0 to 65535, and a mask (height, width) uint8, 1 where they are to be filled. The answer is
pictures alike. Source: S. Zhou et al., ProPainter: improving propagation and transformer for video inpainting, 2023;
networks by pytorchcv (MIT).
"""

import sys
from pathlib import Path

# Last, because the folder of engines holds one that is called like the package it serves.
sys.path.append(str(Path(__file__).resolve().parents[1]))

import names
import numpy as np
import stand_in
import torch
import wire
from pytorchcv.models.propainter import propainter
from pytorchcv.models.propainter_rfc import propainter_rfc
from pytorchcv.models.propainter_stream import ProPainterIterator, TensorSequencer
from pytorchcv.models.raft import raft_things

WINDOW = 80
"""Frames that one picture may be filled from, half before and half after."""
STEP = 10
ITERATIONS = 20
"""RAFT's, as ProPainter has them."""


class ProPainter(wire.Service):
    name = "propainter"

    def __init__(self):
        self.networks = {}
        self.device = "cpu"

    def describe(self):
        return {
            "torch": torch.__version__,
            "cuda": torch.cuda.is_available(),
            "deformable convolution": "ours" if stand_in.IS_OURS else "torchvision's",
        }

    def load(self, params):
        device = params["device"]
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        if device.partition(":")[0] not in ("cpu", "cuda"):
            raise ValueError(f"ProPainter runs on cpu or cuda, not on {device}")
        if device != "cpu" and not torch.cuda.is_available():
            raise ValueError("torch sees no CUDA here")
        if device != "cpu":
            torch.cuda.set_device(torch.device(device))
        made = {
            "flow": raft_things(in_normalize=False, iters=ITERATIONS),
            "completion": propainter_rfc(),
            "inpaint": propainter(),
        }
        for kind, network in made.items():
            weights = torch.load(params[kind], map_location="cpu", weights_only=True)
            network.load_state_dict(names.renamed(kind, network.state_dict(), weights))
            network.requires_grad_(False).eval().to(device)
        self.networks, self.device = made, device

    def run(self, params, blobs, more):
        count, height, width = params["count"], params["height"], params["width"]
        film = np.frombuffer(blobs[0], np.uint16).reshape(count, height, width, 3)
        mask = np.frombuffer(blobs[1], np.uint8).reshape(1, 1, height, width)
        with torch.inference_mode():
            pictures = torch.from_numpy(film.astype(np.float32).transpose(0, 3, 1, 2) / 32767.5 - 1).to(self.device)
            holes = torch.from_numpy(mask.astype(np.float32)).to(self.device).repeat(count, 1, 1, 1)
            try:
                filled = torch.cat([part.cpu() for part in self.stream(pictures, holes)])
            except torch.OutOfMemoryError:
                torch.cuda.empty_cache()
                raise MemoryError(f"{count} pictures of {width}x{height} do not fit; take a shorter length") from None
        made = np.clip(np.rint((filled.numpy().transpose(0, 2, 3, 1) + 1) * 32767.5), 0, 65535).astype(np.uint16)
        yield {}, [np.ascontiguousarray(made)]

    def stream(self, pictures, holes):
        return ProPainterIterator(
            frames=TensorSequencer(pictures),
            masks=TensorSequencer(holes),
            raft_model=self.networks["flow"],
            pprfc_model=self.networks["completion"],
            pp_model=self.networks["inpaint"],
            use_cuda=self.device != "cpu",
            pp_window_size=WINDOW,
            step=STEP,
        )


if __name__ == "__main__":
    wire.main_of(ProPainter())
