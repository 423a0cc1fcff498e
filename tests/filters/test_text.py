"""Chains as people write them, and as data."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from cinemill.catalogue import filters
from cinemill.errors import InvalidParams, UnknownName
from cinemill.filters import Chain, text


def params(written: str) -> dict[str, Any]:
    (step,) = text.chain(written).steps
    return step.as_data()["params"]


def names(written: str | list[Any]) -> list[str]:
    return [step.filter.name for step in text.chain(written).steps]


def test_empty_chain_has_no_steps() -> None:
    assert text.chain("") == text.chain(None) == text.chain([]) == text.chain(" , ") == Chain()
    assert str(Chain()) == ""


def test_family_and_method_name_one_filter() -> None:
    assert text.chain("deinterlace=method:yadif:output:frame") == text.chain("deinterlace.yadif=output:frame")


def test_bare_name_of_a_family_is_its_default() -> None:
    assert names("deinterlace,denoise") == ["deinterlace.bwdif", "denoise.hqdn3d"]


def test_value_without_a_key_goes_to_the_first_parameter() -> None:
    assert text.chain("denoise=0.7,rotate=270") == text.chain("denoise=strength:0.7,rotate=degrees:270")


def test_spaces_around_steps_are_ignored() -> None:
    assert names(" deinterlace , scale = height : 720 ") == ["deinterlace.bwdif", "scale"]


@pytest.mark.parametrize(
    ("written", "graph"),
    [
        ('lavfi="unsharp=5:5:1,hue=s=0"', "unsharp=5:5:1,hue=s=0"),
        ("lavfi='crop=w=iw-2:h=ih'", "crop=w=iw-2:h=ih"),
        ("""lavfi="drawtext=text='a,b':x=5" """, "drawtext=text='a,b':x=5"),
        ("""lavfi=graph:'drawtext=text="a"':halo:0""", 'drawtext=text="a"'),
        (r'lavfi="select=gt(n\,3)"', r"select=gt(n\,3)"),
        (r'lavfi="drawtext=text=\"a\""', 'drawtext=text="a"'),
        (r'lavfi="drawtext=text=a\\b"', r"drawtext=text=a\b"),
        ('lavfi="[in]split[a][b];[a][b]blend=all_mode=average"', "[in]split[a][b];[a][b]blend=all_mode=average"),
        ("lavfi=negate", "negate"),
    ],
)
def test_nested_graphs_keep_their_commas_colons_and_quotes(written: str, graph: str) -> None:
    assert params(written)["graph"] == graph
    assert names(f"{written},flip") == ["lavfi", "flip"]


@pytest.mark.parametrize("path", ["a b.cube", "a,b.cube", "it's.cube", 'a"b.cube', "C:\\lut\\a.cube", "a=b:c.cube"])
def test_paths_with_any_character_can_be_written(path: str) -> None:
    chain = text.chain([{"filter": "lut", "params": {"file": path}}])
    assert text.chain(str(chain)) == chain
    assert params(str(chain))["file"] == path


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("denoise=strength:2", "denoise.hqdn3d: strength=2 is refused: it must lie in 0 … 1."),
        ("denoise=nan", "denoise.hqdn3d: strength=nan is refused: it must be a number, 0 … 1."),
        ("crop=left:-1", "crop: left=-1 is refused: it must be at least 0 px."),
        ("fps=0", "fps: rate=0 is refused: it must be more than 0, at most 1000 frames/s."),
        ("fps=fast", "it must be a number or a fraction such as 30000/1001, more than 0, at most 1000 frames/s."),
        ("scale=height:tall", "scale: height=tall is refused: it must be a whole number, 1 … 16384 px."),
        ("scale=height:1.5", "it must be a whole number"),
        ("scale=height:", "scale: height='' is refused: it must be a whole number"),
        ("scale", "scale: give width, height, or both."),
        ("ivtc=drop:maybe", "ivtc: drop=maybe is refused: it must be true or false."),
        ("rotate=45", "rotate: degrees=45 is refused: choose 90, 180, 270."),
        ("deinterlace=output:fields", "choose field, frame; did you mean field?"),
        ("format=yuv", "format: pix_fmt=yuv is refused: it is not a format that is worked with here"),
        ("lut", "lut: file must be given: A three-dimensional look-up table"),
        ("scale=heigth:9", "scale: no parameter is called 'heigth'; did you mean height or width?"),
        ("scale=height:9:height:8", "height is given twice."),
        ("scale=height:9:width", "parameters come in pairs key:value; quote a value that holds a colon."),
        ('lavfi="negate', 'a " is opened and not closed.'),
    ],
)
def test_refusals_say_what_would_be_right(written: str, sentence: str) -> None:
    with pytest.raises(InvalidParams) as caught:
        text.chain(written)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("written", "near"),
    [("deinterlce", "deinterlace"), ("scael=3", "scale"), ("deinterlace=method:bwdff", "bwdif"), ("=3", "there are:")],
)
def test_unknown_names_get_a_suggestion(written: str, near: str) -> None:
    with pytest.raises(UnknownName, match=near):
        text.chain(written)


@pytest.mark.parametrize(
    "item", [3, {}, {"filter": 3}, {"filter": "scale", "height": 720}, {"name": "scale"}, [("scale", 720)], None]
)
def test_data_of_another_shape_is_refused(item: Any) -> None:
    with pytest.raises(InvalidParams, match="a step is"):
        text.chain([item])


def test_data_and_text_are_equal() -> None:
    data = [
        "crop=top:8",
        {"filter": "deinterlace", "params": {"method": "w3fdif", "field_order": "bff"}},
        {"filter": "lavfi", "params": {"graph": "unsharp=5:5:1,hue=s=0", "halo": 0}},
        {"filter": "flip"},
    ]
    written = 'crop=top:8,deinterlace.w3fdif=field_order:bff,lavfi=graph:"unsharp=5:5:1,hue=s=0":halo:0,flip'
    assert text.chain(data) == text.chain(written)
    assert str(text.chain(data)) == written
    assert text.chain(text.chain(data).as_data()) == text.chain(written)


def test_rates_that_people_round_are_the_exact_ones() -> None:
    assert text.chain("fps=23.976") == text.chain("fps=24000/1001")
    assert text.chain([{"filter": "fps", "params": {"rate": 29.97}}]) == text.chain("fps=30000/1001")
    assert text.chain("fps=12.5") == text.chain("fps=25/2")


def values(field: FieldInfo) -> st.SearchStrategy[Any]:
    """Values of a parameter, from its type and limits."""
    limits = {key: getattr(m, key) for m in field.metadata for key in ("ge", "gt", "le", "lt") if hasattr(m, key)}
    parts = [part for part in get_args(field.annotation) if part is not type(None)]
    optional = type(None) in get_args(field.annotation)
    kind = parts[0] if optional else field.annotation
    low, high = limits.get("ge", limits.get("gt")), limits.get("le", limits.get("lt"))
    if get_origin(kind) is Literal:
        made: st.SearchStrategy[Any] = st.sampled_from(get_args(kind))
    elif kind is bool:
        made = st.booleans()
    elif kind is int:
        made = st.integers(low, high)
    elif kind is float:
        made = st.floats(low, high)
    elif kind is Fraction:
        made = st.fractions(low, high, max_denominator=1001).filter(lambda value: value > 0)
    elif kind is Path:
        made = st.text(st.characters(exclude_characters="\0\r\n", codec="utf-8"), min_size=1).map(Path)
    else:
        made = st.text(st.characters(codec="utf-8"), min_size=1)
    return st.none() | made if optional else made


@st.composite
def steps(draw: st.DrawFn, name: str) -> Any:
    fields = filters.get(name).params.model_fields
    chosen = {key: draw(values(field)) for key, field in fields.items() if field.is_required() or draw(st.booleans())}
    try:
        return text.step(name, chosen)
    except InvalidParams:
        return None  # what a filter asks of several parameters together, or of a name


@pytest.mark.parametrize("name", list(filters))
@settings(max_examples=25, deadline=None)
@drawn(data=st.data())
def test_text_of_a_chain_is_read_back_as_it_was(name: str, data: st.DataObject) -> None:
    made = [step for step in data.draw(st.lists(steps(name), max_size=3)) if step is not None]
    chain = Chain(tuple(made))
    assert text.chain(str(chain)) == chain
    assert text.chain(chain.as_data()) == chain
