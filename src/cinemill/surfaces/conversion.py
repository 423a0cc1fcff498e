"""`cinemill models convert`: what is converted, on which pictures it is compared, and what came of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cinemill.errors import CinemillError, InvalidParams
from cinemill.models import convert, registry, store
from cinemill.models.convert import Conversion, Numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cinemill.media.types import Frame
    from cinemill.models.session import Floats

_PICTURES = 8
"""How many two files are compared on."""
_CALIBRATION = 24
"""How many tell the range of 8-bit numbers."""
_STRIDE = 12
"""Frames of a clip from one picture to the next: half a second of change."""


def run(
    source: str | None,
    output: Path | None,
    every: bool,
    fp16: bool,
    int8: bool,
    calibrate: Path | None,
    pictures: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Convert one model or all that are here, and tell what came of it. Raises the error of one that fails alone."""
    if (source is None) != every:
        raise InvalidParams("say which model to convert, or --all for every one that is here.")
    if fp16 and int8:
        raise InvalidParams("--fp16 and --int8 are two forms; ask for one at a time.")
    if int8 and calibrate is None:
        raise InvalidParams("--int8 needs --calibrate with a clip like those that the model will see.")
    numbers: Numbers = "fp16" if fp16 else "int8" if int8 else "fp32"
    shown = _from_clip(pictures, _PICTURES) if pictures else _made(_PICTURES)
    seen = _from_clip(calibrate, _CALIBRATION) if calibrate else []
    if source is None:
        done = list(_told(convert.convert_all(shown, numbers, seen, output, overwrite), as_json))
        if as_json:
            typer.echo(json.dumps(done, indent=1))
        elif not done:
            typer.echo("no model that could be converted is here; `cinemill models get` fetches some.")
        if any("error" in one for one in done):
            raise typer.Exit(2)
        return
    weights = _located(source)
    one = convert.convert(weights, output or convert.beside(weights, numbers), shown, numbers, seen, overwrite)
    for facts in _told(iter([one]), as_json):
        if as_json:
            typer.echo(json.dumps(facts, indent=1))


def _located(source: str) -> Path:
    """The weights of a model by name or path. Raises UnknownName, MissingModel, InvalidParams."""
    if Path(source).is_file():
        return Path(source)
    model = registry.find(source)
    if model.loader != "spandrel":
        raise InvalidParams(f"{source} is run by {model.loader}; what spandrel knows can be converted.")
    return store.path(source)


def _from_clip(clip: Path, count: int) -> list[Floats]:
    """Pictures of a clip, (3, H, W) float32, 0 to 1. Raises OpenFailed, NoSuchStream."""
    from cinemill.media import read

    return _as_values(islice(read.frames(read.probe(clip)), 0, count * _STRIDE, _STRIDE))


def _made(count: int) -> list[Floats]:
    """Pictures without photographs, a scene each."""
    from cinemill.learn import procedural

    return _as_values(procedural.scenes(384, 288, Fraction(1, 3), 3 * count, seed=4))


def _as_values(frames: Iterator[Frame]) -> list[Floats]:
    from cinemill.media.rgb import to_rgb

    return [to_rgb(frame).clip(0, 1) for frame in frames]


def _told(results: Iterator[Conversion | CinemillError], as_json: bool) -> Iterator[dict[str, Any]]:
    """Results as data, each printed as it comes."""
    for one in results:
        if not as_json:
            typer.echo(_sentence(one))
        yield {"error": one.as_dict()} if isinstance(one, CinemillError) else {**asdict(one), "output": str(one.output)}


def _sentence(one: Conversion | CinemillError) -> str:
    if isinstance(one, CinemillError):
        return f"✗ {one.sentence}"
    share = one.bytes_after / one.bytes_before
    speed = one.torch_seconds / one.onnx_seconds
    honest = " (with 16-bit weights; processors compute in 32)" if one.numbers == "fp16" else ""
    return (
        f"✓ {one.output}: {one.numbers}, {one.bytes_after / 1e6:.2f} MB, {share:.0%} of {one.model}\n"
        f"  largest error {one.max_error:.1e}, {one.psnr:.1f} dB to torch in fp32, over {one.pictures} pictures"
        f"{honest}\n"
        f"  a picture of {one.size[0]}x{one.size[1]} takes {one.onnx_seconds * 1e3:.0f} ms in onnxruntime and "
        f"{one.torch_seconds * 1e3:.0f} ms in torch: {speed:.2f} times as fast, on this processor"
    )
