"""`python -m producer_api`: the collector alone."""

import asyncio
import gc
import os
import sys
from types import FrameType

import uvicorn

from producer_api.app import CollectorApp, build_app
from producer_api.settings import Settings
from producer_api.storage.segments import SpoolInUse
from service_kit import http_server
from service_kit.background import stop_process
from service_kit.kafka import watch
from service_kit.settings import WRONG_SETTINGS, load_or_exit
from service_kit.startup import begin


class Server(uvicorn.Server):
    """Keeps serving for a while after a signal, but is not ready, so that proxies stop sending first."""

    def __init__(self, config: uvicorn.Config, app: CollectorApp, drain_seconds: float) -> None:
        super().__init__(config)
        self._app, self._drain_seconds = app, drain_seconds

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain after the first signal, stop immediately after the second."""
        if self._app.draining or not self._drain_seconds:
            super().handle_exit(sig, frame)
            return
        self._app.draining = True
        loop = asyncio.get_running_loop()
        loop.call_soon_threadsafe(loop.call_later, self._drain_seconds, super().handle_exit, sig, frame)


def main() -> None:
    """Serve until a signal. Requests in progress are finished first."""
    settings = load_or_exit(Settings, os.environ)
    warnings = settings.sessions.warnings()
    begin("producer_api", os.environ, level=settings.log_level, kafka=settings.kafka, warnings=warnings)
    watch.watch(settings.kafka, stop_process)
    try:
        app = build_app(settings)
    except (SpoolInUse, OSError) as error:
        sys.stderr.write(f"Cannot open the spool: {error}\n")
        sys.exit(WRONG_SETTINGS)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        **http_server.options(max(http_server.BODY_TIMEOUT_SECONDS, 2 * settings.body_timeout_seconds)),
        timeout_graceful_shutdown=8,
    )
    # What exists now lives as long as the process, so the garbage collector does not have to look at it again.
    gc.freeze()
    Server(config, app, settings.drain_seconds).run()


if __name__ == "__main__":
    main()
