"""`python -m registry`: the schema registry alone."""

import os
from dataclasses import dataclass

import uvicorn

from registry.app import build_app
from service_kit import logs
from service_kit.environment import load_or_exit, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    host: str = setting("0.0.0.0", help="Address to listen on.")
    port: int = setting(8081, help="Port to listen on.", minimum=1, maximum=65535)


def main() -> None:
    """Serve until a signal."""
    settings = load_or_exit(Settings, os.environ)
    logs.configure("registry")
    uvicorn.run(build_app(), host=settings.host, port=settings.port, log_config=None, access_log=False)


if __name__ == "__main__":
    main()
