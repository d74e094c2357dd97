"""The page of the event types, the same as JSON, and the way to accept a proposed one."""

import asyncio
import json
import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

import psycopg
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from avro_schemas.custom_events_file import NAME, NotWritten
from dashboard.access.policy import AccessPolicy
from dashboard.access.same_origin import is_same_origin
from dashboard.event_types import catalogue
from dashboard.event_types.proposed import MAX_EVENTS, Listing, find_proposed
from dashboard.filters import can_be_stored
from dashboard.render.pages import NO_STORE, Pages
from dashboard.sql import Database

log = logging.getLogger(__name__)

PAGE, AS_JSON = "/event-types", "/dashboard/event-types.json"
ACCEPT = "/dashboard/event-types/accept"
_MAX_BODY_BYTES = 8_192
_MAX_AGE_SECONDS = 2.0
_NO_POSTGRES = "Proposed event types are not known: FOOTFALL_POSTGRES_DSN is not set."


@dataclass(frozen=True, slots=True)
class EventTypes:
    """What the page shows. `error` says why proposed types are not known."""

    meanings: Mapping[str, str]
    listing: Listing
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "catalogue": [{"event_type": name, "meaning": text} for name, text in self.meanings.items()],
            "proposed": [each.as_json() for each in self.listing.proposed],
            "is_cut": self.listing.is_cut,
            "other_events": self.listing.other_events,
        }


class EventTypeService:
    """Reads the event types: for all readers together every few seconds, and again once one was accepted."""

    def __init__(self, database: Database | None, folder: Path | None, retention_days: int) -> None:
        self._database, self._folder, self._retention_days = database, folder, retention_days
        self._reading = asyncio.Lock()
        self._newest, self._read_at = EventTypes({}, Listing([])), -math.inf

    async def read(self) -> EventTypes:
        """The catalogue as it is now, and what Postgres had a few seconds ago."""
        meanings = catalogue.meanings(self._folder)
        if self._database is None:
            return EventTypes(meanings, Listing([]), _NO_POSTGRES)
        async with self._reading:
            if self._newest.meanings != meanings or time.monotonic() > self._read_at + _MAX_AGE_SECONDS:
                self._newest = await self._find(self._database, meanings)
                self._read_at = time.monotonic()
        return self._newest

    async def _find(self, database: Database, meanings: Mapping[str, str]) -> EventTypes:
        since = datetime.now(UTC) - timedelta(days=self._retention_days)
        try:
            async with database.reading() as connection:
                return EventTypes(meanings, await find_proposed(connection, meanings.keys(), since))
        except psycopg.errors.UndefinedTable:
            error = "No events yet: the sinks have not created their tables."
        except psycopg.errors.QueryCanceled:
            error = "Postgres took too long to find proposed event types. Try again later."
        except (psycopg.Error, OSError, TimeoutError) as unavailable:
            log.warning("proposed event types are unavailable", extra={"error": repr(unavailable)})
            error = "Postgres is unavailable, so proposed event types are not known now."
        return EventTypes(meanings, Listing([]), error)


def add_event_type_routes(
    app: FastAPI,
    database: Database | None,
    policy: AccessPolicy,
    pages: Pages,
    *,
    folder: Path | None,
    retention_days: int,
) -> None:
    """Add the routes to the application."""
    service = EventTypeService(database, folder, retention_days)

    async def render(request: Request, status: int, message: str = "") -> Response:
        shown = await service.read()
        return pages.render(
            request,
            "event_types.html",
            status=status,
            shown=shown,
            message=message,
            accepted=request.query_params.get("accepted", ""),
            may_edit=await policy.may_edit(request),
            has_folder=folder is not None,
            file_name=NAME,
            accept_path=ACCEPT,
            max_events=MAX_EVENTS,
        )

    @app.get(PAGE)
    async def page(request: Request) -> Response:
        return await render(request, 200)

    @app.get(AS_JSON)
    async def event_types_json() -> Response:
        shown = await service.read()
        if shown.error:
            return JSONResponse({"message": shown.error}, 503, headers=NO_STORE)
        return JSONResponse(shown.as_json(), headers=NO_STORE)

    @app.post(ACCEPT)
    async def accept(request: Request) -> Response:
        is_form = not request.headers.get("content-type", "").startswith("application/json")

        async def answer(status: int, message: str) -> Response:
            if is_form:
                return await render(request, status, message)
            return JSONResponse({"message": message}, status, headers=NO_STORE)

        if not is_same_origin(request):
            return await answer(403, "The request does not come from this page.")
        if not await policy.may_edit(request):
            return await answer(403, "Only a session with the role of FOOTFALL_DASHBOARD_EDITOR_ROLE may do this.")
        if (wanted := await _wanted(request, is_form)) is None:
            return await answer(400, "Say event_type, and about: what such an event means.")
        event_type, about = wanted
        try:
            is_new = catalogue.accept(folder, event_type, about)
        except NotWritten as error:
            return await answer(409, str(error))
        log.info("an event type was accepted", extra={"event_type": event_type, "is_new": is_new})
        if is_form:
            return RedirectResponse(f"{PAGE}?accepted={quote(event_type, safe='')}", 303, headers=NO_STORE)
        return JSONResponse({"event_type": event_type, "is_new": is_new}, headers=NO_STORE)


async def _wanted(request: Request, is_form: bool) -> tuple[str, str] | None:
    """The event type to accept and its meaning; None if the body does not say."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY_BYTES:
            return None
    try:
        text = body.decode()
        found = {name: values[0] for name, values in parse_qs(text).items()} if is_form else json.loads(text)
    except ValueError:
        return None
    match found:
        case {"event_type": str(event_type)} if isinstance(about := found.get("about", ""), str):
            return (event_type, about) if can_be_stored(event_type + about) else None
    return None
