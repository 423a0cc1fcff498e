"""The registries, parameters and presets: found, unique, explained, refused in one sentence; and light to load."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import pytest

from cinemill.catalogue import (
    Field,
    Params,
    Preset,
    Registry,
    bounds,
    extra,
    filters,
    operations,
    preset,
    presets,
    save_preset,
)
from cinemill.errors import InvalidParams, UnknownName
from cinemill.settings import settings

HEAVY = {"cv2", "av", "onnxruntime", "torch", "ray", "gradio"}
DECLARED = [
    *(pytest.param(item.params, id=f"filter-{name}") for name, item in filters.items()),
    *(pytest.param(item.params, id=f"operation-{name}") for name, item in operations.items()),
]


def python(code: str, **environment: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_discovering_all_filters_and_operations_loads_no_heavy_library() -> None:
    told = python(
        "import sys; from cinemill.catalogue import filters, operations, presets;"
        "print(len(list(filters)), len(list(operations)), len(presets())); print(*sys.modules)"
    )
    counts, modules = told.splitlines()
    assert all(int(count) > 0 for count in counts.split())
    assert not HEAVY & {name.partition(".")[0] for name in modules.split()}


def test_refused_add_leaves_registry_unchanged() -> None:
    registry: Registry[int] = Registry("thing", "cinemill.filters")
    registry.add("one", 1, "first.one")
    before = dict(registry._items)
    for name, problem in (
        ("one", r"declared in first\.one and again in second\.one"),
        ("a,b", "a name is"),
        ("", "name"),
    ):
        with pytest.raises(ValueError, match=problem):
            registry.add(name, 2, "second.one")
        assert registry._items == before
    registry.add("one", 3, "first.one")
    assert registry._items == {"one": (3, "first.one")}, "a module that is loaded again replaces its own"


def test_each_family_of_filters_has_one_default() -> None:
    families: dict[str, list[Any]] = {}
    for name, item in filters.items():
        family, _, method = name.partition(".")
        if method:
            families.setdefault(family, []).append(item)
    for family, members in families.items():
        assert family not in filters, f"{family} is a filter and a family"
        assert sum(item.default for item in members) <= 1, family


@pytest.mark.parametrize("params", DECLARED)
def test_every_parameter_is_explained(params: type[Params]) -> None:
    for name, field in params.model_fields.items():
        assert field.description, f"{params.__name__}.{name} has no docstring"
        assert field.description.rstrip().endswith((".", ")", "?")), f"{params.__name__}.{name}: {field.description}"


BEYOND = {"ge": -1, "gt": 0, "le": 1, "lt": 0}
"""By how much a value breaks a limit at the least."""
REQUIRED: dict[Any, Any] = {int: 16, str: "negate", Path: "a", Fraction: 25}


@pytest.mark.parametrize("params", DECLARED)
def test_values_out_of_range_are_told_the_range_and_the_unit(params: type[Params]) -> None:
    needed = {name: REQUIRED[f.annotation] for name, f in params.model_fields.items() if f.is_required()}
    for name, field in params.model_fields.items():
        limits = [(kind, getattr(limit, kind)) for limit in field.metadata for kind in BEYOND if hasattr(limit, kind)]
        for kind, edge in limits:
            value = edge + BEYOND[kind]
            with pytest.raises(InvalidParams) as caught:
                params.of(needed | {name: value}, "owner")
            told = str(caught.value)
            assert told.startswith(f"owner: {name}={value!r} is refused: it must")
            assert bounds(field) in told
            assert (extra(field, "unit") or "") in told


class Things(Params):
    """For the tests below."""

    ratio: float = Field(0.5, ge=0, le=1)
    """A share."""
    count: int | None = Field(None, ge=1, unit="px")
    """A count."""
    length: float = Field(1.0, gt=0, lt=9, unit="s")
    """A length."""
    way: Literal["bwdif", "yadif"] | None = None
    """A choice."""
    on: bool = False
    """A switch."""
    file: Path = Path("a")
    """A file."""


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"ratio": 2}, "o: ratio=2 is refused: it must lie in 0 … 1."),
        ({"ratio": "much"}, "o: ratio=much is refused: it must be a number, 0 … 1."),
        ({"ratio": float("nan")}, "o: ratio=nan is refused: it must be a number, 0 … 1."),
        ({"ratio": None}, "o: ratio=None is refused: it must be a number, 0 … 1."),
        ({"count": 0}, "o: count=0 is refused: it must be at least 1 px."),
        ({"count": "1.5"}, "o: count=1.5 is refused: it must be a whole number, at least 1 px."),
        ({"length": 9}, "o: length=9 is refused: it must be more than 0, less than 9 s."),
        ({"length": "inf"}, "o: length=inf is refused: it must be a number, more than 0, less than 9 s."),
        ({"way": "bwdiff"}, "o: way=bwdiff is refused: choose bwdif, yadif; did you mean bwdif?"),
        ({"way": "x"}, "o: way=x is refused: choose bwdif, yadif."),
        ({"on": "perhaps"}, "o: on=perhaps is refused: it must be true or false."),
        ({"file": 3}, "o: file=3 is refused: it must be the path of a file."),
        ({"wya": "bwdif"}, "o: no parameter is called 'wya'; did you mean way?"),
    ],
)
def test_refusals_are_one_sentence(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidParams) as caught:
        Things.of(values, "o")
    assert str(caught.value) == sentence


def test_params_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Things().ratio = 1.0  # type: ignore[misc]


@pytest.mark.parametrize("found", presets().values(), ids=lambda found: found.name)
def test_presets_fit_their_operation(found: Any) -> None:
    assert operations.get(found.operation).params.of(found.params, found.name)
    assert preset(found.name, found.operation) == found
    assert found.description.endswith(".")


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the user's own presets."""
    monkeypatch.setenv("CINEMILL_DATA_DIR", str(tmp_path))
    settings.cache_clear()
    folder = tmp_path / "presets"
    folder.mkdir()
    yield folder
    settings.cache_clear()


