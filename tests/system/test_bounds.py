"""Every HTTP service, as it is started in production, bounds what a request may cost before it is complete."""

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.support.no_tls import NO_TLS
from tests.system.stack import free_port

KEYS = {
    "FOOTFALL_HASH_KEY": "a hash key for tests",
    "FOOTFALL_SESSION_KEY": "a session key of thirty-two characters",
}


@pytest.mark.parametrize("module", ["producer_api", "dashboard", "registry", "footfall.local.http_apps"])
def test_headers_are_bounded(module: str, tmp_path: Path) -> None:
    port = free_port()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FOOTFALL_")}
    environ |= KEYS | {"FOOTFALL_KAFKA_BOOTSTRAP": "127.0.0.1:1", "FOOTFALL_PORT": str(port)}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", module], env=environ, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}/healthz"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                assert "server" not in httpx.get(url, headers={"x": "x" * 60_000}, verify=NO_TLS).headers
            except httpx.TransportError:
                assert process.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.1)
            else:
                break
        assert httpx.get(url, headers={"x": "x" * 65_400}).status_code == 431
    finally:
        process.terminate()
        process.wait(30)
