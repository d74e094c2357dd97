"""The collector as a FastAPI application."""

import html
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.routing import Route

from avro_schemas import topics
from avro_schemas.reasons import REASONS
from producer_api import metrics
from producer_api.answers import ERRORS_PAGE
from producer_api.collector import Collector
from producer_api.endpoint import CollectEndpoint
from producer_api.openapi import collect_path
from producer_api.publisher import Publisher
from producer_api.settings import Settings

COLLECT = "/api/analytics/collect"


def build_app(settings: Settings) -> FastAPI:
    """The application; its publisher connects when it starts, and serves 503 until Kafka is there."""
    publisher = Publisher(settings.kafka, settings.kafka.name(topics.EVENTS), deadline=settings.publish_seconds)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await publisher.start()
        yield
        await publisher.stop()

    app = FastAPIOffline(
        title="footfall collector",
        version="1",
        lifespan=lifespan,
        docs_url="/api/analytics/docs",
        redoc_url=None,
        openapi_url="/api/analytics/openapi.json",
        swagger_ui_oauth2_redirect_url="/api/analytics/docs/oauth2-redirect",
        static_url="/api/analytics/docs-assets",
    )
    endpoint = CollectEndpoint(Collector(settings, publisher), settings)
    app.router.routes.insert(0, Route(COLLECT, endpoint, methods=["POST", "OPTIONS"]))
    _add_probes(app, publisher)
    app.openapi = lambda: _description(app)  # type: ignore[method-assign] # FastAPI's way to change it
    return app


def _add_probes(app: FastAPI, publisher: Publisher) -> None:
    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> JSONResponse:
        if publisher.is_open:
            return JSONResponse({"status": "ok"})
        return JSONResponse({"status": "Kafka takes no events"}, status_code=503)

    @app.get("/metrics", include_in_schema=False)
    async def prometheus() -> Response:
        return Response(generate_latest(metrics.REGISTRY), media_type=CONTENT_TYPE_LATEST)

    @app.get(ERRORS_PAGE, include_in_schema=False)
    async def errors() -> HTMLResponse:
        """What each code means; the errors in answers link here."""
        rows = "".join(
            f'<dt id="{code}"><code>{code}</code></dt><dd>{html.escape(meaning)}</dd>'
            for code, meaning in REASONS.items()
        )
        page = f'<!doctype html><html lang="en"><title>Errors</title><h1>Errors</h1><dl>{rows}</dl></html>'
        return HTMLResponse(page)


def _description(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        described = get_openapi(title=app.title, version=app.version, routes=app.routes)
        described["paths"][COLLECT] = collect_path()
        app.openapi_schema = described
    return app.openapi_schema
