"""kill -9 of every part during `footfall demo`: acknowledged events land once and are counted once."""

import json
import subprocess
import time

import pytest

from tests.system.stack import FOOTFALL, Stack, until

pytestmark = [pytest.mark.system, pytest.mark.faults, pytest.mark.timeout(300)]

VICTIMS = ("stream_app", "sinks", "producer_api", "stream_app", "kafka", "producer_api", "sinks")


def test_rows_and_counts_equal_the_acknowledged_events(empty_stack: Stack) -> None:
    stack = empty_stack
    record = stack.folder.with_suffix(".acknowledged")
    demo = subprocess.Popen(
        [FOOTFALL, "demo", "--rate", "100", "--for", "25", "--seed", "7", "--record", record],
        env=stack.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    for victim in VICTIMS:
        time.sleep(3)
        stack.kill(victim)
    output, _ = demo.communicate(timeout=120)
    assert demo.returncode == 0, output

    acknowledged = [json.loads(line) for line in record.read_text().splitlines()]
    sent = {event["event_id"]: event["event_type"] for event in acknowledged}
    by_type: dict[str, int] = {}
    for event_type in sent.values():
        by_type[event_type] = by_type.get(event_type, 0) + 1

    assert until(stack.rows_by_type, by_type.__eq__, seconds=60) == by_type
    assert {event_id for (event_id,) in stack.query("select event_id from events")} == set(sent)
    assert until(lambda: stack.live("total"), by_type.__eq__, seconds=60) == by_type
    assert len(sent) > 1000
