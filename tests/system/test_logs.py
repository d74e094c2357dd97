"""No log of the stack contains a key or anything that visitors send."""

import json
import uuid
from pathlib import Path

import pytest
from confluent_kafka import Producer

from tests.support.events import encoded, event, now_ms
from tests.system.stack import COLLECT, Stack, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


def test_no_payload_person_or_key_is_logged(empty_stack: Stack) -> None:
    stack = empty_stack  # its own, because no subscriber can decode what it publishes
    assert "footfall_unknown_settings 0.0" in stack.get("/metrics").text
    marker = f"marker{uuid.uuid4().hex}"
    sent = {"event_type": "click", "event_data": {"element": marker}}
    headers = stack.session(sub=f"user-{marker}") | {
        "user-agent": f"Agent/{marker}",
        "traceparent": f"00-{marker}",
    }
    assert stack.post(sent, headers=headers).status_code == 200
    assert stack.post([sent, {"event_type": marker, "event_data": marker}], headers=headers).status_code == 200
    for wrong in (f'{{"{marker}": '.encode(), json.dumps({marker: marker}).encode(), marker.encode() * 3):
        assert stack.post(wrong, headers=headers).status_code == 400
    assert stack.post(sent, headers={"cookie": f"session={marker}"}).status_code in (200, 403)
    stack.get(f"{COLLECT}/{marker}?q={marker}")
    _produce(stack, marker)
    rows = "select count(*) from events where event_data ->> 'element' = %s"
    assert until(lambda: stack.query(rows, marker)[0][0], lambda n: n >= 2, seconds=60) >= 2
    dead_letters = "select count(*) from dead_letters where position(%s in encode(record_value, 'escape')) > 0"
    assert until(lambda: stack.query(dead_letters, marker)[0][0], lambda n: n == 2, seconds=60) == 2
    keys = json.loads((stack.folder / "secrets.json").read_text()).values()
    found = [
        f"{log.name}: {line}"
        for log in sorted((stack.folder / "logs").iterdir())
        for line in log.read_text(errors="replace").splitlines()
        if any(secret in line for secret in (marker, *keys))
    ]
    assert found == []
    assert _lines_of(stack.folder / "logs") > 10


def _produce(stack: Stack, marker: str) -> None:
    """Publish, without the collector, a record that is not an event and an event that Postgres rejects."""
    producer = Producer({"bootstrap.servers": stack.state["kafka"]})
    producer.produce("events", value=marker.encode(), key=marker.encode())
    # Both the collector and Postgres reject NUL.
    poison = encoded(event("click", now_ms(), event_data={"element": f"{marker}\0"}))
    producer.produce("events", value=poison)
    producer.flush(20)


def _lines_of(logs: Path) -> int:
    return sum(len(log.read_text(errors="replace").splitlines()) for log in logs.iterdir())
