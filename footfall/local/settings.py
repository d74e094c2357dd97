"""Settings of the local stack."""

import os
from dataclasses import dataclass
from pathlib import Path

from avro_schemas.installed import HELP as CONTRACT_HELP
from avro_schemas.installed import OwnContract
from service_kit.postgres import DEFAULT_SCHEMA, SCHEMA_HELP, schema_name
from service_kit.settings import Secret, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSettings:
    contract: OwnContract | None = setting(None, help=CONTRACT_HELP)
    port: int | None = setting(None, help="Port of the HTTP services.", minimum=1, maximum=65535)
    data_dir: Path | None = setting(None, help="Folder for data and logs.")
    kafka_bootstrap: str | None = setting(None, help="A Kafka to use instead of starting one, as host:port.")
    postgres_dsn: Secret | None = setting(None, help="DSN of a Postgres to use instead of starting one.")
    postgres_schema: str = setting(DEFAULT_SCHEMA, help=SCHEMA_HELP, check=schema_name)

    @property
    def folder(self) -> Path:
        """The data folder: `data_dir`, else `footfall` in the user's XDG data folder."""
        return (self.data_dir or _xdg("XDG_DATA_HOME", ".local/share") / "footfall").expanduser().absolute()


def cache_folder() -> Path:
    """The folder for downloads, shared by all checkouts."""
    return _xdg("XDG_CACHE_HOME", ".cache") / "footfall"


def _xdg(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / default)
