"""Which optional fields of the head are stored: an operator may want to know less about people."""

from collections.abc import Collection

# What each of them is good for.
OPTIONAL_FIELDS = {
    "hostname": "Tells the hosts of a site apart.",
    "route": "Pages of one kind together, such as `/products/:id`.",
    "source": "The site that a visitor came from.",
    "channel": "How visitors arrive: search, social, mail, ai, paid, referral, direct.",
    "utm": "The five UTM parameters of a campaign's link.",
    "country": "Where visitors are. Needs `FOOTFALL_IP_DATABASE`.",
    "region": "Where in the country. Not by default, as few visitors come from a small region.",
    "language": "Which languages a site should speak.",
    "screen": "One of six classes of widths, for layouts.",
    "device": "Browser and system families and the kind of device. That it is a program is always stored.",
    "release": "Which release of a frontend an error or a slow page belongs to.",
    "visitor_key": "Visits and returning visitors without a login.",
}
DEFAULT_STORED_FIELDS = tuple(name for name in OPTIONAL_FIELDS if name != "region")
ALL_FIELDS = frozenset(OPTIONAL_FIELDS)
NONE = "none"


def check_stored_fields(names: Collection[str]) -> None:
    """Raise ValueError for a field that is not optional, or does not exist."""
    if not parse_stored_fields(names) <= ALL_FIELDS:
        raise ValueError(f"{NONE}, or some of {', '.join(OPTIONAL_FIELDS)}")


def parse_stored_fields(names: Collection[str]) -> frozenset[str]:
    """The fields that the setting names."""
    return frozenset() if tuple(names) == (NONE,) else frozenset(names)
