"""Networks with few channels and weights that are made up: ONNX files, and checkpoints of the true architectures."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np


def onnx_file(path: Path, scale: int = 1, size: tuple[int, int] | None = None, edge: float = 0.6) -> Path:
    """A network that blurs a little, each colour by itself, and enlarges; what is flat stays flat."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    dice = np.random.default_rng(scale)
    kernels = dice.uniform(0, edge, (3 * scale * scale, 1, 3, 3)).astype(np.float32)
    kernels[:, :, 1, 1] = 2
    kernels /= kernels.sum(axis=(2, 3), keepdims=True)
    pads = np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64)
    shape = list(size) if size else ["h", "w"]
    nodes = [
        helper.make_node("Pad", ["x", "pads"], ["wide"], mode="edge"),
        helper.make_node("Conv", ["wide", "kernels"], ["deep"], group=3),
        helper.make_node("DepthToSpace", ["deep"], ["y"], blocksize=scale, mode="CRD"),
    ]
    graph = helper.make_graph(
        nodes,
        "blur",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3, *shape])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 3, None, None])],
        [numpy_helper.from_array(kernels, "kernels"), numpy_helper.from_array(pads, "pads")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


FACE = np.array([(0.377, 0.469), (0.623, 0.469), (0.501, 0.613), (0.393, 0.725), (0.612, 0.725)], np.float32)
"""Where eyes, nose and corners of the mouth lie in the picture of a face, as parts of its side."""


def yunet_file(path: Path, side: float = 64) -> Path:
    """A YuNet that takes each white square of 8 x 8 for the middle of a face `side` pixels wide."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants = [], [numpy_helper.from_array(np.array([1, -1, 1], np.int64), "flat")]
    constants += [
        numpy_helper.from_array(np.full((1, 3, 1, 1), 1 / 3, np.float32), "mean"),
        numpy_helper.from_array(np.zeros(4, np.float32), "no_box"),
        numpy_helper.from_array(np.zeros(10, np.float32), "no_points"),
    ]
    nodes.append(helper.make_node("Conv", ["input", "mean"], ["grey"]))
    for stride in (8, 16, 32):
        sure = 5 / 255 if stride == 8 else 0
        points = ((FACE - 0.5) * side / stride + 0.5).reshape(10)
        constants.append(numpy_helper.from_array(np.full(1, sure, np.float32), f"gain{stride}"))
        constants.append(numpy_helper.from_array(np.full(1, -4 if stride == 8 else 0, np.float32), f"bias{stride}"))
        constants.append(numpy_helper.from_array(points, f"points{stride}"))
        constants.append(numpy_helper.from_array(np.log(np.full(4, 1, np.float32)), f"box{stride}"))
        size = {"kernel_shape": [stride, stride], "strides": [stride, stride]}
        nodes += [
            helper.make_node("AveragePool", ["grey"], [f"a{stride}"], **size),
            helper.make_node("Reshape", [f"a{stride}", "flat"], [f"b{stride}"]),
            helper.make_node("Mul", [f"b{stride}", f"gain{stride}"], [f"c{stride}"]),
            helper.make_node("Add", [f"c{stride}", f"bias{stride}"], [f"d{stride}"]),
            helper.make_node("Clip", [f"d{stride}", "zero", "one"], [f"cls_{stride}"]),
            helper.make_node("Clip", [f"d{stride}", "zero", "one"], [f"obj_{stride}"]),
            helper.make_node("Mul", [f"b{stride}", "no_box"], [f"e{stride}"]),
            helper.make_node("Add", [f"e{stride}", f"box{stride}"], [f"bbox_{stride}"]),
            helper.make_node("Mul", [f"b{stride}", "no_points"], [f"f{stride}"]),
            helper.make_node("Add", [f"f{stride}", f"points{stride}"], [f"kps_{stride}"]),
        ]
    constants += [numpy_helper.from_array(np.array(v, np.float32), n) for n, v in (("zero", 0), ("one", 1))]
    widths = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
    outputs = [
        helper.make_tensor_value_info(f"{kind}_{stride}", TensorProto.FLOAT, [1, (640 // stride) ** 2, width])
        for kind, width in widths.items()
        for stride in (8, 16, 32)
    ]
    given = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 640, 640])
    graph = helper.make_graph(nodes, "yunet", [given], outputs, constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def face_file(path: Path, keep: float = 1.0, add: float = 0.0, weight: bool = False) -> Path:
    """A network for faces in facefusion's form: face * keep + add (+ the weight), from -1 to 1."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    shape = [1, 3, 512, 512]
    inputs = [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)]
    nodes = [
        helper.make_node("Mul", ["input", "keep"], ["kept"]),
        helper.make_node("Add", ["kept", "add"], ["sum" if weight else "output"]),
    ]
    if weight:
        inputs.append(helper.make_tensor_value_info("weight", TensorProto.DOUBLE, [1]))
        nodes.append(helper.make_node("Cast", ["weight"], ["w"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Add", ["sum", "w"], ["output"]))
    constants = [numpy_helper.from_array(np.full(1, v, np.float32), n) for n, v in (("keep", keep), ("add", add))]
    made = [helper.make_tensor_value_info("output", TensorProto.FLOAT, shape)]
    graph = helper.make_graph(nodes, "face", inputs, made, constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def colour_file(path: Path, gain: Any, bias: Any, side: int | None = None) -> Path:
    """A network for colour: as many channels as `gain` has numbers, each the first channel * gain + bias."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    shape = [side, side] if side else ["h", "w"]
    kernel = np.zeros((len(gain), 3, 1, 1), np.float32)
    kernel[:, 0, 0, 0] = gain
    constants = [numpy_helper.from_array(np.array(v, np.float32), n) for n, v in (("k", kernel), ("b", bias))]
    graph = helper.make_graph(
        [helper.make_node("Conv", ["input", "k", "b"], ["output"])],
        "colour",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, *shape])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, len(gain), *shape])],
        constants,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def style_file(path: Path, side: int | None = 224, channels: int = 4, seed: int = 0) -> Path:
    """Fast neural style as the ONNX model zoo has it, with few channels: 0 to 255 in and out, opset 9, weights listed
    among the inputs. Convolutions between mirrored borders, instance normalisation, a residual block, and up again."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    dice = np.random.default_rng(seed)
    constants: dict[str, Any] = {}
    nodes: list[Any] = []

    def layer(
        name: str, source: str, outputs: int, inputs: int, kernel: int, stride: int = 1, norm: bool = True
    ) -> str:
        pad = kernel // 2
        nodes.append(
            helper.make_node("Pad", [source], [f"{name}p"], mode="reflect", pads=[0, 0, pad, pad, 0, 0, pad, pad])
        )
        weights = dice.normal(0, 1 if norm else 99, (outputs, inputs, kernel, kernel)) / (kernel * np.sqrt(inputs))
        constants[f"{name}.w"], constants[f"{name}.b"] = weights, np.full(outputs, 0.0 if norm else 300.0)
        size = {"kernel_shape": [kernel, kernel], "strides": [stride, stride]}
        nodes.append(helper.make_node("Conv", [f"{name}p", f"{name}.w", f"{name}.b"], [f"{name}c"], **size))
        if not norm:
            return f"{name}c"
        constants[f"{name}.s"], constants[f"{name}.o"] = np.ones(outputs), np.zeros(outputs)
        nodes.append(helper.make_node("InstanceNormalization", [f"{name}c", f"{name}.s", f"{name}.o"], [f"{name}n"]))
        nodes.append(helper.make_node("Relu", [f"{name}n"], [f"{name}r"]))
        return f"{name}r"

    last = layer("a", "input1", channels, 3, 9)
    last = layer("b", last, 2 * channels, channels, 3, 2)
    down = layer("c", last, 4 * channels, 2 * channels, 3, 2)
    nodes.append(helper.make_node("Add", [down, layer("d", down, 4 * channels, 4 * channels, 3)], ["sum"]))
    constants["scales"] = np.array([1, 1, 2, 2])
    nodes.append(helper.make_node("Upsample", ["sum", "scales"], ["up1"], mode="nearest"))
    last = layer("e", "up1", 2 * channels, 4 * channels, 3)
    nodes.append(helper.make_node("Upsample", [last, "scales"], ["up2"], mode="nearest"))
    last = layer("f", "up2", channels, 2 * channels, 3)
    last = layer("g", last, 3, channels, 9, norm=False)
    nodes.append(helper.make_node("Mul", [last, "gain"], ["output1"]))
    constants["gain"] = np.full(1, 0.4)
    sides = [side, side] if side else ["h", "w"]
    values = {name: np.asarray(value, np.float32) for name, value in constants.items()}
    graph = helper.make_graph(
        nodes,
        "style",
        [
            helper.make_tensor_value_info("input1", TensorProto.FLOAT, [1, 3, *sides]),
            *(helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape) for name, value in values.items()),
        ],
        [helper.make_tensor_value_info("output1", TensorProto.FLOAT, [1, 3, *sides])],
        [numpy_helper.from_array(value, name) for name, value in values.items()],
        value_info=[helper.make_tensor_value_info("sum", TensorProto.FLOAT, [1, 4 * channels, 56, 56])] if side else [],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 9)], ir_version=3), path)
    return path


