"""The live page and that of the pipeline, their snapshot as JSON, and their event stream."""

import hashlib
from collections.abc import Mapping

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from dashboard.live.hub import MAX_VIEWERS, Hub, Viewer
from dashboard.live.service import LiveService
from dashboard.live.snapshot import minute_chart, named
from dashboard.render.pages import NO_STORE, Pages
from dashboard.render.panels import LIVE_PAGE, PIPELINE


def add_live_routes(app: FastAPI, live: LiveService, pages: Pages) -> None:
    """Add the routes to the application."""

    @app.get("/")
    async def page(request: Request) -> Response:
        with_programs = _with_programs(request)
        shown = live.snapshot(with_programs=with_programs)
        only_type = request.query_params.get("type", "")
        return pages.render(
            request,
            "live.html",
            shown=shown,
            panels=LIVE_PAGE,
            only_type=only_type,
            with_programs=with_programs,
            chart=minute_chart(shown, only_type),
        )

    @app.get("/pipeline")
    async def pipeline(request: Request) -> Response:
        return pages.render(
            request, "pipeline.html", shown=live.snapshot(with_programs=True), panels=PIPELINE, with_programs=True
        )

    @app.get("/dashboard/snapshot.json")
    async def snapshot_json(request: Request) -> Response:
        shown = live.snapshot(with_programs=_with_programs(request))
        # The time alone is not a change.
        etag = hashlib.sha256(orjson.dumps(shown | {"as_of": 0})).hexdigest()[:16]
        headers = NO_STORE | {"etag": f'"{etag}"'}
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        # The script asks for the cells as it gets them from the stream.
        body = shown if request.query_params.get("rows") == "cells" else named(shown)
        return Response(orjson.dumps(body), media_type="application/json", headers=headers)

    @app.get("/dashboard/stream")
    async def stream(request: Request) -> Response:
        hub = live.hub_with_programs if _with_programs(request) else live.hub
        viewer = hub.join() if live.viewers < MAX_VIEWERS else None
        if viewer is None:
            message = f"All {MAX_VIEWERS} streams are in use; /dashboard/snapshot.json has the same numbers."
            return JSONResponse({"message": message}, 503, headers=NO_STORE | {"retry-after": "30"})
        # A browser that reconnects sends the last id as a header. A page that was hidden makes a new connection,
        # where it cannot set headers, and sends it as a parameter.
        last_id = request.headers.get("last-event-id") or request.query_params.get("since", "")
        headers = NO_STORE | {"x-accel-buffering": "no"}
        return EventStream(hub, viewer, last_id, headers)


def _with_programs(request: Request) -> bool:
    """Whether the events of programs count too, as on the history page."""
    return request.query_params.get("programs") == "1"


class EventStream(StreamingResponse):
    """The stream of one viewer. Its place is given back however it ends, also before the first byte."""

    def __init__(self, hub: Hub, viewer: Viewer, last_id: str, headers: Mapping[str, str]) -> None:
        super().__init__(hub.stream(viewer, last_id), media_type="text/event-stream", headers=headers)
        self._hub, self._viewer = hub, viewer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._hub.leave(self._viewer)
