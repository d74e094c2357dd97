"""Requests as browsers, proxies and other people's programs send them, over the whole way of a request."""

import functools
import gzip
import itertools
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest

from avro_schemas import event_ids
from avro_schemas.wire.codec import decode
from producer_api.app import COLLECT, VALIDATE, CollectorApp, build_app
from producer_api.settings import Settings
from producer_api.storage.records import PublishRequest, Record
from service_kit.settings import load
from tests.support.session_tokens import SECRET, token

ENVIRON = {
    "FOOTFALL_KAFKA_BOOTSTRAP": "localhost:1",
    "FOOTFALL_HASH_KEY": "a hash key for tests",
    "FOOTFALL_SESSION_KEY": SECRET,
    "FOOTFALL_EVENTS_PER_MINUTE": "1000000",
    "FOOTFALL_BACKEND_KEYS": "billing=a-key-of-a-backend-for-these-tests",
}
VIEW = {"event_type": "page_view", "event_data": {"page": "/checkout"}}
Headers = list[tuple[str, str | bytes]]


@functools.cache
def built(environ: frozenset[tuple[str, str]]) -> CollectorApp:
    """Building one takes as long as many requests."""
    return build_app(load(Settings, ENVIRON | dict(environ)))


class FakeKafka:
    """Takes everything."""

    is_available = True

    def __init__(self) -> None:
        self.records = list[tuple[bytes | None, Record]]()

    async def publish(self, request: PublishRequest) -> list[bool]:
        self.records += [(request.key, record) for record in request.records]
        return [True] * len(request.records)


@dataclass
class Collector:
    environ: Mapping[str, str] = field(default_factory=dict)
    ip: str = "203.0.113.7"
    url: str = "https://shop.example"
    kafka: FakeKafka = field(default_factory=FakeKafka)

    async def post(self, body: Any, headers: Headers | None = None, path: str = COLLECT) -> httpx.Response:
        app = built(frozenset(self.environ.items()))
        for route in app._hot_routes.values():
            route._pipeline._publisher = self.kafka  # type: ignore[attr-defined] # both are CollectRoute
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app, client=(self.ip, 4242)), base_url=self.url
        ) as client:
            if headers is None:
                headers = [("cookie", f"session={token()}")]
            return await client.post(path, content=content, headers=[("content-type", "text/plain"), *headers])


def new_id(ahead: float = 0) -> str:
    return event_ids.generate(int((time.time() + ahead) * 1000), next(RANDOM).to_bytes(10, "big"))


def outcomes(answer: httpx.Response) -> list[str]:
    """The status of every event, or the code of its first fault."""
    body = answer.json()
    return [
        each["errors"][0]["code"] if "errors" in each else each["status"] for each in body.get("results", [body])
    ]


def code_and_expected(answer: httpx.Response) -> tuple[str, str]:
    (error,) = answer.json()["errors"]
    return error["code"], error["expected"]


CUSTOM = '{"event_type": "test_event", "event_data": {"source": %s}}'
GOOD = orjson.dumps(VIEW).decode()
RANDOM = itertools.count(1)


