"""Where the local stack listens and keeps its data."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from service_kit.settings import Secret, load, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSettings:
    port: int | None = setting(None, help="Port of the HTTP services.", minimum=1, maximum=65535)
    data_dir: Path | None = setting(None, help="Folder for data and logs.")
    kafka_bootstrap: str | None = setting(None, help="A Kafka to use instead of starting one.")
    postgres_dsn: Secret | None = setting(None, help="A Postgres to use instead of starting one.")

    @property
    def folder(self) -> Path:
        """Where data and logs are kept: `data_dir`, else the user's XDG data folder."""
        return (self.data_dir or _xdg("XDG_DATA_HOME", ".local/share") / "footfall").expanduser().absolute()


def read(environ: Mapping[str, str]) -> LocalSettings:
    """The settings as the environment has them."""
    return load(LocalSettings, environ)


def cache_folder() -> Path:
    """Where downloads are kept that later starts and other checkouts share."""
    return _xdg("XDG_CACHE_HOME", ".cache") / "footfall"


def _xdg(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / default)
