"""`/docs/collect`: the page for frontends, made of the contract and of this collector's settings."""

import json
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates

from avro_schemas.event_types import describe_event_types, describe_field_type
from avro_schemas.reasons import REASONS, RECORD_REASONS
from producer_api.errors import STATUSES
from producer_api.intake.answers import ERRORS_PAGE
from producer_api.routes.sdk import script
from producer_api.settings import Settings

PATH = "/docs/collect"

_HERE = Path(__file__).parents[1]
_HEADERS = {
    # Nothing from elsewhere, nothing inline.
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-cache",
}
_WAIT = "Wait as many seconds as Retry-After says, and send the same ids."
_MEANINGS = {
    400: ("The JSON or the event is not valid.", "Mend what errors names; the same again will not help."),
    403: (
        "No valid session, or a page of an origin that may not post.",
        "Check that cookies are sent and the session has not expired.",
    ),
    408: ("The body did not arrive in time.", "Send it again."),
    413: ("The body or the list is too large.", "Send half of it."),
    415: ("Neither JSON nor plain text.", "Set Content-Type to application/json or text/plain."),
    429: ("Over the limit.", _WAIT),
    503: ("Nothing can be kept at the moment.", _WAIT),
}


def add_docs_page(app: FastAPI, settings: Settings) -> None:
    """Add the routes to the application."""
    templates = Jinja2Templates(_HERE / "templates")
    app.mount("/docs/static", StaticFiles(directory=_HERE / "static" / "docs"))
    always = {
        "types": [_shown(each) for each in describe_event_types()],
        "statuses": [(status, *_MEANINGS[status]) for status in sorted({400, *STATUSES.values()})],
        "codes": [(code, meaning) for code, meaning in REASONS.items() if code not in RECORD_REASONS],
        "errors_page": ERRORS_PAGE,
        "sdk": script("footfall"),
        "vitals": script("vitals"),
        "settings": settings,
    }

    @app.get(PATH, include_in_schema=False)
    async def page(request: Request) -> Response:
        here = str(request.base_url).rstrip("/")
        return templates.TemplateResponse(request, "collect.html", always | {"here": here}, headers=_HEADERS)


def _shown(described_type: dict[str, Any]) -> dict[str, Any]:
    schema = described_type["schema"]
    fields = [
        (name, describe_field_type(field), name in schema.get("required", ()), field.get("description", ""))
        for name, field in schema.get("properties", {}).items()
    ]
    return described_type | {"fields": fields, "json": json.dumps(described_type["example"], indent=2)}
