"""The history page, and the same result as JSON and CSV."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from avro_schemas.event_types import event_type_names
from dashboard.filters import FILTERS, can_be_stored
from dashboard.history.query import Query, UnusableFilter, parse_query, ranges_within
from dashboard.history.result import Result, panels_of
from dashboard.history.service import HistoryService, HistoryUnavailable
from dashboard.render.exports import as_csv
from dashboard.render.pages import NO_STORE, Pages
from dashboard.render.panels import HISTORY

_NO_POSTGRES = "There is no history: FOOTFALL_POSTGRES_DSN is not set."


def add_history_routes(app: FastAPI, service: HistoryService | None, pages: Pages, retention_days: int) -> None:
    """Add the routes to the application. Without a service they say what to set."""

    def query_of(request: Request) -> Query:
        return parse_query(request.query_params, datetime.now(UTC), retention_days)

    async def run(query: Query) -> Result:
        if service is None:
            raise HistoryUnavailable(_NO_POSTGRES)
        return await service.run(query)

    @app.get("/history")
    async def page(request: Request) -> Response:
        result, status, error_message = None, 200, ""
        try:
            query = query_of(request)
            result = await run(query)
        except UnusableFilter as error:
            query, status, error_message = parse_query({}, datetime.now(UTC), retention_days), 400, str(error)
        except HistoryUnavailable as error:
            status, error_message = 503, str(error)
        return pages.render(
            request,
            "history.html",
            status=status,
            query=query,
            result=result,
            error_message=error_message,
            panels=panels_of(query).values(),
            ranges=ranges_within(retention_days),
            filters=FILTERS,
            choices={name: each.choices for name, each in FILTERS.items()} | {"type": sorted(event_type_names())},
            folded=[name for name, each in FILTERS.items() if each.is_folded],
            filtered=dict(query.filters),
            retention_days=retention_days,
            link=_linker(request),
        )

    @app.get("/dashboard/history.json")
    async def history_json(request: Request) -> Response:
        try:
            return JSONResponse(as_json(await run(query_of(request))), headers=NO_STORE)
        except (UnusableFilter, HistoryUnavailable) as error:
            return _error(error)

    @app.get("/dashboard/history/{name}.csv")
    async def panel_csv(name: str, request: Request) -> Response:
        if name not in HISTORY:
            message = f'There is no panel "{name[:50]}"; there are {", ".join(HISTORY)}.'
            return JSONResponse({"message": message}, 404)
        try:
            query = query_of(request)
            result = await run(query)
        except (UnusableFilter, HistoryUnavailable) as error:
            return _error(error)
        file_name = f"footfall-{name}-{query.since:%Y%m%d}-{query.until:%Y%m%d}.csv"
        headers = NO_STORE | {"content-disposition": f'attachment; filename="{file_name}"'}
        csv = as_csv(panels_of(query)[name], result.panels[name])
        return Response(csv, media_type="text/csv; charset=utf-8", headers=headers)


def _error(error: UnusableFilter | HistoryUnavailable) -> Response:
    status = 400 if isinstance(error, UnusableFilter) else 503
    return JSONResponse({"message": str(error)}, status, headers=NO_STORE)


def as_json(result: Result) -> dict[str, Any]:
    """A result for programs. Times are ISO 8601, in the reader's zone."""
    query = result.query
    return {
        "since": query.since.isoformat(),
        "until": query.until.isoformat(),
        "step": query.step,
        "notices": query.notices,
        "totals": {
            total.name.lower(): {"current": total.current, "previous": total.previous} for total in result.totals
        },
        "steps": [
            {"start": start.isoformat(), "counts": step.counts}
            for start, step in zip(query.starts, result.steps, strict=True)
        ],
        "previous_sums": result.previous_sums,
        "panels": result.panels,
        "read": None
        if result.read is None
        else {
            "columns": result.read.days,
            "rows": result.read.rows,
            "as_of": result.read.as_of.isoformat(timespec="seconds"),
        },
    }


def _linker(request: Request) -> Callable[..., str]:
    """Makes links to the same query with changed parameters: `link(page="/pricing")`. None removes a parameter."""

    def link(path: str = "/history", **changes: str | None) -> str:
        usable = {name: value for name, value in request.query_params.items() if value and can_be_stored(value)}
        params: dict[str, str | None] = {**usable, **changes}
        query = urlencode({name: value for name, value in params.items() if value is not None})
        return f"{path}?{query}" if query else path

    return link
