"""Names of weights in pytorchcv's networks -> those in the files that RAFT's and ProPainter's authors publish.

The networks are the same, layer by layer; only what layers are called differs. Sources of the authors' names:
princeton-vl/RAFT (core/extractor.py, update.py) and sczhou/ProPainter (model/). Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

Weight = TypeVar("Weight")
Rule = tuple[str, str | Callable[[re.Match[str]], str]]

_PROPAGATION: tuple[Rule, ...] = (
    (r"\.conv_offset\.conv(\d)\.conv\.", lambda m: f".conv_offset.{2 * int(m[1]) - 2}."),
    (r"\.deform_conv\.", "."),
    (r"(backbone\.\w+|fuse)\.conv(\d)\.conv\.", lambda m: f"{m[1]}.{2 * int(m[2]) - 2}."),
)
_RULES: dict[str, tuple[Rule, ...]] = {
    "inpaint": (
        (r"^encoder\.layers\.(\d)\.conv\.", lambda m: f"encoder.layers.{2 * int(m[1])}."),
        (r"^decoder\.unit(\d)\.conv1\.conv\.", lambda m: f"decoder.{4 * int(m[1]) - 4}.conv."),
        (r"^decoder\.unit(\d)\.conv2\.conv\.", lambda m: f"decoder.{4 * int(m[1]) - 2}."),
        *_PROPAGATION,
    ),
    "completion": (
        (r"^hg\.down_seq\.down1\.conv\.conv\.", "downsample.0."),
        (
            r"^hg\.down_seq\.down(\d)\.block(\d)\.conv(\d)\.conv\.",
            lambda m: f"encoder{int(m[1]) - 1}.{2 * int(m[2]) - 2}.conv{m[3]}.0.",
        ),
        (r"^hg\.up_seq\.up1\.", "upsample."),
        (r"^hg\.up_seq\.up(\d)\.", lambda m: f"decoder{int(m[1]) - 1}."),
        (r"^(upsample|decoder\d)\.conv1\.conv\.", r"\1.0."),
        (r"^(upsample|decoder\d)\.conv2\.conv\.", r"\1.2.conv."),
        (r"^hg\.skip_seq\.skip4\.", ""),
        (r"^mid_dilation\.conv(\d)\.conv\.", lambda m: f"mid_dilation.{2 * int(m[1]) - 2}."),
        (r"^edgeDetector\.proj\.conv\.", "edgeDetector.projection.0."),
        (r"^edgeDetector\.res_unit\.body\.conv(\d)\.conv\.", r"edgeDetector.mid_layer_\1.0."),
        (r"^edgeDetector\.out_conv\.", "edgeDetector.out_layer."),
        *_PROPAGATION,
    ),
    "flow": (
        (r"\.features\.init_block\.conv\.", ".conv1."),
        (r"\.features\.init_block\.bn\.", ".norm1."),
        (r"\.features\.final_block\.", ".conv2."),
        (r"\.features\.stage(\d)\.unit(\d)\.", lambda m: f".layer{m[1]}.{int(m[2]) - 1}."),
        (r"\.body\.conv(\d)\.conv\.", r".conv\1."),
        (r"\.body\.conv(\d)\.bn\.", r".norm\1."),
        (r"\.identity_conv\.conv\.", ".downsample.0."),
        (r"\.identity_conv\.bn\.", ".downsample.1."),
        (r"\.encoder\.conv_corr\.conv_list\.conv(\d)\.conv\.", r".encoder.convc\1."),
        (r"\.encoder\.conv_flow\.conv_list\.conv(\d)\.conv\.", r".encoder.convf\1."),
        (r"\.encoder\.conv_out\.conv\.", ".encoder.conv."),
        (r"\.gru\.horizontal_gru\.conv_([zrq])\.conv\.", r".gru.conv\g<1>1."),
        (r"\.gru\.vertical_gru\.conv_([zrq])\.conv\.", r".gru.conv\g<1>2."),
        (r"\.flow_head\.conv1\.conv\.", ".flow_head.conv1."),
        (r"\.mask\.conv1\.conv\.", ".mask.0."),
        (r"\.mask\.conv2\.", ".mask.2."),
    ),
}


def authors(network: str, name: str) -> str:
    """What the authors call the weight that pytorchcv calls `name`; `network`: flow, completion or inpaint."""
    for pattern, replacement in _RULES[network]:
        name = re.sub(pattern, replacement, name)
    return name


def renamed(network: str, wanted: Iterable[str], weights: Mapping[str, Weight]) -> dict[str, Weight]:
    """`weights` under the names that are `wanted`. Raises ValueError when one is missing.

    RAFT was saved from several GPUs at once, which puts "module." before each name.
    """
    wanted = list(wanted)
    given = {name.removeprefix("module."): value for name, value in weights.items()}
    if all(name in given for name in wanted):
        return {name: given[name] for name in wanted}
    lacking = [name for name in wanted if authors(network, name) not in given]
    if lacking:
        raise ValueError(f"the file for {network} is of another network: it has no {authors(network, lacking[0])}")
    return {name: given[authors(network, name)] for name in wanted}
