"""`python -m producer_api`: the collector alone."""

import os

import uvicorn

from producer_api.app import build_app
from producer_api.settings import Settings
from service_kit import logs
from service_kit.environment import load_or_exit


def main() -> None:
    """Serve until a signal; what is on its way is finished first."""
    settings = load_or_exit(Settings, os.environ)
    logs.configure("producer_api", settings.log_level)
    uvicorn.run(
        build_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=8,
    )


if __name__ == "__main__":
    main()
