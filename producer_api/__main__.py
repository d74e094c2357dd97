"""`python -m producer_api`: the collector alone."""

import os
import sys

import uvicorn

from producer_api.app import build_app
from producer_api.settings import Settings
from service_kit import logs
from service_kit.environment import SettingsError, load


def main() -> None:
    """Serve until a signal; what is on its way is finished first."""
    try:
        settings = load(Settings, os.environ)
        app = build_app(settings)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    logs.configure("producer_api", settings.log_level)
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=8,
    )


if __name__ == "__main__":
    main()
