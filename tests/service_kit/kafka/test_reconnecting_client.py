"""A client knows for how long it has asked in vain, and that the cluster is still the same.

That it finds brokers at other addresses is in tests/faults/test_membership.py.
"""

import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient

from service_kit.kafka.reconnecting_client import OneCluster, ReconnectingClient, unheard_seconds


@pytest.fixture
async def client() -> AsyncIterator[ReconnectingClient]:
    created = ReconnectingClient(bootstrap_servers="127.0.0.1:1")
    yield created
    await created.close()


async def test_a_client_without_an_answer_counts_from_its_first_request_on(
    client: ReconnectingClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert unheard_seconds() == 0
    assert not await client._metadata_update(client.cluster, [])
    first = client.unheard_since
    assert first is not None
    assert not await client._metadata_update(client.cluster, [])
    assert client.unheard_since == first
    assert unheard_seconds() > 0

    async def answer(*_arguments: Any, **_options: Any) -> str:
        return "an answer"

    monkeypatch.setattr(AIOKafkaClient, "send", answer)
    assert await client.send(1, None) == "an answer"
    assert unheard_seconds() == 0


async def test_an_idle_client_that_was_not_answered_the_last_time_is_not_unheard(
    client: ReconnectingClient,
) -> None:
    """A producer without records asks again after minutes, and Kafka may be back long since."""
    await client._metadata_update(client.cluster, [])
    now = time.monotonic()
    assert client.unheard_seconds(now + 80) >= 80
    assert client.unheard_seconds(now + 120) == 0


async def test_a_closed_client_does_not_count(client: ReconnectingClient) -> None:
    await client._metadata_update(client.cluster, [])
    await client.close()
    assert unheard_seconds() == 0


def test_another_cluster_at_the_same_address_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = list[bool]()
    monkeypatch.setattr(OneCluster, "on_other_cluster", staticmethod(lambda: ends.append(True)))
    cluster = OneCluster()
    for cluster_id in ("one", "one", None):
        cluster.update_metadata(SimpleNamespace(cluster_id=cluster_id, brokers=[]))
    assert not ends
    cluster.update_metadata(SimpleNamespace(cluster_id="another", brokers=[]))
    assert ends