@pytest.mark.parametrize(
    ("event", "outcome"),
    [
        pytest.param(CUSTOM % r'"great shoes \ud83d"', "accepted", id="a character cut in half"),
        pytest.param(CUSTOM % r'"\udead beef"', "accepted", id="its other half"),
        pytest.param(CUSTOM % '"caf\udce9"', "accepted", id="Latin-1"),
        pytest.param(CUSTOM % r'"a\u0000b"', "text_invalid", id="NUL"),
        pytest.param(CUSTOM % "1e400", "not_finite", id="a number out of range"),
        pytest.param(CUSTOM % ("9" * 400), "not_finite", id="a number of 400 digits"),
        pytest.param(CUSTOM % ("9" * 5_000), "not_finite", id="a number of 5,000 digits"),
        pytest.param(CUSTOM % "18446744073709551616", "accepted", id="a number of 65 bits"),
        pytest.param(CUSTOM % "NaN", "not_finite", id="NaN"),
        pytest.param(CUSTOM % "-Infinity", "not_finite", id="infinity"),
        pytest.param(CUSTOM % "0x1F", "json_invalid", id="hexadecimal"),
        pytest.param(CUSTOM % ("[" * 40 + "]" * 40), "too_deep", id="40 lists"),
        pytest.param(CUSTOM % ("[" * 300 + "]" * 300), "too_deep", id="300 lists"),
        pytest.param(CUSTOM % ('{"a":' * 1_100 + "1" + "}" * 1_100), "too_deep", id="1,100 objects"),
        pytest.param(CUSTOM % f'"{"x" * 70_000}"', "too_large", id="a text of 70,000 characters"),
        pytest.param(
            '{"event_type": "web_vital", "event_data": {"metric": "LCP", "value": 1e309, "page": "/"}}',
            "not_finite",
            id="a typed number out of range",
        ),
        pytest.param(
            '{"event_type": "scroll", "event_data": {"position": 123456789012345678901234567890}}',
            "accepted",
            id="30 digits in a custom event",
        ),
        pytest.param(
            '{"event_type": "click", "event_data": {}, "timestamp": 1e400}', "timestamp_invalid", id="time"
        ),
        pytest.param(
            '{"event_type": "click", "event_data": {}, "event_id": "\\ud83d"}', "event_id_invalid", id="id"
        ),
        pytest.param('{"event_type": "\\ud83d", "event_data": {}}', "event_type_unknown", id="type"),
        pytest.param("[]", "event_not_object", id="a list"),
        pytest.param("null", "event_not_object", id="null"),
    ],
)
@pytest.mark.parametrize("form", ["[%s]", '{"sent_at": null, "events": [%s], "sdk": "1"}'])
async def test_an_event_never_harms_its_neighbours(form: str, event: str, outcome: str) -> None:
    with_id = f'{GOOD[:-1]}, "event_id": "{new_id()}"}}'
    body = form % ", ".join((GOOD, event, with_id))
    collector = Collector()
    answer = await collector.post(body.encode(errors="surrogateescape"))
    assert answer.status_code == 200
    assert outcomes(answer) == ["accepted", outcome, "accepted"]
    assert len(collector.kafka.records) == 2 + (outcome == "accepted")
    alone = await Collector().post(event.encode(errors="surrogateescape"))
    assert alone.status_code == (200 if outcome == "accepted" else 400)


@pytest.mark.parametrize(
    ("body", "status", "outcome"),
    [
        pytest.param(
            gzip.compress(b"[" + GOOD.encode()) + gzip.compress(b"," + GOOD.encode() + b"]"),
            200,
            ["accepted"] * 2,
            id="two members",
        ),
        pytest.param(
            gzip.compress(GOOD.encode()) + gzip.compress(GOOD.encode()),
            400,
            ["json_invalid"],
            id="two members with an event each",
        ),
        pytest.param(gzip.compress(GOOD.encode()) + GOOD.encode(), 400, ["gzip_invalid"], id="something behind"),
        pytest.param(zlib.compress(GOOD.encode()), 400, ["gzip_invalid"], id="zlib"),
        pytest.param(gzip.compress(GOOD.encode())[:-3], 400, ["gzip_invalid"], id="cut off"),
    ],
)
async def test_a_gzip_body_is_read_to_its_end(body: bytes, status: int, outcome: list[str]) -> None:
    headers: Headers = [("content-encoding", "gzip"), ("cookie", f"session={token()}")]
    answer = await Collector().post(body, headers)
    assert (answer.status_code, outcomes(answer)) == (status, outcome)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param([("content-type", "application/json")], 200, id="in two lines"),
        pytest.param([("content-type", "Text/Plain;charset=utf-8")], 200, id="in two spellings"),
        pytest.param([("content-type", "text/html")], 415, id="another in the second line"),
        pytest.param([("content-type", "application/x-www-form-urlencoded")], 415, id="a form"),
        pytest.param([("content-encoding", "identity")], 200, id="identity"),
        pytest.param([("content-encoding", "br")], 415, id="brotli"),
        pytest.param([("content-encoding", "gzip"), ("content-encoding", "gzip")], 415, id="gzip twice"),
    ],
)
async def test_the_form_of_a_body_is_read_from_all_lines_of_its_headers(headers: Headers, status: int) -> None:
    answer = await Collector().post(VIEW, [("cookie", f"session={token()}"), *headers])
    assert answer.status_code == status, answer.text


