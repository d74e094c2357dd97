"""What every event store does: the fake of the unit tests, and Postgres."""

from collections.abc import Iterator

import pytest

from sinks.landing.errors import Fenced, Halted
from sinks.landing.ports import EventStore, WriteResult
from sinks.landing.rows import Batch, decode_batch
from sinks.postgres.store import PostgresStore
from tests.support.database import at
from tests.support.events import NOON, Record, encoded, event
from tests.support.fakes import LocalStore

ONE, OTHER = encoded(event("click")), encoded(event("page_view"))


@pytest.fixture
def local_store() -> LocalStore:
    return LocalStore()


@pytest.fixture
def postgres_store(postgres: str) -> Iterator[PostgresStore]:
    store = PostgresStore(at(postgres), cluster_id="cluster", topic="events", owner="test")
    yield store
    store.close()


@pytest.fixture(params=["local", pytest.param("postgres", marks=pytest.mark.integration)])
def store(request: pytest.FixtureRequest) -> EventStore:
    prepared: EventStore = request.getfixturevalue(f"{request.param}_store")
    prepared.prepare()
    return prepared


def batch(*values: bytes, start: int = 0, partition: int = 0) -> Batch:
    records = [Record(start + number, NOON, None, value) for number, value in enumerate(values)]
    return decode_batch({partition: records}, {partition: start})


def test_a_new_partition_starts_where_its_log_does_and_goes_on_where_it_landed(store: EventStore) -> None:
    assert store.claim({0: 5, 1: 0}) == {0: 5, 1: 0}
    store.write(batch(ONE, start=5))
    assert store.claim({0: 5, 1: 0}) == {0: 6, 1: 0}
    assert store.next_offsets([0, 1]) == {0: 6, 1: 0}


def test_the_same_event_twice_in_one_batch_lands_once(store: EventStore) -> None:
    store.claim({0: 0})
    result = store.write(batch(ONE, OTHER, ONE))
    assert (result.rows, result.duplicates) == (2, 1)


def test_the_same_event_again_in_another_batch_or_partition_is_a_duplicate(store: EventStore) -> None:
    store.claim({0: 0, 1: 0})
    store.write(batch(ONE))
    again = store.write(batch(ONE, OTHER, start=1))
    assert (again.rows, again.duplicates) == (1, 1)
    elsewhere = store.write(batch(ONE, partition=1))
    assert (elsewhere.rows, elsewhere.duplicates) == (0, 1)


def test_a_writer_with_a_stale_offset_writes_nothing(store: EventStore) -> None:
    store.claim({0: 0})
    store.write(batch(ONE))
    with pytest.raises(Fenced) as fenced:
        store.write(batch(OTHER))
    assert fenced.value.partitions == [0]
    assert store.claim({0: 0}) == {0: 1}
    assert store.write(batch(OTHER, start=1)).rows == 1


def test_dead_letters_move_the_offset_and_the_other_records_land(store: EventStore) -> None:
    store.claim({0: 0})
    result = store.write(batch(ONE, b"rubbish", OTHER))
    assert (result.rows, [dead_letter.reason for dead_letter in result.dead_letters]) == (2, ["prefix_missing"])
    assert store.claim({0: 0}) == {0: 3}


def test_a_batch_that_the_check_rejects_is_not_written(store: EventStore) -> None:
    def reject(result: WriteResult) -> None:
        assert (result.rows, len(result.dead_letters)) == (1, 1)
        raise Halted("rejected")

    store.claim({0: 0})
    with pytest.raises(Halted):
        store.write(batch(ONE, b"rubbish"), reject)
    assert store.claim({0: 0}) == {0: 0}
    assert store.write(batch(ONE, b"rubbish")).rows == 1
