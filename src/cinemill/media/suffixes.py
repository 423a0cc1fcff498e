"""What a file promises to be by the end of its name, before anybody opens it."""

from __future__ import annotations

from typing import Final


def _all(names: str) -> frozenset[str]:
    return frozenset(f".{name}" for name in names.split())


VIDEO: Final = _all("3gp avi dv flv gif m2t m2ts m2v m4v mkv mov mp4 mpeg mpg mts mxf nut ogv ts vob webm wmv y4m")
SOUND: Final = _all("aac ac3 aif aiff flac m4a mka mp3 oga ogg opus wav wma")
PICTURE: Final = _all("avif bmp heic heif jp2 jpeg jpg png tif tiff webp")
