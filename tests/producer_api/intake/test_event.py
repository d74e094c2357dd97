"""Raw events become records, or every fault is named, whatever the input."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avro_schemas import event_ids
from avro_schemas.reasons import REASONS
from avro_schemas.wire import event_reader
from avro_schemas.wire.codec import decode
from avro_schemas.wire.event_reader import decode_event
from producer_api.intake.context import RandomPool, RequestContext
from producer_api.intake.event import (
    MAX_ID_AGE_MS,
    MAX_ID_AHEAD_MS,
    EncodedEvent,
    EventProcessor,
    client_event_id,
)
from producer_api.intake.event_names import EventNames
from producer_api.privacy.devices import encoded_device
from tests.support.events import NOON

MINUTE, DAY = 60_000, 86_400_000
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/143.0"
PROCESSOR = EventProcessor(allowed_parameters=["utm_source"])

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
names = st.sampled_from(["event_type", "event_data", "timestamp", "event_id", "other"])


def context(sent_at: int | None = None) -> RequestContext:
    return RequestContext(
        received_at=NOON,
        sent_at=sent_at,
        user_key=b"u" * 16,
        limit_key=b"u" * 16,
        device=encoded_device(FIREFOX),
        random=RandomPool(),
    )


def process(raw: Any, processor: EventProcessor = PROCESSOR, in_context: RequestContext | None = None) -> Any:
    return processor.process(raw, in_context or context(), client_event_id(raw))


def record_of(raw: Any, in_context: RequestContext | None = None) -> dict[str, Any]:
    encoded = process(raw, in_context=in_context)
    assert isinstance(encoded, EncodedEvent), encoded
    return decode(encoded.value)[1]


def data_of(raw: Any, in_context: RequestContext | None = None) -> dict[str, Any]:
    """What is stored of `event_data`."""
    data: dict[str, Any] = record_of(raw, in_context)["event_data"]
    properties = orjson.loads(data["properties"])
    # That of custom events is all of it.
    return properties if len(data) == 1 else data | {"properties": properties}


def codes(raw: Any) -> set[tuple[str, str]]:
    found = process(raw)
    assert isinstance(found, list)
    return {(fault.code, fault.pointer) for fault in found}


def click(**fields: Any) -> dict[str, Any]:
    return {"event_type": "click", "event_data": {"element": "nav_menu"}} | fields


def test_an_event_without_id_and_time_gets_both() -> None:
    record = record_of(click())
    assert event_ids.timestamp_ms(record["event_id"]) == NOON
    assert (record["occurred_at"], record["time_flag"]) == (NOON, "ok")
    assert (record["user_key"], record["site"]) == ((b"u" * 16).hex(), "default")
    assert record["device"] == {"browser": "Firefox", "system": "Linux", "kind": "desktop", "bot": None}


def test_only_the_device_class_of_the_user_agent_is_stored() -> None:
    phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1"
    record = record_of(click(event_data={"element": "x", "user_agent": phone}))
    assert record["event_data"] == {"properties": '{"element":"x"}'}
    assert (record["device"]["system"], record["device"]["kind"]) == ("iOS", "mobile")


def test_urls_lose_their_query_and_the_page_is_a_field_of_every_event() -> None:
    data = {"page": "/reset?token=secret#top", "referrer": "https://a.example/x?q=me"}
    record = record_of({"event_type": "page_view", "event_data": data})
    assert (record["page"], record["event_data"]["page"]) == ("/reset", "/reset")
    assert record["event_data"]["referrer"] == "https://a.example/x"


def test_allowed_query_parameters_are_not_removed() -> None:
    data = {"page": "/?utm_source=mail&token=secret&utm_source=x#top", "referrer": "https://ann:pw@a.example/?q=1"}
    stored = record_of({"event_type": "page_view", "event_data": data})["event_data"]
    assert (stored["page"], stored["referrer"]) == ("/?utm_source=mail&utm_source=x", "https://a.example/")


@pytest.mark.parametrize(
    ("sent_at", "occurred_at", "flag"),
    [
        pytest.param(NOON - 400, NOON - MINUTE, "ok", id="a correct clock"),
        pytest.param(NOON + 3_600_000, NOON - MINUTE - 3_600_000, "past", id="an hour ahead"),
        pytest.param(NOON - 30_000, NOON - 30_000, "ok", id="half a minute slow"),
        pytest.param(NOON - DAY, NOON - MINUTE, "ok", id="sent before it occurred, which proves nothing"),
    ],
)
def test_sent_at_corrects_a_wrong_clock(sent_at: int, occurred_at: int, flag: str) -> None:
    record = record_of(click(timestamp="2026-01-01T11:59:00Z"), in_context=context(sent_at=sent_at))
    assert (record["sent_at"], record["occurred_at"], record["time_flag"]) == (sent_at, occurred_at, flag)


@pytest.mark.parametrize(
    ("sent_at", "timestamp"),
    [
        pytest.param(NOON + 73 * 365 * DAY, "2026-01-01T11:59:00Z", id="a clock at 2098, set while events waited"),
        pytest.param(NOON + DAY, "2000-01-01T00:00:00Z", id="from the year 2000 to the one before"),
        pytest.param(NOON - DAY, "2099-12-31T23:59:59Z", id="long after it was sent"),
    ],
)
def test_a_time_that_the_correction_moves_out_of_range_is_clamped(sent_at: int, timestamp: str) -> None:
    record = record_of(click(timestamp=timestamp), in_context=context(sent_at=sent_at))
    assert (record["sent_at"], record["occurred_at"], record["time_flag"]) == (sent_at, NOON, "clamped")


@given(st.integers(-(2**45), 2**45) | st.none(), st.datetimes(timezones=st.just(UTC)))
def test_every_event_that_is_accepted_is_one_for_the_readers(sent_at: int | None, occurred: datetime) -> None:
    found = process(click(timestamp=occurred.isoformat()), in_context=context(sent_at=sent_at))
    if isinstance(found, EncodedEvent):
        decode_event(found.value, NOON)
    else:
        assert {fault.code for fault in found} == {"timestamp_out_of_range"}


def test_readers_take_all_ids_that_the_collector_accepts() -> None:
    """Also those of a week in the spool."""
    assert MAX_ID_AGE_MS + 7 * DAY < event_reader.MAX_ID_AGE_MS
    assert MAX_ID_AHEAD_MS < event_reader.MAX_ID_AHEAD_MS


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        pytest.param("write to Ann.B+x@mail.example.org now", "write to [email] now", id="e-mail"),
        pytest.param("/u/ann%40example.org/", "/u/[email]/", id="e-mail in a URL"),
        pytest.param("call +49 (30) 1234-5678!", "call [phone]!", id="phone"),
        pytest.param("(555) 123-4567 and 555-123-4567", "[phone] and [phone]", id="phones as written in the US"),
        pytest.param("4111 1111 1111 1111", "[card]", id="card"),
        pytest.param("4111 1111 1111 1112", "4111 1111 1111 1112", id="not a card, the check digit is wrong"),
        pytest.param("order 1767268800000", "order 1767268800000", id="a timestamp is not a card"),
        pytest.param("v 2026-01-01 12:00:00.123", "v 2026-01-01 12:00:00.123", id="a date is not a phone"),
        pytest.param("192.168.100.200:8080", "192.168.100.200:8080", id="an IP is not a phone"),
        pytest.param("019ab3c0-d5e8-7000-a1b2-c3d4e5f60718", "019ab3c0-d5e8-7000-a1b2-c3d4e5f60718", id="a UUID"),
        pytest.param("t=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc1", "t=[token]", id="a JWT"),
        pytest.param("Bearer abcdefghijklmnop1234", "[token]", id="a bearer token"),
        pytest.param("sk_live_abcdefghijklmnop1234", "[token]", id="an API key"),
    ],
)
def test_personal_data_and_secrets_are_redacted(value: str, stored: str) -> None:
    request = context()
    assert data_of({"event_type": "click", "event_data": {"element": value}}, request) == {"element": stored}
    assert any(request.redactions.values()) is (value != stored)


def test_names_and_numbers_that_clients_choose_are_redacted_too() -> None:
    request = context()
    sent = {
        "ann@example.org": 1,
        "bob@example.org": 2,
        "card": 4111111111111111,
        "n": 1767268800000,
        "nested": {
            "list": [{"to": "ann@example.org"}, "+49 30 12345678", [4111111111111111], None, True, 4.5, {}, []]
        },
        "sk_live_abcdefghijklmnop1234": "a token as a name",
    }
    stored = {
        "[email]": 1,
        "[email] 2": 2,
        "card": "[card]",
        "n": 1767268800000,
        "nested": {"list": [{"to": "[email]"}, "[phone]", ["[card]"], None, True, 4.5, {}, []]},
        "[token]": "a token as a name",
    }
    as_properties = {"event_type": "page_view", "event_data": {"page": "/", "properties": sent}}
    assert data_of(as_properties, request)["properties"] == stored
    assert data_of({"event_type": "click", "event_data": sent}, request) == stored
    assert request.redactions == {"properties": {"email": 6, "card": 4, "phone": 2, "token": 2}}


def test_nesting_is_bounded() -> None:
    deep: Any = "x"
    for _ in range(40):
        deep = [deep]
    assert codes(click(event_data=deep)) == {("too_deep", "")}


@pytest.mark.parametrize(
    ("timestamp", "occurred_at", "flag"),
    [
        pytest.param("2026-01-01T11:55:00Z", NOON - 5 * MINUTE, "ok", id="just now"),
        pytest.param("2026-01-01T13:55:00+02:00", NOON - 5 * MINUTE, "ok", id="another offset"),
        pytest.param("2024-01-15T10:30:00Z", 1_705_314_600_000, "past", id="long ago"),
        pytest.param("2026-01-01T12:09:59Z", NOON + 10 * MINUTE - 1000, "ok", id="a little ahead"),
        pytest.param("2026-01-01T12:11:00Z", NOON, "clamped", id="too far ahead"),
    ],
)
def test_the_time_of_an_event_is_stored_and_flagged(timestamp: str, occurred_at: int, flag: str) -> None:
    record = record_of(click(timestamp=timestamp))
    assert (record["occurred_at"], record["time_flag"]) == (occurred_at, flag)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param([], {("event_not_object", "")}, id="a list"),
        pytest.param("x", {("event_not_object", "")}, id="text"),
        pytest.param({}, {("field_missing", "/event_type"), ("field_missing", "/event_data")}, id="empty"),
        pytest.param(click(event_data="text"), {("type_mismatch", "/event_data")}, id="event_data is text"),
        pytest.param(click(event_type=7), {("type_mismatch", "/event_type")}, id="event_type is a number"),
        pytest.param(click(event_type="clik"), {("event_type_unknown", "/event_type")}, id="unknown type"),
        pytest.param(click(user="ann"), {("field_unknown", "/user")}, id="unknown field"),
        pytest.param(click(timestamp="yesterday"), {("timestamp_invalid", "/timestamp")}, id="no time"),
        pytest.param(
            click(timestamp="2026-01-01T12:00:00"), {("timestamp_invalid", "/timestamp")}, id="no offset"
        ),
        pytest.param(click(timestamp=1767268800), {("timestamp_invalid", "/timestamp")}, id="seconds"),
        pytest.param(
            click(timestamp="1999-01-01T00:00:00Z"), {("timestamp_out_of_range", "/timestamp")}, id="1999"
        ),
        pytest.param(click(event_id="evt_abc123"), {("event_id_invalid", "/event_id")}, id="short id"),
        pytest.param(
            click(event_id=event_ids.generate(NOON - 8 * DAY, b"0" * 10)),
            {("event_id_time", "/event_id")},
            id="old id",
        ),
        pytest.param(
            click(event_id=event_ids.generate(NOON + 11 * MINUTE, b"0" * 10)),
            {("event_id_time", "/event_id")},
            id="id ahead",
        ),
        pytest.param(
            click(event_data={"user_agent": 5}), {("type_mismatch", "/event_data/user_agent")}, id="agent"
        ),
        pytest.param(click(event_data={"n": 2.0**64}), set(), id="a large float is a number"),
        pytest.param(
            {"event_type": "form_submit", "event_data": {"success": 1}, "timestamp": "x", "event_id": 1},
            {
                ("field_missing", "/event_data/form"),
                ("type_mismatch", "/event_data/success"),
                ("timestamp_invalid", "/timestamp"),
                ("event_id_invalid", "/event_id"),
            },
            id="everything together",
        ),
    ],
)
def test_every_fault_is_named(raw: Any, expected: set[tuple[str, str]]) -> None:
    if expected:
        assert codes(raw) == expected
    else:
        assert isinstance(process(raw), EncodedEvent)


def test_a_mistyped_event_type_gets_a_suggestion() -> None:
    (fault,) = process(click(event_type="page-view"))
    assert 'did you mean "page_view"?' in fault.expected


def test_an_unknown_event_type_is_accepted_if_the_setting_allows_it() -> None:
    processor = EventProcessor(names=EventNames(accepts_unknown=True))
    encoded = process(click(event_type="cart:checkout.v2"), processor)
    assert encoded.event_type == "cart:checkout.v2"
    (fault,) = process(click(event_type="has space"), processor)
    assert fault.code == "event_type_unknown"


def test_an_event_that_is_too_large_is_rejected() -> None:
    (fault,) = process(click(event_data={f"k{n}": "x" * 2000 for n in range(20)}))
    assert fault.code == "too_large"


@given(st.dictionaries(names, json_values) | json_values)
def test_no_input_raises_an_error(raw: Any) -> None:
    outcome = process(raw)
    if isinstance(outcome, list):
        assert outcome
        assert {fault.code for fault in outcome} <= REASONS.keys()
    else:
        assert decode(outcome.value)[1]["event_type"] == outcome.event_type


def test_events_of_a_request_that_say_different_things_do_not_mix() -> None:
    request = context()
    sent = [{"site": "a"}, {"site": "b", "release": "1"}, {}, {"site": "a"}, {"release": "1"}, {"screen_width": 1}]
    read = [record_of(click(context=own), request) for own in (*sent, *sent)]
    stored = [("a", None), ("b", "1"), ("default", None), ("a", None), ("default", "1"), ("default", None)]
    assert [(record["site"], record["release"]) for record in read] == stored * 2
    (fault,) = process(click(context={"screen_width": True}), in_context=request)  # equal to 1 in Python
    assert (fault.code, fault.pointer) == ("type_mismatch", "/context/screen_width")
    for _ in range(2):
        (fault,) = process(click(context={"site": "No site"}), in_context=request)
        assert fault.pointer == "/context/site"
