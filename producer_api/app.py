"""The collector as an ASGI application: its parts are put together here, and started and stopped in order."""

import asyncio
import logging
import math
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from avro_schemas import topic
from avro_schemas.validation.fault import Fault
from producer_api import metrics
from producer_api.intake.answers import too_large
from producer_api.intake.pipeline import Pipeline
from producer_api.intake.rejected import RejectedEvents
from producer_api.limits.admission import RateLimiter
from producer_api.limits.cluster import LOOK_BACK_MS, ClusterLimits
from producer_api.own_path import SEND
from producer_api.privacy.devices import classify
from producer_api.privacy.hashes import Hasher
from producer_api.privacy.ip_locations import IpDatabase, nowhere
from producer_api.routes import api_page
from producer_api.routes.collect import CollectRoute
from producer_api.routes.page_headers import PageHeaders
from producer_api.routes.probes_and_pages import add_pages
from producer_api.senders.authenticate import Authenticator
from producer_api.settings import Settings
from producer_api.storage.publisher import KafkaPublisher
from producer_api.storage.records import EventPublisher, Record
from producer_api.storage.spool import Spool
from service_kit import tracing
from service_kit.background import Background
from service_kit.kafka.batch_limits import batch_size
from service_kit.kafka.follower import Follower
from service_kit.kafka.topic_description import ExistingTopic
from service_kit.kafka.topic_watch import TopicWatch

log = logging.getLogger(__name__)

COLLECT = "/api/analytics/collect"
VALIDATE = "/api/analytics/validate"
# If the cluster's limits are not known after this long, the collector is ready with its own limits alone.
_CLUSTER_LIMITS_SECONDS = 10.0
# With the headers, in front of and behind the value of an event, its key, and the batch around it.
_RECORD_BYTES = 1_200
# A record that is too large for it is answered with 413, and the other topics are optional here.
EVENTS_ALONE = {topic.EVENTS: replace(topic.named(topic.EVENTS), max_record_bytes=None)}
# How often to look for a new version of the IP database.
_IP_DATABASE_SECONDS = 60.0


