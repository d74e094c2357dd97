"""The dashboard as a FastAPI application: the live page, the history, and the JSON behind them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware.gzip import GZipMiddleware

from dashboard import metrics
from dashboard.access.middleware import Guard
from dashboard.access.policy import Gate
from dashboard.health.pipeline import Pipeline
from dashboard.health.watch import watch_kafka, watch_postgres
from dashboard.history.routes import add_history
from dashboard.live.routes import add_live
from dashboard.live.service import Live
from dashboard.render.pages import Pages
from dashboard.settings import Settings
from dashboard.sql import Database
from service_kit.metrics import CONTENT_TYPE, exposition
from service_kit.request_metrics import CountedRequests

_HERE = Path(__file__).parent


def build_app(settings: Settings) -> FastAPI:
    """The application; it shows what it has while Kafka or Postgres is away."""
    database = Database(settings.postgres_dsn.reveal()) if settings.postgres_dsn else None
    pipeline = Pipeline(has_postgres=database is not None)
    live = Live(settings.kafka, pipeline)
    gate, pages = Gate(settings), Pages()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await gate.start()
        work = [*live.work(), watch_kafka(settings.kafka, pipeline)]
        if database:
            work.append(watch_postgres(database, pipeline))
        tasks = [asyncio.create_task(each) for each in work]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await gate.stop()

    app = FastAPI(title="footfall dashboard", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.live = live
    app.mount("/dashboard/static", Static(directory=_HERE / "static"))
    add_live(app, live, pages)
    add_history(app, database, pages, settings.retention.retention_days)
    _add_probes(app, live, gate)
    _tell_metrics(live)
    app.add_middleware(GZipMiddleware, minimum_size=500)
    app.add_middleware(Guard, gate=gate, refused_page=pages.refusal(gate))
    app.add_middleware(CountedRequests, requests=metrics.REQUESTS, seconds=metrics.REQUEST_SECONDS)
    return app


class Static(StaticFiles):
    """Files that browsers keep and ask for again, so that all of a page are of one release."""

    def file_response(self, *arguments: object, **options: object) -> Response:
        """As the base class has it, with the header."""
        answer = super().file_response(*arguments, **options)  # type: ignore[arg-type] # handed on as they are
        answer.headers["cache-control"] = "no-cache"
        return answer


def _tell_metrics(live: Live) -> None:
    metrics.VIEWERS.set_function(lambda: len(live.hub.viewers))
    metrics.CONNECTED.set_function(lambda: live.follower.connected)
    metrics.NEWEST_EVENT.set_function(lambda: live.newest_event / 1000)


def _add_probes(app: FastAPI, live: Live, gate: Gate) -> None:
    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz")
    async def readyz() -> Response:
        if not live.follower.caught_up:
            return JSONResponse({"status": "reading the live counts"}, status_code=503)
        if not gate.is_ready:
            return JSONResponse({"status": "fetching the keys of sessions"}, status_code=503)
        return JSONResponse({"status": "ok"})

    @app.get("/metrics")
    async def prometheus() -> Response:
        return Response(exposition(metrics.REGISTRY), media_type=CONTENT_TYPE)
