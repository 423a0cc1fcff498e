"""What the numbers of a picture mean: matrix, primaries, transfer and range, by their H.273 names.

Source: ITU-T H.273 (07/2021), tables 2 to 4; the spelling is FFmpeg's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Range = Literal["unspecified", "limited", "full"]

MATRIX: Final = {
    0: "rgb",
    1: "bt709",
    2: "unspecified",
    4: "fcc",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "ycgco",
    9: "bt2020nc",
    10: "bt2020c",
    11: "smpte2085",
    12: "chroma-derived-nc",
    13: "chroma-derived-c",
    14: "ictcp",
}
PRIMARIES: Final = {
    1: "bt709",
    2: "unspecified",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "film",
    9: "bt2020",
    10: "smpte428",
    11: "smpte431",
    12: "smpte432",
    22: "ebu3213",
}
TRANSFER: Final = {
    1: "bt709",
    2: "unspecified",
    4: "gamma22",
    5: "gamma28",
    6: "smpte170m",
    7: "smpte240m",
    8: "linear",
    9: "log100",
    10: "log316",
    11: "iec61966-2-4",
    12: "bt1361e",
    13: "iec61966-2-1",
    14: "bt2020-10",
    15: "bt2020-12",
    16: "smpte2084",
    17: "smpte428",
    18: "arib-std-b67",
}
RANGE: Final[dict[int, Range]] = {0: "unspecified", 1: "limited", 2: "full"}


@dataclass(frozen=True, slots=True)
class Colour:
    """Colour tags of a stream or frame. `unspecified` means that the file does not say."""

    matrix: str = "unspecified"
    primaries: str = "unspecified"
    transfer: str = "unspecified"
    range: Range = "unspecified"

    @classmethod
    def of_codes(cls, matrix: int, primaries: int, transfer: int, range: int) -> Colour:
        """Names for H.273 code points (range: 0 unspecified, 1 limited, 2 full); unknown codes are unspecified."""
        return cls(
            MATRIX.get(matrix, "unspecified"),
            PRIMARIES.get(primaries, "unspecified"),
            TRANSFER.get(transfer, "unspecified"),
            RANGE.get(range, "unspecified"),
        )

    def codes(self) -> tuple[int, int, int, int]:
        """(matrix, primaries, transfer, range) as code points, the inverse of `of_codes`."""
        return (
            _code(MATRIX, self.matrix),
            _code(PRIMARIES, self.primaries),
            _code(TRANSFER, self.transfer),
            _code(RANGE, self.range),
        )

    def effective_matrix(self, height: int) -> str:
        """The matrix to convert with: the stated one; else BT.601 below 720 lines and BT.709 from there on."""
        if self.matrix not in ("unspecified", "rgb"):
            return self.matrix
        return "smpte170m" if height < 720 else "bt709"


def _code(table: dict[int, str] | dict[int, Range], name: str) -> int:
    return next(code for code, known in table.items() if known == name)
