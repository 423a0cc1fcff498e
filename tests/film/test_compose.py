"""Storyboards become films: at their times, with their sound, made once, and bad material is refused or borne."""

from __future__ import annotations

import json
import resource
import shutil
import wave
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import cinemill
from cinemill.errors import CinemillError, DecodeFailed, InvalidParams
from cinemill.film import kept
from cinemill.media import parts, read
from cinemill.media.cues import files
from cinemill.settings import settings
from clips import run
from command import Cinemill

RATE = 25
SIZE = "160x90"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where everything is, with a cache of its own."""
    monkeypatch.setenv("CINEMILL_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("CINEMILL_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


def story(folder: Path, *scenes: dict[str, Any], **rest: Any) -> Path:
    path = folder / "story.json"
    output = {"speed": "ultrafast", "encoder": "libx264", **rest.pop("output", {})}
    facts = {"size": SIZE, "rate": RATE, "scenes": list(scenes), "output": output, **rest}
    path.write_text(json.dumps(facts))
    return path


def film(folder: Path, *scenes: dict[str, Any], name: str = "film.mp4", **rest: Any) -> Path:
    cinemill.run("compose", story(folder, *scenes, **rest), folder / name, overwrite=True)
    return folder / name


def pictures(path: Path) -> list[Any]:
    """The film's pictures as RGB."""
    from cinemill.measure import sheet

    return [sheet.picture(frame) for frame in read.frames(read.probe(path))]


def photograph(folder: Path, name: str, width: int = 320, height: int = 240, seed: int = 1) -> Path:
    noise = np.random.default_rng(seed).integers(0, 255, (9, 12, 3), np.uint8)
    cv2.imwrite(str(folder / name), cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC))
    return folder / name


def tone(folder: Path, name: str, seconds: float, frequency: int = 440) -> Path:
    run("-f", "lavfi", "-i", f"sine=f={frequency}:r=44100:d={seconds}", folder / name)
    return folder / name


def near(colour: Any, wanted: tuple[int, int, int], by: int = 6) -> bool:
    return bool((np.abs(np.asarray(colour, int) - wanted) <= by).all())


def test_scenes_follow_each_other_and_fade(folder: Path) -> None:
    path = film(
        folder,
        {"colour": "#c02020", "duration": 1},
        {"colour": "#2020c0", "duration": 1, "transition": "fade 0.4"},
        {"colour": "#20c020", "duration": 0.52},
    )
    shown = pictures(path)
    assert len(shown) == 25 + 25 - 10 + 13
    middles = [frame[45, 80] for frame in shown]
    assert all(near(colour, (0xC0, 0x20, 0x20)) for colour in middles[:15])
    assert all(near(colour, (0x20, 0x20, 0xC0)) for colour in middles[25:40])
    assert all(near(colour, (0x20, 0xC0, 0x20)) for colour in middles[40:])
    blue = [int(colour[2]) for colour in middles[14:26]]
    assert blue == sorted(blue)
    info = read.probe(path)
    assert info.video
    assert info.video.colour.matrix == "bt709"
    assert not info.of_kind("audio")


def test_sound_and_picture_end_together(folder: Path) -> None:
    path = film(
        folder,
        {"colour": "red", "duration": 2.2},
        narration={"file": str(tone(folder, "voice.wav", 1.3))},
        music={"file": str(tone(folder, "music.mp3", 0.9, 220)), "fade_out": 0.2},
    )
    info = read.probe(path)
    assert info.video
    last = list(read.frames(info))[-1]
    picture = (last.pts + last.duration) * last.time_base
    blocks = list(read.audio(info, read.sound_of(info)))
    sound = Fraction(blocks[-1].pts + blocks[-1].samples.shape[1], blocks[-1].sample_rate)
    assert picture == Fraction(55, RATE)
    assert abs(sound - picture) <= Fraction(1, RATE)


def test_loudness_is_on_target_and_music_is_softer_under_speech(folder: Path) -> None:
    from cinemill.measure import loudness

    path = film(
        folder,
        {"colour": "red", "duration": 9},
        narration={"file": str(tone(folder, "voice.wav", 3.0, 1500)), "delay": 3},
        music={"file": str(tone(folder, "music.wav", 4, 220)), "volume": 0.5, "duck": 12, "fade_in": 0, "fade_out": 0},
        output={"loudness": -18},
    )
    info = read.probe(path)
    blocks = list(read.audio(info, read.sound_of(info)))
    assert abs((loudness.measured(iter(blocks)).lufs or 0) + 18) < 0.5
    samples = np.concatenate([block.samples for block in blocks], axis=1)[0]
    low = np.abs(np.fft.rfft(samples.reshape(-1)[: 9 * 48000].reshape(90, 4800), axis=1))[:, 22]
    quiet, under = low[5:20].mean(), low[40:55].mean()
    assert 20 * np.log10(quiet / under) > 8
    steps = np.diff(20 * np.log10(low[5:80]))
    assert np.abs(steps).max() < 8


