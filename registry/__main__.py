"""`python -m registry`: the schema registry alone."""

import os

import uvicorn

from registry.app import build_app
from registry.settings import Settings
from service_kit import http_server
from service_kit.settings import load_or_exit
from service_kit.startup import begin


def main() -> None:
    """Serve until a signal."""
    settings = load_or_exit(Settings, os.environ)
    begin("registry", os.environ, level=settings.log_level)
    uvicorn.run(build_app(settings), host=settings.host, port=settings.port, **http_server.options())


if __name__ == "__main__":
    main()
