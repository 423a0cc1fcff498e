"""How loud a sound is over time, as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cinemill.catalogue import Field
from cinemill.operations import operation
from cinemill.operations.sound_pictures import SoundPicture, SoundPictureOperation

if TYPE_CHECKING:
    from cinemill.media.types import Audio


class Waveform(SoundPicture):
    gain: float = Field(0.0, ge=-60, le=60, unit="dB")
    """Draw it as if it were so much louder, for sound that is hardly there."""


@operation
class WaveformOperation(SoundPictureOperation[Waveform]):
    """Draw the waveform of a sound, as PNG or JPEG: how far it reaches, how loud it is in the mean, where it clips.

    Hours take as little memory as minutes.
    """

    name = "waveform"
    topic = "Speech and sound"
    params = Waveform
    example = "cinemill waveform talk.mp4 -o talk.png"

    def drawn(self, params: Waveform, blocks: Iterator[Audio]) -> Any:
        from cinemill.measure import soundscape

        found = soundscape.levels(blocks, params.width)
        return soundscape.waveform(found, params.height, params.gain) if found else None