def lama_file(path: Path, value: float, side: int = 64) -> Path:
    """A network that fills masks with one value, and takes `side` x `side` only."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node("Mul", ["mask", "value"], ["fill"]),
        helper.make_node("Add", ["image", "fill"], ["output"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, side, side])
    mask = helper.make_tensor_value_info("mask", TensorProto.FLOAT, [1, 1, side, side])
    made = helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 3, side, side])
    constants = [numpy_helper.from_array(np.full(1, value, np.float32), "value")]
    graph = helper.make_graph(nodes, "fill", [image, mask], [made], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def basicvsrpp_file(path: Path, enlarges: bool = True, idle: bool = False) -> Path:
    """BasicVSR++ with eight features and one block a pass, named as mmagic names it. `idle`: it adds nothing."""
    import torch

    from cinemill.models.basicvsrpp import Network

    torch.manual_seed(0)
    values = Network(8, 1, enlarges, groups=2, last=8).state_dict()
    if idle:
        values |= {name: torch.zeros_like(values[name]) for name in ("conv_last.weight", "conv_last.bias")}
    torch.save({"state_dict": {f"generator.{name}": value for name, value in values.items()}}, path)
    return path


def rife_file(path: Path, widths: tuple[int, ...] = (8, 8, 8, 8, 8), seed: int = 0) -> Path:
    """RIFE 4.26 with narrow blocks; motions of a pixel or so."""
    from safetensors.numpy import save_file

    dice = np.random.default_rng(seed)
    values: dict[str, Any] = {}

    def layer(name: str, *shape: int, outputs: int) -> None:
        values[f"{name}.weight"] = (dice.normal(0, 1, shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
        values[f"{name}.bias"] = dice.normal(0, 0.1, outputs).astype(np.float32)

    layer("encode.cnn0", 4, 3, 3, 3, outputs=4)
    layer("encode.cnn1", 4, 4, 3, 3, outputs=4)
    layer("encode.cnn2", 4, 4, 3, 3, outputs=4)
    layer("encode.cnn3", 4, 4, 4, 4, outputs=4)
    for number, width in enumerate(widths):
        block = f"blocks.{number}"
        layer(f"{block}.conv0.0.0", width // 2, 28 if number else 15, 3, 3, outputs=width // 2)
        layer(f"{block}.conv0.1.0", width, width // 2, 3, 3, outputs=width)
        for at in range(2):
            layer(f"{block}.convblock.{at}.conv", width, width, 3, 3, outputs=width)
            values[f"{block}.convblock.{at}.beta"] = np.full((1, width, 1, 1), 0.1, np.float32)
        layer(f"{block}.lastconv.0", width, 52, 4, 4, outputs=52)
    save_file(values, path)
    return path


def checkpoint(path: Path, architecture: str, **options: Any) -> Path:
    """A checkpoint of an architecture of spandrel's, with weights by chance."""
    import torch

    from cinemill.models import torch_backend

    torch_backend.spandrel()
    from safetensors.torch import save_file

    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = _module(architecture, options)
    for parameter in module.parameters():
        # Some begin at nothing, and then do nothing.
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    save_file({name: value.contiguous() for name, value in module.state_dict().items()}, path)
    return path


