"""The live page, its stream and its JSON."""

import hashlib

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from dashboard.live.hub import MAX_VIEWERS
from dashboard.live.service import Live
from dashboard.render.charts import minute_chart
from dashboard.render.pages import NO_STORE, Pages
from dashboard.render.panels import LIVE


def add_live(app: FastAPI, live: Live, pages: Pages) -> None:
    """Add the routes to the application."""

    @app.get("/")
    async def page(request: Request) -> Response:
        shown = live.snapshot()
        only = request.query_params.get("type", "")
        return pages.render(
            request, "live.html", shown=shown, panels=LIVE, only=only, chart=minute_chart(shown, only)
        )

    @app.get("/dashboard/snapshot.json")
    async def numbers(request: Request) -> Response:
        shown = live.snapshot()
        # The time alone is no news.
        tag = hashlib.sha256(orjson.dumps(shown | {"as_of": 0})).hexdigest()[:16]
        headers = NO_STORE | {"etag": f'"{tag}"'}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(orjson.dumps(shown), media_type="application/json", headers=headers)

    @app.get("/dashboard/stream")
    async def stream(request: Request) -> Response:
        if live.hub.is_full:
            message = f"{MAX_VIEWERS} viewers are connected already; /dashboard/snapshot.json has the same numbers"
            return JSONResponse({"message": message}, 503, headers=NO_STORE | {"retry-after": "30"})
        # A page that was hidden says itself where it stopped; a browser that connects again says it in the header.
        since = request.headers.get("last-event-id") or request.query_params.get("since", "")
        headers = NO_STORE | {"x-accel-buffering": "no"}
        return StreamingResponse(live.hub.events(since), media_type="text/event-stream", headers=headers)
