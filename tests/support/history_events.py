"""Events of people and programs for tests of the history, and how a test reads from them what filters and panels name."""

import json
from collections.abc import Callable
from operator import itemgetter, methodcaller
from random import Random
from typing import Any

from dashboard.filters import PROPERTY, PropertyValue
from tests.support.events import event, now_ms, user_key

Event = dict[str, Any]


PERSON = {"browser": "Firefox", "system": "Linux", "kind": "desktop", "bot": None}
PROGRAM = {"browser": "Googlebot", "system": "unknown", "kind": "bot", "bot": "crawler"}


def page_views(seed: int, count: int = 120) -> list[Event]:
    chance, now = Random(seed), now_ms()

    def one_of(*values: Any) -> Any:
        return chance.choice([*values, None])

    made = []
    for _ in range(count):
        page, source = chance.choice(["/", "/pricing"]), one_of("news.example", "shop.example")
        head = {
            "site": chance.choice(["default", "shop"]),
            "user_key": one_of(user_key("ann"), user_key("bob")),
            "visitor_key": one_of(*(user_key(f"visitor-{n}") for n in range(5))),
            "session_key": one_of(*(user_key(f"session-{n}") for n in range(5))),
            "country": one_of("DE", "US"),
            "language": one_of("de", "pt-BR"),
            "screen": one_of("xs", "xl"),
            "release": one_of("1", "2"),
            "hostname": one_of("a.example", "b.example"),
            "page": page,
            "source": source,
            "channel": "referral" if source else one_of("direct", "mail"),
            "utm_campaign": one_of("spring", "100 % off"),
        }
        device = chance.choice([PERSON, PERSON, PROGRAM])
        made.append(event("page_view", now, event_data={"page": page}, device=device, **head))
    return made


def others(seed: int, count: int = 60) -> list[Event]:
    """Clicks, forms, errors, measurements and features of a few people and programs."""
    chance, now = Random(seed), now_ms()
    made = []
    for _ in range(count):
        event_type, data = chance.choice(
            [
                ("button_click", {"button": chance.choice(["buy", "!odd"])}),
                ("form_submit", {"form": chance.choice(["signup", "login"]), "success": True}),
                ("error_encountered", {"message": f"item {chance.randrange(9)} is missing", "kind": "TypeError"}),
                ("web_vital", {"metric": chance.choice(["LCP", "CLS"]), "value": 1.5}),
                ("feature_used", {"feature": chance.choice(["export_data", "a.b:c"]), "count": 3}),
            ]
        )
        head = {
            "user_key": chance.choice([user_key("ann"), user_key("bob"), None]),
            "page": "/app",
            "route": "/:any",
        }
        device = chance.choice([PERSON, PERSON, PROGRAM])
        made.append(event(event_type, now, event_data=data, device=device, **head))
    return made


def _of(event_type: str, name: str) -> Callable[[Event], Any]:
    return lambda e: properties(e).get(name) if e["event_type"] == event_type else None


def properties(e: Event) -> dict[str, Any]:
    data = e["event_data"]
    return json.loads(data["properties"]) if isinstance(data.get("properties"), str) else data


# How a test reads from an event what the filters and panels name.
VALUES: dict[str, Callable[[Event], Any]] = {
    "type": itemgetter("event_type"),
    PROPERTY: lambda e: (
        PropertyValue("feature_used", "feature", properties(e)["feature"]).text
        if e["event_type"] == "feature_used"
        else None
    ),
    "route": lambda e: e.get("route") or e["page"],
    "device": lambda e: e["device"]["kind"],
    "browser": lambda e: None if e["device"]["bot"] else e["device"]["browser"],
    "program": lambda e: e["device"]["browser"] if e["device"]["bot"] else None,
    "system": lambda e: e["device"]["system"],
    "source": lambda e: "(direct)" if e.get("channel") == "direct" else e.get("source"),
    "campaign": methodcaller("get", "utm_campaign"),
    "button": _of("button_click", "button"),
    "form": _of("form_submit", "form"),
    "error": lambda e: "TypeError: item # is missing" if e["event_type"] == "error_encountered" else None,
    "metric": _of("web_vital", "metric"),
    **{
        name: methodcaller("get", name)
        for name in ("page", "channel", "country", "site", "hostname", "release", "language", "screen")
    },
}


def is_person(e: Event) -> bool:
    return bool(e["device"] == PERSON)


def people(events: list[Event]) -> int:
    keys = {e["user_key"] or e["visitor_key"] or e["session_key"] for e in events if is_person(e)}
    return len(keys - {None})
