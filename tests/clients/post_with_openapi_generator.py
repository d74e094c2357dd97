"""Post one event and a list with the client of openapi-generator. Arguments: URL, session token."""

import json
import sys

from openapi_collector import ApiClient, Configuration, EventsApi
from openapi_collector.models import (
    ButtonClickEvent,
    ButtonClickEventData,
    CollectEventsRequest,
    Event,
    PageViewEvent,
    PageViewEventData,
)

url, token = sys.argv[1:]
view = PageViewEvent(event_type="page_view", event_data=PageViewEventData(page="/pricing"))
click = ButtonClickEvent(
    event_type="button_click",
    event_data=ButtonClickEventData(button="buy", properties={"plan": "team", "seats": [3, {"free": 1}]}),
)
events = EventsApi(ApiClient(Configuration(host=url, access_token=token)))
single = events.collect_events(CollectEventsRequest(Event(view)))
several = events.collect_events(CollectEventsRequest([Event(view), Event(click)]))
types = events.list_event_types()
answers = {"single": single.to_dict(), "list": several.to_dict(), "types": types.to_dict()}
json.dump(answers, sys.stdout)
