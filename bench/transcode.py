"""Identity transcode against the ffmpeg program: same encoder, preset, crf and threads."""

from __future__ import annotations

from bench import CINEMILL, Table, clip, in_turns, workplace
from cinemill.hardware import cores
from cinemill.media.program import ffmpeg


def table() -> Table:
    threads = max(1, cores() * 3 // 2)
    with workplace() as folder:
        source = clip(folder, 60)
        x264 = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-threads", threads, "-c:a", "copy"]
        ours = ["--speed", "veryfast", "--crf", "20", "--threads", threads, "--encoder", "libx264", "--overwrite"]
        runs = in_turns(
            {
                "ffmpeg": [ffmpeg(), "-nostdin", "-v", "error", "-y", "-i", source, *x264, folder / "peer.mp4"],
                "cinemill process": [CINEMILL, "process", source, "-o", folder / "ours.mp4", *ours],
            },
            rounds=3,
        )
        peer = runs["ffmpeg"].seconds
        rows = [
            [name, f"{60 * 24 / run.seconds:.1f}", f"{peer / run.seconds:.3f}", f"{run.mib:.0f}"]
            for name, run in runs.items()
        ]
    return Table(
        "Transcode",
        "One minute of 1080p, H.264 to H.264 at veryfast, sound copied, whole command from start to end. "
        "Ours is planned, cut into chunks and can be resumed; target: at least 0.97 of ffmpeg's speed.",
        [["", "frames/s", "of ffmpeg's speed", "peak MiB"], *rows],
    )
