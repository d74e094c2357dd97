"""All that deletes events, or says when they are deleted, reads one setting with one default."""

import inspect

import pytest

from footfall.commands.maintain import maintain
from footfall.generate.docs.sizing import cluster_size
from footfall.generate.services import SETTINGS
from service_kit.retention import MAX_RETENTION_DAYS, MIN_RETENTION_DAYS, RetentionSettings
from service_kit.settings import SettingsError, load, variables
from sinks.settings import MaintenanceSettings

RETENTION = variables(RetentionSettings)
READERS = {"Collector", "Sinks", "Dashboard"}


def test_every_service_that_reads_the_retention_reads_the_same_declaration() -> None:
    classes = {**SETTINGS, "Maintenance": MaintenanceSettings}
    read = {name: variables(cls) for name, cls in classes.items()}
    for variable, declared in RETENTION.items():
        found = {name: own[variable] for name, own in read.items() if variable in own}
        assert found.keys() == READERS | {"Maintenance"}
        assert all(each is declared for each in found.values())


@pytest.mark.parametrize("service", sorted(READERS))
def test_one_value_in_the_environment_is_the_retention_of_every_service(service: str) -> None:
    environ = {
        "FOOTFALL_RETENTION_DAYS": "365",
        "FOOTFALL_KAFKA_BOOTSTRAP": "localhost:9092",
        "FOOTFALL_POSTGRES_DSN": "postgresql://localhost/footfall",
        "FOOTFALL_HASH_KEY": "a hash key for tests",
        "FOOTFALL_SESSION_KEY": "a session key for tests only, 32 or more",
    }
    expected = RetentionSettings(retention_days=365)
    assert load(SETTINGS[service], environ).retention == expected
    assert load(SETTINGS[service], environ | {"FOOTFALL_RETENTION_DAYS": ""}).retention == RetentionSettings()


@pytest.mark.parametrize("days", [MIN_RETENTION_DAYS - 1, MAX_RETENTION_DAYS + 1])
def test_a_retention_out_of_bounds_is_rejected(days: int) -> None:
    with pytest.raises(SettingsError, match="FOOTFALL_RETENTION_DAYS must be at"):
        load(RetentionSettings, {"FOOTFALL_RETENTION_DAYS": str(days)})


def test_the_command_and_the_sizes_have_the_same_default() -> None:
    options = inspect.signature(maintain).parameters
    default = RetentionSettings()
    assert options["retention_days"].default == default.retention_days
    assert options["pack_after_days"].default == default.pack_after_days
    longer = RetentionSettings(retention_days=default.retention_days + 1)
    assert cluster_size(1_000, 5) == cluster_size(1_000, 5, retention=default)
    assert cluster_size(1_000, 5, retention=longer).postgres_bytes > cluster_size(1_000, 5).postgres_bytes
