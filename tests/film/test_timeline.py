"""When things are shown and heard."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cinemill.film import timeline
from cinemill.film.board import Storyboard
from cinemill.film.timeline import Said, Speech


def board(*scenes: dict[str, Any], **rest: Any) -> Storyboard:
    return Storyboard.model_validate({"scenes": [{"colour": "red", **scene} for scene in scenes], **rest})


def test_scenes_overlap_by_their_transitions() -> None:
    line = timeline.timeline(board({"duration": 2}, {"duration": 3}, {"duration": 1}, transition="fade 0.5"), {}, {})
    assert [(shot.start, shot.frames, shot.overlap) for shot in line.shots] == [(0, 60, 0), (45, 90, 15), (120, 30, 15)]
    assert line.frames == 150
    assert timeline.edges(line) == [(0, 45), (45, 60), (60, 120), (120, 135), (135, 150)]


def test_a_scene_lasts_as_long_as_what_is_spoken_and_speech_never_overlaps() -> None:
    scenes = board(*({"narration": "x"} for _ in range(3)), transition="fade 0.5", pause=0.4)
    speech = Speech(Path("a.wav"), Fraction(2), (Said("x", 100, 1900),))
    line = timeline.timeline(scenes, {}, {0: speech, 1: speech, 2: speech})
    starts = [sound.start for sound in line.sounds]
    assert [round(b - a, 3) for a, b in itertools.pairwise(starts)] == [2.4, 2.4]
    assert [word.start for word in line.words] == [300, 2700, 5100]
    assert line.seconds >= starts[-1] + 2


def test_narration_over_all_is_shared_by_scenes_without_a_length() -> None:
    speech = Speech(Path("a.wav"), Fraction(10))
    scenes = board({}, {"duration": 2}, {}, narration="x", pause=0)
    line = timeline.timeline(scenes, {}, {}, speech)
    assert line.frames == 300
    assert [shot.frames for shot in line.shots] == [120, 60, 120]


def test_a_transition_longer_than_its_scene_is_cut_down() -> None:
    line = timeline.timeline(board({"duration": 0.1}, {"duration": 0.1}, {"duration": 1}, transition="fade 2"), {}, {})
    assert all(shot.overlap < shot.frames for shot in line.shots)
    assert all(len(timeline.shown_at(line, frame)) in (1, 2) for frame in range(line.frames))


@given(
    st.lists(st.tuples(st.integers(-500, 5000), st.integers(-500, 5000), st.sampled_from(["a", " ", ""])), max_size=9)
)
def test_words_are_never_empty_negative_or_overlapping(times: list[tuple[int, int, str]]) -> None:
    words = timeline.cleaned([Said(text, start, end) for start, end, text in times if start >= 0], 3000)
    assert all(word.text.strip() and 0 <= word.start < word.end <= 3000 for word in words)
    assert all(one.end <= two.start for one, two in itertools.pairwise(words))


@given(
    st.lists(st.tuples(st.floats(0.05, 5), st.floats(0, 3)), min_size=1, max_size=6),
    st.sampled_from([Fraction(24), Fraction(30000, 1001), Fraction(60)]),
)
def test_every_picture_belongs_to_one_scene_or_to_two_in_a_transition(
    scenes: list[tuple[float, float]], rate: Fraction
) -> None:
    story = board(
        *({"duration": length, "transition": {"name": "fade", "seconds": over}} for length, over in scenes),
        rate=str(rate),
    )
    line = timeline.timeline(story, {}, {})
    edges = timeline.edges(line)
    assert edges[0][0] == 0
    assert edges[-1][1] == line.frames
    for first, stop in edges:
        seen = [timeline.shown_at(line, frame) for frame in (first, stop - 1)]
        assert seen[0] == seen[1]
        assert len(seen[0]) in (1, 2)
