"""Corrections as they are read: what waits, what is passed over, and where reading goes on. Without Kafka."""

from types import SimpleNamespace
from typing import Any

import pytest

from avro_schemas.correction import Correction, encode_correction
from service_kit.kafka.settings import KafkaSettings
from stream_app.engine.corrections import MAX_WAIT_SECONDS, CorrectionsReader, Reading
from stream_app.engine.partitions import OwnedPartitions
from tests.support.events import NOON, Record, encoded, event, fresh_id
from tests.support.partition_states import HOUR, correction, new_state


def reader_of(*partitions: int) -> tuple[CorrectionsReader, OwnedPartitions]:
    owned = OwnedPartitions(new_state)
    owned.finish_recovery(set(partitions))
    owned.accepting = True
    app: Any = SimpleNamespace(
        owned=owned, kafka=KafkaSettings(kafka_bootstrap="nowhere:9092"), events_topic="events"
    )
    reader = CorrectionsReader(app)
    reader._reading = {number: Reading(each) for number, each in owned.partitions.items()}
    return reader, owned


def old(offset: int) -> Record:
    return Record(offset, NOON, None, encoded(event("click", event_id=fresh_id(NOON - HOUR))))


def published(offset: int, of: Correction) -> Record:
    return Record(offset, NOON, *encode_correction(of))


def test_a_correction_is_applied_once_its_event_is_folded_and_holds_up_its_partition_alone() -> None:
    reader, owned = reader_of(0, 1)
    events = [old(offset) for offset in range(3)]
    for number in (0, 1):
        reader.take(number, [published(n, correction(n, each, is_row=True)) for n, each in enumerate(events)])
    owned.partitions[0].state.apply(events)
    owned.partitions[1].state.apply(events[:2])
    assert reader.apply(10.0) == []
    assert [each.state.outcomes["counted"] for each in owned.partitions.values()] == [3, 2]
    assert [each.state.outcomes["uncertain"] for each in owned.partitions.values()] == [0, 0]
    assert reader.apply(10.0 + MAX_WAIT_SECONDS) == [1]
    owned.partitions[1].state.apply(events[2:])
    assert reader.apply(20.0 + MAX_WAIT_SECONDS) == []
    assert owned.partitions[1].state.totals == {"click": 3}


def test_what_is_not_a_correction_is_passed_over_and_named(caplog: pytest.LogCaptureFixture) -> None:
    reader, owned = reader_of(3)
    record = old(0)
    owned.partitions[3].state.apply([record])
    elsewhere = Record(0, NOON, None, b"rubbish")
    foreign = [Record(0, NOON, None, b"rubbish"), Record(1, NOON, None, None), Record(2, NOON, None, record.value)]
    said = [correction(0, elsewhere, is_row=True), correction(1, record, is_row=True)]
    reader.take(3, [*foreign, *(published(3 + n, each) for n, each in enumerate(said))])
    reader.apply(0.0)
    assert owned.partitions[3].state.outcomes["counted"] == 1
    assert owned.partitions[3].state.corrections.next == 5
    assert (
        "3 records of corrections/3 are not corrections and are passed over, the first at offset 0" in caplog.text
    )
    assert "1 corrections of corrections/3 are about records that are not counted here" in caplog.text


def test_a_state_that_a_rebalance_replaced_is_not_corrected() -> None:
    reader, owned = reader_of(0)
    state, record = owned.partitions[0].state, old(0)
    state.apply([record])
    reader.take(0, [published(0, correction(0, record, is_row=True))])
    for change in ("accepting", "replaced"):
        owned.accepting = False
        if change == "replaced":
            owned.clear()
            owned.finish_recovery({0})
            owned.accepting = True
        reader.apply(0.0)
        assert state.outcomes["uncertain"] == 1


@pytest.mark.parametrize(
    ("topic_id", "first", "end", "expected", "said"),
    [
        pytest.param("ours", 0, 9, 5, "", id="where it was"),
        pytest.param("ours", 7, 9, 7, "retention removed 2 corrections", id="retention removed some"),
        pytest.param("ours", 0, 4, 0, "another log than before", id="shorter"),
        pytest.param("other", 2, 9, 2, "another log than before", id="recreated and longer"),
    ],
)
def test_reading_goes_on_where_the_topic_can(
    topic_id: str, first: int, end: int, expected: int, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    reader, owned = reader_of(0)
    state = owned.partitions[0].state
    state.corrections.topic_id, state.corrections.next, state.corrections.number = "ours", 5, 17
    reader._topic_id = topic_id
    reader._find_position(0, state, first, end)
    assert (state.corrections.topic_id, state.corrections.next, state.corrections.number) == (
        topic_id,
        expected,
        17,
    )
    assert said in caplog.text
