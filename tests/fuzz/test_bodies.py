"""Every body gets an answer, however broken it is: no 5xx, no hang, no growth of memory."""

import gzip
import json
from collections.abc import Iterator

import httpx
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avro_schemas.event_types import describe_event_types
from avro_schemas.reasons import REASONS
from tests.fuzz.cases import cases
from tests.support.workers import Worker

EXAMPLES = [entry["example"] for entry in describe_event_types()]
GROWTH_MIB = 64

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=15,
)
fields = st.sampled_from(["event_type", "event_data", "timestamp", "event_id", "page", "events", "sent_at", "x"])
events = st.sampled_from(EXAMPLES) | st.dictionaries(fields, values, max_size=5)
documents = events | st.lists(events, max_size=6) | st.fixed_dictionaries({"events": st.lists(events, max_size=4)})
texts = st.builds(json.dumps, documents | values, ensure_ascii=st.booleans()).map(
    lambda text: text.encode(errors="surrogatepass")
)
brackets = st.builds(
    lambda opening, count: opening * count, st.sampled_from([b"[", b'{"a":', b"[{"]), st.integers(1, 50_000)
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """JSON with a few bytes removed, added or changed."""
    body = bytearray(draw(texts))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(body) - 1)))
        body[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(body)


bodies = texts | mutated() | st.binary(max_size=2_000) | brackets | texts.map(gzip.compress)
content_types = st.sampled_from(
    ["application/json", "text/plain;charset=UTF-8", "", "application/x-www-form-urlencoded"]
)
encodings = st.sampled_from([None, None, "gzip", "identity", "br"])


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=10) as opened:
        yield opened


@pytest.fixture(scope="module")
def memory(collector: Worker) -> Iterator[None]:
    """Check that the collector's memory does not grow by more than GROWTH_MIB."""
    assert collector.process
    process = psutil.Process(collector.process.pid)
    before = process.memory_info().rss / 2**20
    yield
    assert process.memory_info().rss / 2**20 < before + GROWTH_MIB


@pytest.mark.timeout(3600 * 5)
@pytest.mark.usefixtures("memory")
@cases()
@given(body=bodies, content_type=content_types, encoding=encodings)
def test_every_body_gets_an_answer(
    collector: Worker,
    client: httpx.Client,
    session: dict[str, str],
    body: bytes,
    content_type: str,
    encoding: str | None,
) -> None:
    headers = session | {"content-type": content_type} | ({"content-encoding": encoding} if encoding else {})
    url = f"http://127.0.0.1:{collector.port}/api/analytics/collect"
    answer = client.post(url, content=body, headers=headers)
    assert answer.status_code in (200, 400, 413, 415)
    content = answer.json()
    errors = [
        *content.get("errors", ()),
        *(e for result in content.get("results", ()) for e in result.get("errors", ())),
    ]
    assert {error["code"] for error in errors} <= REASONS.keys() - {"unexpected"}
    assert content["success"] or errors
