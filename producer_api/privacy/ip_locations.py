"""Country and region of an IP, from a database file on this machine. The IP itself is not stored.

The file has MaxMind's format (`.mmdb`), which GeoLite2, DB-IP and IPinfo publish. It is read into memory as a
whole, as a file that is overwritten while it is mapped would crash the process.
"""

import ipaddress
import logging
import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import maxminddb

log = logging.getLogger(__name__)

_MAX_CACHED = 20_000
# So many records of a database are looked at to see whether it has countries at all.
_SAMPLE = 1_000
_COUNTRY = re.compile(r"[A-Z]{2}")
_REGION = re.compile(r"[A-Z]{2}-[A-Z0-9]{1,3}")


class Location(NamedTuple):
    """ISO 3166 codes, such as DE and DE-BE."""

    country: str | None
    region: str | None


UNKNOWN = Location(None, None)


def nowhere(_ip: str) -> Location:
    """Where any IP is without a database."""
    return UNKNOWN


class IpLocations:
    """The locations of one version of a file. Raise ValueError for a file that is not such a database."""

    def __init__(self, path: Path) -> None:
        try:
            self._reader = maxminddb.open_database(path, maxminddb.MODE_MEMORY)
            sample = [_location(record) for _network, record in islice(self._reader, _SAMPLE)]
        except Exception as error:  # the reader raises IndexError and others at damaged files
            raise ValueError(f"a readable database ({type(error).__name__}: {error})") from error
        if not any(location.country for location in sample):
            raise ValueError(f"a database of countries or cities; {path} has no countries")
        # Seconds since 1970.
        self.built_at: int = self._reader.metadata().build_epoch
        self.find = lru_cache(maxsize=_MAX_CACHED)(self._find)

    def _find(self, ip: str) -> Location:
        """Where an IP is; unknown for anything that the database does not have."""
        try:
            address = ipaddress.ip_address(ip)
            if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
                address = address.ipv4_mapped
            return _location(self._reader.get(address))
        except Exception as error:
            # An IP that is none ("unknown"), one of the other version, and whatever a damaged file may lead to.
            if not isinstance(error, ValueError):
                log.warning("the IP database cannot be read: %s", type(error).__name__)
            return UNKNOWN


def _location(record: Any) -> Location:
    """MaxMind and DB-IP have objects with `iso_code`; IPinfo has texts."""
    if not isinstance(record, Mapping):
        return UNKNOWN
    country = _code(record.get("country")) or record.get("country_code")
    if not isinstance(country, str) or not _COUNTRY.fullmatch(country):
        return UNKNOWN
    subdivisions = record.get("subdivisions")
    first = _code(subdivisions[0]) if isinstance(subdivisions, list) and subdivisions else None
    region = f"{country}-{first}"
    return Location(country, region if _REGION.fullmatch(region) else None)


def _code(value: Any) -> Any:
    """The code of a country or region, which is a text by itself in some databases."""
    code = value.get("iso_code") if isinstance(value, Mapping) else value
    return code if isinstance(code, str) and len(code) <= 3 else None


def check_ip_database(path: Path) -> None:
    """Raise ValueError for a file that cannot be used."""
    IpLocations(path)


class IpDatabase:
    """The newest version of the file. `refresh` reads it again if it changed, and blocks meanwhile."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._version = _version(path)
        self._locations = IpLocations(path)

    def find(self, ip: str) -> Location:
        """Where an IP is."""
        return self._locations.find(ip)

    @property
    def built_at(self) -> int:
        """When the database was made, in seconds since 1970."""
        return self._locations.built_at

    def refresh(self) -> None:
        """Read a changed file. If it is wrong or gone, the version in memory stays in use."""
        version = _version(self._path)
        if version is None or version == self._version:
            return
        self._version = version
        try:
            self._locations = IpLocations(self._path)
        except ValueError as error:
            log.warning("the new IP database is not used; it must be %s", error)
        else:
            log.info("a new IP database is in use", extra={"built_at": self.built_at})


def _version(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
