"""What works on this machine, by trying it."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby
from typing import Final, Literal

from cinemill.errors import CinemillError, UnsupportedMedia
from cinemill.hardware import cores, gpus
from cinemill.settings import settings
from cinemill.version import __version__


@dataclass(frozen=True)
class Finding:
    """`broken` is something that cinemill needs, `absent` something that it can do without."""

    area: str
    name: str
    state: Literal["works", "absent", "broken"]
    detail: str


def examine() -> list[Finding]:
    """Everything there is to know, in the order in which people should read it."""
    return [*_software(), *_extras(), *_encoders(), *_machine(), *_models(), *_places()]


def _software() -> Iterator[Finding]:
    python = ".".join(map(str, sys.version_info[:3]))
    yield Finding("software", "cinemill", "works", f"{__version__} on Python {python}")
    for name, needed_for in (("av", "reading and writing media"), ("cv2", "pictures"), ("numpy", "everything")):
        try:
            yield Finding("software", name, "works", str(importlib.import_module(name).__version__))
        except ImportError as error:
            yield Finding("software", name, "broken", f"needed for {needed_for}, but: {error}. Reinstall cinemill.")
    yield _program()


def _program() -> Finding:
    from cinemill.media import program

    try:
        said = program.output_of(["-version"]).splitlines()[0]
    except (CinemillError, OSError) as error:
        detail = f"needed for subtitles in the picture and some filters, but: {error}"
        return Finding("software", "FFmpeg program", "broken", detail)
    return Finding("software", "FFmpeg program", "works", said.partition(" Copyright")[0])


_EXTRAS: Final = {
    "studio": ("gradio", "`cinemill serve`: a page, an API, a queue"),
    "desktop": ("PySide6", "`cinemill desktop`: the same in a window"),
    "torch": ("torch", "networks as their authors publish them, `cinemill train`"),
    "cluster": ("ray", "many machines: `--on ray`"),
    "storage": ("s3fs", "files at s3://"),
    "tune": ("optuna", "`cinemill tune`"),
}
"""What each brings to be recognised by, and what it is for."""


def _extras() -> Iterator[Finding]:
    for extra, (package, purpose) in _EXTRAS.items():
        here = importlib.util.find_spec(package) is not None
        how = "" if here else f"; `pip install 'cinemill[{extra}]'` brings it"
        yield Finding("extras", extra, "works" if here else "absent", purpose + how)


def _encoders() -> Iterator[Finding]:
    """Each encoder by a trial: being listed says little. A vendor of whose none works is one finding."""
    import numpy as np

    from cinemill.media import encoders
    from cinemill.media.output import VideoOutput
    from cinemill.media.types import Frame

    planes = tuple(np.full(shape, 128, np.uint8) for shape in ((360, 640), (180, 320), (180, 320)))
    picture = Frame(planes, "yuv420p", 0, Fraction(1, 25))

    def tried(encoder: encoders.Encoder) -> Finding:
        output = VideoOutput(codec=encoder.codec, encoder=encoder.name)
        try:
            encoders.spec_for(output, picture, Fraction(25), None, cores())
        except UnsupportedMedia as error:
            state = "broken" if encoder.name == "libx264" else "absent"
            why = " ".join(str(error.facts["reason"]).removeprefix(encoder.name).lstrip(": ").split())
            return Finding("encoders", encoder.name, state, why)
        return Finding("encoders", encoder.name, "works", encoder.codec)

    for vendor, group in groupby(encoders.ENCODERS, key=lambda encoder: encoder.vendor):
        if vendor == "apple" and sys.platform != "darwin":
            continue
        found = [tried(encoder) for encoder in group]
        none = vendor != "software" and all(one.state == "absent" for one in found)
        yield from [replace(found[0], name=f"{vendor} {found[0].name.partition('_')[2]}")] if none else found


def _machine() -> Iterator[Finding]:
    yield Finding("machine", "cores", "works", str(cores()))
    found = gpus()
    for gpu in found:
        memory = f", {gpu.memory_mib} MiB" if gpu.memory_mib else ""
        yield Finding("machine", "GPU", "works", f"{gpu.name} ({gpu.vendor}{memory})")
    if not found:
        yield Finding("machine", "GPU", "absent", "none found; everything runs on the processor")


def _models() -> Iterator[Finding]:
    from cinemill.models import registry, store
    from cinemill.models.download import is_offline

    try:
        here = [model.name for model in registry.models().values() if store.is_here(model)]
    except CinemillError as error:
        yield Finding("models", "store", "broken", error.sentence)
        return
    known = f"{len(registry.ours())} are known; `cinemill models list` names them"
    there = f"{len(here)} here ({', '.join(here)})" if here else "none is here yet"
    offline = "; nothing is fetched (offline)" if is_offline() else ""
    yield Finding("models", "store", "works" if here else "absent", f"{there}; {known}{offline}")


def _places() -> Iterator[Finding]:
    for name, path in (("jobs", settings().state_dir), ("engines, models", settings().data_dir)):
        nearest = next(p for p in (path, *path.parents) if p.exists())
        free = shutil.disk_usage(nearest).free / 1e9
        yield Finding("disk", name, "works", f"{path}, {free:.0f} GB free")
