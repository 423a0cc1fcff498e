"""Kokoro installed for real, with random weights; and what Chatterbox' released package takes, read from its source."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cinemill.engines import chatterbox, engines, install
from cinemill.errors import MissingEngine
from cinemill.jobs import run as jobs
from cinemill.media import read
from cinemill.media.cues import files
from cinemill.surfaces import forms
from installed import engine

pytestmark = [pytest.mark.slow, pytest.mark.network]
TEXT = "Please open the window."
RANDOM = """
import json, sys
from pathlib import Path
import torch
from kokoro import KModel

folder = Path(sys.argv[1])
(folder / "voices").mkdir()
signs = ";:,.!?—…() AIOQSTWYabcdefhijklmnopqrstuvwxyzɑɐɒæβɔɕçðʤəɚɛɜɡɥɨɪʝɯŋɲɔøθœɹɾʁʃʧʊʌɣʒʔˈˌːʰᵊᵻ"
blocks = {"upsample_kernel_sizes": [20, 12], "upsample_rates": [10, 6], "gen_istft_hop_size": 5, "gen_istft_n_fft": 20}
blocks |= {"resblock_dilation_sizes": [[1, 3, 5]], "resblock_kernel_sizes": [3], "upsample_initial_channel": 512}
bert = {"hidden_size": 64, "num_attention_heads": 2, "intermediate_size": 64, "max_position_embeddings": 512}
config = {"n_token": 178, "hidden_dim": 512, "style_dim": 128, "n_layer": 1, "max_dur": 4, "dropout": 0.0, "n_mels": 80}
config |= {"text_encoder_kernel_size": 5, "plbert": {**bert, "num_hidden_layers": 1}, "istftnet": blocks}
config |= {"vocab": {sign: number for number, sign in enumerate(dict.fromkeys(signs), 1)}}
(folder / "config.json").write_text(json.dumps(config))
torch.manual_seed(0)
torch.save({}, folder / "none")
model = KModel("none", config, str(folder / "none"))
parts = "bert", "bert_encoder", "predictor", "text_encoder", "decoder"
torch.save({name: getattr(model, name).state_dict() for name in parts}, folder / "random.pth")
for name in ("af_heart", "af_sky", "ef_dora"):
    torch.save(torch.randn(510, 1, 256) / 10, folder / "voices" / f"{name}.pt")
"""
"""Kokoro's own classes with as little in them as they bear: what they say is no speech, and all else is real."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with engine("kokoro", tmp_path_factory) as folder:
        yield folder


@pytest.fixture(scope="module")
def weights(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kokoro")
    python = install.interpreter(engines.get("kokoro"))
    subprocess.run([python, "-W", "ignore", "-c", RANDOM, folder], check=True, timeout=600)
    return folder


@pytest.mark.parametrize(("voice", "language"), [("af_heart", "en"), ("af_heart(2)+af_sky", "en"), ("ef_dora", "es")])
def test_kokoro_speaks_with_times_where_it_knows_them(voice: str, language: str, weights: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    asked: dict[str, Any] = {"engine": "kokoro", "weights": str(weights), "voice": voice, "language": language}
    asked |= {"captions": "json", "verify": "none", "tries": 1}
    result = list(jobs.run(forms.request("narrate", [tmp_path / "text.txt"], tmp_path / "out.wav", asked)))[-1].result  # type: ignore[attr-defined]
    assert result["engine"] == "kokoro"
    info = read.probe(tmp_path / "out.wav")
    assert read.sound_of(info, 0).sample_rate == 24_000
    words = list(files.read(tmp_path / "out.json").transcript.words())
    assert [word.text for word in words] == TEXT.split()
    assert all(a.start < a.end <= b.start for a, b in pairwise(words))
    assert words[-1].end <= 1000 * float(info.duration or 0)


def test_kokoro_says_by_what_it_tags_english(installed: Path) -> None:
    said = install.examine(engines.get("kokoro"))
    assert said["works"]
    assert "tags by" in said["detail"]


def test_chatterbox_takes_what_it_is_given(tmp_path: Path) -> None:
    """Its package alone: what it needs is several GB, and its weights are others."""
    pin = engines.get("chatterbox").requirements.read_text().split()[0]
    try:
        install._uv(engines.get("chatterbox"), "pip", "install", "--no-deps", "--target", str(tmp_path), pin)
    except MissingEngine as error:
        pytest.skip(str(error))
    asked = {"temperature", "audio_prompt_path"}
    more = {"exaggeration", "cfg_weight"}
    for module, name, given in (
        ("tts", "ChatterboxTTS", asked | more),
        ("mtl_tts", "ChatterboxMultilingualTTS", asked | more | {"language_id"}),
        ("tts_turbo", "ChatterboxTurboTTS", asked),
    ):
        tree = ast.parse((tmp_path / "chatterbox" / f"{module}.py").read_text("utf-8"))
        kind = next(one for one in tree.body if isinstance(one, ast.ClassDef) and one.name == name)
        methods = {
            one.name: [arg.arg for arg in one.args.args] for one in kind.body if isinstance(one, ast.FunctionDef)
        }
        assert methods["generate"][:2] == ["self", "text"]
        assert given <= set(methods["generate"])
        assert methods["from_local"][1:3] == ["ckpt_dir", "device"]
        assert methods["from_pretrained"][1:2] == ["device"]
        assert any(isinstance(one, ast.Attribute) and one.attr == "sr" for one in ast.walk(kind))
    source = ast.parse((tmp_path / "chatterbox" / "mtl_tts.py").read_text("utf-8"))
    values = [
        one.value for one in source.body if isinstance(one, ast.Assign) and "SUPPORTED" in ast.unparse(one.targets[0])
    ]
    assert set(ast.literal_eval(values[0])) == set(chatterbox.LANGUAGES.split())
