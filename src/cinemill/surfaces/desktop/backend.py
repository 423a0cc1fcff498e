"""The window's own server, `python -m cinemill.surfaces.desktop.backend FOLDER PORT [no-page]`, a process of its own.

It hears JSON lines on standard input and says JSON lines on standard output:

    hears  {"offer": [PATH, ...]}                                   what could be done with these
           {"submit": {"operation", "paths", "output", "preset"}}   do it; output None is beside the first file
    says   {"ready": PORT, "cookie": TEXT}   {"failed": SENTENCE}
           {"jobs": {"active": [...], "ended": [...]}}              at first and whenever something moves
           {"offer": {"paths", "choices", "folder"}}   {"submitted": COUNT}   {"refused": SENTENCE}

When its input ends, it stops: jobs keep what is finished and go on at the next start. Its owner may be killed.
"""

from __future__ import annotations

import inspect
import json
import mimetypes
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from cinemill.catalogue import operations, presets
from cinemill.errors import CinemillError, OpenFailed, RequestError
from cinemill.jobs.queue import ENDED, Job, Queue
from cinemill.operations import Operation, get
from cinemill.surfaces import forms

_BREATH: Final = 0.3
"""Seconds between two looks at the jobs."""
Say = Callable[[dict[str, Any]], None]


def main(arguments: list[str]) -> int:
    say = _speaker()
    try:
        return _serve(Path(arguments[0]), int(arguments[1]), "no-page" not in arguments, say)
    except CinemillError as error:
        say({"failed": error.sentence})
        return error.exit_code


def _speaker() -> Say:
    """Says lines on standard output, which is nobody else's from now on: what others print goes to standard error."""
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    lock = threading.Lock()

    def say(message: dict[str, Any]) -> None:
        with lock:
            told.write(json.dumps(message) + "\n")
            told.flush()

    return say


def _serve(folder: Path, port: int, page: bool, say: Say) -> int:
    from cinemill.surfaces import serve

    serve.refuse_without_packages()
    from cinemill.surfaces.api import guard
    from cinemill.surfaces.api.app import create_app
    from cinemill.surfaces.api.studio import Serving

    try:
        listener = serve.listener("127.0.0.1", port)
    except RequestError:  # somebody else has it by now
        listener = serve.listener("127.0.0.1", 0)
    serving = Serving(folder=folder, port=listener.getsockname()[1], page=page)
    app = create_app(serving)
    queue: Queue = app.state.studio.queue
    server = serve.server_of(app)
    ready = {"ready": serving.port, "cookie": guard.cookie(serving.token)}
    threading.Thread(target=_tell, args=(server, queue, ready, say), daemon=True).start()
    threading.Thread(target=_listen, args=(server, queue, say), daemon=True).start()
    serve.run(server, listener, folder)
    return 0


def _listen(server: Any, queue: Queue, say: Say) -> None:
    for line in sys.stdin:
        try:
            _obey(json.loads(line), queue, say)
        except CinemillError as error:
            say({"refused": error.sentence})
        except Exception as error:  # a window that is answered nothing would wait for ever
            say({"refused": f"cinemill met a fault of its own, {type(error).__name__}: {error}."})
    server.should_exit = True


def _obey(asked: dict[str, Any], queue: Queue, say: Say) -> None:
    if "offer" in asked:
        say({"offer": offer([Path(text) for text in asked["offer"]])})
    if "submit" in asked:
        say({"submitted": submit(queue, **asked["submit"])})


def _tell(server: Any, queue: Queue, ready: dict[str, Any], say: Say) -> None:
    """That the server listens, and then how the jobs stand, whenever that changes."""
    while not server.started:
        time.sleep(_BREATH / 3)
    say(ready)
    began, said = time.time(), None
    while not server.should_exit:
        now = standing(queue, began)
        if now != said:
            said = now
            say({"jobs": now})
        time.sleep(_BREATH)


