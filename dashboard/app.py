"""The dashboard as a FastAPI application: one page, its live numbers, and the same as JSON."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates

from avro_schemas import topics
from avro_schemas.catalogue import event_types
from dashboard import metrics
from dashboard.board import MINUTE_MS, Board
from dashboard.feed import MOST_VIEWERS, Feed
from dashboard.merging import merging
from dashboard.rejections import SHOWN_MINUTES, Rejections
from dashboard.settings import Settings
from dashboard.snapshot import COLOURS, Json, bars, clock, colour_of, snapshot
from service_kit.follow import Follower
from service_kit.metrics import CONTENT_TYPE, exposition
from service_kit.requests import CountedRequests

_HERE = Path(__file__).parent
_CHART_HEIGHT = 100
_SECURITY = {
    # Names of events and pages come from whoever posts: nothing of them may run.
    "content-security-policy": "default-src 'self'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}


def build_app(settings: Settings) -> FastAPI:
    """The application; it shows what it has while Kafka is away."""
    board, rejections = Board(), Rejections()

    def show() -> Json:
        now = time.time_ns() // 1_000_000
        board.forget_before(now)
        return snapshot(board, rejections, now, connected=follower.connected)

    feed = Feed(show)
    follower = Follower(
        settings.kafka,
        topics.LIVE_AGGREGATES,
        client_id="footfall-dashboard",
        take=merging("live_aggregate", board.merge, feed.wake),
        changed=feed.wake,
    )
    rejected = Follower(
        settings.kafka,
        topics.EVENTS_REJECTED,
        client_id="footfall-dashboard",
        take=merging("rejected_event", rejections.take, feed.wake),
        look_back_ms=SHOWN_MINUTES * MINUTE_MS,
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        following = [asyncio.create_task(each.run()) for each in (follower, rejected)]
        yield
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)

    app = FastAPI(title="footfall dashboard", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/dashboard/static", StaticFiles(directory=_HERE / "static"))
    _add_security(app)
    app.add_middleware(CountedRequests, requests=metrics.REQUESTS, seconds=metrics.REQUEST_SECONDS)
    _add_pages(app, feed, show)
    _add_probes(app, follower)
    _tell_metrics(feed, follower, board)
    return app


def _add_security(app: FastAPI) -> None:
    @app.middleware("http")
    async def secure(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        response.headers.update(_SECURITY)
        return response


def _add_pages(app: FastAPI, feed: Feed, show: Callable[[], Json]) -> None:
    templates = Jinja2Templates(_HERE / "templates")
    templates.env.filters["clock"] = clock

    @app.get("/")
    async def page(request: Request) -> Response:
        shown = show()
        context = {
            "shown": shown,
            "bars": bars(shown, _CHART_HEIGHT),
            "colours": colour_of(shown["total"]),
            "palette": range(COLOURS),
            "types": sorted(event_types()),
            "here": str(request.base_url).rstrip("/"),
        }
        return templates.TemplateResponse(request, "page.html", context, headers={"cache-control": "no-store"})

    @app.get("/dashboard/snapshot.json")
    async def numbers() -> Response:
        return JSONResponse(show(), headers={"cache-control": "no-store"})

    @app.get("/dashboard/stream")
    async def stream() -> Response:
        if feed.viewers >= MOST_VIEWERS:
            message = (
                f"{MOST_VIEWERS} viewers are connected already; /dashboard/snapshot.json has the same numbers"
            )
            return JSONResponse({"message": message}, status_code=503, headers={"retry-after": "30"})
        headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
        return StreamingResponse(feed.events(), media_type="text/event-stream", headers=headers)


def _tell_metrics(feed: Feed, follower: Follower, board: Board) -> None:
    metrics.VIEWERS.set_function(lambda: feed.viewers)
    metrics.CONNECTED.set_function(lambda: follower.connected)
    metrics.NEWEST_EVENT.set_function(lambda: (board.watermark() or 0) / 1000)


def _add_probes(app: FastAPI, follower: Follower) -> None:
    @app.get("/healthz")
    async def healthz() -> Json:
        return {"status": "ok"}

    @app.get("/readyz")
    async def readyz() -> Response:
        if follower.caught_up:
            return JSONResponse({"status": "ok"})
        return JSONResponse({"status": "reading the live counts"}, status_code=503)

    @app.get("/metrics")
    async def prometheus() -> Response:
        return Response(exposition(metrics.REGISTRY), media_type=CONTENT_TYPE)
