"""Names of sites: which of the sites of an installation an event happened on."""

import re
from collections.abc import Collection

DEFAULT_SITE = "default"
EXPECTED = "1 to 50 of a-z, 0-9, dot, underscore and hyphen, beginning with a letter or digit"

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,49}")


def site_name(text: str) -> str | None:
    """The text, if a site may have this name."""
    return text if _NAME.fullmatch(text) else None


def check_sites(names: Collection[str]) -> None:
    """Raise ValueError for a name that no site may have."""
    if not all(map(site_name, names)):
        raise ValueError(f"names of {EXPECTED}")
