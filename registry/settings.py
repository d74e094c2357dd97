"""Settings of the registry."""

from dataclasses import dataclass
from typing import Literal

from avro_schemas.installed import HELP as CONTRACT_HELP
from avro_schemas.installed import OwnContract
from service_kit.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    contract: OwnContract | None = setting(None, help=CONTRACT_HELP)
    host: str = setting("0.0.0.0", help="Host to listen on when served alone.")
    port: int = setting(8081, help="Port to listen on when served alone.", minimum=1, maximum=65535)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = setting("INFO", help="Lowest level to log.")
