"""What there is, for programs: operations with their parameters, filters and presets."""

from __future__ import annotations

import inspect
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from cinemill.catalogue import Params, file_kinds, filters, operations, presets
from cinemill.operations import get
from cinemill.surfaces import forms


def router() -> APIRouter:
    routes = APIRouter(prefix="/api", tags=["catalogue"])
    routes.get("/catalogue")(whole)
    return routes


def whole() -> dict[str, Any]:
    """Every operation, filter and preset, with parameters as JSON Schema and as people read them."""
    return {
        "operations": [operation(name) for name in operations],
        "filters": [
            {"name": name, "summary": found.summary, **_params(found.params)} for name, found in filters.items()
        ],
        "presets": [preset.model_dump(mode="json") for preset in presets().values()],
    }


def operation(name: str) -> dict[str, Any]:
    """An operation as programs read it. Raises UnknownName."""
    found = get(name)
    text = inspect.getdoc(found) or ""
    return {
        "name": name,
        "summary": text.partition("\n")[0],
        "description": text,
        "inputs": list(found.inputs),
        "output": found.output,
        "makes_video": found.makes_video,
        "unit": found.unit,
        "example": found.example,
        **_params(found.params),
    }


def _params(params: type[Params]) -> dict[str, Any]:
    told = []
    for entry in forms.entries(params):
        default = entry.default if isinstance(entry.default, int | float | str | None) else str(entry.default)
        files = sorted(file_kinds(params.model_fields[entry.name]))
        told.append({**asdict(entry), "default": default, "files": files})
    return {"params": told, "schema": params.model_json_schema()}
