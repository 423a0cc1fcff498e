"""What there is, for programs: operations with their parameters, filters and presets."""

from __future__ import annotations

import inspect
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from cinemill.catalogue import Params, file_kinds, filters, operations, presets
from cinemill.surfaces import forms


def router() -> APIRouter:
    routes = APIRouter(prefix="/api", tags=["catalogue"])
    routes.get("/catalogue")(whole)
    return routes


def whole() -> dict[str, Any]:
    """Every operation, filter and preset, with parameters as JSON Schema and as people read them."""
    return {
        "operations": [_operation(name, found) for name, found in operations.items()],
        "filters": [
            {"name": name, "summary": found.summary, **_params(found.params)} for name, found in filters.items()
        ],
        "presets": [preset.model_dump(mode="json") for preset in presets().values()],
    }


def _operation(name: str, found: Any) -> dict[str, Any]:
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
