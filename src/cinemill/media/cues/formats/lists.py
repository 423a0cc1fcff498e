"""Lists of lines: TSV as Whisper writes it (milliseconds), labels of Audacity, RTTM (who speaks when), plain text."""

from __future__ import annotations

from collections.abc import Iterator

from cinemill.media.cues.types import Cue, Transcript


def read_tsv(text: str) -> Transcript:
    """Raises ValueError."""
    cues: list[Cue] = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        cells = line.split("\t", 2)
        if not line.strip() or (number == 1 and cells[0] == "start"):
            continue
        try:
            start, end = (round(float(cell)) for cell in cells[:2])
        except (ValueError, OverflowError):
            raise ValueError(f"line {number} does not begin with two times in milliseconds") from None
        body = cells[2].strip() if len(cells) > 2 else ""
        cues.append(Cue(start, end, (body,) if body else ()))
    return Transcript(tuple(cues))


def write_tsv(transcript: Transcript) -> Iterator[str]:
    yield "start\tend\ttext\n"
    yield from (f"{cue.start}\t{cue.end}\t{_flat(cue)}\n" for cue in transcript.cues)


def read_labels(text: str) -> Transcript:
    """Raises ValueError."""
    cues: list[Cue] = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if not line.strip() or line.startswith("\\"):  # a label's frequencies
            continue
        cells = line.split("\t", 2)
        try:
            start, end = (round(float(cell) * 1000) for cell in cells[:2])
        except (ValueError, OverflowError):
            raise ValueError(f"line {number} does not begin with two times in seconds") from None
        body = cells[2].strip() if len(cells) > 2 else ""
        cues.append(Cue(start, end, (body,) if body else ()))
    return Transcript(tuple(cues))


def write_labels(transcript: Transcript) -> Iterator[str]:
    """Audacity's label track: seconds."""
    return (f"{cue.start / 1000:.3f}\t{cue.end / 1000:.3f}\t{_flat(cue)}\n" for cue in transcript.cues)


def _flat(cue: Cue) -> str:
    return " ".join(cue.lines).replace("\t", " ")


def read_rttm(text: str) -> Transcript:
    """Raises ValueError."""
    return Transcript(tuple(_turns(text)))


def _turns(text: str) -> Iterator[Cue]:
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        cells = line.split()
        if not cells or cells[0] != "SPEAKER":
            continue
        try:
            start, length = (round(float(cell) * 1000) for cell in cells[3:5])
            speaker = cells[7]
        except (ValueError, OverflowError, IndexError):
            raise ValueError(f"line {number} is no turn of a speaker") from None
        yield Cue(start, start + length, (), speaker)


def write_rttm(transcript: Transcript) -> Iterator[str]:
    return (
        f"SPEAKER cinemill 1 {start / 1000:.3f} {(end - start) / 1000:.3f} <NA> <NA> {_one_word(who)} <NA> <NA>\n"
        for start, end, who in turns(transcript)
    )


def _one_word(name: str) -> str:
    return "_".join(name.split())


def turns(transcript: Transcript) -> Iterator[tuple[int, int, str]]:
    """Who speaks from when to when. Inside a cue that several share, by its words."""
    for cue in transcript.cues:
        if cue.speaker:
            yield cue.start, cue.end, cue.speaker
            continue
        turn: tuple[int, int, str] | None = None
        for word in cue.words:
            if turn and word.speaker == turn[2]:
                turn = turn[0], word.end, turn[2]
                continue
            if turn:
                yield turn
            turn = (word.start, word.end, word.speaker) if word.speaker else None
        if turn:
            yield turn


def write_text(transcript: Transcript) -> Iterator[str]:
    return (f"{' '.join(cue.lines)}\n" for cue in transcript.cues if cue.lines)
