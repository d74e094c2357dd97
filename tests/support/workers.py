"""A service in its own process, as in production, that a test can kill."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from footfall.local import ports
from service_kit.kafka.settings import KafkaSettings
from tests.support import preloaded


class Worker:
    """`python -m MODULE` with these settings."""

    def __init__(self, module: str, log: Path, *, port: str = "PROBE_PORT", **settings: object) -> None:
        self.port = ports.choose()
        self._module, self._log = module, log
        self._environ = {name: value for name, value in os.environ.items() if not name.startswith("FOOTFALL_")}
        self._environ |= {f"FOOTFALL_{name.upper()}": str(value) for name, value in settings.items()}
        self._environ[f"FOOTFALL_{port}"] = str(self.port)
        self.process: subprocess.Popen[bytes] | preloaded.Forked | None = None

    def set(self, **settings: object) -> None:
        """Change settings, from the next start on."""
        self._environ |= {f"FOOTFALL_{name.upper()}": str(value) for name, value in settings.items()}

    def start(
        self, *, wait: float = 60, die: tuple[str, str, int] | tuple[str, str, int, str] | None = None
    ) -> None:
        """Start and wait until it is ready, or killed.

        `die` names the point of the code at which it is killed (see `tests.support.kill_points`): it may come to that
        before anyone sees that it is ready.
        """
        run = [self._module] if die is None else ["tests.support.kill_points", self._module, *map(str, die)]
        service = "stream_app" if self._module.startswith("tests.") else self._module
        self.process = preloaded.start(run, service, self._environ, self._log) or self._new_process(run)
        if wait:
            self.wait_until_ready(wait, may_be_killed=die is not None)

    def _new_process(self, run: list[str]) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen([sys.executable, "-m", *run], env=self._environ, stdout=log, stderr=log)

    def wait_until_ready(self, seconds: float, *, may_be_killed: bool = False) -> None:
        deadline = time.monotonic() + seconds
        while not self.is_ready():
            assert self.process
            code = self.process.poll()
            if may_be_killed and code == -signal.SIGKILL:
                return
            assert code is None, f"exited: {self.log()}"
            assert time.monotonic() < deadline, f"not ready: {self.log()}"
            time.sleep(0.05)

    def is_ready(self) -> bool:
        return self.unready_because() is None

    def unready_because(self) -> str | None:
        """Why the process is not ready; None if it is."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2):
                return None
        except urllib.error.HTTPError as error:
            with error:
                return error.read().decode()
        except OSError as error:
            return repr(error)

    def says_that_it_is_dead(self) -> bool:
        """Whether the process answers, and says that it should be restarted."""
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=2).close()
        except urllib.error.HTTPError as error:
            error.close()
            return True
        except OSError:
            pass
        return False

    def get(self, path: str) -> Any:
        """The JSON at a path of the probe port."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            return json.load(answer)

    def metrics(self) -> dict[str, float]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}

    def kill(self) -> None:
        """End as in a crash."""
        self.end(signal.SIGKILL)

    def end(self, how: signal.Signals = signal.SIGTERM, seconds: float = 15) -> int:
        """Send the signal and wait; the exit code."""
        process = self.process  # another thread may start the next one meanwhile
        assert process
        if process.poll() is None:
            process.send_signal(how)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def log(self, lines: int = 60) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])


def sinks_worker(settings: KafkaSettings, dsn: str, folder: Path, number: int = 0, **more: object) -> Worker:
    """A process of the sinks that is not started yet, with a group session timeout of six seconds."""
    defaults: dict[str, object] = {"group_session_timeout_seconds": 6, "group_instance_id": f"sinks-{number}"}
    return Worker(
        "sinks",
        folder / f"sinks-{number}.log",
        kafka_bootstrap=settings.kafka_bootstrap,
        topic_prefix=settings.topic_prefix,
        postgres_dsn=dsn,
        **(defaults | more),
    )
