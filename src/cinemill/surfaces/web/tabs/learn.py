"""Learn: what people prefer becomes pairs, pairs become a network, and the network is used by its name."""

from __future__ import annotations

import base64
import functools
import json
import secrets
from collections.abc import Sequence
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from cinemill.errors import CinemillError, InvalidParams, NotAllowed
from cinemill.jobs.shelf import clean_name
from cinemill.operations.sessions import train
from cinemill.settings import settings
from cinemill.surfaces.web import labwork, widgets
from cinemill.surfaces.web.desk import BUSY, QUIET, Desk, Memory, plainly
from cinemill.surfaces.web.eye import Eye
from cinemill.surfaces.web.tabs.saving import named

_STEPS = ("Gather", "Train", "Compare", "Use")
_TASKS = (
    ("Restore: undo what happened to this tape, in colour", "restore"),
    ("Imitate: repeat what a hand or another program did", "imitate"),
    ("Denoise: refine our denoiser", "denoise"),
    ("Upscale: refine our enlarger", "upscale"),
    ("Deinterlace: refine our deinterlacer", "deinterlace"),
)
_WITHOUT = ("folder", "task", "good", "damage", "pairs", "painting", "manner", "name", "replace")
_LONG = 900.0
"""Seconds that making comparisons may take."""
_LEAST = 2
"""Pairs that there must be."""


def draw(desk: Desk) -> None:
    """Lay the tab out."""
    widgets.heading("Learn", "What you prefer becomes a small network of your own, made on this machine.")
    hand = Eye()
    step = gr.Radio([*_STEPS], value=_STEPS[0], label="Four steps, one after another", elem_id="learn-step")
    collection = gr.Textbox("my-tape", label="Collection", info="Comparisons and pairs are kept under this name.")
    groups: list[Any] = []
    for name in _STEPS:
        with gr.Column(visible=name == _STEPS[0], elem_id=f"learn-{name.lower()}") as group:
            groups.append(group)
    with groups[0]:
        gathered = _gather(desk, hand, collection)
    with groups[1]:
        done, model = _train(desk, hand, collection)
    with groups[2]:
        compared, fill = _compare(desk)
    with groups[3]:
        chain = _use(desk)

    def open_group(chosen: str) -> list[Any]:
        return [gr.update(visible=name == chosen) for name in _STEPS]

    def learned(id: str | None) -> Sequence[Any]:
        """A network is there: it can be compared and used."""
        with suppress(CinemillError):
            job = desk.queue.get(id or "")
            if job.state == "done":
                return [job.result["use"], *fill(job.id)]
        return [gr.skip()] * (1 + len(compared))

    def again(memory: Memory) -> list[Any]:
        kept = memory["values"].get("learn")
        kept = kept if isinstance(kept, dict) else {}
        return [str(kept.get("collection") or "my-tape"), str(kept.get("model") or "my-model")]

    def remember(memory: Memory, called: str, known: str) -> Memory:
        return {**memory, "values": {**memory["values"], "learn": {"collection": called, "model": known}}}

    step.change(open_group, step, groups, **QUIET)
    for one in (collection, model):
        one.blur(remember, [desk.memory, collection, model], desk.memory, **QUIET)
    done.ended(learned, done, [chain, *compared], **{**QUIET, "queue": True})
    desk.again([collection, model], again)
    desk.when_shown("Learn", gathered.look, gathered.outputs, gathered.notice, [collection])


class _Gathered:
    """What the first step shows, to be filled when the tab is opened."""

    def __init__(self, look: Any, outputs: Sequence[Any], notice: Any) -> None:
        self.look, self.outputs, self.notice = look, outputs, notice


