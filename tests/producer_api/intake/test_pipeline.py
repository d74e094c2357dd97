"""From a body to an answer: duplicates, limits, checks, publishing, and what is left after a failure."""

import asyncio
import gzip
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from avro_schemas import event_ids
from producer_api.errors import RequestRejected
from producer_api.intake import turns
from producer_api.request import Request, Sender
from tests.support.events import NOON
from tests.support.pipelines import ANN, REQUEST, Collector, click, statuses

FIRST, SECOND = (event_ids.generate(NOON, bytes([number]) * 10) for number in (1, 2))


@pytest.fixture
def collector() -> Collector:
    return Collector()


async def test_results_are_in_the_order_of_the_events(collector: Collector) -> None:
    results = await collector.collect(
        click(), {"event_type": "click"}, click(FIRST), click(FIRST), click(FIRST, "x")
    )
    assert statuses(results) == ["accepted", "rejected", "accepted", "duplicate", "rejected"]
    assert [result["index"] for result in results] == [0, 1, 2, 3, 4]
    assert [record.event_id for record in collector.publisher.records] == [results[0]["event_id"], FIRST]
    assert [rejected["reason"] for rejected in collector.rejected] == ["event_id_conflict", "field_missing"]


async def test_an_acknowledged_event_is_not_published_again(collector: Collector) -> None:
    await collector.collect(click(FIRST))
    assert statuses(await collector.collect(click(FIRST), click(FIRST, "other"))) == ["duplicate", "rejected"]
    assert len(collector.publisher.records) == 1


async def test_an_event_that_was_not_acknowledged_is_published_again_until_its_late_ack(
    collector: Collector,
) -> None:
    collector.publisher.fails = {FIRST}
    assert statuses(await collector.collect(click(FIRST), click(FIRST), click(SECOND))) == [
        "retry",
        "retry",
        "accepted",
    ]
    assert statuses(await collector.collect(click(FIRST))) == ["retry"]
    (request, *_others) = collector.publisher.requests
    request.on_late_ack([record for record in request.records if record.event_id == FIRST])
    assert statuses(await collector.collect(click(FIRST))) == ["duplicate"]


async def test_an_event_that_the_topic_does_not_take_is_rejected_with_what_its_operator_has_to_set(
    collector: Collector,
) -> None:
    collector.publisher.fails, collector.too_large = {FIRST}, {FIRST}
    rejected, accepted = await collector.collect(click(FIRST), click(SECOND))
    assert statuses([rejected, accepted]) == ["rejected", "accepted"]
    (error,) = rejected["errors"]
    assert error["code"] == "topic_limit"
    assert "max.message.bytes of the topic events set to 1000 or more" in error["expected"]
    assert [each["reason"] for each in collector.rejected] == ["topic_limit"]
    for alone in (click(FIRST), [click(FIRST)]):
        answer, _admission = await collector.pipeline.collect(REQUEST, ANN, orjson.dumps(alone))
        assert answer.status == 413
    collector.publisher.fails = {FIRST, SECOND}
    answer, _admission = await collector.pipeline.collect(REQUEST, ANN, orjson.dumps([click(FIRST), click()]))
    assert answer.status == 200


async def test_events_over_the_limit_get_an_id_and_a_time_to_wait(collector: Collector) -> None:
    results = await collector.collect(*[click()] * 12)
    assert statuses(results) == ["accepted"] * 10 + ["limited"] * 2
    assert event_ids.is_valid(results[11]["event_id"])
    assert results[11]["retry_after"] == 60


