"""Chatterbox' real package with two layers where it has thirty, and weights that are chance: it says noise, quickly.

`FOLDER` as its argument writes the weights into it; without one it is the engine, as `serve.py` makes it.
"""

import json
import sys
from pathlib import Path

ENGINES = Path(__file__).parents[2] / "src" / "cinemill" / "engines"
sys.path.append(str(ENGINES))

import torch_here  # noqa: E402
import wire  # noqa: E402

MOST_TOKENS = 30


def small():
    torch_here.ready()
    from chatterbox.models.t3 import T3
    from chatterbox.models.t3.llama_configs import LLAMA_CONFIGS

    LLAMA_CONFIGS["Llama_520M"].update(num_hidden_layers=2, intermediate_size=64)
    whole = T3.inference

    def shorter(self, *, max_new_tokens, **more):
        return whole(self, max_new_tokens=min(max_new_tokens, MOST_TOKENS), **more)

    T3.inference = shorter
    return T3


def make(folder):
    T3 = small()  # first, because torchaudio is made ready in it
    import torch
    from chatterbox.models.voice_encoder import VoiceEncoder
    from safetensors.torch import save_file

    torch.manual_seed(0)
    save_file(VoiceEncoder().state_dict(), folder / "ve.safetensors")
    save_file(T3().state_dict(), folder / "t3_cfg.safetensors")
    save_file({}, folder / "s3gen.safetensors")
    letters = ["[STOP]", "[UNK]", "[SPACE]", *"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.,!?'"]
    vocabulary = {sign: number for number, sign in enumerate(letters)} | {"[START]": 255}
    model = {"type": "BPE", "vocab": vocabulary, "merges": [], "unk_token": "[UNK]"}
    added = [
        {"id": vocabulary[sign], "content": sign, "special": True}
        | dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
        for sign in ("[STOP]", "[UNK]", "[SPACE]", "[START]")
    ]
    (folder / "tokenizer.json").write_text(json.dumps({"version": "1.0", "added_tokens": added, "model": model}))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        make(Path(sys.argv[1]))
    else:
        small()
        sys.path.append(str(ENGINES / "chatterbox"))
        import serve

        wire.main_of(serve.Service())
