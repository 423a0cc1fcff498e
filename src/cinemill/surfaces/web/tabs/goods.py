"""Models & engines: what is here, what could be, under which licence and how large; getting and removing them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cinemill.errors import CinemillError, InvalidParams
from cinemill.surfaces.web import widgets
from cinemill.surfaces.web.desk import UNEXPECTED, Desk, plainly

if TYPE_CHECKING:
    from cinemill.models.registry import Model


@dataclass
class _Doing:
    """Something that is fetched or removed, for all browsers to see."""

    told: str
    busy: bool = True
    failed: bool = False


class Shop:
    """Gets and removes models and engines, one thread each, and remembers how each went."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._doing: dict[tuple[str, str], _Doing] = {}

    def at(self, kind: str, name: str) -> _Doing:
        return self._doing.get((kind, name), _Doing("", busy=False))

    @property
    def busy(self) -> bool:
        return any(one.busy for one in self._doing.values())

    def begin(self, kind: str, name: str, work: Callable[[_Doing], None]) -> None:
        """Let `work` go on beside; it tells how far it is. Raises InvalidParams when it does already."""
        with self._lock:
            if self.at(kind, name).busy:
                raise InvalidParams(f"{name} is being worked on already.")
            doing = self._doing[kind, name] = _Doing("It begins.")
        threading.Thread(target=self._work, args=(doing, work), name=f"get {name}", daemon=True).start()

    def _work(self, doing: _Doing, work: Callable[[_Doing], None]) -> None:
        try:
            work(doing)
            doing.told = ""
        except CinemillError as error:
            doing.told, doing.failed = error.sentence, True
        except Exception:
            doing.told, doing.failed = UNEXPECTED, True
        finally:
            doing.busy = False


def draw(desk: Desk) -> None:
    """Lay the tab out."""
    widgets.heading(
        "Models & engines",
        "Nothing here is needed. Each makes something better, and is fetched when you say so.",
    )
    shop = Shop()

    @plainly
    def all(asked: dict[str, Any]) -> dict[str, Any]:
        return {"groups": groups(shop), "busy": shop.busy}

    @plainly
    def act(asked: dict[str, Any]) -> None:
        kind, name = str(asked["kind"]), str(asked["name"])
        work = _WORK[kind, str(asked["deed"])]
        shop.begin(kind, name, lambda doing: work(name, bool(asked.get("agreed")), doing))

    widgets.shelf([all, act])


def groups(shop: Shop) -> list[dict[str, Any]]:
    """Engines, then models by what they do; each with its name, size, licence and state."""
    from cinemill.models import registry

    found = [{"title": "Engines: programs in environments of their own", "goods": _engines(shop)}]
    for task in registry.TASKS:
        goods = [_model(shop, model) for model in registry.models().values() if model.task == task]
        if goods:
            found.append({"title": f"Models: {task.replace('-', ' ')}", "goods": goods})
    return found


def _engines(shop: Shop) -> list[dict[str, Any]]:
    from cinemill.engines import engines
    from cinemill.engines.install import is_installed

    shown: list[dict[str, Any]] = []
    for name, engine in engines.items():
        doing = shop.at("engine", name)
        shown.append(
            {
                "kind": "engine",
                "name": name,
                "told": engine.summary,
                "size": f"about {engine.size_mb} MB" if engine.size_mb else "",
                "licence": "",
                "terms": "",
                "here": is_installed(engine),
                "builtin": not engine.size_mb,
                "doing": doing.told,
                "busy": doing.busy,
                "failed": doing.failed,
            }
        )
    return shown


def _model(shop: Shop, model: Model) -> dict[str, Any]:
    from cinemill.models import store

    doing, here = shop.at("model", model.name), store.is_here(model)
    size = store.size_here(model) if here else model.size
    commercial = {"yes": "", "no": "not for money", "unclear": "unclear for money"}[model.licence.commercial]
    return {
        "kind": "model",
        "name": model.name,
        "told": model.description,
        "size": f"{size / 1e6:.1f} MB" if size else "",
        "licence": ", ".join(filter(None, (model.licence.name, commercial))),
        "terms": f"{model.licence.name}: no commercial use." if model.licence.commercial == "no" else "",
        "here": here,
        "builtin": not any(file.url for file in model.files),
        "doing": doing.told,
        "busy": doing.busy,
        "failed": doing.failed,
    }


def _get_model(name: str, agreed: bool, doing: _Doing) -> None:
    from cinemill.models import store

    def progress(file: str, here: int, total: int | None) -> None:
        share = f" of {total / 1e6:.0f} MB, {here / total:.0%}" if total else " MB"
        doing.told = f"{file}: {here / 1e6:.1f}{share}"

    store.get(name, agreed, progress=progress)


def _remove_model(name: str, agreed: bool, doing: _Doing) -> None:
    from cinemill.models import store

    store.remove(name)


def _get_engine(name: str, agreed: bool, doing: _Doing) -> None:
    from cinemill.engines import engines
    from cinemill.engines.install import install

    for line in install(engines.get(name)):
        doing.told = line.strip()[:200] or doing.told


def _remove_engine(name: str, agreed: bool, doing: _Doing) -> None:
    from cinemill.engines import engines
    from cinemill.engines.install import remove

    remove(engines.get(name))


_WORK: dict[tuple[str, str], Callable[[str, bool, _Doing], None]] = {
    ("model", "get"): _get_model,
    ("model", "remove"): _remove_model,
    ("engine", "get"): _get_engine,
    ("engine", "remove"): _remove_engine,
}
