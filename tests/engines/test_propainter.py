"""ProPainter: names of weights, our deformable convolution, and the engine itself with weights by chance."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from cinemill import settings
from cinemill.engines import engines, install
from cinemill.engines.propainter import names
from cinemill.errors import EngineRefused, MissingEngine, MissingModel
from cinemill.filters import text
from cinemill.learn.procedural import scenes
from cinemill.media.rgb import of_rgb, to_rgb
from cinemill.media.types import Frame

ENGINE = engines.get("propainter")
BOX = "propainter=width:24:height:16:left:60:top:50"


@pytest.mark.parametrize(
    ("network", "pytorchcvs", "authors"),
    [
        ("flow", "cnet.features.init_block.bn.running_mean", "cnet.norm1.running_mean"),
        ("flow", "fnet.features.stage2.unit1.identity_conv.conv.bias", "fnet.layer2.0.downsample.0.bias"),
        ("flow", "cnet.features.stage3.unit2.body.conv1.bn.weight", "cnet.layer3.1.norm1.weight"),
        ("flow", "update_block.encoder.conv_flow.conv_list.conv2.conv.weight", "update_block.encoder.convf2.weight"),
        ("flow", "update_block.gru.vertical_gru.conv_q.conv.weight", "update_block.gru.convq2.weight"),
        ("flow", "update_block.mask.conv2.weight", "update_block.mask.2.weight"),
        ("completion", "hg.down_seq.down3.block2.conv1.conv.weight", "encoder2.2.conv1.0.weight"),
        ("completion", "hg.up_seq.up1.conv2.conv.bias", "upsample.2.conv.bias"),
        ("completion", "hg.up_seq.up3.conv1.conv.weight", "decoder2.0.weight"),
        ("completion", "hg.skip_seq.skip4.mid_dilation.conv3.conv.weight", "mid_dilation.4.weight"),
        (
            "completion",
            "hg.skip_seq.skip4.feat_prop_module.deform_align.forward_.conv_offset.conv4.conv.weight",
            "feat_prop_module.deform_align.forward_.conv_offset.6.weight",
        ),
        ("completion", "edgeDetector.res_unit.body.conv2.conv.weight", "edgeDetector.mid_layer_2.0.weight"),
        ("inpaint", "encoder.layers.8.conv.weight", "encoder.layers.16.weight"),
        ("inpaint", "decoder.unit2.conv1.conv.weight", "decoder.4.conv.weight"),
        ("inpaint", "decoder.unit2.conv2.conv.weight", "decoder.6.weight"),
        (
            "inpaint",
            "feat_prop_module.backbone.forward_1.conv2.conv.bias",
            "feat_prop_module.backbone.forward_1.2.bias",
        ),
        (
            "inpaint",
            "feat_prop_module.deform_align.backward_1.deform_conv.bias",
            "feat_prop_module.deform_align.backward_1.bias",
        ),
        ("inpaint", "transformers.transformer.3.mlp.fc2.1.weight", "transformers.transformer.3.mlp.fc2.1.weight"),
    ],
)
def test_weights_are_found_by_their_authors_names(network: str, pytorchcvs: str, authors: str) -> None:
    assert names.authors(network, pytorchcvs) == authors
    assert names.renamed(network, [pytorchcvs], {f"module.{authors}": 1}) == {pytorchcvs: 1}
    assert names.renamed(network, [pytorchcvs], {pytorchcvs: 2}) == {pytorchcvs: 2}
    with pytest.raises(ValueError, match="of another network"):
        names.renamed(network, [pytorchcvs], {"else": 3})


def test_our_deformable_convolution_is_the_one_of_basicvsrpp() -> None:
    torch = pytest.importorskip("torch")
    from cinemill.engines.propainter.operation import DeformConv2d
    from cinemill.models.basicvsrpp import deformed

    torch.manual_seed(1)
    x, offset, mask = torch.randn(2, 8, 9, 7), 3 * torch.randn(2, 36, 9, 7), torch.rand(2, 18, 9, 7)
    layer = DeformConv2d(8, 5, 3, padding=1).requires_grad_(False)
    layer.weight.data.normal_()
    layer.bias.data.normal_()
    told = deformed(x, offset, mask, layer.weight, layer.bias, 2)
    assert float((layer(x, offset, mask) - told).abs().max()) < 1e-4


def test_without_the_engine_it_is_told_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CINEMILL_DATA_DIR", str(tmp_path))
    settings.settings.cache_clear()
    frame = next(iter(scenes(160, 128, Fraction(25), 1, seed=4)))
    with pytest.raises(MissingEngine, match="cinemill engines install propainter"):
        text.chain(BOX).steps[0].check(frame)
    monkeypatch.undo()
    settings.settings.cache_clear()


_MAKE = """
import sys
sys.path.insert(0, sys.argv[1])
import json, pathlib, numpy as np, torch, serve, names
from pytorchcv.models.raft import calc_bidirectional_optical_flow_on_video_by_raft as flow_of
from pytorchcv.models.propainter_rfc import calc_bidirectional_opt_flow_completion_by_pprfc as completed
from pytorchcv.models.propainter_ip import propainter_ip