def _gather(desk: Desk, hand: Eye, collection: Any) -> _Gathered:
    with widgets.columns():
        with widgets.asked():
            source = desk.source("learn", ["video"])
            one = gr.Textbox("denoise.learned", label="One setting", info="A chain of filters.", elem_id="learn-one")
            other = gr.Textbox(
                "", label="The other", info="Left empty, it is the film as it is.", elem_id="learn-other"
            )
            moments = gr.Slider(2, 40, value=8, step=1, label="Moments of the film", elem_id="learn-moments")
            with gr.Accordion("Pairs that you have already", open=False):
                before = desk.source("learn-before", ["image", "video"], label="Choose what is before", many=True)
                after = desk.source("learn-after", ["image", "video"], label="Choose what it should be", many=True)
                add = gr.Button("Add these pairs", elem_id="learn-add")
            notice = widgets.notice()
            with gr.Row(elem_classes="cm-actions"):
                make = gr.Button("Compare the two", variant="primary", elem_id="learn-make")
        with widgets.answered():
            told = widgets.plain()
            with gr.Column(visible=False) as rating:
                slider = gr.ImageSlider(
                    label="Left and right",
                    show_label=False,
                    type="filepath",
                    max_height=560,
                    interactive=False,
                    elem_id="learn-slider",
                )
                keep = gr.Checkbox(
                    True, label="What is better is how it should look", info="It becomes a pair to learn from."
                )
                with gr.Row(elem_classes="cm-actions"):
                    words = {
                        word: gr.Button(text, elem_id=f"learn-{word}")
                        for word, text in (
                            ("left", "The left is better"),
                            ("same", "No difference"),
                            ("right", "The right is better"),
                        )
                    }
    number = gr.State(None)
    outputs = [rating, slider, number, told]

    def shown(found: dict[str, Any]) -> Sequence[Any]:
        there = found["number"] is not None
        pictures = tuple(found["pictures"]) if there else None
        return [gr.update(visible=there), gr.update(value=pictures), found["number"], _told(found)]

    def look(called: str) -> Sequence[Any]:
        return shown(hand.see(labwork.waiting, _folder(desk, called)))

    def compare(called: str, chosen: Any, a: str, b: str, count: float) -> Sequence[Any]:
        film = desk.path_of(chosen)
        chains = [a.strip(), b.strip()]
        return shown(hand.see(labwork.compare, _folder(desk, called), film, chains, int(count), patience=_LONG))

    def rate(word: str, called: str, which: int | None, learn: bool) -> Sequence[Any]:
        if which is None:
            raise InvalidParams("there is nothing to rate; compare two settings first.")
        return shown(hand.see(labwork.rate, _folder(desk, called), int(which), word, bool(learn)))

    def own(called: str, first: Any, second: Any) -> Sequence[Any]:
        return shown(hand.see(labwork.add, _folder(desk, called), desk.paths_of(first), desk.paths_of(second)))

    desk.on(make.click, compare, [collection, source, one, other, moments], outputs, notice, **BUSY)
    for word, button in words.items():
        desk.on(button.click, functools.partial(rate, word), [collection, number, keep], outputs, notice, **BUSY)
    desk.on(add.click, own, [collection, before, after], outputs, notice, **BUSY)
    desk.on(collection.submit, look, [collection], outputs, notice, **BUSY)
    return _Gathered(look, outputs, notice)


def _told(found: dict[str, Any]) -> str:
    """What is there and what was preferred, in words."""
    if not found["count"] and not found["pairs"]:
        return (
            '<p class="cm-empty">Choose a film, and two settings that you doubt between. You will see both side by '
            "side, without knowing which is which.</p>"
        )
    lines = [f"{found['left']} of {found['count']} comparisons are left." if found["count"] else ""]
    lines += [f"{found['pairs']} pairs to learn from." + ("" if found["pairs"] >= _LEAST else " Two are the least.")]
    lines += [
        f"{share:.0%} would prefer {chain}: won {won}, lost {lost}, even {even}."
        for chain, share, won, lost, even in found["standings"]
    ]
    items = "".join(f"<li>{escape(line)}</li>" for line in lines if line)
    return f'<section class="cm-findings"><h3>So far</h3><ul>{items}</ul></section>'