async def test_gzip_has_an_old_name() -> None:
    headers: Headers = [("content-encoding", "x-gzip"), ("cookie", f"session={token()}")]
    assert (await Collector().post(gzip.compress(GOOD.encode()), headers)).status_code == 200


@pytest.mark.parametrize(
    ("number", "outcome"),
    [
        ("3", "accepted"),
        ("3.0", "accepted"),
        ("1e3", "accepted"),
        ("-0.0", "accepted"),
        ("2.5", "type_mismatch"),
        ("true", "type_mismatch"),
        ("1e300", "out_of_range"),
        ("2147483648.0", "out_of_range"),
    ],
)
async def test_a_whole_number_is_one_in_any_spelling(number: str, outcome: str) -> None:
    collector, event = Collector(), {"event_type": "form_submit", "event_data": {"form": "f", "field_count": "?"}}
    body = orjson.dumps([event]).replace(b'"?"', number.encode())
    assert outcomes(await collector.post(body)) == [outcome]
    if outcome == "accepted":
        ((_key, record),) = collector.kafka.records
        assert decode(record.value)[1]["event_data"]["field_count"] == float(number)


@pytest.mark.parametrize(
    ("text", "is_time"),
    [
        ("2026-11-20T10:30:00z", True),
        ("2026-11-20t10:30:00Z", True),
        ("2026-11-20t10:30:00.5z", True),
        ("2016-12-31T23:59:60Z", True),
        ("2016-12-31T23:59:60.999z", True),
        ("2017-01-01T00:59:60+01:00", True),
        ("2026-11-20T10:30:00.123456789Z", True),
        ("2026-11-20T10:30:00+0000", True),
        ("2026-11-20T10:30:00+00", True),
        ("2026-11-20T10:30:00+14:00", True),
        ("2026-11-20T10:30:00-00:00", True),
        ("2026-11-20 10:30:00Z", True),
        ("2026-W47-5T10:30:00Z", True),
        ("2026-11-20T10:30:61Z", False),
        ("2026-11-20T10:60:60Z", False),
        ("2026-11-20T10:30:00", False),
        ("2026-11-20T10:30:60", False),
        ("2026-11-20T10:30:00Z[UTC]", False),
        ("2569-11-20T10:30:00Z", False),
        ("٢٠٢٦-١١-٢٠T10:30:00Z", False),
        ("٢٠٢٦-١١-٢٠T10:30:60z", False),
        ("Fri, 20 Nov 2026 10:30:00 GMT", False),
        ("0000-01-01T00:00:60z", False),
        ("9999-12-31T23:59:60Z", False),
    ],
)
async def test_times_are_those_of_rfc_3339(text: str, is_time: bool) -> None:
    answer = await Collector().post(VIEW | {"timestamp": text}, path=VALIDATE)
    assert answer.status_code == (200 if is_time else 400), answer.text


