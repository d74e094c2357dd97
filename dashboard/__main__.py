"""`python -m dashboard`: the dashboard alone."""

import os
import sys

import uvicorn

from dashboard.app import build_app
from dashboard.settings import Settings
from service_kit import logs
from service_kit.environment import SettingsError, load


def main() -> None:
    """Serve until a signal."""
    try:
        settings = load(Settings, os.environ)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    logs.configure("dashboard", settings.log_level)
    uvicorn.run(
        build_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        # Viewers' streams never end by themselves.
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
