"""The dashboard as a FastAPI application: wires pages, access, health and probes together."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware.gzip import GZipMiddleware

from dashboard import metrics, openapi
from dashboard.access.middleware import AccessMiddleware, DeniedPage
from dashboard.access.policy import Access, AccessPolicy
from dashboard.api_keys import ApiKeys
from dashboard.columns.service import Columns
from dashboard.event_types.routes import add_event_type_routes
from dashboard.health.pipeline import PipelineHealth
from dashboard.health.polling import poll_kafka, poll_postgres
from dashboard.history.routes import add_history_routes
from dashboard.history.service import LAYOUT, HistoryService
from dashboard.history.visits import VISIT_LAYOUT
from dashboard.live.routes import add_live_routes
from dashboard.live.service import LiveService
from dashboard.render.pages import Pages
from dashboard.settings import Settings
from dashboard.sql import Database
from dashboard.stats_api.routes import add_stats_api_routes
from service_kit.background import Background
from service_kit.bucket import Bucket
from service_kit.metrics import CONTENT_TYPE, exposition
from service_kit.request_metrics import RequestMetrics

log = logging.getLogger(__name__)

_HERE = Path(__file__).parent


def build_app(settings: Settings) -> FastAPI:
    """The application. While Kafka or Postgres is unavailable it shows what it has, and says so."""
    database = Database(settings.postgres) if settings.postgres else None
    columns = _columns(settings, database) if database else None
    health = PipelineHealth(has_postgres=database is not None)
    live = LiveService(settings.kafka, health)
    policy, pages, background = AccessPolicy(settings), Pages(), Background()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await policy.start()
        for name, work in live.background().items():
            background.start(name, work)
        background.start("the check of Kafka", poll_kafka(settings.kafka, health, live.counted_offsets, database))
        if database:
            background.start("the check of Postgres", poll_postgres(database, health))
        if columns:
            background.start("the builder of column files", columns.build())
        yield
        await background.stop()
        if columns:
            columns.close()
        await policy.stop()

    app = FastAPI(title="footfall dashboard", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.live = live
    app.mount("/dashboard/static", StaticAssets(directory=_HERE / "static"))
    add_live_routes(app, live, pages)
    history = HistoryService(database, columns) if database else None
    add_history_routes(app, history, pages, settings.retention.retention_days)
    add_stats_api_routes(app, history, settings.retention.retention_days)
    add_event_type_routes(
        app,
        database,
        policy,
        pages,
        folder=settings.contract.folder if settings.contract else None,
        retention_days=settings.retention.retention_days,
    )
    _add_openapi(app, settings.sessions.session_cookie, settings.url.base)
    _add_probes(app, live, policy, background)
    _bind_gauges(live)
    app.add_middleware(GZipMiddleware, minimum_size=500)
    app.add_middleware(
        AccessMiddleware,
        policy=policy,
        denied_page=_denied_page(pages, policy),
        keys=ApiKeys(settings.dashboard_keys) if settings.dashboard_keys else None,
    )
    app.add_middleware(RequestMetrics, requests=metrics.REQUESTS, seconds=metrics.REQUEST_SECONDS)
    return app


def _columns(settings: Settings, database: Database) -> Columns | None:
    """The column files, if there is a folder for them. Without it the history works, more slowly."""
    folder = settings.columns_folder
    if folder is None:
        return None
    try:
        bucket = Bucket(settings.columns_bucket) if settings.columns_bucket else None
        return Columns(folder, database, LAYOUT, VISIT_LAYOUT, settings.retention.retention_days, bucket)
    except OSError as error:
        log.error("FOOTFALL_COLUMNS_URL is unusable: queries read rows of Postgres", extra={"error": str(error)})  # noqa: TRY400
        return None


class StaticAssets(StaticFiles):
    """Scripts and styles. Browsers revalidate them, so that all files of a page are of the same release."""

    def file_response(self, *arguments: object, **options: object) -> Response:
        response = super().file_response(*arguments, **options)  # type: ignore[arg-type] # passed on unchanged
        response.headers["cache-control"] = "no-cache"
        return response


def _denied_page(pages: Pages, policy: AccessPolicy) -> DeniedPage:
    def page(request: Request, access: Access, message: str) -> Response:
        to = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return pages.render(
            request,
            "access_denied.html",
            is_disabled=access is Access.DISABLED,
            is_unavailable=access is Access.UNAVAILABLE,
            has_token=policy.has_token,
            message=message,
            to=to if request.method == "GET" else "/",
        )

    return page


def _bind_gauges(live: LiveService) -> None:
    metrics.VIEWERS.set_function(lambda: live.viewers)
    metrics.CONNECTED.set_function(lambda: live.follower.connected)
    metrics.NEWEST_EVENT.set_function(lambda: live.newest_event_at / 1000)


def _add_openapi(app: FastAPI, session_cookie: str, public_url: str) -> None:
    described = openapi.document(session_cookie, public_url)

    @app.get(openapi.PATH)
    async def openapi_json() -> Response:
        return JSONResponse(described)


def _add_probes(app: FastAPI, live: LiveService, policy: AccessPolicy, background: Background) -> None:
    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz")
    async def readyz() -> Response:
        if background.ended:
            return JSONResponse({"status": f"{', '.join(background.ended)} ended; stopping"}, status_code=503)
        if not live.follower.caught_up:
            return JSONResponse({"status": "reading the live counts"}, status_code=503)
        if not policy.is_ready:
            return JSONResponse({"status": "fetching session keys"}, status_code=503)
        return JSONResponse({"status": "ok"})

    @app.get("/metrics")
    async def prometheus() -> Response:
        return Response(exposition(metrics.REGISTRY), media_type=CONTENT_TYPE)
