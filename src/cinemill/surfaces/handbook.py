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
from cinemill.surfaces import reference

_ROOT = Path(__file__).parents[3]


def on_config(config: Any) -> Any:
    """Put the operations into the menu."""
    pages = [{name: f"operations/{name}.md"} for name in operations]
    place = next(number for number, part in enumerate(config.nav) if "Trust" in part)
    config.nav.insert(place, {"Operations": pages})
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
        "licences.md": "\n".join(_licences()),
        "extending.md": (_ROOT / "CONTRIBUTING.md").read_text("utf-8"),
        "changelog.md": (_ROOT / "CHANGELOG.md").read_text("utf-8"),
    }


def _operation(name: str, operation: Operation[Any, Any]) -> Iterator[str]:
    yield from (f"# {name}", "", inspect.getdoc(operation) or "", "")
    picture = _ROOT / "docs" / "pictures" / f"{name}.jpg"
    if picture.is_file():
        yield from (f"![{name}: before and after](../pictures/{name}.jpg)", "")
    if operation.example:
        yield from ("```", operation.example, "```", "")
    yield from _ways(name, operation)
    fitting = [preset for preset in presets().values() if preset.operation == name]
    if fitting:
        yield from ("", "## Presets", "", "| preset | what for |", "|---|---|")
        yield from (f"| `{preset.name}` | {preset.description} |" for preset in fitting)
    yield from ("", "## Parameters")
    yield from reference.table(operation.params, lambda entry: f"`{entry.option}`")


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
