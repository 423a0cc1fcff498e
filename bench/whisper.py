"""What the engine `whisper` costs beside faster-whisper called directly: the pipe, the guard, words as our values.

Needs `cinemill engines install whisper`. The model is the tests' tiny one, beside which any cost weighs most.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench import Table, run_ffmpeg, workplace
from cinemill.engines import engines, install
from cinemill.media import read
from cinemill.operations import get, recognise
from cinemill.surfaces import forms

_SPEECH = Path(__file__).parents[1] / "tests" / "speech"
_SECONDS, _BATCH, _ROUNDS = 240, 8, 5
_ASKED: dict[str, Any] = {
    **{"engine": "whisper", "model": str(_SPEECH / "tiny-whisper"), "suppress_tokens": "", "chunk_size": 4.5},
    **{"language": "en", "compute_type": "float32", "batch_size": _BATCH, "threads": 1},
}


def table() -> Table:
    install.command(engines.get("whisper"))
    with workplace() as folder:
        samples = _windows(folder)
        ours, bare = _in_turns(samples, folder)
    seconds = sum(map(len, samples)) / 16_000
    rows = [
        ["", "seconds", "times real time", "of the bare library"],
        ["faster-whisper called directly", f"{bare:.3f}", f"{seconds / bare:.0f}", "1.000"],
        ["cinemill's engine whisper", f"{ours:.3f}", f"{seconds / ours:.0f}", f"{ours / bare:.3f}"],
    ]
    about = (
        f"{seconds:.0f} s of speech in {len(samples)} windows, batches of {_BATCH}, one thread, the tests' tiny model: "
        f"seconds of processor time, ours with what the studio's side takes, the best of {_ROUNDS} in turns. "
        "A large model takes a hundred times as long and the engine adds as much. "
        "Target: 1.03."
    )
    return Table("Recognising", about, rows)


def _windows(folder: Path) -> list[Any]:
    """The windows that the operation would listen to."""
    run_ffmpeg("-stream_loop", -1, "-i", _SPEECH / "ten.ogg", "-t", _SECONDS, folder / "talk.flac")
    request = forms.request("subtitle", [folder / "talk.flac"], folder / "talk.srt", _ASKED)
    info = read.probe(folder / "talk.flac")
    decided: Any = get("subtitle").decide(request)
    return [recognise.samples_of(info, read.sound_of(info), window) for window in decided.windows]


def _in_turns(samples: list[Any], folder: Path) -> tuple[float, float]:
    """Best processor seconds of ours and of the bare library, each started and loaded before."""
    np.savez(folder / "windows.npz", *samples)
    python, script = install.interpreter(engines.get("whisper")), Path(__file__).with_name("faster_whisper_bare.py")
    command = [python, script, _ASKED["model"], folder / "windows.npz", _BATCH, 1, _ROUNDS + 1]
    listener = recognise.Whisper(get("subtitle").params.of(_ASKED, "subtitle"))  # type: ignore[arg-type]
    times: list[tuple[float, float]] = []
    with subprocess.Popen([*map(str, command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as bare:
        assert bare.stdin
        assert bare.stdout
        for _ in range(_ROUNDS + 1):
            theirs = float(bare.stdout.readline())
            started = _spent()
            for at in range(0, len(samples), _BATCH):
                listener.hear(samples[at : at + _BATCH], "en")
            times.append((_spent() - started, theirs))
            bare.stdin.write("\n")
            bare.stdin.flush()
    # The first turn starts and loads, ours and theirs.
    return min(one for one, _ in times[1:]), min(other for _, other in times[1:])


def _spent() -> float:
    """Processor seconds of this process and of the engine's: what other programs do at the same time is not counted."""
    life = install.warm("whisper")._life
    if life is None:
        return 0.0
    user, system = Path(f"/proc/{life.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return time.process_time() + (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