def _module(architecture: str, options: dict[str, Any]) -> Any:
    if architecture == "Compact":
        from spandrel.architectures.Compact.__arch.SRVGG import SRVGGNetCompact

        return SRVGGNetCompact(**({"num_feat": 12, "num_conv": 4, "upscale": 2, "act_type": "prelu"} | options))
    if architecture == "ESRGAN":
        from spandrel.architectures.ESRGAN.__arch.RRDB import RRDBNet

        return RRDBNet(**({"in_nc": 3, "out_nc": 3, "num_filters": 8, "num_blocks": 2, "scale": 4} | options))
    if architecture == "SwinIR":
        from spandrel.architectures.SwinIR.__arch.SwinIR import SwinIR

        small = {"depths": [2, 2], "embed_dim": 12, "num_heads": [2, 2], "mlp_ratio": 2, "upscale": 2}
        return SwinIR(**(small | {"img_size": 64, "window_size": 8, "upsampler": "pixelshuffle"} | options))
    if architecture == "SCUNet":
        from spandrel.architectures.SCUNet.__arch.SCUNet import SCUNet

        return SCUNet(**({"in_nc": 3, "config": [1] * 7, "dim": 64} | options))
    if architecture == "DRUNet":
        from spandrel.architectures.DRUNet.__arch.network_unet import DRUNet

        return DRUNet(**({"in_nc": 4, "out_nc": 3, "nc": [8, 8, 16, 16], "nb": 2} | options))
    if architecture == "GFPGAN":
        from spandrel.architectures.GFPGAN.__arch.gfpganv1_clean_arch import GFPGANv1Clean

        return GFPGANv1Clean(**options)  # spandrel knows one size only
    if architecture == "LaMa":
        from spandrel.architectures.LaMa.__arch.LaMa import LaMa

        return LaMa(**({"in_nc": 4, "out_nc": 3} | options))
    if architecture == "RestoreFormer":
        from spandrel.architectures.RestoreFormer.__arch.restoreformer_arch import RestoreFormer

        small = {"n_embed": 16, "embed_dim": 32, "ch": 32, "ch_mult": (1, 1, 1, 1, 1, 1), "num_res_blocks": 1}
        return RestoreFormer(**(small | {"z_channels": 32} | options))
    if architecture == "NAFNet":
        from spandrel.architectures.NAFNet.__arch.NAFNet_arch import NAFNet

        small = {"img_channel": 3, "width": 8, "middle_blk_num": 1}
        return NAFNet(**(small | {"enc_blk_nums": [1, 1, 1, 1], "dec_blk_nums": [1, 1, 1, 1]} | options))
    if architecture == "DDColor":
        from spandrel_extra_arches.architectures.DDColor.__arch.ddcolor import DDColor

        # spandrel knows the encoders by their sizes; this is the smallest.
        small = {"encoder_name": "convnext-t", "nf": 512, "num_queries": 8, "dec_layers": 1, "input_size": (64, 64)}
        return DDColor(**(small | {"num_output_channels": 2, "last_norm": "Spectral"} | options)).eval()
    if architecture == "CodeFormer":
        from spandrel_extra_arches.architectures.CodeFormer.__arch.codeformer import CodeFormer

        return CodeFormer(**({"dim_embd": 64, "n_layers": 1, "codebook_size": 16} | options))
    raise ValueError(architecture)
