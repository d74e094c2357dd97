"""Everything that is read rather than posted: probes, metrics, event types, error codes, the API's description."""

import html
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse, JSONResponse

from avro_schemas.event_types import describe_event_types
from avro_schemas.reasons import REASONS
from producer_api import metrics
from producer_api.intake.answers import ERRORS_PAGE
from producer_api.routes.api_page import add_api_page
from producer_api.routes.docs_page import add_docs_page
from producer_api.routes.openapi import document
from producer_api.routes.sdk import add_sdk
from producer_api.settings import Settings
from service_kit.metrics import CONTENT_TYPE, exposition

EVENT_TYPES_PAGE = "/api/analytics/event-types"


def add_pages(
    app: FastAPI,
    settings: Settings,
    readiness: Callable[[], dict[str, bool]],
    topic_faults: Callable[[], str | None],
) -> None:
    """Add the routes to the application."""
    _add_probes(app, readiness, topic_faults)
    add_sdk(app, settings.sdk_path)
    add_docs_page(app, settings)
    add_api_page(app)

    async def errors() -> HTMLResponse:
        """What each code means. The errors in responses link here."""
        rows = "".join(
            f'<dt id="{code}"><code>{code}</code></dt><dd>{html.escape(meaning)}</dd>'
            for code, meaning in REASONS.items()
        )
        page = f'<!doctype html><html lang="en"><title>Errors</title><h1>Errors</h1><dl>{rows}</dl></html>'
        return HTMLResponse(page)

    # The script links to this page beside the collect route.
    for path in (ERRORS_PAGE, *([f"{settings.sdk_path}/errors"] if settings.sdk_path else [])):
        app.add_api_route(path, errors, include_in_schema=False)

    @app.get(EVENT_TYPES_PAGE, include_in_schema=False)
    async def event_types() -> dict[str, Any]:
        """Every event type, with its JSON Schema and an example."""
        return {"event_types": describe_event_types()}

    described = document(settings.sessions.session_cookie, settings.url.base)
    app.openapi = lambda: described  # type: ignore[method-assign] # as FastAPI documents it


def _add_probes(
    app: FastAPI, readiness: Callable[[], dict[str, bool]], topic_faults: Callable[[], str | None]
) -> None:
    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> JSONResponse:
        parts = readiness()
        missing = [name for name, is_ready in parts.items() if not is_ready]
        status = "waiting for " + ", ".join(missing) if missing else "ok"
        if "topics" in missing:
            status += f": {topic_faults()}"
        return JSONResponse({"status": status, **parts}, status_code=503 if missing else 200)

    @app.get("/metrics", include_in_schema=False)
    async def prometheus() -> Response:
        return Response(exposition(metrics.REGISTRY), media_type=CONTENT_TYPE)
