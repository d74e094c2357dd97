"""Post events with the generated client of the collector. Arguments: URL, session token, backend key."""

import json
import sys

from collector import AuthenticatedClient, Client
from collector.api.events import collect_events, list_event_types, validate_events
from collector.models import (
    ButtonClickEvent,
    ButtonClickEventData,
    ButtonClickEventDataProperties,
    Context,
    Envelope,
    PageViewEvent,
    PageViewEventData,
)

url, token, key = sys.argv[1:]
properties = ButtonClickEventDataProperties.from_dict({"plan": "team", "seats": 3, "trial": None})
view = PageViewEvent(event_type="page_view", event_data=PageViewEventData(page="/pricing", referrer=None))
click = ButtonClickEvent(
    event_type="button_click", event_data=ButtonClickEventData(button="buy", properties=properties)
)
too_long = PageViewEvent(event_type="page_view", event_data=PageViewEventData(page="/" * 3000))

user = AuthenticatedClient(url, token)
backend = Client(url, headers={"Footfall-Key": key})
answers = {
    "single": collect_events.sync_detailed(client=user, body=view),
    "list": collect_events.sync_detailed(client=user, body=[view, click, too_long]),
    "envelope": collect_events.sync_detailed(
        client=backend, body=Envelope([click], context=Context(site="shop", release="7")), footfall_user="bob"
    ),
    "rejected": validate_events.sync_detailed(client=user, body=too_long),
    "forbidden": collect_events.sync_detailed(client=AuthenticatedClient(url, "no.such.token"), body=view),
    "types": list_event_types.sync_detailed(client=user),
}
json.dump({name: [each.status_code, each.parsed.to_dict()] for name, each in answers.items()}, sys.stdout)
