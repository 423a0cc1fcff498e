"""Whether the server is well, and what Prometheus wants to know."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse

from cinemill.hardware import cores, gpus
from cinemill.surfaces.api.studio import Studio, studio_of
from cinemill.version import __version__

_STARTED = time.time()


def router() -> APIRouter:
    routes = APIRouter(tags=["health"])
    routes.get("/health")(health)
    routes.get("/metrics", response_class=PlainTextResponse)(metrics)
    return routes


def health(request: Request) -> dict[str, Any]:
    """Whether the server is well: its queue can be read and there is room."""
    studio = studio_of(request)
    return {"status": "ok", "version": __version__, "jobs": studio.queue.counts(), "uptime": time.time() - _STARTED}


def metrics(request: Request) -> str:
    """Counts for Prometheus."""
    return "\n".join(_lines(studio_of(request))) + "\n"


def _lines(studio: Studio) -> Iterator[str]:
    yield from _metric("cinemill_info", "gauge", "Version.", [({"version": __version__}, 1)])
    jobs = [({"state": state}, count) for state, count in studio.queue.counts().items()]
    yield from _metric("cinemill_jobs", "gauge", "Jobs by state.", jobs)
    running = studio.queue.jobs(["running"])
    shares = [({"job": job.id, "operation": job.operation}, job.progress.share) for job in running]
    yield from _metric("cinemill_job_progress_ratio", "gauge", "How far running jobs are, within a stage.", shares)
    rates = [({"job": job.id, "unit": job.progress.unit}, job.progress.rate or 0.0) for job in running]
    yield from _metric("cinemill_job_rate", "gauge", "Units a second of running jobs.", rates)
    yield from _metric("cinemill_events_total", "counter", "Events of all jobs.", [({}, studio.queue.last_event())])
    disk = shutil.disk_usage(studio.queue.folder)
    yield from _metric("cinemill_disk_free_bytes", "gauge", "Room on the disk of the studio.", [({}, disk.free)])
    yield from _metric("cinemill_cores", "gauge", "Cores that may be used.", [({}, cores())])
    yield from _metric("cinemill_start_time_seconds", "gauge", "When the server began.", [({}, _STARTED)])
    found = gpus()
    heat = [({"gpu": f"{gpu.vendor}{gpu.index}"}, gpu.temperature) for gpu in found if gpu.temperature is not None]
    yield from _metric("cinemill_gpu_temperature_celsius", "gauge", "Temperatures of graphics processors.", heat)
    free = [({"gpu": f"{gpu.vendor}{gpu.index}"}, gpu.free_mib << 20) for gpu in found if gpu.free_mib is not None]
    yield from _metric("cinemill_gpu_free_bytes", "gauge", "Free memory of graphics processors.", free)


def _metric(name: str, kind: str, text: str, values: Sequence[tuple[dict[str, str], float]]) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"
    for labels, value in values:
        told = ",".join(f'{key}="{_escaped(each)}"' for key, each in labels.items())
        yield f"{name}{'{' + told + '}' if told else ''} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
