"""The setting FOOTFALL_CONTRACT, for commands: services have it among their settings."""

import os
from dataclasses import dataclass

from avro_schemas.installed import HELP, SETTING, OwnContract
from footfall.local.data_folder import DataFolder
from footfall.local.settings import LocalSettings
from service_kit.settings import SettingsError, load, load_or_exit, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractSettings:
    contract: OwnContract | None = setting(None, help=HELP)


def exit_if_unusable() -> None:
    """Print what is wrong with a team's own contract on standard error and exit with code 2, if anything is."""
    load_or_exit(ContractSettings, os.environ)


def use_that_of_the_stack() -> None:
    """Without the setting, and without a Kafka of its own, a command reads events of the stack that is running."""
    if SETTING in os.environ or "FOOTFALL_KAFKA_BOOTSTRAP" in os.environ:
        return
    try:
        stack = DataFolder(load(LocalSettings, os.environ).folder).read_stack() or {}
    except (SettingsError, OSError, ValueError):
        return  # the command says what is wrong, if it needs the stack
    if "contract" in stack:
        os.environ[SETTING] = stack["contract"]
