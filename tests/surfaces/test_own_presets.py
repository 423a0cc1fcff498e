"""Presets that a user keeps: saved from a command, handed on as a file, read in the old form."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cinemill.catalogue import preset, read_preset, remove_preset
from cinemill.errors import InvalidParams, UnknownName
from cinemill.settings import settings
from cinemill.surfaces import forms, own_presets


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CINEMILL_DATA_DIR", str(tmp_path / "data"))
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_values_of_a_command_are_saved_and_found_with_those_of_the_preset_they_were_given_beside() -> None:
    forms.save_preset("stylize", "mine", {"style": "comic", "values": "dot:9"}, "quality")
    asked = forms.request("stylize", [Path("in.mp4")], None, {"crf": 30}, "mine").params
    assert (asked.style, asked.values, asked.crf, asked.speed) == ("comic", "dot:9", 30, "slow")


def test_preset_that_is_printed_can_be_handed_on(tmp_path: Path) -> None:
    file = tmp_path / "comic-book.toml"
    forms.save_preset("stylize", "comic-book", {"style": "comic", "crf": 19})
    file.write_text(own_presets.text("comic-book"))
    remove_preset("comic-book")
    with pytest.raises(UnknownName):
        preset("comic-book", "stylize")
    own_presets.add(file)
    assert preset("comic-book", "stylize").params == {"style": "comic", "crf": 19}


@pytest.mark.parametrize("suffix", [".yaml", ".toml"])
def test_file_of_the_old_form_is_read(tmp_path: Path, suffix: str) -> None:
    colon, yes = (":", "true") if suffix == ".yaml" else (" =", "true")
    lines = ['codec{} "libx265"', "crf{} 24", 'preset{} "fast"', "chunk_duration{} 20", f"use_temporal{{}} {yes}"]
    file = tmp_path / f"old{suffix}"
    file.write_text("\n".join(line.format(colon) for line in [*lines, 'description{} "From before."']))
    own_presets.add(file)
    params = forms.request("stylize", [Path("in.mp4")], None, {}, "old").params
    assert (params.codec, params.encoder, params.crf, params.speed) == ("hevc", "libx265", 24, "fast")
    assert params.temporal == "on"
    assert forms.chunk_seconds("stylize", "old") == 20
    assert preset("old", "stylize").description == "From before."


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("codec: libx264\nquailty: 3", "quailty"),
        ("operation: stylize\ndescription: A.\nparams: {stile: comic}", "did you mean style"),
        ("- a list", "keys and values"),
        ("crf: {", "cannot be read"),
    ],
)
def test_preset_that_is_wrong_is_refused_in_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(text)
    with pytest.raises(InvalidParams, match=says) as caught:
        own_presets.add(file)
    assert "\n" not in str(caught.value)


def test_presets_of_ours_are_not_the_users_to_remove() -> None:
    with pytest.raises(UnknownName):
        remove_preset("quality")


def test_preset_without_a_chunk_length_leaves_the_default() -> None:
    assert read_preset(Path(own_presets.__file__).parents[1] / "presets" / "stylize-quality.toml").chunk_seconds is None
    assert forms.chunk_seconds("stylize", "quality") == forms.chunk_seconds("stylize")
