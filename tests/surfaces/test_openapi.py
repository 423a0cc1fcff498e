"""schemathesis on the OpenAPI document: whatever is sent, no answer is a fault of ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from server import Server

from command import Cinemill

_WAIT = "events|audio/|transcribe"
"""Addresses that answer when a job is done, or never; their own tests send them nonsense."""


@pytest.mark.parametrize("examples", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_no_request_is_answered_with_a_fault(tmp_path: Path, examples: int) -> None:
    environment = Cinemill(tmp_path, tmp_path / "home", CINEMILL_OFFLINE="1").environment
    server = Server(tmp_path / "studio", environment, works=False)
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{server.address}/api/openapi.json"),
        *("--checks", "not_a_server_error", "--phases", "fuzzing", "--max-examples", str(examples)),
        *("--exclude-path-regex", _WAIT, "--workers", "2", "--seed", "1", "--no-color", "--request-timeout", "30"),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    alive = server.ask("GET", "/health").status
    server.end()
    assert done.returncode == 0, done.stdout[-4000:]
    assert alive == 200
