"""Buckets for tests: in memory, and, for the same tests, on a real server.

The server is the Versity S3 gateway, which `make buckets` builds from Go modules. S3_SERVER names its program.
"""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from service_kit import bucket

NAME = "footfall-tests"
SERVER = os.environ.get("S3_SERVER", "")
ACCESS = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "a secret of tests", "AWS_REGION": "us-east-1"}


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """A server with a bucket, until the block ends: its URL."""
    for name in ("files", "attributes"):
        (folder / name).mkdir(parents=True)
    (folder / "files" / NAME).mkdir()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    sign_in = ["--access", ACCESS["AWS_ACCESS_KEY_ID"], "--secret", ACCESS["AWS_SECRET_ACCESS_KEY"]]
    places = ["posix", "--sidecar", str(folder / "attributes"), str(folder / "files")]
    with (folder / "server.log").open("wb") as log:
        running = subprocess.Popen(
            [SERVER, "--port", f"127.0.0.1:{port}", *sign_in, *places], stdout=log, stderr=log, cwd=folder
        )
    try:
        for _ in range(200):
            try:
                httpx.get(url)
                break
            except httpx.TransportError:
                assert running.poll() is None, (folder / "server.log").read_text()
                time.sleep(0.05)
        yield url
    finally:
        running.terminate()
        running.wait(10)


@pytest.fixture(params=["memory", *(["server"] if SERVER else [])])
def bucket_url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket that this process reaches by its URL."""
    if request.param == "memory":
        from obstore.store import MemoryStore

        store = MemoryStore()
        monkeypatch.setattr(bucket, "_s3", lambda _name, _prefix: store)
        yield f"s3://{NAME}/a/folder"
    else:
        with server(tmp_path / "bucket") as url:
            for name, value in (ACCESS | {"AWS_ENDPOINT_URL": url}).items():
                monkeypatch.setenv(name, value)
            yield f"s3://{NAME}/a/folder"
