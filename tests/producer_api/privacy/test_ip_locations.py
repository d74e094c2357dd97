"""The country of an IP comes from a file, and no file and no IP costs a request."""

from pathlib import Path

import pytest

from producer_api.privacy.ip_locations import UNKNOWN, IpDatabase, Location
from tests.support.ip_databases import write_ip_database

GERMANY = {"country": {"iso_code": "DE"}, "subdivisions": [{"iso_code": "BE"}]}
FRANCE = {"country": {"iso_code": "FR"}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_ip_database(tmp_path / "ips.mmdb", {"192.0.2.0/24": GERMANY, "2001:db8::/32": FRANCE})


def test_an_ip_has_a_country_and_a_region(path: Path) -> None:
    database = IpDatabase(path)
    assert database.find("192.0.2.7") == Location("DE", "DE-BE")
    assert database.find("::ffff:192.0.2.7") == Location("DE", "DE-BE")
    assert database.find("2001:db8::1") == Location("FR", None)


@pytest.mark.parametrize("ip", ["198.51.100.1", "unknown", "", "testclient", "fe80::1%eth0", "1.2.3.4.5"])
def test_an_ip_that_the_database_does_not_have_is_nowhere(path: Path, ip: str) -> None:
    assert IpDatabase(path).find(ip) == UNKNOWN


@pytest.mark.parametrize(
    ("record", "location"),
    [
        ({"country": "US", "region": "California"}, Location("US", None)),
        ({"country_code": "US", "country": "United States"}, Location("US", None)),
        ({"country": {"iso_code": "US"}, "subdivisions": []}, Location("US", None)),
        (
            {"country": {"iso_code": "GB"}, "subdivisions": [{"iso_code": "ENG"}, {"iso_code": "LND"}]},
            Location("GB", "GB-ENG"),
        ),
        ({"country": {"iso_code": "us"}}, UNKNOWN),
        ({"country": {"names": {"en": "Nowhere"}}}, UNKNOWN),
        ({"country": {"iso_code": "US"}, "subdivisions": [{"iso_code": "too long"}]}, Location("US", None)),
    ],
)
def test_records_of_several_publishers_are_read(tmp_path: Path, record: object, location: Location) -> None:
    path = write_ip_database(tmp_path / "x.mmdb", {"192.0.2.0/24": record, "198.51.100.0/24": FRANCE})
    assert IpDatabase(path).find("192.0.2.7") == location


def test_a_file_that_is_not_such_a_database_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.mmdb"
    with pytest.raises(ValueError, match="No such file"):
        IpDatabase(path)
    for content in (b"", b"not a database", b"\xab\xcd\xefMaxMind.com" + b"\xff" * 50):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="a readable database"):
            IpDatabase(path)
    write_ip_database(path, {"192.0.2.0/24": {"autonomous_system_number": 64500}})
    with pytest.raises(ValueError, match="has no countries"):
        IpDatabase(path)


def test_a_new_file_is_read_and_a_wrong_one_is_not_used(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    database = IpDatabase(path)
    database.refresh()
    path.write_bytes(b"half of a fi")
    database.refresh()
    assert database.find("192.0.2.7") == Location("DE", "DE-BE")
    assert "the new IP database is not used" in caplog.text
    write_ip_database(path, {"192.0.2.0/24": FRANCE})
    database.refresh()
    assert database.find("192.0.2.7") == Location("FR", None)
    path.unlink()
    database.refresh()
    assert database.find("192.0.2.7") == Location("FR", None)