def _train(desk: Desk, hand: Eye, collection: Any) -> tuple[Any, Any]:
    with widgets.columns():
        with widgets.asked():
            task = gr.Dropdown([*_TASKS], value="restore", label="What to learn", elem_id="learn-task")
            model = gr.Textbox("my-model", label="Name", info="What filters will call it.", elem_id="learn-name")
            origin = gr.Radio(
                ["the collection", "good films", "a folder"], value="the collection", label="Learn from",
                elem_id="learn-origin",
            )  # fmt: skip
            with gr.Column(visible=False) as films:
                good = desk.source("learn-good", ["video", "image"], label="Choose good films", many=True)
                damage = gr.Textbox(
                    "simulate.tape=luma_noise:6",
                    label="Damage",
                    info="How they are damaged to learn from. Upscale and deinterlace make their own.",
                )
            place = gr.Textbox(
                label="Folder", visible=False, info="On the studio's machine, with input and target in it."
            )
            form = desk.form("train", ("steps", "batch", "crop", "rate"), without=_WITHOUT)
            replace = gr.Checkbox(
                False, label="Begin anew", info="Replaces what was begun or made here under that name."
            )
            notice = widgets.notice()
            with gr.Row(elem_classes="cm-actions"):
                run = gr.Button("Train", variant="primary", elem_id="learn-run")
        with widgets.answered():
            done = desk.card("learn", "", files=False)
            shown = widgets.lesson(
                "Curves appear here while it learns. Pause and go on as you like.", [_learning(desk)]
            )
    desk.again([shown], lambda memory: [memory["jobs"].get("learn")])

    def switch(chosen: str) -> Sequence[Any]:
        return [gr.update(visible=chosen == "good films"), gr.update(visible=chosen == "a folder")]

    def start(
        memory: Memory, what: str, called: str, known: str, source: str, chosen: Any, hurt: str, typed: str,
        again: bool, *values: Any,
    ) -> Sequence[Any]:  # fmt: skip
        own = desk.given(form, values)
        id = secrets.token_hex(8)
        params = {**own, "task": what, "name": known.strip(), "folder": str(desk.queue.place(id) / "live")}
        if source == "good films":
            params["good"] = [str(path) for path in desk.paths_of(chosen)]
            if hurt.strip() and what not in ("upscale", "deinterlace"):
                params["damage"] = hurt.strip()
        else:
            params["pairs"] = [str(_pairs(desk, hand, called) if source == "the collection" else _named(hand, typed))]
        params |= {"replace": True} if again else {}
        options = {"on": "serial", "file": False}
        found, memory = desk.submit(memory, "learn", "train", [], params, remember=own, options=options, id=id)
        return [found, found, memory]

    desk.on(origin.input, switch, [origin], [films, place], notice)
    asked = [desk.memory, task, collection, model, origin, good, damage, place, replace, *form.components]
    desk.on(run.click, start, asked, [done, shown, desk.memory], notice, **BUSY)
    return done, model


def _learning(desk: Desk) -> Any:
    @plainly
    def look(asked: dict[str, Any]) -> dict[str, Any]:
        job = desk.queue.get(asked["id"])
        folder = Path(job.params["folder"])
        curve: list[Any] = []
        with suppress(OSError, ValueError):
            curve = json.loads((folder / train.CURVE).read_bytes())
        sample = None
        with suppress(OSError):
            sample = f"data:image/jpeg;base64,{base64.b64encode((folder / train.SAMPLE).read_bytes()).decode()}"
        return {"state": job.state, "curve": curve, "sample": sample}

    return look


