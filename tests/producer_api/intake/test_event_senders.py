"""Events of many users in one request of a backend: each is hashed, known again and limited for its own user."""

import asyncio
from typing import Any

import orjson
import pytest

from avro_schemas import event_ids
from avro_schemas.wire.codec import decode
from producer_api.intake import turns
from producer_api.privacy.hashes import Hasher
from producer_api.request import Request, Sender
from tests.support.events import NOON
from tests.support.pipelines import ANN, REQUEST, Collector, click, statuses

BILLING = Sender(backend="billing", user_id="header", session_id="header-session")
HASHER = Hasher("a hash key for tests")
FIRST = event_ids.generate(NOON, b"\1" * 10)


@pytest.fixture
def collector() -> Collector:
    return Collector()


async def send(
    collector: Collector, *events: Any, sender: Sender = BILLING, request: Request = REQUEST
) -> list[dict[str, Any]]:
    answer, _admission = await collector.pipeline.collect(request, sender, orjson.dumps(events))
    return list(answer.body["results"])


def stored(collector: Collector) -> list[tuple[Any, ...]]:
    """Key of the record, user, session and visitor of what was published, in the order of the ids."""
    found = [
        (record.event_id, request.key, decode(record.value)[1])
        for request in collector.publisher.requests
        for record in request.records
    ]
    return [
        (key, event["user_key"], event["session_key"], event["visitor_key"]) for _id, key, event in sorted(found)
    ]


def numbered(number: int, **fields: Any) -> dict[str, Any]:
    return click(event_ids.generate(NOON, bytes([number]) * 10)) | fields


async def test_each_event_belongs_to_the_user_and_session_that_it_names(collector: Collector) -> None:
    results = await send(
        collector,
        numbered(1, user_id="ann", session_id="s"),
        numbered(2, session_id="s"),
        numbered(3),
        numbered(4, user_id=None),
        numbered(5, user_id=7, context={"release": "2"}),
        numbered(6, user_id="header", session_id="header-session"),
    )
    assert statuses(results) == ["accepted"] * 6
    ann, seven, header = (HASHER.user_key(name).hex() for name in ("ann", "7", "header"))
    session, header_session = (HASHER.session_key(name).hex() for name in ("s", "header-session"))
    assert [row[1:] for row in stored(collector)] == [
        (ann, session, None),
        (None, session, None),
        (header, header_session, None),
        (None, None, None),
        (seven, None, None),
        (header, header_session, None),
    ]
    assert [row[0] for row in stored(collector)] == [
        (user or session) and (user or session).encode() for _key, user, session, _visitor in stored(collector)
    ]


async def test_users_whose_events_happened_at_the_same_place_are_still_two(collector: Collector) -> None:
    place = {"context": {"release": "2", "route": "/orders/:id"}}
    await send(collector, *[numbered(number, user_id=f"user-{number}", **place) for number in (1, 2, 3)])
    assert [row[1] for row in stored(collector)] == [
        HASHER.user_key(f"user-{number}").hex() for number in (1, 2, 3)
    ]


async def test_a_limited_user_costs_the_others_of_the_request_nothing(collector: Collector) -> None:
    events = [click() | {"user_id": "ann"} for _ in range(12)] + [click() | {"user_id": "ben"}]
    results = await send(collector, *events)
    assert statuses(results) == ["accepted"] * 10 + ["limited"] * 2 + ["accepted"]
    assert results[10]["retry_after"] == 60
    # The same account as that of the header, and of the session of the user's own browser.
    assert statuses(await send(collector, click(), sender=ANN)) == ["limited"]


async def test_users_of_one_request_share_the_limit_of_the_backend() -> None:
    collector = Collector(per_backend=3)
    results = await send(collector, *[click() | {"user_id": f"user-{number}"} for number in range(5)])
    assert statuses(results) == ["accepted"] * 3 + ["limited"] * 2
    assert "one backend" in results[4]["errors"][0]["expected"]


