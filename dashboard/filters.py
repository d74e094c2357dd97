"""The filters of the history page: what each compares with its parameter. A new filter is one line here.

The page, the parameters of its URL, JSON and CSV, and their OpenAPI document follow from it.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

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


@dataclass(frozen=True, slots=True, order=True)
class Condition:
    """A filter and a value: only events that have it, or, if it is excluded, only those that do not."""

    name: str
    value: str
    is_excluded: bool = False

    @property
    def parameter(self) -> str:
        """The value as it stands in a URL: `!` in front excludes, and a backslash in front quotes the rest."""
        quoted = "\\" + self.value if self.value[:1] in ("!", "\\") else self.value
        return "!" + quoted if self.is_excluded else quoted

    @property
    def text(self) -> str:
        """For people: `is not /a`."""
        return f"is not {self.value}" if self.is_excluded else f"is {self.value}"


@dataclass(frozen=True, slots=True)
class PropertyValue:
    """A value of a property of an event type: what the filter `prop` compares."""

    event_type: str
    name: str
    value: str

    @property
    def text(self) -> str:
        """As it stands in a URL: `feature_used.feature:export_data`. A backslash quotes a dot or colon."""
        event_type = re.sub(r"([\\.])", r"\\\1", self.event_type)
        name = re.sub(r"([\\:])", r"\\\1", self.name)
        return f"{event_type}.{name}:{self.value}"


PROPERTY = "prop"
MAX_CONDITIONS = 50

# As the stream app makes the fingerprint of an error.
_ERROR = r"""case when event_type = 'error_encountered' then
    coalesce(event_data ->> 'kind', 'Error') || ': '
    || left(regexp_replace(event_data ->> 'message', '\d+', '#', 'g'), 120)
    || coalesce(' (' || regexp_replace(nullif(event_data ->> 'source', ''), '^.*/', '') || ')', '')
end"""
_ARRIVAL = f"case channel when '{DIRECT}' then '{DIRECT_SOURCE}' else source end"


def _of(event_type: str, name: str) -> str:
    return f"case when event_type = '{event_type}' then event_data ->> '{name}' end"


# By the name of the parameter.
FILTERS: Mapping[str, Filter] = MappingProxyType(
    {
        "type": Filter("Type", "event_type", "of this type."),
        PROPERTY: Filter(
            "Property",
            "",
            "whose property has this value, written as `TYPE.PROPERTY:VALUE`: `feature_used.feature:export_data`.",
        ),
        "page": Filter("Page", "page", "on this page."),
        "route": Filter("Route", "coalesce(route, page)", "on this route, or on this page if it has no route."),
        "source": Filter("Source", _ARRIVAL, f"of arrivals from this source; `{DIRECT_SOURCE}` for direct ones."),
        "channel": Filter(
            "Channel",
            "channel",
            "of arrivals by this channel.",
            ("search", "social", "mail", "ai", "paid", "referral", "direct"),
        ),
        "campaign": Filter("Campaign", "utm_campaign", "of arrivals with this `utm_campaign`."),
        "country": Filter("Country", "country", "from this country, in two letters."),
        "device": Filter(
            "Device",
            "device",
            "from this class of device.",
            ("desktop", "mobile", "tablet", "bot", "unknown"),
        ),
        "browser": Filter("Browser", "case when bot is null then browser end", "from this browser."),
        "system": Filter("System", "system", "from this operating system."),
        "language": Filter("Language", "language", "in this language."),
        "screen": Filter(
            "Screen", "screen", "from screens of this class of width.", ("xs", "sm", "md", "lg", "xl", "xxl")
        ),
        "site": Filter("Site", "site", "of this site."),
        "hostname": Filter("Hostname", "hostname", "on this host."),
        "release": Filter("Release", "release", "sent by this release of a page or backend."),
        "button": Filter("Button", _of("button_click", "button"), "that are clicks on this button."),
        "form": Filter("Form", _of("form_submit", "form"), "that are submissions of this form."),
        "error": Filter("Error", _ERROR, "that are this error."),
        "metric": Filter(
            "Metric",
            _of("web_vital", "metric"),
            "that measure this.",
            ("LCP", "INP", "CLS", "FCP", "TTFB"),
        ),
        "program": Filter("Program", "case when bot is not null then browser end", "from this program."),
    }
)


def condition_of(name: str, parameter: str) -> Condition:
    """The condition that a parameter of the URL sets."""
    is_excluded = parameter.startswith("!")
    value = parameter[1:] if is_excluded else parameter
    return Condition(name, value.removeprefix("\\") if value[:1] == "\\" else value, is_excluded)


def property_value(text: str) -> PropertyValue | None:
    """The property and value that `prop` names; None if the text names none."""
    found = re.fullmatch(r"((?:\\.|[^\\.])+)\.((?:\\.|[^\\:])+):(.*)", text, re.DOTALL)
    if found is None:
        return None
    event_type, name = (re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL) for quoted in found.group(1, 2))
    return PropertyValue(event_type, name, found.group(3))


@dataclass(frozen=True, slots=True)
class Group:
    """Values of one filter, or of one property of an event type: any of them, or, if excluded, none."""

    name: str
    values: tuple[str, ...]
    is_excluded: bool
    # For the filter `prop`.
    event_type: str = ""
    property_name: str = ""


def groups(conditions: Iterable[Condition]) -> list[Group]:
    """The conditions by what they compare."""
    grouped: dict[tuple[str, bool, str, str], list[str]] = {}
    for each in conditions:
        found = property_value(each.value) if each.name == PROPERTY else None
        of_property = (found.event_type, found.name) if found else ("", "")
        value = found.value if found else each.value
        grouped.setdefault((each.name, each.is_excluded, *of_property), []).append(value)
    return [Group(key[0], tuple(values), *key[1:]) for key, values in grouped.items()]


def as_sql(conditions: Iterable[Condition]) -> tuple[str, dict[str, Any]]:
    """The conditions as SQL over the view `events`, and its parameters. Groups add up."""
    parts, params = [], dict[str, Any]()
    for number, group in enumerate(groups(conditions)):
        params[f"values_{number}"] = list(group.values)
        if group.name == PROPERTY:
            params |= {f"type_{number}": group.event_type, f"property_{number}": group.property_name}
            compared = (
                f"(event_type = %(type_{number})s and event_data ->> %(property_{number})s::text"
                f" = any (%(values_{number})s::text[]))"
            )
        else:
            compared = f"(({FILTERS[group.name].expression}) = any (%(values_{number})s::text[]))"
        parts.append(f"{compared} is not true" if group.is_excluded else compared)
    return " and ".join(parts) or "true", params


def can_be_stored(text: str) -> bool:
    """Whether Postgres can hold the text: no NUL, and no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
