"""A job as the page shows it: plain data with sentences, addresses of its files, and what can be done to it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cinemill.catalogue import sessions
from cinemill.errors import CinemillError
from cinemill.jobs.queue import Job, Queue
from cinemill.operations import get
from cinemill.operations.sessions import live
from cinemill.surfaces.web import looks, reports
from cinemill.surfaces.web.eye import Eye
from cinemill.surfaces.web.workspace import Workspace, address

_VIDEO = {".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".ts", ".mts", ".mxf", ".ogv", ".gif"}
_AUDIO = {".wav", ".mp3", ".flac", ".m4a", ".aac", ".opus", ".ogg", ".mka"}
_IMAGE = {".png", ".jpg", ".jpeg", ".webp"}
_TEXT = {".srt", ".vtt", ".ass", ".ttml", ".lrc", ".tsv", ".json", ".txt", ".rttm", ".log", ".csv"}
_EXCERPT = 20_000
"""Characters of a text that are shown."""


def title(job: Job) -> str:
    """`Restore tape.avi`."""
    verb = job.operation.replace("-", " ")
    verb = f"preview: {verb}" if job.params.get("preview") else verb
    names = ", ".join(path.name for path in job.inputs[:2]) + (" …" if len(job.inputs) > 2 else "")
    if job.operation in sessions:
        names = str(job.params.get("name") or job.params.get("device") or "").partition(":")[0]
    return f"{verb[:1].upper()}{verb[1:]} {names}".strip()


def short(seconds: float) -> str:
    """`1:02:03`, `4:05`, `12 s`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def told(job: Job) -> str:
    """Where a job stands, in a sentence."""
    match job.state:
        case "queued":
            return job.why or "It begins when its turn comes."
        case "running":
            return _working(job)
        case "paused":
            return job.why or "It rests where it is; nothing that is finished is lost."
        case "done":
            took = (job.finished or 0) - (job.started or job.created)
            return f"Finished in {short(took)}."
        case "failed":
            return "It stopped. What was finished is kept for another try."
        case "cancelled":
            return "You stopped it."


def _working(job: Job) -> str:
    at = job.progress
    if at.stage == "planning" and not at.total:
        return "Looking at the file and settling what to do."
    if at.stage == "joining":
        return f"Putting the parts together: {at.share:.0%}."
    if at.stage == "measuring":
        return f"Measuring the result against its source: {at.share:.0%}."
    words = [f"{at.done} of {at.total} {at.unit}" if at.total else f"{at.done} {at.unit}"]
    if at.rate:
        words.append(f"{at.rate:.3g} {at.unit}/s")
    if at.eta is not None:
        words.append(f"about {short(at.eta)} left")
    return ", ".join(words) + "."


def actions(job: Job) -> list[str]:
    """What can be done to a job now."""
    if get(job.operation).ends_when_asked and not job.has_ended:
        return ["stop"] if job.state == "running" else ["cancel"]
    match job.state:
        case "queued" | "running":
            return ["pause", "cancel"]
        case "paused":
            return ["resume", "cancel"]
        case "failed" | "cancelled":
            return ["retry", "remove"]
        case "done":
            return ["remove"]


def share(job: Job) -> float | None:
    """How far a job is from 0 to 1; None while nobody knows."""
    if job.state == "done":
        return 1.0
    if job.state == "running" and (job.progress.stage == "planning" or not job.progress.total):
        return None
    return job.progress.share


def brief(job: Job) -> dict[str, Any]:
    """The job without its files."""
    return {
        "id": job.id,
        "operation": job.operation,
        "title": title(job),
        "state": job.state,
        "share": share(job),
        "told": told(job),
        "error": job.error,
        "actions": actions(job),
    }


_MOST = 48
"""Files of a job that are shown."""


