"""What all tabs work with: the queue, files, the eye, and what this browser remembers."""

from __future__ import annotations

import functools
import inspect
import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import compress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from cinemill.catalogue import presets
from cinemill.errors import CinemillError, NotHere, UnsupportedMedia
from cinemill.jobs.queue import Queue
from cinemill.operations import get
from cinemill.surfaces.web import fields, looks, widgets
from cinemill.surfaces.web.eye import Eye
from cinemill.surfaces.web.fields import Form
from cinemill.surfaces.web.views import Views
from cinemill.surfaces.web.workspace import Workspace, address, since

_log = logging.getLogger(__name__)
UNEXPECTED = "Something went wrong that should not have. The server's log says more."

Memory = dict[str, Any]
"""What a browser keeps: `values` of forms by operation, `jobs` and `sources` by tab."""


def people(error: CinemillError) -> str:
    """The sentence of an error with names of files, whose folders say nothing to whoever uploaded them."""
    return re.sub(r"(?<![\w./:])/(?:[^\s/]+/)+(?=[^\s/])", "", error.sentence)


def plainly(function: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    """A function for the page's script to call: what goes wrong becomes {error: sentence}."""

    @functools.wraps(function)
    def called(asked: dict[str, Any]) -> dict[str, Any]:
        try:
            return function(asked) or {}
        except NotHere as error:
            return {"error": error.sentence, "gone": True}
        except CinemillError as error:
            return {"error": people(error)}
        except Exception:
            _log.exception("the page asked for %s", function.__name__)
            return {"error": UNEXPECTED}

    return called


class Desk:
    """Made once for a page, inside its `gr.Blocks`."""

    def __init__(self, queue: Queue, workspace: Workspace, eye: Eye) -> None:
        self.queue, self.workspace, self.eye = queue, workspace, eye
        self.views = Views(queue, workspace, eye)
        empty: Memory = {"values": {}, "jobs": {}, "sources": {}}
        self.memory = gr.BrowserState(empty, storage_key="cinemill", secret="cinemill")
        self._shown: list[tuple[str, Callable[..., Any], Sequence[Any], Sequence[Any], Any]] = []
        self._restored: list[tuple[Sequence[Any], Callable[[Memory], Sequence[Any]]]] = []
        self._takers: dict[str, tuple[Sequence[Any], Callable[[Memory, Path], Sequence[Any]]]] = {}
        self.tabs: Any = None
        self.weights: list[Any] = []
        """Menus of models, wherever there are some."""

    # files

    def source(self, tab: str, kinds: Sequence[str], *, label: str = "", many: bool = False) -> Any:
        """A place for the file of a tab, which is there again after a reload."""
        made = widgets.source(kinds, [self._take(), self._pick(), self._recent()], label=label, many=many)
        noted = functools.partial(_noted, "sources", tab)
        together([made.taken, made.shown])(noted, [self.memory, made], self.memory, **QUIET)
        self.again([made], lambda memory: [self._source_again(tab, memory)])
        return made

    def _source_again(self, tab: str, memory: Memory) -> Any:
        kept = memory["sources"].get(tab)
        files = kept if isinstance(kept, list) else [kept] if kept else []
        there = [one for one in files if self._is_owned(one.get("path"))]
        return (there if isinstance(kept, list) else there[0]) if there else gr.skip()

    def _is_owned(self, path: str | None) -> bool:
        try:
            self.workspace.owned(path)
        except CinemillError:
            return False
        return True

    def _take(self) -> Callable[..., Any]:
        @plainly
        def take(asked: dict[str, Any]) -> dict[str, Any]:
            return self.described(self.workspace.take(asked["path"], Path(get_upload_folder())), asked["kinds"])

        return take

    def _pick(self) -> Callable[..., Any]:
        @plainly
        def pick(asked: dict[str, Any]) -> dict[str, Any]:
            return self.described(self.workspace.owned(asked["path"]), asked["kinds"])

        return pick

    def _recent(self) -> Callable[..., Any]:
        @plainly
        def recent(asked: dict[str, Any]) -> dict[str, Any]:
            shown = [{"path": str(path), "name": path.name, "told": since(path)} for path in self.workspace.recent()]
            return {"files": shown}

        return recent

    def described(self, path: Path, kinds: Sequence[str]) -> dict[str, Any]:
        """The file as a `source` shows it. Raises UnsupportedMedia for one of another kind than is wanted."""
        found = self.eye.see(looks.facts, path, self.workspace.pictures)
        if not _fits(found["kind"], kinds):
            raise UnsupportedMedia(f"{path.name} is {_A[found['kind']]}; here belongs {_A[kinds[0]]}.")
        poster = address(Path(found["poster"])) if found["poster"] else None
        return {**found, "path": str(path), "name": path.name, "poster": poster}

    def path_of(self, chosen: Any) -> Path:
        """The file that a `source` holds. Raises OpenFailed."""
        return self.workspace.owned(chosen["path"] if isinstance(chosen, dict) else None)

    def paths_of(self, chosen: Any) -> list[Path]:
        """The files that a `source` of several holds. Raises OpenFailed."""
        found = chosen if isinstance(chosen, list) else [chosen]
        return [self.path_of(one) for one in found or [None]]

    # jobs

    def card(self, tab: str, empty: str, *, files: bool = True) -> Any:
        """A place for the job of a tab, there again after a reload; with its `files`, unless others show them."""

        @plainly
        def look(asked: dict[str, Any]) -> dict[str, Any]:
            return self.views.whole(asked["id"], files)

        @plainly
        def act(asked: dict[str, Any]) -> None:
            self.views.act(asked["id"], asked["name"])

        made = widgets.card(empty, [look, act])
        self.again([made], lambda memory: [memory["jobs"].get(tab) or gr.skip()])
        return made

    def form(self, operation: str, first: Sequence[str], *, without: Sequence[str] = ()) -> Form:
        """The fields of an operation, with its presets above them and with the values that were used last."""
        params = get(operation).params
        known = {one.name: one for one in presets().values() if one.operation == operation}
        chosen = None
        if known:
            choices = [("none", ""), *((f"{name}: {one.description}", name) for name, one in known.items())]
            chosen = gr.Dropdown(choices, value="", label="Preset", info="Fills in the fields below.")
        made = fields.form(params, first, without=without)
        if chosen is not None:

            def fill(name: str) -> list[Any]:
                return made.shown(known[name].params if name in known else {})

            chosen.input(fill, chosen, made.components, **QUIET, show_progress_on=chosen)
        self.weights += made.menus
        kept = [not isinstance(component, gr.File) for component in made.components]

        def again(memory: Memory) -> list[Any]:
            given = memory["values"].get(operation)
            values = made.shown(given) if isinstance(given, dict) else [gr.skip()] * len(kept)
            return list(compress(values, kept))

        self.again(list(compress(made.components, kept)), again)
        return made

    def menus(self) -> list[Any]:
        """The models that are here now, for all menus."""
        return [gr.update(choices=fields.models()) for _ in self.weights]

    def given(self, form: Form, values: Sequence[Any]) -> dict[str, Any]:
        """What the fields say; files that arrived are given a lasting place."""
        kept = [
            str(self.workspace.copied(value)) if value and isinstance(component, gr.File) else value
            for component, value in zip(form.components, values)
        ]
        return form.given(kept)

    def submit(
        self,
        memory: Memory,
        tab: str,
        operation: str,
        inputs: Sequence[Path],
        params: dict[str, Any],
        *,
        name: str = "",
        remember: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
        **rest: Any,
    ) -> tuple[str, Memory]:
        """Queue a job; its id, and the memory with it. `name` is the output's. Raises CinemillError."""
        # A film that was uploaded is a stranger's: its job sees the files that it needs, and no others.
        given = {"confined": True, **({"name": name} if name else {}), **(options or {})}
        job = self.queue.submit(operation, list(inputs), params, options=given, **rest)
        memory = {**memory, "jobs": {**memory["jobs"], tab: job.id}}
        if remember is not None:
            memory["values"] = {**memory["values"], operation: remember}
        return job.id, memory

    # events

    def on(
        self,
        listener: Callable[..., Any],
        function: Callable[..., Sequence[Any] | Iterator[Sequence[Any]]],
        inputs: Sequence[Any],
        outputs: Sequence[Any],
        notice: Any,
        **rest: Any,
    ) -> Any:
        """Let `function` answer an event, at once or bit by bit. What goes wrong becomes a sentence in `notice`, and
        nothing else changes."""

        def refused(sentence: str) -> list[Any]:
            return [*(gr.skip() for _ in outputs), widgets.alert(sentence)]

        @functools.wraps(function)
        def answered(*values: Any) -> Any:
            try:
                return [*function(*values), ""]
            except CinemillError as error:
                return refused(people(error))
            except Exception:
                _log.exception("the page asked for %s", function)
                return refused(UNEXPECTED)

        @functools.wraps(function)
        def answering(*values: Any) -> Any:
            try:
                for found in function(*values):
                    yield [*found, ""]
            except CinemillError as error:
                yield refused(people(error))
            except Exception:
                _log.exception("the page asked for %s", function)
                yield refused(UNEXPECTED)

        several = inspect.isgeneratorfunction(function)
        options = {**QUIET, **rest}
        if options["show_progress"] == "hidden":
            options["show_progress_on"] = notice
        return listener(answering if several else answered, list(inputs), [*outputs, notice], **options)

    def _wake(self) -> None:
        with suppress(CinemillError):
            self.eye.see(looks.nothing)

    def again(self, components: Sequence[Any], values: Callable[[Memory], Sequence[Any]]) -> None:
        """Let these stand as they were when the page is loaded."""
        self._restored.append((components, values))

    def when_shown(
        self, tab: str, function: Callable[..., Any], outputs: Sequence[Any], notice: Any, inputs: Sequence[Any] = ()
    ) -> None:
        """Let `function` fill `outputs` from `inputs` each time the tab is opened."""
        self._shown.append((tab, function, inputs, outputs, notice))

    def takes(self, tab: str, function: Callable[[Memory, Path], Sequence[Any]], outputs: Sequence[Any]) -> None:
        """Let other tabs hand a file to this one, whose `function` fills its `outputs`, the memory among them."""
        self._takers[tab] = (outputs, function)

    def hands(self, listener: Callable[..., Any], tab: str, card: Any, notice: Any) -> None:
        """When `listener` hears something, the tab is opened with the first file that the job of `card` made."""
        outputs, function = self._takers[tab]

        def handed(memory: Memory, id: str | None) -> Sequence[Any]:
            made = [path for path in self.queue.get(id or "").outputs if path.is_file()]
            return [*function(memory, self.workspace.owned(made[0] if made else None)), gr.Tabs(selected=tab)]

        self.on(listener, handed, [self.memory, card], [*outputs, self.tabs], notice, **BUSY)

    def watch_tabs(self, tabs: dict[str, Any]) -> None:
        """Hang up what waits for a tab to be opened."""
        for tab, function, inputs, outputs, notice in self._shown:
            self.on(tabs[tab].select, function, inputs, outputs, notice, **BUSY)
        for tab in tabs.values():  # models may have come since
            tab.select(self.menus, None, self.weights, **QUIET, show_progress_on=self.memory)

    def restore(self, page: Any) -> None:
        """When the page is loaded, everything stands as this browser left it."""

        def again(memory: Memory | None) -> list[Any]:
            threading.Thread(target=self._wake, daemon=True).start()
            sound = _sound(memory)
            return [value for _, values in self._restored for value in values(sound)]

        placed = [component for components, _ in self._restored for component in components]
        loaded = page.load(again, self.memory, placed, **QUIET, show_progress_on=self.memory)
        loaded.then(None, js="() => window.cinemill.ready()", **QUIET)


def together(listeners: Iterable[Callable[..., Any]]) -> Callable[..., Any]:
    """One event for several: each that there is costs time while the page begins. The last of many is never lost."""
    heard: list[Any] = []
    for one in listeners:
        if isinstance(one, functools.partial):  # an event of our own widgets, which Gradio does not know by itself
            heard.append(SimpleNamespace(**vars(one.func) | {"__self__": one.args[0]}))
        else:
            heard.append(one)
    return functools.partial(gr.on, heard, trigger_mode="always_last")


QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "queue": False}
"""For events that answer at once. One that fills many fields says `show_progress_on` something small: Gradio keeps a
state for all that an event fills, and looks for each of them in the whole page whenever any event begins or ends."""
BUSY: dict[str, Any] = {"show_progress": "minimal", "queue": True, "concurrency_limit": 4}
"""For events that take a moment."""

_A = {
    "video": "a video",
    "audio": "a recording",
    "image": "a picture",
    "subtitle": "a file of subtitles",
    "text": "a text",
    "data": "a file of data",
    "any": "any file",
}


def _fits(kind: str, wanted: Sequence[str]) -> bool:
    allowed = {
        "audio": ("audio", "video"),
        "subtitle": ("subtitle", "video", "text"),
        "text": ("text", "subtitle"),
    }
    return "any" in wanted or any(kind in allowed.get(one, (one,)) for one in wanted)


def _noted(what: str, tab: str, memory: Memory, value: Any) -> Memory:
    memory = _sound(memory)
    return {**memory, what: {**memory[what], tab: value}}


def _sound(memory: Any) -> Memory:
    """What a browser sent, in the shape it should have."""
    given = memory if isinstance(memory, dict) else {}
    return {name: given[name] if isinstance(given.get(name), dict) else {} for name in ("values", "jobs", "sources")}