@pytest.mark.parametrize(
    ("ahead", "says_so", "status"),
    [
        pytest.param(15 * 60, True, 200, id="15 minutes ahead"),
        pytest.param(26 * 3600, True, 200, id="a day ahead"),
        pytest.param(400 * 86_400, True, 200, id="a year ahead"),
        pytest.param(-30 * 86_400, True, 200, id="a month behind"),
        pytest.param(86_400 - time.time(), True, 200, id="never set, in 1970"),
        pytest.param(315_532_800 - time.time(), True, 200, id="never set, in 1980"),
        pytest.param(2_208_988_800 - time.time(), True, 200, id="in 2040"),
        pytest.param(15 * 60, False, 400, id="ahead without sent_at"),
        pytest.param(-30 * 86_400, False, 400, id="behind without sent_at"),
        pytest.param(5 * 60, False, 200, id="a little ahead"),
    ],
)
# An event that is sent at once may be made a moment after `sent_at` is read.
@pytest.mark.parametrize("read_first", [0.05, -0.05])
async def test_ids_of_a_wrong_clock_are_placed_by_the_time_of_sending(
    ahead: float, says_so: bool, status: int, read_first: float
) -> None:
    collector, there = Collector(), time.time() + ahead
    clock = datetime.fromtimestamp(there, UTC).isoformat()
    made = new_id(ahead - read_first)
    envelope = {"events": [VIEW | {"event_id": made, "timestamp": clock}]}
    answer = await collector.post(envelope | ({"sent_at": clock} if says_so else {}))
    assert answer.status_code == status
    if status == 200:
        ((_key, record),) = collector.kafka.records
        assert record.event_id == answer.json()["results"][0]["event_id"]
        assert record.event_id[16:] == made[16:]
        assert -3_700 < event_ids.timestamp_ms(record.event_id) / 1000 - time.time() < 600
        occurred_at: int = decode(record.value)[1]["occurred_at"]
        assert not says_so or abs(occurred_at / 1000 - time.time()) < 60


FLASK = "eyJjc3JmX3Rva2VuIjoiYSJ9.aSxQ_g.q5C3yWq0Jx3b1nK5o0Q8"
FOREIGN = token("the key of another application, as long")
OURS = token(sid="s")
EXPIRED = token(exp=int(time.time()) - 3600)
VISITORS = {"FOOTFALL_ANONYMOUS_VISITORS": "true"}
LOCAL = {"FOOTFALL_TRUST_LOOPBACK": "true"}


@pytest.mark.parametrize(
    ("environ", "headers", "status"),
    [
        pytest.param(
            {}, [("cookie", f"session={OURS}"), ("cookie", "theme=dark")], 200, id="two lines, ours first"
        ),
        pytest.param(
            {}, [("cookie", "theme=dark"), ("cookie", f"session={OURS}")], 200, id="two lines, ours last"
        ),
        pytest.param({}, [("cookie", f"session={OURS}; session={FLASK}")], 200, id="two of a name, ours first"),
        pytest.param({}, [("cookie", f"session={FLASK}; session={OURS}")], 200, id="two of a name, ours last"),
        pytest.param({}, [("cookie", f"session={EXPIRED}; session={OURS}")], 200, id="an old one beside it"),
        pytest.param({}, [("cookie", f'session="{OURS}"')], 200, id="in quotes"),
        pytest.param({}, [("cookie", f"session={FLASK}"), ("authorization", f"Bearer {OURS}")], 200, id="bearer"),
        pytest.param({}, [("cookie", f"session={OURS}"), ("authorization", "Basic YTpi")], 200, id="basic"),
        pytest.param(
            {},
            [("authorization", f"bearer {FOREIGN}"), ("authorization", f"Bearer {OURS}")],
            200,
            id="two bearers",
        ),
        pytest.param({}, [("cookie", f"xsession={OURS}; session2={OURS}")], 403, id="similar names"),
        pytest.param({}, [("cookie", f"session={FLASK}")], 403, id="another application's cookie"),
        pytest.param(VISITORS, [("cookie", f"session={FLASK}")], 200, id="another's cookie, visitors"),
        pytest.param(VISITORS, [("cookie", "session=opaque")], 200, id="an opaque cookie, visitors"),
        pytest.param(VISITORS, [("authorization", f"Bearer {FOREIGN}")], 200, id="another's bearer, visitors"),
        pytest.param(VISITORS, [("cookie", f"session={token(sub='guest')}")], 200, id="a guest, visitors"),
        pytest.param({}, [("cookie", f"session={token(sub='guest')}")], 403, id="a guest"),
        pytest.param(
            {}, [("cookie", f"session={token(sub='guest', sid='s')}")], 200, id="a guest with a session id"
        ),
        pytest.param({}, [("cookie", f"session={token(iat=int(time.time()) + 300)}")], 200, id="issued ahead"),
    ],
)
async def test_a_foreign_credential_keeps_nobody_out(
    environ: dict[str, str], headers: Headers, status: int
) -> None:
    assert (await Collector(environ).post(VIEW, headers)).status_code == status