async def test_an_event_that_names_its_user_and_is_sent_again_is_a_duplicate(collector: Collector) -> None:
    ann, ben = numbered(1, user_id="ann"), numbered(1, user_id="ben")
    assert statuses(await send(collector, ann, ann, ben)) == ["accepted", "duplicate", "accepted"]
    assert statuses(await send(collector, ben, ann)) == ["duplicate", "duplicate"]


@pytest.mark.parametrize("wrong", ["", "undefined", "x" * 201, True, ["ann"], {"id": 1}, 1.5])
async def test_a_wrong_id_costs_its_own_event_and_names_nobody(collector: Collector, wrong: Any) -> None:
    results = await send(collector, click(FIRST) | {"user_id": wrong}, click() | {"user_id": "ann"})
    assert statuses(results) == ["rejected", "accepted"]
    assert [(error["code"], error["pointer"]) for error in results[0]["errors"]] == [
        ("format_invalid", "/user_id")
    ]
    assert "real id" in results[0]["errors"][0]["expected"]
    assert len(collector.rejected) == 1


@pytest.mark.parametrize("sender", [ANN, Sender(), Sender(visitor_id="v")])
@pytest.mark.parametrize("name", ["user_id", "session_id"])
async def test_only_backends_name_somebody_else(collector: Collector, sender: Sender, name: str) -> None:
    (result,) = await send(collector, click() | {name: "eve"}, sender=sender)
    assert (result["status"], result["errors"][0]["code"]) == ("rejected", "field_unknown")
    assert "key of a backend" in result["errors"][0]["expected"]
    assert collector.publisher.records == []


async def test_a_request_that_opts_out_names_nobody(collector: Collector) -> None:
    request = Request({b"sec-gpc": b"1"}, "203.0.113.7", is_secure=True)
    events = [click() | {"user_id": "ann"} for _ in range(11)]
    assert statuses(await send(collector, *events, request=request)) == ["accepted"] * 10 + ["limited"]
    assert {row[1:] for row in stored(collector)} == {(None, None, None)}


async def test_rejected_events_are_published_under_their_user_without_the_id(collector: Collector) -> None:
    await send(collector, {"event_type": "click", "user_id": "ann"}, {"event_type": "click", "user_id": "ben"})
    assert [rejected["user_key"] for rejected in collector.rejected] == [
        HASHER.user_key(name).hex() for name in ("ann", "ben")
    ]
    assert all(b"ann" not in rejected["body"] for rejected in collector.rejected)


async def test_a_dry_run_answers_in_the_order_of_the_request(collector: Collector) -> None:
    events = [click() | {"user_id": "ann"}, {"event_type": "click"}, click(FIRST) | {"user_id": "ann"}]
    answer, _admission = await collector.pipeline.validate(REQUEST, BILLING, orjson.dumps(events))
    assert [result["status"] for result in answer.body["results"]] == ["accepted", "rejected", "accepted"]
    assert answer.body["results"][2]["event_id"] == FIRST
    assert collector.publisher.records == []


async def test_the_answer_names_the_limit_that_is_closest(collector: Collector) -> None:
    events = [click() | {"user_id": "ann"} for _ in range(4)] + [click() | {"user_id": "ben"}]
    _answer, admission = await collector.pipeline.collect(REQUEST, BILLING, orjson.dumps(events))
    assert (admission.name, admission.remaining) == ("user", 6)


async def test_others_are_answered_while_a_request_of_many_users_is_processed(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "TURN_SECONDS", 0.0)
    done = list[str]()

    async def post(name: str, events: list[Any]) -> None:
        assert set(statuses(await send(collector, *events))) == {"accepted"}
        done.append(name)

    many = [click() | {"user_id": f"user-{number}"} for number in range(300)]
    await asyncio.gather(post("many", many), post("one", [click() | {"user_id": "ann"}]))
    assert done == ["one", "many"]
