"""Which tones are in a sound over time, as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from cinemill.catalogue import Field
from cinemill.operations import operation
from cinemill.operations.sound_pictures import SoundPicture, SoundPictureOperation

if TYPE_CHECKING:
    from cinemill.media.types import Audio


class Spectrogram(SoundPicture):
    scale: Literal["log", "mel", "linear"] = "log"
    """Where tones stand: each octave as high as the next, as ears measure, or by their Hz, which shows a television's
    whistle and where a codec cut the sound off."""
    floor: float = Field(-100.0, ge=-160, le=-20, unit="dB")
    """What is drawn dark; full scale is bright."""


@operation
class SpectrogramOperation(SoundPictureOperation[Spectrogram]):
    """Draw the spectrogram of a sound, as PNG or JPEG: which tones are in it when. Shows hum, whistle, hiss and clicks.

    Hours take as little memory as minutes.
    """

    name = "spectrogram"
    topic = "Speech and sound"
    params = Spectrogram
    example = "cinemill spectrogram tape.mkv -o tape.png --scale linear"

    def drawn(self, params: Spectrogram, blocks: Iterator[Audio]) -> Any:
        from cinemill.measure import soundscape

        found = soundscape.tones(blocks, params.width)
        return soundscape.spectrogram(found, params.height, params.scale, params.floor) if found else None
