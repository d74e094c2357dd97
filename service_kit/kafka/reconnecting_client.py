"""aiokafka's client, but it asks the bootstrap servers again, and knows since when it has heard no broker.

aiokafka asks only the brokers that it knows. When all of them come back at other addresses, it would ask the old
addresses for ever, although the bootstrap address is the same. Other clients do what this one does since KIP-899.
"""

import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import aiokafka.admin.client
import aiokafka.consumer.consumer
import aiokafka.producer.producer
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.conn import AIOKafkaConnection, CloseReason, create_conn
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest

from service_kit.kafka.topic_creation import forbid_topic_creation

log = logging.getLogger(__name__)

# While Kafka is away, aiokafka asks for metadata several times per second.
_MIN_BOOTSTRAP_SECONDS = 1.0
# A request fails after 40 s at the latest. A client whose last failure is longer ago is idle: it asks again when
# there is something to send, or when its metadata is too old.
_IDLE_SECONDS = 90.0

_clients: weakref.WeakSet["ReconnectingClient"] = weakref.WeakSet()
_lock = threading.Lock()


class OneCluster(ClusterMetadata):  # type: ignore[misc] # aiokafka has no types
    """What a client knows of its cluster. Calls `on_other_cluster` if another one answers at the same address."""

    on_other_cluster: Callable[[], None] | None = None
    cluster_id: str | None = None

    def update_metadata(self, metadata: Any) -> None:
        """As in aiokafka."""
        found = getattr(metadata, "cluster_id", None)
        if found and self.cluster_id and found != self.cluster_id and self.on_other_cluster:
            log.critical("Kafka cluster %s answers instead of %s; exiting", found, self.cluster_id)
            self.on_other_cluster()
        self.cluster_id = found or self.cluster_id
        super().update_metadata(metadata)


class ReconnectingClient(AIOKafkaClient):  # type: ignore[misc] # as above
    """A client of aiokafka's consumers, producers and admin clients."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.cluster = OneCluster(metadata_max_age_ms=options.get("metadata_max_age_ms", 300_000))
        # Monotonic time of the first request without an answer since the last answer; None after an answer.
        self.unheard_since: float | None = None
        # Monotonic time of the last such request.
        self._failed_at = 0.0
        self._bootstrapped_at = 0.0
        with _lock:
            _clients.add(self)

    async def close(self) -> None:
        """As in aiokafka."""
        with _lock:
            _clients.discard(self)
        await super().close()

    async def send(self, node_id: Any, request: Any, **options: Any) -> Any:
        """As in aiokafka."""
        try:
            response = await super().send(node_id, request, **options)
        except (KafkaError, OSError, TimeoutError):
            self._note_failure()
            raise
        self.unheard_since = None
        return response

    async def _metadata_update(self, cluster_metadata: Any, topics: Any) -> bool:
        updated = await super()._metadata_update(cluster_metadata, topics) or await self._bootstrap_again(
            cluster_metadata, topics
        )
        if updated:
            self.unheard_since = None
        else:
            self._note_failure()
        return bool(updated)

    def _note_failure(self) -> None:
        self._failed_at = time.monotonic()
        self.unheard_since = self.unheard_since or self._failed_at

    def unheard_seconds(self, now: float) -> float:
        """For how long it has been asking in vain; 0 if it was answered, or does not ask."""
        is_asking = self.unheard_since is not None and now - self._failed_at < _IDLE_SECONDS
        return now - (self.unheard_since or now) if is_asking else 0.0

    async def _bootstrap_again(self, cluster_metadata: Any, topics: Any) -> bool:
        now = time.monotonic()
        if now - self._bootstrapped_at < _MIN_BOOTSTRAP_SECONDS:
            return False
        self._bootstrapped_at = now
        for host, port, _family in self.hosts:
            try:
                metadata = await self._ask(host, port, topics)
            except (KafkaError, OSError, TimeoutError) as error:
                log.debug("a bootstrap server does not answer", extra={"error": repr(error)})
                continue
            if metadata.brokers:
                log.warning("no known broker answers; took their addresses from the bootstrap server again")
                cluster_metadata.update_metadata(metadata)
                self._close_moved(cluster_metadata)
                return True
        return False

    async def _ask(self, host: str, port: int, topics: Any) -> Any:
        connection: AIOKafkaConnection = await create_conn(
            host,
            port,
            client_id=self._client_id,
            request_timeout_ms=self._request_timeout_ms,
            ssl_context=self._ssl_context,
            security_protocol=self._security_protocol,
            max_idle_ms=self._connections_max_idle_ms,
            sasl_mechanism=self._sasl_mechanism,
            sasl_plain_username=self._sasl_plain_username,
            sasl_plain_password=self._sasl_plain_password,
            sasl_oauth_token_provider=self._sasl_oauth_token_provider,
        )
        try:
            return await connection.send(MetadataRequest(list(topics) if topics else None))
        finally:
            connection.close()

    def _close_moved(self, cluster_metadata: Any) -> None:
        """Connections to former addresses may look alive for long: nobody answers, and nobody closes them."""
        addresses = {broker.nodeId: (broker.host, broker.port) for broker in cluster_metadata.brokers()}
        for (node_id, _group), connection in list(self._conns.items()):
            if addresses.get(node_id) != (connection.host, connection.port):
                connection.close(reason=CloseReason.OUT_OF_SYNC)


def install(on_other_cluster: Callable[[], None]) -> None:
    """From now on every consumer, producer and admin client of this process has such a client."""
    forbid_topic_creation()
    OneCluster.on_other_cluster = staticmethod(on_other_cluster)
    modules: Iterable[Any] = (aiokafka.consumer.consumer, aiokafka.producer.producer, aiokafka.admin.client)
    for module in modules:
        module.AIOKafkaClient = ReconnectingClient


def unheard_seconds() -> float:
    """For how long the client that has heard no broker for longest has asked in vain; 0 if all are answered."""
    now = time.monotonic()
    with _lock:
        return max((client.unheard_seconds(now) for client in _clients), default=0.0)
