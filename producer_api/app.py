"""The collector as an application: its parts put together, started and stopped in order."""

import asyncio
import contextlib
import math
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.types import ASGIApp, Receive, Scope, Send

from avro_schemas import topic
from producer_api import metrics
from producer_api.intake.pipeline import Collector
from producer_api.intake.rejected import Rejects
from producer_api.limits.admission import Limits
from producer_api.limits.cluster import LOOK_BACK_MS, Verdicts
from producer_api.privacy.devices import device
from producer_api.privacy.hashes import Hasher
from producer_api.routes.collect import Endpoint
from producer_api.routes.probes_and_pages import add_pages
from producer_api.senders.authenticate import Senders
from producer_api.settings import Settings
from producer_api.storage.publisher import Publisher
from producer_api.storage.records import Storing
from producer_api.storage.spool import Spool
from service_kit import tracing
from service_kit.follower import Follower

COLLECT = "/api/analytics/collect"
VALIDATE = "/api/analytics/validate"
# Without the cluster's verdicts for so long, the limits of this process alone have to do.
_VERDICTS_SECONDS = 10.0


class CollectorApp:
    """The hot routes by a look at the path, everything else by FastAPI."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.draining = False
        hasher = Hasher(settings.hash_key.reveal())
        verdicts = Verdicts()
        self._senders = Senders(settings, hasher)
        self._publisher = Publisher(
            settings.kafka,
            [topic.EVENTS, topic.EVENTS_REJECTED],
            deadline=settings.publish_timeout_seconds,
            max_bytes=settings.max_in_flight_bytes,
        )
        self._follower = Follower(
            settings.kafka,
            topic.USER_RATES,
            client_id="footfall-collector",
            take=verdicts.take,
            look_back_ms=LOOK_BACK_MS,
        )
        self._spool: Spool | None = None
        storing: Storing = self._publisher
        if settings.spool_dir:
            storing = self._spool = Spool(settings.spool_dir, settings.spool_max_bytes, self._publisher)
        self._storing = storing
        rejects = Rejects(
            lambda key, record: self._publisher.post(topic.EVENTS_REJECTED, key, record),
            settings.max_rejected_per_second,
        )
        collector = Collector(settings, hasher, Limits(settings, verdicts), storing, rejects)
        self._hot: dict[str, ASGIApp] = {
            COLLECT: _traced(Endpoint(settings, self._senders, collector)),
            VALIDATE: Endpoint(settings, self._senders, collector, dry_run=True),
        }
        self._rest = _fastapi(self, settings)
        self._started = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._hot.get(scope["path"]) if scope["type"] == "http" else None
        await (endpoint or self._rest)(scope, receive, send)

    def readiness(self) -> dict[str, bool]:
        """What has to be true before requests should come here."""
        waited = time.monotonic() - self._started > _VERDICTS_SECONDS
        return {
            "storage": self._storing.is_open,
            "limits": not self._settings.cluster_limits or self._follower.caught_up or waited,
            "sessions": self._senders.is_ready,
            "serving": not self.draining,
        }

    def _limits_hold(self) -> float:
        """1 while the cluster's verdicts are known; NaN where nobody asks for them."""
        if not self._settings.cluster_limits:
            return math.nan
        return float(self._follower.connected and self._follower.caught_up)

    @asynccontextmanager
    async def running(self, _app: FastAPI) -> AsyncIterator[None]:
        """Everything that works beside the requests."""
        self._started = time.monotonic()
        device("Mozilla/5.0")  # the first look compiles the patterns, which no visitor should wait for
        await self._senders.start()
        await self._publisher.start()
        if self._spool:
            await self._spool.start()
        metrics.CLUSTER_LIMITS_ACTIVE.set_function(self._limits_hold)
        following = asyncio.create_task(self._follower.run()) if self._settings.cluster_limits else None
        yield
        if self._spool:
            await self._spool.stop()
        await self._publisher.stop()
        await self._senders.stop()
        if following:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following


def _traced(route: ASGIApp) -> ASGIApp:
    """The route itself, where no traces are wanted: they cost nothing then."""
    tracer = tracing.tracer("footfall-collector", os.environ)
    if tracer is None:
        return route
    from producer_api.routes.tracing import TracedRoute

    return TracedRoute(route, tracer)


def build_app(settings: Settings) -> CollectorApp:
    """The application; it connects to Kafka when it starts, and answers 503 until that is there."""
    return CollectorApp(settings)


def _fastapi(collector: CollectorApp, settings: Settings) -> FastAPI:
    app = FastAPIOffline(
        title="footfall collector",
        version="1",
        lifespan=collector.running,
        docs_url="/api/analytics/docs",
        redoc_url=None,
        openapi_url="/api/analytics/openapi.json",
        swagger_ui_oauth2_redirect_url="/api/analytics/docs/oauth2-redirect",
        static_url="/api/analytics/docs-assets",
    )
    add_pages(app, settings, collector.readiness)
    return app
