"""`python -m dashboard`: serve the dashboard by itself."""

import os

import uvicorn

from dashboard.app import build_app
from dashboard.settings import Settings
from service_kit import http_server
from service_kit.background import stop_process
from service_kit.kafka import watch
from service_kit.settings import load_or_exit
from service_kit.startup import begin


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = load_or_exit(Settings, os.environ)
    warnings = settings.sessions.warnings()
    begin("dashboard", os.environ, level=settings.log_level, kafka=settings.kafka, warnings=warnings)
    watch.watch(settings.kafka, stop_process)
    uvicorn.run(
        build_app(settings),
        host=settings.host,
        port=settings.port,
        **http_server.options(),
        # Event streams stay open until a viewer leaves, so there is nothing to wait for.
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