class Views:
    """Looks at the jobs of a queue for the page."""

    def __init__(self, queue: Queue, workspace: Workspace, eye: Eye) -> None:
        self.queue, self.workspace, self.eye = queue, workspace, eye

    def whole(self, id: str, files: bool = True) -> dict[str, Any]:
        """The job with what it had to say, and its outputs where `files` are asked for. Raises NotHere."""
        job = self.queue.get(id)
        keep = [name for name in actions(job) if name != "remove"]
        shown = self.outputs(job) if files else []
        return {**brief(job), "actions": keep, "outputs": shown, "notes": self.notes(job)}

    def notes(self, job: Job) -> list[str]:
        """Sentences of the plan, of what came up and of the result, each once."""
        said: list[str] = []
        for event in self.queue.events(job.id):
            said += event.get("notes") or []
            said += [event["note"]] if event.get("note") else []
            said += [f"Tried again: {event['reason']}"] if event.get("reason") else []
        return list(dict.fromkeys([*said, *job.result.get("notes", [])]))

    def outputs(self, job: Job) -> list[dict[str, Any]]:
        return [self._made(job, name, path) for name, path in [*job.made.items()][:_MOST]]

    def _made(self, job: Job, name: str, path: Path) -> dict[str, Any]:
        """A file that a job made. One that lies where its asker wanted it is fetched by way of its job."""
        shown = {**self.file(path), **_report(job, name, path)}
        if not any(path.resolve().is_relative_to(folder) for folder in self.workspace.folders):
            shown["url"] = f"api/jobs/{job.id}/files/{quote(name)}"
        return shown

    def file(self, path: Path) -> dict[str, Any]:
        """A file to show and to download."""
        suffix = path.suffix.lower()
        kind = next((k for k, s in _KINDS if suffix in s), "file")
        shown: dict[str, Any] = {
            "name": path.name,
            "suffix": suffix.removeprefix(".").upper(),
            "url": address(path),
            "size": _size(path.stat().st_size),
            "kind": kind,
        }
        if kind == "text":
            with path.open("rb") as file:
                shown["text"] = file.read(_EXCERPT).decode("utf-8", "replace")
        if kind == "video":
            shown["poster"] = self._poster(path)
        return shown

    def _poster(self, path: Path) -> str | None:
        try:
            found = self.eye.see(looks.facts, path, self.workspace.pictures)["poster"]
        except CinemillError:
            return None
        return address(Path(found)) if found else None

    def all(self, most: int = 60) -> dict[str, Any]:
        """The newest jobs, those that are not done first."""
        jobs = self.queue.jobs(limit=most)
        jobs.sort(key=lambda job: job.has_ended)
        counts = self.queue.counts()
        words = {"running": "running", "queued": "waiting", "paused": "paused", "done": "done", "failed": "failed"}
        summary = ", ".join(f"{counts[state]} {word}" for state, word in words.items() if counts[state])  # type: ignore[index]
        return {"summary": summary, "jobs": [brief(job) for job in jobs]}

    def inside(self, id: str) -> dict[str, Any]:
        """Outputs, log and parameters of a job."""
        job = self.queue.get(id)
        params = " ".join(f"{name}={_plain(value)}" for name, value in job.params.items() if value is not None)
        lines = [_line(event) for event in self.queue.events(id)]
        log = "\n".join([line for line in lines if line] + [self.queue.log(id, 1 << 14)]).strip()
        return {"outputs": self.outputs(job), "log": log or "Nothing yet.", "params": params or "All as it comes."}

    def act(self, id: str, name: str) -> None:
        """Do to a job what its button says. Raises JobError."""
        deeds = {
            "pause": self.queue.pause,
            "resume": self.queue.resume,
            "cancel": self.queue.cancel,
            "retry": self.queue.retry,
            "remove": self.queue.remove,
            "stop": self._stop,
        }
        if name in deeds:
            deeds[name](id)

    def _stop(self, id: str) -> None:
        live.stop(Path(self.queue.get(id).params["folder"]))


_KINDS = (("video", _VIDEO), ("audio", _AUDIO), ("image", _IMAGE), ("text", _TEXT))


def _report(job: Job, name: str, path: Path) -> dict[str, str]:
    """A page that a job made is shown as one, where it can do nothing but be seen."""
    return {"kind": "report", "page": reports.address(job.id, name)} if path.suffix.lower() == ".html" else {}


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _line(event: dict[str, Any]) -> str:
    """An event as a line of the log."""
    at = time.strftime("%H:%M:%S", time.localtime(event["at"]))
    match event["event"]:
        case "planned":
            return f"{at} planned: {event['total']} {event['unit']} in {event['chunks']} parts"
        case "part":
            return f"{at} part {event['chunk'] + 1} of {event['chunks']} is done"
        case "retry":
            return f"{at} part {event['chunk'] + 1} is tried again: {event['reason']}"
        case "note":
            return f"{at} {event['note']}"
        case "failed":
            return f"{at} failed: {event['error'].get('message', '')}"
        case "done":
            return f"{at} done in {short(event['seconds'])}"
        case "paused":
            return f"{at} paused"
        case _:
            state = event.get("state")
            return f"{at} {state}" + (f": {event['why']}" if event.get("why") else "") if state else ""


def _size(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"