folder = pathlib.Path(sys.argv[2])
torch.manual_seed(3)
nets = {"flow": serve.raft_things(in_normalize=False, iters=20), "completion": serve.propainter_rfc(),
        "inpaint": serve.propainter()}
for (kind, net), file in zip(nets.items(), ("raft-things", "recurrent_flow_completion", "ProPainter")):
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(0.01 * torch.randn_like(weight))
    prefix = "module." if kind == "flow" else ""
    torch.save({prefix + names.authors(kind, k): v for k, v in net.state_dict().items()}, folder / (file + ".pth"))
    net.eval()
film, mask = np.load(folder / "film.npy"), np.load(folder / "mask.npy")
with torch.inference_mode():
    frames = torch.from_numpy(film) * 2 - 1
    masks = torch.from_numpy(mask)[None, None].repeat(len(frames), 1, 1, 1)
    both = torch.cat((masks[:-1], masks[1:]), dim=1)
    flows, _ = completed(nets["completion"], flow_of(nets["flow"], frames), both)
    seen, left = propainter_ip().eval()(frames=frames, masks=masks, comp_flows=flows, interpolation="nearest")
    made = nets["inpaint"](masked_frames=seen[None], masks_updated=left[None], masks_in=masks[None],
                           completed_flows=flows[None], num_local_frames=len(frames))[0]
np.save(folder / "told.npy", ((made * masks + frames * (1 - masks)) / 2 + 0.5).numpy())
"""
"""Weights by chance under their authors' names, and what the networks make of a film one after another, all at once."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    try:
        install.find_python(ENGINE)
    except MissingEngine as error:
        pytest.skip(str(error))
    folder = os.environ.get("CINEMILL_TEST_ENGINES") or str(tmp_path_factory.mktemp("data"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CINEMILL_DATA_DIR", folder)
        patch.setenv("OMP_NUM_THREADS", "1")
        settings.settings.cache_clear()
        assert list(install.install(ENGINE))
        yield
        install.warm("propainter").stop()
        install._hosts.clear()
    settings.settings.cache_clear()


@pytest.mark.slow
def test_holes_are_filled_as_the_networks_do_one_after_another(installed: None, tmp_path: Path) -> None:
    frames: list[Frame] = list(islice(scenes(144, 128, Fraction(25), 1, seed=4), 12, 17))
    mask = np.zeros((128, 144), np.uint8)
    mask[50:66, 60:84] = 1
    grown = np.zeros((128, 144), np.float32)
    grown[46:70, 56:88] = 1
    np.save(tmp_path / "film.npy", np.clip(np.stack([to_rgb(frame) for frame in frames]), 0, 1))
    np.save(tmp_path / "mask.npy", grown)
    command = [str(install.interpreter(ENGINE)), "-c", _MAKE, str(ENGINE.folder), str(tmp_path)]
    subprocess.run(command, check=True)
    told = np.load(tmp_path / "told.npy")

    made = list(text.chain(f"{BOX}:model:{tmp_path / 'ProPainter.pth'}").run(iter(frames)))
    assert [frame.pts for frame in made] == [frame.pts for frame in frames]
    for one, frame, picture in zip(made, frames, told):
        luma, expected = one.planes[0].astype(int), of_rgb(picture, frame)[0].astype(int)
        assert np.array_equal(luma[mask == 0], frame.planes[0][mask == 0])
        assert np.abs(luma - expected)[mask == 1].max() <= 1
        assert np.abs(luma - frame.planes[0])[mask == 1].mean() > 5

    (tmp_path / "raft-things.pth").rename(tmp_path / "elsewhere.pth")
    other = tmp_path / "other"
    other.mkdir()
    (other / "ProPainter.pth").touch()
    with pytest.raises(MissingModel, match="ProPainter is three networks"):
        list(text.chain(f"{BOX}:model:{other / 'ProPainter.pth'}").run(iter(frames)))
    engine = install.warm("propainter")
    wrong = {kind: str(tmp_path / "elsewhere.pth") for kind in ("flow", "completion", "inpaint")}
    with pytest.raises(EngineRefused, match="of another network"):
        engine.load({**wrong, "device": "cpu"})
    assert json.loads(json.dumps(engine.describe()))["torch"].startswith("2.")
