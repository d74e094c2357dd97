"""The services that `footfall up` starts, in order."""

import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping

from footfall.local.ports import LOOPBACK
from footfall.local.program import Program

# The module to run, the services in it, and the variable that sets its port.
_HTTP = ("footfall.local.http_apps", ("producer_api", "dashboard", "registry"), "FOOTFALL_PORT")
_WORKERS = (
    ("stream_app", ("stream_app",), "FOOTFALL_PROBE_PORT"),
    ("sinks", ("sinks",), "FOOTFALL_PROBE_PORT"),
)
# There is one process of each, so after a crash it can take its partitions back without a rebalance.
_INSTANCE = "local"
# Elsewhere a cron job does it.
_MAINTENANCE_INTERVAL_SECONDS = "3600"


def programs(http_port: int, free_port: Callable[[], int], environ: Mapping[str, str]) -> list[Program]:
    """The stream app and the sinks each as a program, and all HTTP services as one."""
    defaults = {
        "FOOTFALL_MAINTENANCE_INTERVAL_SECONDS": _MAINTENANCE_INTERVAL_SECONDS,
        "FOOTFALL_PROBE_HOST": LOOPBACK,
    }
    started = []
    for module, serves, port_variable in (*_WORKERS, _HTTP):
        port = http_port if module == _HTTP[0] else free_port()
        service_environ = {port_variable: str(port), "FOOTFALL_GROUP_INSTANCE_ID": _INSTANCE}
        started.append(
            Program(
                name=serves[0],
                serves=serves,
                argv=(sys.executable, "-m", module),
                environ={**defaults, **environ, **service_environ},
                is_ready=_ready(port),
                probes=None if module == _HTTP[0] else f"http://{LOOPBACK}:{port}",
            )
        )
    return started


def _ready(port: int) -> Callable[[], bool]:
    def is_ready() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except (urllib.error.URLError, OSError):
            return False

    return is_ready
