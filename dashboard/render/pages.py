"""HTML pages out of Jinja templates, in the reader's time zone."""

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2.ext import Extension
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.templating import Jinja2Templates

from dashboard.filters import Condition
from dashboard.render import times, web_vitals
from service_kit.page_header import page_header

NO_STORE = {"cache-control": "no-store"}
_TEMPLATES = Path(__file__).parents[1] / "templates"


class _WithoutIndentation(Extension):
    """Templates are indented for people; browsers need not load that."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return re.sub(r"(?m)^ +", "", source)


class Pages:
    """Renders templates. Every template gets the time zone of the query parameter `tz`."""

    def __init__(self) -> None:
        self._templates = Jinja2Templates(_TEMPLATES)
        self._templates.env.add_extension(_WithoutIndentation)
        self._templates.env.trim_blocks = self._templates.env.lstrip_blocks = True
        self._templates.env.filters |= {
            "clock": times.clock,
            "time": lambda at, zone, form: times.FORMATS[form](at, zone),
            "iso": times.iso,
            "duration": times.duration,
            "json": lambda value: json.dumps(value, indent=2, ensure_ascii=False),
            "number": lambda value: f"{value:,}",
            "total": times.total,
            "parameter": lambda value: Condition("", value).parameter,
            "vital": lambda value, metric: "–" if value is None else web_vitals.text(metric, value),
        }

    def render(self, request: Request, template: str, *, status: int = 200, **context: Any) -> Response:
        """The page as a response that must not be cached."""
        zone_name = request.query_params.get("tz", "UTC")
        zone = times.zone_named(zone_name)
        zone_or_utc = zone or times.UTC_ZONE
        in_zone = "" if zone_or_utc == times.UTC_ZONE else "?" + urlencode({"tz": zone_or_utc.key})
        context |= {
            "zone": zone_or_utc,
            "offset": times.offset(datetime.now(zone_or_utc)),
            "header": lambda: Markup(page_header(request.url.path, in_zone)),  # escaped there
            "unknown_zone": "" if zone else zone_name[:50],
            "base_url": str(request.base_url).rstrip("/"),
            "params": request.query_params,
        }
        return self._templates.TemplateResponse(
            request, template, context, status_code=status, headers=dict(NO_STORE)
        )
