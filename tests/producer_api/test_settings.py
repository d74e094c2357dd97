"""Wrong settings of the collector are named together, in one message."""

from pathlib import Path

import pytest

from producer_api.privacy.stored_fields import OPTIONAL_FIELDS
from producer_api.settings import Settings
from service_kit.settings import SettingsError, load
from tests.support.ip_databases import write_ip_database

VALID = {
    "FOOTFALL_KAFKA_BOOTSTRAP": "localhost:1",
    "FOOTFALL_HASH_KEY": "a hash key for tests",
    "FOOTFALL_SESSION_KEY": "a key of thirty-two characters..",
}


def test_all_wrong_settings_are_named_with_what_they_must_be(tmp_path: Path) -> None:
    wrong = {
        "FOOTFALL_STORED_FIELDS": "country,ip",
        "FOOTFALL_SITES": "shop,My Blog",
        "FOOTFALL_IP_DATABASE": str(tmp_path / "missing.mmdb"),
    }
    with pytest.raises(SettingsError) as error:
        load(Settings, VALID | wrong)
    message = str(error.value)
    assert all(name in message for name in wrong)
    assert "none, or some of hostname" in message
    assert "No such file" in message


def test_optional_fields_and_sites_are_lists(tmp_path: Path) -> None:
    assert set(OPTIONAL_FIELDS) - set(load(Settings, VALID).stored_fields) == {"region"}
    database = write_ip_database(tmp_path / "x.mmdb", {"192.0.2.0/24": {"country": {"iso_code": "DE"}}})
    lists = {"FOOTFALL_STORED_FIELDS": "none", "FOOTFALL_SITES": "shop, blog"}
    loaded = load(Settings, VALID | lists | {"FOOTFALL_IP_DATABASE": str(database)})
    assert (loaded.stored_fields, loaded.sites, loaded.ip_database) == (("none",), ("shop", "blog"), database)
