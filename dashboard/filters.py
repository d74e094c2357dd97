"""The filters of the history page: what each compares with its parameter. A new filter is one line here.

The page, the parameters of its URL, JSON and CSV, and their OpenAPI document follow from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from avro_schemas.live_aggregates import DIRECT, DIRECT_SOURCE


@dataclass(frozen=True, slots=True)
class Filter:
    """Only events for which `expression` has the value of the parameter.

    The expression is over the columns of the view `events`, and becomes part of the query's text: it is a constant
    here and never holds text of a request. It is not a format string: write `%` as `%%`.
    """

    title: str
    expression: str
    # Behind `Only events `.
    description: str
    # All values, if they are few.
    choices: tuple[str, ...] = ()
    # Behind "More filters".
    is_folded: bool = False


_ARRIVAL = f"case channel when '{DIRECT}' then '{DIRECT_SOURCE}' else source end"
# By the name of the parameter.
FILTERS: Mapping[str, Filter] = MappingProxyType(
    {
        "type": Filter("Type", "event_type", "of this type."),
        "page": Filter("Page", "page", "on this page."),
        "device": Filter(
            "Device",
            "device",
            "from this class of device.",
            ("desktop", "mobile", "tablet", "bot", "unknown"),
        ),
        "source": Filter("Source", _ARRIVAL, f"of arrivals from this source; `{DIRECT_SOURCE}` for direct ones."),
        "channel": Filter(
            "Channel",
            "channel",
            "of arrivals by this channel.",
            ("search", "social", "mail", "ai", "paid", "referral", "direct"),
        ),
        "campaign": Filter("Campaign", "utm_campaign", "of arrivals with this `utm_campaign`.", is_folded=True),
        "country": Filter("Country", "country", "from this country, in two letters."),
        "site": Filter("Site", "site", "of this site.", is_folded=True),
        "hostname": Filter("Hostname", "hostname", "on this host.", is_folded=True),
        "release": Filter("Release", "release", "sent by this release of a page or backend.", is_folded=True),
        "language": Filter("Language", "language", "in this language.", is_folded=True),
        "screen": Filter(
            "Screen",
            "screen",
            "from screens of this class of width.",
            ("xs", "sm", "md", "lg", "xl", "xxl"),
            is_folded=True,
        ),
    }
)
# The condition of all of them; a parameter that is null compares nothing.
CONDITION = " and ".join(
    f"(%({name})s::text is null or {each.expression} = %({name})s)" for name, each in FILTERS.items()
)


def can_be_stored(text: str) -> bool:
    """Whether Postgres can hold the text: no NUL, and no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
