"""The film of `bench/compose.py` as MoviePy 2 makes it, in an environment of its own: FOLDER SECONDS OUTPUT.

Photographs that zoom by 1.2 (resized and cropped picture by picture, which is how MoviePy does it), captions of one
word, narration, music at a fifth, x264 at veryfast.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from moviepy import AudioFileClip, CompositeAudioClip, CompositeVideoClip, ImageClip, TextClip, afx, vfx

WIDTH, HEIGHT, RATE = 1920, 1080, 30


def zoomed(path: str, seconds: float) -> CompositeVideoClip:
    """A photograph that fills the picture and comes closer."""
    still = ImageClip(path).with_duration(seconds)
    cover = max(WIDTH / still.w, HEIGHT / still.h)
    moving = still.with_effects([vfx.Resize(lambda t: cover * (1 + 0.2 * t / seconds))])
    return CompositeVideoClip([moving.with_position("center")], size=(WIDTH, HEIGHT)).with_duration(seconds)


def main() -> None:
    folder, seconds, output = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    facts = json.loads((folder / "facts.json").read_text())
    each = seconds / len(facts["pictures"])
    scenes = [zoomed(path, each).with_start(each * n) for n, path in enumerate(facts["pictures"])]
    font = facts["font"]
    words = [
        TextClip(text=word["text"], font_size=97, color="white", stroke_color="black", stroke_width=4, font=font)
        .with_start(word["start"])
        .with_end(word["end"])
        .with_position(("center", 0.85), relative=True)
        for word in facts["words"]
        if word["end"] <= seconds
    ]
    voice = AudioFileClip(facts["voice"]).subclipped(0, min(seconds, facts["voice_seconds"]))
    music = AudioFileClip(facts["music"]).with_effects([afx.MultiplyVolume(0.2), afx.AudioLoop(duration=seconds)])
    film = CompositeVideoClip([*scenes, *words], size=(WIDTH, HEIGHT)).with_duration(seconds)
    film = film.with_audio(CompositeAudioClip([voice, music]).with_duration(seconds))
    film.write_videofile(
        output,
        fps=RATE,
        codec="libx264",
        preset="veryfast",
        audio_codec="aac",
        logger=None,
        temp_audiofile_path=str(folder),
    )


main()
