"""Two files -> VMAF, through the FFmpeg program's libvmaf."""

from __future__ import annotations

import json
import logging
import os
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from cinemill.errors import EngineCrashed, MissingEngine, RequestError
from cinemill.media import lavfi, program, read
from cinemill.settings import settings

_log = logging.getLogger(__name__)


def vmaf(reference: Path, distorted: Path) -> float | None:
    """The mean VMAF of `distorted` (0 to 100), pictures paired by time; None, with the reason logged, without libvmaf.

    Raises RequestError when the sizes differ, OpenFailed or NoSuchStream for what is no video.
    """
    videos = [read.picture_of(read.probe(path)) for path in (distorted, reference)]
    sizes = [f"{video.width}x{video.height}" for video in videos]
    if sizes[0] != sizes[1]:
        raise RequestError(f"VMAF cannot measure {sizes[0]} against {sizes[1]}; scale one to the other's size first.")
    if not _has_libvmaf():
        _log.warning("no VMAF: the FFmpeg program here is built without libvmaf")
        return None
    with TemporaryDirectory(prefix="cinemill-") as folder:
        report = Path(folder) / "vmaf.json"
        options = (
            f"log_fmt=json:log_path={lavfi.escape(str(report))}:n_threads={settings().threads or os.cpu_count() or 1}"
        )
        graph = f"[0:{videos[0].index}][1:{videos[1].index}]libvmaf={options}"
        inputs = ["-i", f"file:{distorted}", "-i", f"file:{reference}"]
        try:
            program.output_of([*inputs, "-filter_complex", graph, "-f", "null", "-"])
        except EngineCrashed as error:
            _log.warning("no VMAF: %s", error)
            return None
        return float(json.loads(report.read_text("utf-8"))["pooled_metrics"]["vmaf"]["mean"])


@lru_cache
def _has_libvmaf() -> bool:
    try:
        return " libvmaf " in program.output_of(["-filters"])
    except MissingEngine:
        return False
