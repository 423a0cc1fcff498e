"""Peak memory must not grow with the length of a film."""

from __future__ import annotations

from bench import CINEMILL, Table, clip, measure, run_ffmpeg, workplace


def table() -> Table:
    with workplace() as folder:
        minute = clip(folder, 60)
        ten = folder / "ten.mp4"
        run_ffmpeg("-stream_loop", 9, "-i", minute, "-c", "copy", ten)
        peaks = {
            name: measure(
                [CINEMILL, "process", source, "-o", folder / f"{name}.mp4", "--speed", "ultrafast", "--overwrite"]
            ).mib
            for name, source in (("1 minute", minute), ("10 minutes", ten))
        }
    rows = [[name, f"{mib:.0f}", f"{mib / peaks['1 minute']:.3f}"] for name, mib in peaks.items()]
    return Table(
        "Memory",
        "1080p, H.264 at ultrafast. Target: ten minutes take at most 1.05 times what one minute takes.",
        [["", "peak MiB", "of one minute's"], *rows],
    )
