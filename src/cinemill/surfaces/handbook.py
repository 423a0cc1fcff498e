"""Pages of the documentation's site that are written when it is built: one for each operation, the licences of models,
how to extend it, what is new. mkdocs calls the functions whose names begin with `on_` (`hooks` in mkdocs.yml)."""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cinemill.catalogue import operations, presets
from cinemill.models import registry
from cinemill.operations import Operation, get
from cinemill.surfaces import glance, reference

_ROOT = Path(__file__).parents[3]
_CREDIT = (
    "*Pictures from Big Buck Bunny, Blender Foundation, CC BY 3.0; from a Chaplin film; and from moviepy's repository, "
    "MIT. Tapes and film are simulated where nothing else is said.*"
)


def on_config(config: Any) -> Any:
    """Put the operations into the menu, topic after topic."""
    pages: dict[str, list[dict[str, str]]] = {}
    for name, told in glance.operations().items():
        pages.setdefault(told.topic, []).append({name: f"operations/{name}.md"})
    place = next(number for number, part in enumerate(config.nav) if "Trust" in part)
    config.nav.insert(place, {"Operations": [{topic: named} for topic, named in pages.items()]})
    return config


def on_files(files: Any, config: Any) -> Any:
    from mkdocs.structure.files import File

    for path, text in pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def pages() -> dict[str, str]:
    """Every page by its path in the site's folder."""
    written = {f"operations/{name}.md": "\n".join(_operation(name, get(name))) for name in operations}
    return {
        **written,
        "pictures.md": "\n".join(_gallery()),
        "licences.md": "\n".join(_licences()),
        "extending.md": (_ROOT / "CONTRIBUTING.md").read_text("utf-8"),
        "changelog.md": (_ROOT / "CHANGELOG.md").read_text("utf-8").replace("](docs/", "]("),
    }


def _operation(name: str, operation: Operation[Any, Any]) -> Iterator[str]:
    yield from (f"# {name}", "", inspect.getdoc(operation) or "", "")
    if operation.example:
        yield from ("```", operation.example, "```", "")
    shown = _pictures(name)
    for path in shown:
        yield from _picture(path, name)
    if shown:
        yield from (_CREDIT, "")
    yield from _ways(name, operation)
    fitting = [preset for preset in presets().values() if preset.operation == name]
    if fitting:
        yield from ("", "## Presets", "", "| preset | what for |", "|---|---|")
        yield from (f"| `{preset.name}` | {preset.description} |" for preset in fitting)
    yield from ("", "## Parameters")
    yield from reference.table(operation.params, lambda entry: f"`{entry.option}`")


def _pictures(name: str) -> list[Path]:
    """Of an operation, as `bench/pictures.py` makes them: first the one that bears its name, then its steps."""
    folder = _ROOT / "docs" / "pictures"
    return [*folder.glob(f"{name}.webp"), *sorted(folder.glob(f"{name}-[!-]*.webp"))]


def _picture(path: Path, name: str) -> Iterator[str]:
    what = path.stem.removeprefix(name).strip("-")
    if what:
        yield from (f"**{what.capitalize()}**", "")
    yield from (f"![{name}{f', {what}' if what else ''}](../pictures/{path.name})", "")


def _gallery() -> Iterator[str]:
    """All pictures on one page."""
    yield from ("# In pictures", "", "What operations make, shown by `python -m bench.pictures`.", "", _CREDIT, "")
    for name, told in glance.operations().items():
        shown = _pictures(name)
        if shown:
            yield from (f"## [{name}](operations/{name}.md)", "", told.summary, "")
        for path in shown:
            yield from (line.replace("../pictures/", "pictures/") for line in _picture(path, name))


def _ways(name: str, operation: Operation[Any, Any]) -> Iterator[str]:
    """What the example says, from Python and over HTTP."""
    files, output, options = _example(operation)
    if not output:
        return
    given = [f'"{name}"', *(f'"{file}"' for file in (*files, output))]
    given += [f"{key.replace('-', '_')}={value if _is_number(value) else repr(value)}" for key, value in options]
    sent = [*(f"-F input=@{file}" for file in files), f"-F output={output}"]
    sent += [f"-F {shlex.quote(f'{key}=@{value}' if _is_file(value) else f'{key}={value}')}" for key, value in options]
    yield from ("The same from Python and over HTTP:", "", "```python")
    yield f"cinemill.run({', '.join(given)})".replace("'", '"')
    yield from ("```", "", "```", f"curl {' '.join(sent)} http://localhost:7860/api/jobs/{name}", "```")


def _example(operation: Operation[Any, Any]) -> tuple[list[str], str, list[tuple[str, str]]]:
    """The files, the output and the options of an operation's example."""
    words = shlex.split(operation.example)[1 + len(operation.name.split("-", 1 if "dv-" in operation.name else 0)) :]
    files: list[str] = []
    output, options = "", []
    while words:
        word = words.pop(0)
        if word == "-o":
            output = words.pop(0)
        elif word.startswith("--"):
            options.append((word[2:], words.pop(0)))
        else:
            files.append(word)
    return files, output, options


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?[\d.]+", text) is not None


def _is_file(text: str) -> bool:
    return re.fullmatch(r"[\w-]+\.[a-z]\w+", text) is not None


def _licences() -> Iterator[str]:
    yield from ("# Licences of models", "")
    yield (
        "cinemill itself is Apache-2.0, and so are the networks that come with it. Every other model is somebody's, is "
        "fetched only when you say so, and has terms of its own. Whether work for money may use it is their word, not "
        "ours; *unclear* means that the terms contradict one another, or those of the training's pictures."
    )
    yield from ("", "| model | for | licence | commercial use | remark |", "|---|---|---|---|---|")
    for name, model in sorted(registry.ours().items()):
        terms = model.licence
        yield f"| `{name}` | {model.task} | {terms.name} | {terms.commercial} | {terms.note} |"
