"""What operations there are, without loading one: their names and first sentences, read from their source.

`cinemill --help` answers in an eye's blink this way; everything else asks the catalogue.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path


def operations() -> dict[str, str]:
    """Name -> first line of help, ours and those of installed plugins (which tell theirs when they are loaded)."""
    folder = Path(__file__).parents[1] / "operations"
    ours = {name: text for path in sorted(folder.glob("*.py")) for name, text in _declared(path)}
    plugins = {point.name: f"From {point.module}." for point in entry_points(group="cinemill.operation")}
    return dict(sorted((plugins | ours).items()))


def _declared(path: Path) -> Iterator[tuple[str, str]]:
    source = path.read_text("utf-8")
    if "@operation" not in source:
        return
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef) and any(_is_operation(mark) for mark in node.decorator_list):
            yield _name(node), (ast.get_docstring(node) or "").partition("\n")[0]


def _is_operation(mark: ast.expr) -> bool:
    return isinstance(mark, ast.Name) and mark.id == "operation"


def _name(node: ast.ClassDef) -> str:
    for line in node.body:
        if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name) and line.targets[0].id == "name":
            return str(ast.literal_eval(line.value))
    raise ValueError(f"operation {node.name} says no name")
