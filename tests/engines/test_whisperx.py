"""The engine whisperX, installed for real: recognition by the tiny Whisper, alignment by a tiny random wav2vec2."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cinemill.engines import engines, install
from cinemill.jobs import run as jobs
from cinemill.media.cues import files
from cinemill.surfaces import forms
from installed import engine

pytestmark = [pytest.mark.slow, pytest.mark.network]  # one and a half GB of packages, PyTorch among them
ENGINE = engines.get("whisperx")
SPEECH = Path(__file__).parents[1] / "speech"
TINY: dict[str, Any] = {
    "engine": "whisperx",
    "model": str(SPEECH / "tiny-whisper"),
    "suppress_tokens": "",
    "chunk_size": 4.5,
    "language": "en",
    "compute_type": "float32",
}

WAV2VEC2 = """
import json, sys
from pathlib import Path
import torch
from transformers import Wav2Vec2Config, Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor
from transformers import Wav2Vec2ForCTC, Wav2Vec2Processor

out = Path(sys.argv[1])
tokens = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ETAONIHSRDLUMWCFGYPBVK'XJQZ"]
(out / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
names = {"unk_token": "<unk>", "pad_token": "<pad>", "word_delimiter_token": "|"}
tokenizer = Wav2Vec2CTCTokenizer(str(out / "vocab.json"), **names)
features = Wav2Vec2FeatureExtractor(feature_size=1, sampling_rate=16000, padding_value=0.0, do_normalize=True)
Wav2Vec2Processor(feature_extractor=features, tokenizer=tokenizer).save_pretrained(out)
torch.manual_seed(0)
small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
small |= {"conv_dim": (32,) * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2}
Wav2Vec2ForCTC(Wav2Vec2Config(vocab_size=len(tokens), pad_token_id=0, **small)).save_pretrained(out)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with engine("whisperx", tmp_path_factory) as folder:
        yield folder


@pytest.fixture(scope="module")
def aligner(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wav2vec2")
    subprocess.run([install.interpreter(ENGINE), "-c", WAV2VEC2, folder], check=True, timeout=600)
    return folder


@pytest.mark.parametrize("vad", ["levels", "pyannote"])
def test_speech_becomes_text_with_words_on_the_clock(vad: str, aligner: Path, tmp_path: Path) -> None:
    asked = {**TINY, "align_model": str(aligner), "vad_method": vad, "return_char_alignments": True}
    result = list(jobs.run(forms.request("subtitle", [SPEECH / "ten.ogg"], tmp_path / "ten.json", asked)))[-1].result
    words = list(files.read(tmp_path / "ten.json").transcript.words())
    assert result["engine"] == "whisperx"
    assert result["language"] == "en"
    assert result["words"] == len(words) > 40
    assert all(a.start <= b.start and a.start <= a.end for a, b in pairwise(words))
    assert not any("not aligned" in note for note in result["notes"])
    letters = [letter for word in words for letter in word.letters]
    assert len(letters) > 200
    assert all(a.start <= a.end for a in letters)


def test_without_its_model_words_are_spread_and_the_reason_is_told(installed: Path, tmp_path: Path) -> None:
    request = forms.request("subtitle", [SPEECH / "ten.ogg"], tmp_path / "ten.json", TINY)
    result = list(jobs.run(request))[-1].result
    assert result["words"] > 40
    assert any("are not aligned" in note and "--download" in note for note in result["notes"])