class CollectorApp:
    """Routes the two hot paths itself, and leaves everything else to FastAPI."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.draining = False
        self._reported_limit = 0
        self._background = Background()
        hasher = Hasher(settings.hash_key.reveal())
        cluster_limits = ClusterLimits()
        self._authenticator = Authenticator(settings, hasher)
        self._kafka = KafkaPublisher(
            settings.kafka,
            [topic.EVENTS, topic.EVENTS_REJECTED],
            timeout_seconds=settings.publish_timeout_seconds,
            max_bytes=settings.max_in_flight_bytes,
        )
        self._follower = Follower(
            settings.kafka,
            topic.USER_RATES,
            client_id="footfall-collector",
            on_records=cluster_limits.apply,
            look_back_ms=LOOK_BACK_MS,
        )
        self._spool: Spool | None = None
        self._publisher: EventPublisher = self._kafka
        if settings.spool_dir:
            self._publisher = self._spool = Spool(
                settings.spool_dir, settings.spool_max_bytes, self._kafka, self._kafka.is_too_large
            )
        self._topics = TopicWatch(settings.kafka, EVENTS_ALONE, topic.EVENTS, on_described=self._note_limits)
        # Once it was ready, a fault of a topic is reported, but does not turn events away.
        self._was_ready = False
        rejected_events = RejectedEvents(
            lambda key, record: self._kafka.publish_nowait(topic.EVENTS_REJECTED, key, record),
            settings.max_rejected_per_second,
            allowed_parameters=settings.allowed_query_parameters,
        )
        rate_limiter = RateLimiter(
            cluster_limits,
            per_user=settings.events_per_minute,
            per_ip=settings.events_per_minute_per_address,
            per_backend=settings.events_per_minute_per_backend,
            bytes_per_event=settings.bytes_per_event,
            on_evict=metrics.LIMITER_EVICTIONS.inc,
        )
        self._ip_database = IpDatabase(settings.ip_database) if settings.ip_database else None
        locate = self._ip_database.find if self._ip_database else nowhere
        pipeline = Pipeline(
            settings,
            hasher,
            rate_limiter,
            self._publisher,
            rejected_events,
            locate=locate,
            too_large=self._too_large,
        )
        routes: dict[str, ASGIApp] = {
            COLLECT: _traced(CollectRoute(settings, self._authenticator, pipeline)),
            VALIDATE: CollectRoute(settings, self._authenticator, pipeline, dry_run=True),
        }
        if settings.sdk_path:
            routes[f"{settings.sdk_path}/{SEND}"] = routes[COLLECT]
        # With a slash at the end too: a redirect would lose the body.
        self._hot_routes = routes | {f"{path}/": route for path, route in routes.items()}
        self._other_routes = _fastapi(self, settings)
        self._started = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._hot_routes.get(scope["path"]) if scope["type"] == "http" else None
        await (route or self._other_routes)(scope, receive, send)

    def _note_limits(self, existing: Mapping[str, ExistingTopic]) -> None:
        self._kafka.limits.report_all(self._settings.kafka, existing)
        limit, needed = self._kafka.max_record_bytes, self._settings.max_event_bytes + _RECORD_BYTES
        if limit < needed and limit != self._reported_limit:
            log.warning(
                "max.message.bytes of events is %d: larger events are refused with 413. FOOTFALL_MAX_EVENT_BYTES"
                " allows %d bytes, for which it has to be at least %d",
                *(limit, self._settings.max_event_bytes, needed),
            )
        self._reported_limit = limit

    def _too_large(self, key: bytes | None, record: Record) -> Fault | None:
        if not self._kafka.is_too_large(key, record):
            return None
        return too_large(self._kafka.max_record_bytes, batch_size(key, record.value, record.headers))

    def topic_faults(self) -> str | None:
        """Why it does not become ready, if that is for a topic. While it serves, it goes on."""
        return None if self._was_ready else self._topics.reason()

    def readiness(self) -> dict[str, bool]:
        """What has to be true before requests should come here."""
        waited = time.monotonic() - self._started > _CLUSTER_LIMITS_SECONDS
        parts = self._parts(waited=waited)
        self._was_ready = self._was_ready or all(parts.values())
        return parts

    def _parts(self, *, waited: bool) -> dict[str, bool]:
        return {
            "topics": self.topic_faults() is None,
            "storage": self._publisher.is_available,
            "limits": not self._settings.cluster_limits or self._follower.caught_up or waited,
            "sessions": self._authenticator.is_ready,
            "serving": not self.draining,
        }

    def _cluster_limits_active(self) -> float:
        if not self._settings.cluster_limits:
            return math.nan
        return float(self._follower.connected and self._follower.caught_up)

    @asynccontextmanager
    async def running(self, _app: FastAPI) -> AsyncIterator[None]:
        """Run the background work of the collector."""
        self._started = time.monotonic()
        classify("Mozilla/5.0")  # the first call compiles the patterns, and no visitor should wait for that
        await self._authenticator.start()
        await self._kafka.start()
        self._topics.start()
        if self._spool:
            await self._spool.start()
        metrics.CLUSTER_LIMITS_ACTIVE.set_function(self._cluster_limits_active)
        if self._settings.cluster_limits:
            self._background.start("following the limits of the cluster", self._follower.run())
        if self._ip_database:
            self._background.start("reading new IP databases", _refresh(self._ip_database))
        yield
        # The spool before Kafka: it writes what still waits, and may be publishing.
        if self._spool:
            await self._spool.stop()
        self._topics.stop()
        await self._kafka.stop()
        await self._authenticator.stop()
        await self._background.stop()


async def _refresh(database: IpDatabase) -> None:
    """Read new versions of the file, in a thread, as that may take long."""
    while True:
        metrics.IP_DATABASE_BUILT.set(database.built_at)
        await asyncio.sleep(_IP_DATABASE_SECONDS)
        await asyncio.to_thread(database.refresh)


def build_app(settings: Settings) -> CollectorApp:
    """The application. It connects to Kafka when it starts, and answers 503 until it is connected."""
    return CollectorApp(settings)


def _traced(route: ASGIApp) -> ASGIApp:
    """The route with traces if they are enabled; otherwise the route itself, so that they cost nothing."""
    tracer = tracing.tracer("footfall-collector", os.environ)
    if tracer is None:
        return route
    from producer_api.routes.tracing import TracedRoute

    return TracedRoute(route, tracer)


def _fastapi(collector: CollectorApp, settings: Settings) -> FastAPI:
    app = FastAPI(
        title="footfall collector",
        version="1",
        lifespan=collector.running,
        docs_url=None,
        redoc_url=None,
        openapi_url=api_page.OPENAPI,
    )
    add_pages(app, settings, collector.readiness, collector.topic_faults)
    app.add_middleware(PageHeaders)
    return app
