"""Kokoro and Chatterbox installed for real, with random weights."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cinemill.engines import chatterbox, engines, install
from cinemill.engines.host import Host
from cinemill.jobs import run as jobs
from cinemill.media import read
from cinemill.media.cues import files
from cinemill.surfaces import forms
from installed import engine

pytestmark = [pytest.mark.slow, pytest.mark.network]
TEXT = "Please open the window."
SMALL = Path(__file__).with_name("small_chatterbox.py")
SPEECH = Path(__file__).parents[1] / "speech" / "ten.ogg"
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


SIGNATURES = """
import inspect, json, sys
sys.path.append(sys.argv[1])
import torch_here
torch_here.ready()
from chatterbox import mtl_tts, tts, tts_turbo
kinds = tts.ChatterboxTTS, mtl_tts.ChatterboxMultilingualTTS, tts_turbo.ChatterboxTurboTTS
methods = ("generate", "from_local", "from_pretrained")
taken = lambda kind, name: list(inspect.signature(getattr(kind, name)).parameters)
told = {kind.__name__: {name: taken(kind, name) for name in methods} for kind in kinds}
print(json.dumps({**told, "languages": list(mtl_tts.SUPPORTED_LANGUAGES)}))
"""


@pytest.fixture(scope="module")
def cloning(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with engine("chatterbox", tmp_path_factory) as folder:
        yield folder


def in_chatterbox(*arguments: Any) -> str:
    command = [install.interpreter(engines.get("chatterbox")), "-W", "ignore", *arguments]
    return subprocess.run(command, check=True, timeout=600, stdout=subprocess.PIPE, text=True).stdout


def test_chatterbox_takes_what_it_is_given(cloning: Path) -> None:
    told = json.loads(in_chatterbox("-c", SIGNATURES, engines.get("chatterbox").folder.parent).splitlines()[-1])
    asked = {"temperature", "audio_prompt_path"}
    more = {"exaggeration", "cfg_weight"}
    for name, given in (
        ("ChatterboxTTS", asked | more),
        ("ChatterboxMultilingualTTS", asked | more | {"language_id"}),
        ("ChatterboxTurboTTS", asked),
    ):
        assert told[name]["generate"][:2] == ["self", "text"]
        assert given <= set(told[name]["generate"])
        assert told[name]["from_local"] == ["ckpt_dir", "device"]
        assert told[name]["from_pretrained"] == ["device"]
    assert set(told["languages"]) == set(chatterbox.LANGUAGES.split())


def test_chatterbox_speaks_in_the_voice_of_a_sample(cloning: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """All of its real package but the number of layers, from a sample to the watermark; the weights are chance."""
    in_chatterbox(SMALL, tmp_path)
    host = Host("chatterbox", [str(install.interpreter(engines.get("chatterbox"))), "-W", "ignore", str(SMALL)])
    monkeypatch.setitem(install._hosts, "chatterbox", host)
    (tmp_path / "text.txt").write_text(TEXT)
    asked: dict[str, Any] = {"engine": "chatterbox", "weights": str(tmp_path), "sample": str(SPEECH), "tries": 1}
    asked |= {"captions": "json", "verify": "none"}
    try:
        request = forms.request("narrate", [tmp_path / "text.txt"], tmp_path / "out.wav", asked)
        result = list(jobs.run(request))[-1].result  # type: ignore[attr-defined]
    finally:
        host.stop()
    assert result["engine"] == "chatterbox"
    assert read.sound_of(read.probe(tmp_path / "out.wav"), 0).sample_rate == 24_000
    assert [word.text for word in files.read(tmp_path / "out.json").transcript.words()] == TEXT.split()
