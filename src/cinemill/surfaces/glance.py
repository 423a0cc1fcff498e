"""What operations there are, without loading one: names, topics and first sentences, read from their source.

`cinemill --help` answers in an eye's blink this way; everything else asks the catalogue.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_FOLDER = Path(__file__).parents[1] / "operations"


class Told(NamedTuple):
    topic: str
    summary: str


def operations() -> dict[str, Told]:
    """By name, topic after topic: ours and those of installed plugins (which tell theirs when they are loaded)."""
    from importlib.metadata import entry_points

    topics = _topics()
    plugins = entry_points(group="cinemill.operation")
    found = {point.name: Told(topics[-1], f"From {point.module}.") for point in plugins}
    found |= {name: told for path in _FOLDER.glob("*.py") for name, told in _declared(path)}
    return dict(sorted(found.items(), key=lambda each: (topics.index(each[1].topic), each[0])))


def operation(name: str) -> dict[str, Told]:
    """The operation of that name alone, if its file is called like it; else none."""
    paths = (path for path in _FOLDER.glob("*.py") if path.stem == name.replace("-", "_"))
    return {key: told for path in paths for key, told in _declared(path) if key == name}


def _topics() -> list[str]:
    """Those that an operation may have, in their order."""
    for node in ast.parse((_FOLDER / "__init__.py").read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "Topic":
            return [str(each.value) for each in ast.walk(node.value) if isinstance(each, ast.Constant)]
    raise ValueError("nothing says what operations may be about")


def _declared(path: Path) -> Iterator[tuple[str, Told]]:
    source = path.read_text("utf-8")
    if "@operation" not in source:
        return
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef) and any(_is_operation(mark) for mark in node.decorator_list):
            said = {key: value for line in node.body for key, value in _said(line)}
            summary = (ast.get_docstring(node) or "").partition("\n")[0]
            yield said["name"], Told(said["topic"], summary)


def _is_operation(mark: ast.expr) -> bool:
    return isinstance(mark, ast.Name) and mark.id == "operation"


def _said(line: ast.stmt) -> Iterator[tuple[str, str]]:
    """`name = "restore"` as a pair."""
    if isinstance(line, ast.Assign) and isinstance(line.value, ast.Constant):
        yield ast.unparse(line.targets[0]), str(line.value.value)
