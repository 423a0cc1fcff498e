"""An S3 of our own, and the environment that leads there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def serving() -> Iterator[str]:
    """Its address."""
    moto = pytest.importorskip("moto.server", reason="moto is not installed")
    running = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        running.stop()


def environment(server: str) -> dict[str, str]:
    return {
        "AWS_CONFIG_FILE": "/nowhere",
        "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
        "AWS_EC2_METADATA_DISABLED": "true",
        "STORAGE_ENDPOINT_URL": server,
        "STORAGE_ACCESS_KEY_ID": "key",
        "STORAGE_SECRET_ACCESS_KEY": "secret",
        "STORAGE_REGION": "us-east-1",
    }


def made(name: str) -> str:
    """A bucket of that name, as an address."""
    from cinemill.storage import s3

    s3._files.cache_clear()
    s3._files(s3.account()).call_s3("create_bucket", Bucket=name)
    return f"s3://{name}"