def words(*times: tuple[str, float, float]) -> list[dict[str, Any]]:
    return [{"text": text, "start": start, "end": end} for text, start, end in times]


@pytest.mark.parametrize("style", ["classic", "karaoke", "fill", "highlight", "word"])
def test_captions_stand_in_the_pictures_of_their_words(folder: Path, style: str) -> None:
    path = film(
        folder,
        {"colour": "black", "duration": 2},
        {"colour": "black", "duration": 1},
        captions={
            "style": style,
            "words": words(("One", 0.4, 0.8), ("two.", 0.8, 1.2)),
            "size": 20,
            "position": "middle",
            "highlight": "#00ff00",
        },
    )
    shown = pictures(path)
    lit = [int(frame.max()) > 120 for frame in shown]
    first = lit.index(True)
    assert abs(first - 10) <= 1
    assert 28 <= lit.index(False, first) <= 43, "they may stay half a second"
    assert not any(lit[43:])
    if style in ("karaoke", "highlight", "fill"):
        green = [int((frame[:, :, 1].astype(int) - frame[:, :, 0]).max()) > 100 for frame in shown]
        left, right = (
            [int((half[:, :, 1].astype(int) - half[:, :, 0]).max()) > 100 for half in halves]
            for halves in ([f[:, :72] for f in shown], [f[:, 96:] for f in shown])
        )
        assert any(green)
        assert abs(left.index(True) - 10) <= 2
        assert 0 <= right.index(True) - 20 <= (8 if style == "fill" else 3)


