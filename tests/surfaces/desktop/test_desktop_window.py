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
    for words in (
        ["venv", "--python", sys.executable, str(folder)],
        ["pip", "install", "--python", str(folder / "bin/python"), "-c", str(ROOT / "constraints.txt"), "PySide6"],
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


def test_it_opens_takes_files_works_tells_asks_before_it_leaves_and_goes_on(
    qt: Path, screen: str, tmp_path: Path
) -> None:
    pictures = Path(os.environ.get("CINEMILL_TEST_PICTURES") or tmp_path / "pictures")
    pictures.mkdir(exist_ok=True)
    source = ["-f", "lavfi", "-i", "testsrc2=s=640x360:r=25", "-f", "lavfi", "-i", "sine", "-c:v", "libx264"]
    for name, seconds in (("film.mp4", 3), ("long.mkv", 40)):
        clips.run(*source, "-t", seconds, "-pix_fmt", "yuv420p", "-c:a", "aac", tmp_path / name)
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("CINEMILL_")},
        **{f"CINEMILL_{name.upper()}_DIR": str(tmp_path / name) for name in ("state", "data", "cache")},
        "CINEMILL_CONFIG": str(tmp_path / "settings.toml"),
        "GRADIO_TEMP_DIR": str(tmp_path / "arrivals"),
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), sysconfig.get_paths()["purelib"]]),
        "DISPLAY": screen,
        "QTWEBENGINE_DISABLE_SANDBOX": "1",
        "QTWEBENGINE_CHROMIUM_FLAGS": "--disable-gpu",
    }
    for phase in ("first", "second"):
        words = [Path(__file__).with_name("drive.py"), phase, tmp_path / "studio", tmp_path / "film.mp4", pictures]
        done = subprocess.run([qt, *words], env=environment, capture_output=True, text=True, timeout=900, check=False)
        print(done.stdout)
        assert "all is well" in done.stdout, done.stdout + done.stderr
    assert (tmp_path / "long.restore.mkv").is_file()
