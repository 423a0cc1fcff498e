"""What chunks and a journal cost: a job cut every 30 seconds against the same job in one piece."""

from __future__ import annotations

from bench import CINEMILL, Table, clip, in_turns, workplace


def table() -> Table:
    with workplace() as folder:
        source = clip(folder, 60)
        common = ["--speed", "veryfast", "--overwrite", "--encoder", "libx264"]
        runs = in_turns(
            {
                name: [CINEMILL, "process", source, "-o", folder / f"{name}.mp4", "--chunk-seconds", seconds, *common]
                for name, seconds in (("one piece", 100_000), ("30 s chunks", 30), ("10 s chunks", 10))
            },
            rounds=3,
        )
        whole = runs["one piece"].seconds
        rows = []
        for name, run in runs.items():
            size = (folder / f"{name}.mp4").stat().st_size / 1e6
            rows.append([name, f"{run.seconds:.1f}", f"{whole / run.seconds:.3f}", f"{size:.1f}"])
    return Table(
        "Journal",
        "One minute of 1080p, H.264 at veryfast. Target: at least 0.97 of the speed in one piece.",
        [["", "s", "of the speed in one piece", "MB"], *rows],
    )
