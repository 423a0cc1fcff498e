"""The window itself under Xvfb, with a Qt of its own that the test installs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest
import uv

import clips

ROOT = Path(__file__).parents[3]
TOLD_TO_PIP = {"UV_FIND_LINKS": "PIP_FIND_LINKS", "UV_DEFAULT_INDEX": "PIP_INDEX_URL", "SSL_CERT_FILE": "PIP_CERT"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("Xvfb") is None, reason="no Xvfb; apt-get install xvfb libxcb-cursor0 libnss3"),
]


@pytest.fixture(scope="module")
def qt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with Qt; everything else it finds in this environment."""
    folder = tmp_path_factory.mktemp("qt")
    indexes = {ours: os.environ[pips] for ours, pips in TOLD_TO_PIP.items() if pips in os.environ}
    into = ["--python", str(folder / "bin/python"), "-c", str(ROOT / "constraints.txt")]
    for words in (
        ["venv", "--python", sys.executable, str(folder)],
        ["pip", "install", *into, "PySide6", "jeepney"],
    ):
        subprocess.run([uv.find_uv_bin(), *words], env={**indexes, **os.environ}, check=True)
    return folder / "bin" / "python"


@pytest.fixture
def screen() -> Iterator[str]:
    """A display that nobody sees."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1400x1000x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as told:
        number = told.readline().strip()
    yield f":{number}"
    server.terminate()
    server.wait()


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """A folder with a short and a longer one."""
    source = ["-f", "lavfi", "-i", "testsrc2=s=640x360:r=25", "-f", "lavfi", "-i", "sine", "-c:v", "libx264"]
    for name, seconds in (("film.mp4", 3), ("long.mkv", 40)):
        clips.run(*source, "-t", seconds, "-pix_fmt", "yuv420p", "-c:a", "aac", tmp_path / name)
    return tmp_path


def driven(qt: Path, screen: str, films: Path, phase: str, *within: str) -> None:
    """Drive the window through a phase, started by `within`."""
    pictures = Path(os.environ.get("CINEMILL_TEST_PICTURES") or films / "pictures")
    pictures.mkdir(exist_ok=True)
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("CINEMILL_")},
        **{f"CINEMILL_{name.upper()}_DIR": str(films / name) for name in ("state", "data", "cache")},
        "CINEMILL_CONFIG": str(films / "settings.toml"),
        "GRADIO_TEMP_DIR": str(films / "arrivals"),
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), sysconfig.get_paths()["purelib"]]),
        "DISPLAY": screen,
        "QTWEBENGINE_DISABLE_SANDBOX": "1",
        "QTWEBENGINE_CHROMIUM_FLAGS": "--disable-gpu",
    }
    words = [*within, qt, Path(__file__).with_name("drive.py"), phase, films / "studio", films / "film.mp4", pictures]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=900, check=False)
    print(done.stdout)
    assert "all is well" in done.stdout, done.stdout + done.stderr


def test_it_opens_takes_files_works_tells_asks_before_it_leaves_and_goes_on(qt: Path, screen: str, films: Path) -> None:
    driven(qt, screen, films, "first")
    driven(qt, screen, films, "second")
    assert (films / "long.restore.mkv").is_file()


@pytest.mark.skipif(shutil.which("dbus-run-session") is None, reason="no bus; apt-get install dbus-daemon")
def test_a_panel_shows_how_far_it_is_and_that_it_is_done_and_its_clicks_are_heard(
    qt: Path, screen: str, films: Path
) -> None:
    driven(qt, screen, films, "panel", "dbus-run-session", "--")
    assert (films / "long.restore.mkv").is_file()


@pytest.mark.skipif(
    not (shutil.which("dbus-run-session") and shutil.which("notify-send")),
    reason="no bus or no notify-send; apt-get install dbus-daemon libnotify-bin",
)
def test_where_there_is_no_tray_notices_go_by_the_desktops_own_program(qt: Path, screen: str, films: Path) -> None:
    driven(qt, screen, films, "bare", "dbus-run-session", "--")
