"""The collector's pipeline without HTTP and Kafka, at noon, with a limit of ten events per minute and user."""

from collections.abc import Sequence
from typing import Any

import orjson

from avro_schemas.wire.codec import decode
from producer_api.intake.answers import too_large
from producer_api.intake.pipeline import Pipeline
from producer_api.intake.rejected import RejectedEvents
from producer_api.limits.admission import RateLimiter
from producer_api.limits.cluster import ClusterLimits
from producer_api.privacy.hashes import Hasher
from producer_api.request import Request, Sender
from producer_api.settings import Settings
from producer_api.storage.records import PublishRequest, Queued, Record
from service_kit.kafka.settings import KafkaSettings
from service_kit.sessions.settings import SessionSettings
from service_kit.settings import Secret
from tests.support.events import NOON

ANN = Sender(user_id="ann")
REQUEST = Request({}, "203.0.113.7", is_secure=True)


class FakePublisher:
    """Acknowledges all records, except those of `fails`; remembers what it was asked to publish."""

    is_available = True

    def __init__(self) -> None:
        self.requests = list[PublishRequest]()
        self.fails = set[str]()

    async def publish(self, request: PublishRequest) -> list[bool]:
        self.requests.append(request)
        return [record.event_id not in self.fails for record in request.records]

    @property
    def records(self) -> list[Record]:
        return [record for request in self.requests for record in request.records]


class Collector:
    """A pipeline at noon with a limit of ten events per minute."""

    def __init__(self, *, bytes_per_event: int = 1_000_000, per_backend: int = 1_000, **changed: Any) -> None:
        settings = Settings(
            kafka=KafkaSettings(kafka_bootstrap="nowhere:9092"),
            hash_key=Secret("a hash key for tests"),
            sessions=SessionSettings(session_key=Secret("a session key of thirty-two characters")),
            **changed,
        )
        self.publisher, self.rejected = FakePublisher(), list[dict[str, Any]]()
        # The ids of events that Kafka takes in no batch.
        self.too_large = set[str]()
        self.pipeline = Pipeline(
            settings,
            Hasher("a hash key for tests"),
            RateLimiter(
                ClusterLimits(),
                per_user=10,
                per_ip=1_000,
                per_backend=per_backend,
                bytes_per_event=bytes_per_event,
            ),
            self.publisher,
            RejectedEvents(self._reject, 50),
            too_large=lambda _key, record: too_large(900, 1_000) if record.event_id in self.too_large else None,
            wall_clock=lambda: NOON * 1_000_000,
            monotonic=lambda: 1_000.0,
        )

    def _reject(self, _key: bytes | None, record: Record) -> Queued:
        self.rejected.append(decode(record.value)[1])
        return "queued"

    async def collect(self, *events: Any) -> list[dict[str, Any]]:
        answer, _admission = await self.pipeline.collect(REQUEST, ANN, orjson.dumps(events))
        return list(answer.body["results"])


def click(event_id: str | None = None, element: str = "logo") -> dict[str, Any]:
    event: dict[str, Any] = {"event_type": "click", "event_data": {"element": element}}
    return event | {"event_id": event_id} if event_id else event


def statuses(results: Sequence[dict[str, Any]]) -> list[str]:
    return [result["status"] for result in results]
