"""The head of an event over the whole way through the collector: from a request to the record."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from avro_schemas import event_ids
from avro_schemas.wire.codec import decode
from producer_api.errors import RequestRejected
from producer_api.intake.pipeline import Pipeline
from producer_api.intake.rejected import RejectedEvents
from producer_api.limits.admission import RateLimiter
from producer_api.limits.cluster import ClusterLimits
from producer_api.privacy.hashes import Hasher
from producer_api.privacy.ip_locations import IpDatabase
from producer_api.privacy.stored_fields import OPTIONAL_FIELDS
from producer_api.request import Request, Sender
from producer_api.settings import Settings
from producer_api.storage.records import PublishRequest, Queued, Record
from service_kit.kafka.settings import KafkaSettings
from service_kit.sessions.settings import SessionSettings
from service_kit.settings import Secret
from tests.support.events import NOON
from tests.support.ip_databases import write_ip_database

HASHER = Hasher("a hash key for tests")
FIREFOX = b"Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/143.0"
HEADERS = {b"user-agent": FIREFOX, b"origin": b"https://Shop.Example:8443", b"accept-language": b"pt-br,en;q=0.5"}
IP = "192.0.2.7"
Json = dict[str, Any]


class Collector:
    """A pipeline whose records are kept, with an IP database that has one network."""

    is_available = True

    def __init__(self, folder: Path, **changed: Any) -> None:
        settings = Settings(
            kafka=KafkaSettings(kafka_bootstrap="nowhere:9092"),
            hash_key=Secret("a hash key for tests"),
            sessions=SessionSettings(session_key=Secret("a session key of thirty-two characters")),
            **changed,
        )
        germany = {"country": {"iso_code": "DE"}, "subdivisions": [{"iso_code": "BE"}]}
        database = IpDatabase(write_ip_database(folder / "ips.mmdb", {"192.0.2.0/24": germany}))
        self.requests = list[PublishRequest]()
        self.rejected = list[Json]()
        self.pipeline = Pipeline(
            settings,
            HASHER,
            RateLimiter(ClusterLimits(), per_user=2, per_ip=1_000, per_backend=1_000, bytes_per_event=4_096),
            self,
            RejectedEvents(self._reject, 50),
            locate=database.find,
            wall_clock=lambda: NOON * 1_000_000,
            monotonic=lambda: 1_000.0,
        )

    def _reject(self, _key: bytes | None, record: Record) -> Queued:
        self.rejected.append(decode(record.value)[1])
        return "queued"

    async def publish(self, request: PublishRequest) -> list[bool]:
        self.requests.append(request)
        return [True] * len(request.records)

    def answer(self, body: Any, sender: Sender = Sender(), headers: dict[bytes, bytes] = HEADERS) -> Json:  # noqa: B008
        request = Request(headers, IP, is_secure=True)
        answer, _admission = asyncio.run(self.pipeline.collect(request, sender, orjson.dumps(body)))
        return answer.body

    def records(self, body: Any, sender: Sender = Sender(), headers: dict[bytes, bytes] = HEADERS) -> list[Json]:  # noqa: B008
        answer = self.answer(body, sender, headers)
        assert answer["success"], answer
        return [decode(record.value)[1] for record in self.requests[-1].records]

    def record(self, event: Any, sender: Sender = Sender(), headers: dict[bytes, bytes] = HEADERS) -> Json:  # noqa: B008
        (record,) = self.records(event, sender, headers)
        return record


@pytest.fixture
def collector(tmp_path: Path) -> Collector:
    return Collector(tmp_path)


def page_view(page: str = "/", **fields: Any) -> Json:
    return {"event_type": "page_view", "event_data": {"page": page} | fields}


def fields(record: Json, *names: str) -> tuple[Any, ...]:
    return tuple(record[name] for name in names)


def test_what_the_client_does_not_say_is_derived_from_the_request(collector: Collector) -> None:
    record = collector.record(page_view())
    assert fields(record, "site", "hostname", "language", "country") == ("default", "shop.example", "pt-BR", "DE")
    assert fields(record, "route", "screen", "release", "region", "source") == (None,) * 5
    assert record["channel"] == "direct"


def test_a_context_says_it_better_than_the_request(collector: Collector) -> None:
    context = {
        "site": "shop",
        "hostname": "App.Example",
        "route": "/products/:id",
        "referrer": "https://www.google.com/",
        "language": "de",
        "screen_width": 800,
        "release": "2026.1",
    }
    record = collector.record(page_view("https://other.example/products/7") | {"context": context})
    assert fields(record, "site", "hostname", "route", "language", "screen", "release") == (
        *("shop", "app.example", "/products/:id", "de", "md", "2026.1"),
    )
    assert fields(record, "page", "source", "channel") == ("/products/7", "google.com", "search")


def test_an_envelopes_context_is_of_all_events_and_an_events_own_wins_field_by_field(collector: Collector) -> None:
    own = page_view() | {"context": {"route": "/:page", "language": None}}
    envelope = {"context": {"site": "shop", "route": "/", "language": "fr"}, "events": [page_view(), own]}
    first, second = collector.records(envelope)
    assert fields(first, "site", "route", "language") == ("shop", "/", "fr")
    assert fields(second, "site", "route", "language") == ("shop", "/:page", "fr")


def test_a_full_url_as_page_names_host_and_path(collector: Collector) -> None:
    record = collector.record(page_view("https://Www.Shop.Example/land?utm_source=mail&token=x#top"))
    assert fields(record, "hostname", "page", "utm_source") == ("www.shop.example", "/land", "mail")
    assert record["event_data"]["page"] == "/land"


def test_campaigns_are_stored_without_personal_data_and_apart_from_the_page(collector: Collector) -> None:
    page = (
        "/?utm_source=Mail&utm_medium=cpc&utm_campaign=ann%40mail.example&utm_term=" + "x" * 300 + "&utm_content="
    )
    record = collector.record(page_view(page, referrer="https://www.shop.example/redirect"))
    names = ("page", "channel", "source", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
    assert fields(record, *names) == ("/", "paid", None, "Mail", "cpc", "[email]", "x" * 200, None)


def test_page_views_within_the_own_site_and_other_events_say_nothing_of_an_arrival(collector: Collector) -> None:
    click = {"event_type": "click", "event_data": {"element": "logo", "page": "/"}}
    for event in (page_view(referrer="/login"), page_view(referrer="https://shop.example/login"), click):
        assert fields(collector.record(event), "source", "channel") == (None, None)
    envelope = {"events": [click], "context": {"referrer": "https://chatgpt.com/"}}
    assert fields(collector.record(envelope), "source", "channel") == ("chatgpt.com", "ai")


def test_allowed_origins_are_the_own_site(tmp_path: Path) -> None:
    collector = Collector(tmp_path, allowed_origins=("https://www.app.example",))
    assert collector.record(page_view(referrer="https://app.example/"))["channel"] is None


@pytest.mark.parametrize("opt_out", [{}, {b"sec-gpc": b"1"}, {b"dnt": b"1"}])
@pytest.mark.parametrize(
    ("sender", "owner"),
    [
        (Sender(user_id="ann", session_id="s", visitor_id="v"), HASHER.user_key("ann")),
        (Sender(session_id="s", visitor_id="v"), HASHER.session_key("s")),
        (Sender(visitor_id="v"), HASHER.visitor_key("v")),
        (Sender(), None),
    ],
)
def test_the_owner_is_the_user_else_the_session_else_the_visitor(
    collector: Collector, sender: Sender, owner: bytes | None, opt_out: dict[bytes, bytes]
) -> None:
    record = collector.record(page_view(), sender, HEADERS | opt_out)
    ids = {"user_key": sender.user_id, "session_key": sender.session_id, "visitor_key": sender.visitor_id}
    hashes = {"user_key": HASHER.user_key, "session_key": HASHER.session_key, "visitor_key": HASHER.visitor_key}
    stored = {name: hashes[name](text).hex() if text and not opt_out else None for name, text in ids.items()}
    assert {name: record[name] for name in ids} == stored
    assert collector.requests[-1].key == (owner.hex().encode() if owner and not opt_out else None)


def test_the_rate_limit_counts_by_the_visitor_also_after_an_opt_out(collector: Collector) -> None:
    sender = Sender(visitor_id="v")
    collector.records([page_view(), page_view()], sender, HEADERS | {b"dnt": b"1"})
    assert collector.answer(page_view(), sender)["errors"][0]["code"] == "rate_limited"
    collector.record(page_view(), Sender(visitor_id="w"))


def test_of_a_backend_neither_place_nor_language_nor_device_is_stored(collector: Collector) -> None:
    record = collector.record(page_view(), Sender(user_id="ann", backend="billing"))
    assert fields(record, "country", "region", "language") == (None, None, None)
    assert record["device"] == {"browser": "unknown", "system": "unknown", "kind": "unknown", "bot": None}
    envelope = {"events": [page_view()], "context": {"language": "de", "release": "billing 7"}}
    record = collector.record(envelope, Sender(user_id="ann", backend="billing"))
    assert fields(record, "language", "release") == ("de", "billing 7")


SAYS_ALL = {
    "events": [page_view("/?utm_source=mail&utm_term=x", referrer="https://t.co/x")],
    "context": {"route": "/", "screen_width": 800, "release": "7"},
}
# By name of the setting, the fields of the record; those of a user agent are in `device`.
IN_RECORD = {name: [name] for name in OPTIONAL_FIELDS if name != "device"} | {"utm": ["utm_source", "utm_term"]}


@pytest.mark.parametrize("name", OPTIONAL_FIELDS)
def test_a_field_is_stored_only_if_the_setting_lists_it(tmp_path: Path, name: str) -> None:
    sender = Sender(visitor_id="v")
    only = Collector(tmp_path, stored_fields=(name,)).record(SAYS_ALL, sender)
    without = Collector(tmp_path, stored_fields=tuple(set(OPTIONAL_FIELDS) - {name})).record(SAYS_ALL, sender)
    for other, in_record in IN_RECORD.items():
        for field in in_record:
            assert (only[field] is not None, without[field] is not None) == (other == name, other != name), field
    assert (
        (only["device"]["browser"] == "Firefox")
        is (without["device"]["browser"] == "unknown")
        is (name == "device")
    )


def test_an_anonymous_event_has_no_key_if_visitors_are_not_stored(tmp_path: Path) -> None:
    collector = Collector(tmp_path, stored_fields=("none",))
    assert collector.record(page_view(), Sender(visitor_id="v"))["visitor_key"] is None
    assert collector.requests[-1].key is None


def test_programs_are_labelled_even_if_devices_are_not_stored(tmp_path: Path) -> None:
    collector = Collector(tmp_path, stored_fields=("none",))
    unknown = {"browser": "unknown", "system": "unknown", "kind": "bot"}
    assert collector.record(page_view(), headers={b"user-agent": b"curl/8.0"})["device"] == unknown | {
        "bot": "script"
    }
    # Also where a client sends the user agent with the event.
    assert collector.record(page_view(user_agent="curl/8.0"))["device"] == unknown | {"bot": "script"}


def test_texts_of_a_context_are_redacted_and_counted(collector: Collector) -> None:
    context = {"route": "/users/ann@mail.example", "release": "+49 30 12345678"}
    for body in (page_view() | {"context": context}, {"events": [page_view()], "context": context}):
        assert fields(collector.record(body), "route", "release") == ("/users/[email]", "[phone]")


def test_a_wrong_context_of_an_event_costs_that_event(collector: Collector) -> None:
    events = [page_view(), page_view() | {"context": {"site": "No site", "sight": "x"}}, page_view()]
    first, wrong, _limited = collector.answer(events, Sender(user_id="ann"))["results"]
    assert first["status"] == "accepted"
    faults = [(error["code"], error["pointer"]) for error in wrong["errors"]]
    assert faults == [("format_invalid", "/context/site"), ("field_unknown", "/context/sight")]
    (rejected,) = collector.rejected
    assert rejected["reason"] == "format_invalid"


def test_a_wrong_context_of_an_envelope_names_every_fault(collector: Collector) -> None:
    with pytest.raises(RequestRejected) as error:
        collector.answer({"events": [page_view()], "context": {"site": "No site", "screen_width": "wide"}})
    faults = [(fault.code, fault.pointer) for fault in error.value.faults]
    assert faults == [("format_invalid", "/context/site"), ("type_mismatch", "/context/screen_width")]
    assert collector.rejected[0]["reason"] == "format_invalid"


def test_only_listed_sites_are_accepted(tmp_path: Path) -> None:
    collector = Collector(tmp_path, sites=("shop", "blog"))
    assert collector.record(page_view() | {"context": {"site": "shop"}})["site"] == "shop"
    assert collector.record(page_view())["site"] == "default"
    answer = collector.answer(page_view() | {"context": {"site": "docs"}})
    assert answer["errors"][0]["code"] == "site_unknown"
    with pytest.raises(RequestRejected):
        collector.answer({"events": [page_view()], "context": {"site": "docs"}})


# What PostHog's and RudderStack's clients have as properties, in our form.
POSTHOG = {
    "event_type": "page_view",
    "timestamp": "2025-07-01T02:55:00Z",
    "event_data": {
        "page": "/testing",
        "referrer": "$direct",
        "title": "CoolApp",
        "properties": {
            "$os": "Windows",
            "$browser_version": 138,
            "$replay_sample_rate": None,
            "$is_identified": True,
            "$active_feature_flags": ["survey-1"],
            "$session_recording_masking": {"maskAllInputs": False},
            "$feature_flag_payloads": {},
        },
    },
}
RUDDERSTACK = {
    "event_type": "feature_used",
    "event_data": {
        "feature": "Demo Track",
        "floatVal": 4.501,
        "testMap": {"t1": "a", "t2": 4},
        "testArray": [{"id": "elem1", "value": "e1"}, {"id": "elem2", "value": "e2"}],
    },
}


def test_nested_values_of_other_trackers_land_whole(collector: Collector) -> None:
    record = collector.record(POSTHOG)
    assert orjson.loads(record["event_data"]["properties"]) == POSTHOG["event_data"]["properties"]  # type: ignore[index]
    assert fields(record, "page", "source", "channel") == ("/testing", None, "direct")
    record = collector.record(RUDDERSTACK)
    assert orjson.loads(record["event_data"]["properties"]) == RUDDERSTACK["event_data"]


@pytest.mark.parametrize("depth", [18, 20, 30, 200, 400])
def test_nesting_costs_at_most_the_event(collector: Collector, depth: int) -> None:
    deep = b"[" * depth + b"1" + b"]" * depth
    body = b'{"events": [%s, {"event_id": "%s", "event_type": "click", "event_data": {"deep": %s}}]}' % (
        orjson.dumps(page_view()),
        event_ids.generate(NOON, b"0" * 10).encode(),
        deep,
    )
    request = Request(HEADERS, IP, is_secure=True)
    answer, _ = asyncio.run(collector.pipeline.collect(request, Sender(), body))
    first, other = answer.body["results"]
    assert first["status"] == "accepted"
    assert (other["status"] == "accepted") is (depth < 20)
    if depth >= 20:
        assert {error["code"] for error in other["errors"]} == {"too_deep"}