@pytest.mark.parametrize(
    "headers", [[("cookie", f"session={FLASK}")], [("authorization", f"Bearer {FOREIGN}")], []]
)
async def test_the_first_event_from_this_machine_works_whatever_else_runs_on_it(headers: Headers) -> None:
    here = Collector(LOCAL, ip="127.0.0.1", url="http://localhost:3000")
    assert (await here.post(VIEW, headers)).status_code == 200


@pytest.mark.parametrize(
    ("environ", "session", "expected"),
    [
        ({}, FLASK, "a session signed by a known key"),
        ({}, FOREIGN, "a session signed by a known key"),
        ({}, token(exp=None), "a session with the claim exp"),
        ({}, token(nbf=int(time.time()) + 30_000), "a session that is valid already: its claim nbf is ahead of"),
        ({"FOOTFALL_SESSION_AUDIENCE": "shop"}, token(aud="other"), "a session whose audience (aud) is shop"),
        ({"FOOTFALL_SESSION_AUDIENCE": "shop"}, OURS, "a session with the claim aud"),
        ({"FOOTFALL_SESSION_ISSUER": "https://id"}, token(iss="x"), "a session whose issuer (iss) is https://id"),
        ({}, EXPIRED, "a session that has not expired"),
        ({}, token(sub=None), "a session with a claim sub or sid"),
        ({}, token(sub="ann\ud83d"), "a session whose sub is a real id"),
    ],
)
async def test_the_answer_names_the_true_fault_of_a_session(
    environ: dict[str, str], session: str, expected: str
) -> None:
    for cookies in (f"session={session}", f"session=opaque; session={session}"):
        answer = await Collector(environ).post(VIEW, [("cookie", cookies)])
        assert answer.status_code == 403
        if "opaque" not in cookies or session == EXPIRED:
            assert code_and_expected(answer)[1].startswith(expected)


async def test_one_user_has_one_key_however_the_name_is_sent() -> None:
    backend: Headers = [("footfall-key", "a-key-of-a-backend-for-these-tests")]
    collector = Collector()
    await collector.post(VIEW, [("cookie", f"session={token(sub='zoë')}")])
    await collector.post(VIEW, [*backend, ("footfall-user", "zoë".encode())])
    await collector.post(VIEW, [*backend, ("footfall-user", "zoë".encode("latin-1"))])
    assert len({key for key, _record in collector.kafka.records}) == 1


@pytest.mark.parametrize("lines", [["1"], ["1", "1"], ["0", "1"]])
async def test_an_opt_out_holds_in_whichever_line_it_is(lines: list[str]) -> None:
    collector = Collector()
    await collector.post(VIEW, [("cookie", f"session={OURS}"), *(("sec-gpc", line) for line in lines)])
    assert [key for key, _record in collector.kafka.records] == [None]


async def test_a_slash_at_the_end_loses_no_event() -> None:
    for path in (f"{COLLECT}/", f"{VALIDATE}/"):
        assert (await Collector().post(VIEW, path=path)).status_code == 200


async def test_a_foreign_envelope_is_answered_with_what_is_allowed() -> None:
    foreign = {"api_key": "x", "batch": [{"event": "seen", "properties": {"a": [1]}}]}
    code, expected = code_and_expected(await Collector().post({"events": [VIEW]} | foreign))
    assert (code, "sent_at" in expected) == ("field_unknown", True)
    cloud_event: Headers = [("content-type", "application/cloudevents+json"), ("cookie", f"session={OURS}")]
    assert (await Collector().post({"specversion": "1.0"}, cloud_event)).status_code == 415
