"""The setting FOOTFALL_CONTRACT, for commands: services have it among their settings."""

import os
from dataclasses import dataclass

from avro_schemas.installed import HELP, OwnContract
from service_kit.settings import load_or_exit, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractSettings:
    contract: OwnContract | None = setting(None, help=HELP)


def exit_if_unusable() -> None:
    """Print what is wrong with a team's own contract on standard error and exit with code 2, if anything is."""
    load_or_exit(ContractSettings, os.environ)