def test_braces_and_backslashes_are_drawn_and_missing_letters_are_told(folder: Path) -> None:
    plain = film(folder, {"colour": "black", "duration": 0.2, "title": "a b"}, name="a.mp4")
    odd = film(folder, {"colour": "black", "duration": 0.2, "title": r"{a} \N b"}, name="b.mp4")
    assert sum(pictures(odd)[0].astype(int).ravel()) > 1.3 * sum(pictures(plain)[0].astype(int).ravel())
    board = story(folder, {"colour": "black", "duration": 0.2, "title": "\U00012000"})
    (planned, *_) = cinemill.events("compose", board, folder / "c.mp4")
    assert any("U+12000" in note for note in planned.notes)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "h264"), ("a.mkv", "h264"), ("a.mov", "prores"), ("a.mkv", "ffv1"), ("a.webm", "vp9")],
)
def test_sound_is_in_its_place_in_every_container(folder: Path, name: str, codec: str) -> None:
    rate = 48_000
    samples = np.zeros(rate, np.int16)
    samples[rate // 2 : rate // 2 + 2400] = 12_000
    with wave.open(str(folder / "click.wav"), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    path = film(
        folder,
        {"colour": "red", "duration": 1.24},
        narration={"file": "click.wav"},
        pause=0,
        output={"codec": codec, "encoder": "auto", "loudness": None},
        name=name,
    )
    info = read.probe(path)
    blocks = list(read.audio(info, read.sound_of(info)))
    heard = np.zeros(2 * rate)
    for block in blocks:
        first = round(block.pts * rate / block.sample_rate)
        heard[max(0, first) : first + block.samples.shape[1]] = block.samples[0, max(0, -first) :]
    assert abs(int((np.abs(heard) > 0.1).argmax()) - rate // 2) < rate // 500
    end = Fraction(blocks[-1].pts + blocks[-1].samples.shape[1], blocks[-1].sample_rate)
    assert abs(end - Fraction(31, RATE)) <= Fraction(1, RATE)


def test_an_edit_to_one_scene_makes_that_scene_alone_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenes: list[dict[str, Any]] = [
        {"picture": str(photograph(folder, f"{number}.png", seed=number)), "duration": 0.6} for number in range(6)
    ]
    music = {"file": str(tone(folder, "music.wav", 1.0))}
    common: dict[str, Any] = {"ken_burns": "in", "transition": "fade 0.2", "music": music}
    film(folder, *scenes, **common)
    made: list[str] = []
    passing = kept.passing
    monkeypatch.setattr(kept, "passing", lambda digest: made.append(digest) or passing(digest))
    before = film(folder, *scenes, **common, name="again.mp4").read_bytes()
    assert not made
    assert before == (folder / "film.mp4").read_bytes()
    film(folder, *scenes[:2], {**scenes[2], "duration": 0.8}, *scenes[3:], **common)
    assert len(made) == 4, "the scene, the two transitions beside it, and the sound, which has become longer"
    made.clear()
    changed = {**scenes[4], "ken_burns": "left"}
    edited = [*scenes[:2], {**scenes[2], "duration": 0.8}, scenes[3], changed, scenes[5]]
    after = film(folder, *edited, **common).read_bytes()
    assert len(made) == 3
    shutil.rmtree(folder / "cache")
    assert film(folder, *edited, **common, name="fresh.mp4").read_bytes() == after


def test_a_piece_that_was_damaged_is_made_again(folder: Path) -> None:
    scene = {"colour": "red", "duration": 0.4}
    whole = film(folder, scene).read_bytes()
    (piece,) = [path for path in (folder / "cache").glob("film/*/*") if parts.is_part(path)]
    data = bytearray(piece.read_bytes())
    data[len(data) // 2] ^= 1
    piece.write_bytes(data)
    with suppress(CinemillError):
        film(folder, scene, name="again.mp4")
    assert film(folder, scene, name="again.mp4").read_bytes() == whole


@pytest.mark.slow
def test_a_change_to_one_scene_of_twenty_costs_about_a_twentieth(folder: Path) -> None:
    command = Cinemill(folder, folder / "home", CINEMILL_CACHE_DIR=str(folder / "cache"))
    shown = [str(photograph(folder, f"{number}.jpg", 3000, 2000, seed=number)) for number in range(20)]
    scenes: list[dict[str, Any]] = [{"picture": picture, "duration": 3.5} for picture in shown]
    common: dict[str, Any] = {"size": "1920x1080", "ken_burns": "auto", "transition": "fade 0.5"}
    common["music"] = {"file": str(tone(folder, "music.wav", 20))}
    common["output"] = {"speed": "veryfast", "crf": 23}

    def cost() -> float:
        """Seconds of all processors: those of the clock are not to be relied on beside other tests."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        said = command(
            "compose", story(folder, *scenes, **common), "-o", "film.mp4", "--overwrite", "--json", patience=1500
        )
        assert said.code == 0, said.err
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    whole = cost()
    there = set((folder / "cache").glob("film/*/*"))
    assert len(there) == 20 + 19 + 1, "scenes, transitions and the sound: nothing is spared because it is there twice"
    scenes[10]["ken_burns"] = "left"
    assert cost() <= 0.15 * whole
    assert len(set((folder / "cache").glob("film/*/*")) - there) == 3, "the scene and the transitions beside it"


def test_a_killed_film_goes_on(folder: Path) -> None:
    scenes = [
        {"picture": str(photograph(folder, "a.png")), "duration": 4, "ken_burns": move} for move in ("in", "left")
    ]
    whole = film(folder, *scenes, transition="fade 0.3", name="whole.mp4").read_bytes()
    command = Cinemill(folder, folder / "home", CINEMILL_CACHE_DIR=str(folder / "other"))
    running = command.start("compose", folder / "story.json", "-o", "cut.mp4", "--json")
    running.until("part")
    running.kill()
    said = command("compose", folder / "story.json", "-o", "cut.mp4", "--json")
    assert said.code == 0, said.err
    assert said.events[0]["done"] > 0
    assert (folder / "cut.mp4").read_bytes() == whole


def test_videos_are_cut_sped_up_looped_and_fitted(folder: Path, clip: Callable[[str], Path]) -> None:
    source = folder / "source.mp4"
    graph = "color=red:s=64x96:r=25:d=1[a];color=blue:s=64x96:r=25:d=1[b];[a][b]concat"
    run("-f", "lavfi", "-i", graph, "-pix_fmt", "yuv420p", "-c:v", "libx264", source)
    path = film(
        folder,
        {"video": str(source), "start": 0.5, "end": 1.5, "duration": 2, "fit": "contain"},
        {"video": str(source), "speed": 2, "fit": "blur"},
        {"video": str(source), "duration": 3, "when_short": "hold"},
    )
    shown = pictures(path)
    assert len(shown) == 50 + 25 + 75
    middles = [frame[45, 80] for frame in shown]
    red, blue = (0xFE, 0, 0), (0, 0, 0xFE)
    for place, wanted in ((2, red), (20, blue), (27, red), (45, blue), (52, red), (70, blue), (80, red), (140, blue)):
        assert near(middles[place], wanted, 12), place
    assert near(shown[5][45, 5], (0, 0, 0)), "bars"
    assert not near(shown[55][45, 5], (0, 0, 0)), "something blurred"


def test_variable_rate_and_rotation_are_followed(folder: Path, real: Callable[[str], Path]) -> None:
    path = film(folder, {"video": str(real("fire2.mp4")), "duration": 1, "fit": "contain"})
    assert len(pictures(path)) == RATE


@pytest.mark.parametrize(
    ("make", "width", "height"),
    [
        (lambda path: cv2.imwrite(str(path), np.full((1, 1, 3), 200, np.uint8)), 1, 1),
        (lambda path: cv2.imwrite(str(path), np.full((900, 20, 3), 200, np.uint8)), 20, 900),
    ],
)
def test_pictures_of_odd_sizes_are_shown(folder: Path, make: Callable[[Path], Any], width: int, height: int) -> None:
    make(folder / "odd.png")
    for fit in ("cover", "contain", "blur"):
        shown = pictures(film(folder, {"picture": "odd.png", "duration": 0.1, "fit": fit, "ken_burns": "in"}))
        assert near(shown[0][45, 80], (200, 200, 200), 25)


def test_a_huge_picture_is_shown_in_bounded_memory(folder: Path) -> None:
    cv2.imwrite(str(folder / "huge.jpg"), np.full((12000, 20000), 90, np.uint8))
    shown = pictures(film(folder, {"picture": "huge.jpg", "duration": 0.1, "ken_burns": "in"}))
    assert near(shown[0][45, 80], (90, 90, 90))


def test_cmyk_exif_and_animated_gif_are_shown_as_they_are_meant(folder: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    image.new("CMYK", (64, 36), (0, 255, 255, 0)).save(folder / "cmyk.jpg")
    turned = image.new("RGB", (90, 160), (0, 0, 255))
    turned.paste((255, 0, 0), (0, 0, 90, 80))
    exif = image.Exif()
    exif[0x0112] = 6  # to be turned clockwise: what is above comes to the right
    turned.save(folder / "turned.jpg", exif=exif, quality=95)
    frames = [image.new("RGB", (64, 36), colour) for colour in ((255, 0, 0), (0, 0, 255))]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:], duration=400, loop=0)
    shown = pictures(
        film(
            folder,
            {"picture": "cmyk.jpg", "duration": 0.2},
            {"picture": "turned.jpg", "duration": 0.2},
            {"picture": "moving.gif", "duration": 1.6},
        )
    )
    assert near(shown[2][45, 80], (255, 0, 0), 30)
    assert near(shown[7][45, 150], (255, 0, 0), 30)
    assert near(shown[7][45, 10], (0, 0, 255), 30)
    gif = [bool(frame[45, 80][0] > 128) for frame in shown[10:]]
    assert gif[2]
    assert not gif[14]
    assert gif[24]


def test_transparent_pictures_lie_on_the_background(folder: Path) -> None:
    rgba = np.zeros((40, 40, 4), np.uint8)
    rgba[:, :20] = (0, 0, 255, 255)  # red, as OpenCV orders it
    cv2.imwrite(str(folder / "logo.png"), rgba)
    shown = pictures(
        film(
            folder,
            {"colour": "#404040", "duration": 0.2},
            overlays=[{"logo": "logo.png", "position": "top-left", "margin": 0, "size": 0.25}],
        )
    )
    assert near(shown[0][20, 5], (255, 0, 0), 20)
    assert near(shown[0][20, 35], (0x40, 0x40, 0x40))


@pytest.mark.parametrize(
    ("scene", "told"),
    [
        ({"picture": "nowhere.png"}, "nowhere.png is not there"),
        ({"picture": "text.png"}, "no picture that can be read"),
        ({"colour": "red", "duration": 0}, "duration=0 is refused"),
        ({"colour": "red", "duration": 0.001}, "less than one picture"),
        ({"video": "short.mp4", "start": 5}, "nothing is left of it"),
    ],
)
def test_bad_material_is_refused_in_a_sentence(folder: Path, scene: dict[str, Any], told: str) -> None:
    (folder / "text.png").write_text("no picture")
    run("-f", "lavfi", "-i", "testsrc2=s=64x36:d=1", folder / "short.mp4")
    with pytest.raises(CinemillError) as caught:
        film(folder, scene)
    assert told in str(caught.value)
    assert isinstance(caught.value, InvalidParams | DecodeFailed | CinemillError)
    assert not list(folder.glob("*.mp4.tmp"))


def test_a_preview_is_small_and_short_and_a_dry_run_draws_the_timeline(folder: Path) -> None:
    path = story(folder, {"colour": "red", "duration": 3}, {"colour": "blue", "duration": 3}, size="1280x720")
    cinemill.run("compose", path, "try.mp4", preview=1.0)
    info = read.probe(folder / "try.mp4")
    assert info.video
    assert (info.video.width, info.video.height) == (640, 360)
    assert len(read.index(info).pts) == RATE
    said = Cinemill(folder, folder / "home")("compose", path, "-o", "film.mp4", "--dry-run", "--json")
    assert said.code == 0, said.err
    assert "scene 2 (#0000ff)" in " ".join(said.events[0]["steps"])
    assert cv2.imread(str(folder / "film.timeline.png")) is not None
    assert not (folder / "film.mp4").exists()


def test_a_script_and_a_folder_become_a_storyboard(folder: Path) -> None:
    shown = folder / "shown"
    shown.mkdir()
    for number in range(3):
        photograph(shown, f"{number}.jpg", seed=number)
    (folder / "script.txt").write_text("# Title\n\nOne sentence. Another one.\n\nThe last.\n")
    command = Cinemill(folder, folder / "home")
    said = command("compose", "--from-text", "script.txt", "--pictures", "shown", "-o", "story.yaml")
    assert said.code == 0, said.err
    from cinemill.film import board

    made = board.read(folder / "story.yaml")
    assert [scene.title for scene in made.scenes] == ["Title", None, None, None]
    assert [scene.narration and scene.narration.text for scene in made.scenes[1:]] == [
        "One sentence.",
        "Another one.",
        "The last.",
    ]
    assert "shown/0.jpg" in (folder / "story.yaml").read_text()


def test_the_builder_builds_the_same_storyboard(folder: Path) -> None:
    photograph(folder, "a.png")
    voice = tone(folder, "voice.wav", 0.5)
    builder = (
        cinemill.VideoBuilder((160, 90), rate=25)
        .background_image("a.png", ken_burns="in")
        .audio("voice.wav", words=[("Hello", 0.1, 0.4)])
        .music(voice, volume=0.2)
        .output(speed="ultrafast")
    )
    assert builder.storyboard.music
    assert builder.storyboard.music.volume == 0.2
    saved = builder.save("made.yaml")
    from cinemill.film import board

    assert board.read(saved) == builder.storyboard
    builder.write("out.mp4")
    assert len(pictures(folder / "out.mp4")) == 25
    with pytest.raises(InvalidParams, match=r"storyboard: music: no key is called 'volum'; did you mean volume"):
        builder.music(voice, volum=1).storyboard  # noqa: B018


def test_merge_copies_what_is_alike_and_encodes_the_rest(folder: Path) -> None:
    common = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest"]
    for name, source in (("a", "testsrc2=s=160x90:r=25:d=1"), ("b", "testsrc=s=160x90:r=25:d=1")):
        run("-f", "lavfi", "-i", source, "-f", "lavfi", "-i", "sine=d=1", *common, folder / f"{name}.mp4")
    run("-f", "lavfi", "-i", "testsrc2=s=90x160:r=30:d=1", "-c:v", "libvpx", folder / "silent.webm")
    done = cinemill.merge(["a.mp4", "b.mp4"], "copied.mp4")
    assert done.result == {"copied": True}
    assert len(pictures(folder / "copied.mp4")) == 50
    cinemill.merge(["a.mp4", "silent.webm", "b.mp4"], "made.mp4", transition="fade", transition_seconds=0.2)
    info = read.probe(folder / "made.mp4")
    assert info.video
    assert (info.video.width, info.video.height) == (160, 90)
    assert info.video.frame_rate == 30
    assert len(read.index(info).pts) == 90 - 12
    assert info.of_kind("audio")


def test_words_of_a_recording_come_from_subtitles(folder: Path) -> None:
    (folder / "words.srt").write_text("1\n00:00:00,100 --> 00:00:00,900\nHello there\n")
    path = film(
        folder,
        {"colour": "black", "duration": 1.5},
        narration={"file": str(tone(folder, "voice.wav", 1)), "words": "words.srt"},
        captions={"style": "classic", "size": 20},
        pause=0,
    )
    assert [int(frame.max()) > 100 for frame in pictures(path)].index(True) in (2, 3)
    assert files.read(folder / "words.srt").transcript.cues