def _compare(desk: Desk) -> tuple[list[Any], Any]:
    told = widgets.plain('<p class="cm-empty">What a network makes of pictures that it did not learn from.</p>')
    with gr.Column(visible=False) as group:
        with gr.Row(elem_classes="cm-fields"):
            which = gr.Radio([], label="Picture", elem_id="learn-held")
            left = gr.Radio([], label="On the left", elem_id="learn-left-is")
        slider = gr.ImageSlider(
            label="Old and new", show_label=False, type="filepath", max_height=640, interactive=False,
            elem_id="learn-compared",
        )  # fmt: skip
    job = gr.State("")

    def fill(id: str) -> Sequence[Any]:
        found = desk.queue.get(id).result
        names = [("as it is given", "given"), ("as it should be", "wanted")]
        names = ([("the network it began with", "before")] if found.get("before") else []) + names
        pictures = [(str(number + 1), number) for number in range(int(found.get("held") or 0))]
        notes = "".join(f"<li>{escape(note)}</li>" for note in found.get("notes", []))
        return [
            f'<section class="cm-findings"><h3>{escape(str(found["model"]))}</h3><ul>{notes}</ul></section>',
            gr.update(visible=bool(pictures)),
            gr.update(choices=pictures, value=0 if pictures else None),
            gr.update(choices=names, value=names[0][1]),
            _pair(desk, id, 0, names[0][1]),
            id,
        ]

    def show(id: str, number: int | None, name: str | None) -> Any:
        return _pair(desk, id, number or 0, name or "given")

    for one in (which, left):
        one.input(show, [job, which, left], slider, **QUIET)
    return [told, group, which, left, slider, job], fill


def _pair(desk: Desk, id: str, number: int, name: str) -> tuple[str, str] | None:
    folder = desk.queue.place(desk.queue.get(id).id) / "live" / train.HELD
    found = tuple(str(folder / f"{int(number):02d}-{one}.jpg") for one in (name, "after"))
    return (found[0], found[1]) if name in ("given", "before", "wanted") and Path(found[0]).is_file() else None


def _use(desk: Desk) -> Any:
    with widgets.columns():
        with widgets.asked():
            source = desk.source("learn-use", ["video"])
            chain = gr.Textbox(
                label="Chain",
                info="The new model stands in it by its name, as in any chain of filters from now on.",
                lines=2,
                elem_id="learn-chain",
            )
            notice = widgets.notice()
            with gr.Row(elem_classes="cm-actions"):
                run = gr.Button("Use it", variant="primary", elem_id="learn-apply")
        with widgets.answered():
            done = desk.card("learn-use", "What comes of it appears here.")

    def start(memory: Memory, chosen: Any, written: str) -> Sequence[Any]:
        path = desk.path_of(chosen)
        if not written.strip():
            raise InvalidParams("there is no model to use yet; train one first.")
        params = {"chain": written.strip()}
        return desk.submit(memory, "learn-use", "process", [path], params, name=named(path, "learned", "mp4", params))

    desk.on(run.click, start, [desk.memory, source, chain], [done, desk.memory], notice)
    return chain


def _folder(desk: Desk, called: str) -> Path:
    """Where a collection lies."""
    return desk.workspace.labs / clean_name(called or "my-tape")


def _pairs(desk: Desk, hand: Eye, called: str) -> Path:
    """The pairs of a collection. Raises InvalidParams where there are too few."""
    found = hand.see(labwork.waiting, _folder(desk, called))
    if found["pairs"] < _LEAST:
        raise InvalidParams(
            f"the collection {called} has {found['pairs']} pairs, and two are the least: gather some first, or learn "
            "from good films."
        )
    return _folder(desk, called) / "pairs"


def _named(hand: Eye, typed: str) -> Path:
    """A folder that may be named. Raises NotAllowed, InvalidParams."""
    path = Path(typed.strip() or ".").expanduser().resolve()
    if not any(path.is_relative_to(folder.resolve()) for folder in settings().shared_folders):
        raise NotAllowed(
            "only folders below those of the setting shared_dirs may be named here; or add the pairs above."
        )
    hand.see(labwork.folder_of_pairs, path)
    return path
