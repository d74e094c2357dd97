"""Each service in an environment with the libraries of its image alone: it starts, and lives though nothing else does.

The steps are those of the Dockerfile, from the same locks, without a container; the folder it runs in may not be written to.
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
NOBODY = "127.0.0.1:1"
SETTINGS = {
    "FOOTFALL_KAFKA_BOOTSTRAP": NOBODY,
    "FOOTFALL_POSTGRES_DSN": f"postgresql://nobody@{NOBODY}/nothing?connect_timeout=1",
    "FOOTFALL_HASH_KEY": "a key that nobody else has",
    "FOOTFALL_SESSION_KEY": "another key that nobody else has",
    "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{NOBODY}",
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
    """footfall as the images get it: built, with nothing of this checkout in reach."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([UV, "build", "--quiet", "--wheel", "--out-dir", folder, ROOT], check=True)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module", params=TARGETS.values())
def installed(
    request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """The extra, and the Python of an environment that has only that."""
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
    """The service, where it may write to nothing but what `/tmp` is to a container."""
    extra, python = installed
    port = ports.choose()
    here = tmp_path / "here"
    here.mkdir(mode=0o555)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("FOOTFALL_", "PYTHON"))}
    environ |= SETTINGS | {"FOOTFALL_PORT": str(port), "FOOTFALL_PROBE_PORT": str(port), "TMPDIR": str(tmp_path)}
    process = subprocess.Popen([python, "-m", MODULES[extra]], cwd=here, env=environ)
    yield process, port
    if process.poll() is None:
        process.kill()
    process.wait()
    assert list(here.iterdir()) == []


def answer(port: int, path: str) -> int | None:
    """The status that the service answers; None if it does not."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as found:
            return int(found.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def test_a_service_lives_while_kafka_and_postgres_are_away(
    installed: tuple[str, Path], running: tuple[subprocess.Popen[bytes], int]
) -> None:
    process, port = running
    deadline = time.monotonic() + 60
    while answer(port, "/healthz") != 200 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    assert process.poll() is None
    assert answer(port, "/healthz") == 200
    # Alive, and honest about the rest.
    assert answer(port, "/readyz") == (200 if installed[0] == "registry" else 503)
    check = [installed[1], "-m", "service_kit.healthcheck"]
    assert subprocess.run(check, env={"FOOTFALL_PORT": str(port)}, check=False).returncode == 0
    assert subprocess.run(check, env={"FOOTFALL_PORT": "1"}, check=False, capture_output=True).returncode == 1
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=30)


@pytest.mark.parametrize("installed", ["sinks"], indirect=True)
def test_the_jobs_run_from_the_image_of_the_sinks(installed: tuple[str, Path]) -> None:
    _extra, python = installed
    environ = SETTINGS | {"FOOTFALL_WAIT_TIMEOUT_SECONDS": "1", "FOOTFALL_URL": f"http://{NOBODY}"}
    for command in (
        ["footfall.jobs.topics"],
        ["footfall.jobs.smoke_test"],
        ["sinks", "migrate", "--check"],
        ["sinks", "maintain"],
    ):
        ran = subprocess.run([python, "-m", *command], env=environ, capture_output=True, text=True, check=False)
        # It says that nobody answers, and not that it lacks a library.
        assert ran.returncode != 0
        assert "ModuleNotFoundError" not in ran.stderr, ran.stderr
        assert NOBODY.partition(":")[0] in ran.stderr or "refuse" in ran.stderr, ran.stderr
