"""Pages from templates, in the reader's time zone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from fastapi.templating import Jinja2Templates
from starlette.requests import Request as AnyRequest

from dashboard.access.policy import Gate, Verdict
from dashboard.render import times

NO_STORE = {"cache-control": "no-store"}
_TEMPLATES = Path(__file__).parents[1] / "templates"


class Pages:
    """Renders templates; every one gets the zone that the address names."""

    def __init__(self) -> None:
        self._templates = Jinja2Templates(_TEMPLATES)
        self._templates.env.trim_blocks = self._templates.env.lstrip_blocks = True
        self._templates.env.filters |= {
            "clock": times.clock,
            "moment": lambda at, zone, form: times.FORMATS[form](at, zone),
            "iso": times.iso,
            "span": times.span,
            "number": lambda value: f"{value:,}",
        }

    def render(self, request: AnyRequest, name: str, *, status: int = 200, **context: Any) -> Response:
        """The page as an answer that nobody keeps."""
        asked = request.query_params.get("tz", "UTC")
        zone = times.zone_named(asked)
        context |= {
            "zone": zone or times.UTC_ZONE,
            "unknown_zone": "" if zone else asked[:50],
            "here": str(request.base_url).rstrip("/"),
            "query": request.query_params,
        }
        return self._templates.TemplateResponse(request, name, context, status_code=status, headers=dict(NO_STORE))

    def refusal(self, gate: Gate) -> Callable[[Request, Verdict, str], Response]:
        """How the guard gets its page."""

        def page(request: Request, verdict: Verdict, message: str) -> Response:
            to = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return self.render(
                request,
                "refused.html",
                is_closed=verdict is Verdict.CLOSED,
                is_pending=verdict is Verdict.PENDING,
                has_token=gate.has_token,
                message=message,
                to=to if request.method == "GET" else "/",
            )

        return page