def test_a_preset_that_is_saved_is_found_again_with_its_values(users: Path) -> None:
    values = {"chain": 'drawtext="a:b, \\"c\\""', "crf": 21, "codec": "hevc", "threads": 0}
    path = save_preset(Preset(name="mine", operation="process", description="Ümlaut \\ “quoted”", params=values))
    assert path.parent == users
    found = preset("mine", "process")
    assert found.params == values
    assert found.description == "Ümlaut \\ “quoted”"
    assert [file.name for file in users.iterdir()] == ["mine.toml"]


@pytest.mark.parametrize("name", ["../mine", "My Preset", "", "a/b"])
def test_what_is_no_name_of_a_preset_is_refused(name: str, users: Path) -> None:
    with pytest.raises(InvalidParams, match="cannot be called"):
        save_preset(Preset(name=name, operation="process", description="It does nothing."))


def test_presets_of_the_user_are_found_and_win(users: Path) -> None:
    (users / "mine.toml").write_text('operation = "restore"\ndescription = "Mine."\n[params]\ndenoise = 0.9\n')
    (users / "dvd.toml").write_text('operation = "restore"\ndescription = "My tape."\n')
    assert preset("mine", "restore").params == {"denoise": 0.9}
    assert preset("dvd", "restore").description == "My tape."


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ('operation = "restore', "cannot be read"),
        ('operation = "restore"', "description must be given"),
        ('operation = "restore"\ndescription = "x"\nparam = 1', "did you mean params?"),
        (b"\xff\xfe", "cannot be read"),
    ],
)
def test_a_preset_that_is_none_is_named(users: Path, written: str | bytes, problem: str) -> None:
    (users / "bad.toml").write_bytes(written if isinstance(written, bytes) else written.encode())
    with pytest.raises(InvalidParams, match=r"bad\.toml") as caught:
        presets()
    assert problem in str(caught.value)


def test_a_preset_of_another_operation_is_unknown() -> None:
    with pytest.raises(UnknownName, match="no process preset is called 'dvd'"):
        preset("dvd", "process")


def plugin(folder: Path, code: str) -> str:
    """A distribution with one filter module, as pip would have put it there; its folder."""
    (folder / "sparkle.py").write_text(code)
    facts = folder / "sparkle_filter-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: sparkle-filter\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[cinemill.filter]\nsparkle = sparkle\n")
    return str(folder)


SPARKLE = '''
from cinemill.catalogue import Field, Params
from cinemill.filters import lavfi_filter

class Sparkle(Params):
    amount: int = Field(5, ge=0, le=100)
    """How much."""

@lavfi_filter("sparkle")
def sparkle(p: Sparkle) -> str:
    """Sparkle."""
    return f"noise=alls={p.amount}"
'''


def test_filter_of_another_distribution_is_found(tmp_path: Path) -> None:
    code = "from cinemill.filters import text; print(text.chain('sparkle=7,scale=height:9'))"
    told = python(code, PYTHONPATH=plugin(tmp_path, SPARKLE))
    assert told.strip() == "sparkle=amount:7,scale=height:9"


def test_broken_filter_of_another_distribution_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from cinemill.catalogue import filters; list(filters)"],
        env=os.environ | {"PYTHONPATH": plugin(tmp_path, "import nothing_of_this_name")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "This is the filter 'sparkle' of sparkle-filter, which is not part of cinemill." in done.stderr


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty package to discover things in."""
    folder = tmp_path / "found_things"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for name in [name for name in sys.modules if name.startswith("found_things")]:
        del sys.modules[name]


def test_second_thread_waits_until_everything_is_found(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (package / "slow.py").write_text("from found_things import go; go.wait(5)\nfrom found_things import add; add()")
    registry: Registry[int] = Registry("thing", "found_things")
    import found_things  # type: ignore[import-not-found]

    found_things.go = threading.Event()
    found_things.add = lambda: registry.add("one", 1, "slow")
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(list, registry) for _ in range(2)]
        found_things.go.set()
        assert [future.result() for future in both] == [["one"], ["one"]]


def test_discovery_that_failed_is_tried_again(package: Path) -> None:
    broken = package / "broken.py"
    broken.write_text("import nothing_of_this_name")
    registry: Registry[int] = Registry("thing", "found_things")
    for _ in range(2):
        with pytest.raises(ImportError, match="nothing_of_this_name"):
            list(registry)


class Shrunk(Params):
    by: Literal[1, 2, 4] | None = None


@pytest.mark.parametrize("given", [2, "2"])
def test_numbers_to_choose_from_may_be_written(given: object) -> None:
    assert Shrunk.of({"by": given}, "shrunk").by == 2
    with pytest.raises(InvalidParams, match="choose 1, 2, 4"):
        Shrunk.of({"by": "3"}, "shrunk")
