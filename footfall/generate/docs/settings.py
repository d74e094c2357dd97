"""docs/settings.md: every setting of every service."""

from collections.abc import Mapping
from typing import Any

from footfall.contract.setting import ContractSettings
from footfall.generate.regions import Regions
from footfall.generate.services import COMMAND_VARIABLES, SETTINGS, region
from footfall.generate.tables import settings_rows, table
from service_kit.kafka.settings import KafkaSettings
from service_kit.retention import RetentionSettings
from service_kit.settings import variables

# Settings that several services read have a section of their own.
SHARED: Mapping[str, type[Any]] = {
    "Contract": ContractSettings,
    "Kafka": KafkaSettings,
    "Retention": RetentionSettings,
}
_HEAD = ("variable", "default", "meaning")


def regions() -> Regions:
    """A table per group of shared settings, per service, and one for the commands."""
    shared = {name for cls in SHARED.values() for name in variables(cls)}
    made = {region(title): table(_HEAD, settings_rows(cls)) for title, cls in SHARED.items()}
    for service, cls in SETTINGS.items():
        # `footfall up` reads one of them, with another meaning.
        skipped = shared if service != "footfall up" else set()
        rows = [row for row in settings_rows(cls) if row[0].strip("`") not in skipped]
        made[region(service)] = table(_HEAD, rows)
    commands = [[f"`{name}`", "", meaning] for name, meaning in COMMAND_VARIABLES.items()]
    return {**made, "commands": table(_HEAD, commands)}
