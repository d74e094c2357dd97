"""HTML pages out of Jinja templates, in the reader's time zone."""

import functools
import json
import re
import zlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2.ext import Extension
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.templating import Jinja2Templates
from starlette.types import Receive, Scope, Send

from dashboard.filters import Condition
from dashboard.render import times, web_vitals
from service_kit.page_header import page_header

NO_STORE = {"cache-control": "no-store"}
# Says, until a part of a page is there, what the page shows in the meantime.
Wait = Callable[[str], AsyncIterator[str]]
_TEMPLATES = Path(__file__).parents[1] / "templates"


class _WithoutIndentation(Extension):
    """Templates are indented for people; browsers need not load that."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return re.sub(r"(?m)^ +", "", source)


@functools.cache
def _templates() -> Jinja2Templates:
    """All pages of a process share the templates: to compile one takes longer than to render it."""
    made = Jinja2Templates(_TEMPLATES)
    made.env.add_extension(_WithoutIndentation)
    made.env.trim_blocks = made.env.lstrip_blocks = True
    made.env.filters |= {
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
    return made


class Pages:
    """Renders templates. Every template gets the time zone of the query parameter `tz`."""

    def __init__(self) -> None:
        self._templates = _templates()

    def render(self, request: Request, template: str, *, status: int = 200, **context: Any) -> Response:
        """The page as a response that must not be cached."""
        return self._templates.TemplateResponse(
            request, template, _context(request) | context, status_code=status, headers=dict(NO_STORE)
        )

    def stream(
        self, request: Request, template: str, wait: Wait, on_end: Callable[[], None], status: int, **context: Any
    ) -> StreamingResponse:
        """The same page, sent while it is made: `{{ need("x") }}` sends what is above it, until `x` is there.

        That stands in the page itself, as it would end in the text of a macro.
        """
        needed: list[str] = []

        def need(part: str) -> str:
            needed.append(part)
            return ""

        async def parts() -> AsyncIterator[str]:
            made = self._templates.env.get_template(template)
            written: list[str] = []
            for text in made.generate(_context(request) | context | {"request": request, "need": need}):
                written.append(text)
                if needed:
                    async for progress in wait(needed.pop()):
                        yield "".join(written) + progress
                        written.clear()
            yield "".join(written)

        return _Streamed(parts(), request, on_end, status)


class _Streamed(StreamingResponse):
    """A page in parts, each of which browsers and proxies show at once. `on_end` is called however it ends."""

    def __init__(
        self, parts: AsyncIterator[str], request: Request, on_end: Callable[[], None], status: int
    ) -> None:
        headers = NO_STORE | {"x-accel-buffering": "no", "vary": "accept-encoding"}
        body: AsyncIterator[str | bytes] = parts
        if "gzip" in request.headers.get("accept-encoding", ""):
            # The middleware would hold back what is compressed.
            headers["content-encoding"] = "gzip"
            body = _compressed(parts)
        super().__init__(body, status, headers, "text/html")
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._on_end()


async def _compressed(parts: AsyncIterator[str]) -> AsyncIterator[bytes]:
    compressor = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    async for part in parts:
        yield compressor.compress(part.encode()) + compressor.flush(zlib.Z_SYNC_FLUSH)
    yield compressor.flush()


def _context(request: Request) -> dict[str, Any]:
    """What every template gets: most of it is the reader's time zone."""
    zone_name = request.query_params.get("tz", "UTC")
    zone = times.zone_named(zone_name)
    zone_or_utc = zone or times.UTC_ZONE
    in_zone = "" if zone_or_utc == times.UTC_ZONE else "?" + urlencode({"tz": zone_or_utc.key})
    return {
        "zone": zone_or_utc,
        "offset": times.offset(datetime.now(zone_or_utc)),
        "header": lambda: Markup(page_header(request.url.path, in_zone)),  # escaped there
        "unknown_zone": "" if zone else zone_name[:50],
        "base_url": str(request.base_url).rstrip("/"),
        "params": request.query_params,
    }
