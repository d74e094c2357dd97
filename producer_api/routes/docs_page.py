"""`/docs/collect`: the page for frontend developers, built from the contract and this collector's settings."""

import json
import re
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from avro_schemas.event_types import describe_event_types, describe_field_type
from avro_schemas.reasons import REASONS, RECORD_REASONS
from producer_api.errors import STATUSES
from producer_api.intake.answers import ERRORS_PAGE
from producer_api.routes.sdk import script
from producer_api.settings import Settings
from service_kit.page_header import STYLES, page_header

PATH = "/docs/collect"

_PACKAGE = Path(__file__).parents[1]
_HEADERS = {
    # Nothing is loaded from elsewhere, and nothing is inline.
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-cache",
}


def add_docs_page(app: FastAPI, settings: Settings) -> None:
    """Add the page and its static files to the application."""
    # A setting that the page names and that does not exist fails the tests, instead of showing nothing.
    loader = FileSystemLoader(_PACKAGE / "templates")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    environment.filters["code"] = _with_code
    templates = Jinja2Templates(env=environment)
    app.mount("/docs/static", StaticFiles(directory=_PACKAGE / "static" / "docs"))
    constants = {
        "types": [_shown(each) for each in describe_event_types()],
        "statuses": STATUSES,
        "codes": {code: meaning for code, meaning in REASONS.items() if code not in RECORD_REASONS},
        "errors_page": ERRORS_PAGE,
        "sdk": script("footfall"),
        "all": script("all"),
        "settings": settings,
        "page_header": Markup(page_header(PATH)),  # escaped there
    }

    @app.get("/docs/header.css", include_in_schema=False)
    async def header_styles() -> Response:
        return Response(STYLES, media_type="text/css", headers={"cache-control": "no-cache"})

    @app.get(PATH, include_in_schema=False)
    async def page(request: Request) -> Response:
        here = str(request.base_url).rstrip("/")
        return templates.TemplateResponse(request, "collect.html", constants | {"here": here}, headers=_HEADERS)


def _with_code(text: str) -> Markup:
    """A text whose `code` is marked as such."""
    return Markup(re.sub(r"`(.+?)`", r"<code>\1</code>", escape(text)))  # the text is escaped


def _shown(described_type: dict[str, Any]) -> dict[str, Any]:
    schema = described_type["schema"]
    fields = [
        (name, describe_field_type(field), name in schema.get("required", ()), field.get("description", ""))
        for name, field in schema.get("properties", {}).items()
    ]
    return described_type | {"fields": fields, "json": json.dumps(described_type["example"], indent=2)}
