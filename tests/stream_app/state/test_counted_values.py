"""What of an event is counted: people once each, and where views came from."""

from avro_schemas.key_sketch import KeySketch
from avro_schemas.live_aggregates import ACTIVE_USERS, ACTIVE_VISITORS, SIGNED_IN_VISITORS, SKETCHED
from stream_app.state.partition import PartitionState
from tests.support.events import NOON, Record, encoded, event, user_key
from tests.support.partition_states import ANN, BOB, MINUTE, emitted, folded


def test_people_are_users_and_visitors_apart() -> None:
    """Once each; and subscribers find in the sketches what docs/live-aggregates.md says."""
    ann, bob, laptop, phone, session = (user_key(name) for name in ("ann", "bob", "laptop", "phone", "session"))
    fields = [
        {"visitor_key": laptop},
        {"user_key": ann, "visitor_key": laptop, "session_key": session},
        {"user_key": ann},
        {"user_key": bob, "session_key": session},
        {"visitor_key": phone, "session_key": session},
        {"session_key": session},
        {},
    ]
    state = folded([Record(n, NOON, None, encoded(event("click", **each))) for n, each in enumerate(fields)])
    assert sketches_of(state) == {
        ACTIVE_USERS: sketch(ann, bob),
        ACTIVE_VISITORS: sketch(laptop, phone, session),
        SIGNED_IN_VISITORS: sketch(laptop),
    }


def test_rates_are_counted_by_the_keys_of_records() -> None:
    keys = [ANN, ANN, BOB, ANN, b"elsewhere", None]
    state = folded([Record(n, NOON, key, encoded(event("click"))) for n, key in enumerate(keys)])
    assert (state.rates.events(ANN), state.rates.events(BOB), state.rates.events(b"elsewhere")) == (3, 1, 0)


def test_programs_are_no_people_and_have_a_ranking_of_their_own() -> None:
    bot = {"browser": "Googlebot", "system": "unknown", "kind": "bot", "bot": "crawler"}
    person = bot | {"browser": "Firefox", "kind": "desktop", "bot": None}
    events = [
        event("click", device=device, visitor_key=key)
        for device, key in ((bot, user_key("bot")), (person, user_key("ann")), (bot, user_key("ann")))
    ]
    log = [Record(n, NOON, each["visitor_key"].hex().encode(), encoded(each)) for n, each in enumerate(events)]
    assert sketches_of(folded(log)) == {ACTIVE_VISITORS: sketch(user_key("ann"))}
    windows = emitted(folded(log))
    assert windows["browsers_of_programs", MINUTE] == {NOON: {"Googlebot": 2}}
    assert windows["browsers", MINUTE] == {NOON: {"Firefox": 1}}
    assert windows["events_of_programs", 10_000] == windows["events_of_programs", MINUTE] == {NOON: {"click": 2}}
    assert windows["devices", MINUTE] == {NOON: {"desktop": 1}}


def test_views_are_counted_by_where_they_came_from() -> None:
    shop = {"source": "shop.example", "channel": "referral", "utm_campaign": "spring"}
    arrivals = [
        shop,
        shop,
        {"channel": "direct"},
        {"channel": "mail"},
        {},
        {"country": "DE"},
        {"site": "b", "release": "7"},
    ]
    log = [Record(n, NOON, None, encoded(event("page_view", **each))) for n, each in enumerate(arrivals)]
    clicks = encoded(event("click", country="DE", site="b", **shop))
    state = folded([*log, Record(len(log), NOON, None, clicks)])
    counted = {name: windows[NOON] for (name, length), windows in emitted(state).items() if length == MINUTE}
    assert {
        name: counted[name] for name in ("sources", "channels", "campaigns", "countries", "sites", "releases")
    } == {
        "sources": {"shop.example": 2, "(direct)": 1},
        "channels": {"referral": 2, "direct": 1, "mail": 1},
        "campaigns": {"spring": 2},
        "countries": {"DE": 1},
        "sites": {"default": 6, "b": 2},
        "releases": {"7": 1},
    }


def sketches_of(state: PartitionState) -> dict[str, bytes | None]:
    snapshot = state.snapshot()
    assert snapshot is not None
    return {partial.dimension: partial.sketch for partial in snapshot.partials if partial.dimension in SKETCHED}


def sketch(*keys: bytes) -> bytes:
    made = KeySketch()
    made.add(key.hex().encode() for key in keys)
    return made.to_bytes()