def standing(queue: Queue, since: float) -> dict[str, Any]:
    """The jobs that are not done, and those that ended later than `since`."""
    active = queue.jobs(["running", "queued", "paused"], limit=1000)
    ended = [job for job in queue.jobs(ENDED, limit=20) if (job.finished or 0) > since]
    return {"active": [_told(job) for job in reversed(active)], "ended": [_told(job) for job in reversed(ended)]}


def _told(job: Job) -> dict[str, Any]:
    from cinemill.surfaces.web import views

    return {**views.brief(job), "made": [str(path) for path in job.outputs]}


def offer(paths: Sequence[Path]) -> dict[str, Any]:
    """What could be done with files and folders: operations that take all of them. Raises RequestError for none."""
    kinds = [_kind(path) for path in paths]
    choices = [_choice(name, one) for name, one in operations.items() if _takes(one, kinds)]
    if not choices:
        names = ", ".join(path.name for path in paths[:3])
        raise RequestError(f"nothing here works on {names}.")
    folder = paths[0] if paths[0].is_dir() else paths[0].parent
    return {"paths": [str(path) for path in paths], "choices": choices, "folder": str(folder), "kinds": kinds}


def _choice(name: str, operation: Operation[Any, Any]) -> dict[str, Any]:
    fitting = [preset.name for preset in presets().values() if preset.operation == name]
    text = inspect.getdoc(operation) or ""
    return {"name": name, "summary": text.partition("\n")[0], "presets": fitting}


def _kind(path: Path) -> str:
    """What a file is by its name; a folder counts as what it holds most likely, films."""
    from cinemill.media import suffixes
    from cinemill.media.cues import files

    suffix = path.suffix.lower()
    if path.is_dir() or suffix in suffixes.VIDEO:
        return "video"
    if suffix in suffixes.SOUND:
        return "audio"
    if suffix in files.SUFFIXES:
        return "subtitle"
    if suffix in _DOCUMENTS:
        return "any"
    return (mimetypes.guess_type(path.name)[0] or "unknown/").partition("/")[0]


_DOCUMENTS: Final = (".yaml", ".yml", ".json")
"""Such as storyboards, which operations read that take anything."""


_SERVES_FOR: Final = {"video": ("video", "audio"), "audio": ("audio",), "subtitle": ("subtitle", "text")}
"""What a file of a kind may be used as."""


def _takes(operation: Operation[Any, Any], kinds: Sequence[str]) -> bool:
    alone = len(operation.inputs) == 1 and (not operation.together or len(kinds) > 1)
    needs = any(field.is_required() for field in operation.params.model_fields.values())
    fits = all(operation.inputs[:1] and operation.inputs[0] in _SERVES_FOR.get(kind, (kind,)) for kind in kinds)
    return alone and fits and not needs


def submit(queue: Queue, operation: str, paths: list[str], output: str | None, preset: str | None) -> int:
    """Queue a job for each file; how many. Outputs go beside the first file, or to `output`, a file or a folder, and
    replace nothing but a file that was named. Raises CinemillError."""
    given = [Path(path) for path in paths]
    for path in given:
        if not path.exists():
            raise OpenFailed(f"{path} is not there any more.")
    place = output or f"{given[0] if given[0].is_dir() else given[0].parent}{os.sep}"
    if get(operation).output == "optional" and output is None:
        place = ""
    tasks = forms.batch(operation, given, place or None, {}, preset)
    named = len(tasks) == 1 and output is not None and not Path(output).is_dir()
    for task in tasks:
        asked = task.request()
        target = asked.output if named or asked.output is None else _free(asked.output)
        options = {"preset": preset, "overwrite": named}
        queue.submit(operation, list(asked.inputs), {}, output=target, options=options)
    return len(tasks)


def _free(path: Path) -> Path:
    """The path, with a number where something is there already."""
    tried, number = path, 2
    while tried.exists():
        tried = path.with_name(f"{path.stem} {number}{path.suffix}")
        number += 1
    return tried


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