async def test_a_bug_that_one_event_triggers_does_not_affect_the_others(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = collector.pipeline._processor.process

    def fail_on_scroll(raw: Any, *arguments: Any) -> Any:
        if raw["event_type"] == "scroll":
            raise ZeroDivisionError
        return process(raw, *arguments)

    monkeypatch.setattr(collector.pipeline._processor, "process", fail_on_scroll)
    results = await collector.collect(click(), {"event_type": "scroll", "event_data": {}})
    assert statuses(results) == ["accepted", "rejected"]
    (error,) = results[1]["errors"]
    assert (error["code"], error["expected"]) == ("unexpected", "")
    assert "bug in the collector" in error["message"]


async def test_a_body_without_events_is_published_as_rejected(collector: Collector) -> None:
    with pytest.raises(RequestRejected):
        await collector.pipeline.collect(REQUEST, ANN, b"{broken")
    (rejected,) = collector.rejected
    assert (rejected["reason"], rejected["body"]) == ("json_invalid", b"{broken")


async def test_validating_publishes_nothing_and_counts_for_the_limit(collector: Collector) -> None:
    body = orjson.dumps([click(), {"event_type": "click"}])
    answer, admission = await collector.pipeline.validate(REQUEST, ANN, body)
    assert statuses(answer.body["results"]) == ["accepted", "rejected"]
    assert (collector.publisher.records, collector.rejected) == ([], [])
    assert (admission.granted, admission.remaining) == (2, 8)


async def test_an_accepted_event_of_an_unknown_type_has_a_hint_alone_and_in_a_list() -> None:
    collector = Collector(unknown_events="accept")
    typo, known = {"event_type": "page_veiw", "event_data": {"page": "/"}, "event_id": FIRST}, click()
    hint = '"page_veiw" is not in the catalogue; did you mean "page_view"?'
    assert [result.get("hint") for result in await collector.collect(typo, typo, known)] == [hint, hint, None]
    single = orjson.dumps({"event_type": "tea_made", "event_data": {}})
    recorded, _admission = await collector.pipeline.collect(REQUEST, ANN, single)
    valid, _admission = await collector.pipeline.validate(REQUEST, ANN, single)
    assert recorded.body["hint"] == valid.body["hint"]
    assert "recorded as a custom event" in recorded.body["hint"]


async def test_one_address_that_makes_up_names_costs_no_other_sender_its_own() -> None:
    collector = Collector(unknown_events="accept", max_unknown_event_types=2)
    events = [{"event_type": f"name_{number}", "event_data": {}} for number in (1, 2, 1, 3)]
    results = await collector.collect(*events)
    assert statuses(results) == ["accepted", "accepted", "accepted", "rejected"]
    assert results[-1]["errors"][0]["code"] == "too_many_event_types"
    assert statuses(await collector.collect(click())) == ["accepted"]
    elsewhere = Request({}, "203.0.113.8", is_secure=True)
    answer, _admission = await collector.pipeline.collect(
        elsewhere, Sender(user_id="ben"), orjson.dumps(events[3])
    )
    assert answer.status == 200


LARGE = {"event_type": "click", "event_data": {"element": "x" * 70_000}}
WRONG = {"event_type": "click", "event_data": {}, "event_id": "my id", **{f"field{n}": 1 for n in range(30)}}


async def test_an_event_that_is_too_large_is_rejected_unread_and_with_its_id(collector: Collector) -> None:
    large, deep = LARGE | {"event_id": FIRST}, orjson.Fragment(b'{"event_data": ' + b"[" * 500 + b"]" * 500 + b"}")
    results = await collector.collect(click(), large, deep, click(SECOND))
    assert statuses(results) == ["accepted", "rejected", "rejected", "accepted"]
    assert [result["errors"][0]["code"] for result in results[1:3]] == ["too_large", "too_deep"]
    assert results[1]["event_id"] == FIRST
    assert [(rejected["reason"], rejected["body_size"] > 70_000) for rejected in collector.rejected] == [
        ("too_large", True),
        ("too_deep", False),
    ]


async def test_the_faults_of_a_list_are_bounded_and_every_event_has_one() -> None:
    collector = Collector(max_events=2_000)
    answer, _admission = await collector.pipeline.validate(
        REQUEST, Sender(backend="billing"), orjson.dumps([WRONG] * 900)
    )
    errors = [result["errors"] for result in answer.body["results"]]
    assert {len(each) for each in errors[:10]} == {20}
    assert {len(each) for each in errors[11:]} == {1}
    assert answer.body["results"][11]["more_errors"] == 19
    assert "more_errors" not in answer.body["results"][0]
    assert len(orjson.dumps(answer.body)) < 900 * 500 + 200_000


@pytest.mark.parametrize(
    ("bodies", "opts_out"),
    [
        pytest.param([orjson.dumps([click(FIRST)] * 3)], False, id="repeats"),
        pytest.param([orjson.dumps(WRONG)], False, id="rejected events"),
        pytest.param([b"{broken", b"[]", b"[1,2,3,4]"], False, id="bodies without events"),
        pytest.param([orjson.dumps([click(FIRST)])], True, id="of who opted out"),
    ],
)
async def test_every_request_costs_bytes(bodies: Sequence[bytes], opts_out: bool) -> None:
    collector = Collector(bytes_per_event=1_000, max_events=3)
    request = Request({b"sec-gpc": b"1"} if opts_out else {}, "203.0.113.7", is_secure=True)

    async def post(body: bytes, sender: Sender) -> tuple[str, int | None]:
        try:
            answer, _admission = await collector.pipeline.collect(request, sender, body)
        except RequestRejected as rejected:
            return rejected.fault.code, rejected.retry_after
        return str(answer.status), answer.retry_after

    outcomes = [await post(bodies[number % len(bodies)], ANN) for number in range(12)]
    assert outcomes[-1] == ("rate_limited", 60)
    assert ("rate_limited", 60) not in outcomes[:5]
    published = len(collector.rejected)
    assert await post(bodies[0], ANN) == ("rate_limited", 60)
    assert len(collector.rejected) == published, "a limited request is not published either"
    assert (await post(orjson.dumps(click()), Sender(user_id="ben")))[0] == "200"


async def test_what_counts_is_the_body_after_decompression() -> None:
    collector = Collector(bytes_per_event=1_000)
    request = Request({b"content-encoding": b"gzip"}, "203.0.113.7", is_secure=True)
    wire = gzip.compress(orjson.dumps([click(element="x" * 500)] * 20))
    assert len(wire) < 200
    await collector.pipeline.collect(request, ANN, wire)
    with pytest.raises(RequestRejected) as rejected:
        await collector.pipeline.collect(request, ANN, wire)
    assert "10000 bytes per minute from one user" in rejected.value.fault.expected


async def test_others_are_answered_while_a_large_request_is_processed(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "TURN_SECONDS", 0.0)
    done = list[str]()

    async def post(name: str, body: bytes) -> None:
        await collector.pipeline.collect(REQUEST, Sender(backend=name), body)
        done.append(name)

    large = orjson.dumps([click(element="x" * 1_500)] * 60)
    await asyncio.gather(post("large", large), post("second", large), post("small", orjson.dumps(click())))
    assert done == ["small", "large", "second"]


async def test_a_repeat_from_a_wrong_clock_is_known(collector: Collector) -> None:
    ahead = NOON + 3 * 3_600_000
    event = click(event_ids.generate(ahead, b"\1" * 10))
    results = list[Any]()
    for late in (0, 800):
        sent_at = datetime.fromtimestamp((ahead + late) / 1000, UTC).isoformat()
        envelope = orjson.dumps({"events": [event], "sent_at": sent_at})
        answer, _admission = await collector.pipeline.collect(REQUEST, ANN, envelope)
        results += answer.body["results"]
    assert statuses(results) == ["accepted", "duplicate"]
    (record,) = collector.publisher.records
    assert record.event_id == results[0]["event_id"]
    assert event_ids.timestamp_ms(record.event_id) == NOON


async def test_thousands_of_names_that_become_one_are_rejected_one_by_one(collector: Collector) -> None:
    names = {f"{number}@a.example": 1 for number in range(3_000)}
    (result,) = await collector.collect(click() | {"event_data": names})
    assert result["errors"][0]["code"] == "too_long"
    (rejected,) = collector.rejected
    assert rejected["body"].count(b"[email]") > 1_000
    assert b"@" not in rejected["body"]
