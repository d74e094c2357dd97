"""Each service starts with only the libraries of its image, and stays alive although no other system is available.

The steps are those of the Dockerfile, from the same lock files, without a container. The working folder is not writable.
"""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from footfall.local import ports
from tests.containers.test_dockerfile import TARGETS

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
CLOSED_PORT = "127.0.0.1:1"
SETTINGS = {
    "FOOTFALL_KAFKA_BOOTSTRAP": CLOSED_PORT,
    "FOOTFALL_POSTGRES_DSN": f"postgresql://nobody@{CLOSED_PORT}/nothing?connect_timeout=1",
    "FOOTFALL_HASH_KEY": "a hash key for this test only",
    "FOOTFALL_SESSION_KEY": "a session key for this test only",
    "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{CLOSED_PORT}",
}
MODULES = {
    "producer": "producer_api",
    "stream": "stream_app",
    "sinks": "sinks",
    "dashboard": "dashboard",
    "registry": "registry",
}

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """footfall's wheel, as the images install it, without access to this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([UV, "build", "--quiet", "--wheel", "--out-dir", folder, ROOT], check=True)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module", params=TARGETS.values())
def installed(
    request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """The extra, and the Python of a virtual environment with only that extra."""
    extra: str = request.param
    folder = tmp_path_factory.mktemp(extra) / "environment"
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    install = [UV, "pip", "install", "--quiet", "--python", folder / "bin" / "python"]
    lock = ROOT / "requirements" / f"{extra}.lock"
    subprocess.run([*install, "--require-hashes", "--only-binary", ":all:", "--requirement", lock], check=True)
    subprocess.run([*install, "--no-deps", wheel], check=True)
    return extra, folder / "bin" / "python"


@pytest.fixture
def running(installed: tuple[str, Path], tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The service, which can write only to a temporary folder, like `/tmp` in a container."""
    extra, python = installed
    port = ports.choose()
    folder = tmp_path / "read-only"
    folder.mkdir(mode=0o555)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("FOOTFALL_", "PYTHON"))}
    environ |= SETTINGS | {"FOOTFALL_PORT": str(port), "FOOTFALL_PROBE_PORT": str(port), "TMPDIR": str(tmp_path)}
    process = subprocess.Popen([python, "-m", MODULES[extra]], cwd=folder, env=environ)
    yield process, port
    if process.poll() is None:
        process.kill()
    process.wait()
    assert list(folder.iterdir()) == []


def status_of(port: int, path: str) -> int | None:
    """The HTTP status of the service's answer; None if there is none."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as found:
            return int(found.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return None


def test_a_service_stays_alive_while_kafka_and_postgres_are_unavailable(
    installed: tuple[str, Path], running: tuple[subprocess.Popen[bytes], int]
) -> None:
    process, port = running
    deadline = time.monotonic() + 60
    while status_of(port, "/healthz") != 200 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    assert process.poll() is None
    assert status_of(port, "/healthz") == 200
    # Alive, but not ready.
    assert status_of(port, "/readyz") == (200 if installed[0] == "registry" else 503)
    check = [installed[1], "-m", "service_kit.healthcheck"]
    assert subprocess.run(check, env={"FOOTFALL_PORT": str(port)}, check=False).returncode == 0
    assert subprocess.run(check, env={"FOOTFALL_PORT": "1"}, check=False, capture_output=True).returncode == 1
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=30)


@pytest.mark.parametrize("installed", ["sinks"], indirect=True)
def test_the_jobs_run_in_the_image_of_the_sinks(installed: tuple[str, Path]) -> None:
    _extra, python = installed
    environ = SETTINGS | {"FOOTFALL_WAIT_TIMEOUT_SECONDS": "1", "FOOTFALL_URL": f"http://{CLOSED_PORT}"}
    for command in (
        ["footfall.jobs.topics"],
        ["footfall.jobs.smoke_test"],
        ["sinks", "migrate", "--check"],
        ["sinks", "maintain"],
    ):
        ran = subprocess.run([python, "-m", *command], env=environ, capture_output=True, text=True, check=False)
        # It fails because nothing answers, not because a library is missing.
        assert ran.returncode != 0
        assert "ModuleNotFoundError" not in ran.stderr, ran.stderr
        assert CLOSED_PORT.partition(":")[0] in ran.stderr or "refuse" in ran.stderr, ran.stderr
