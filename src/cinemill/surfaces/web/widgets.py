"""Components that `page.js` draws: the file that is worked on, a job, the queue, cues over their sound, models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import gradio as gr

_START = """
const begin = () => window.cinemill
  ? window.cinemill.{kind}(element, props, trigger, watch, {server})
  : setTimeout(begin, 30);
begin();
// events: {events}
"""

HINTS = {
    "video": "or drop it here: any video, also AVI, MKV, DV or a DVD's VOB",
    "audio": "or drop it here: any recording, also a video",
    "image": "or drop it here: JPEG, PNG, WebP, TIFF",
    "subtitle": "or drop it here: SRT, VTT, ASS, TTML, JSON, or a video with subtitles in it",
    "text": "or drop it here: plain text",
    "any": "or drop it here",
}
CHOOSE = {
    "video": "Choose a video",
    "audio": "Choose a recording or a video",
    "image": "Choose a picture",
    "subtitle": "Choose subtitles",
    "text": "Choose a text",
    "any": "Choose a file",
}


def _widget(
    kind: str, markup: str, *, events: Sequence[str] = (), server: Sequence[Callable[..., Any]] = (), **rest: Any
) -> Any:
    script = _START.format(
        kind=kind, server="server" if server else "{}", events=" ".join(f"'{event}'" for event in events)
    )
    return gr.HTML(
        html_template=markup,
        js_on_load=script,
        server_functions=list(server) or None,
        apply_default_css=False,
        elem_classes=f"cm-widget cm-is-{kind}",
        **rest,
    )


def source(kinds: Sequence[str], server: Sequence[Callable[..., Any]], *, label: str = "", many: bool = False) -> Any:
    """A file, or several, as {path, name, told, kind, seconds, poster}; events `taken` when people chose another, and
    `shown` when it came from elsewhere, such as from the last visit."""
    label = label or CHOOSE.get(kinds[0], CHOOSE["any"])
    facts = {
        "kinds": " ".join(kinds),
        "label": label,
        "hint": HINTS.get(kinds[0], HINTS["any"]),
        "many": "yes" if many else "no",
    }
    attributes = " ".join(f'data-{name}="{escape(value)}"' for name, value in facts.items())
    return _widget("source", f'<div class="cm-source" {attributes}></div>', events=["taken", "shown"], server=server)


def card(empty: str, server: Sequence[Callable[..., Any]]) -> Any:
    """A job by its id; event `ended` when it is done, failed or cancelled."""
    markup = f'<div class="cm-card" data-empty="{escape(empty)}"></div>'
    return _widget("card", markup, events=["ended"], server=server)


def deck(empty: str, server: Sequence[Callable[..., Any]]) -> Any:
    """What a deck plays, by the id of its job: picture, scopes, counters; event `ended`."""
    markup = f'<div class="cm-deck" data-empty="{escape(empty)}"></div>'
    return _widget("deck", markup, events=["ended"], server=server)


def lesson(empty: str, server: Sequence[Callable[..., Any]]) -> Any:
    """How a network learns, by the id of its job: curves, and a picture that gets better."""
    return _widget("lesson", f'<div class="cm-lesson" data-empty="{escape(empty)}"></div>', server=server)


def queue(server: Sequence[Callable[..., Any]]) -> Any:
    """All jobs, live."""
    return _widget("queue", '<div class="cm-queue"></div>', server=server)


def cues() -> Any:
    """A player with captions over a picture of its sound; value {url, media, name, levels, cues, vtt, …}."""
    return _widget("cues", '<div class="cm-cues"></div>')


def shelf(server: Sequence[Callable[..., Any]]) -> Any:
    """Models and engines: what is here, what could be."""
    return _widget("shelf", '<div class="cm-shelf"></div>', server=server)


def notice() -> Any:
    """A place for a sentence about what went wrong."""
    return gr.HTML("", elem_classes="cm-alert", apply_default_css=False)


def alert(sentence: str) -> str:
    """The sentence as markup that screen readers read at once."""
    return f'<p class="cm-error" role="alert">{escape(sentence)}</p>'


def heading(title: str, lead: str) -> Any:
    """The first words of a tab."""
    return plain(f'<div class="cm-head"><h2>{escape(title)}</h2><p>{escape(lead)}</p></div>')


def columns() -> Any:
    """A row of what is asked and, to its right, what comes of it; below each other on a narrow page."""
    return gr.Row(elem_classes="cm-columns")


def asked() -> Any:
    return gr.Column(scale=4, min_width=320)


def answered() -> Any:
    return gr.Column(scale=6, min_width=320)


def plain(markup: str = "") -> Any:
    """Markup of our own."""
    return gr.HTML(markup, apply_default_css=False, elem_classes="cm-plain")
